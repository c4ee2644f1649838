/* Power by simulation against SciPy on the same pilots, against Fisher's exact enumeration, and
 * under no effect; the search; half-widths against resampling.
 *
 * A share of 2,000 repetitions is allowed 4 standard errors (one false alarm in 15,000).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/random.h"
#include "stats/bootstrap.h"
#include "stats/power.h"
#include "stats/special.h"

enum { PILOT = 2000, SEED = 1, SIGMAS = 4 };

static double normal[PILOT], moved[PILOT], wide[PILOT];
static uint8_t tenth[PILOT], four_tenths[PILOT];

/* Quantiles of N(0, 1), N(1, 1) and N(0, 2^2); one run in ten, and four in ten, failed. */
static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < PILOT; i++) {
        normal[i] = ek_normal_quantile(((double)i + 0.5) / PILOT);
        moved[i] = normal[i] + 1;
        wide[i] = 2 * normal[i];
        tenth[i] = i < PILOT / 10;
        four_tenths[i] = i < 4 * PILOT / 10;
    }
    return 0;
}

static ek_power_pilot pilot_of(const double *a, const double *b)
{
    return (ek_power_pilot){{a, four_tenths, PILOT}, {b, tenth, PILOT}};
}

static void check_power(const ek_power_pilot *pilot, ek_power_target target, size_t n, double want)
{
    ek_power power = ek_power_at(pilot, target, n, SEED);
    double se = sqrt(want * (1 - want) / EK_POWER_REPETITIONS);
    if (!(fabs(power.value - want) <= SIGMAS * se)) {
        fail_msg("target %d, n = %zu: power %.4f, expected %.4f, SE %.4f", (int)target, n,
                 power.value, want, se);
    }
    double own = sqrt(power.value * (1 - power.value) / EK_POWER_REPETITIONS);
    assert_true(fabs(power.se - own) < 1e-12);
}

/* Expected: scipy 1.17.1, numpy; with q = norm.ppf((arange(2000) + 0.5) / 2000) and
 * rng = default_rng(1), the mean of p < 0.05 over 100,000 draws (0.0013 SE) of
 * mannwhitneyu(rng.choice(q, (100000, n)), rng.choice(q, (100000, n)) + 1, axis=1), and over
 * 200,000 of f_oneway of |x - median| of rng.choice(q, (200000, 20)) and of 2 rng.choice(..). */
static void scores_agree_with_scipy(void **state)
{
    (void)state;
    ek_power_pilot shift = pilot_of(normal, moved), spread = pilot_of(normal, wide);
    check_power(&shift, EK_POWER_MEAN, 5, 0.2078);
    check_power(&shift, EK_POWER_MEAN, 17, 0.7823);
    check_power(&spread, EK_POWER_SD, 20, 0.7040);
}

/* Expected: scipy 1.17.1, sum over all pairs i, j of binom.pmf(i, n, 0.4) binom.pmf(j, n, 0.1) with
 * fisher_exact([[i, n - i], [j, n - j]]) below 0.05: no simulation. */
static void failures_agree_with_enumeration(void **state)
{
    (void)state;
    ek_power_pilot pilot = pilot_of(normal, normal);
    check_power(&pilot, EK_POWER_FAILED, 20, 0.49203);
    check_power(&pilot, EK_POWER_FAILED, 40, 0.85237);
}

/* No effect: the power is the size of the test, at most its level; each is close to 0.05 at n = 50
 * but Fisher's, which is conservative. */
static void no_effect_is_the_level(void **state)
{
    (void)state;
    ek_power_pilot same = {{normal, tenth, PILOT}, {normal, tenth, PILOT}};
    check_power(&same, EK_POWER_MEAN, 50, 0.05);
    check_power(&same, EK_POWER_SD, 50, 0.0457); /* scipy, 200,000 draws as above */
    ek_power failed = ek_power_at(&same, EK_POWER_FAILED, 50, SEED);
    assert_true(failed.value > 0 && failed.value < 0.05 + SIGMAS * 0.0049);
}

static void grows_with_runs(void **state)
{
    (void)state;
    ek_power_pilot pilot = pilot_of(normal, moved);
    pilot.b.scores = wide;
    static const size_t runs[] = {5, 10, 15, 25, 50, 100};
    for (int target = EK_POWER_SD; target < EK_POWER_TARGETS; target++) {
        pilot.b.scores = target == EK_POWER_MEAN ? moved : wide;
        ek_power before = {0, 0};
        for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
            ek_power power = ek_power_at(&pilot, (ek_power_target)target, runs[i], SEED);
            assert_true(power.value >= before.value - SIGMAS * hypot(power.se, before.se));
            before = power;
        }
        assert_true(before.value > 0.95);
    }
}

static void is_deterministic(void **state)
{
    (void)state;
    ek_power_pilot pilot = pilot_of(normal, moved);
    ek_power one = ek_power_at(&pilot, EK_POWER_MEAN, 10, SEED);
    ek_power again = ek_power_at(&pilot, EK_POWER_MEAN, 10, SEED);
    ek_power other = ek_power_at(&pilot, EK_POWER_MEAN, 10, SEED + 1);
    assert_memory_equal(&one, &again, sizeof one);
    assert_true(one.value != other.value);
}

/* The answer reaches the wanted power and one run fewer does not; Mann-Whitney for a shift of one
 * SD needs about 2 / (3 / pi) (1.96 + 0.842)^2 = 16.4 runs (Noether's large-sample formula), and
 * 17 to 18 by SciPy's simulation above. */
static void search_finds_the_fewest(void **state)
{
    (void)state;
    ek_power_pilot pilot = pilot_of(normal, moved);
    ek_power reached;
    size_t runs = ek_power_runs(&pilot, EK_POWER_MEAN, 0.8, SEED, &reached);
    assert_in_range(runs, 17, 19);
    static const double wanted[] = {0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        runs = ek_power_runs(&pilot, EK_POWER_MEAN, wanted[i], SEED, &reached);
        ek_power at = ek_power_at(&pilot, EK_POWER_MEAN, runs, SEED);
        assert_memory_equal(&at, &reached, sizeof at);
        assert_true(reached.value >= wanted[i]);
        assert_true(ek_power_at(&pilot, EK_POWER_MEAN, runs - 1, SEED).value < wanted[i]);
    }

    double far[PILOT / 100];
    for (size_t i = 0; i < PILOT / 100; i++) {
        far[i] = 100 + normal[100 * i];
    }
    pilot.b = (ek_group_scores){far, NULL, PILOT / 100};
    assert_int_equal(ek_power_runs(&pilot, EK_POWER_MEAN, 0.8, SEED, &reached), EK_POWER_FEWEST);
    assert_true(reached.value == 1 && reached.se == 0);
}

static void hopeless_is_none(void **state)
{
    (void)state;
    ek_power_pilot same = {{normal, NULL, 50}, {normal, NULL, 50}};
    ek_power reached;
    assert_int_equal(ek_power_runs(&same, EK_POWER_MEAN, 0.8, SEED, &reached), 0);
    assert_true(reached.value < 0.1);
}

static void unanswerable_is_nan(void **state)
{
    (void)state;
    static const double flat[] = {0.5, 0.5, 0.5}, level[] = {0.7, 0.7, 0.7};
    static const double broken[] = {0.5, NAN, 0.6};
    static const uint8_t none[] = {0, 0, 0}, one[] = {0, 1, 0};
    ek_power_pilot pilot = {{flat, none, 3}, {flat, NULL, 3}};
    ek_power reached;
    for (int target = EK_POWER_SD; target < EK_POWER_TARGETS; target++) {
        assert_false(ek_power_answers(&pilot, (ek_power_target)target));
        assert_true(isnan(ek_power_at(&pilot, (ek_power_target)target, 10, SEED).value));
        assert_int_equal(ek_power_runs(&pilot, (ek_power_target)target, 0.8, SEED, &reached), 0);
        assert_true(isnan(reached.value) && isnan(reached.se));
    }
    pilot.a.failed = one;
    assert_true(ek_power_answers(&pilot, EK_POWER_FAILED));
    pilot.b.scores = level; /* two levels without spread: always different */
    assert_true(ek_power_at(&pilot, EK_POWER_MEAN, 10, SEED).value == 1);
    assert_true(ek_power_at(&pilot, EK_POWER_SD, 10, SEED).value == 0);
    pilot.b.scores = broken;
    assert_false(ek_power_answers(&pilot, EK_POWER_MEAN));
    pilot.a.n = 1;
    assert_false(ek_power_answers(&pilot, EK_POWER_FAILED));
}

/* Against the SD of the mean and of the SD over 2,000 resamples of n = 50 (their own error is
 * 1 / sqrt(4,000) = 1.6 %, times 3; the delta method leaves out terms of order 1 / n, 2 %). */
static void half_widths_agree_with_resampling(void **state)
{
    (void)state;
    enum { N = 50, RESAMPLES = 2000 };
    static double means[RESAMPLES], sds[RESAMPLES], heavy[PILOT];
    double draws[N];
    for (size_t i = 0; i < PILOT; i++) { /* two clusters, as when some runs fail */
        heavy[i] = normal[(7 * i) % PILOT] + (tenth[i] ? -6 : 0);
    }
    for (uint32_t r = 0; r < RESAMPLES; r++) {
        for (size_t i = 0; i < N; i++) {
            draws[i] = heavy[ek_random_below(SEED, EK_STREAM_RESAMPLE, r, 99, i, PILOT)];
        }
        means[r] = ek_statistic_mean(draws, N);
        sds[r] = ek_statistic_sd(draws, N);
    }
    ek_half_widths p = ek_half_widths_at(heavy, PILOT, N);
    double mean = 1.96 * ek_statistic_sd(means, RESAMPLES);
    double sd = 1.96 * ek_statistic_sd(sds, RESAMPLES);
    assert_true(fabs(p.mean / mean - 1) < 0.05);
    assert_true(fabs(p.sd / sd - 1) < 0.07);
    /* Normal, large n: SE(SD) is near s / sqrt(2 (n - 1)), the textbook value. */
    p = ek_half_widths_at(normal, PILOT, 100);
    assert_true(fabs(p.sd / (1.96 / sqrt(2 * 99.0)) - 1) < 0.01);
    assert_true(fabs(p.mean - 0.196) < 0.001);
    assert_true(isnan(ek_half_widths_at(normal, 1, 10).mean));
    assert_true(isnan(ek_half_widths_at(normal, 10, 1).sd));
    static const double flat[] = {0.5, 0.5};
    assert_true(ek_half_widths_at(flat, 2, 10).sd == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_agree_with_scipy),
        cmocka_unit_test(failures_agree_with_enumeration),
        cmocka_unit_test(no_effect_is_the_level),
        cmocka_unit_test(grows_with_runs),
        cmocka_unit_test(is_deterministic),
        cmocka_unit_test(search_finds_the_fewest),
        cmocka_unit_test(hopeless_is_none),
        cmocka_unit_test(unanswerable_is_nan),
        cmocka_unit_test(half_widths_agree_with_resampling),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
