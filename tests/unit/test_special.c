/* Distribution functions against mpmath (50 digits) and scipy, shares of failed runs and their
 * comparison against statsmodels and scipy (tests/golden/make_stats_tests.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>

#include "stats/failure_rate.h"
#include "stats/special.h"
#include "stats_numbers.h"

/* Relative, as special.h promises: of the normal distribution, of the other tails. The cdf at -37.5
 * has the relative condition z^2, so its argument alone costs 1e-13. */
#define NORMAL 4e-13
#define TAILS  1e-11
/* Intervals and p: the same formulas on numbers near 1, the oracle's quantiles good to 1e-12. */
#define SHARES 1e-10

static void open_numbers(void **state)
{
    (void)state;
    numbers_open_file(EK_TEST_DIR "/golden/stats_tests.txt");
}

static void check_relative(double got, double tolerance)
{
    double want = number();
    check_near(got, want, tolerance * fabs(want));
}

static void normal_agrees(void **state)
{
    open_numbers(state);
    int cases = 0;
    for (; numbers_next("normal_cdf"); cases++) {
        double z = number();
        check_relative(ek_normal_cdf(z), NORMAL);
    }
    assert_int_equal(cases, 12);
    ek_buf_deinit(&numbers_text);
    open_numbers(state);
    for (cases = 0; numbers_next("normal_quantile"); cases++) {
        double p = number();
        check_relative(ek_normal_quantile(p), NORMAL);
    }
    assert_int_equal(cases, 15);
    ek_buf_deinit(&numbers_text);
}

static void beta_agrees(void **state)
{
    open_numbers(state);
    int cases = 0;
    for (; numbers_next("beta_cdf"); cases++) {
        double a = number(), b = number(), x = number();
        check_relative(ek_beta_cdf(a, b, x), TAILS);
    }
    assert_int_equal(cases, 7 * 3 * 5);
    ek_buf_deinit(&numbers_text);
    open_numbers(state);
    for (cases = 0; numbers_next("beta_quantile"); cases++) {
        double a = number(), b = number(), p = number();
        check_relative(ek_beta_quantile(a, b, p), 1e-10); /* SciPy's own is not better */
    }
    assert_int_equal(cases, 6 * 4);
    ek_buf_deinit(&numbers_text);
}

static void t_and_f_agree(void **state)
{
    open_numbers(state);
    int cases = 0;
    for (; numbers_next("t"); cases++) {
        double t = number(), df = number();
        double p = ek_t_two_sided(t, df);
        assert_true(p == ek_t_two_sided(-t, df));
        check_relative(p, TAILS);
    }
    assert_int_equal(cases, 6 * 6);
    ek_buf_deinit(&numbers_text);
    open_numbers(state);
    for (cases = 0; numbers_next("f"); cases++) {
        double f = number(), df1 = number(), df2 = number();
        check_relative(ek_f_upper(f, df1, df2), TAILS);
    }
    assert_int_equal(cases, 5 * 6);
    ek_buf_deinit(&numbers_text);
}

static void log_choose_agrees(void **state)
{
    open_numbers(state);
    int cases = 0;
    for (; numbers_next("log_choose"); cases++) {
        double n = number(), k = number();
        double value = ek_log_choose(n, k);
        check_near(ek_log_choose(n, n - k), value, 1e-11);
        check_near(value, number(), 1e-11 * (1 + fabs(value)));
    }
    assert_int_equal(cases, 9);
    ek_buf_deinit(&numbers_text);
}

static void outside_is_nan(void **state)
{
    (void)state;
    const double nan = (double)NAN, inf = (double)INFINITY;
    assert_true(isnan(ek_normal_quantile(-0.1)) && isnan(ek_normal_quantile(1.1)));
    assert_true(isnan(ek_normal_quantile(nan)) && isnan(ek_normal_cdf(nan)));
    assert_true(ek_normal_quantile(0) == -inf && ek_normal_quantile(1) == inf);
    assert_true(isnan(ek_beta_cdf(0, 1, 0.5)) && isnan(ek_beta_cdf(1, 1, 1.5)));
    assert_true(ek_beta_cdf(2, 3, 0) == 0.0 && ek_beta_cdf(2, 3, 1) == 1.0);
    assert_true(isnan(ek_beta_quantile(1, -1, 0.5)) && isnan(ek_beta_quantile(1, 1, nan)));
    assert_true(isnan(ek_t_two_sided(1, 0)) && isnan(ek_t_two_sided(nan, 3)));
    assert_true(ek_t_two_sided(inf, 3) == 0.0 && ek_t_two_sided(0, 3) == 1.0);
    assert_true(isnan(ek_f_upper(1, 0, 3)) && isnan(ek_f_upper(nan, 1, 3)));
    assert_true(ek_f_upper(inf, 1, 3) == 0.0 && ek_f_upper(0, 1, 3) == 1.0);
    assert_true(isnan(ek_log_choose(3, 4)) && isnan(ek_log_choose(-1, 0)));
}

static void one_share_agrees(void **state)
{
    open_numbers(state);
    int cases = 0;
    for (; numbers_next("share"); cases++) {
        size_t k = (size_t)number(), n = (size_t)number();
        double low, high, rest_low, rest_high;
        ek_wilson(k, n, &low, &high);
        check_near(low, number(), SHARES);
        check_near(high, number(), SHARES);
        ek_clopper_pearson(k, n, &low, &high);
        check_near(low, number(), SHARES);
        check_near(high, number(), SHARES);
        ek_clopper_pearson(n - k, n, &rest_low, &rest_high); /* those that did not fail */
        check_near(rest_low, 1 - high, SHARES);
        check_near(rest_high, 1 - low, SHARES);
    }
    assert_int_equal(cases, 24);
    double low, high;
    ek_clopper_pearson(0, 0, &low, &high);
    assert_true(isnan(low) && isnan(high));
    ek_buf_deinit(&numbers_text);
}

static void two_shares_agree(void **state)
{
    open_numbers(state);
    int cases = 0;
    for (; numbers_next("shares"); cases++) {
        size_t k_a = (size_t)number(), n_a = (size_t)number();
        size_t k_b = (size_t)number(), n_b = (size_t)number();
        double low, high, other_low, other_high;
        ek_newcombe(k_a, n_a, k_b, n_b, &low, &high);
        ek_newcombe(k_b, n_b, k_a, n_a, &other_low, &other_high);
        check_near(low, number(), SHARES);
        check_near(high, number(), SHARES);
        check_near(other_low, -high, 1e-15);
        check_near(other_high, -low, 1e-15);
        double p = ek_fisher_exact(k_a, n_a, k_b, n_b);
        check_near(ek_fisher_exact(k_b, n_b, k_a, n_a), p, 1e-12);
        double want = number();
        check_near(p, want, SHARES * want);
    }
    assert_int_equal(cases, 12);
    double low, high;
    ek_newcombe(0, 0, 1, 2, &low, &high);
    assert_true(isnan(low) && isnan(high) && isnan(ek_fisher_exact(0, 0, 1, 2)));
    ek_buf_deinit(&numbers_text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_agrees),    cmocka_unit_test(beta_agrees),
        cmocka_unit_test(t_and_f_agree),    cmocka_unit_test(log_choose_agrees),
        cmocka_unit_test(outside_is_nan),   cmocka_unit_test(one_share_agrees),
        cmocka_unit_test(two_shares_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
