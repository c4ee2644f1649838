/* cli.h - the command line: verbs, their options, and what each verb gets to work with.
 *
 * main.c finds the verb, parse.c fills an ek_cli from the option tables, the verb's function runs
 * and returns a status, main.c prints the error and exits with the status's code. Results go to
 * standard output (ek_cli_print), progress and warnings to standard error (progress.c).
 */
#ifndef EK_CLI_CLI_H
#define EK_CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/option.h"
#include "base/status.h"
#include "base/str.h"
#include "data/dataset.h"
#include "study/settings.h"

/* Options that belong to the program and not to a run: fields of ek_cli, rows of ek_cli_options. */
typedef struct {
    int64_t jobs, threads;
    char *output;
    bool force, dry_run, quiet, verbose, json, csv;
    char *input, *name, *run;
    char *runs; /* of explain and probe */
    bool watch, plain_text, help;
    int format; /* of report: html, md, latex, csv, json */
    bool include_text, pdf;
    char *section, *shape; /* of bench */
    int64_t steps;
    char *fail_if, *column; /* of compare, study, status */
    double baseline;
    int target; /* of plan: 0 all, else 1 + ek_power_target */
    double power;
    int64_t mask_seed; /* of eval on masked-LM */
    char *dump_masks;
    char *mlm_model, *dump_examples, *learn_from; /* of probe */
    int64_t points, examples;
    double range;
    /* not options */
    ek_settings settings; /* every other option given, by its row's name */
    char **arguments;     /* [argument_count] what is no option, borrowed from argv */
    size_t argument_count;
    const struct ek_verb *verb;
} ek_cli;
extern const ek_option_table ek_cli_options;

typedef struct ek_verb {
    const char *name, *summary;
    const char *arguments; /* "DIR", "[FILE]" or "" */
    size_t arguments_min, arguments_max;
    const char *options;  /* names it takes; @data @recipe @study: whole tables */
    const char *examples; /* lines of commands */
    const char *text;     /* paragraphs for --help and the man page, or "" */
    ek_status (*run)(ek_cli *cli, ek_error *err);
} ek_verb;
/* All verbs, in the order of help. */
const ek_verb *ek_verb_table(size_t *count);
const ek_verb *ek_verb_find(const char *name);

/* Option rows in the order of help: data, recipe, study, program. */
const ek_option_table *const *ek_cli_tables(size_t *count);
/* Whether a verb takes the row of one of those tables. */
bool ek_verb_takes(const ek_verb *verb, const ek_option_table *table, const ek_option *row);

/* parse.c */
ek_status ek_cli_parse(ek_cli *cli, const ek_verb *verb, int argc, char **argv, ek_error *err);
void ek_cli_free(ek_cli *cli);
/* Defaults of a table's struct, then the settings given on the command line. */
ek_status ek_cli_apply(const ek_cli *cli, const ek_option_table *table, void *object,
                       ek_error *err);
/* --threads, else OMP_NUM_THREADS, else fallback. */
int ek_cli_threads(const ek_cli *cli, int fallback);

/* help.c */
void ek_help_program(ek_buf *out);
void ek_help_verb(const ek_verb *verb, ek_buf *out);
void ek_help_man(ek_buf *out);
ek_status ek_help_completions(const char *shell, ek_buf *out, ek_error *err);
void ek_help_version(ek_buf *out);

/* Writes to standard output; an unfinished write (full disk, closed pipe) is an error. */
ek_status ek_cli_print(const ek_buf *text, ek_error *err);

/* Whether --task names masked-language modelling, which has no labels. */
bool ek_cli_masked_lm(const ek_cli *cli);
/* EK_E_USAGE when it is the task of the spec: `verb` needs scores that are better when larger. */
ek_status ek_cli_refuse_masked_lm(const char *verb, const ek_source *source, ek_error *err);

/* --runs LIST as ids (*ids by ek_free), NULL where it was not given. */
ek_status ek_cli_runs(const ek_cli *cli, int64_t **ids, size_t *count, ek_error *err);

/* The verbs. */
ek_status ek_cmd_check(ek_cli *cli, ek_error *err);
ek_status ek_cmd_train(ek_cli *cli, ek_error *err);
ek_status ek_cmd_study(ek_cli *cli, ek_error *err);
ek_status ek_cmd_status(ek_cli *cli, ek_error *err);
ek_status ek_cmd_metrics(ek_cli *cli, ek_error *err);
ek_status ek_cmd_report(ek_cli *cli, ek_error *err);
ek_status ek_cmd_compare(ek_cli *cli, ek_error *err);
ek_status ek_cmd_explain(ek_cli *cli, ek_error *err);
ek_status ek_cmd_plan(ek_cli *cli, ek_error *err);
ek_status ek_cmd_export(ek_cli *cli, ek_error *err);
ek_status ek_cmd_eval(ek_cli *cli, ek_error *err);
/* `eval --task mlm`, called by eval. */
ek_status ek_cmd_eval_mlm(ek_cli *cli, ek_error *err);
ek_status ek_cmd_predict(ek_cli *cli, ek_error *err);
ek_status ek_cmd_verify(ek_cli *cli, ek_error *err);
ek_status ek_cmd_probe(ek_cli *cli, ek_error *err);
ek_status ek_cmd_bench(ek_cli *cli, ek_error *err);
ek_status ek_cmd_tokenize(ek_cli *cli, ek_error *err);
ek_status ek_cmd_info(ek_cli *cli, ek_error *err);
ek_status ek_cmd_help(ek_cli *cli, ek_error *err);
ek_status ek_cmd_man(ek_cli *cli, ek_error *err);
ek_status ek_cmd_completions(ek_cli *cli, ek_error *err);

#endif
