/* task.h - the tasks: GLUE's and SciTail by name, and what a task is in general.
 *
 * One row a task: files, columns, label words in the order of the head's rows, metrics, and the
 * metric that is reported (the paper's: CoLA MCC, MRPC and QQP F1, STS-B Pearson, else accuracy).
 */
#ifndef EK_DATA_TASK_H
#define EK_DATA_TASK_H

#include <stdbool.h>
#include <stddef.h>

typedef enum {
    EK_PROBLEM_CLASSIFICATION,
    EK_PROBLEM_REGRESSION,
    EK_PROBLEM_MASKED_LM /* on running text, without labels */
} ek_problem;

/* Names of metrics are scikit-learn's and GLUE's: "accuracy", "f1", "mcc", "pearson", "spearman",
 * "mse", "macro_f1". stats/metrics.h computes them by these names. */
enum { EK_TASK_METRICS_MAX = 4, EK_TASK_LABELS_MAX = 4 };

typedef struct {
    const char *name;   /* "rte", lower case without dash: "stsb", "sst2", "mnli" */
    const char *folder; /* "RTE", "STS-B": GLUE's folder, for --data DIR that holds them all */
    ek_problem problem;
    const char *train_file, *validation_file, *test_file; /* "train.tsv", "dev.tsv", "test.tsv" */
    const char *validation_file_2;                        /* "dev_mismatched.tsv" or NULL */
    bool no_header;                                       /* CoLA's train and dev */
    bool skip_ragged;                                     /* QQP */
    const char *text_column, *pair_column, *label_column; /* by name, or by number as text where
                                                           * the file has no header */
    const char *test_text_column, *test_pair_column;      /* NULL: as in train */
    const char *labels[EK_TASK_LABELS_MAX];   /* words in head order; NULL ends; none: regression */
    const char *metrics[EK_TASK_METRICS_MAX]; /* all that are computed; NULL ends */
    const char *reported;                     /* one of metrics */
} ek_task;

/* All rows, for --help and tests. */
const ek_task *ek_task_table(size_t *count);
/* By name, any case, with or without dashes ("STS-B" = "stsb"); NULL if there is none. */
const ek_task *ek_task_find(const char *name);
/* "mlm": masked-language modelling on plain text. It has no row: no columns, labels or files. */
bool ek_task_is_masked_lm(const char *name);

#endif
