/* AdamW: the formulas of kernel.h operation by operation, their error against double, subnormal
 * moments, gradients that are zero or not finite. */
#include "kernel_util.h"

#include <float.h>

static ek_adamw_constants some_constants(ek_adamw_variant variant, float decay)
{
    return (ek_adamw_constants){
        .variant = variant,
        .clip = 0.75f,
        .beta1 = 0.9f,
        .one_minus_beta1 = 0.1f,
        .beta2 = 0.999f,
        .one_minus_beta2 = 0.001f,
        .eps = 1e-6f,
        .step_size = 3e-4f,
        .sqrt_bc2 = 0.03f,
        .decay = decay,
    };
}

static float without_subnormals(float x)
{
    return fabsf(x) < FLT_MIN ? 0.0f : x;
}

/* kernel.h's definition, one element. */
static void defined_step(float *w, float *m, float *v, float g, const ek_adamw_constants *k)
{
    g = g * k->clip;
    *m = without_subnormals(fmaf(k->beta1, *m, k->one_minus_beta1 * g));
    *v = without_subnormals(fmaf(k->beta2, *v, k->one_minus_beta2 * (g * g)));
    if (k->variant == EK_ADAMW_MOSBACH) {
        *w = fmaf(-k->step_size, *m / (sqrtf(*v) + k->eps), *w);
        *w = fmaf(-k->decay, *w, *w);
    } else {
        *w = *w * (1.0f - k->decay);
        *w = fmaf(-k->step_size, *m / (sqrtf(*v) / k->sqrt_bc2 + k->eps), *w);
    }
}

static void steps_follow_the_definition(void **state)
{
    (void)state;
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    for (int isa = 0; isa < isa_count; isa++) {
        ek_compute *compute = open_variant(isas[isa], 1);
        struct source source = {40, PLAIN};
        for (int i = 0; i < 40; i++) {
            source.kind = (enum kind)(i % KIND_COUNT);
            int64_t count = between(&source, 1, 70);
            ek_adamw_constants constants =
                some_constants(i / 4 % 2 ? EK_ADAMW_TORCH : EK_ADAMW_MOSBACH, i % 3 ? 0.01f : 0);
            float *w = some_floats(&source, count), *m = some_floats(&source, count);
            float *v = some_floats(&source, count), *g = some_floats(&source, count);
            float *expected_w = same_floats(w, count), *expected_m = same_floats(m, count);
            for (int64_t j = 0; j < count; j++) {
                v[j] = fabsf(v[j]);
            }
            float *expected_v = same_floats(v, count);
            for (int step = 0; step < 3; step++) {
                for (int64_t j = 0; j < count; j++) {
                    defined_step(&expected_w[j], &expected_m[j], &expected_v[j], g[j], &constants);
                }
                ek_adamw_update(compute, w, m, v, g, count, &constants);
                assert_same_floats("m", expected_m, m, count);
                assert_same_floats("v", expected_v, v, count);
                assert_same_floats("w", expected_w, w, count);
            }
            free_arrays();
        }
        ek_compute_free(compute);
    }
}

static void error_is_bounded(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    for (int variant = EK_ADAMW_MOSBACH; variant <= EK_ADAMW_TORCH; variant++) {
        ek_compute *compute = open_variant(EK_ISA_SCALAR, 1);
        ek_adamw_constants k = some_constants((ek_adamw_variant)variant, 0.01f);
        struct source source = {41, PLAIN};
        float *w = some_floats(&source, COUNT), *m = some_floats(&source, COUNT);
        float *v = some_floats(&source, COUNT), *g = some_floats(&source, COUNT);
        for (int i = 0; i < COUNT; i++) {
            v[i] = fabsf(v[i]) + 1e-3f; /* the quotient stays of ordinary size */
        }
        double expected[COUNT];
        for (int i = 0; i < COUNT; i++) {
            double gi = (double)g[i] * (double)k.clip;
            double mi = (double)k.beta1 * (double)m[i] + (double)k.one_minus_beta1 * gi;
            double vi = (double)k.beta2 * (double)v[i] + (double)k.one_minus_beta2 * gi * gi;
            double wi = (double)w[i], step = (double)k.step_size, decay = (double)k.decay;
            if (variant == EK_ADAMW_MOSBACH) {
                wi -= step * mi / (sqrt(vi) + (double)k.eps);
                wi -= decay * wi;
            } else {
                wi -= decay * wi;
                wi -= step * mi / (sqrt(vi) / (double)k.sqrt_bc2 + (double)k.eps);
            }
            expected[i] = wi;
        }
        ek_adamw_update(compute, w, m, v, g, COUNT, &k);
        for (int i = 0; i < COUNT; i++) {
            /* Two roundings of w (up to 2, its step up to 0.02), a dozen relative ones of the step.
             */
            assert_near("w", i, expected[i], (double)w[i], (2 * 2 + 12 * 0.02) * UNIT_ROUNDOFF);
        }
        free_arrays();
        ek_compute_free(compute);
    }
}

/* With g = 0 the moments shrink to +0 and stay there, from both signs; they never are subnormal. */
static void moments_end_at_zero(void **state)
{
    (void)state;
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    for (int isa = 0; isa < isa_count; isa++) {
        ek_compute *compute = open_variant(isas[isa], 1);
        ek_adamw_constants k = some_constants(EK_ADAMW_TORCH, 0);
        float w[2] = {1, 1}, m[2] = {2e-38f, -2e-38f}, v[2] = {1.2e-38f, 0}, g[2] = {0, 0};
        for (int step = 0; step < 50; step++) {
            ek_adamw_update(compute, w, m, v, g, 2, &k);
            for (int i = 0; i < 2; i++) {
                assert_true(bits_of_float(m[i]) == 0 || fabsf(m[i]) >= FLT_MIN);
                assert_true(bits_of_float(v[i]) == 0 || v[i] >= FLT_MIN);
            }
        }
        assert_int_equal(bits_of_float(m[0]), 0);
        assert_int_equal(bits_of_float(m[1]), 0);
        assert_int_equal(bits_of_float(v[0]), 0);
        ek_compute_free(compute);
    }
}

/* A gradient that is not finite shows in the weight; its neighbours are as without it. */
static void bad_gradients_show(void **state)
{
    (void)state;
    enum { COUNT = 40, BAD = 19 };
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    for (int isa = 0; isa < isa_count; isa++) {
        for (int variant = EK_ADAMW_MOSBACH; variant <= EK_ADAMW_TORCH; variant++) {
            ek_compute *compute = open_variant(isas[isa], 1);
            ek_adamw_constants k = some_constants((ek_adamw_variant)variant, 0.01f);
            float w[COUNT], m[COUNT] = {0}, v[COUNT] = {0}, g[COUNT];
            for (int i = 0; i < COUNT; i++) {
                w[i] = 1;
                g[i] = i == BAD ? NAN : 1;
            }
            ek_adamw_update(compute, w, m, v, g, COUNT, &k);
            for (int i = 0; i < COUNT; i++) {
                assert_int_equal(isnan(w[i]) != 0, i == BAD);
                assert_int_equal(isnan(m[i]) != 0, i == BAD);
                assert_int_equal(isnan(v[i]) != 0, i == BAD);
            }
            ek_compute_free(compute);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_follow_the_definition),
        cmocka_unit_test(error_is_bounded),
        cmocka_unit_test(moments_end_at_zero),
        cmocka_unit_test(bad_gradients_show),
    };
    return cmocka_run_group_tests_name("kernel_adamw", tests, NULL, NULL);
}
