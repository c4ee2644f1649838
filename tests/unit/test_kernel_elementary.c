/* exp, log, erf, tanh: error in ULP against libm's double functions, special values, equal bits of
 * all instruction sets; and the activations with their derivatives.
 *
 * The committed run visits every 251st float. EK_ULP_STRIDE=1 visits all 2^32 (minutes); the bounds
 * below, and in kernel.h, are from that run. */
#include "kernel_util.h"

#include <float.h>

#include "kernel/kernel_table.h"

enum { EXP, LOG, ERF, TANH, FUNCTION_COUNT };

static const struct {
    const char *name;
    double (*exact)(double);
    float (*single)(float);
    double bound_ulp; /* measured over all floats, rounded up */
} functions[FUNCTION_COUNT] = {
    [EXP] = {"exp", exp, ek_expf, 1.02},
    [LOG] = {"log", log, ek_logf, 0.84},
    [ERF] = {"erf", erf, ek_erff, 1.18},
    [TANH] = {"tanh", tanh, ek_tanhf, 1.34},
};

static const ek__kernels *table_of(ek_isa isa)
{
    switch (isa) {
#if defined(__x86_64__)
    case EK_ISA_AVX2:
        return &ek__kernels_avx2;
    case EK_ISA_AVX512:
        return &ek__kernels_avx512;
    case EK_ISA_AVX512_BF16:
        return &ek__kernels_avx512_bf16;
#endif
#if defined(__aarch64__)
    case EK_ISA_NEON:
        return &ek__kernels_neon;
#endif
    default:
        return &ek__kernels_scalar;
    }
}

/* The distance of neighbouring floats at |x|; subnormal numbers have the smallest. */
static double ulp(double x)
{
    int exponent;
    frexp(x, &exponent);
    return ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
}

static double error_ulp(int which, float x, float y)
{
    double exact = functions[which].exact((double)x);
    if (isnan(exact) || isnan(y)) {
        return isnan(exact) && isnan(y) ? 0 : INFINITY;
    }
    if (isinf(y) || fabs(exact) > (double)FLT_MAX) { /* where rounding to nearest overflows */
        double limit = 0x1.ffffffp127;
        return isinf(y) && fabs(exact) >= limit * (1 - 1e-7) && (y > 0) == (exact > 0) ? 0
               : isinf(y) || fabs(exact) >= limit * (1 + 1e-7)
                   ? INFINITY
                   : fabs((double)y - exact) / ulp(FLT_MAX);
    }
    return fabs((double)y - exact) / ulp(exact);
}

static void errors_are_bounded(void **state)
{
    (void)state;
    enum { BLOCK = 4096 };
    const char *wish = getenv("EK_ULP_STRIDE");
    uint64_t stride = wish ? strtoull(wish, NULL, 10) : 251;
    static float x[BLOCK], y[BLOCK];
    ek_isa isas[EK_ISA_COUNT];
    const ek__kernels *best = table_of(isas[available_isas(isas) - 1]);
    assert_true(stride > 0);
    for (int f = 0; f < FUNCTION_COUNT; f++) {
        double worst = 0;
        float worst_x = 0;
        for (uint64_t bits = 0; bits < (uint64_t)1 << 32;) {
            int count = 0;
            for (; count < BLOCK && bits < (uint64_t)1 << 32; bits += stride) {
                x[count++] = float_of_bits((uint32_t)bits);
            }
            best->elementary(y, x, count, f);
            for (int i = 0; i < count; i++) {
                double error = error_ulp(f, x[i], y[i]);
                if (error > worst) {
                    worst = error;
                    worst_x = x[i];
                }
            }
        }
        print_message("%s: at most %.3f ULP, at %.9g\n", functions[f].name, worst, (double)worst_x);
        if (!(worst <= functions[f].bound_ulp)) {
            fail_msg("%s: %.3f ULP at %.9g, the stated bound is %.2f", functions[f].name, worst,
                     (double)worst_x, functions[f].bound_ulp);
        }
    }
}
static void special_values(void **state)
{
    (void)state;
    const float inf = INFINITY, least = float_of_bits(1);
    static const double nan_bits[] = {0x7FC00000, 0xFFC00000, 0x7F800001, 0xFF800001};
    for (int f = 0; f < FUNCTION_COUNT; f++) {
        for (size_t i = 0; i < sizeof nan_bits / sizeof *nan_bits; i++) {
            assert_true(isnan(functions[f].single(float_of_bits((uint32_t)nan_bits[i]))));
        }
    }
    const struct {
        int function;
        float x, y;
    } values[] = {
        {EXP, inf, inf},         {EXP, -inf, 0.0f},     {EXP, 0.0f, 1.0f},
        {EXP, -0.0f, 1.0f},      {EXP, least, 1.0f},    {EXP, 88.7228394f, inf},
        {EXP, FLT_MAX, inf},     {EXP, -FLT_MAX, 0.0f}, {EXP, -103.972084f, 0.0f},
        {LOG, inf, inf},         {LOG, 0.0f, -inf},     {LOG, -0.0f, -inf},
        {LOG, 1.0f, 0.0f},       {LOG, -1.0f, NAN},     {LOG, -inf, NAN},
        {LOG, -least, NAN},      {ERF, inf, 1.0f},      {ERF, -inf, -1.0f},
        {ERF, 0.0f, 0.0f},       {ERF, -0.0f, -0.0f},   {ERF, least, least},
        {ERF, FLT_MAX, 1.0f},    {TANH, inf, 1.0f},     {TANH, -inf, -1.0f},
        {TANH, 0.0f, 0.0f},      {TANH, -0.0f, -0.0f},  {TANH, least, least},
        {TANH, -FLT_MAX, -1.0f},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        float y = functions[values[i].function].single(values[i].x);
        assert_same_floats(functions[values[i].function].name, &values[i].y, &y, 1);
    }
    /* The last results before exp underflows and overflows. */
    assert_true(ek_expf(-103.9f) == least);
    assert_true(ek_expf(88.7228317f) > 3.402e38f && ek_expf(88.7228317f) <= FLT_MAX);
    /* Gradual underflow: exp(-100) is a subnormal number. */
    assert_true(ek_expf(-100.0f) > 0 && ek_expf(-100.0f) < FLT_MIN);
}

static void erf_and_tanh_are_odd_and_bounded(void **state)
{
    (void)state;
    for (uint64_t bits = 0; bits < 0x7F800000; bits += 20011) {
        float x = float_of_bits((uint32_t)bits);
        for (int f = ERF; f <= TANH; f++) {
            float y = functions[f].single(x), mirrored = -functions[f].single(-x);
            assert_same_floats(functions[f].name, &y, &mirrored, 1);
            assert_true(y >= 0 && y <= 1);
        }
    }
}

static void instruction_sets_have_the_same_bits(void **state)
{
    (void)state;
    enum { BLOCK = 1 << 12, STRIDE = 10007 };
    static float x[BLOCK], y[EK_ISA_COUNT][BLOCK];
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32;) {
        int count = 0;
        for (; count < BLOCK - 5 && bits < (uint64_t)1 << 32; bits += STRIDE) {
            x[count++] = float_of_bits((uint32_t)bits);
        }
        for (int f = 0; f < FUNCTION_COUNT; f++) {
            for (int i = 0; i < isa_count; i++) {
                table_of(isas[i])->elementary(y[i], x, count, f);
                assert_same_floats(functions[f].name, y[0], y[i], count);
            }
        }
    }
}

/* ---- activations ---- */

static double gelu(double x)
{
    return x / 2 * (1 + erf(x / sqrt(2)));
}

static double gelu_tanh(double x)
{
    return x / 2 * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

static double relu(double x)
{
    return x > 0 ? x : 0;
}

static double (*const activations[EK_ACTIVATION_COUNT])(double) = {gelu, gelu_tanh, relu, tanh};

/* Absolute, because 1 + erf cancels on the left: there the error of erf (2 ULP of 1, twice 2^-24
 * each) is multiplied by |x| / 2. */
static void activations_follow_their_formulas(void **state)
{
    (void)state;
    ek_compute *compute = open_variant(EK_ISA_SCALAR, 1);
    for (int a = 0; a < EK_ACTIVATION_COUNT; a++) {
        for (int i = -6000; i <= 6000; i++) {
            float x = (float)i / 512, one = 1, dbias = 0.5f, y, slope;
            ek_activation_forward(compute, &y, &x, 1, (ek_activation)a);
            assert_near("activation", i, activations[a]((double)x), (double)y,
                        (2 * fabs((double)x) + 1) * 2 * UNIT_ROUNDOFF);
            if (a == EK_ACTIVATION_RELU && i == 0) {
                continue; /* no derivative there; the kernel says 0 */
            }
            ek_activation_backward(compute, &slope, &dbias, &one, &x, 1, 1, (ek_activation)a);
            const double step = 1e-5;
            double above = activations[a]((double)x + step);
            double beneath = activations[a]((double)x - step);
            /* x phi and the cdf, each to a few ULP; central differences to 1e-9 */
            assert_near("activation's derivative", i, (above - beneath) / (2 * step), (double)slope,
                        16 * UNIT_ROUNDOFF + 1e-9);
            float sum = 0.5f + slope;
            assert_same_floats("dbias", &sum, &dbias, 1);
        }
    }
    ek_compute_free(compute);
}

static void activations_of_special_values(void **state)
{
    (void)state;
    ek_compute *compute = open_variant(EK_ISA_SCALAR, 1);
    const float nan = NAN, one = 1, zero = 0, minus = -INFINITY;
    float y, dbias = 0;
    for (int a = 0; a < EK_ACTIVATION_COUNT; a++) {
        ek_activation_forward(compute, &y, &nan, 1, (ek_activation)a);
        assert_true(isnan(y));
        ek_activation_backward(compute, &y, &dbias, &one, &nan, 1, 1, (ek_activation)a);
        assert_true(isnan(y));
        ek_activation_backward(compute, &y, &dbias, &nan, &one, 1, 1, (ek_activation)a);
        assert_true(isnan(y));
    }
    ek_activation_backward(compute, &y, &dbias, &one, &minus, 1, 1, EK_ACTIVATION_RELU);
    assert_same_floats("relu' of -inf", &zero, &y, 1);
    ek_activation_backward(compute, &y, &dbias, &one, &zero, 1, 1, EK_ACTIVATION_RELU);
    assert_same_floats("relu' of 0", &zero, &y, 1);
    ek_compute_free(compute);
}

/* dx of a matrix is that of its elements, whatever vectors they stand in, and may replace dy; dbias
 * adds the rows of dx in order to what was there. */
static void activation_backward_of_rows(void **state)
{
    (void)state;
    static const int64_t widths[] = {1, 15, 16, 17, 96, 100, 400};
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    for (int v = 0; v < isa_count * 2; v++) {
        ek_compute *compute = open_variant(isas[v / 2], 1 + v % 2 * 2);
        struct source source = {14, PLAIN};
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
            int64_t width = widths[w], rows = 43, all = rows * width;
            float *x = some_floats(&source, all), *dy = some_floats(&source, all);
            float *dbias = some_floats(&source, width);
            for (int a = 0; a < EK_ACTIVATION_COUNT; a++) {
                float *dx = new_array(all, sizeof *dx), unused = 0;
                float *expected = new_array(all, sizeof *dx), *sums = same_floats(dbias, width);
                float *in_place = same_floats(dy, all), *sums_in_place = same_floats(dbias, width);
                float *sums_expected = same_floats(dbias, width);
                for (int64_t i = 0; i < all; i++) {
                    ek_activation_backward(compute, &expected[i], &unused, &dy[i], &x[i], 1, 1,
                                           (ek_activation)a);
                    sums_expected[i % width] += expected[i];
                }
                ek_activation_backward(compute, dx, sums, dy, x, rows, width, (ek_activation)a);
                assert_same_floats("dx", expected, dx, all);
                assert_same_floats("dbias", sums_expected, sums, width);
                ek_activation_backward(compute, in_place, sums_in_place, in_place, x, rows, width,
                                       (ek_activation)a);
                assert_same_floats("dx in place of dy", expected, in_place, all);
                assert_same_floats("dbias", sums_expected, sums_in_place, width);
            }
            free_arrays();
        }
        ek_compute_free(compute);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_bounded),
        cmocka_unit_test(special_values),
        cmocka_unit_test(erf_and_tanh_are_odd_and_bounded),
        cmocka_unit_test(instruction_sets_have_the_same_bits),
        cmocka_unit_test(activations_follow_their_formulas),
        cmocka_unit_test(activations_of_special_values),
        cmocka_unit_test(activation_backward_of_rows),
    };
    return cmocka_run_group_tests_name("kernel_elementary", tests, NULL, NULL);
}
