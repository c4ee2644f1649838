/* dataset.h - labelled examples: what --task/--data or --train-file and its columns mean.
 *
 *     ek_source source;                          // filled from ek_source_options (an option table)
 *     ek_dataset data = {0};
 *     ek_dataset_load(&data, &source, split_seed, &err);
 *     ... data.split[EK_SPLIT_TRAIN].examples[i].text ...
 *     ek_dataset_free(&data);
 *
 * Nothing is guessed silently: what was inferred (columns, problem, label map, a validation split
 * drawn from the training file) is told in data.notes, which `check` prints and runs store.
 */
#ifndef EK_DATA_DATASET_H
#define EK_DATA_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/option.h"
#include "base/status.h"
#include "data/table.h"
#include "data/task.h"

/* What to read. The fields are the option rows of ek_source_options. */
typedef struct {
    char *task; /* a GLUE name, or "classification" or "regression" for own files; NULL: inferred */
    char *data; /* folder with GLUE's layout: of the task, or of all tasks */
    char *train_file, *validation_file, *test_file;
    char *text_column, *pair_column, *label_column;
    double validation_frac; /* share of the training file drawn when there is no validation file */
    char *metric;           /* the reported metric of own files; NULL: accuracy or pearson */
} ek_source;
extern const ek_option_table ek_source_options;

typedef struct {
    const char *text, *pair; /* pair NULL for single texts; not terminated */
    size_t text_length, pair_length;
    int32_t label; /* class index; -1 when unlabelled */
    double score;  /* regression target; NaN when unlabelled */
    size_t line;   /* 1-based line in its file */
} ek_example;

typedef enum {
    EK_SPLIT_TRAIN,
    EK_SPLIT_VALIDATION,
    EK_SPLIT_VALIDATION_2,
    EK_SPLIT_TEST,
    EK_SPLIT_COUNT
} ek_split_kind;

typedef struct {
    ek_example *examples; /* in file order (for a drawn split: file order too) */
    size_t count;
    size_t empty_count;   /* examples whose text is empty or only white space */
    size_t skipped_count; /* ragged rows left out (QQP) */
    bool labelled;
} ek_split;

typedef struct {
    const ek_task *task; /* NULL for own files */
    ek_problem problem;
    size_t label_count; /* classes; 1 for regression */
    char **label_names; /* [label_count] in head order; regression: {"score"} */
    const char *metrics[EK_TASK_METRICS_MAX]; /* NULL ends */
    const char *reported;
    bool has_pairs;
    char *text_column, *pair_column, *label_column; /* as used */
    ek_split split[EK_SPLIT_COUNT];
    bool validation_drawn; /* from the training file, by the split stream */
    char *notes;           /* lines of what was inferred; "" if nothing */
    char hash[65];         /* SHA-256 over all labelled content, columns and label order */
    void *storage;         /* private: the tables that the texts point into */
} ek_dataset;

/* Loads what source names. Own files: labels are sorted (numbers by value, else by bytes) and form
 * the map, unless label_names is given (below); a label column whose values are numbers with a
 * fraction, or more than 20 distinct numbers, is regression unless task says otherwise. Errors are
 * EK_E_DATA with file, line, column. */
ek_status ek_dataset_load(ek_dataset *data, const ek_source *source, uint32_t split_seed,
                          ek_error *err);
/* One file for eval and predict: labels optional, mapped by label_names (a model's id2label; an
 * unknown label is an error). Everything is in split[EK_SPLIT_VALIDATION]. label_count 0 with
 * EK_PROBLEM_REGRESSION. text_column and the others may be NULL: inferred and noted. */
ek_status ek_dataset_load_file(ek_dataset *data, const char *path, const ek_source *columns,
                               ek_problem problem, const char *const *label_names,
                               size_t label_count, bool need_labels, ek_error *err);
/* Running text for masked-language modelling: every line of a file is an unlabelled example (blank
 * ones too; they have no tokens), problem EK_PROBLEM_MASKED_LM, metric "perplexity". train_file
 * NULL: validation alone. Without a validation file the last validation_frac of the training file's
 * lines become it. Errors are EK_E_DATA or EK_E_IO with the file. */
ek_status ek_dataset_load_text(ek_dataset *data, const char *train_file,
                               const char *validation_file, double validation_frac, ek_error *err);
void ek_dataset_free(ek_dataset *data); /* an all-zero one is fine */

/* Majority class of a split, and the reported metric of always predicting it (regression: of a
 * constant, 0 for correlations): the bar that a run must clear not to be *failed*. */
double ek_dataset_baseline(const ek_dataset *data, ek_split_kind split, int32_t *majority_label);

/* How many validation examples have the same text (and pair) as a training example. */
size_t ek_dataset_duplicates(const ek_dataset *data);

#endif
