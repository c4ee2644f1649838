/* config.h - config.json: the shape of a model, checked, and kept whole for writing back.
 *
 * Keys are Hugging Face's. One struct serves the whole family: what differs between BERT, RoBERTa,
 * ALBERT, ... is data (the family table), not code. This program reads BERT; a new family is a row.
 */
#ifndef EK_MODEL_CONFIG_H
#define EK_MODEL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/status.h"
#include "kernel/kernel.h"

typedef struct {
    char model_type[32]; /* "bert"; config.json of old models lacks it: then "bert", said */
    int32_t vocab_size, hidden_size, num_hidden_layers, num_attention_heads, intermediate_size;
    int32_t max_position_embeddings, type_vocab_size, pad_token_id;
    ek_activation hidden_act;
    double hidden_dropout_prob, attention_probs_dropout_prob;
    double classifier_dropout; /* NaN: null, that is hidden_dropout_prob */
    double initializer_range, layer_norm_eps;
    int32_t num_labels;    /* of the file: from id2label or num_labels; 0 when it says nothing */
    char **id2label;       /* [num_labels] or NULL */
    char problem_type[40]; /* "regression", "single_label_classification" or "" */
    json_t *raw;           /* the whole file, for unknown keys */
} ek_model_config;

/* Reads dir/config.json. Every size is bounded and consistent (hidden_size % heads == 0, ...);
 * errors are EK_E_MODEL with key, value and what is supported. */
ek_status ek_model_config_load(ek_model_config *config, const char *dir, ek_error *err);
void ek_model_config_free(ek_model_config *config);
/* Writes dir/config.json; label_count 0: for BertForMaskedLM, else for a classifier: the raw keys
 * with architectures, id2label, label2id, problem_type and model_type set. label_names
 * [label_count]; label_count 1 with regression. */
ek_status ek_model_config_save(const ek_model_config *config, const char *dir,
                               const char *const *label_names, int32_t label_count, bool regression,
                               ek_error *err);

#endif
