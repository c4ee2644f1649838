/* AdamW and clipping over a parameter table against the formulas in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "train/optimizer.h"

static ek_model_config tiny_config(void)
{
    return (ek_model_config){
        .model_type = "bert",
        .vocab_size = 20,
        .hidden_size = 12,
        .num_hidden_layers = 2,
        .num_attention_heads = 3,
        .intermediate_size = 20,
        .max_position_embeddings = 16,
        .type_vocab_size = 2,
        .initializer_range = 0.02,
        .layer_norm_eps = 1e-12,
    };
}

/* One parameter's AdamW in double (Mosbach et al.'s adamw.py; torch.optim.AdamW). */
struct reference {
    double w, m, v;
};

static void reference_step(struct reference *p, double g, const ek_recipe *recipe, int t,
                           double rate, double decay)
{
    double b1 = recipe->adam_beta1, b2 = recipe->adam_beta2;
    p->m = b1 * p->m + (1 - b1) * g;
    p->v = b2 * p->v + (1 - b2) * g * g;
    double c1 = recipe->bias_correction ? 1 - pow(b1, t) : 1;
    double c2 = recipe->bias_correction ? sqrt(1 - pow(b2, t)) : 1;
    if (recipe->adam_variant == EK_ADAMW_TORCH) {
        p->w -= rate * decay * p->w;
        p->w -= rate / c1 * p->m / (sqrt(p->v) / c2 + recipe->adam_epsilon);
    } else {
        p->w -= rate * c2 / c1 * p->m / (sqrt(p->v) + recipe->adam_epsilon);
        p->w -= rate * decay * p->w;
    }
}

static void steps_follow_the_formulas(int variant, bool bias_correction, double max_grad_norm)
{
    enum { STEPS = 25 };
    ek_error err = {0};
    ek_model_config config = tiny_config();
    ek_params params;
    ek_param_offsets offsets;
    assert_int_equal(ek_params_build(&params, &offsets, &config, 3, &err), EK_OK);
    ek_recipe recipe;
    assert_int_equal(ek_option_defaults(&ek_recipe_options, &recipe, &err), EK_OK);
    recipe.adam_variant = variant;
    recipe.bias_correction = bias_correction;
    recipe.max_grad_norm = max_grad_norm;

    size_t total = params.total_count;
    float *weights = calloc(total, sizeof *weights), *gradients = calloc(total, sizeof *gradients);
    struct reference *expected = calloc(total, sizeof *expected);
    for (size_t i = 0; i < params.count; i++) {
        const ek_param *row = &params.rows[i];
        ek_random_normal_f32(weights + row->offset, row->count, 0, 0.5, 1, EK_STREAM_INIT,
                             (uint32_t)i, 0);
        for (size_t k = 0; k < row->count; k++) {
            expected[row->offset + k].w = (double)weights[row->offset + k];
        }
    }
    ek_compute *compute;
    assert_int_equal(ek_compute_new(&compute, 1, &err), EK_OK);
    ek_optimizer optimizer;
    ek_arena arena = ek_arena_measure();
    ek_optimizer_plan(&optimizer, &arena, &params, &recipe);
    size_t bytes = arena.used_bytes;
    assert_int_equal(ek_arena_init(&arena, bytes, &err), EK_OK);
    ek_optimizer_plan(&optimizer, &arena, &params, &recipe);

    for (int t = 1; t <= STEPS; t++) {
        double squares = 0, rate = 1e-3 * t / STEPS;
        for (size_t i = 0; i < params.count; i++) {
            const ek_param *row = &params.rows[i];
            ek_random_normal_f32(gradients + row->offset, row->count, 0, 0.01, 2, EK_STREAM_INIT,
                                 (uint32_t)i, (uint32_t)t);
            for (size_t k = 0; k < row->count; k++) {
                squares += pow((double)gradients[row->offset + k], 2);
            }
        }
        double norm = ek_optimizer_norm(&optimizer, compute, gradients, NULL);
        assert_true(fabs(norm - sqrt(squares)) < 1e-6 * norm); /* float sums of 4,096 squares */
        double clip = max_grad_norm > 0 ? fmin(1, max_grad_norm / (norm + 1e-6)) : 1;
        ek_optimizer_step(&optimizer, compute, weights, gradients, rate, norm);
        for (size_t i = 0; i < params.count; i++) {
            const ek_param *row = &params.rows[i];
            for (size_t k = row->offset; k < row->offset + row->count; k++) {
                reference_step(&expected[k], clip * (double)gradients[k], &recipe, t, rate,
                               row->decays ? recipe.weight_decay : 0);
            }
        }
    }
    for (size_t i = 0; i < params.count; i++) {
        const ek_param *row = &params.rows[i];
        for (size_t k = row->offset; k < row->offset + row->count; k++) {
            /* Each step rounds w once or twice: half an ULP of |w| <= 2 (6e-8) a rounding, and the
             * update itself is exact to about 1e-6 of its at most 1e-2. */
            assert_true(fabs((double)weights[k] - expected[k].w) < 2 * STEPS * 6e-8 + 1e-7);
        }
    }
    /* The padding between tensors stays zero. */
    size_t end = 0;
    for (size_t i = 0; i < params.count; i++) {
        for (; end < params.rows[i].offset; end++) {
            assert_true(weights[end] == 0);
        }
        end = params.rows[i].offset + params.rows[i].count;
    }
    free(weights);
    free(gradients);
    free(expected);
    ek_arena_deinit(&arena);
    ek_compute_free(compute);
    ek_params_free(&params, &offsets);
}

static void mosbach(void **state)
{
    (void)state;
    steps_follow_the_formulas(EK_ADAMW_MOSBACH, true, 1);
    steps_follow_the_formulas(EK_ADAMW_MOSBACH, false, 0.1);
}

static void torch_variant(void **state)
{
    (void)state;
    steps_follow_the_formulas(EK_ADAMW_TORCH, true, 0.1);
    steps_follow_the_formulas(EK_ADAMW_TORCH, false, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(mosbach), cmocka_unit_test(torch_variant)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
