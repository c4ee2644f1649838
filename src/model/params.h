/* params.h - the parameter table: every tensor of a model, one row each, in one block of floats.
 *
 * From the table come loading, saving, initialisation, gradient norms by name, decay groups and
 * the optimizer's loop. Weights, gradients and both Adam moments are blocks of total_count floats
 * with the same offsets. Within a layer query, key and value stand next to each other (weights
 * [3H, H], then biases [3H]), so that one product computes all three. Order of rows = order in
 * which norms are summed (docs/numerics.md, rule 4).
 */
#ifndef EK_MODEL_PARAMS_H
#define EK_MODEL_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "model/config.h"

typedef enum {
    EK_GROUP_EMBEDDINGS,
    EK_GROUP_QUERY,
    EK_GROUP_KEY,
    EK_GROUP_VALUE,
    EK_GROUP_ATTENTION_OUTPUT,
    EK_GROUP_INTERMEDIATE,
    EK_GROUP_OUTPUT,
    EK_GROUP_POOLER,
    EK_GROUP_CLASSIFIER,
    EK_GROUP_PREDICTIONS, /* the head of masked-language modelling */
    EK_GROUP_COUNT
} ek_param_group;
const char *ek_param_group_name(ek_param_group group); /* "query", "attention_output", ... */

typedef struct {
    char name[96];         /* Hugging Face's, with prefix:
                              "bert.encoder.layer.0.attention.self.query.weight" */
    int32_t rows, columns; /* weight [rows, columns]; a vector has rows = 1, rank 1 */
    int32_t rank;          /* 1 or 2 */
    size_t offset;         /* in floats; a multiple of 16 for rows that start a fused group */
    size_t count;          /* rows * columns */
    int32_t layer;         /* -1 embeddings, 0 .. L-1, L: pooler and classifier */
    ek_param_group group;
    bool decays; /* weight decay applies: not to biases and LayerNorm */
    bool
        is_head; /* pooler, classifier or masked-LM head: drawn from the init stream when missing */
} ek_param;

typedef struct {
    ek_param *rows;
    size_t count;
    size_t total_count; /* floats of a block, padding included (padding is always 0) */
    int32_t num_labels; /* rows of the classifier; 0: a masked-LM head instead */
} ek_params;

/* Indices of the tensors that the encoder uses by role. */
typedef struct {
    size_t query_weight, query_bias; /* key and value follow: fused [3H, H] and [3H] */
    size_t attention_output_weight, attention_output_bias, attention_norm_weight,
        attention_norm_bias;
    size_t intermediate_weight, intermediate_bias, output_weight, output_bias, output_norm_weight,
        output_norm_bias;
} ek_layer_offsets; /* offsets in floats */
typedef struct {
    size_t word, position, token_type, norm_weight, norm_bias; /* embeddings */
    size_t pooler_weight, pooler_bias, classifier_weight, classifier_bias;
    /* masked-LM head: transform (dense, LayerNorm) and the bias of the decoder, whose weight is
     * that of the word embeddings */
    size_t transform_weight, transform_bias, transform_norm_weight, transform_norm_bias,
        decoder_bias;
    ek_layer_offsets *layers; /* [num_hidden_layers] */
} ek_param_offsets;

/* num_labels: classes, 1 for regression, or 0 for a masked-LM head (as BertForMaskedLM: without a
 * pooler). */
ek_status ek_params_build(ek_params *params, ek_param_offsets *offsets,
                          const ek_model_config *config, int32_t num_labels, ek_error *err);
void ek_params_free(ek_params *params, ek_param_offsets *offsets);
/* Index of a row by its name (with or without the family's prefix), or -1. */
int64_t ek_params_find(const ek_params *params, const char *name);
/* Where a parameter of this name stands (with any family's prefix, or none): its group, and its
 * layer: -1 embeddings, 0 .. encoder layers, INT32_MAX heads. false: no name of such a table. */
bool ek_param_place(const char *name, int32_t *layer, ek_param_group *group);
/* Draws one tensor as Hugging Face does: weights N(0, std) from (init_seed, init stream, FNV-1a of
 * the name), biases 0, LayerNorm weights 1. */
void ek_params_init(const ek_params *params, size_t row, float *weights, double std,
                    uint32_t init_seed);
/* SHA-256 over all tensors in table order (names, shapes, values; not the padding). */
void ek_params_hash(const ek_params *params, const float *weights, char hex[65]);

#endif
