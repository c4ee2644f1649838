/* The stump on small cases whose best threshold can be seen, its ties, and cross-validation: it
 * must not know the run that it judges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/random.h"
#include "stats/early_rule.h"

enum { MOST = 64 };
static const uint32_t own_seed[MOST] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
    44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

static ek_early_rule learned(const ek_early_runs *runs)
{
    ek_early_rule rule;
    ek_error err = {0};
    assert_int_equal(ek_early_rule_learn(&rule, runs, &err), EK_OK);
    return rule;
}

static ek_early_check checked(const ek_early_runs *runs)
{
    ek_early_check check;
    ek_error err = {0};
    assert_int_equal(ek_early_rule_cross_validate(&check, runs, &err), EK_OK);
    return check;
}

static void separates(void **state)
{
    (void)state;
    const double x[] = {1, 9, 2, 8, 3, 7, 4};
    const uint8_t failed[] = {0, 1, 0, 1, 0, 1, 0};
    const ek_early_runs runs = {x, 1, failed, own_seed, 7};
    ek_early_rule rule = learned(&runs);
    assert_true(rule.found && rule.above);
    assert_true(rule.threshold == 5.5); /* midway between 4 and 7 */
    assert_true(rule.gap == 3.0 / 8.0);
    assert_int_equal(rule.misses + rule.false_alarms, 0);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(ek_early_rule_says(&rule, &x[i]), failed[i]);
    }
    /* The other way round it looks below, and the threshold itself is doomed. */
    double minus[7];
    for (size_t i = 0; i < 7; i++) {
        minus[i] = -x[i];
    }
    const ek_early_runs turned = {minus, 1, failed, own_seed, 7};
    rule = learned(&turned);
    assert_true(rule.found && !rule.above && rule.threshold == -5.5);
    const double at = -5.5, over = nextafter(-5.5, 0);
    assert_true(ek_early_rule_says(&rule, &at));
    assert_false(ek_early_rule_says(&rule, &over));
}

/* Neighbours with no number between them are still told apart. */
static void adjacent(void **state)
{
    (void)state;
    const double low = 1, high = nextafter(1, 2);
    const double x[] = {low, low, low, high, high, high};
    const uint8_t below[] = {1, 1, 1, 0, 0, 0}, above[] = {0, 0, 0, 1, 1, 1};
    const uint8_t *const both[] = {below, above};
    for (int i = 0; i < 2; i++) {
        const ek_early_runs runs = {x, 1, both[i], own_seed, 6};
        ek_early_rule rule = learned(&runs);
        for (size_t r = 0; r < 6; r++) {
            assert_int_equal(ek_early_rule_says(&rule, &x[r]), both[i][r]);
        }
    }
}

/* One false alarm costs two misses: rather miss one than stop a run that succeeds. */
static void false_alarms_weigh_more(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4, 5, 6, 7, 8};
    const uint8_t failed[] = {0, 0, 0, 1, 0, 1, 1, 1};
    const ek_early_runs runs = {x, 1, failed, own_seed, 8};
    ek_early_rule rule = learned(&runs);
    assert_true(rule.found && rule.above && rule.threshold == 5.5);
    assert_int_equal(rule.false_alarms, 0);
    assert_int_equal(rule.misses, 1);
}

/* Of rules that err alike the one with the wider gap, relative to the feature's range; then the
 * earlier feature. */
static void ties(void **state)
{
    (void)state;
    const double x[] = {0, 0, 0, 10, 10, 10, 10, 10, 10, 40, 40, 40};
    const uint8_t failed[] = {1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1};
    const ek_early_runs runs = {x, 1, failed, own_seed, 12};
    ek_early_rule rule = learned(&runs);
    assert_true(rule.found && rule.above && rule.threshold == 25);
    double two[12][2];
    const uint8_t right[] = {0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1};
    for (size_t i = 0; i < 12; i++) { /* the second has the same share of gap on another scale */
        two[i][0] = right[i] ? 3 : 1;
        two[i][1] = right[i] ? 3000 : 1000;
    }
    const ek_early_runs alike = {&two[0][0], 2, right, own_seed, 12};
    assert_int_equal(learned(&alike).feature, 0);
    two[0][0] = 2; /* now the first one's gap is narrower */
    rule = learned(&alike);
    assert_int_equal(rule.feature, 1);
    assert_true(rule.threshold == 2000);
}

static void too_few_or_useless(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4, 5, 6};
    const uint8_t two_failed[] = {0, 0, 0, 0, 1, 1}, two_ok[] = {0, 0, 1, 1, 1, 1};
    const uint8_t *const few[] = {two_failed, two_ok};
    for (int i = 0; i < 2; i++) {
        const ek_early_runs runs = {x, 1, few[i], own_seed, 6};
        assert_false(learned(&runs).found);
        assert_true(isnan(checked(&runs).precision));
        assert_int_equal(checked(&runs).hits + checked(&runs).false_alarms, 0);
    }
    /* Every threshold costs as much as none: a miss for every failed run. */
    const double same[] = {7, 7, 7, 7, 7, 7};
    const uint8_t half[] = {0, 1, 0, 1, 0, 1};
    const ek_early_runs constant = {same, 1, half, own_seed, 6};
    assert_false(learned(&constant).found);
    const ek_early_runs nothing = {NULL, 0, half, own_seed, 6};
    assert_false(learned(&nothing).found);
}

/* A missing value is in neither part, dooms nobody, and a failed run without one is a miss. */
static void missing_values(void **state)
{
    (void)state;
    const double nan = (double)NAN;
    const double x[] = {1, nan, 2, 8, 3, 7, 9, nan};
    const uint8_t failed[] = {0, 0, 0, 1, 0, 1, 1, 1};
    const ek_early_runs runs = {x, 1, failed, own_seed, 8};
    ek_early_rule rule = learned(&runs);
    assert_true(rule.found && rule.threshold == 5);
    assert_int_equal(rule.misses, 1);
    assert_int_equal(rule.false_alarms, 0);
    assert_false(ek_early_rule_says(&rule, &nan));
}

/* Noise: on the runs it was learned from a stump always looks better than chance; on those it does
 * not know it must not. */
static void cannot_cheat(void **state)
{
    (void)state;
    enum { RUNS = 40, FEATURES = 30 };
    static double x[RUNS][FEATURES];
    uint8_t failed[RUNS];
    size_t fit_right = 0, fit_said = 0, right = 0, said = 0;
    for (uint32_t trial = 0; trial < 50; trial++) {
        for (uint32_t r = 0; r < RUNS; r++) {
            failed[r] = r % 2;
            for (uint32_t f = 0; f < FEATURES; f++) {
                x[r][f] = ek_random_uniform(trial, EK_STREAM_RESAMPLE, r, f, 0);
            }
        }
        const ek_early_runs runs = {&x[0][0], FEATURES, failed, own_seed, RUNS};
        ek_early_rule rule = learned(&runs);
        ek_early_check fit, cross = checked(&runs);
        ek_early_rule_test(&fit, &rule, &runs);
        assert_int_equal(fit.false_alarms, rule.false_alarms);
        assert_int_equal(fit.misses, rule.misses);
        fit_right += fit.hits;
        fit_said += fit.hits + fit.false_alarms;
        right += cross.hits;
        said += cross.hits + cross.false_alarms;
        assert_int_equal(cross.hits + cross.misses, RUNS / 2);
        assert_int_equal(cross.false_alarms + cross.passes, RUNS / 2);
    }
    assert_true(fit_said > 100 && said > 100);
    assert_true((double)fit_right > 0.8 * (double)fit_said);
    assert_true((double)right < 0.65 * (double)said); /* a coin, and room for 50 trials' chance */
}

/* Runs of one seed are nearly copies: leaving out one of them alone would let the others tell. */
static void seeds_are_left_out_together(void **state)
{
    (void)state;
    enum { RUNS = 12, SAME = 4 };
    double x[RUNS] = {1, 1, 1, 1}; /* nothing but whether it is this seed */
    uint8_t failed[RUNS] = {1, 1, 1, 1, 0, 1, 0, 0, 1, 0, 0, 0};
    uint32_t seeds[RUNS];
    for (uint32_t i = 0; i < RUNS; i++) {
        seeds[i] = i < SAME ? 100 : i;
    }
    const ek_early_runs together = {x, 1, failed, seeds, RUNS};
    const ek_early_runs alone = {x, 1, failed, own_seed, RUNS};
    assert_int_equal(learned(&together).misses, 2);
    assert_int_equal(checked(&together).hits, 0);
    assert_int_equal(checked(&alone).hits, SAME);
}

static void order_does_not_matter(void **state)
{
    (void)state;
    enum { RUNS = 12 };
    const double x[RUNS][2] = {{1, 5}, {2, 4}, {3, 3}, {9, 2}, {8, 1}, {7, 5},
                               {1, 4}, {6, 3}, {2, 2}, {9, 9}, {5, 8}, {4, 7}};
    const uint8_t failed[RUNS] = {0, 0, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0};
    double other[RUNS][2];
    uint8_t other_failed[RUNS];
    uint32_t other_seeds[RUNS];
    for (size_t i = 0; i < RUNS; i++) {
        size_t from = (5 * i + 3) % RUNS;
        memcpy(other[i], x[from], sizeof other[i]);
        other_failed[i] = failed[from];
        other_seeds[i] = own_seed[from];
    }
    const ek_early_runs a = {&x[0][0], 2, failed, own_seed, RUNS};
    const ek_early_runs b = {&other[0][0], 2, other_failed, other_seeds, RUNS};
    ek_early_rule ra = learned(&a), rb = learned(&b);
    ek_early_check ca = checked(&a), cb = checked(&b);
    assert_true(ra.found && rb.found);
    assert_int_equal(ra.feature, rb.feature);
    assert_int_equal(ra.above, rb.above);
    assert_true(ra.threshold == rb.threshold);
    assert_int_equal(ca.hits, cb.hits);
    assert_int_equal(ca.false_alarms, cb.false_alarms);
}

/* 8 of 10: Wilson's interval, as in Newcombe (1998), table I, recomputed with R: 0.4902, 0.9433. */
static void rates(void **state)
{
    (void)state;
    ek_early_check c = {.hits = 8, .false_alarms = 2, .misses = 8, .passes = 5};
    ek_early_check_rates(&c);
    assert_true(fabs(c.precision - 0.8) < 1e-12 && fabs(c.recall - 0.5) < 1e-12);
    assert_true(fabs(c.precision_low - 0.4901625) < 1e-6);
    assert_true(fabs(c.precision_high - 0.9433178) < 1e-6);
    assert_true(c.recall_low < 0.5 && c.recall_high > 0.5);
    c = (ek_early_check){.misses = 3, .passes = 3};
    ek_early_check_rates(&c);
    assert_true(isnan(c.precision) && isnan(c.precision_low));
    assert_true(c.recall == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separates),
        cmocka_unit_test(adjacent),
        cmocka_unit_test(false_alarms_weigh_more),
        cmocka_unit_test(ties),
        cmocka_unit_test(too_few_or_useless),
        cmocka_unit_test(missing_values),
        cmocka_unit_test(cannot_cheat),
        cmocka_unit_test(seeds_are_left_out_together),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
