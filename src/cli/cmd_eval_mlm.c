/* eval --task mlm: the perplexity of a model's masked-LM head on plain text. */
#include <string.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/realmath.h"
#include "cli/cli.h"
#include "study/spec.h"
#include "train/evaluate.h"

struct mlm {
    ek_study_options options;
    ek_source source;
    ek_recipe recipe;
    ek_model model;
    ek_tokenizer *tokenizer;
    ek_dataset data;
    ek_token_set blocks;
    ek_compute *compute;
    ek_arena arena;
    ek_workspace workspace;
    ek_predictions predictions; /* of no example: only their loss */
};

static void release(struct mlm *m)
{
    ek_predictions_free(&m->predictions);
    ek_arena_deinit(&m->arena);
    ek_compute_free(m->compute);
    ek_token_set_free(&m->blocks);
    ek_dataset_free(&m->data);
    ek_tokenizer_close(m->tokenizer);
    ek_model_close(&m->model);
    ek_option_release(&ek_recipe_options, &m->recipe);
    ek_option_release(&ek_source_options, &m->source);
    ek_option_release(&ek_study_option_table, &m->options);
}

bool ek_cli_masked_lm(const ek_cli *cli)
{
    const ek_setting *task = ek_settings_find(&cli->settings, "task");
    return task && ek_task_is_masked_lm(task->value);
}

ek_status ek_cli_refuse_masked_lm(const char *verb, const ek_source *source, ek_error *err)
{
    return source->task && ek_task_is_masked_lm(source->task)
               ? ek_error_set(err, EK_E_USAGE,
                              "'evenkeel %s' does not know --task mlm; 'evenkeel train' continues "
                              "pre-training, 'evenkeel eval' measures perplexity",
                              verb)
               : EK_OK;
}

static ek_status load(struct mlm *m, const ek_cli *cli, ek_error *err)
{
    EK_TRY(ek_cli_apply(cli, &ek_study_option_table, &m->options, err));
    EK_TRY(ek_cli_apply(cli, &ek_source_options, &m->source, err));
    EK_TRY(ek_cli_apply(cli, &ek_recipe_options, &m->recipe, err));
    const char *path = cli->input ? cli->input : m->source.validation_file;
    if (!m->options.model) {
        return ek_error_set(err, EK_E_USAGE, "no model: give --model DIR");
    }
    if (m->source.data) {
        return ek_error_set(err, EK_E_USAGE,
                            "--task mlm reads plain text: give --input FILE, not --data");
    }
    if (!path) {
        return ek_error_set(err, EK_E_USAGE,
                            "no text: give --input FILE, plain text (- is "
                            "standard input)");
    }
    EK_TRY(ek_model_open(&m->model, m->options.model, &(ek_model_options){.masked_lm = true}, err));
    for (size_t i = 0; i < m->model.params.count; i++) {
        if (!m->model.loaded[i]) {
            return ek_error_set(err, EK_E_MODEL,
                                "%s has no '%s': without the head that it was pre-trained with "
                                "there is nothing to measure",
                                m->options.model, m->model.params.rows[i].name);
        }
    }
    EK_TRY(ek_tokenizer_open(&m->tokenizer, m->options.model, err));
    EK_TRY(ek_dataset_load_text(&m->data, NULL, path, 0, err));
    return ek_token_set_build_blocks(&m->blocks, m->tokenizer, &m->data, EK_SPLIT_VALIDATION,
                                     &m->recipe, &m->model.config, err);
}

static ek_status compute(struct mlm *m, const ek_cli *cli, ek_error *err)
{
    const ek_token_set *set = &m->blocks;
    EK_TRY(ek_compute_new(&m->compute, ek_cli_threads(cli, ek_cpu_count()), err));
    for (int pass = 0; pass < 2; pass++) {
        ek_arena plan = ek_arena_measure();
        ek_workspace_plan(&m->workspace, pass ? &m->arena : &plan, &m->model.config,
                          &m->model.offsets, m->model.params.num_labels, &set, 1,
                          (int32_t)m->recipe.batch_size, (ek_precision)m->recipe.precision, false);
        if (pass == 0) {
            EK_TRY(ek_arena_init(&m->arena, plan.used_bytes, err));
        }
    }
    EK_TRY(ek_workspace_reserve(&m->workspace, m->compute, err));
    EK_TRY(ek_predictions_init(&m->predictions, 0, m->model.params.num_labels, err));
    return ek_evaluate(&m->predictions, &m->workspace, m->compute, m->model.weights, set,
                       EK_PROBLEM_MASKED_LM, (uint32_t)cli->mask_seed, err);
}

static void write_ids(ek_buf *out, const char *key, const int32_t *ids, int32_t count)
{
    ek_buf_printf(out, "\"%s\":[", key);
    for (int32_t i = 0; i < count; i++) {
        ek_buf_printf(out, "%s%d", i ? "," : "", ids[i]);
    }
    ek_buf_puts(out, "]");
}

static ek_status dump(const struct mlm *m, const ek_cli *cli, ek_error *err)
{
    const ek_token_set *set = &m->blocks;
    int32_t *ids = ek_calloc((size_t)set->max_length, sizeof *ids);
    int32_t *labels = ek_calloc((size_t)set->max_length, sizeof *labels);
    ek_buf out = {0};
    ek_status status =
        ids && labels ? EK_OK : ek_error_set(err, EK_E_MEMORY, "no memory for a block");
    for (size_t i = 0; i < set->count && status == EK_OK; i++) {
        ek_mask_block(ids, labels, &set->examples[i], &set->mask, (uint32_t)cli->mask_seed,
                      EK_MASK_FIXED, (uint32_t)i);
        ek_buf_puts(&out, "{");
        write_ids(&out, "input_ids", ids, set->examples[i].length);
        ek_buf_puts(&out, ",");
        write_ids(&out, "labels", labels, set->examples[i].length);
        ek_buf_puts(&out, "}\n");
    }
    status = status == EK_OK ? ek_buf_status(&out, err) : status;
    if (status == EK_OK) {
        status = ek_file_write(cli->dump_masks, ek_buf_text(&out), out.length, err);
    }
    ek_buf_deinit(&out);
    ek_free(ids);
    ek_free(labels);
    return status;
}

static ek_status print(const struct mlm *m, const ek_cli *cli, ek_error *err)
{
    double loss = m->predictions.loss, perplexity = ek_exp(loss);
    ek_buf out = {0};
    if (cli->json) {
        ek_buf_printf(&out, "{\"blocks\":%zu,\"tokens\":%zu,\"masked_tokens\":%lld,\"loss\":",
                      m->blocks.count, m->blocks.token_count,
                      (long long)m->predictions.masked_count);
        ek_buf_json_double(&out, loss);
        ek_buf_puts(&out, ",\"perplexity\":");
        ek_buf_json_double(&out, perplexity);
        ek_buf_printf(&out, ",\"mask_seed\":%lld}\n", (long long)cli->mask_seed);
    } else {
        ek_buf_printf(&out,
                      "blocks      %zu, of at most %d tokens\nmasked      %lld of %zu tokens (seed "
                      "%lld)\nloss        %.6f\nperplexity  %.4f\n",
                      m->blocks.count, m->blocks.max_length, (long long)m->predictions.masked_count,
                      m->blocks.token_count, (long long)cli->mask_seed, loss, perplexity);
    }
    ek_status status = ek_cli_print(&out, err);
    ek_buf_deinit(&out);
    return status;
}

ek_status ek_cmd_eval_mlm(ek_cli *cli, ek_error *err)
{
    struct mlm m = {0};
    ek_status status = load(&m, cli, err);
    if (status == EK_OK && cli->dump_masks) {
        status = dump(&m, cli, err);
    }
    if (status == EK_OK) {
        status = compute(&m, cli, err);
    }
    if (status == EK_OK) {
        status = print(&m, cli, err);
    }
    release(&m);
    return status;
}
