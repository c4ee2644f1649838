/* Estimates, tests and effects of one and two groups against scipy and statsmodels
 * (tests/golden/make_stats_tests.py), and what must hold of any two groups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "stats/aso.h"
#include "stats/comparison.h"
#include "stats/rank_tests.h"
#include "stats/spread_tests.h"
#include "stats_numbers.h"

/* The same formulas on the same draws, some hundred operations. Relative, and absolute below 1: of
 * p only relative. */
#define TOLERANCE 1e-9

enum { SEED = 3, MOST = 64 };

static double a[MOST], b[MOST];
static size_t n_a, n_b;

static void check(double got)
{
    double want = number();
    if (!(isnan(got) && isnan(want))) {
        check_near(got, want, TOLERANCE * fmax(1, fabs(want)));
    }
}

static void check_p(double got)
{
    double want = number();
    if (!(isnan(got) && isnan(want))) {
        check_near(got, want, TOLERANCE * want);
    }
}

/* An end of a BCa interval by the same draws, then by scipy's. The 2.5 % quantile of R normal draws
 * has a standard error of sqrt(.025 .975 / R) / .0584 = 2.67 / sqrt(R) of their SD: 0.027 for our
 * 10,000, 0.033 with scipy's 20,000. Five of these, twice for what z0 adds: 0.33 SD, 0.084 of the
 * width of 3.92 SD. A median jumps from one score to the next and is held by the same draws only.
 */
static void check_interval(const ek_estimate *e, bool jumps)
{
    double low = number(), high = number(), other_low = number(), other_high = number();
    if (isnan(low)) {
        return;
    }
    check_near(e->low, low, TOLERANCE * fmax(1, fabs(low)));
    check_near(e->high, high, TOLERANCE * fmax(1, fabs(high)));
    if (!jumps && !isnan(other_low)) {
        check_near(e->low, other_low, 0.084 * (high - low));
        check_near(e->high, other_high, 0.084 * (high - low));
    }
}

static void read_scores(double *out, size_t n)
{
    assert_true(n <= MOST);
    for (size_t i = 0; i < n; i++) {
        out[i] = number();
    }
}

static bool next_two(void)
{
    if (!numbers_next("two")) {
        return false;
    }
    n_a = (size_t)number();
    n_b = (size_t)number();
    read_scores(a, n_a);
    read_scores(b, n_b);
    return true;
}

static ek_comparison compare(bool paired)
{
    ek_group_scores x = {a, NULL, n_a}, y = {b, NULL, n_b};
    return ek_comparison_of(&x, &y, paired, SEED);
}

static int ascending(const void *left, const void *right)
{
    double x = *(const double *)left, y = *(const double *)right;
    return (x > y) - (x < y);
}

static void open_numbers(void)
{
    numbers_open_file(EK_TEST_DIR "/golden/stats_tests.txt");
}

static void one_group_agrees(void **state)
{
    (void)state;
    static const ek_statistic statistics[] = {ek_statistic_mean, ek_statistic_sd,
                                              ek_statistic_median, ek_statistic_iqm};
    int cases = 0;
    open_numbers();
    for (; numbers_next("one"); cases++) {
        n_a = (size_t)number();
        read_scores(a, n_a);
        ek_estimate e[4];
        ek_bootstrap_one(a, n_a, statistics, 4, SEED, e);
        ek_summary s = ek_summary_of(a, NULL, NULL, n_a, SEED);
        assert_true(s.mean_low == e[0].low && s.sd_high == e[1].high && s.iqm_high == e[3].high);
        for (int k = 0; k < 4; k++) {
            check(e[k].value);
            check_interval(&e[k], k == 2);
        }
    }
    ek_buf_deinit(&numbers_text);
    assert_int_equal(cases, 5);
}

static void two_groups_agree(void **state)
{
    (void)state;
    int cases = 0, exact = 0, paired_exact = 0;
    open_numbers();
    for (; next_two(); cases++) {
        ek_comparison c = compare(n_a == n_b);
        check(c.levene_w);
        check_p(c.levene_p);
        check(c.brown_forsythe_w);
        check_p(c.brown_forsythe_p);
        check(c.mann_whitney_u);
        check_p(c.mann_whitney_p);
        assert_int_equal(c.mann_whitney_exact, (int)number());
        check(c.welch_t);
        check(c.welch_df);
        check_p(c.welch_p);
        check(c.wilcoxon_w);
        check_p(c.wilcoxon_p);
        assert_int_equal(c.wilcoxon_exact, (int)number());
        check_p(c.permutation_p);
        check_p(c.sd_permutation_p);
        qsort(a, n_a, sizeof *a, ascending);
        qsort(b, n_b, sizeof *b, ascending);
        check(ek_aso_violation(a, n_a, b, n_b));
        check(ek_aso_violation(b, n_b, a, n_a));
        check(c.aso_b);
        check(c.aso_a);
        const ek_estimate *effects[] = {&c.sd_ratio, &c.mean_difference, &c.median_difference,
                                        &c.a12};
        for (int k = 0; k < 4; k++) {
            check(effects[k]->value);
            check_interval(effects[k], k == 2);
        }
        exact += c.mann_whitney_exact;
        paired_exact += c.wilcoxon_exact;
    }
    ek_buf_deinit(&numbers_text);
    assert_int_equal(cases, 15);
    assert_true(exact >= 3 && paired_exact >= 2);
}

static void holm_agrees(void **state)
{
    (void)state;
    int cases = 0;
    open_numbers();
    for (; numbers_next("holm"); cases++) {
        double p[8], adjusted[8];
        size_t n = (size_t)number();
        read_scores(p, n);
        ek_holm(p, adjusted, n);
        for (size_t i = 0; i < n; i++) {
            check(adjusted[i]);
        }
    }
    ek_buf_deinit(&numbers_text);
    assert_int_equal(cases, 5);
    const double holes[3] = {(double)NAN, 0.01, 0.04};
    double adjusted[3];
    ek_holm(holes, adjusted, 3);
    assert_true(isnan(adjusted[0]) && adjusted[1] == 0.02 && adjusted[2] == 0.04);
}

/* ---- what must hold of any two groups -------------------------------------------------------- */

static void close_to(double got, double want)
{
    if (!(isnan(got) && isnan(want))) {
        check_near(got, want, TOLERANCE * fmax(1, fabs(want)));
    }
}

static void same_interval(const ek_estimate *got, const ek_estimate *want, double scale, double add)
{
    close_to(got->value, scale * want->value + add);
    close_to(got->low, scale * want->low + add);
    close_to(got->high, scale * want->high + add);
}

static void same_tests(const ek_comparison *c, const ek_comparison *d)
{
    close_to(c->levene_p, d->levene_p);
    close_to(c->brown_forsythe_p, d->brown_forsythe_p);
    close_to(c->sd_permutation_p, d->sd_permutation_p);
    close_to(c->fisher_p, d->fisher_p);
    close_to(c->mann_whitney_p, d->mann_whitney_p);
    close_to(c->welch_p, d->welch_p);
    close_to(c->permutation_p, d->permutation_p);
}

static void draw_groups(void)
{
    n_a = 11;
    n_b = 9;
    for (size_t i = 0; i < MOST; i++) {
        a[i] = 0.7 + 0.05 * ek_random_uniform(1, EK_STREAM_SEARCH, 0, 0, i);
        b[i] = 0.71 + 0.02 * ek_random_uniform(1, EK_STREAM_SEARCH, 0, 1, i);
    }
}

static void scale_and_shift(double scale, double shift)
{
    for (size_t i = 0; i < MOST; i++) {
        a[i] = scale * a[i] + shift;
        b[i] = scale * b[i] + shift;
    }
}

static void percent_and_origin_do_not_matter(void **state)
{
    (void)state;
    static const double shifts[] = {0, -50, 1000};
    for (int k = 0; k < 3; k++) {
        draw_groups();
        ek_comparison c = compare(false);
        scale_and_shift(100, shifts[k]);
        ek_comparison d = compare(false);
        same_tests(&d, &c);
        same_interval(&d.sd_ratio, &c.sd_ratio, 1, 0);
        same_interval(&d.a12, &c.a12, 1, 0);
        same_interval(&d.mean_difference, &c.mean_difference, 100, 0);
        same_interval(&d.median_difference, &c.median_difference, 100, 0);
        close_to(d.a.sd, 100 * c.a.sd);
        close_to(d.a.sd_low, 100 * c.a.sd_low);
        close_to(d.a.mean_high, 100 * c.a.mean_high + shifts[k]);
        close_to(d.b.iqm_low, 100 * c.b.iqm_low + shifts[k]);
        close_to(d.aso_b, c.aso_b);
    }
}

/* Accuracies are multiples of 1 / examples: many splits have exactly the gap of the groups, which
 * rounding must not tell apart, in shares or in percent. */
static void ties_of_permutations_hold(void **state)
{
    (void)state;
    static const double scores[] = {193, 195, 190, 199, 194, 196, 192, 201, 197, 198};
    for (int k = 0; k < 3; k++) {
        const double scale = k == 0 ? 1 : k == 1 ? 1.0 / 277 : 100.0 / 277;
        double p_mean, p_sd;
        static double first_mean, first_sd;
        for (size_t i = 0; i < 5; i++) {
            a[i] = scale * scores[i];
            b[i] = scale * scores[5 + i];
        }
        ek_permutation(a, 5, b, 5, SEED, &p_mean, &p_sd);
        first_mean = k == 0 ? p_mean : first_mean; /* sums of whole numbers are exact */
        first_sd = k == 0 ? p_sd : first_sd;
        assert_true(p_mean == first_mean);
        assert_true(p_sd == first_sd);
    }
    for (size_t i = 0; i < 4; i++) { /* equal means: every split is at least as extreme */
        a[i] = 0.1 * (double)(i + 1) * 100;
        b[i] = 0.1 * (double)(4 - i) * 100;
    }
    double p_mean, p_sd;
    ek_permutation(a, 4, b, 4, SEED, &p_mean, &p_sd);
    assert_true(p_mean == 1.0 && p_sd == 1.0);
}

static void order_of_scores_does_not_matter(void **state)
{
    (void)state;
    draw_groups();
    ek_comparison c = compare(false);
    for (size_t i = 0; i < n_a / 2; i++) {
        double value = a[i];
        a[i] = a[n_a - 1 - i];
        a[n_a - 1 - i] = value;
    }
    ek_comparison d = compare(false);
    same_tests(&d, &c);
    same_interval(&d.sd_ratio, &c.sd_ratio, 1, 0);
    same_interval(&d.mean_difference, &c.mean_difference, 1, 0);
    same_interval(&d.a12, &c.a12, 1, 0);
    close_to(d.a.mean_low, c.a.mean_low);
    close_to(d.a.iqm_high, c.a.iqm_high);
    close_to(d.aso_a, c.aso_a);
}

static void swapped_groups_mirror(void **state)
{
    (void)state;
    for (size_t n = 5; n <= 12; n += 7) { /* exact permutations, then random ones */
        draw_groups();
        n_a = n;
        n_b = n == 5 ? 5 : 10;
        uint8_t failed_a[12] = {1, 0, 1}, failed_b[12] = {0, 0, 0, 1};
        ek_group_scores x = {a, failed_a, n_a}, y = {b, failed_b, n_b};
        ek_comparison c = ek_comparison_of(&x, &y, false, SEED);
        ek_comparison d = ek_comparison_of(&y, &x, false, SEED);
        close_to(d.sd_ratio.value, 1 / c.sd_ratio.value);
        close_to(d.mean_difference.value, -c.mean_difference.value);
        close_to(d.median_difference.value, -c.median_difference.value);
        close_to(d.a12.value, 1 - c.a12.value);
        close_to(d.failed_difference_low, -c.failed_difference_high);
        close_to(d.failed_difference_high, -c.failed_difference_low);
        close_to(d.welch_t, -c.welch_t);
        close_to(d.mann_whitney_u, (double)(n_a * n_b) - c.mann_whitney_u);
        /* Other draws, the same distributions: the ends as in check_interval; a random p has a
         * standard error of at most 0.005. eps_min is eps + 1.645 SD of 1,000 draws, the relative
         * error of which is 0.022, two of them, five errors: 0.26 SD; the SD is below 0.5. */
        double width = c.mean_difference.high - c.mean_difference.low;
        check_near(d.mean_difference.low, -c.mean_difference.high, 0.084 * width);
        check_near(d.mean_difference.high, -c.mean_difference.low, 0.084 * width);
        check_near(d.aso_a, c.aso_b, 0.13);
        check_near(d.permutation_p, c.permutation_p, n == 5 ? 1e-12 : 0.035);
        check_near(d.sd_permutation_p, c.sd_permutation_p, n == 5 ? 1e-12 : 0.035);
        d.permutation_p = c.permutation_p;
        d.sd_permutation_p = c.sd_permutation_p;
        same_tests(&d, &c);
    }
}

static void a12_is_what_its_name_says(void **state)
{
    (void)state;
    draw_groups();
    for (size_t i = 0; i < MOST; i++) { /* ties */
        a[i] = round(100 * a[i]);
        b[i] = round(100 * b[i]);
    }
    double wins = 0;
    for (size_t i = 0; i < n_a; i++) {
        for (size_t j = 0; j < n_b; j++) {
            wins += b[j] > a[i] ? 1 : b[j] == a[i] ? 0.5 : 0;
        }
    }
    ek_comparison c = compare(false);
    assert_true(c.a12.value == wins / (double)(n_a * n_b));
    assert_true(c.mann_whitney_u == wins);
}

/* ---- where nothing can be said --------------------------------------------------------------- */

static bool nothing(const ek_estimate *e)
{
    return isnan(e->low) && isnan(e->high) && e->method == EK_INTERVAL_NONE;
}

static void few_runs_make_no_claim(void **state)
{
    (void)state;
    for (size_t n = 0; n < 2; n++) {
        draw_groups();
        n_b = n;
        ek_comparison c = compare(false);
        assert_true(nothing(&c.sd_ratio) && nothing(&c.mean_difference) && nothing(&c.a12));
        assert_true(isnan(c.levene_p) && isnan(c.brown_forsythe_p) && isnan(c.sd_permutation_p));
        assert_true(isnan(c.welch_p) && isnan(c.permutation_p) && isnan(c.aso_a));
        assert_true(isnan(c.mann_whitney_p) == (n == 0) && isnan(c.fisher_p) == (n == 0));
        assert_true(isnan(c.failed_difference_low) == (n == 0));
        assert_true(isnan(c.mean_difference.value) == (n == 0));
    }
    draw_groups();
    n_a = n_b = 2;
    ek_comparison c = compare(true);
    assert_true(c.mean_difference.low <= c.mean_difference.value);
    assert_true(c.mean_difference.high >= c.mean_difference.value);
    assert_true(isfinite(c.welch_p) && isfinite(c.permutation_p) && c.wilcoxon_exact);
}

static void constant_groups(void **state)
{
    (void)state;
    draw_groups();
    n_a = 6;
    for (size_t i = 0; i < MOST; i++) {
        a[i] = 0.527;
    }
    ek_comparison c = compare(false); /* a: every run failed alike */
    assert_true(isinf(c.sd_ratio.value) && nothing(&c.sd_ratio));
    assert_true(c.a.sd == 0 && c.a.sd_low == 0 && c.a.mean_high == 0.527);
    assert_true(c.a12.value == 1 && c.a12.low == 1 && c.a12.high == 1);
    assert_true(isfinite(c.brown_forsythe_p) && isfinite(c.welch_p) && isfinite(c.permutation_p));
    memcpy(b, a, sizeof b); /* and all of b, at the same score */
    c = compare(false);
    assert_true(c.sd_ratio.value == 1 && c.a12.value == 0.5 && c.mean_difference.high == 0);
    assert_true(c.mann_whitney_p == 1 && c.permutation_p == 1 && c.sd_permutation_p == 1);
    assert_true(isnan(c.brown_forsythe_p) && isnan(c.levene_p) && isnan(c.welch_p));
    n_b = n_a;
    c = compare(true);
    assert_true(c.wilcoxon_p == 1 && c.paired_difference.value == 0);
}

static void all_failed(void **state)
{
    (void)state;
    static const uint8_t all[MOST] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    draw_groups();
    ek_group_scores x = {a, all, n_a}, y = {b, all, n_b}, z = {b, NULL, n_b};
    ek_comparison c = ek_comparison_of(&x, &y, false, SEED);
    assert_true(c.fisher_p == 1 && c.failed_difference == 0 && isnan(c.a.sd_ok));
    c = ek_comparison_of(&x, &z, false, SEED);
    assert_true(c.fisher_p < 1e-4 && c.failed_difference == -1 && c.failed_difference_low == -1);
}

static void not_finite_is_nan(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        draw_groups();
        b[4] = k ? (double)NAN : (double)INFINITY;
        ek_comparison c = compare(false);
        assert_true(nothing(&c.sd_ratio) && nothing(&c.a12) && isnan(c.levene_p));
        assert_true(isnan(c.welch_p) && isnan(c.mann_whitney_p) && isnan(c.permutation_p));
        assert_true(isnan(c.aso_a) && isnan(c.aso_b) && isnan(c.brown_forsythe_p));
        assert_true(isnan(ek_wilcoxon(a, b, 6).p));
    }
}

/* Every allocation in turn: what needed it says nothing, the rest stands. */
static void without_memory(void **state)
{
    (void)state;
    draw_groups();
    n_a = n_b = 5;
    ek_comparison whole = compare(true);
    int lost = 0;
    for (long n = 1; n <= 60; n++) {
        ek_mem_fail_after(n);
        ek_comparison c = compare(true);
        ek_mem_fail_after(0);
        const double got[] = {c.levene_p,
                              c.brown_forsythe_p,
                              c.mann_whitney_p,
                              c.permutation_p,
                              c.aso_a,
                              c.aso_b,
                              c.a12.low,
                              c.wilcoxon_p,
                              c.sd_ratio.low,
                              c.sd_permutation_p,
                              c.a.median,
                              c.b.mean_low,
                              c.paired_difference.low};
        const double want[] = {whole.levene_p,
                               whole.brown_forsythe_p,
                               whole.mann_whitney_p,
                               whole.permutation_p,
                               whole.aso_a,
                               whole.aso_b,
                               whole.a12.low,
                               whole.wilcoxon_p,
                               whole.sd_ratio.low,
                               whole.sd_permutation_p,
                               whole.a.median,
                               whole.b.mean_low,
                               whole.paired_difference.low};
        int missing = 0;
        for (size_t i = 0; i < sizeof got / sizeof *got; i++) {
            missing += isnan(got[i]);
            assert_true(isnan(got[i]) || got[i] == want[i]);
        }
        lost += missing > 0;
        assert_true(c.welch_p == whole.welch_p && c.fisher_p == whole.fisher_p);
    }
    assert_true(lost >= 30 && lost < 60); /* the last ones are past the end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_group_agrees),
        cmocka_unit_test(two_groups_agree),
        cmocka_unit_test(holm_agrees),
        cmocka_unit_test(percent_and_origin_do_not_matter),
        cmocka_unit_test(ties_of_permutations_hold),
        cmocka_unit_test(order_of_scores_does_not_matter),
        cmocka_unit_test(swapped_groups_mirror),
        cmocka_unit_test(a12_is_what_its_name_says),
        cmocka_unit_test(few_runs_make_no_claim),
        cmocka_unit_test(constant_groups),
        cmocka_unit_test(all_failed),
        cmocka_unit_test(not_finite_is_nan),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
