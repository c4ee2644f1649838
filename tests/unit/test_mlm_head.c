/* The head of masked-language modelling by itself: losses and gradients against the same formulas
 * in double (gradients by central differences), and that the blocks of its loss are not in the
 * bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/mlm_head.h"

enum {
    H = 20,
    VOCAB = 37,
    ROWS = 300
}; /* more rows than two blocks, none of them whole at the end */

static ek_model_config config;
static ek_params params;
static ek_param_offsets offsets;
static ek_compute *compute;
static float *weights, *gradients;
static float hidden[ROWS * H];
static int32_t labels[ROWS];
static ek_arena arena;
static ek_mlm_head head;

static float next_float(uint32_t *draw)
{
    *draw = *draw * 1664525u + 1013904223u;
    return (float)((int32_t)(*draw >> 16) - 32768) / 32768;
}

static int set_up(void **state)
{
    (void)state;
    ek_error err = {0};
    config = (ek_model_config){.vocab_size = VOCAB,
                               .hidden_size = H,
                               .num_hidden_layers = 1,
                               .num_attention_heads = 1,
                               .intermediate_size = 8,
                               .max_position_embeddings = 4,
                               .type_vocab_size = 1,
                               .layer_norm_eps = 1e-12};
    assert_int_equal(ek_params_build(&params, &offsets, &config, 0, &err), EK_OK);
    assert_int_equal(ek_compute_new(&compute, 1, &err), EK_OK);
    ek_arena plan = ek_arena_measure();
    for (int pass = 0; pass < 2; pass++) {
        ek_arena *on = pass ? &arena : &plan;
        weights = ek_arena_alloc(on, params.total_count, sizeof(float));
        gradients = ek_arena_alloc(on, params.total_count, sizeof(float));
        ek_mlm_head_plan(&head, on, &config, &offsets, ROWS, true);
        if (!pass) {
            assert_int_equal(ek_arena_init(&arena, plan.used_bytes, &err), EK_OK);
        }
    }
    uint32_t draw = 7;
    for (size_t i = 0; i < params.count; i++) {
        for (size_t k = 0; k < params.rows[i].count; k++) {
            weights[params.rows[i].offset + k] = next_float(&draw) / 2;
        }
    }
    for (int i = 0; i < ROWS * H; i++) {
        hidden[i] = next_float(&draw);
    }
    for (int r = 0; r < ROWS; r++) {
        labels[r] = (int32_t)((r * 31 + 5) % VOCAB);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ek_arena_deinit(&arena);
    ek_compute_free(compute);
    ek_params_free(&params, &offsets);
    return 0;
}

/* Rows [first, end) through the head, gradients added. */
static void pass(int32_t first, int32_t end)
{
    int32_t rows = end - first;
    ek_mlm_head_forward(&head, compute, hidden + first * H, weights, rows);
    ek_mlm_head_loss(&head, compute, gradients, weights, labels + first, rows, (float)ROWS);
    ek_mlm_head_backward(&head, compute, gradients, hidden + first * H, weights, rows);
}

/* The loss of one row by the formulas of mlm_head.h, w and x in double. */
static double reference_loss(const double *w, const double *x, int32_t label)
{
    double t[H], mean = 0, variance = 0, sum = 0, logits[VOCAB];
    for (int i = 0; i < H; i++) {
        double a = w[offsets.transform_bias + (size_t)i];
        for (int k = 0; k < H; k++) {
            a += w[offsets.transform_weight + (size_t)(i * H + k)] * x[k];
        }
        t[i] = a / 2 * (1 + erf(a / sqrt(2)));
        mean += t[i] / H;
    }
    for (int i = 0; i < H; i++) {
        variance += (t[i] - mean) * (t[i] - mean) / H;
    }
    for (int i = 0; i < H; i++) {
        t[i] = (t[i] - mean) / sqrt(variance + config.layer_norm_eps) *
                   w[offsets.transform_norm_weight + (size_t)i] +
               w[offsets.transform_norm_bias + (size_t)i];
    }
    for (int v = 0; v < VOCAB; v++) {
        logits[v] = w[offsets.decoder_bias + (size_t)v];
        for (int k = 0; k < H; k++) {
            logits[v] += w[offsets.word + (size_t)(v * H + k)] * t[k];
        }
        sum += exp(logits[v]);
    }
    return log(sum) - logits[label];
}

static double *in_double(const float *values, size_t count)
{
    double *out = calloc(count, sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < count; i++) {
        out[i] = (double)values[i];
    }
    return out;
}

static double mean_loss(const double *w, const double *x)
{
    double sum = 0;
    for (int r = 0; r < ROWS; r++) {
        sum += reference_loss(w, x + r * H, labels[r]);
    }
    return sum / ROWS;
}

/* The derivative by values[at]: central differences with step 1e-4 are exact to some 1e-8 of the
 * third derivative here. */
static double slope(double *values, size_t at, const double *w, const double *x)
{
    double kept = values[at], step = 1e-4;
    values[at] = kept + step;
    double above = mean_loss(w, x);
    values[at] = kept - step;
    double below = mean_loss(w, x);
    values[at] = kept;
    return (above - below) / (2 * step);
}

static void against_double(void **state)
{
    (void)state;
    double *w = in_double(weights, params.total_count), *x = in_double(hidden, ROWS * H);
    memset(gradients, 0, params.total_count * sizeof *gradients);
    pass(0, ROWS);
    for (int r = 0; r < ROWS; r++) {
        double expected = reference_loss(w, x + r * H, labels[r]);
        /* float sums of 20 to 37 terms of size 1: some 1e-6 */
        assert_true(fabs((double)head.row_loss[r] - expected) < 1e-5 * fmax(1, expected));
    }
    static const char *const names[] = {
        "embeddings.word_embeddings.weight",        "cls.predictions.transform.dense.weight",
        "cls.predictions.transform.dense.bias",     "cls.predictions.transform.LayerNorm.weight",
        "cls.predictions.transform.LayerNorm.bias", "cls.predictions.bias"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        const ek_param *row = &params.rows[ek_params_find(&params, names[n])];
        size_t stride = row->count / 11 + 1;
        for (size_t i = 0; i < row->count; i += stride) {
            double expected = slope(w, row->offset + i, w, x);
            double found = (double)gradients[row->offset + i];
            if (fabs(found - expected) > 1e-6 + 1e-4 * fabs(expected)) {
                fail_msg("%s, element %zu: %g, expected %g", names[n], i, found, expected);
            }
        }
    }
    for (size_t i = 0; i < ROWS * H; i += 397) {
        double expected = slope(x, i, w, x), found = (double)head.dhidden[i];
        assert_true(fabs(found - expected) < 1e-8 + 1e-3 * fabs(expected));
    }
    free(w);
    free(x);
}

/* 300 rows are blocks of 128, 128, 44; as 150 and 150 they are 128, 22, 128, 22. */
static void blocks_leave_no_trace(void **state)
{
    (void)state;
    size_t bytes = params.total_count * sizeof *gradients;
    float *whole = malloc(bytes), losses[ROWS];
    assert_non_null(whole);
    memset(gradients, 0, bytes);
    pass(0, ROWS);
    memcpy(whole, gradients, bytes);
    memcpy(losses, head.row_loss, sizeof losses);
    memset(gradients, 0, bytes);
    pass(0, ROWS / 2);
    assert_memory_equal(losses, head.row_loss, ROWS / 2 * sizeof *losses);
    pass(ROWS / 2, ROWS);
    assert_memory_equal(losses + ROWS / 2, head.row_loss, ROWS / 2 * sizeof *losses);
    assert_memory_equal(whole, gradients, bytes);
    free(whole);
}

/* Without gradients the losses are the same, and nothing is written. */
static void evaluation(void **state)
{
    (void)state;
    float losses[ROWS];
    memset(gradients, 0, params.total_count * sizeof *gradients);
    pass(0, ROWS);
    memcpy(losses, head.row_loss, sizeof losses);
    ek_mlm_head_forward(&head, compute, hidden, weights, ROWS);
    ek_mlm_head_loss(&head, compute, NULL, weights, labels, ROWS, 1);
    assert_memory_equal(losses, head.row_loss, sizeof losses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_double),
        cmocka_unit_test(blocks_leave_no_trace),
        cmocka_unit_test(evaluation),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
