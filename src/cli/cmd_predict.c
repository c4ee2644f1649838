/* eval and predict: a model as it stands, on one file of text. */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "study/spec.h"
#include "train/evaluate.h"

/* What both verbs load. */
struct prediction {
    ek_study_options options;
    ek_source source;
    ek_recipe recipe;
    ek_model model;
    ek_tokenizer *tokenizer;
    ek_dataset data;
    ek_split_kind split;
    ek_token_set tokens;
    ek_compute *compute;
    ek_arena arena;
    ek_workspace workspace;
    ek_predictions predictions;
};

static void release(struct prediction *p)
{
    ek_predictions_free(&p->predictions);
    ek_arena_deinit(&p->arena);
    ek_compute_free(p->compute);
    ek_token_set_free(&p->tokens);
    ek_dataset_free(&p->data);
    ek_tokenizer_close(p->tokenizer);
    ek_model_close(&p->model);
    ek_option_release(&ek_recipe_options, &p->recipe);
    ek_option_release(&ek_source_options, &p->source);
    ek_option_release(&ek_study_option_table, &p->options);
}

static ek_status load_model(struct prediction *p, const ek_cli *cli, ek_error *err)
{
    EK_TRY(ek_cli_apply(cli, &ek_study_option_table, &p->options, err));
    EK_TRY(ek_cli_apply(cli, &ek_source_options, &p->source, err));
    EK_TRY(ek_cli_apply(cli, &ek_recipe_options, &p->recipe, err));
    if (!p->options.model) {
        return ek_error_set(err, EK_E_USAGE, "no model: give --model DIR");
    }
    EK_TRY(ek_model_open(&p->model, p->options.model, &(ek_model_options){0}, err));
    for (size_t i = 0; i < p->model.params.count; i++) {
        if (!p->model.loaded[i]) {
            return ek_error_set(err, EK_E_MODEL,
                                "%s has no '%s': it is pre-trained, not fine-tuned; train it first "
                                "(evenkeel train ... -o DIR)",
                                p->options.model, p->model.params.rows[i].name);
        }
    }
    return ek_tokenizer_open(&p->tokenizer, p->options.model, err);
}

/* The model's own label words, when config.json has them; LABEL_0 and the like say nothing. */
static bool has_label_words(const ek_model_config *config)
{
    return config->id2label && strncmp(config->id2label[0], "LABEL_", 6) != 0;
}

static ek_problem problem_of(const ek_model *model)
{
    return strcmp(model->config.problem_type, "regression") == 0 || model->params.num_labels == 1
               ? EK_PROBLEM_REGRESSION
               : EK_PROBLEM_CLASSIFICATION;
}

static ek_status check_labels(const struct prediction *p, ek_error *err)
{
    if (p->data.label_count != (size_t)p->model.params.num_labels) {
        return ek_error_set(err, EK_E_MODEL, "the model has %d labels, the task has %zu",
                            p->model.params.num_labels, p->data.label_count);
    }
    for (size_t i = 0; has_label_words(&p->model.config) && i < p->data.label_count; i++) {
        if (p->data.problem == EK_PROBLEM_CLASSIFICATION &&
            strcmp(p->model.config.id2label[i], p->data.label_names[i]) != 0) {
            return ek_error_set(err, EK_E_MODEL,
                                "label %zu is '%.40s' in the model and '%.40s' in the task: it was "
                                "trained for something else",
                                i, p->model.config.id2label[i], p->data.label_names[i]);
        }
    }
    return EK_OK;
}

static ek_status load_text(struct prediction *p, const ek_cli *cli, bool labels, ek_error *err)
{
    const ek_model_config *config = &p->model.config;
    p->split = EK_SPLIT_VALIDATION;
    if (labels && p->source.task && !cli->input && ek_task_find(p->source.task)) {
        EK_TRY(ek_dataset_load(&p->data, &p->source, 1, err));
        return check_labels(p, err);
    }
    const char *path = cli->input ? cli->input : p->source.validation_file;
    if (!path && labels) {
        return ek_error_set(err, EK_E_USAGE,
                            "no text: give --task NAME --data DIR, or --input FILE");
    }
    char numbers[1000][8];
    const char *names[1000];
    int32_t count = p->model.params.num_labels;
    if (count > 1000) {
        return ek_error_set(err, EK_E_MODEL, "the model has %d labels, at most 1000 are supported",
                            count);
    }
    for (int32_t i = 0; i < count; i++) {
        snprintf(numbers[i], sizeof numbers[i], "%d", i);
        names[i] = has_label_words(config) ? config->id2label[i] : numbers[i];
    }
    return ek_dataset_load_file(&p->data, path ? path : "-", &p->source, problem_of(&p->model),
                                names, (size_t)count, labels, err);
}

static ek_status compute_all(struct prediction *p, const ek_cli *cli, ek_error *err)
{
    const ek_token_set *set = &p->tokens;
    EK_TRY(ek_token_set_build(&p->tokens, p->tokenizer, &p->data, p->split, &p->recipe,
                              &p->model.config, err));
    EK_TRY(ek_compute_new(&p->compute, ek_cli_threads(cli, ek_cpu_count()), err));
    for (int pass = 0; pass < 2; pass++) {
        ek_arena plan = ek_arena_measure();
        ek_workspace_plan(&p->workspace, pass ? &p->arena : &plan, &p->model.config,
                          &p->model.offsets, p->model.params.num_labels, &set, 1,
                          (int32_t)p->recipe.batch_size, (ek_precision)p->recipe.precision, false);
        if (pass == 0) {
            EK_TRY(ek_arena_init(&p->arena, plan.used_bytes, err));
        }
    }
    EK_TRY(ek_workspace_reserve(&p->workspace, p->compute, err));
    EK_TRY(ek_predictions_init(&p->predictions, set->count, p->model.params.num_labels, err));
    return ek_evaluate(&p->predictions, &p->workspace, p->compute, p->model.weights, set,
                       p->data.problem, 0, err);
}

static ek_status predict_all(struct prediction *p, const ek_cli *cli, bool labels, ek_error *err)
{
    EK_TRY(load_model(p, cli, err));
    EK_TRY(load_text(p, cli, labels, err));
    return compute_all(p, cli, err);
}

static void write_metrics(const struct prediction *p, const ek_cli *cli, ek_buf *out)
{
    if (cli->json) {
        ek_buf_printf(out, "{\"n\":%zu,\"loss\":", p->predictions.count);
        ek_buf_json_double(out, p->predictions.loss);
        ek_buf_puts(out, ",\"metrics\":{");
    } else {
        ek_buf_printf(out, "examples  %zu\nloss      %.6f\n", p->predictions.count,
                      p->predictions.loss);
    }
    for (const char *const *m = p->data.metrics; *m; m++) {
        double value = ek_evaluate_metric(*m, &p->predictions, &p->tokens);
        if (cli->json) {
            ek_buf_printf(out, "%s\"%s\":", m == p->data.metrics ? "" : ",", *m);
            ek_buf_json_double(out, value);
        } else {
            ek_buf_printf(out, "%-9s %.2f\n", *m, 100 * value);
        }
    }
    ek_buf_puts(out, cli->json ? "}}\n" : "");
}

ek_status ek_cmd_eval(ek_cli *cli, ek_error *err)
{
    if (ek_cli_masked_lm(cli)) {
        return ek_cmd_eval_mlm(cli, err);
    }
    if (cli->dump_masks) {
        return ek_error_set(err, EK_E_USAGE, "--dump-masks needs --task mlm");
    }
    struct prediction p = {0};
    ek_buf out = {0};
    ek_status status = predict_all(&p, cli, true, err);
    if (status == EK_OK) {
        write_metrics(&p, cli, &out);
        status = ek_cli_print(&out, err);
    }
    ek_buf_deinit(&out);
    release(&p);
    return status;
}

static void write_prediction(const struct prediction *p, size_t i, double *probs, ek_buf *out)
{
    int32_t classes = p->predictions.num_labels;
    const float *logits = p->predictions.logits + i * (size_t)classes;
    ek_buf_puts(out, "{\"label\":");
    if (p->data.problem == EK_PROBLEM_REGRESSION) {
        ek_buf_json_double(out, p->predictions.scores[i]);
    } else {
        const char *name = p->data.label_names[p->predictions.labels[i]];
        ek_buf_json_string(out, name, strlen(name));
    }
    ek_predictions_probs(&p->predictions, i, probs);
    for (int what = 0; what < 2; what++) {
        ek_buf_puts(out, what ? "],\"probs\":[" : ",\"logits\":[");
        for (int32_t c = 0; c < classes; c++) {
            ek_buf_puts(out, c ? "," : "");
            ek_buf_json_double(out, what ? probs[c] : (double)logits[c]);
        }
    }
    ek_buf_puts(out, "]}\n");
}

ek_status ek_cmd_predict(ek_cli *cli, ek_error *err)
{
    struct prediction p = {0};
    ek_buf out = {0};
    double probs[1000];
    ek_status status = predict_all(&p, cli, false, err);
    for (size_t i = 0; status == EK_OK && i < p.predictions.count; i++) {
        write_prediction(&p, i, probs, &out);
    }
    if (status == EK_OK) {
        status = ek_cli_print(&out, err);
    }
    ek_buf_deinit(&out);
    release(&p);
    return status;
}
