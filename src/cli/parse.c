/* Option rows of the program, and the one parser that all verbs share. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "data/dataset.h"
#include "study/spec.h"
#include "train/recipe.h"

#define FIELD(name) offsetof(ek_cli, name)
static const ek_option rows[] = {
    {"output", "output_dir", 'o', EK_OPTION_STRING, 0, FIELD(output), NULL, 0, 0, NULL, "Program",
     "DIR", "where the store, and a kept model, go"},
    {"jobs", NULL, 'j', EK_OPTION_INT, 0, FIELD(jobs), NULL, 1, 1024, NULL, "Program", "N",
     "cores of a study: so many runs at once, the last ones on several cores [one a usable core]"},
    {"threads", NULL, 0, EK_OPTION_INT, 0, FIELD(threads), NULL, 1, 1024, NULL, "Program", "N",
     "threads of each run, neither more nor fewer [OMP_NUM_THREADS, else all cores; in a study the "
     "share that --jobs says]"},
    {"input", NULL, 'i', EK_OPTION_STRING, 0, FIELD(input), NULL, 0, 0, NULL, "Program", "FILE",
     "text to read: .jsonl, .csv or .tsv; - or nothing: JSONL from standard input; with --task mlm "
     "plain text"},
    {"name", NULL, 0, EK_OPTION_STRING, 0, FIELD(name), NULL, 0, 0, NULL, "Program", "GLOB",
     "metrics whose name matches, as in 'eval_*'"},
    {"run", NULL, 0, EK_OPTION_STRING, 0, FIELD(run), NULL, 0, 0, NULL, "Program", "RUN",
     "a run of a study: its number, GROUP/SEED, best or median; for train STUDY:RUN"},
    {"runs", NULL, 0, EK_OPTION_STRING, 0, FIELD(runs), NULL, 0, 0, NULL, "Program", "LIST",
     "only these runs, by number, as in 3,7 or 1..5 (of probe surface: the failed one, then the "
     "successful one)"},
    {"watch", NULL, 'w', EK_OPTION_FLAG, 0, FIELD(watch), "false", 0, 0, NULL, "Program", NULL,
     "draw it again every two seconds until nobody is at work on the study; in a log, lines"},
    {"plain_text", NULL, 0, EK_OPTION_FLAG, 0, FIELD(plain_text), "false", 0, 0, NULL, "Program",
     NULL, "special tokens in the text, as [SEP], are ordinary text"},
    {"section", NULL, 0, EK_OPTION_STRING, 0, FIELD(section), NULL, 0, 0, NULL, "Program", "A[,B]",
     "what is measured: machine, gemm, kernels, steps; without machine there are no shares"},
    {"shape", NULL, 0, EK_OPTION_STRING, 0, FIELD(shape), NULL, 0, 0, NULL, "Program", "A[,B]",
     "of which models: bert-tiny, minilm, bert-base, bert-large"},
    {"steps", NULL, 0, EK_OPTION_INT, 0, FIELD(steps), "20", 1, 900, NULL, "Program", "N",
     "training steps that are timed, after 3 that are not"},
    {"format", NULL, 0, EK_OPTION_CHOICE, 0, FIELD(format), "html", 0, 0, "html,md,latex,csv,json",
     "Program", "FORMAT", "of the report: a page, or its tables; -o is then a file"},
    {"include_text", NULL, 0, EK_OPTION_FLAG, 0, FIELD(include_text), "false", 0, 0, NULL,
     "Program", NULL, "show the texts of examples in the page; reads the study's data again"},
    {"pdf", NULL, 0, EK_OPTION_FLAG, 0, FIELD(pdf), "false", 0, 0, NULL, "Program", NULL,
     "figures also as PDF, for papers"},
    {"fail_if", NULL, 0, EK_OPTION_STRING, 0, FIELD(fail_if), NULL, 0, 0, NULL, "Program", "COND",
     "end with exit code 6 when this holds, as in 'failed_frac > 0.1'; names are those of --json"},
    {"column", NULL, 0, EK_OPTION_STRING, 0, FIELD(column), NULL, 0, 0, NULL, "Program", "NAME",
     "of compare and plan with --csv: the column of scores [score, or the only one]"},
    {"baseline", NULL, 0, EK_OPTION_DOUBLE, 0, FIELD(baseline), NULL, 0, 0, NULL, "Program", "X",
     "of compare and plan with --csv: a score not above it is a failed run [columns outcome or "
     "failed, else "
     "none]"},
    {"target", NULL, 0, EK_OPTION_CHOICE, 0, FIELD(target), "all", 0, 0, "all,sd,mean,failed",
     "Program", "T", "what a comparison is to find: the spread, the level, the failed runs"},
    {"power", NULL, 0, EK_OPTION_DOUBLE, 0, FIELD(power), "0.8", 0.05, 0.999, NULL, "Program", "P",
     "how often it is to be found, if it is there"},
    {"mask_seed", NULL, 0, EK_OPTION_INT, 0, FIELD(mask_seed), "1", 0, 4294967295.0, NULL,
     "Program", "N", "of the tokens that --task mlm masks: the same ones for every model"},
    {"dump_masks", NULL, 0, EK_OPTION_STRING, 0, FIELD(dump_masks), NULL, 0, 0, NULL, "Program",
     "FILE",
     "write the masked blocks of --task mlm as JSONL: input_ids, labels (-100: not masked)"},
    {"learn_from", NULL, 0, EK_OPTION_STRING, 0, FIELD(learn_from), NULL, 0, 0, NULL, "Program",
     "LIST",
     "of probe doomed: learn from these seeds, as in 1..10, and try it on the others [all]"},
    {"mlm_model", NULL, 0, EK_OPTION_STRING, 0, FIELD(mlm_model), NULL, 0, 0, NULL, "Program",
     "DIR", "the pre-trained model with its masked-LM head [the study's model]"},
    {"points", NULL, 0, EK_OPTION_INT, 0, FIELD(points), "40", 2, 401, NULL, "Program", "N",
     "of each axis of the surface"},
    {"range", NULL, 0, EK_OPTION_DOUBLE, 0, FIELD(range), "1.5", 0.01, 100, NULL, "Program", "X",
     "the axes of the surface go from -X to X"},
    {"examples", NULL, 0, EK_OPTION_INT, 0, FIELD(examples), "128", 1, 1e6, NULL, "Program", "N",
     "training examples that the surface is computed on"},
    {"dump_examples", NULL, 0, EK_OPTION_STRING, 0, FIELD(dump_examples), NULL, 0, 0, NULL,
     "Program", "FILE", "write these examples as JSONL, for 'evenkeel eval --input'"},
    {"force", "overwrite_output_dir", 'f', EK_OPTION_FLAG, 0, FIELD(force), "false", 0, 0, NULL,
     "Program", NULL, "overwrite what stands in the output folder"},
    {"dry_run", NULL, 'n', EK_OPTION_FLAG, 0, FIELD(dry_run), "false", 0, 0, NULL, "Program", NULL,
     "say what would be done, with steps, memory and time; train nothing"},
    {"json", NULL, 0, EK_OPTION_FLAG, 0, FIELD(json), "false", 0, 0, NULL, "Program", NULL,
     "the result as one JSON document"},
    {"csv", NULL, 0, EK_OPTION_FLAG, 0, FIELD(csv), "false", 0, 0, NULL, "Program", NULL,
     "the result as CSV rows; of compare and plan: the arguments are files with columns of scores"},
    {"quiet", NULL, 'q', EK_OPTION_FLAG, 0, FIELD(quiet), "false", 0, 0, NULL, "Program", NULL,
     "no progress and no warnings"},
    {"verbose", NULL, 'v', EK_OPTION_FLAG, 0, FIELD(verbose), "false", 0, 0, NULL, "Program", NULL,
     "say more"},
    {"help", NULL, 'h', EK_OPTION_FLAG, 0, FIELD(help), "false", 0, 0, NULL, "Program", NULL,
     "this text"},
};
const ek_option_table ek_cli_options = {rows, sizeof rows / sizeof *rows};

const ek_option_table *const *ek_cli_tables(size_t *count)
{
    static const ek_option_table *const tables[] = {&ek_study_option_table, &ek_source_options,
                                                    &ek_recipe_options, &ek_cli_options};
    *count = sizeof tables / sizeof *tables;
    return tables;
}

/* Whether word is one of the space-separated words of list. */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at += length) {
        bool starts = at == list || at[-1] == ' ';
        if (starts && (at[length] == ' ' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

bool ek_verb_takes(const ek_verb *verb, const ek_option_table *table, const ek_option *row)
{
    const char *whole = table == &ek_study_option_table ? "@study"
                        : table == &ek_source_options   ? "@data"
                        : table == &ek_recipe_options   ? "@recipe"
                                                        : "@program";
    static const char everywhere[] = "quiet verbose help";
    return has_word(verb->options, whole) || has_word(verb->options, row->name) ||
           (table == &ek_cli_options && has_word(everywhere, row->name));
}

static const ek_option *find_option(const ek_verb *verb, const char *name,
                                    const ek_option_table **table)
{
    size_t count;
    const ek_option_table *const *tables = ek_cli_tables(&count);
    for (size_t t = 0; t < count; t++) {
        const ek_option *row = ek_option_find(tables[t], name);
        if (row && ek_verb_takes(verb, tables[t], row)) {
            *table = tables[t];
            return row;
        }
    }
    return NULL;
}

static ek_status unknown_option(const ek_verb *verb, const char *name, ek_error *err)
{
    size_t count;
    const ek_option_table *const *tables = ek_cli_tables(&count);
    for (size_t t = 0; t < count; t++) {
        if (ek_option_find(tables[t], name)) {
            return ek_error_set(err, EK_E_USAGE,
                                "'evenkeel %s' does not take --%s; see 'evenkeel %s --help'",
                                verb->name, name, verb->name);
        }
    }
    ek_option_unknown(tables, count, name, err);
    return err->code;
}

static ek_status store_option(ek_cli *cli, const ek_option_table *table, const ek_option *row,
                              const char *written, const char *value, ek_error *err)
{
    if (table == &ek_cli_options) {
        return ek_option_set(row, cli, value, err);
    }
    return ek_settings_add(&cli->settings, row->name, value, EK_ORIGIN_FLAG, written, err);
}

/* The value of an option: after '=', or the next argument; a flag needs none. */
static ek_status take_option(ek_cli *cli, const char *name, const char *inline_value,
                             const char *written, char **argv, int argc, int *at, ek_error *err)
{
    const ek_option_table *table;
    bool negated = false;
    const ek_option *row = find_option(cli->verb, name, &table);
    if (!row && (strncmp(name, "no-", 3) == 0 || strncmp(name, "no_", 3) == 0) && !inline_value) {
        row = find_option(cli->verb, name + 3, &table);
        negated = row && row->type == EK_OPTION_FLAG;
        row = negated ? row : NULL;
    }
    if (!row) {
        return unknown_option(cli->verb, name, err);
    }
    const char *value = inline_value;
    if (!value && row->type == EK_OPTION_FLAG) {
        value = negated ? "false" : "true";
    }
    if (!value) {
        if (*at + 1 >= argc) {
            return ek_error_set(err, EK_E_USAGE, "%s needs a value: %s", written, row->help);
        }
        value = argv[++*at];
    }
    return store_option(cli, table, row, written, value, err);
}

static ek_status take_letters(ek_cli *cli, char **argv, int argc, int *at, ek_error *err)
{
    const char *word = argv[*at];
    for (const char *letter = word + 1; *letter; letter++) {
        const ek_option *row = NULL;
        for (size_t i = 0; i < ek_cli_options.count && !row; i++) {
            const ek_option *candidate = &ek_cli_options.rows[i];
            if (candidate->letter == *letter &&
                ek_verb_takes(cli->verb, &ek_cli_options, candidate)) {
                row = candidate;
            }
        }
        if (!row) {
            return ek_error_set(err, EK_E_USAGE,
                                "'evenkeel %s' has no option -%c; see 'evenkeel %s --help'",
                                cli->verb->name, *letter, cli->verb->name);
        }
        if (row->type == EK_OPTION_FLAG) {
            EK_TRY(ek_option_set(row, cli, "true", err));
            continue;
        }
        const char *value = letter[1] ? letter + 1 : *at + 1 < argc ? argv[++*at] : NULL;
        if (!value) {
            return ek_error_set(err, EK_E_USAGE, "-%c needs a value: %s", *letter, row->help);
        }
        return ek_option_set(row, cli, value, err);
    }
    return EK_OK;
}

static ek_status take_word(ek_cli *cli, char **argv, int argc, int *at, ek_error *err)
{
    char name[80];
    const char *word = argv[*at];
    if (word[0] != '-' || word[1] == '\0') {
        cli->arguments[cli->argument_count++] = argv[*at];
        return EK_OK;
    }
    if (word[1] != '-') {
        return take_letters(cli, argv, argc, at, err);
    }
    const char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word - 2) : strlen(word + 2);
    if (length >= sizeof name) {
        return ek_error_set(err, EK_E_USAGE, "unknown option %.60s...", word);
    }
    memcpy(name, word + 2, length);
    name[length] = '\0';
    return take_option(cli, name, equals ? equals + 1 : NULL, word, argv, argc, at, err);
}

ek_status ek_cli_parse(ek_cli *cli, const ek_verb *verb, int argc, char **argv, ek_error *err)
{
    *cli = (ek_cli){.verb = verb};
    EK_TRY(ek_option_defaults(&ek_cli_options, cli, err));
    cli->arguments = ek_calloc((size_t)argc + 1, sizeof *cli->arguments);
    if (!cli->arguments) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the command line");
    }
    bool options = true;
    for (int i = 0; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options) {
            EK_TRY(take_word(cli, argv, argc, &i, err));
        } else {
            cli->arguments[cli->argument_count++] = argv[i];
        }
    }
    if (cli->help) {
        return EK_OK;
    }
    if (cli->argument_count < verb->arguments_min || cli->argument_count > verb->arguments_max) {
        return ek_error_set(err, EK_E_USAGE, "usage: evenkeel %s %s [options]; found %zu arguments",
                            verb->name, verb->arguments, cli->argument_count);
    }
    return EK_OK;
}

void ek_cli_free(ek_cli *cli)
{
    ek_option_release(&ek_cli_options, cli);
    ek_settings_free(&cli->settings);
    ek_free(cli->arguments);
}

ek_status ek_cli_apply(const ek_cli *cli, const ek_option_table *table, void *object, ek_error *err)
{
    EK_TRY(ek_option_defaults(table, object, err));
    for (size_t i = 0; i < cli->settings.count; i++) {
        const ek_setting *setting = &cli->settings.items[i];
        const ek_option *row = ek_option_find(table, setting->key);
        if (row) {
            EK_TRY(ek_option_set(row, object, setting->value, err));
        }
    }
    return EK_OK;
}

int ek_cli_threads(const ek_cli *cli, int fallback)
{
    int64_t threads = cli->threads;
    const char *omp = getenv("OMP_NUM_THREADS");
    if (threads == 0 && omp && !(ek_parse_i64(omp, &threads) && threads > 0 && threads <= 1024)) {
        threads = 0;
    }
    return threads > 0 ? (int)threads : fallback;
}
