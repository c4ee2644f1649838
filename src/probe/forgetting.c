#include "probe/forgetting.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "probe/crew.h"
#include "train/evaluate.h"

enum { BATCH = 16 };

/* What parent and workers share. Item 0: the pre-trained model; item 1 + r L + k: run r with its
 * top k layers replaced, k < L. */
struct swap {
    ek_forgetting *forgetting;
    const ek_probe_control *control;
    const ek_probe_runs *runs;
    ek_model mlm;
    ek_tokenizer *tokenizer;
    ek_dataset data;
    ek_recipe recipe; /* of the first run: block length and precision */
    ek_token_set blocks;
    size_t items;
    struct measured {
        double perplexity;
        int64_t masked_tokens;
    } * measured; /* [items] shared memory */
};

/* In a worker. */
struct reader {
    ek_arena arena;
    ek_workspace workspace;
    float *weights;    /* of the masked-LM table */
    float *fine_tuned; /* of the classifier's table */
    size_t loaded;     /* run whose weights fine_tuned holds, plus 1 */
};

static void lay_out(struct reader *reader, const struct swap *swap, ek_arena *arena)
{
    const ek_model *mlm = &swap->mlm;
    const ek_token_set *sets[] = {&swap->blocks};
    reader->weights = ek_arena_alloc(arena, mlm->params.total_count, sizeof(float));
    reader->fine_tuned =
        ek_arena_alloc(arena, swap->runs->inputs.model.params.total_count, sizeof(float));
    ek_workspace_plan(&reader->workspace, arena, &mlm->config, &mlm->offsets, 0, sets, 1, BATCH,
                      (ek_precision)swap->recipe.precision, false);
}

static ek_status begin(void *user, ek_compute *compute, void **local, ek_error *err)
{
    const struct swap *swap = user;
    struct reader *reader = ek_calloc(1, sizeof *reader);
    ek_arena plan = ek_arena_measure();
    if (!reader) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for a worker");
    }
    lay_out(reader, swap, &plan);
    EK_TRY(ek_arena_init(&reader->arena, plan.used_bytes, err));
    lay_out(reader, swap, &reader->arena);
    *local = reader;
    return ek_workspace_reserve(&reader->workspace, compute, err);
}

/* Copies the layers below `layers` of the fine-tuned encoder over the pre-trained ones. */
static ek_status put_layers(const struct swap *swap, float *weights, const float *fine_tuned,
                            int32_t layers, ek_error *err)
{
    const ek_params *to = &swap->mlm.params, *from = &swap->runs->inputs.model.params;
    for (size_t i = 0; i < to->count; i++) {
        const ek_param *row = &to->rows[i];
        if (row->is_head || row->layer < 0 || row->layer >= layers) {
            continue;
        }
        int64_t other = ek_params_find(from, row->name);
        if (other < 0 || from->rows[other].count != row->count) {
            return ek_error_set(err, EK_E_MODEL, "the study's model has no '%s' of this size",
                                row->name);
        }
        memcpy(weights + row->offset, fine_tuned + from->rows[other].offset,
               row->count * sizeof *weights);
    }
    return EK_OK;
}

static ek_status work(void *user, void *local, ek_compute *compute, size_t item, ek_error *err)
{
    struct swap *swap = user;
    struct reader *reader = local;
    size_t layers = (size_t)swap->forgetting->layers;
    ek_predictions predictions;
    memcpy(reader->weights, swap->mlm.weights, swap->mlm.params.total_count * sizeof(float));
    if (item > 0) {
        size_t run = (item - 1) / layers, replaced = (item - 1) % layers;
        if (reader->loaded != run + 1) {
            EK_TRY(ek_probe_runs_weights(swap->runs, run, reader->fine_tuned, err));
            reader->loaded = run + 1;
        }
        EK_TRY(put_layers(swap, reader->weights, reader->fine_tuned, (int32_t)(layers - replaced),
                          err));
    }
    EK_TRY(ek_predictions_init(&predictions, 0, 0, err));
    ek_status status =
        ek_evaluate(&predictions, &reader->workspace, compute, reader->weights, &swap->blocks,
                    EK_PROBLEM_MASKED_LM, swap->forgetting->mask_seed, err);
    swap->measured[item] = (struct measured){
        ek_evaluate_metric("perplexity", &predictions, &swap->blocks), predictions.masked_count};
    ek_predictions_free(&predictions);
    return status;
}

static void progress(void *user, size_t done, size_t count)
{
    const struct swap *swap = user;
    char what[64];
    snprintf(what, sizeof what, "perplexity of %zu of %zu models", done, count);
    if (swap->control->say) {
        swap->control->say(swap->control->user, what, (double)done / (double)count);
    }
}

static ek_status same_encoder(const ek_model_config *a, const ek_model_config *b, const char *dir,
                              ek_error *err)
{
    if (a->num_hidden_layers == b->num_hidden_layers && a->hidden_size == b->hidden_size &&
        a->intermediate_size == b->intermediate_size && a->vocab_size == b->vocab_size &&
        a->num_attention_heads == b->num_attention_heads) {
        return EK_OK;
    }
    return ek_error_set(err, EK_E_MODEL,
                        "%s has %d layers of %d, the study's model %d of %d: its head cannot read "
                        "them",
                        dir, a->num_hidden_layers, a->hidden_size, b->num_hidden_layers,
                        b->hidden_size);
}

static ek_status load(struct swap *swap, ek_error *err)
{
    ek_forgetting *forgetting = swap->forgetting;
    const ek_study_inputs *inputs = &swap->runs->inputs;
    const char *dir = forgetting->mlm_model ? forgetting->mlm_model : inputs->model.dir;
    EK_TRY(ek_model_open(&swap->mlm, dir, &(ek_model_options){.masked_lm = true}, err));
    for (size_t i = 0; i < swap->mlm.params.count; i++) {
        if (!swap->mlm.loaded[i]) {
            return ek_error_set(err, EK_E_MODEL,
                                "%s has no '%s': perplexity needs the head of masked-language "
                                "modelling; name the pre-trained model that has it with "
                                "--mlm-model, or train a head first ('evenkeel train --task mlm')",
                                dir, swap->mlm.params.rows[i].name);
        }
    }
    EK_TRY(same_encoder(&swap->mlm.config, &inputs->model.config, dir, err));
    EK_TRY(ek_tokenizer_open(&swap->tokenizer, dir, err));
    EK_TRY(ek_dataset_load_text(&swap->data, NULL, forgetting->text, 0, err));
    memcpy(forgetting->text_hash, swap->data.hash, sizeof forgetting->text_hash);
    swap->recipe = inputs->spec->arms[0].recipe;
    EK_TRY(ek_token_set_build_blocks(&swap->blocks, swap->tokenizer, &swap->data,
                                     EK_SPLIT_VALIDATION, &swap->recipe, &swap->mlm.config, err));
    forgetting->layers = swap->mlm.config.num_hidden_layers;
    forgetting->blocks = swap->blocks.count;
    return EK_OK;
}

static ek_status measure(struct swap *swap, ek_error *err)
{
    ek_forgetting *forgetting = swap->forgetting;
    EK_TRY(load(swap, err));
    size_t layers = (size_t)forgetting->layers, runs = swap->runs->count;
    swap->items = 1 + runs * layers;
    swap->measured = ek_crew_share(swap->items * sizeof *swap->measured);
    forgetting->perplexity = ek_calloc(runs * (layers + 1), sizeof *forgetting->perplexity);
    if (!swap->measured || !forgetting->perplexity) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for %zu perplexities", swap->items);
    }
    EK_TRY(ek_crew_run(&(ek_crew){.count = swap->items,
                                  .jobs = swap->control->jobs,
                                  .user = swap,
                                  .begin = begin,
                                  .work = work,
                                  .progress = progress},
                       err));
    forgetting->pretrained = swap->measured[0].perplexity;
    forgetting->masked_tokens = swap->measured[0].masked_tokens;
    for (size_t r = 0; r < runs; r++) {
        for (size_t k = 0; k <= layers; k++) {
            forgetting->perplexity[r * (layers + 1) + k] =
                k == layers ? forgetting->pretrained
                            : swap->measured[1 + r * layers + k].perplexity;
        }
    }
    return EK_OK;
}

ek_status ek_forgetting_measure(ek_forgetting *forgetting, const ek_probe_runs *runs,
                                const ek_probe_control *control, ek_error *err)
{
    struct swap swap = {.forgetting = forgetting, .control = control, .runs = runs};
    forgetting->runs = runs;
    ek_status status = measure(&swap, err);
    ek_crew_unshare(swap.measured, swap.items * sizeof *swap.measured);
    ek_token_set_free(&swap.blocks);
    ek_dataset_free(&swap.data);
    ek_tokenizer_close(swap.tokenizer);
    ek_model_close(&swap.mlm);
    if (status != EK_OK) {
        ek_forgetting_free(forgetting);
    }
    return status;
}

void ek_forgetting_free(ek_forgetting *forgetting)
{
    ek_free(forgetting->perplexity);
    forgetting->perplexity = NULL;
}

void ek_forgetting_json(const ek_forgetting *forgetting, ek_buf *out)
{
    const char *name = ek_path_base(forgetting->text);
    size_t width = (size_t)forgetting->layers + 1;
    ek_buf_printf(out, "{\"probe\":\"forgetting\",\"layers\":%d,\"text\":", forgetting->layers);
    ek_buf_json_string(out, name, strlen(name));
    ek_buf_printf(out,
                  ",\"text_hash\":\"%s\",\"mask_seed\":%u,\"blocks\":%zu,\"masked_tokens\":%" PRId64
                  ",\"pretrained_perplexity\":",
                  forgetting->text_hash, forgetting->mask_seed, forgetting->blocks,
                  forgetting->masked_tokens);
    ek_buf_json_double(out, forgetting->pretrained);
    ek_buf_puts(out, ",\"runs\":[");
    for (size_t r = 0; r < forgetting->runs->count; r++) {
        const ek_probe_run *run = &forgetting->runs->runs[r];
        ek_buf_printf(out, "%s{\"run\":%" PRId64 ",\"group\":", r ? ",\n" : "\n", run->id);
        ek_buf_json_string(out, run->group, strlen(run->group));
        ek_buf_printf(out, ",\"seed\":%u,\"outcome\":\"%s\",\"score\":", run->seed,
                      ek_outcome_name(run->outcome));
        ek_buf_json_double(out, run->score);
        ek_buf_puts(out, ",\"perplexity\":[");
        for (size_t k = 0; k < width; k++) {
            ek_buf_puts(out, k ? "," : "");
            ek_buf_json_double(out, forgetting->perplexity[r * width + k]);
        }
        ek_buf_puts(out, "]}");
    }
    ek_buf_puts(out, "]}\n");
}
