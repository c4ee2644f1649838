/* Whole models against PyTorch: logits, losses, gradients of every tensor, and training steps.
 *
 * Golden values: tests/golden/make_encoder.py (double precision; training losses in float). The
 * tiny model always runs; the real ones when EK_MODELS names a folder that holds them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "golden_model.h"
#include "model/encoder.h"
#include "model/head.h"
#include "model/model.h"
#include "train/optimizer.h"

enum { EXAMPLES_MAX = 16, LENGTH_MAX = 128 };

struct golden {
    char name[32];
    int labels, count, longest, steps;
    ek_model model;
    ek_compute *compute;
    float *weights, *gradients;
    ek_arena arena;
    ek_batch batch;
    ek_encoder encoder;
    ek_head head;
    int32_t ids[EXAMPLES_MAX][LENGTH_MAX], types[EXAMPLES_MAX][LENGTH_MAX];
    ek_tokens examples[EXAMPLES_MAX];
    int32_t targets[EXAMPLES_MAX];
    float scores[EXAMPLES_MAX];
};

/* The formula for weights that the checkpoint lacks; the same in make_encoder.py. */
static void fill_by_formula(struct golden *g, const char *name)
{
    int64_t index = ek_params_find(&g->model.params, name);
    assert_true(index >= 0);
    const ek_param *row = &g->model.params.rows[index];
    for (int32_t i = 0; i < row->rows; i++) {
        for (int32_t j = 0; j < row->columns; j++) {
            double value = row->rank == 2 ? ((i * 31 + j * 17) % 13 - 6) * 0.01 : 0;
            g->weights[row->offset + (size_t)i * (size_t)row->columns + (size_t)j] = (float)value;
        }
    }
}

static void make_examples(struct golden *g)
{
    int vocab = g->model.config.vocab_size;
    for (int e = 0; e < g->count; e++) {
        int n = 5 + (7 * e) % (g->longest - 4);
        for (int t = 0; t < n; t++) {
            g->ids[e][t] = 2 + (31 * e + 17 * t) % (vocab - 2);
            g->types[e][t] = 2 * t >= n && e % 2 == 1;
        }
        g->examples[e] = (ek_tokens){g->ids[e], g->types[e], n};
        g->targets[e] = g->labels > 1 ? e % g->labels : 0;
        g->scores[e] = 0.5f * (float)(e % 7);
    }
}

static void lay_out(struct golden *g, ek_arena *arena)
{
    int32_t tokens = g->count * g->longest;
    ek_encoder_limits limits = {.max_examples = g->count,
                                .max_tokens = tokens,
                                .max_length = g->longest,
                                .max_wanted = g->count,
                                .train = true};
    size_t total = g->model.params.total_count;
    g->weights = ek_arena_alloc(arena, total, sizeof(float));
    g->gradients = ek_arena_alloc(arena, total, sizeof(float));
    ek_batch_plan(&g->batch, arena, g->count, tokens);
    ek_encoder_plan(&g->encoder, arena, &g->model.config, &g->model.offsets, &limits);
    ek_head_plan(&g->head, arena, &g->model.config, &g->model.offsets, g->count,
                 g->model.params.num_labels);
}

static void open_case(struct golden *g, const char *dir)
{
    ek_error err = {0};
    assert_int_equal(
        ek_model_open(&g->model, dir, &(ek_model_options){.num_labels = g->labels}, &err), EK_OK);
    assert_int_equal(ek_compute_new(&g->compute, 1, &err), EK_OK);
    ek_arena plan = ek_arena_measure();
    lay_out(g, &plan);
    assert_int_equal(ek_arena_init(&g->arena, plan.used_bytes, &err), EK_OK);
    lay_out(g, &g->arena);
    ek_model_init_run(&g->model, g->weights, 1);
    fill_by_formula(g, "classifier.weight");
    fill_by_formula(g, "classifier.bias");
    if (!g->model.loaded[ek_params_find(&g->model.params, "bert.pooler.dense.weight")]) {
        fill_by_formula(g, "bert.pooler.dense.weight");
        fill_by_formula(g, "bert.pooler.dense.bias");
    }
    make_examples(g);
}

static void close_case(struct golden *g)
{
    ek_arena_deinit(&g->arena);
    ek_compute_free(g->compute);
    ek_model_close(&g->model);
}

/* Forward and backward without dropout; the mean loss. */
static double step(struct golden *g)
{
    const ek_encoder_options options = {.addend_layer = -1};
    const ek_head_options head_options = {0};
    bool regression = g->labels == 1;
    ek_zero(g->compute, g->gradients, (int64_t)g->model.params.total_count);
    ek_batch_fill(&g->batch, g->examples, g->count, 0);
    ek_encoder_forward(&g->encoder, g->compute, g->weights, &g->batch, &options);
    ek_head_forward(&g->head, g->compute, g->encoder.hidden, g->weights, &g->batch, &head_options);
    ek_head_loss(&g->head, g->compute, regression ? NULL : g->targets,
                 regression ? g->scores : NULL, g->count, (float)g->count, true);
    ek_head_backward(&g->head, g->compute, g->gradients, g->encoder.hidden, g->weights, &g->batch,
                     &head_options);
    ek_encoder_backward(&g->encoder, g->compute, g->gradients, g->head.dhidden, g->weights,
                        &g->batch, &options);
    double sum = 0;
    for (int e = 0; e < g->count; e++) {
        sum += (double)g->head.row_loss[e];
    }
    return sum / g->count;
}

/* torch.optim.AdamW at a constant rate, no decay on biases and LayerNorm. */
static void check_training(struct golden *g, const double *expected, int steps, double tolerance)
{
    ek_error err = {0};
    ek_recipe recipe;
    ek_optimizer optimizer;
    ek_arena arena = ek_arena_measure();
    assert_int_equal(ek_option_defaults(&ek_recipe_options, &recipe, &err), EK_OK);
    recipe.adam_variant = EK_ADAMW_TORCH;
    recipe.adam_epsilon = 1e-8;
    ek_optimizer_plan(&optimizer, &arena, &g->model.params, &recipe);
    size_t bytes = arena.used_bytes;
    assert_int_equal(ek_arena_init(&arena, bytes, &err), EK_OK);
    ek_optimizer_plan(&optimizer, &arena, &g->model.params, &recipe);
    double worst = 0;
    for (int s = 0; s < steps; s++) {
        double loss = step(g);
        worst = fmax(worst, fabs(loss - expected[s]) / expected[s]);
        double norm = ek_optimizer_norm(&optimizer, g->compute, g->gradients, NULL);
        ek_optimizer_step(&optimizer, g->compute, g->weights, g->gradients, 2e-5, norm);
    }
    print_message("%s: %d training losses within %.1e of PyTorch's\n", g->name, steps, worst);
    assert_true(worst < tolerance);
    ek_arena_deinit(&arena);
}

/* Float products of some hundred terms against double: a few 1e-6 of the largest value; the bounds
 * leave a factor of about ten for deeper models. */
static void check_file(const char *file, const char *models)
{
    char path[512], dir[600], *line = NULL;
    size_t capacity = 0;
    snprintf(path, sizeof path, EK_TEST_DIR "/golden/%s", file);
    FILE *stream = fopen(path, "r");
    assert_non_null(stream);
    struct golden *g = NULL;
    double values[512];
    while (getline(&line, &capacity, stream) > 0) {
        if (strncmp(line, "case ", 5) == 0) {
            if (g) {
                close_case(g);
                free(g);
            }
            g = calloc(1, sizeof *g);
            assert_int_equal(sscanf(line, "case %31s %d %d %d %d", g->name, &g->labels, &g->count,
                                    &g->longest, &g->steps),
                             5);
            snprintf(dir, sizeof dir, "%s/%s", models, g->name);
            open_case(g, strcmp(file, "encoder_tiny.txt") == 0 ? models : dir);
            step(g);
        } else if (strncmp(line, "logits ", 7) == 0) {
            int count = numbers_of(line + 7, values, 512);
            assert_int_equal(count, g->count * g->labels);
            check_close("logits", g->head.logits, values, count, 2e-5);
        } else if (strncmp(line, "losses ", 7) == 0) {
            int count = numbers_of(line + 7, values, 512);
            check_close("losses", g->head.row_loss, values, count, 2e-5);
        } else if (strncmp(line, "grad ", 5) == 0) {
            check_gradient(&g->model.params, g->gradients, line, 1e-4);
        } else if (strncmp(line, "train_losses ", 13) == 0) {
            int count = numbers_of(line + 13, values, 512);
            assert_int_equal(count, g->steps);
            check_training(g, values, count, 1e-3);
        }
    }
    assert_non_null(g);
    close_case(g);
    free(g);
    free(line);
    fclose(stream);
}

static void tiny(void **state)
{
    (void)state;
    check_file("encoder_tiny.txt", EK_TEST_DIR "/golden/tiny_bert");
}

static void real(void **state)
{
    (void)state;
    const char *models = getenv("EK_MODELS");
    if (!models) {
        print_message("EK_MODELS is not set: the real models are skipped\n");
        skip();
    }
    check_file("encoder_real.txt", models);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tiny), cmocka_unit_test(real)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
