#include "model/model.h"

#include <string.h>

#include "base/file.h"
#include "model/checkpoint.h"
#include "model/identity.h"
#include "model/safetensors.h"

/* The parameter table and an empty block of weights; nothing is loaded yet. */
static ek_status make_room(ek_model *model, int32_t num_labels, ek_error *err)
{
    EK_TRY(ek_params_build(&model->params, &model->offsets, &model->config, num_labels, err));
    EK_TRY(ek_arena_init(&model->arena, model->params.total_count * sizeof(float), err));
    model->weights = ek_arena_alloc(&model->arena, model->params.total_count, sizeof(float));
    model->loaded = ek_calloc(model->params.count, sizeof *model->loaded);
    if (!model->loaded) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for %zu tensors", model->params.count);
    }
    return EK_OK;
}

static ek_status open_model(ek_model *model, const char *dir, const ek_model_options *options,
                            ek_error *err)
{
    EK_TRY(ek_model_config_load(&model->config, dir, err));
    model->dir = ek_strdup(dir);
    if (!model->dir) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    }
    bool tied = true;
    EK_TRY(ek_json_get_bool(model->config.raw, "tie_word_embeddings", &tied, dir, EK_E_MODEL, err));
    if (options->masked_lm && !tied) {
        return ek_error_set(err, EK_E_MODEL,
                            "%s: a decoder that is not tied to the word embeddings "
                            "(tie_word_embeddings false) is not supported",
                            dir);
    }
    int32_t labels = options->num_labels;
    if (options->masked_lm) {
        labels = 0;
    } else if (labels == 0) {
        labels = model->config.num_labels > 0 ? model->config.num_labels : 2;
    }
    EK_TRY(make_room(model, labels, err));
    return ek__checkpoint_load(model, options, err);
}

ek_status ek_model_open(ek_model *model, const char *dir, const ek_model_options *options,
                        ek_error *err)
{
    *model = (ek_model){0};
    ek_status status = open_model(model, dir, options, err);
    if (status != EK_OK) {
        ek_model_close(model);
    }
    return status;
}

void ek_model_identify(ek_model *model)
{
    ek__identity_end(model->identity, model->hash);
    model->identity = NULL;
}

ek_status ek_model_random(ek_model *model, const ek_model_config *config, int32_t num_labels,
                          ek_error *err)
{
    *model = (ek_model){.config = *config};
    ek_status status = make_room(model, num_labels, err);
    if (status != EK_OK) {
        ek_model_close(model);
    }
    return status;
}

void ek_model_close(ek_model *model)
{
    ek__identity_end(model->identity, NULL);
    for (size_t i = 0; i < model->report_count; i++) {
        ek_free(model->report[i].file_name);
        ek_free(model->report[i].param_name);
    }
    ek_free(model->report);
    ek_free(model->loaded);
    ek_free(model->dir);
    ek_arena_deinit(&model->arena);
    ek_params_free(&model->params, &model->offsets);
    ek_model_config_free(&model->config);
    *model = (ek_model){0};
}

void ek_model_init_run(const ek_model *model, float *weights, uint32_t init_seed)
{
    if (weights != model->weights) {
        memcpy(weights, model->weights, model->params.total_count * sizeof *weights);
    }
    for (size_t i = 0; i < model->params.count; i++) {
        if (!model->loaded[i]) {
            ek_params_init(&model->params, i, weights, model->config.initializer_range, init_seed);
        }
    }
}

ek_status ek_model_save(const ek_model *model, const float *weights, const char *dir,
                        const char *const *label_names, bool regression,
                        const char *const *metadata, ek_error *err)
{
    const ek_params *params = &model->params;
    ek_tensor_out *tensors = ek_calloc(params->count, sizeof *tensors);
    char *path = ek_path_join(dir, "model.safetensors");
    ek_status status = EK_OK;
    if (!tensors || !path) {
        status = ek_error_set(err, EK_E_MEMORY, "no memory to save the model");
    } else {
        for (size_t i = 0; i < params->count; i++) {
            const ek_param *row = &params->rows[i];
            tensors[i] = (ek_tensor_out){
                .name = row->name, .rank = row->rank, .values = weights + row->offset};
            tensors[i].shape[0] = row->rank == 2 ? row->rows : row->columns;
            tensors[i].shape[1] = row->columns;
        }
        status = ek_safetensors_write(path, tensors, params->count, metadata, err);
    }
    if (status == EK_OK) {
        status = ek_model_config_save(&model->config, dir, label_names, params->num_labels,
                                      regression, err);
    }
    ek_free(tensors);
    ek_free(path);
    return status;
}
