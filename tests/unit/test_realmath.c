/* Elementary functions: error in ULP against the C library's long double, special values, and a
 * hash of the bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "base/realmath.h"
#include "base/sha256.h"

/* What realmath.h promises. */
#define BOUND_ULP 2.0L

enum { SAMPLES = 300000 };

typedef struct {
    const char *name;
    long double worst_ulp;
    double worst_at;
} measure;

/* |got - want| in units of the last place of want (of the smallest subnormal below that). */
static void compare(measure *m, double at, double got, long double want)
{
    double rounded = (double)want;
    if (isinf(rounded) || rounded == 0.0) {
        if (got != rounded && !(rounded == 0.0 && fabs(got) <= 2 * 4.9406564584124654e-324) &&
            !(isinf(rounded) && fabs(got) == DBL_MAX)) {
            fail_msg("%s(%a) is %a, not %a", m->name, at, got, rounded);
        }
        return;
    }
    int exponent;
    frexp(rounded, &exponent);
    long double ulp = ldexpl(1.0L, exponent - 53 < -1074 ? -1074 : exponent - 53);
    long double error = fabsl((long double)got - want) / ulp;
    if (!(error <= m->worst_ulp)) {
        m->worst_ulp = error;
        m->worst_at = at;
    }
}

static void report(const measure *m)
{
    print_message("%s: %.3Lf ULP at %a\n", m->name, m->worst_ulp, m->worst_at);
    assert_true(m->worst_ulp <= BOUND_ULP);
}

/* Uniform in [low, high). */
static double draw(uint32_t a, uint64_t i, double low, double high)
{
    return low + (high - low) * ek_random_uniform(1, EK_STREAM_SEARCH, a, 0, i);
}

/* A double of any exponent, positive. */
static double draw_any(uint32_t a, uint64_t i)
{
    ek_philox_block block = ek_philox(2, EK_STREAM_SEARCH, a, 0, (uint32_t)i, 0);
    uint64_t bits = ((uint64_t)block.v[1] << 32 | block.v[0]) & 0x7FFFFFFFFFFFFFFFu;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void exp_is_close(void **state)
{
    (void)state;
    measure m = {.name = "exp"};
    for (uint64_t i = 0; i < SAMPLES; i++) {
        double xs[] = {draw(0, i, -746.0, 710.0), draw(1, i, -1.0, 1.0), draw(2, i, -1e-8, 1e-8),
                       /* where k changes, and where results become subnormal */
                       (double)((int)(i % 2000) - 1000) * 0.34657359027997264 +
                           draw(3, i, -1e-6, 1e-6),
                       draw(4, i, -745.2, -708.0)};
        for (size_t k = 0; k < sizeof xs / sizeof xs[0]; k++) {
            compare(&m, xs[k], ek_exp(xs[k]), expl((long double)xs[k]));
        }
    }
    report(&m);
    assert_true(ek_exp(0.0) == 1.0 && ek_exp(-0.0) == 1.0);
    assert_true(isinf(ek_exp(709.79)) && ek_exp(709.78) < (double)INFINITY);
    assert_true(isinf(ek_exp((double)INFINITY)) && isinf(ek_exp(1e300)));
    assert_true(ek_exp(-(double)INFINITY) == 0.0 && ek_exp(-1e300) == 0.0);
    assert_true(ek_exp(-745.0) > 0.0 && ek_exp(-745.2) == 0.0);
    assert_true(isnan(ek_exp((double)NAN)));
}

static void log_is_close(void **state)
{
    (void)state;
    measure m = {.name = "log"};
    for (uint64_t i = 0; i < SAMPLES; i++) {
        double xs[] = {draw_any(5, i),
                       draw(6, i, 0.0, 1.0),
                       draw(7, i, 0.5, 2.0),
                       1.0 + draw(8, i, -1e-6, 1e-6),
                       0x1.6a09e667f3bcdp-1 * (1.0 + draw(9, i, -1e-9, 1e-9)),
                       4.9406564584124654e-324 * (double)(1 + i)};
        for (size_t k = 0; k < sizeof xs / sizeof xs[0]; k++) {
            if (xs[k] > 0.0 && isfinite(xs[k])) {
                compare(&m, xs[k], ek_log(xs[k]), logl((long double)xs[k]));
            }
        }
    }
    compare(&m, DBL_MAX, ek_log(DBL_MAX), logl((long double)DBL_MAX));
    compare(&m, 1.0 + DBL_EPSILON, ek_log(1.0 + DBL_EPSILON), logl(1.0L + DBL_EPSILON));
    compare(&m, 1.0 - DBL_EPSILON / 2, ek_log(1.0 - DBL_EPSILON / 2), logl(1.0L - DBL_EPSILON / 2));
    report(&m);
    assert_true(ek_log(1.0) == 0.0 && !signbit(ek_log(1.0)));
    assert_true(ek_log(0.0) == -(double)INFINITY && ek_log(-0.0) == -(double)INFINITY);
    assert_true(isnan(ek_log(-1.0)) && isnan(ek_log((double)NAN)) &&
                isnan(ek_log(-(double)INFINITY)));
    assert_true(ek_log((double)INFINITY) == (double)INFINITY);
}

/* cos(2 pi (turns + shift / 4)) with the turns reduced exactly first. */
static long double cos_turns(double turns, int shift)
{
    const long double two_pi = 6.283185307179586476925286766559L;
    long double rest = (long double)turns - rintl((long double)turns);
    long double quarter = rintl(4.0L * rest);
    long double angle = two_pi * (rest - quarter / 4.0L);
    switch (((int)quarter + shift + 8) % 4) {
    case 0:
        return cosl(angle);
    case 1:
        return -sinl(angle);
    case 2:
        return -cosl(angle);
    default:
        return sinl(angle);
    }
}

static void circles_are_close(void **state)
{
    (void)state;
    measure cosine = {.name = "cos_2pi"}, sine = {.name = "sin_2pi"};
    for (uint64_t i = 0; i < SAMPLES; i++) {
        double xs[] = {draw(10, i, 0.0, 1.0), draw(11, i, -1e6, 1e6), draw(12, i, -1e-5, 1e-5),
                       (double)((int)(i % 64) - 32) / 8.0 + draw(13, i, -1e-9, 1e-9),
                       draw_any(14, i)};
        for (size_t k = 0; k < sizeof xs / sizeof xs[0]; k++) {
            if (fabs(xs[k]) <= 1e6) {
                compare(&cosine, xs[k], ek_cos_2pi(xs[k]), cos_turns(xs[k], 0));
                compare(&sine, xs[k], ek_sin_2pi(xs[k]), cos_turns(xs[k], 3));
            }
        }
    }
    report(&cosine);
    report(&sine);
    for (int turns = -1000000; turns <= 1000000; turns += 999) {
        double x = turns;
        assert_true(ek_cos_2pi(x) == 1.0 && ek_sin_2pi(x) == 0.0);
        assert_true(ek_cos_2pi(x + 0.25) == 0.0 && ek_sin_2pi(x + 0.25) == 1.0);
        assert_true(ek_cos_2pi(x + 0.5) == -1.0 && ek_sin_2pi(x + 0.5) == 0.0);
        assert_true(ek_cos_2pi(x + 0.75) == 0.0 && ek_sin_2pi(x + 0.75) == -1.0);
    }
    assert_true(isnan(ek_cos_2pi((double)INFINITY)) && isnan(ek_sin_2pi((double)NAN)));
}

static void pow_is_close(void **state)
{
    (void)state;
    measure m = {.name = "pow"};
    for (uint64_t i = 0; i < SAMPLES; i++) {
        double bases[] = {draw(20, i, 0.0, 1.0), draw(21, i, 0.0, 100.0), draw_any(22, i),
                          1.0 + draw(23, i, -1e-3, 1e-3)};
        double exponents[] = {draw(24, i, 0.0, 4.0), draw(25, i, -20.0, 20.0),
                              draw(26, i, -0.07, 0.07), draw(27, i, -50000.0, 50000.0)};
        for (size_t k = 0; k < 4; k++) {
            double x = bases[k], y = exponents[k];
            if (x > 0.0 && isfinite(x)) {
                compare(&m, x, ek_pow(x, y), powl((long double)x, (long double)y));
            }
        }
    }
    report(&m);
}

static void pow_limits(void **state)
{
    (void)state;
    const double inf = (double)INFINITY, nan = (double)NAN;
    static const double values[] = {0.0, 0.5, 1.0, 2.0};
    assert_true(ek_pow(0.0, 0.0) == 1.0 && ek_pow(nan, 0.0) == 1.0 && ek_pow(1.0, nan) == 1.0);
    assert_true(ek_pow(0.0, 2.5) == 0.0 && ek_pow(0.0, -1.0) == inf);
    assert_true(isnan(ek_pow(-2.0, 2.0)) && isnan(ek_pow(nan, 1.0)) && isnan(ek_pow(2.0, nan)));
    for (size_t i = 0; i < 4; i++) {
        assert_true(ek_pow(values[i], inf) == pow(values[i], inf));
        assert_true(ek_pow(values[i], -inf) == pow(values[i], -inf));
        assert_true(ek_pow(inf, values[i]) == pow(inf, values[i]));
        assert_true(ek_pow(inf, -values[i]) == pow(inf, -values[i]));
        assert_true(ek_pow(0.0, values[i]) == pow(0.0, values[i]));
    }
    assert_true(ek_pow(inf, inf) == inf && ek_pow(inf, -inf) == 0.0);
    assert_true(ek_pow(10.0, 400.0) == inf && ek_pow(10.0, -400.0) == 0.0);
    assert_true(ek_pow(2.0, 1e308) == inf && ek_pow(0.5, 1e308) == 0.0);
    assert_true(ek_pow(2.0, 10.0) == 1024.0 && ek_pow(2.0, -1.0) == 0.5);
    assert_true(ek_pow(9.0, 0.5) == 3.0);
}

static void hash_double(ek_sha256 *hash, double value)
{
    uint64_t bits;
    unsigned char bytes[8];
    memcpy(&bits, &value, sizeof bits);
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(bits >> (8 * i));
    }
    ek_sha256_update(hash, bytes, sizeof bytes);
}

/* One definition for every compiler, optimisation and processor: initial weights depend on it. */
static void bits_never_change(void **state)
{
    (void)state;
    ek_sha256 hash;
    char hex[65];
    ek_sha256_init(&hash);
    for (uint64_t i = 0; i < 20000; i++) {
        double u = draw(30, i, 0.0, 1.0);
        hash_double(&hash, ek_exp(draw(31, i, -746.0, 710.0)));
        hash_double(&hash, ek_log(u + 0x1p-53));
        hash_double(&hash, ek_cos_2pi(u));
        hash_double(&hash, ek_sin_2pi(u));
        hash_double(&hash, ek_pow(u, draw(32, i, -10.0, 10.0)));
    }
    ek_sha256_hex(&hash, hex);
    assert_string_equal(hex, "640b94c9a3893eae88237616df73fac3dbd5046161fbdc8f00c3e0a75240ef09");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_is_close),      cmocka_unit_test(log_is_close),
        cmocka_unit_test(circles_are_close), cmocka_unit_test(pow_is_close),
        cmocka_unit_test(pow_limits),        cmocka_unit_test(bits_never_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
