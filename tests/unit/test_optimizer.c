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

/* ---- lazy rows ---- */

/* The same gradients to a dense and to a lazy optimizer. */
struct twins {
    ek_recipe recipe;
    ek_model_config config;
    ek_params params;
    ek_param_offsets offsets;
    ek_compute *compute;
    ek_arena arenas[2];
    ek_optimizer optimizers[2]; /* dense, lazy */
    float *weights[2], *gradients[2];
    size_t bytes;
};

static void twins_open(struct twins *twins, int variant, double weight_decay, int threads,
                       int64_t planned_updates)
{
    ek_error err = {0};
    *twins = (struct twins){.config = tiny_config()};
    twins->config.vocab_size = 400;
    twins->config.hidden_size = 99; /* no multiple of 16, of 64, or of a chunk of the norm */
    assert_int_equal(ek_params_build(&twins->params, &twins->offsets, &twins->config, 3, &err),
                     EK_OK);
    assert_int_equal(ek_option_defaults(&ek_recipe_options, &twins->recipe, &err), EK_OK);
    twins->recipe.adam_variant = variant;
    twins->recipe.weight_decay = weight_decay;
    assert_int_equal(ek_compute_new(&twins->compute, threads, &err), EK_OK);
    size_t total = twins->params.total_count;
    twins->bytes = total * sizeof(float);
    for (int lazy = 0; lazy < 2; lazy++) {
        twins->weights[lazy] = calloc(total, sizeof(float));
        twins->gradients[lazy] = calloc(total, sizeof(float));
        for (int pass = 0; pass < 2; pass++) {
            ek_arena plan = ek_arena_measure(), *arena = pass ? &twins->arenas[lazy] : &plan;
            ek_optimizer_plan(&twins->optimizers[lazy], arena, &twins->params, &twins->recipe);
            if (lazy) {
                ek_optimizer_plan_lazy(&twins->optimizers[1], arena, &twins->params.rows[0],
                                       planned_updates);
                ek_optimizer_plan_ratios(&twins->optimizers[1], arena);
            }
            if (!pass) {
                assert_int_equal(ek_arena_init(&twins->arenas[lazy], plan.used_bytes, &err), EK_OK);
            }
        }
        for (size_t i = 0; i < twins->params.count; i++) {
            const ek_param *row = &twins->params.rows[i];
            ek_random_normal_f32(twins->weights[lazy] + row->offset, row->count, 0, 0.05, 1,
                                 EK_STREAM_INIT, (uint32_t)i, 0);
        }
        twins->weights[lazy][5] = -0.0f; /* decay turns it into +0 */
    }
}

static void twins_close(struct twins *twins)
{
    for (int lazy = 0; lazy < 2; lazy++) {
        free(twins->weights[lazy]);
        free(twins->gradients[lazy]);
        ek_arena_deinit(&twins->arenas[lazy]);
    }
    ek_compute_free(twins->compute);
    ek_params_free(&twins->params, &twins->offsets);
}

static double ratio_of(const float *now, const float *before, const uint8_t *looked_at,
                       size_t columns, size_t count)
{
    double change = 0, norm = 0;
    for (size_t i = 0; i < count; i++) {
        if (!looked_at || looked_at[i / columns]) {
            double d = (double)now[i] - (double)before[i];
            change += d * d;
            norm += (double)before[i] * (double)before[i];
        }
    }
    return sqrt(change) / sqrt(norm);
}

/* The lazy twin's update ratios are those of the weights around its last step: of the table the
 * rows that a micro-batch touched, of every other tensor the whole. */
static void assert_ratios(const struct twins *twins, const float *before, int32_t rows[2][8],
                          const int32_t counts[2], bool all)
{
    const ek_params *params = &twins->params;
    uint8_t *touched = calloc((size_t)params->rows[0].rows, 1);
    for (int batch = 0; batch < 2; batch++) {
        for (int32_t i = 0; i < counts[batch]; i++) {
            touched[rows[batch][i]] = 1;
        }
    }
    /* A norm that is not finite first brings all rows up to date: `before` was taken earlier. */
    for (size_t p = all ? 1 : 0; p < params->count; p++) {
        const ek_param *row = &params->rows[p];
        double expected = ratio_of(twins->weights[1] + row->offset, before + row->offset,
                                   p == 0 ? touched : NULL, (size_t)row->columns, row->count);
        double found = twins->optimizers[1].update_ratios[p];
        /* The program's squares are summed in float by lanes of 16, and differences rounded once:
         * 1e-5 is some tens of roundings. A tensor of zeros has no ratio. */
        assert_true(!isfinite(found) ? !isfinite(expected)
                                     : fabs(found - expected) <= 1e-5 * expected);
    }
    free(touched);
}

/* A step in which a few rows have a gradient, some of them in two micro-batches; scale sets its
 * size, so that moments also pass through the subnormal numbers. extra is added to one gradient. */
static void twins_step(struct twins *twins, uint32_t step, double scale, float extra)
{
    const ek_param *table = &twins->params.rows[0];
    int32_t rows[2][8], counts[2] = {0, 0};
    for (int32_t r = 0; r < table->rows; r++) {
        for (int batch = 0; batch < 2; batch++) {
            /* Rows from 300 on never have a gradient. */
            if (r < 300 && (r * 7 + step * 13 + (uint32_t)batch * 5) % 60 == 0) {
                rows[batch][counts[batch]++] = r;
            }
        }
    }
    double norms[2];
    for (int lazy = 0; lazy < 2; lazy++) {
        ek_optimizer *optimizer = &twins->optimizers[lazy];
        float *g = twins->gradients[lazy];
        for (int batch = 0; batch < 2; batch++) {
            ek_optimizer_touch(optimizer, twins->compute, twins->weights[lazy], rows[batch],
                               counts[batch]);
            for (int32_t i = 0; i < counts[batch]; i++) {
                size_t at = table->offset + (size_t)(rows[batch][i] * table->columns);
                /* What forward would read is up to date. */
                assert_memory_equal(twins->weights[lazy] + at, twins->weights[0] + at,
                                    (size_t)table->columns * sizeof(float));
                ek_random_normal_f32(g + at, (size_t)table->columns, 0, scale, 3, EK_STREAM_INIT,
                                     (uint32_t)rows[batch][i], step);
            }
        }
        for (size_t p = 1; p < twins->params.count; p++) {
            const ek_param *row = &twins->params.rows[p];
            ek_random_normal_f32(g + row->offset, row->count, 0, scale, 2, EK_STREAM_INIT,
                                 (uint32_t)p, step);
        }
        g[twins->params.rows[3].offset] += extra;
        norms[lazy] = ek_optimizer_norm(optimizer, twins->compute, g, NULL);
    }
    assert_memory_equal(&norms[0], &norms[1], sizeof norms[0]);
    for (int lazy = 0; lazy < 2; lazy++) {
        float *g = twins->gradients[lazy];
        /* Measuring an update does not change it: the lazy twin does in every fifth step. */
        bool measure = lazy && step % 5 == 0;
        float *before = measure ? malloc(twins->bytes) : NULL;
        if (measure) {
            memcpy(before, twins->weights[lazy], twins->bytes);
        }
        (measure ? ek_optimizer_measure : ek_optimizer_step)(&twins->optimizers[lazy],
                                                             twins->compute, twins->weights[lazy],
                                                             g, 1e-3 * (1 + step % 7), norms[lazy]);
        if (measure) {
            assert_ratios(twins, before, rows, counts, !isfinite(norms[lazy]));
        }
        free(before);
        for (size_t i = 0; lazy && i < table->count; i++) {
            assert_true(g[table->offset + i] == 0);
        }
        memset(g, 0, twins->bytes);
    }
}

static void assert_twins_are_equal(struct twins *twins)
{
    ek_optimizer_catch_up(&twins->optimizers[1], twins->compute, twins->weights[1], NULL, 0);
    for (size_t i = 0; i < twins->params.total_count; i++) {
        uint32_t bits[2][3];
        for (int lazy = 0; lazy < 2; lazy++) {
            memcpy(&bits[lazy][0], &twins->weights[lazy][i], sizeof(uint32_t));
            memcpy(&bits[lazy][1], &twins->optimizers[lazy].m[i], sizeof(uint32_t));
            memcpy(&bits[lazy][2], &twins->optimizers[lazy].v[i], sizeof(uint32_t));
            for (int k = 0; k < 3; k++) { /* any NaN is as good as another */
                bits[lazy][k] =
                    (bits[lazy][k] & 0x7FFFFFFF) > 0x7F800000 ? 0x7FC00000 : bits[lazy][k];
            }
        }
        assert_memory_equal(bits[0], bits[1], sizeof bits[0]);
    }
}

static void lazy_rows_have_the_bits_of_dense_ones(void **state)
{
    (void)state;
    enum { STEPS = 500 };
    for (int variant = 0; variant < 2; variant++) {
        for (int decays = 0; decays < 2; decays++) {
            struct twins twins;
            /* Fewer planned than made: everything is brought up to date four times on the way. */
            twins_open(&twins, variant, decays ? 0.01 : 0, 1 + 2 * decays, 110);
            for (uint32_t step = 0; step < STEPS; step++) {
                /* From ordinary gradients down to squares that vanish, and back. */
                double scale = step < 200 ? 0.01 : step < 350 ? 1e-21 : 1e-3;
                twins_step(&twins, step, scale, 0);
                if (step % 97 == 0) {
                    assert_twins_are_equal(&twins);
                }
            }
            assert_twins_are_equal(&twins);
            twins_close(&twins);
        }
    }
}

static void lazy_rows_follow_a_norm_that_is_not_finite(void **state)
{
    (void)state;
    struct twins twins;
    twins_open(&twins, EK_ADAMW_MOSBACH, 0.01, 1, 1000);
    for (uint32_t step = 0; step < 30; step++) {
        twins_step(&twins, step, 0.01, step == 10 ? INFINITY : step == 20 ? NAN : 0);
    }
    assert_true(isnan(twins.weights[0][0]));
    assert_twins_are_equal(&twins);
    twins_close(&twins);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mosbach),
        cmocka_unit_test(torch_variant),
        cmocka_unit_test(lazy_rows_have_the_bits_of_dense_ones),
        cmocka_unit_test(lazy_rows_follow_a_norm_that_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
