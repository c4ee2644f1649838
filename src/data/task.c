#include "data/task.h"

#include <ctype.h>
#include <string.h>

#define ACCURACY   .metrics = {"accuracy"}, .reported = "accuracy"
#define GLUE_FILES .train_file = "train.tsv", .validation_file = "dev.tsv", .test_file = "test.tsv"
#define ENTAILMENT .labels = {"entailment", "not_entailment"}

/* Columns and label order: GLUE's own files; order of MNLI's labels as Hugging Face has it. */
static const ek_task tasks[] = {
    {.name = "rte",
     .folder = "RTE",
     GLUE_FILES,
     .text_column = "sentence1",
     .pair_column = "sentence2",
     .label_column = "label",
     ENTAILMENT,
     ACCURACY},
    {.name = "mrpc",
     .folder = "MRPC",
     GLUE_FILES,
     .text_column = "#1 String",
     .pair_column = "#2 String",
     .label_column = "Quality",
     .labels = {"0", "1"},
     .metrics = {"f1", "accuracy"},
     .reported = "f1"},
    {.name = "cola",
     .folder = "CoLA",
     GLUE_FILES,
     .no_header = true,
     .text_column = "3",
     .label_column = "1",
     .test_text_column = "sentence",
     .labels = {"0", "1"},
     .metrics = {"mcc", "accuracy"},
     .reported = "mcc"},
    {.name = "sst2",
     .folder = "SST-2",
     GLUE_FILES,
     .text_column = "sentence",
     .label_column = "label",
     .labels = {"0", "1"},
     ACCURACY},
    {.name = "stsb",
     .folder = "STS-B",
     GLUE_FILES,
     .problem = EK_PROBLEM_REGRESSION,
     .text_column = "sentence1",
     .pair_column = "sentence2",
     .label_column = "score",
     .metrics = {"pearson", "spearman"},
     .reported = "pearson"},
    {.name = "qnli",
     .folder = "QNLI",
     GLUE_FILES,
     .text_column = "question",
     .pair_column = "sentence",
     .label_column = "label",
     ENTAILMENT,
     ACCURACY},
    {.name = "wnli",
     .folder = "WNLI",
     GLUE_FILES,
     .text_column = "sentence1",
     .pair_column = "sentence2",
     .label_column = "label",
     .labels = {"0", "1"},
     ACCURACY},
    {.name = "mnli",
     .folder = "MNLI",
     .train_file = "train.tsv",
     .validation_file = "dev_matched.tsv",
     .validation_file_2 = "dev_mismatched.tsv",
     .test_file = "test_matched.tsv",
     .text_column = "sentence1",
     .pair_column = "sentence2",
     .label_column = "gold_label",
     .labels = {"entailment", "neutral", "contradiction"},
     ACCURACY},
    {.name = "qqp",
     .folder = "QQP",
     GLUE_FILES,
     .skip_ragged = true,
     .text_column = "question1",
     .pair_column = "question2",
     .label_column = "is_duplicate",
     .labels = {"0", "1"},
     .metrics = {"f1", "accuracy"},
     .reported = "f1"},
    {.name = "scitail",
     .folder = "SciTail",
     .train_file = "scitail_1.0_train.tsv",
     .validation_file = "scitail_1.0_dev.tsv",
     .test_file = "scitail_1.0_test.tsv",
     .no_header = true,
     .text_column = "0",
     .pair_column = "1",
     .label_column = "2",
     .labels = {"entails", "neutral"},
     ACCURACY},
};

const ek_task *ek_task_table(size_t *count)
{
    *count = sizeof tasks / sizeof *tasks;
    return tasks;
}

/* Letters and digits only, lower case: "STS-B" and "sts_b" are "stsb". */
static void plain_name(char *out, size_t size, const char *name)
{
    size_t used = 0;
    for (; *name && used + 1 < size; name++) {
        if (isalnum((unsigned char)*name)) {
            out[used++] = (char)tolower((unsigned char)*name);
        }
    }
    out[used] = '\0';
}

const ek_task *ek_task_find(const char *name)
{
    char wanted[32];
    plain_name(wanted, sizeof wanted, name);
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++) {
        if (strcmp(tasks[i].name, wanted) == 0) {
            return &tasks[i];
        }
    }
    return NULL;
}

bool ek_task_is_masked_lm(const char *name)
{
    char wanted[32];
    plain_name(wanted, sizeof wanted, name);
    return strcmp(wanted, "mlm") == 0;
}
