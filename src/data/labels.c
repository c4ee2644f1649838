#include "data/labels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { REGRESSION_DISTINCT = 20 };

ek_status ek__labels_set(ek_dataset *data, const char *const *names, size_t count, ek_error *err)
{
    static const char *const score[] = {"score"};
    if (data->problem == EK_PROBLEM_REGRESSION) {
        names = score;
        count = 1;
    }
    data->label_names = ek_calloc(count, sizeof *data->label_names);
    data->label_count = data->label_names ? count : 0;
    for (size_t i = 0; i < data->label_count; i++) {
        data->label_names[i] = ek_strdup(names[i]);
        if (!data->label_names[i]) {
            return ek_error_set(err, EK_E_MEMORY, "no memory for the labels");
        }
    }
    return data->label_names ? EK_OK : ek_error_set(err, EK_E_MEMORY, "no memory for the labels");
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_value(const void *a, const void *b)
{
    double x = 0, y = 0;
    ek_parse_double(*(char *const *)a, &x);
    ek_parse_double(*(char *const *)b, &y);
    return x != y ? (x > y) - (x < y) : by_bytes(a, b);
}

/* The distinct values of a column, sorted by bytes; *out and its strings by the caller. */
static ek_status distinct_values(const ek_table *table, size_t column, char ***out, size_t *count,
                                 ek_error *err)
{
    char **values = ek_calloc(table->row_count, sizeof *values);
    size_t filled = 0;
    ek_status status = values ? EK_OK : ek_error_set(err, EK_E_MEMORY, "no memory for the labels");
    for (size_t row = 0; row < table->row_count && status == EK_OK; row++) {
        ek_field field = ek_table_field(table, row, column);
        if (!field.text || field.length == 0) {
            status = ek_error_set(err, EK_E_DATA, "%s, line %zu: '%s' has no value", table->path,
                                  table->lines[row], table->columns[column]);
        } else if (!(values[filled] = ek_strndup(field.text, field.length))) {
            status = ek_error_set(err, EK_E_MEMORY, "no memory for the labels");
        } else {
            filled++;
        }
    }
    if (status == EK_OK) {
        qsort(values, filled, sizeof *values, by_bytes);
        size_t kept = 0;
        for (size_t i = 0; i < filled; i++) {
            if (kept > 0 && strcmp(values[kept - 1], values[i]) == 0) {
                ek_free(values[i]);
            } else {
                values[kept++] = values[i];
            }
        }
        filled = kept;
    } else {
        for (size_t i = 0; i < filled; i++) {
            ek_free(values[i]);
        }
        ek_free(values);
        values = NULL;
    }
    *out = values;
    *count = filled;
    return status;
}

/* What a set of values looks like. */
static void look_at(char *const *values, size_t count, bool *numbers, bool *whole)
{
    *numbers = *whole = true;
    for (size_t i = 0; i < count; i++) {
        double value;
        bool number = ek_parse_double(values[i], &value);
        *numbers = *numbers && number;
        *whole = *whole && number && value == floor(value);
    }
}

static ek_status choose_problem(ek_dataset *data, const ek_table *table, size_t column,
                                const char *task, char *const *values, size_t count, ek_buf *notes,
                                ek_error *err)
{
    bool numbers, whole;
    look_at(values, count, &numbers, &whole);
    bool scores = numbers && (!whole || count > REGRESSION_DISTINCT);
    if (!task) {
        data->problem = scores ? EK_PROBLEM_REGRESSION : EK_PROBLEM_CLASSIFICATION;
        ek_buf_printf(notes,
                      "task: %s, seen from %zu distinct values in '%s' (--task says "
                      "otherwise)\n",
                      scores ? "regression" : "classification", count, table->columns[column]);
    } else if (strcmp(task, "regression") == 0) {
        data->problem = EK_PROBLEM_REGRESSION;
    } else if (strcmp(task, "classification") == 0) {
        data->problem = EK_PROBLEM_CLASSIFICATION;
    } else {
        return ek_error_set(err, EK_E_USAGE,
                            "unknown task '%.40s'; there are classification and regression for own "
                            "files, mlm for plain text, and with --data: rte, mrpc, cola, sst2, "
                            "stsb, qnli, wnli, mnli, "
                            "qqp, scitail",
                            task);
    }
    if (data->problem == EK_PROBLEM_CLASSIFICATION &&
        (count > EK__LABEL_CLASSES_MAX || (count > 10 && count > table->row_count / 2))) {
        return ek_error_set(err, EK_E_DATA,
                            "%s: '%s' has %zu distinct values in %zu rows: is it the label column? "
                            "(--label-column; scores need --task regression)",
                            table->path, table->columns[column], count, table->row_count);
    }
    return EK_OK;
}

ek_status ek__labels_infer(ek_dataset *data, const ek_table *table, size_t column, const char *task,
                           ek_buf *notes, ek_error *err)
{
    char **values;
    size_t count;
    EK_TRY(distinct_values(table, column, &values, &count, err));
    ek_status status = choose_problem(data, table, column, task, values, count, notes, err);
    if (status == EK_OK) {
        bool numbers, whole;
        look_at(values, count, &numbers, &whole);
        if (numbers) {
            qsort(values, count, sizeof *values, by_value);
        }
        status = ek__labels_set(data, (const char *const *)values, count, err);
    }
    for (size_t i = 0; i < count; i++) {
        ek_free(values[i]);
    }
    ek_free(values);
    return status;
}

static ek_status unknown_label(const ek_dataset *data, const ek_table *table, size_t row,
                               size_t column, ek_field field, ek_error *err)
{
    ek_buf known = {0};
    for (size_t i = 0; i < data->label_count && i < 12; i++) {
        ek_buf_printf(&known, "%s%.40s", i ? ", " : "", data->label_names[i]);
    }
    ek_buf found = {0};
    ek_buf_json_string(&found, field.text, field.length < 40 ? field.length : 40);
    ek_error_set(err, EK_E_DATA, "%s, line %zu, column '%s': label %s is not known; known: %s%s",
                 table->path, table->lines[row], table->columns[column], ek_buf_text(&found),
                 ek_buf_text(&known), data->label_count > 12 ? ", ..." : "");
    ek_buf_deinit(&known);
    ek_buf_deinit(&found);
    return EK_E_DATA;
}

ek_status ek__label_parse(const ek_dataset *data, const ek_table *table, size_t row, size_t column,
                          ek_example *example, ek_error *err)
{
    ek_field field = ek_table_field(table, row, column);
    if (data->problem == EK_PROBLEM_REGRESSION) {
        char text[64];
        size_t length = field.length < sizeof text - 1 ? field.length : sizeof text - 1;
        memcpy(text, field.text, length);
        text[length] = '\0';
        if (field.length >= sizeof text || !ek_parse_double(text, &example->score) ||
            !isfinite(example->score)) {
            ek_buf found = {0};
            ek_buf_json_string(&found, field.text, field.length < 40 ? field.length : 40);
            ek_error_set(err, EK_E_DATA,
                         "%s, line %zu, column '%s': %s is not a finite number; a regression needs "
                         "one in every row",
                         table->path, table->lines[row], table->columns[column],
                         ek_buf_text(&found));
            ek_buf_deinit(&found);
            return EK_E_DATA;
        }
        return EK_OK;
    }
    for (size_t i = 0; i < data->label_count; i++) {
        const char *name = data->label_names[i];
        if (strlen(name) == field.length && memcmp(name, field.text, field.length) == 0) {
            example->label = (int32_t)i;
            return EK_OK;
        }
    }
    return unknown_label(data, table, row, column, field, err);
}

ek_status ek__labels_check(const ek_dataset *data, ek_error *err)
{
    const ek_split *train = &data->split[EK_SPLIT_TRAIN];
    if (data->problem == EK_PROBLEM_REGRESSION) {
        return EK_OK;
    }
    uint8_t *seen = ek_calloc(data->label_count, 1);
    if (!seen) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the labels");
    }
    size_t classes = 0;
    for (size_t i = 0; i < train->count; i++) {
        classes += !seen[train->examples[i].label];
        seen[train->examples[i].label] = 1;
    }
    ek_status status = EK_OK;
    if (classes < 2) {
        status = ek_error_set(err, EK_E_DATA,
                              "the training examples have one class only ('%s'): there is nothing "
                              "to learn",
                              data->label_count ? data->label_names[0] : "");
    }
    for (int kind = EK_SPLIT_VALIDATION; kind <= EK_SPLIT_VALIDATION_2; kind++) {
        const ek_split *split = &data->split[kind];
        for (size_t i = 0; i < split->count && status == EK_OK; i++) {
            if (!seen[split->examples[i].label]) {
                status = ek_error_set(err, EK_E_DATA,
                                      "validation line %zu has label '%s', which no training "
                                      "example has",
                                      split->examples[i].line,
                                      data->label_names[split->examples[i].label]);
            }
        }
    }
    ek_free(seen);
    return status;
}
