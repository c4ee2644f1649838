/* Masked-language modelling on a whole model against PyTorch: the loss of every masked token,
 * gradients of every tensor, training steps; and what the loader makes of the file.
 *
 * Golden values: tests/golden/make_mlm.py (double precision; training losses in float).
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
#include "model/mlm_head.h"
#include "model/model.h"
#include "train/optimizer.h"

enum { COUNT = 9, LONGEST = 20, STEPS = 10, MASK = 4, TOKENS = COUNT * LONGEST };

static struct {
    ek_model model;
    ek_compute *compute;
    float *weights, *gradients;
    ek_arena arena;
    ek_batch batch;
    ek_encoder encoder;
    ek_mlm_head head;
    int32_t ids[COUNT][LONGEST];
    ek_tokens examples[COUNT];
    int32_t wanted[TOKENS], labels[TOKENS], rows;
} g;

/* The formulas of make_mlm.py. */
static void make_examples(void)
{
    int32_t vocab = g.model.config.vocab_size, token = 0;
    for (int32_t e = 0; e < COUNT; e++) {
        int32_t n = 5 + (7 * e) % (LONGEST - 4);
        for (int32_t t = 0; t < n; t++, token++) {
            int32_t id = 5 + (31 * e + 17 * t) % (vocab - 5);
            bool chosen = t > 0 && t < n - 1 && (e + t) % 4 == 1;
            g.ids[e][t] = chosen && t % 3 != 2 ? MASK : id;
            if (chosen) {
                g.wanted[g.rows] = token;
                g.labels[g.rows++] = id;
            }
        }
        g.examples[e] = (ek_tokens){g.ids[e], NULL, n};
    }
}

static void lay_out(ek_arena *arena)
{
    ek_encoder_limits limits = {.max_examples = COUNT,
                                .max_tokens = TOKENS,
                                .max_length = LONGEST,
                                .max_wanted = TOKENS,
                                .train = true};
    size_t total = g.model.params.total_count;
    g.weights = ek_arena_alloc(arena, total, sizeof(float));
    g.gradients = ek_arena_alloc(arena, total, sizeof(float));
    ek_batch_plan(&g.batch, arena, COUNT, TOKENS);
    ek_encoder_plan(&g.encoder, arena, &g.model.config, &g.model.offsets, &limits);
    ek_mlm_head_plan(&g.head, arena, &g.model.config, &g.model.offsets, TOKENS, true);
}

static int set_up(void **state)
{
    (void)state;
    ek_error err = {0};
    assert_int_equal(ek_model_open(&g.model, EK_TEST_DIR "/golden/tiny_mlm",
                                   &(ek_model_options){.masked_lm = true}, &err),
                     EK_OK);
    assert_int_equal(ek_compute_new(&g.compute, 1, &err), EK_OK);
    ek_arena plan = ek_arena_measure();
    lay_out(&plan);
    assert_int_equal(ek_arena_init(&g.arena, plan.used_bytes, &err), EK_OK);
    lay_out(&g.arena);
    ek_model_init_run(&g.model, g.weights, 1);
    make_examples();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ek_arena_deinit(&g.arena);
    ek_compute_free(g.compute);
    ek_model_close(&g.model);
    return 0;
}

/* Forward and backward without dropout; the mean loss. */
static double step(void)
{
    const ek_encoder_options options = {
        .addend_layer = -1, .wanted = g.wanted, .wanted_count = g.rows};
    ek_zero(g.compute, g.gradients, (int64_t)g.model.params.total_count);
    ek_batch_fill(&g.batch, g.examples, COUNT, 0);
    ek_encoder_forward(&g.encoder, g.compute, g.weights, &g.batch, &options);
    assert_int_equal(g.encoder.wanted_count, g.rows);
    ek_mlm_head_forward(&g.head, g.compute, g.encoder.hidden, g.weights, g.rows);
    ek_mlm_head_loss(&g.head, g.compute, g.gradients, g.weights, g.labels, g.rows, (float)g.rows);
    ek_mlm_head_backward(&g.head, g.compute, g.gradients, g.encoder.hidden, g.weights, g.rows);
    ek_encoder_backward(&g.encoder, g.compute, g.gradients, g.head.dhidden, g.weights, &g.batch,
                        &options);
    double sum = 0;
    for (int32_t r = 0; r < g.rows; r++) {
        sum += (double)g.head.row_loss[r];
    }
    return sum / g.rows;
}

static void check_training(const double *expected)
{
    ek_error err = {0};
    ek_recipe recipe;
    ek_optimizer optimizer;
    ek_arena arena = ek_arena_measure();
    assert_int_equal(ek_option_defaults(&ek_recipe_options, &recipe, &err), EK_OK);
    recipe.adam_variant = EK_ADAMW_TORCH;
    recipe.adam_epsilon = 1e-8;
    ek_optimizer_plan(&optimizer, &arena, &g.model.params, &recipe);
    size_t bytes = arena.used_bytes;
    assert_int_equal(ek_arena_init(&arena, bytes, &err), EK_OK);
    ek_optimizer_plan(&optimizer, &arena, &g.model.params, &recipe);
    double worst = 0;
    for (int s = 0; s < STEPS; s++) {
        double loss = step();
        worst = fmax(worst, fabs(loss - expected[s]) / expected[s]);
        double norm = ek_optimizer_norm(&optimizer, g.compute, g.gradients, NULL);
        ek_optimizer_step(&optimizer, g.compute, g.weights, g.gradients, 2e-3, norm);
    }
    print_message("%d training losses within %.1e of PyTorch's\n", STEPS, worst);
    /* Measured 1e-7; Adam's first steps divide small gradients by their own size, which carries
     * float noise into the weights. */
    assert_true(worst < 1e-5);
    ek_arena_deinit(&arena);
}

/* Tolerances are those of test_golden_bert.c. */
static void whole_model(void **state)
{
    (void)state;
    char *line = NULL;
    size_t capacity = 0;
    double values[TOKENS];
    int gradients = 0, others = 0;
    FILE *stream = fopen(EK_TEST_DIR "/golden/mlm_tiny.txt", "r");
    assert_non_null(stream);
    step();
    while (getline(&line, &capacity, stream) > 0) {
        if (strncmp(line, "losses ", 7) == 0) {
            int count = numbers_of(line + 7, values, TOKENS);
            assert_int_equal(count, g.rows);
            check_close("losses", g.head.row_loss, values, count, 2e-5);
            others++;
        } else if (strncmp(line, "grad ", 5) == 0) {
            check_gradient(&g.model.params, g.gradients, line, 1e-4);
            gradients++;
        } else if (strncmp(line, "train_losses ", 13) == 0) {
            assert_int_equal(numbers_of(line + 13, values, TOKENS), STEPS);
            check_training(values);
            others++;
        }
    }
    assert_int_equal(gradients, (int)g.model.params.count); /* every tensor */
    assert_int_equal(others, 2);
    free(line);
    fclose(stream);
}

static const ek_load_entry *entry_of(const char *file_name)
{
    for (size_t i = 0; i < g.model.report_count; i++) {
        const ek_load_entry *entry = &g.model.report[i];
        if (entry->file_name && strcmp(entry->file_name, file_name) == 0) {
            return entry;
        }
    }
    fail_msg("%s is not in the load report", file_name);
    return NULL;
}

static void load_report(void **state)
{
    (void)state;
    for (size_t i = 0; i < g.model.params.count; i++) {
        assert_true(g.model.loaded[i]);
    }
    const ek_load_entry *gamma = entry_of("cls.predictions.transform.LayerNorm.gamma");
    assert_int_equal(gamma->kind, EK_LOAD_RENAMED);
    assert_string_equal(gamma->param_name, "cls.predictions.transform.LayerNorm.weight");
    assert_int_equal(entry_of("cls.predictions.bias")->kind, EK_LOAD_LOADED);
    static const char *const unused[] = {"cls.predictions.decoder.weight",
                                         "cls.predictions.decoder.bias",
                                         "bert.pooler.dense.weight"};
    for (size_t i = 0; i < sizeof unused / sizeof *unused; i++) {
        assert_int_equal(entry_of(unused[i])->kind, EK_LOAD_UNUSED);
    }
}

/* The same file as a model to fine-tune: the head is foreign, and named. */
static void as_classifier(void **state)
{
    (void)state;
    ek_model model;
    ek_error err = {0};
    assert_int_equal(ek_model_open(&model, EK_TEST_DIR "/golden/tiny_mlm",
                                   &(ek_model_options){.num_labels = 2}, &err),
                     EK_OK);
    int foreign = 0;
    for (size_t i = 0; i < model.report_count; i++) {
        foreign += model.report[i].kind == EK_LOAD_UNUSED &&
                   strncmp(model.report[i].file_name, "cls.predictions.", 16) == 0;
    }
    assert_int_equal(foreign, 7);
    assert_true(ek_params_find(&model.params, "cls.predictions.bias") < 0);
    assert_true(model.loaded[ek_params_find(&model.params, "pooler.dense.weight")]);
    ek_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_model),
        cmocka_unit_test(load_report),
        cmocka_unit_test(as_classifier),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
