#include "model/params.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/sha256.h"

static const char prefix[] = "bert.";

const char *ek_param_group_name(ek_param_group group)
{
    static const char *const names[] = {"embeddings",       "query",        "key",    "value",
                                        "attention_output", "intermediate", "output", "pooler",
                                        "classifier",       "predictions"};
    return names[group];
}

/* Where the table stands while it is built; rows NULL while counting. */
struct builder {
    ek_param *rows;
    size_t count;
    size_t offset;
};

/* Offsets start on 64 bytes where a product or an operation begins. */
static void align(struct builder *builder)
{
    builder->offset = (builder->offset + 15) / 16 * 16;
}

enum { VECTOR = 0, DECAYS = 1, HEAD = 2 };

/* Adds a tensor [rows, columns] (rows 0: a vector); returns its offset. */
static size_t tensor(struct builder *builder, ek_param_group group, int32_t layer, int32_t rows,
                     int32_t columns, unsigned flags, const char *name)
{
    size_t offset = builder->offset;
    size_t count = (size_t)(rows ? rows : 1) * (size_t)columns;
    if (builder->rows) {
        ek_param *row = &builder->rows[builder->count];
        *row = (ek_param){
            .rows = rows ? rows : 1,
            .columns = columns,
            .rank = rows ? 2 : 1,
            .offset = offset,
            .count = count,
            .layer = layer,
            .group = group,
            .decays = (flags & DECAYS) != 0,
            .is_head = (flags & HEAD) != 0,
        };
        /* Every name is bounded: the longest is "bert.encoder.layer.255.attention.output.
         * LayerNorm.weight". */
        if (group == EK_GROUP_CLASSIFIER || group == EK_GROUP_PREDICTIONS) {
            snprintf(row->name, sizeof row->name, "%s", name);
        } else if (layer >= 0 && group != EK_GROUP_POOLER) {
            snprintf(row->name, sizeof row->name, "%sencoder.layer.%d.%s", prefix, layer, name);
        } else {
            snprintf(row->name, sizeof row->name, "%s%s", prefix, name);
        }
    }
    builder->count++;
    builder->offset += count;
    return offset;
}

static size_t aligned_tensor(struct builder *builder, ek_param_group group, int32_t layer,
                             int32_t rows, int32_t columns, unsigned flags, const char *name)
{
    align(builder);
    return tensor(builder, group, layer, rows, columns, flags, name);
}

static void add_layer(struct builder *b, ek_layer_offsets *o, int32_t layer,
                      const ek_model_config *c)
{
    int32_t h = c->hidden_size, m = c->intermediate_size;
    /* Query, key and value without gaps: one product computes all three. */
    o->query_weight =
        aligned_tensor(b, EK_GROUP_QUERY, layer, h, h, DECAYS, "attention.self.query.weight");
    tensor(b, EK_GROUP_KEY, layer, h, h, DECAYS, "attention.self.key.weight");
    tensor(b, EK_GROUP_VALUE, layer, h, h, DECAYS, "attention.self.value.weight");
    o->query_bias =
        aligned_tensor(b, EK_GROUP_QUERY, layer, 0, h, VECTOR, "attention.self.query.bias");
    tensor(b, EK_GROUP_KEY, layer, 0, h, VECTOR, "attention.self.key.bias");
    tensor(b, EK_GROUP_VALUE, layer, 0, h, VECTOR, "attention.self.value.bias");
    ek_param_group out = EK_GROUP_ATTENTION_OUTPUT;
    o->attention_output_weight =
        aligned_tensor(b, out, layer, h, h, DECAYS, "attention.output.dense.weight");
    o->attention_output_bias =
        aligned_tensor(b, out, layer, 0, h, VECTOR, "attention.output.dense.bias");
    o->attention_norm_weight =
        aligned_tensor(b, out, layer, 0, h, VECTOR, "attention.output.LayerNorm.weight");
    o->attention_norm_bias =
        aligned_tensor(b, out, layer, 0, h, VECTOR, "attention.output.LayerNorm.bias");
    o->intermediate_weight =
        aligned_tensor(b, EK_GROUP_INTERMEDIATE, layer, m, h, DECAYS, "intermediate.dense.weight");
    o->intermediate_bias =
        aligned_tensor(b, EK_GROUP_INTERMEDIATE, layer, 0, m, VECTOR, "intermediate.dense.bias");
    out = EK_GROUP_OUTPUT;
    o->output_weight = aligned_tensor(b, out, layer, h, m, DECAYS, "output.dense.weight");
    o->output_bias = aligned_tensor(b, out, layer, 0, h, VECTOR, "output.dense.bias");
    o->output_norm_weight = aligned_tensor(b, out, layer, 0, h, VECTOR, "output.LayerNorm.weight");
    o->output_norm_bias = aligned_tensor(b, out, layer, 0, h, VECTOR, "output.LayerNorm.bias");
}

static void add_classifier(struct builder *b, ek_param_offsets *o, int32_t top, int32_t h,
                           int32_t num_labels)
{
    ek_param_group group = EK_GROUP_POOLER;
    o->pooler_weight = aligned_tensor(b, group, top, h, h, DECAYS | HEAD, "pooler.dense.weight");
    o->pooler_bias = aligned_tensor(b, group, top, 0, h, HEAD, "pooler.dense.bias");
    group = EK_GROUP_CLASSIFIER;
    o->classifier_weight =
        aligned_tensor(b, group, top, num_labels, h, DECAYS | HEAD, "classifier.weight");
    o->classifier_bias = aligned_tensor(b, group, top, 0, num_labels, HEAD, "classifier.bias");
}

/* The decoder's weight has no row: it is the table of word embeddings. */
static void add_predictions(struct builder *b, ek_param_offsets *o, int32_t top, int32_t h,
                            int32_t vocab_size)
{
    ek_param_group group = EK_GROUP_PREDICTIONS;
    o->transform_weight = aligned_tensor(b, group, top, h, h, DECAYS | HEAD,
                                         "cls.predictions.transform.dense.weight");
    o->transform_bias =
        aligned_tensor(b, group, top, 0, h, HEAD, "cls.predictions.transform.dense.bias");
    o->transform_norm_weight =
        aligned_tensor(b, group, top, 0, h, HEAD, "cls.predictions.transform.LayerNorm.weight");
    o->transform_norm_bias =
        aligned_tensor(b, group, top, 0, h, HEAD, "cls.predictions.transform.LayerNorm.bias");
    o->decoder_bias = aligned_tensor(b, group, top, 0, vocab_size, HEAD, "cls.predictions.bias");
}

static void add_all(struct builder *b, ek_param_offsets *o, const ek_model_config *c,
                    int32_t num_labels)
{
    int32_t h = c->hidden_size, top = c->num_hidden_layers;
    ek_param_group group = EK_GROUP_EMBEDDINGS;
    o->word =
        aligned_tensor(b, group, -1, c->vocab_size, h, DECAYS, "embeddings.word_embeddings.weight");
    o->position = aligned_tensor(b, group, -1, c->max_position_embeddings, h, DECAYS,
                                 "embeddings.position_embeddings.weight");
    o->token_type = aligned_tensor(b, group, -1, c->type_vocab_size, h, DECAYS,
                                   "embeddings.token_type_embeddings.weight");
    o->norm_weight = aligned_tensor(b, group, -1, 0, h, VECTOR, "embeddings.LayerNorm.weight");
    o->norm_bias = aligned_tensor(b, group, -1, 0, h, VECTOR, "embeddings.LayerNorm.bias");
    for (int32_t layer = 0; layer < top; layer++) {
        ek_layer_offsets unused;
        add_layer(b, o->layers ? &o->layers[layer] : &unused, layer, c);
    }
    if (num_labels > 0) {
        add_classifier(b, o, top, h, num_labels);
    } else {
        add_predictions(b, o, top, h, c->vocab_size);
    }
    align(b);
}

bool ek_param_place(const char *name, int32_t *layer, ek_param_group *group)
{
    static const struct {
        const char *start;
        ek_param_group group;
    } parts[] = {
        {"embeddings.", EK_GROUP_EMBEDDINGS},
        {"attention.self.query.", EK_GROUP_QUERY},
        {"attention.self.key.", EK_GROUP_KEY},
        {"attention.self.value.", EK_GROUP_VALUE},
        {"attention.output.", EK_GROUP_ATTENTION_OUTPUT},
        {"intermediate.", EK_GROUP_INTERMEDIATE},
        {"output.", EK_GROUP_OUTPUT},
        {"pooler.", EK_GROUP_POOLER},
        {"classifier.", EK_GROUP_CLASSIFIER},
        {"cls.predictions.", EK_GROUP_PREDICTIONS},
    };
    static const char encoder[] = "encoder.layer.";
    int32_t number = -1;
    /* A family's prefix, as in "roberta.encoder.", is a word before one of these. */
    static const char *const roots[] = {"encoder.", "embeddings.", "pooler."};
    const char *rest = strchr(name, '.');
    for (size_t i = 0; rest && i < sizeof roots / sizeof *roots; i++) {
        if (strncmp(rest + 1, roots[i], strlen(roots[i])) == 0) {
            name = rest + 1;
            break;
        }
    }
    if (strncmp(name, encoder, sizeof encoder - 1) == 0) {
        name += sizeof encoder - 1;
        for (number = 0; *name >= '0' && *name <= '9' && number < 10000; name++) {
            number = number * 10 + (*name - '0');
        }
        if (*name++ != '.') {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strncmp(name, parts[i].start, strlen(parts[i].start)) == 0) {
            bool head = parts[i].group >= EK_GROUP_POOLER;
            bool inside = !head && parts[i].group != EK_GROUP_EMBEDDINGS;
            *group = parts[i].group;
            *layer = head ? INT32_MAX : number;
            return inside == (number >= 0);
        }
    }
    return false;
}

ek_status ek_params_build(ek_params *params, ek_param_offsets *offsets,
                          const ek_model_config *config, int32_t num_labels, ek_error *err)
{
    *params = (ek_params){.num_labels = num_labels};
    *offsets = (ek_param_offsets){0};
    struct builder counting = {0};
    add_all(&counting, offsets, config, num_labels);
    offsets->layers = ek_calloc((size_t)config->num_hidden_layers, sizeof *offsets->layers);
    params->rows = ek_calloc(counting.count, sizeof *params->rows);
    if (!offsets->layers || !params->rows) {
        ek_params_free(params, offsets);
        return ek_error_set(err, EK_E_MEMORY, "no memory for the table of %zu tensors",
                            counting.count);
    }
    struct builder builder = {.rows = params->rows};
    add_all(&builder, offsets, config, num_labels);
    params->count = builder.count;
    params->total_count = builder.offset;
    return EK_OK;
}

void ek_params_free(ek_params *params, ek_param_offsets *offsets)
{
    ek_free(params->rows);
    ek_free(offsets->layers);
    *params = (ek_params){0};
    *offsets = (ek_param_offsets){0};
}

int64_t ek_params_find(const ek_params *params, const char *name)
{
    size_t skip = sizeof prefix - 1;
    for (size_t i = 0; i < params->count; i++) {
        const char *full = params->rows[i].name;
        if (strcmp(full, name) == 0 ||
            (strncmp(full, prefix, skip) == 0 && strcmp(full + skip, name) == 0)) {
            return (int64_t)i;
        }
    }
    return -1;
}

static uint32_t fnv1a(const char *text)
{
    uint32_t hash = 2166136261u;
    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    }
    return hash;
}

void ek_params_init(const ek_params *params, size_t index, float *weights, double std,
                    uint32_t init_seed)
{
    const ek_param *row = &params->rows[index];
    float *values = weights + row->offset;
    if (row->rank == 2) {
        ek_random_normal_f32(values, row->count, 0, std, init_seed, EK_STREAM_INIT,
                             fnv1a(row->name), 0);
        return;
    }
    float value = strstr(row->name, "LayerNorm.weight") ? 1.0f : 0.0f;
    for (size_t i = 0; i < row->count; i++) {
        values[i] = value;
    }
}

void ek_params_hash(const ek_params *params, const float *weights, char hex[65])
{
    ek_sha256 hash;
    ek_sha256_init(&hash);
    for (size_t i = 0; i < params->count; i++) {
        const ek_param *row = &params->rows[i];
        char head[160];
        int length = snprintf(head, sizeof head, "%s\n%d %d %d\n", row->name, row->rank, row->rows,
                              row->columns);
        ek_sha256_update(&hash, head, (size_t)length);
        ek_sha256_f32(&hash, weights + row->offset, row->count);
    }
    ek_sha256_hex(&hash, hex);
}
