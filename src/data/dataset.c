#include "data/dataset.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/str.h"
#include "data/labels.h"
#include "data/sampling.h"
#include "stats/metrics.h"

#define FIELD(name) offsetof(ek_source, name)
static const ek_option rows[] = {
    {"task", "task_name", 0, EK_OPTION_STRING, EK_OPTION_RESULT, FIELD(task), NULL, 0, 0, NULL,
     "Data", "NAME",
     "rte, mrpc, cola, sst2, stsb, qnli, wnli, mnli, qqp or scitail; for own files classification "
     "or regression (default: seen from the labels, and said); mlm: masked-language modelling"},
    {"data", "data_dir", 0, EK_OPTION_STRING, EK_OPTION_RESULT, FIELD(data), NULL, 0, 0, NULL,
     "Data", "DIR", "folder of the task in GLUE's layout, or the folder that holds all tasks"},
    {"train_file", NULL, 0, EK_OPTION_STRING, EK_OPTION_RESULT, FIELD(train_file), NULL, 0, 0, NULL,
     "Data", "FILE", "own labelled text: .csv, .tsv or .jsonl"},
    {"validation_file", NULL, 0, EK_OPTION_STRING, EK_OPTION_RESULT, FIELD(validation_file), NULL,
     0, 0, NULL, "Data", "FILE", "own validation text (default: a share of the training file)"},
    {"test_file", NULL, 0, EK_OPTION_STRING, EK_OPTION_RESULT, FIELD(test_file), NULL, 0, 0, NULL,
     "Data", "FILE", "own test text"},
    {"text_column", "text_column_name", 0, EK_OPTION_STRING, EK_OPTION_RESULT, FIELD(text_column),
     NULL, 0, 0, NULL, "Data", "NAME", "column of the text"},
    {"pair_column", "text_pair_column", 0, EK_OPTION_STRING, EK_OPTION_RESULT, FIELD(pair_column),
     NULL, 0, 0, NULL, "Data", "NAME", "column of the second text of a pair"},
    {"label_column", "label_column_name", 0, EK_OPTION_STRING, EK_OPTION_RESULT,
     FIELD(label_column), NULL, 0, 0, NULL, "Data", "NAME", "column of the label or score"},
    {"validation_frac", "validation_split", 0, EK_OPTION_DOUBLE, EK_OPTION_RESULT,
     FIELD(validation_frac), "0.2", 1e-6, 0.999999, NULL, "Data", "FRAC",
     "share of the training file, stratified, that becomes validation when there is no such file"},
    {"metric", "metric_for_best_model", 0, EK_OPTION_STRING, EK_OPTION_RESULT, FIELD(metric), NULL,
     0, 0, NULL, "Data", "NAME",
     "reported metric of own files: accuracy, f1, macro_f1, mcc; pearson, spearman"},
};
const ek_option_table ek_source_options = {rows, sizeof rows / sizeof *rows};

/* The files that examples point into. */
enum { TABLES = EK_SPLIT_COUNT };
struct storage {
    ek_table tables[TABLES];
    ek_buf texts[TABLES]; /* of running text */
};

/* Columns of one file. */
struct columns {
    size_t text, pair, label;
    bool has_pair, has_label;
};

/* Everything a load needs; names of columns are borrowed from the source, the task or a table. */
struct loading {
    ek_dataset *data;
    const ek_source *source;
    ek_buf notes;
    const char *text, *pair, *label; /* names, once known; pair and label may be NULL */
    ek_error *err;
};

#define BAD(...) ek_error_set(loading->err, EK_E_DATA, __VA_ARGS__)

/* ---- columns --------------------------------------------------------------------------------- */

static const char *const text_names[] = {"text",    "sentence", "sentence1", "content",
                                         "premise", "question", NULL};
static const char *const pair_names[] = {"text_pair", "sentence2", "hypothesis", "pair", NULL};
static const char *const label_names_known[] = {"label", "labels",   "target", "class",
                                                "score", "category", NULL};

/* The one column with a customary name; NULL when there is none, an error when there are several.
 */
static ek_status infer_column(struct loading *loading, const ek_table *table,
                              const char *const *known, const char *role, bool required,
                              const char **out)
{
    const char *found = NULL;
    for (size_t i = 0; i < table->column_count; i++) {
        for (size_t k = 0; known[k]; k++) {
            if (strcasecmp(table->columns[i], known[k]) != 0) {
                continue;
            }
            if (found) {
                return BAD("%s: both '%s' and '%s' could be the %s column; say which with "
                           "--%s-column",
                           table->path, found, table->columns[i], role, role);
            }
            found = table->columns[i];
        }
    }
    if (!found && required) {
        ek_buf names = {0};
        for (size_t i = 0; i < table->column_count && i < 20; i++) {
            ek_buf_printf(&names, "%s%.60s", i ? ", " : "", table->columns[i]);
        }
        BAD("%s, line 1: which column is the %s? say it with --%s-column; columns: %s", table->path,
            role, role, ek_buf_text(&names));
        ek_buf_deinit(&names);
        return EK_E_DATA;
    }
    if (found) {
        ek_buf_printf(&loading->notes, "%s column: '%s' (by its name)\n", role, found);
    }
    *out = found;
    return EK_OK;
}

static ek_status know_columns(struct loading *loading, const ek_table *table, bool need_label)
{
    const ek_source *source = loading->source;
    loading->text = source->text_column;
    loading->pair = source->pair_column;
    loading->label = source->label_column;
    if (!loading->text) {
        EK_TRY(infer_column(loading, table, text_names, "text", true, &loading->text));
    }
    if (!loading->pair) {
        EK_TRY(infer_column(loading, table, pair_names, "pair", false, &loading->pair));
    }
    if (!loading->label) {
        EK_TRY(
            infer_column(loading, table, label_names_known, "label", need_label, &loading->label));
    }
    return EK_OK;
}

static ek_status find_columns(struct loading *loading, const ek_table *table, bool need_label,
                              struct columns *out)
{
    *out = (struct columns){.has_pair = loading->pair != NULL};
    EK_TRY(ek_table_column(table, loading->text, &out->text, loading->err));
    if (loading->pair) {
        EK_TRY(ek_table_column(table, loading->pair, &out->pair, loading->err));
    }
    ek_error ignored;
    if (loading->label) {
        ek_status status = ek_table_column(table, loading->label, &out->label,
                                           need_label ? loading->err : &ignored);
        if (status != EK_OK && need_label) {
            return status;
        }
        out->has_label = status == EK_OK;
    }
    return EK_OK;
}

/* ---- examples -------------------------------------------------------------------------------- */

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!isspace((unsigned char)text[i])) {
            return false;
        }
    }
    return true;
}

static ek_status missing_value(struct loading *loading, const ek_table *table, size_t row,
                               size_t column)
{
    return BAD("%s, line %zu: '%s' has no value", table->path, table->lines[row],
               table->columns[column]);
}

static ek_status fill_example(struct loading *loading, const ek_table *table, size_t row,
                              const struct columns *columns, bool need_label, ek_example *example)
{
    ek_field text = ek_table_field(table, row, columns->text);
    *example = (ek_example){.text = text.text,
                            .text_length = text.length,
                            .label = -1,
                            .score = (double)NAN,
                            .line = table->lines[row]};
    if (!text.text) {
        return missing_value(loading, table, row, columns->text);
    }
    if (columns->has_pair) {
        ek_field pair = ek_table_field(table, row, columns->pair);
        if (!pair.text) {
            return missing_value(loading, table, row, columns->pair);
        }
        example->pair = pair.text;
        example->pair_length = pair.length;
    }
    if (!columns->has_label) {
        return EK_OK;
    }
    ek_field label = ek_table_field(table, row, columns->label);
    if (!label.text && !need_label) {
        return EK_OK;
    }
    if (!label.text) {
        return missing_value(loading, table, row, columns->label);
    }
    return ek__label_parse(loading->data, table, row, columns->label, example, loading->err);
}

/* All rows of a table become the examples of a split. */
static ek_status fill_split(struct loading *loading, ek_split_kind kind, const ek_table *table,
                            bool need_label)
{
    struct columns columns;
    EK_TRY(find_columns(loading, table, need_label, &columns));
    ek_split *split = &loading->data->split[kind];
    split->examples = ek_calloc(table->row_count, sizeof *split->examples);
    if (!split->examples) {
        return ek_error_set(loading->err, EK_E_MEMORY, "no memory for %zu examples",
                            table->row_count);
    }
    split->labelled = columns.has_label;
    split->skipped_count = table->skipped_row_count;
    for (size_t row = 0; row < table->row_count; row++) {
        ek_example *example = &split->examples[split->count];
        EK_TRY(fill_example(loading, table, row, &columns, need_label, example));
        split->empty_count += is_blank(example->text, example->text_length);
        split->count++;
    }
    return EK_OK;
}

static void warn_of_empty(const ek_split *split, const char *path)
{
    if (split->empty_count > 0) {
        ek_warn("%s: %zu of %zu texts are empty or only white space; they are kept", path,
                split->empty_count, split->count);
    }
}

/* ---- GLUE ------------------------------------------------------------------------------------ */

static ek_status open_table(struct loading *loading, ek_split_kind kind, const char *path,
                            const ek_table_options *options)
{
    struct storage *storage = loading->data->storage;
    return ek_table_open(&storage->tables[kind], path, options, loading->err);
}

/* dir/file, or dir/FOLDER/file; NULL in *out when neither is there. */
static ek_status task_path(struct loading *loading, const ek_task *task, const char *file,
                           char **out)
{
    const char *dir = loading->source->data;
    char *nested = ek_path_join(dir, task->folder), *own = ek_path_join(dir, file);
    char *in_folder = nested ? ek_path_join(nested, file) : NULL;
    ek_status status = EK_OK;
    *out = NULL;
    if (!own || !in_folder) {
        status = ek_error_set(loading->err, EK_E_MEMORY, "no memory for a path");
    } else if (ek_file_exists(in_folder)) {
        *out = in_folder;
        in_folder = NULL;
    } else if (ek_file_exists(own)) {
        *out = own;
        own = NULL;
    }
    ek_free(nested);
    ek_free(own);
    ek_free(in_folder);
    return status;
}

static ek_status load_task_split(struct loading *loading, const ek_task *task, ek_split_kind kind,
                                 const char *file, bool required)
{
    char *path;
    EK_TRY(task_path(loading, task, file, &path));
    if (!path) {
        return required ? BAD("%s: there is no %s and no %s/%s; --data names the folder of the "
                              "task, or the one that holds all tasks",
                              loading->source->data, file, task->folder, file)
                        : EK_OK;
    }
    ek_table_options options = {
        .format = EK_FORMAT_TSV, .no_header = task->no_header, .skip_ragged = task->skip_ragged};
    ek_status status = open_table(loading, kind, path, &options);
    if (status == EK_OK) {
        const ek_table *table = &((struct storage *)loading->data->storage)->tables[kind];
        status = fill_split(loading, kind, table, true);
        warn_of_empty(&loading->data->split[kind], path);
    }
    ek_free(path);
    return status;
}

static ek_status load_task(struct loading *loading, const ek_task *task)
{
    ek_dataset *data = loading->data;
    if (!loading->source->data) {
        return ek_error_set(loading->err, EK_E_USAGE, "--task %s needs --data DIR with its files",
                            task->name);
    }
    data->task = task;
    data->problem = task->problem;
    data->reported = task->reported;
    memcpy(data->metrics, task->metrics, sizeof data->metrics);
    size_t count = 0;
    while (count < EK_TASK_LABELS_MAX && task->labels[count]) {
        count++;
    }
    EK_TRY(ek__labels_set(data, task->labels, count, loading->err));
    loading->text = task->text_column;
    loading->pair = task->pair_column;
    loading->label = task->label_column;
    EK_TRY(load_task_split(loading, task, EK_SPLIT_TRAIN, task->train_file, true));
    EK_TRY(load_task_split(loading, task, EK_SPLIT_VALIDATION, task->validation_file, true));
    if (task->validation_file_2) {
        EK_TRY(
            load_task_split(loading, task, EK_SPLIT_VALIDATION_2, task->validation_file_2, false));
    }
    return EK_OK;
}

/* ---- own files ------------------------------------------------------------------------------- */

static ek_status choose_metric(struct loading *loading)
{
    ek_dataset *data = loading->data;
    static const char *const classes[] = {"accuracy", "macro_f1", "mcc", NULL};
    static const char *const binary[] = {"accuracy", "f1", "mcc", NULL};
    static const char *const scores[] = {"pearson", "spearman", "mse", NULL};
    bool regression = data->problem == EK_PROBLEM_REGRESSION;
    const char *const *offered = regression ? scores : data->label_count == 2 ? binary : classes;
    size_t count = 0;
    for (; offered[count]; count++) {
        data->metrics[count] = offered[count];
    }
    data->reported = offered[0];
    const char *wanted = loading->source->metric;
    if (!wanted) {
        return EK_OK;
    }
    /* Every metric here is better when larger; an error is not. */
    static const char *const for_classes[] = {"accuracy", "f1", "macro_f1", "mcc", NULL};
    static const char *const for_scores[] = {"pearson", "spearman", NULL};
    const char *const *allowed = regression ? for_scores : for_classes;
    for (size_t i = 0; allowed[i]; i++) {
        if (strcmp(allowed[i], wanted) != 0) {
            continue;
        }
        if (strcmp(wanted, "f1") == 0 && data->label_count != 2) {
            break;
        }
        data->reported = allowed[i];
        for (size_t m = 0; m < count; m++) {
            if (strcmp(data->metrics[m], wanted) == 0) {
                return EK_OK;
            }
        }
        data->metrics[count] = allowed[i];
        return EK_OK;
    }
    return ek_error_set(loading->err, EK_E_USAGE, "metric '%.40s' does not fit %s; there are: %s",
                        wanted, regression ? "a regression" : "these classes",
                        regression ? "pearson, spearman"
                                   : "accuracy, mcc, macro_f1, and f1 for two classes");
}

/* Moves a drawn share of the training examples to validation. */
static ek_status draw_validation(struct loading *loading, uint32_t split_seed)
{
    ek_dataset *data = loading->data;
    ek_split *train = &data->split[EK_SPLIT_TRAIN], *out = &data->split[EK_SPLIT_VALIDATION];
    uint8_t *drawn = ek_calloc(train->count, 1);
    int32_t *labels = ek_calloc(train->count, sizeof *labels);
    out->examples = ek_calloc(train->count, sizeof *out->examples);
    if (!drawn || !labels || !out->examples) {
        ek_free(drawn);
        ek_free(labels);
        return ek_error_set(loading->err, EK_E_MEMORY, "no memory to draw the validation split");
    }
    for (size_t i = 0; i < train->count; i++) {
        labels[i] = train->examples[i].label;
    }
    bool classes = data->problem == EK_PROBLEM_CLASSIFICATION;
    ek_sample_split(drawn, labels, train->count, classes ? data->label_count : 0,
                    loading->source->validation_frac, split_seed);
    size_t kept = 0;
    for (size_t i = 0; i < train->count; i++) {
        ek_example example = train->examples[i];
        if (drawn[i]) {
            out->examples[out->count++] = example;
            out->empty_count += is_blank(example.text, example.text_length);
        } else {
            train->examples[kept++] = example;
        }
    }
    train->count = kept;
    train->empty_count -= out->empty_count;
    out->labelled = true;
    data->validation_drawn = true;
    ek_buf_printf(&loading->notes,
                  "validation: no file given, so %zu of %zu examples were drawn from the training "
                  "file (%sstratified, split seed %u)\n",
                  out->count, out->count + kept, classes ? "" : "not ", split_seed);
    ek_free(drawn);
    ek_free(labels);
    if (out->count == 0 || kept == 0) {
        return BAD("%s: %zu examples are too few to draw a validation split; give "
                   "--validation-file",
                   loading->source->train_file, out->count + kept);
    }
    return EK_OK;
}

static ek_status load_own(struct loading *loading, uint32_t split_seed)
{
    const ek_source *source = loading->source;
    ek_dataset *data = loading->data;
    struct storage *storage = data->storage;
    const ek_table_options options = {0};
    if (!source->train_file) {
        return ek_error_set(loading->err, EK_E_USAGE,
                            "no data: give --task NAME --data DIR, or --train-file FILE");
    }
    EK_TRY(open_table(loading, EK_SPLIT_TRAIN, source->train_file, &options));
    const ek_table *table = &storage->tables[EK_SPLIT_TRAIN];
    EK_TRY(know_columns(loading, table, true));
    size_t label_column;
    EK_TRY(ek_table_column(table, loading->label, &label_column, loading->err));
    EK_TRY(
        ek__labels_infer(data, table, label_column, source->task, &loading->notes, loading->err));
    EK_TRY(choose_metric(loading));
    EK_TRY(fill_split(loading, EK_SPLIT_TRAIN, table, true));
    warn_of_empty(&data->split[EK_SPLIT_TRAIN], source->train_file);
    if (source->test_file) {
        EK_TRY(open_table(loading, EK_SPLIT_TEST, source->test_file, &options));
        EK_TRY(fill_split(loading, EK_SPLIT_TEST, &storage->tables[EK_SPLIT_TEST], false));
    }
    if (!source->validation_file) {
        return draw_validation(loading, split_seed);
    }
    EK_TRY(open_table(loading, EK_SPLIT_VALIDATION, source->validation_file, &options));
    EK_TRY(fill_split(loading, EK_SPLIT_VALIDATION, &storage->tables[EK_SPLIT_VALIDATION], true));
    warn_of_empty(&data->split[EK_SPLIT_VALIDATION], source->validation_file);
    return EK_OK;
}

/* ---- identity -------------------------------------------------------------------------------- */

static void hash_bytes(ek_sha256 *hash, const char *text, size_t length)
{
    unsigned char prefix[8];
    for (int i = 0; i < 8; i++) {
        prefix[i] = (unsigned char)((uint64_t)length >> (8 * i));
    }
    ek_sha256_update(hash, prefix, sizeof prefix);
    ek_sha256_update(hash, text, length);
}

/* Each text with its length before it, then label or score: no two data sets share a serialisation.
 */
static void hash_content(ek_dataset *data)
{
    ek_sha256 hash;
    ek_sha256_init(&hash);
    for (size_t i = 0; i < data->label_count; i++) {
        hash_bytes(&hash, data->label_names[i], strlen(data->label_names[i]));
    }
    for (int kind = 0; kind <= EK_SPLIT_VALIDATION_2; kind++) {
        const ek_split *split = &data->split[kind];
        hash_bytes(&hash, "split", 5);
        for (size_t i = 0; i < split->count; i++) {
            const ek_example *example = &split->examples[i];
            char text[32];
            hash_bytes(&hash, example->text, example->text_length);
            hash_bytes(&hash, example->pair ? example->pair : "", example->pair_length);
            double value =
                data->problem == EK_PROBLEM_REGRESSION ? example->score : (double)example->label;
            ek_format_double(text, value);
            hash_bytes(&hash, text, strlen(text));
        }
    }
    ek_sha256_hex(&hash, data->hash);
}

static ek_status conclude(struct loading *loading)
{
    ek_dataset *data = loading->data;
    data->has_pairs = loading->pair != NULL;
    data->text_column = ek_strdup(loading->text);
    data->pair_column = loading->pair ? ek_strdup(loading->pair) : NULL;
    data->label_column = loading->label ? ek_strdup(loading->label) : NULL;
    if (!data->text_column || (loading->pair && !data->pair_column) ||
        (loading->label && !data->label_column)) {
        return ek_error_set(loading->err, EK_E_MEMORY, "no memory for the data set");
    }
    hash_content(data);
    EK_TRY(ek_buf_status(&loading->notes, loading->err));
    data->notes = loading->notes.length ? ek_buf_take(&loading->notes) : ek_strdup("");
    return data->notes ? EK_OK
                       : ek_error_set(loading->err, EK_E_MEMORY, "no memory for the data set");
}

static ek_status start(struct loading *loading, ek_dataset *data, const ek_source *source,
                       ek_error *err)
{
    *data = (ek_dataset){0};
    *loading = (struct loading){.data = data, .source = source, .err = err};
    data->storage = ek_calloc(1, sizeof(struct storage));
    return data->storage ? EK_OK : ek_error_set(err, EK_E_MEMORY, "no memory for the data set");
}

static ek_status finish(struct loading *loading, ek_status status)
{
    if (status == EK_OK) {
        status = conclude(loading);
    }
    ek_buf_deinit(&loading->notes);
    if (status != EK_OK) {
        ek_dataset_free(loading->data);
    }
    return status;
}

ek_status ek_dataset_load(ek_dataset *data, const ek_source *source, uint32_t split_seed,
                          ek_error *err)
{
    struct loading loading;
    EK_TRY(start(&loading, data, source, err));
    const ek_task *task = source->task ? ek_task_find(source->task) : NULL;
    ek_status status;
    if (task && source->train_file) {
        status = ek_error_set(err, EK_E_USAGE,
                              "--task %s reads its files from --data; for --train-file say --task "
                              "classification or regression, or nothing",
                              task->name);
    } else if (task) {
        status = load_task(&loading, task);
    } else {
        status = load_own(&loading, split_seed);
    }
    if (status == EK_OK) {
        status = ek__labels_check(data, err);
        if (status == EK_E_DATA) {
            ek_error_prefix(err, "%s", task ? source->data : source->train_file);
        }
    }
    return finish(&loading, status);
}

ek_status ek_dataset_load_file(ek_dataset *data, const char *path, const ek_source *columns,
                               ek_problem problem, const char *const *label_names,
                               size_t label_count, bool need_labels, ek_error *err)
{
    struct loading loading;
    EK_TRY(start(&loading, data, columns, err));
    data->problem = problem;
    const ek_table_options options = {.format = strcmp(path, "-") == 0 ? EK_FORMAT_JSONL
                                                                       : EK_FORMAT_AUTO};
    ek_status status = ek__labels_set(data, label_names, label_count, err);
    const ek_table *table = &((struct storage *)data->storage)->tables[EK_SPLIT_VALIDATION];
    if (status == EK_OK) {
        status = open_table(&loading, EK_SPLIT_VALIDATION, path, &options);
    }
    if (status == EK_OK) {
        status = know_columns(&loading, table, need_labels);
    }
    if (status == EK_OK && !need_labels) {
        loading.label = NULL; /* unlabelled on purpose: a label column is not even looked at */
    }
    if (status == EK_OK) {
        status = choose_metric(&loading);
    }
    if (status == EK_OK) {
        status = fill_split(&loading, EK_SPLIT_VALIDATION, table, need_labels);
    }
    return finish(&loading, status);
}

/* ---- running text ---------------------------------------------------------------------------- */

static ek_status load_lines(struct loading *loading, ek_split_kind kind, const char *path)
{
    enum { TEXT_BYTES_MAX = 1 << 30 };
    ek_buf *text = &((struct storage *)loading->data->storage)->texts[kind];
    ek_split *split = &loading->data->split[kind];
    EK_TRY(ek_file_read(path, TEXT_BYTES_MAX, text, loading->err));
    size_t bad = ek_utf8_check(ek_buf_text(text), text->length), lines = 0;
    if (bad < text->length) {
        return BAD("%s, byte %zu: this is not valid UTF-8 text", path, bad);
    }
    for (size_t i = 0; i < text->length; i++) {
        lines += text->data[i] == '\n' || i + 1 == text->length;
    }
    split->examples = ek_calloc(lines, sizeof *split->examples);
    if (!split->examples) {
        return ek_error_set(loading->err, EK_E_MEMORY, "no memory for %zu lines", lines);
    }
    for (size_t at = 0; at < text->length; split->count++) {
        const char *line = text->data + at;
        const char *end = memchr(line, '\n', text->length - at);
        size_t length = end ? (size_t)(end - line) : text->length - at;
        split->examples[split->count] = (ek_example){.text = line,
                                                     .text_length = length,
                                                     .label = -1,
                                                     .score = (double)NAN,
                                                     .line = split->count + 1};
        split->empty_count += is_blank(line, length);
        at += length + 1;
    }
    return split->empty_count < split->count ? EK_OK : BAD("%s: there is no text in it", path);
}

/* The last lines: drawn ones would stand next to what was trained on. */
static ek_status split_lines(struct loading *loading, double fraction)
{
    ek_split *train = &loading->data->split[EK_SPLIT_TRAIN];
    ek_split *out = &loading->data->split[EK_SPLIT_VALIDATION];
    size_t kept = train->count - (size_t)(fraction * (double)train->count);
    out->count = train->count - kept;
    if (kept == 0 || out->count == 0) {
        return BAD("%zu lines are too few to take validation text from; give --validation-file",
                   train->count);
    }
    out->examples = ek_calloc(out->count, sizeof *out->examples);
    if (!out->examples) {
        return ek_error_set(loading->err, EK_E_MEMORY, "no memory for %zu lines", out->count);
    }
    memcpy(out->examples, train->examples + kept, out->count * sizeof *out->examples);
    train->count = kept;
    loading->data->validation_drawn = true;
    ek_buf_printf(&loading->notes, "validation: the last %zu of %zu lines of the training file\n",
                  out->count, out->count + kept);
    return EK_OK;
}

ek_status ek_dataset_load_text(ek_dataset *data, const char *train_file,
                               const char *validation_file, double validation_frac, ek_error *err)
{
    static const ek_source none = {0};
    struct loading loading;
    EK_TRY(start(&loading, data, &none, err));
    loading.text = "line";
    data->problem = EK_PROBLEM_MASKED_LM;
    data->metrics[0] = data->reported = "perplexity";
    ek_status status = EK_OK;
    if (train_file) {
        status = load_lines(&loading, EK_SPLIT_TRAIN, train_file);
    }
    if (status == EK_OK && validation_file) {
        status = load_lines(&loading, EK_SPLIT_VALIDATION, validation_file);
    } else if (status == EK_OK) {
        status = split_lines(&loading, validation_frac);
    }
    return finish(&loading, status);
}

void ek_dataset_free(ek_dataset *data)
{
    struct storage *storage = data->storage;
    for (int kind = 0; kind < EK_SPLIT_COUNT; kind++) {
        ek_free(data->split[kind].examples);
        if (storage) {
            ek_table_close(&storage->tables[kind]);
            ek_buf_deinit(&storage->texts[kind]);
        }
    }
    for (size_t i = 0; data->label_names && i < data->label_count; i++) {
        ek_free(data->label_names[i]);
    }
    ek_free(data->label_names);
    ek_free(data->text_column);
    ek_free(data->pair_column);
    ek_free(data->label_column);
    ek_free(data->notes);
    ek_free(storage);
    *data = (ek_dataset){0};
}

/* ---- questions ------------------------------------------------------------------------------- */

double ek_dataset_baseline(const ek_dataset *data, ek_split_kind kind, int32_t *majority_label)
{
    const ek_split *split = &data->split[kind];
    *majority_label = 0;
    if (data->problem == EK_PROBLEM_REGRESSION) {
        return 0; /* the correlation of a constant */
    }
    int32_t *labels = ek_calloc(split->count, sizeof *labels);
    int32_t *constant = ek_calloc(split->count, sizeof *constant);
    size_t *counts = ek_calloc(data->label_count, sizeof *counts);
    double score = (double)NAN;
    if (labels && constant && counts) {
        for (size_t i = 0; i < split->count; i++) {
            labels[i] = split->examples[i].label;
            counts[labels[i]]++;
        }
        for (size_t c = 1; c < data->label_count; c++) {
            if (counts[c] > counts[*majority_label]) {
                *majority_label = (int32_t)c;
            }
        }
        for (size_t i = 0; i < split->count; i++) {
            constant[i] = *majority_label;
        }
        score = ek_metric(data->reported, constant, labels, NULL, NULL, split->count,
                          data->label_count);
    }
    ek_free(labels);
    ek_free(constant);
    ek_free(counts);
    return score;
}

static uint64_t text_key(const ek_example *example)
{
    uint64_t hash = 14695981039346656037u;
    const char *parts[2] = {example->text, example->pair};
    size_t lengths[2] = {example->text_length, example->pair_length};
    for (int p = 0; p < 2; p++) {
        for (size_t i = 0; parts[p] && i < lengths[p]; i++) {
            hash = (hash ^ (unsigned char)parts[p][i]) * 1099511628211u;
        }
        hash = (hash ^ 0x100) * 1099511628211u;
    }
    return hash;
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

size_t ek_dataset_duplicates(const ek_dataset *data)
{
    const ek_split *train = &data->split[EK_SPLIT_TRAIN];
    const ek_split *validation = &data->split[EK_SPLIT_VALIDATION];
    uint64_t *keys = ek_calloc(train->count, sizeof *keys);
    size_t duplicates = 0;
    for (size_t i = 0; keys && i < train->count; i++) {
        keys[i] = text_key(&train->examples[i]);
    }
    if (keys) {
        qsort(keys, train->count, sizeof *keys, by_key);
    }
    for (size_t i = 0; keys && i < validation->count; i++) {
        uint64_t key = text_key(&validation->examples[i]);
        duplicates += bsearch(&key, keys, train->count, sizeof key, by_key) != NULL;
    }
    ek_free(keys);
    return duplicates;
}
