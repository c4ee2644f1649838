/* model.h - a pre-trained model in memory: configuration, parameter table, weights.
 *
 *     ek_model model = {0};
 *     ek_model_open(&model, dir, &(ek_model_options){.num_labels = 2}, &err);
 *     ... model.weights: the block that each run copies ...
 *     ek_model_close(&model);
 *
 * Opening reads config.json and model.safetensors (or the shards of model.safetensors.index.json),
 * maps names with or without prefix and legacy gamma/beta (LayerNorm only), and keeps a report of
 * what was loaded, renamed, missing and unused. A missing encoder tensor is an error; a missing
 * head or pooler is drawn per run from its init seed (ek_model_init_run). Immutable afterwards:
 * runs and worker processes share it. With `identify`, a thread hashes the files from then on until
 * ek_model_identify or ek_model_close; no process may be forked in between.
 */
#ifndef EK_MODEL_MODEL_H
#define EK_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/status.h"
#include "model/config.h"
#include "model/params.h"

typedef struct {
    int32_t num_labels; /* classes, 1 for regression; 0: what config.json says (eval, predict) */
    bool masked_lm; /* with the head of masked-language modelling; num_labels is not looked at */
    bool keep_head; /* use the checkpoint's classifier; missing or of another shape: error */
    bool identify;  /* ek_model_identify will be called */
} ek_model_options;

typedef enum { EK_LOAD_LOADED, EK_LOAD_RENAMED, EK_LOAD_MISSING, EK_LOAD_UNUSED } ek_load_kind;
typedef struct {
    ek_load_kind kind;
    char *file_name;    /* name in the file, NULL when missing */
    char *param_name;   /* name in the table, NULL when unused */
    const char *reason; /* "MLM head", "position_ids buffer", "drawn from the init stream", ... */
} ek_load_entry;

typedef struct {
    char *dir;
    ek_model_config config;
    ek_params params;
    ek_param_offsets offsets;
    float *weights;        /* [params.total_count]; missing tensors are 0 */
    bool *loaded;          /* [params.count] */
    ek_load_entry *report; /* [report_count] in table order, unused ones last */
    size_t report_count;
    char hash[65]; /* SHA-256 of config.json and all weight files, after ek_model_identify */
    struct ek_identity *identity; /* private: the thread at work on the hash */
    ek_arena arena;               /* private */
} ek_model;

ek_status ek_model_open(ek_model *model, const char *dir, const ek_model_options *options,
                        ek_error *err);
/* model->hash of a model opened with `identify`, once the thread that makes it has come to its end.
 * The first call waits, the others have nothing to do. */
void ek_model_identify(ek_model *model);
/* A model of that shape whose every tensor is drawn by ek_model_init_run: for measurements. config
 * is copied and must hold no id2label and no raw. */
ek_status ek_model_random(ek_model *model, const ek_model_config *config, int32_t num_labels,
                          ek_error *err);
void ek_model_close(ek_model *model); /* an all-zero one is fine */
/* weights [params.total_count] = the model's, with missing tensors drawn for init_seed. They may be
 * model->weights itself, once nobody else needs the pre-trained ones. */
void ek_model_init_run(const ek_model *model, float *weights, uint32_t init_seed);
/* Saves config.json and model.safetensors (names with prefix, as BertForSequenceClassification, or
 * as BertForMaskedLM with a masked-LM head: label_names are not looked at) into an existing dir.
 * metadata as in ek_safetensors_write. */
ek_status ek_model_save(const ek_model *model, const float *weights, const char *dir,
                        const char *const *label_names, bool regression,
                        const char *const *metadata, ek_error *err);

#endif
