/* Variance components against anova_lm of statsmodels, the expected best against enumeration
 * (tests/golden/make_stats_predictions.py), and both on simulated scores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <time.h>

#include "base/random.h"
#include "stats/seeds.h"
#include "stats_numbers.h"

#define TOLERANCE 1e-9 /* some hundred operations on numbers near 1 */

static double scores[64];

static void components_agree(void **state)
{
    (void)state;
    int two = 0, three = 0;
    numbers_open();
    while (numbers_next("components")) {
        size_t axes = (size_t)number(), lengths[3] = {1, 1, 1};
        for (size_t i = 0; i < axes; i++) {
            lengths[i] = (size_t)number();
        }
        for (size_t i = 0; i < lengths[0] * lengths[1] * lengths[2]; i++) {
            scores[i] = number();
        }
        if (axes == 2) {
            ek_variance_components c = ek_variance_components_of(scores, lengths[0], lengths[1]);
            check_near(c.init, number(), TOLERANCE);
            check_near(c.order, number(), TOLERANCE);
            check_near(c.rest, number(), TOLERANCE);
            check_near(c.ms_init, number(), TOLERANCE);
            check_near(c.ms_order, number(), TOLERANCE);
            assert_int_equal(c.init_floored, c.ms_init < c.ms_rest);
            assert_int_equal(c.order_floored, c.ms_order < c.ms_rest);
            two++;
        } else {
            ek_variance_components_3 c =
                ek_variance_components_3_of(scores, lengths[0], lengths[1], lengths[2]);
            check_near(c.init, number(), TOLERANCE);
            check_near(c.order, number(), TOLERANCE);
            check_near(c.dropout, number(), TOLERANCE);
            check_near(c.rest, number(), TOLERANCE);
            three++;
        }
    }
    ek_buf_deinit(&numbers_text);
    assert_int_equal(two, 3);
    assert_int_equal(three, 1);
}

static void best_agrees(void **state)
{
    (void)state;
    int cases = 0;
    numbers_open();
    for (; numbers_next("best"); cases++) {
        size_t n = (size_t)number();
        for (size_t i = 0; i < n; i++) {
            scores[i] = number();
        }
        for (size_t k = 1; k <= n; k++) {
            check_near(ek_expected_best(scores, n, k), number(), TOLERANCE);
        }
        size_t most = (size_t)number();
        for (size_t k = 1; k <= most; k++) {
            check_near(ek_expected_best_biased(scores, n, k), number(), TOLERANCE);
        }
        assert_true(isnan(ek_expected_best(scores, n, 0)));
        assert_true(isnan(ek_expected_best(scores, n, n + 1)));
        assert_true(isnan(ek_expected_best_biased(scores, n, 0)));
    }
    ek_buf_deinit(&numbers_text);
    assert_int_equal(cases, 3);
}

static void undefined_is_nan(void **state)
{
    (void)state;
    const double some[4] = {0.1, 0.1, 0.1, 0.1}, hole[2] = {0.1, (double)NAN};
    ek_variance_components c = ek_variance_components_of(some, 1, 4);
    assert_true(isnan(c.init) && isnan(c.rest) && isnan(c.ms_order) && !c.init_floored);
    assert_true(isnan(ek_variance_components_3_of(some, 2, 2, 1).rest));
    c = ek_variance_components_of(some, 2, 2);
    assert_true(c.init == 0.0 && c.order == 0.0 && c.rest == 0.0);
    assert_true(isnan(ek_expected_best(hole, 2, 1)));
}

/* 2,000 designs of 5 x 6 with variances 4, 1 and 0.25: the mean of an unfloored component has a
 * standard error of at most sqrt(2 / 4) (4 + 0.3) / sqrt(2000) = 0.07. The flooring moves order by
 * less than that (its F is 25 on average). */
static void recovers_what_was_put_in(void **state)
{
    (void)state;
    double init = 0.0, order = 0.0, rest = 0.0;
    for (uint32_t t = 0; t < 2000; t++) {
        float z[41];
        ek_random_normal_f32(z, 41, 0.0, 1.0, 11, EK_STREAM_SEARCH, t, 0);
        for (size_t i = 0; i < 30; i++) {
            scores[i] = 2.0 * (double)z[i / 6] + (double)z[5 + i % 6] + 0.5 * (double)z[11 + i];
        }
        ek_variance_components c = ek_variance_components_of(scores, 5, 6);
        init += c.init / 2000.0;
        order += c.order / 2000.0;
        rest += c.rest / 2000.0;
    }
    check_near(init, 4.0, 0.28);
    check_near(order, 1.0, 0.08);
    check_near(rest, 0.25, 0.01);
}

static void without_memory(void **state)
{
    (void)state;
    const double some[8] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9};
    ek_mem_fail_after(1);
    assert_true(isnan(ek_variance_components_of(some, 2, 4).rest));
    ek_mem_fail_after(1);
    assert_true(isnan(ek_variance_components_3_of(some, 2, 2, 2).init));
    ek_mem_fail_after(0);
    assert_false(isnan(ek_variance_components_3_of(some, 2, 2, 2).init));
}

/* 15,625 cells: quadratic in them is seconds, linear a millisecond. */
static void large_designs_are_fast(void **state)
{
    (void)state;
    static double many[25 * 25 * 25];
    for (size_t i = 0; i < 25 * 25 * 25; i++) {
        many[i] = ek_random_uniform(12, EK_STREAM_SEARCH, 0, 0, i) + (double)(i / 625);
    }
    clock_t start = clock();
    ek_variance_components_3 c = ek_variance_components_3_of(many, 25, 25, 25);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 0.5);
    check_near(c.init, 25.0 * 26.0 / 12.0, 0.2); /* the variance of 0..24, ddof 1 */
    check_near(c.rest, 1.0 / 12.0, 0.005);       /* SE of it: 1/12 sqrt(0.8 / 15625) = 0.0006 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(components_agree), cmocka_unit_test(best_agrees),
        cmocka_unit_test(undefined_is_nan), cmocka_unit_test(recovers_what_was_put_in),
        cmocka_unit_test(without_memory),   cmocka_unit_test(large_designs_are_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
