/* Summaries of runs against numpy, scipy and statsmodels (tests/golden/make_stats.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"
#include "stats/failure_rate.h"
#include "stats/summary.h"

/* Some ten operations on numbers near 1; the oracle's normal quantile is good to 1e-15. */
#define TOLERANCE 1e-10

enum { MOST = 64, GROUPS = 10, RUNS = 25 };

static char *cursor;

static double number(void)
{
    const char *token = strtok_r(NULL, " \n", &cursor);
    double value;
    assert_non_null(token);
    assert_true(ek_parse_double(token, &value));
    return value;
}

static size_t read_count(void)
{
    size_t count = (size_t)number();
    assert_true(count <= MOST);
    return count;
}

static void read_doubles(double *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = number();
    }
}

static void check_within(double got, double tolerance)
{
    double want = number();
    if (!(fabs(got - want) <= tolerance) && !(isnan(got) && isnan(want))) {
        fail_msg("got %.17g, the oracle says %.17g", got, want);
    }
}

static void check_wilson(void)
{
    size_t k = (size_t)number(), n = (size_t)number();
    double low, high;
    ek_wilson(k, n, &low, &high);
    check_within(low, TOLERANCE);
    check_within(high, TOLERANCE);
}

static void check_quantiles(void)
{
    double x[MOST], q[MOST];
    size_t n = read_count(), m = read_count();
    read_doubles(x, n);
    read_doubles(q, m);
    for (size_t i = 0; i < m; i++) {
        check_within(ek_quantile(x, n, q[i]), TOLERANCE);
    }
}

static void check_summary(void)
{
    double x[MOST];
    uint8_t failed[MOST];
    size_t n = read_count();
    uint32_t seed = (uint32_t)number();
    read_doubles(x, n);
    for (size_t i = 0; i < n; i++) {
        failed[i] = (uint8_t)number();
    }
    ek_summary s = ek_summary_of(x, failed, NULL, n, seed);
    check_within(s.mean, TOLERANCE);
    check_within(s.sd, TOLERANCE);
    check_within(s.sd_ok, TOLERANCE);
    check_within(s.min, 0.0);
    check_within(s.median, TOLERANCE);
    check_within(s.max, 0.0);
    check_within(s.mean_low, TOLERANCE);
    check_within(s.mean_high, TOLERANCE);
    assert_int_equal(s.mean_method, EK_INTERVAL_BCA);
    /* Other draws, the same distribution: the 2.5 % quantile of 10,000 normal draws has a standard
     * error of sqrt(.025 .975 / 10000) / .0584 = 0.027 of their SD; five of these, and the same
     * again for what z0 adds. */
    double error = 2 * 5.0 * 0.027 * s.sd / sqrt((double)n);
    check_within(s.mean_low, error);
    check_within(s.mean_high, error);
}

static void agrees_with_the_oracle(void **state)
{
    (void)state;
    ek_buf text = {0};
    ek_error err = {0};
    if (ek_file_read(EK_TEST_DIR "/golden/stats.txt", 1 << 20, &text, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    int wilsons = 0, quantiles = 0, summaries = 0;
    char *token = strtok_r(strchr(text.data, '\n'), " \n", &cursor);
    for (; token != NULL; token = strtok_r(NULL, " \n", &cursor)) {
        if (strcmp(token, "wilson") == 0) {
            check_wilson();
            wilsons++;
        } else if (strcmp(token, "quantile") == 0) {
            check_quantiles();
            quantiles++;
        } else if (strcmp(token, "summary") == 0) {
            check_summary();
            summaries++;
        }
    }
    assert_int_equal(wilsons, 10);
    assert_int_equal(quantiles, 4);
    assert_int_equal(summaries, 4);
    ek_buf_deinit(&text);
}

static void few_runs(void **state)
{
    (void)state;
    double score[2] = {0.5, 0.75};
    ek_summary none = ek_summary_of(NULL, NULL, NULL, 0, 1);
    assert_int_equal(none.n, 0);
    assert_true(isnan(none.mean) && isnan(none.sd) && isnan(none.median) && isnan(none.failed_low));
    assert_true(isnan(none.mean_low) && isnan(none.sd_ok) && isnan(none.failed_high));
    ek_summary one = ek_summary_of(score, NULL, NULL, 1, 1);
    assert_true(one.mean == 0.5 && one.median == 0.5 && one.min == 0.5 && one.max == 0.5);
    assert_true(isnan(one.sd) && isnan(one.sd_ok) && isnan(one.mean_low) && isnan(one.mean_high));
    assert_true(one.failed_low == 0.0 && one.failed_high < 1.0);
    ek_summary two = ek_summary_of(score, NULL, NULL, 2, 1);
    assert_true(two.median == 0.625 && two.mean_low == 0.5 && two.mean_high == 0.75);
}

static void failed_runs_stay(void **state)
{
    (void)state;
    double score[4] = {0.9, 0.5, 0.0, 0.9};
    uint8_t failed[4] = {0, 1, 0, 0}, diverged[4] = {0, 0, 1, 0}, all[4] = {1, 1, 1, 1};
    ek_summary s = ek_summary_of(score, failed, diverged, 4, 3);
    assert_int_equal(s.failed, 2);
    assert_int_equal(s.diverged, 1);
    assert_true(fabs(s.mean - 0.575) < 1e-15);
    assert_true(s.sd_ok == 0.0 && s.min == 0.0);
    s = ek_summary_of(score, all, diverged, 4, 3);
    assert_int_equal(s.failed, 4);
    assert_true(isnan(s.sd_ok) && s.failed_high == 1.0 && s.failed_low > 0.5);
}

static void constants_have_no_spread(void **state)
{
    (void)state;
    double score[7];
    for (size_t i = 0; i < 7; i++) {
        score[i] = 0.1; /* 7 * 0.1 / 7 rounds to another number */
    }
    ek_summary s = ek_summary_of(score, NULL, NULL, 7, 9);
    assert_true(s.sd == 0.0 && s.mean == 0.1 && s.mean_low == 0.1 && s.mean_high == 0.1);
}

static void draws_depend_on_the_seed_only(void **state)
{
    (void)state;
    double score[RUNS];
    for (size_t i = 0; i < RUNS; i++) {
        score[i] = ek_random_uniform(1, EK_STREAM_SEARCH, 0, 0, i);
    }
    ek_summary a = ek_summary_of(score, NULL, NULL, RUNS, 5);
    ek_summary b = ek_summary_of(score, NULL, NULL, RUNS, 5);
    ek_summary c = ek_summary_of(score, NULL, NULL, RUNS, 6);
    assert_true(a.mean_low == b.mean_low && a.mean_high == b.mean_high);
    assert_true(a.mean_low != c.mean_low);
}

static void without_memory(void **state)
{
    (void)state;
    double score[3] = {0.1, 0.2, 0.4};
    for (long n = 1; n <= 6; n++) { /* 1: the sorted scores, then what the bootstrap needs */
        ek_mem_fail_after(n);
        ek_summary s = ek_summary_of(score, NULL, NULL, 3, 5);
        ek_mem_fail_after(0);
        assert_true(isnan(s.median) == (n == 1) && isnan(s.mean_low) == (n > 1));
        assert_true(isnan(s.min) == (n == 1) && isnan(s.sd_high) == (n > 1));
        assert_true(fabs(s.mean - 0.7 / 3) < 1e-15 && s.failed_low == 0.0);
    }
}

/* A report of ten groups must not make anybody wait. */
static void is_fast(void **state)
{
    (void)state;
    double score[RUNS];
    for (size_t i = 0; i < RUNS; i++) {
        score[i] = ek_random_uniform(2, EK_STREAM_SEARCH, 0, 0, i);
    }
    double sum = 0.0;
    clock_t start = clock(); /* of this process: the machine may be busy */
    for (uint32_t g = 0; g < GROUPS; g++) {
        sum += ek_summary_of(score, NULL, NULL, RUNS, g).mean_low;
    }
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    assert_true(sum > 0.0);
    print_message("%d groups of %d runs: %.3f s\n", GROUPS, RUNS, seconds);
    assert_true(seconds < 5.0); /* 0.05 s; sanitizers and valgrind may have their share */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_oracle),
        cmocka_unit_test(few_runs),
        cmocka_unit_test(failed_runs_stay),
        cmocka_unit_test(constants_have_no_spread),
        cmocka_unit_test(draws_depend_on_the_seed_only),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(is_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
