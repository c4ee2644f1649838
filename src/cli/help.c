/* --help, the man page and the completions, all from the tables. */
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "cli/cli.h"
#include "train/recipe.h"

/* --learning-rate from learning_rate. */
static void option_name(char out[64], const ek_option *row)
{
    size_t i = 0;
    for (; row->name[i] && i < 60; i++) {
        out[i] = row->name[i] == '_' ? '-' : row->name[i];
    }
    out[i] = '\0';
}

typedef void option_visitor(void *user, const ek_option *row, const char *name,
                            bool first_of_group);

static void each_option(const ek_verb *verb, option_visitor *visit, void *user)
{
    size_t count;
    const ek_option_table *const *tables = ek_cli_tables(&count);
    static const char *const groups[] = {"Model and recipe", "Data",  "Training", "Optimizer",
                                         "Logging",          "Seeds", "Program"};
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        bool first = true;
        for (size_t t = 0; t < count; t++) {
            for (size_t i = 0; i < tables[t]->count; i++) {
                const ek_option *row = &tables[t]->rows[i];
                char name[64];
                if ((row->flags & EK_OPTION_HIDDEN) || strcmp(row->group, groups[g]) != 0 ||
                    !ek_verb_takes(verb, tables[t], row)) {
                    continue;
                }
                option_name(name, row);
                visit(user, row, name, first);
                first = false;
            }
        }
    }
}

static void option_help(void *user, const ek_option *row, const char *name, bool first)
{
    ek_buf *out = user;
    ek_buf head = {0};
    if (first) {
        ek_buf_printf(out, "\n%s:\n", row->group);
    }
    if (row->letter) {
        ek_buf_printf(&head, "-%c, ", row->letter);
    }
    ek_buf_printf(&head, "--%s%s%s", name, row->argument ? " " : "",
                  row->argument ? row->argument : "");
    ek_buf_printf(out, "  %-32s %s", ek_buf_text(&head), row->help);
    if (row->type == EK_OPTION_CHOICE) {
        ek_buf_printf(out, " (%s)", row->choices);
    }
    bool off = row->type == EK_OPTION_FLAG && row->standard && strcmp(row->standard, "false") == 0;
    if (row->standard && !off) {
        ek_buf_printf(out, " [%s]", row->standard);
    }
    ek_buf_putc(out, '\n');
    ek_buf_deinit(&head);
}

static void recipes_help(ek_buf *out)
{
    size_t count;
    const ek_recipe_row *recipes = ek_recipe_table(&count);
    ek_buf_puts(out, "\nRecipes (defaults in brackets below are those of 'stable'):\n");
    for (size_t i = 0; i < count; i++) {
        ek_buf_printf(out, "  %-8s %s\n", recipes[i].name, recipes[i].description);
    }
}

static void indent_lines(ek_buf *out, const char *indent, const char *lines)
{
    while (*lines) {
        size_t length = strcspn(lines, "\n");
        ek_buf_puts(out, indent);
        ek_buf_append(out, lines, length);
        ek_buf_putc(out, '\n');
        lines += length + (lines[length] == '\n');
    }
}

void ek_help_verb(const ek_verb *verb, ek_buf *out)
{
    ek_buf_printf(out, "evenkeel %s: %s\n\nExamples:\n", verb->name, verb->summary);
    indent_lines(out, "  ", verb->examples);
    ek_buf_printf(out, "\nUsage: evenkeel %s%s%s [options]\n", verb->name,
                  *verb->arguments ? " " : "", verb->arguments);
    if (*verb->text) {
        ek_buf_putc(out, '\n');
        indent_lines(out, "", verb->text);
    }
    if (strstr(verb->options, "@recipe")) {
        recipes_help(out);
    }
    each_option(verb, option_help, out);
}

void ek_help_program(ek_buf *out)
{
    size_t count;
    const ek_verb *verbs = ek_verb_table(&count);
    ek_buf_puts(out, "evenkeel fine-tunes BERT-family encoders over many seeds and says how stable "
                     "the result is.\n\nExamples:\n"
                     "  evenkeel check --model DIR --train-file a.csv\n"
                     "  evenkeel study --model DIR --train-file a.csv --recipe devlin,stable "
                     "--seeds 1..10 -o my-study\n"
                     "  evenkeel study --model DIR --task rte --data glue --seeds 1..25 -o rte\n"
                     "\nUsage: evenkeel VERB [options]; evenkeel VERB --help\n\nVerbs:\n");
    for (size_t i = 0; i < count; i++) {
        ek_buf_printf(out, "  %-12s %s\n", verbs[i].name, verbs[i].summary);
    }
    ek_buf_puts(out,
                "\nExit codes: 0 done, 1 failed, 2 usage, 3 data or study file, 4 model file,\n"
                "  5 some runs did not finish, 75 interrupted and can be continued, 130 second "
                "Ctrl-C\n"
                "Environment: EK_ISA=scalar|avx2|avx512|avx512_bf16|neon chooses the kernels,\n"
                "  OMP_NUM_THREADS, NO_COLOR\n");
}

void ek_help_version(ek_buf *out)
{
    ek_buf_printf(out, "evenkeel %s\n", EK_VERSION);
#if defined(__clang__)
    ek_buf_printf(out, "compiler: clang %s\n", __clang_version__);
#else
    ek_buf_printf(out, "compiler: gcc %s\n", __VERSION__);
#endif
    ek_buf_puts(out, "instruction sets:");
    for (int isa = 0; isa < EK_ISA_COUNT; isa++) {
        if (ek_isa_available((ek_isa)isa)) {
            ek_buf_printf(out, " %s", ek_isa_name((ek_isa)isa));
        }
    }
    ek_isa chosen;
    ek_error err;
    if (ek_isa_choose(&chosen, &err) == EK_OK) {
        ek_buf_printf(out, " (using %s)", ek_isa_name(chosen));
    }
    ek_buf_printf(out, "\ncpu: %s, %d cores usable\n", ek_cpu_name(), ek_cpu_count());
}

/* ---- man page -------------------------------------------------------------------------------- */

/* roff: backslashes, dashes, and dots or quotes at the start of a line. */
static void roff(ek_buf *out, const char *text)
{
    bool start = true;
    for (; *text; text++) {
        if (start && (*text == '.' || *text == '\'')) {
            ek_buf_puts(out, "\\&");
        }
        if (*text == '\\') {
            ek_buf_puts(out, "\\e");
        } else if (*text == '-') {
            ek_buf_puts(out, "\\-");
        } else {
            ek_buf_putc(out, *text);
        }
        start = *text == '\n';
    }
}

static void option_man(void *user, const ek_option *row, const char *name, bool first)
{
    ek_buf *out = user;
    (void)first;
    ek_buf_puts(out, ".TP\n.B ");
    if (row->letter) {
        ek_buf_printf(out, "\\-%c, ", row->letter);
    }
    ek_buf_puts(out, "\\-\\-");
    roff(out, name);
    if (row->argument) {
        ek_buf_printf(out, " %s", row->argument);
    }
    ek_buf_putc(out, '\n');
    roff(out, row->help);
    if (row->choices) {
        ek_buf_puts(out, " (");
        roff(out, row->choices);
        ek_buf_putc(out, ')');
    }
    if (row->standard) {
        ek_buf_puts(out, "; default ");
        roff(out, row->standard);
    }
    ek_buf_puts(out, ".\n");
}

void ek_help_man(ek_buf *out)
{
    size_t count;
    const ek_verb *verbs = ek_verb_table(&count);
    ek_buf_printf(out,
                  ".TH EVENKEEL 1 \"\" \"evenkeel %s\"\n.SH NAME\nevenkeel \\- fine\\-tune "
                  "BERT\\-family encoders over many seeds\n.SH SYNOPSIS\n.B evenkeel\n.I VERB\n"
                  "[options]\n.SH DESCRIPTION\n",
                  EK_VERSION);
    roff(out,
         "evenkeel trains a recipe over many seeds and says how stable the result is: mean with "
         "interval, standard deviation, failed runs. The same seed gives the same bits on any "
         "number of threads and workers.\n");
    for (size_t i = 0; i < count; i++) {
        ek_buf_printf(out, ".SH EVENKEEL %s\n", verbs[i].name);
        roff(out, verbs[i].summary);
        ek_buf_puts(out, ".\n.PP\n");
        roff(out, verbs[i].text);
        ek_buf_puts(out, "\n.PP\nExamples:\n.PP\n.nf\n");
        roff(out, verbs[i].examples);
        ek_buf_puts(out, "\n.fi\n");
        each_option(&verbs[i], option_man, out);
    }
    ek_buf_puts(out, ".SH EXIT STATUS\n0 done, 1 failed, 2 usage, 3 data or study file, 4 model "
                     "file, 5 some runs did not finish, 75 interrupted and can be continued, 130 "
                     "second Ctrl\\-C.\n");
}

/* ---- completions ----------------------------------------------------------------------------- */

static void option_word(void *user, const ek_option *row, const char *name, bool first)
{
    (void)row;
    (void)first;
    ek_buf_printf(user, " --%s", name);
}

static void option_fish(void *user, const ek_option *row, const char *name, bool first)
{
    ek_buf *out = ((ek_buf **)user)[0];
    const ek_verb *verb = ((const ek_verb **)user)[1];
    (void)first;
    ek_buf_printf(out, "complete -c evenkeel -n '__fish_seen_subcommand_from %s' -l %s%s -d '",
                  verb->name, name, row->argument ? " -r" : "");
    for (const char *c = row->help; *c; c++) {
        ek_buf_puts(out, *c == '\'' ? "\\" : "");
        ek_buf_putc(out, *c);
    }
    ek_buf_puts(out, "'\n");
}

ek_status ek_help_completions(const char *shell, ek_buf *out, ek_error *err)
{
    size_t count;
    const ek_verb *verbs = ek_verb_table(&count);
    if (strcmp(shell, "fish") == 0) {
        for (size_t i = 0; i < count; i++) {
            const void *user[2] = {out, &verbs[i]};
            ek_buf_printf(out, "complete -c evenkeel -n __fish_use_subcommand -a %s -d '%s'\n",
                          verbs[i].name, verbs[i].summary);
            each_option(&verbs[i], option_fish, user);
        }
        return ek_buf_status(out, err);
    }
    if (strcmp(shell, "bash") != 0 && strcmp(shell, "zsh") != 0) {
        return ek_error_set(err, EK_E_USAGE, "unknown shell '%.40s'; there are: bash, zsh, fish",
                            shell);
    }
    if (strcmp(shell, "zsh") == 0) {
        ek_buf_puts(out, "#compdef evenkeel\nautoload -U +X bashcompinit && bashcompinit\n");
    }
    ek_buf_puts(out, "_evenkeel() {\n  local word=${COMP_WORDS[COMP_CWORD]} options=\n"
                     "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    COMPREPLY=($(compgen -W \"");
    for (size_t i = 0; i < count; i++) {
        ek_buf_printf(out, "%s%s", i ? " " : "", verbs[i].name);
    }
    ek_buf_puts(out, "\" -- \"$word\"))\n    return\n  fi\n  case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < count; i++) {
        ek_buf_printf(out, "    %s) options=\"", verbs[i].name);
        each_option(&verbs[i], option_word, out);
        ek_buf_puts(out, "\" ;;\n");
    }
    ek_buf_puts(out, "  esac\n  case $word in\n    -*) COMPREPLY=($(compgen -W \"$options\" -- "
                     "\"$word\")) ;;\n    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n  esac\n}\n"
                     "complete -o filenames -F _evenkeel evenkeel\n");
    return ek_buf_status(out, err);
}
