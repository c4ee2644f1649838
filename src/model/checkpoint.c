#include "model/checkpoint.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "model/identity.h"
#include "model/safetensors.h"

enum { INDEX_BYTES_MAX = 64 << 20, SHARDS_MAX = 1000 };

struct loading {
    ek_model *model;
    const ek_model_options *options;
    size_t report_capacity;
    char **from;           /* [params.count] the name in the file that filled the row */
    ek_safetensors *files; /* [file_count] the shards, or the one file */
    size_t file_count;
};

static ek_status report(struct loading *loading, ek_load_kind kind, const char *file_name,
                        const char *param_name, const char *reason, ek_error *err)
{
    ek_model *model = loading->model;
    if (model->report_count == loading->report_capacity) {
        size_t capacity = loading->report_capacity * 2 + 64;
        ek_load_entry *grown = ek_realloc(model->report, capacity, sizeof *grown);
        if (!grown) {
            return ek_error_set(err, EK_E_MEMORY, "no memory for the load report");
        }
        model->report = grown;
        loading->report_capacity = capacity;
    }
    ek_load_entry *entry = &model->report[model->report_count];
    *entry = (ek_load_entry){.kind = kind, .reason = reason};
    model->report_count++;
    if (file_name && !(entry->file_name = ek_strdup(file_name))) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the load report");
    }
    if (param_name && !(entry->param_name = ek_strdup(param_name))) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the load report");
    }
    return EK_OK;
}

/* gamma and beta are the old names of LayerNorm's weight and bias, and only of those. */
static void modern_name(char *out, size_t size, const char *name)
{
    const char *dot = strrchr(name, '.');
    size_t stem = dot ? (size_t)(dot - name) : 0;
    const char *last = NULL;
    if (stem >= 9 && strncmp(dot - 9, "LayerNorm", 9) == 0) {
        last = strcmp(dot, ".gamma") == 0 ? "weight" : strcmp(dot, ".beta") == 0 ? "bias" : NULL;
    }
    if (last) {
        snprintf(out, size, "%.*s.%s", (int)stem, name, last);
    } else {
        snprintf(out, size, "%s", name);
    }
}

static const char *foreign_reason(const char *name)
{
    static const struct {
        const char *text;
        bool anywhere;
        const char *reason;
    } known[] = {
        {"cls.predictions.decoder.", false,
         "tied: another name of the word embeddings or the bias"},
        {"cls.predictions.", false, "head of masked-language modelling"},
        {"cls.seq_relationship.", false, "head of next-sentence prediction"},
        {"pooler.dense.", true, "the pooler has no part in masked-language modelling"},
        {"embeddings.position_ids", true, "a buffer, not a weight"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const char *at = strstr(name, known[i].text);
        if (at && (known[i].anywhere || at == name)) {
            return known[i].reason;
        }
    }
    return "not part of this model";
}

static ek_status check_shape(const ek_param *row, const ek_tensor *tensor, const char *where,
                             ek_error *err)
{
    bool matches =
        tensor->rank == row->rank &&
        (row->rank == 1 ? tensor->shape[0] == row->columns
                        : tensor->shape[0] == row->rows && tensor->shape[1] == row->columns);
    if (matches) {
        return EK_OK;
    }
    char found[64] = "";
    for (int32_t i = 0, at = 0; i < tensor->rank && at < 48; i++) {
        at += snprintf(found + at, sizeof found - (size_t)at, "%s%lld", i ? ", " : "",
                       (long long)tensor->shape[i]);
    }
    char expected[48];
    if (row->rank == 2) {
        snprintf(expected, sizeof expected, "%d, %d", row->rows, row->columns);
    } else {
        snprintf(expected, sizeof expected, "%d", row->columns);
    }
    return ek_error_set(err, EK_E_MODEL,
                        "%s: tensor '%.80s' has shape [%s], config.json asks for [%s]", where,
                        tensor->name, found, expected);
}

/* The bias of the decoder has two names in the files of some versions of transformers. The short
 * one is the parameter's; the long one fills its row when the short one is not there. */
static const char decoder_bias[] = "cls.predictions.decoder.bias";

static void decoder_bias_name(const struct loading *loading, char *name, size_t size)
{
    int64_t index = ek_params_find(&loading->model->params, "cls.predictions.bias");
    if (index < 0) {
        return;
    }
    if (strcmp(name, decoder_bias) == 0 && !loading->model->loaded[index]) {
        snprintf(name, size, "cls.predictions.bias");
    } else if (strcmp(name, "cls.predictions.bias") == 0 && loading->from[index] &&
               strcmp(loading->from[index], decoder_bias) == 0) {
        ek_free(loading->from[index]);
        loading->from[index] = NULL;
        loading->model->loaded[index] = false;
    }
}

static ek_status take_tensor(struct loading *loading, const ek_tensor *tensor, const char *where,
                             ek_error *err)
{
    ek_model *model = loading->model;
    char name[256];
    modern_name(name, sizeof name, tensor->name);
    decoder_bias_name(loading, name, sizeof name);
    int64_t index = strlen(tensor->name) < sizeof name ? ek_params_find(&model->params, name) : -1;
    if (index < 0) {
        return report(loading, EK_LOAD_UNUSED, tensor->name, NULL, foreign_reason(tensor->name),
                      err);
    }
    const ek_param *row = &model->params.rows[index];
    bool wants_head = loading->options->keep_head || loading->options->num_labels == 0;
    if (row->group == EK_GROUP_CLASSIFIER && !wants_head) {
        return report(loading, EK_LOAD_UNUSED, tensor->name, NULL,
                      "the classifier is drawn anew (--keep-head keeps it)", err);
    }
    EK_TRY(check_shape(row, tensor, where, err));
    if (model->loaded[index]) {
        return ek_error_set(err, EK_E_MODEL, "%s: both '%.80s' and '%.80s' are '%s'", where,
                            loading->from[index], tensor->name, row->name);
    }
    EK_TRY(ek_tensor_to_f32(model->weights + row->offset, tensor, where, err));
    model->loaded[index] = true;
    loading->from[index] = ek_strdup(tensor->name);
    if (!loading->from[index]) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for a name");
    }
    return EK_OK;
}

static ek_status open_file(struct loading *loading, const char *name, ek_error *err)
{
    char *path = ek_path_join(loading->model->dir, name);
    ek_safetensors *grown = ek_realloc(loading->files, loading->file_count + 1, sizeof *grown);
    loading->files = grown ? grown : loading->files;
    ek_status status = !path || !grown
                           ? ek_error_set(err, EK_E_MEMORY, "no memory for a path")
                           : ek_safetensors_open(&grown[loading->file_count], path, err);
    loading->file_count += status == EK_OK;
    ek_free(path);
    return status;
}

/* The shards that the index names, each once, in order of first appearance. */
static ek_status open_shards(struct loading *loading, const char *index_path, ek_error *err)
{
    json_t *index, *value;
    const char *key, *seen[SHARDS_MAX];
    size_t count = 0;
    EK_TRY(ek_json_load(&index, index_path, INDEX_BYTES_MAX, EK_E_MODEL, err));
    json_t *map = json_object_get(index, "weight_map");
    ek_status status = EK_OK;
    if (!json_is_object(map)) {
        status = ek_error_set(err, EK_E_MODEL, "%s: 'weight_map' is missing", index_path);
    }
    json_object_foreach(map, key, value)
    {
        const char *name = json_string_value(value);
        if (!name || !*name || strchr(name, '/') || name[0] == '.' || strlen(name) > 200) {
            status = ek_error_set(err, EK_E_MODEL,
                                  "%s: '%.80s' is in '%.80s', which is not a plain file name",
                                  index_path, key, name ? name : "(not a string)");
            break;
        }
        bool known = false;
        for (size_t i = 0; i < count && !known; i++) {
            known = strcmp(seen[i], name) == 0;
        }
        if (known) {
            continue;
        }
        if (count == SHARDS_MAX) {
            status =
                ek_error_set(err, EK_E_MODEL, "%s: more than %d shards", index_path, SHARDS_MAX);
            break;
        }
        seen[count++] = name;
    }
    for (size_t i = 0; i < count && status == EK_OK; i++) {
        status = open_file(loading, seen[i], err);
    }
    json_decref(index);
    return status;
}

static ek_status open_all(struct loading *loading, ek_error *err)
{
    const char *dir = loading->model->dir;
    char *whole = ek_path_join(dir, "model.safetensors");
    char *index = ek_path_join(dir, "model.safetensors.index.json");
    char *pickle = ek_path_join(dir, "pytorch_model.bin");
    ek_status status;
    if (!whole || !index || !pickle) {
        status = ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    } else if (ek_file_exists(whole)) {
        status = open_file(loading, "model.safetensors", err);
    } else if (ek_file_exists(index)) {
        status = open_shards(loading, index, err);
    } else if (ek_file_exists(pickle)) {
        status =
            ek_error_set(err, EK_E_MODEL,
                         "%s has only pytorch_model.bin, which is not read; convert it once in "
                         "Python: AutoModel.from_pretrained(DIR).save_pretrained(DIR, "
                         "safe_serialization=True)",
                         dir);
    } else {
        status = ek_error_set(err, EK_E_MODEL,
                              "%s: there is no model.safetensors and no "
                              "model.safetensors.index.json",
                              dir);
    }
    ek_free(whole);
    ek_free(index);
    ek_free(pickle);
    return status;
}

/* Every row of the table gets its entry; a missing encoder tensor is an error. */
static ek_status conclude(struct loading *loading, ek_error *err)
{
    ek_model *model = loading->model;
    size_t unused = model->report_count, missing = 0;
    ek_buf names = {0};
    ek_status status = EK_OK;
    for (size_t i = 0; i < model->params.count && status == EK_OK; i++) {
        const ek_param *row = &model->params.rows[i];
        const char *from = loading->from[i];
        if (from) {
            bool renamed = strcmp(from, row->name) != 0;
            status = report(loading, renamed ? EK_LOAD_RENAMED : EK_LOAD_LOADED, from, row->name,
                            NULL, err);
        } else {
            status = report(loading, EK_LOAD_MISSING, NULL, row->name, "drawn from the init stream",
                            err);
            bool needed =
                !row->is_head || (loading->options->keep_head && row->group == EK_GROUP_CLASSIFIER);
            if (needed && missing++ < 5) {
                ek_buf_printf(&names, "%s%s", names.length ? ", " : "", row->name);
            }
        }
    }
    if (status == EK_OK && missing > 0) {
        status = ek_error_set(err, EK_E_MODEL, "%s: %zu tensor%s missing: %s%s", model->dir,
                              missing, missing == 1 ? " is" : "s are", ek_buf_text(&names),
                              missing > 5 ? ", ..." : "");
    }
    ek_buf_deinit(&names);
    if (status != EK_OK) {
        return status;
    }
    /* Table order first, what is unused last. */
    ek_load_entry *sorted = ek_calloc(model->report_count, sizeof *sorted);
    if (!sorted) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the load report");
    }
    size_t rows = model->report_count - unused;
    memcpy(sorted, model->report + unused, rows * sizeof *sorted);
    memcpy(sorted + rows, model->report, unused * sizeof *sorted);
    ek_free(model->report);
    model->report = sorted;
    return EK_OK;
}

/* Starts the hash, which keeps the files from then on. */
static ek_status identify(struct loading *loading, ek_error *err)
{
    char *config = json_dumps(loading->model->config.raw, JSON_SORT_KEYS | JSON_COMPACT);
    if (!config) {
        return ek_error_set(err, EK_E_MEMORY, "no memory to load the model");
    }
    ek_status status = ek__identity_start(&loading->model->identity, config, loading->files,
                                          loading->file_count, err);
    ek_free(config);
    return status;
}

static void close_files(struct loading *loading)
{
    for (size_t i = 0; i < loading->file_count; i++) {
        ek_safetensors_close(&loading->files[i]);
    }
    ek_free(loading->files);
}

static ek_status take_all(struct loading *loading, ek_error *err)
{
    ek_status status = EK_OK;
    for (size_t f = 0; f < loading->file_count && status == EK_OK; f++) {
        const ek_safetensors *file = &loading->files[f];
        for (size_t i = 0; i < file->count && status == EK_OK; i++) {
            status = take_tensor(loading, &file->tensors[i], file->path, err);
        }
    }
    return status == EK_OK ? conclude(loading, err) : status;
}

ek_status ek__checkpoint_load(ek_model *model, const ek_model_options *options, ek_error *err)
{
    struct loading loading = {.model = model, .options = options};
    loading.from = ek_calloc(model->params.count, sizeof *loading.from);
    if (!loading.from) {
        return ek_error_set(err, EK_E_MEMORY, "no memory to load the model");
    }
    ek_status status = open_all(&loading, err);
    if (status == EK_OK && options->identify) {
        status = identify(&loading, err);
    }
    if (status == EK_OK) {
        status = take_all(&loading, err);
    }
    if (!model->identity) {
        close_files(&loading);
    }
    for (size_t i = 0; i < model->params.count; i++) {
        ek_free(loading.from[i]);
    }
    ek_free(loading.from);
    return status;
}
