#include "model/config.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

enum { CONFIG_BYTES_MAX = 16 << 20, LABELS_MAX = 1000 };

/* A whole number of config.json: key, where it goes, bounds, and the default (-1: required). */
struct size_key {
    const char *key;
    size_t offset;
    int64_t min, max, standard;
};
#define SIZE(name, min, max, standard)                                                             \
    {                                                                                              \
#name, offsetof(ek_model_config, name), min, max, standard                                 \
    }
static const struct size_key size_keys[] = {
    SIZE(vocab_size, 1, 1 << 20, -1),      SIZE(hidden_size, 1, 16384, -1),
    SIZE(num_hidden_layers, 1, 256, -1),   SIZE(num_attention_heads, 1, 1024, -1),
    SIZE(intermediate_size, 1, 65536, -1), SIZE(max_position_embeddings, 1, 65536, 512),
    SIZE(type_vocab_size, 1, 16, 2),       SIZE(pad_token_id, 0, 1 << 20, 0),
};

static const struct {
    const char *name;
    ek_activation activation;
} activations[] = {
    {"gelu", EK_ACTIVATION_GELU},
    {"gelu_new", EK_ACTIVATION_GELU_TANH},
    {"gelu_pytorch_tanh", EK_ACTIVATION_GELU_TANH},
    {"relu", EK_ACTIVATION_RELU},
};

static ek_status read_sizes(ek_model_config *config, const char *where, ek_error *err)
{
    for (size_t i = 0; i < sizeof size_keys / sizeof *size_keys; i++) {
        const struct size_key *key = &size_keys[i];
        int64_t value = key->standard;
        EK_TRY(ek_json_get_int(config->raw, key->key, key->min, key->max, &value, where, EK_E_MODEL,
                               err));
        if (value < 0) {
            return ek_error_set(err, EK_E_MODEL, "%s: '%s' is missing", where, key->key);
        }
        *(int32_t *)(void *)((char *)config + key->offset) = (int32_t)value;
    }
    if (config->hidden_size % config->num_attention_heads != 0) {
        return ek_error_set(err, EK_E_MODEL,
                            "%s: hidden_size %d is not a multiple of num_attention_heads %d", where,
                            config->hidden_size, config->num_attention_heads);
    }
    return EK_OK;
}

/* Keys that would change the computation in ways that are not built. */
static ek_status refuse_variants(const ek_model_config *config, const char *where, ek_error *err)
{
    const char *position = "absolute";
    bool decoder = false, cross = false;
    EK_TRY(ek_json_get_string(config->raw, "position_embedding_type", &position, where, EK_E_MODEL,
                              err));
    EK_TRY(ek_json_get_bool(config->raw, "is_decoder", &decoder, where, EK_E_MODEL, err));
    EK_TRY(ek_json_get_bool(config->raw, "add_cross_attention", &cross, where, EK_E_MODEL, err));
    if (strcmp(position, "absolute") != 0) {
        return ek_error_set(
            err, EK_E_MODEL,
            "%s: position_embedding_type '%s' is not supported; supported: absolute", where,
            position);
    }
    if (decoder || cross) {
        return ek_error_set(err, EK_E_MODEL, "%s: decoders are not supported, only encoders",
                            where);
    }
    return EK_OK;
}

static ek_status read_type(ek_model_config *config, const char *where, ek_error *err)
{
    const char *type = NULL;
    EK_TRY(ek_json_get_string(config->raw, "model_type", &type, where, EK_E_MODEL, err));
    if (!type) {
        ek_info("%s has no model_type; taken as bert", where);
        type = "bert";
    }
    if (strcmp(type, "bert") != 0) {
        return ek_error_set(err, EK_E_MODEL,
                            "%s: model_type '%.60s' is not supported; supported: bert", where,
                            type);
    }
    strcpy(config->model_type, "bert");

    const char *name = "gelu";
    EK_TRY(ek_json_get_string(config->raw, "hidden_act", &name, where, EK_E_MODEL, err));
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        if (strcmp(activations[i].name, name) == 0) {
            config->hidden_act = activations[i].activation;
            return EK_OK;
        }
    }
    return ek_error_set(err, EK_E_MODEL,
                        "%s: hidden_act '%.60s' is not supported; supported: gelu, gelu_new, "
                        "gelu_pytorch_tanh, relu",
                        where, name);
}

static ek_status read_rates(ek_model_config *config, const char *where, ek_error *err)
{
    config->hidden_dropout_prob = config->attention_probs_dropout_prob = 0.1;
    config->classifier_dropout = (double)NAN;
    config->initializer_range = 0.02;
    config->layer_norm_eps = 1e-12;
    const struct {
        const char *key;
        double *value, max;
    } keys[] = {
        {"hidden_dropout_prob", &config->hidden_dropout_prob, 0.999},
        {"attention_probs_dropout_prob", &config->attention_probs_dropout_prob, 0.999},
        {"classifier_dropout", &config->classifier_dropout, 0.999},
        {"initializer_range", &config->initializer_range, 10},
        {"layer_norm_eps", &config->layer_norm_eps, 1},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        EK_TRY(ek_json_get_double(config->raw, keys[i].key, 0, keys[i].max, keys[i].value, where,
                                  EK_E_MODEL, err));
    }
    return EK_OK;
}

/* id2label: {"0": "neg", "1": "pos"}; every id from 0 up must be there. */
static ek_status read_labels(ek_model_config *config, const char *where, ek_error *err)
{
    const json_t *map = json_object_get(config->raw, "id2label");
    if (!map || json_is_null(map)) {
        int64_t count = 0;
        EK_TRY(ek_json_get_int(config->raw, "num_labels", 1, LABELS_MAX, &count, where, EK_E_MODEL,
                               err));
        config->num_labels = (int32_t)count;
        return EK_OK;
    }
    if (!json_is_object(map) || json_object_size(map) == 0 || json_object_size(map) > LABELS_MAX) {
        return ek_error_set(err, EK_E_MODEL, "%s: id2label must be an object of 1 to %d labels",
                            where, LABELS_MAX);
    }
    int32_t count = (int32_t)json_object_size(map);
    config->id2label = ek_calloc((size_t)count, sizeof *config->id2label);
    if (!config->id2label) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for %d labels", count);
    }
    config->num_labels = count;
    for (int32_t i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        const char *label = json_string_value(json_object_get(map, id));
        if (!label) {
            return ek_error_set(err, EK_E_MODEL, "%s: id2label has no text for id %d", where, i);
        }
        config->id2label[i] = ek_strdup(label);
        if (!config->id2label[i]) {
            return ek_error_set(err, EK_E_MEMORY, "no memory for a label");
        }
    }
    return EK_OK;
}

static ek_status read_config(ek_model_config *config, const char *where, ek_error *err)
{
    EK_TRY(ek_json_load(&config->raw, where, CONFIG_BYTES_MAX, EK_E_MODEL, err));
    if (!json_is_object(config->raw)) {
        return ek_error_set(err, EK_E_MODEL, "%s: expected a JSON object", where);
    }
    EK_TRY(read_type(config, where, err));
    EK_TRY(read_sizes(config, where, err));
    EK_TRY(refuse_variants(config, where, err));
    EK_TRY(read_rates(config, where, err));
    EK_TRY(read_labels(config, where, err));
    const char *problem = "";
    EK_TRY(ek_json_get_string(config->raw, "problem_type", &problem, where, EK_E_MODEL, err));
    if (strlen(problem) >= sizeof config->problem_type) {
        return ek_error_set(err, EK_E_MODEL, "%s: problem_type '%.60s' is not known", where,
                            problem);
    }
    strcpy(config->problem_type, problem);
    return EK_OK;
}

ek_status ek_model_config_load(ek_model_config *config, const char *dir, ek_error *err)
{
    *config = (ek_model_config){0};
    char *path = ek_path_join(dir, "config.json");
    if (!path) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    }
    ek_status status = EK_OK;
    if (!ek_dir_exists(dir)) {
        status = ek_error_set(err, EK_E_MODEL,
                              "%s: no such folder; a model is a folder with "
                              "config.json, model.safetensors and a tokenizer",
                              dir);
    } else if (!ek_file_exists(path)) {
        status = ek_error_set(err, EK_E_MODEL,
                              "%s: there is no config.json; expected a folder as "
                              "Hugging Face's save_pretrained writes it",
                              dir);
    } else {
        status = read_config(config, path, err);
    }
    ek_free(path);
    if (status != EK_OK) {
        ek_model_config_free(config);
    }
    return status;
}

void ek_model_config_free(ek_model_config *config)
{
    for (int32_t i = 0; config->id2label && i < config->num_labels; i++) {
        ek_free(config->id2label[i]);
    }
    ek_free(config->id2label);
    json_decref(config->raw);
    *config = (ek_model_config){0};
}

/* architectures, id2label, label2id and problem_type of a classifier; nonzero without memory. */
static int set_labels(json_t *root, const char *const *label_names, int32_t label_count,
                      bool regression)
{
    json_t *names = json_object(), *ids = json_object();
    int failed = !names || !ids;
    for (int32_t i = 0; !failed && i < label_count; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        failed |= json_object_set_new(names, id, json_string(label_names[i]));
        failed |= json_object_set_new(ids, label_names[i], json_integer(i));
    }
    if (!failed) {
        failed |= json_object_set_new(root, "architectures",
                                      json_pack("[s]", "BertForSequenceClassification"));
        failed |= json_object_set(root, "id2label", names);
        failed |= json_object_set(root, "label2id", ids);
        failed |= json_object_set_new(
            root, "problem_type",
            json_string(regression ? "regression" : "single_label_classification"));
    }
    json_decref(names);
    json_decref(ids);
    return failed;
}

/* What an earlier fine-tuning said of its labels is gone; the decoder is tied. */
static int set_masked_lm(json_t *root)
{
    static const char *const gone[] = {"id2label", "label2id", "problem_type"};
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        json_object_del(root, gone[i]);
    }
    return json_object_set_new(root, "architectures", json_pack("[s]", "BertForMaskedLM")) |
           json_object_set_new(root, "tie_word_embeddings", json_true());
}

/* The raw keys with those of the saved head set; NULL without memory. */
static json_t *saved_config(const ek_model_config *config, const char *const *label_names,
                            int32_t label_count, bool regression)
{
    json_t *root = json_deep_copy(config->raw);
    int failed = !root;
    if (!failed) {
        failed |= label_count > 0 ? set_labels(root, label_names, label_count, regression)
                                  : set_masked_lm(root);
        failed |= json_object_set_new(root, "model_type", json_string(config->model_type));
        /* transformers derives num_labels from id2label; an old number would contradict it. */
        json_object_del(root, "num_labels");
        json_object_del(root, "_name_or_path");
        static const char *const dtype_keys[] = {"dtype", "torch_dtype"};
        for (size_t i = 0; i < 2; i++) {
            if (json_object_get(root, dtype_keys[i])) {
                failed |= json_object_set_new(root, dtype_keys[i], json_string("float32"));
            }
        }
    }
    if (failed) {
        json_decref(root);
        return NULL;
    }
    return root;
}

ek_status ek_model_config_save(const ek_model_config *config, const char *dir,
                               const char *const *label_names, int32_t label_count, bool regression,
                               ek_error *err)
{
    json_t *root = saved_config(config, label_names, label_count, regression);
    char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
    char *path = ek_path_join(dir, "config.json");
    ek_status status = text && path
                           ? ek_file_write(path, text, strlen(text), err)
                           : ek_error_set(err, EK_E_MEMORY, "no memory to write config.json");
    ek_free(text);
    ek_free(path);
    json_decref(root);
    return status;
}
