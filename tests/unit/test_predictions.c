/* Disagreement of predictions against numpy and statsmodels, the multi-bootstrap against an
 * independent one (tests/golden/make_stats_predictions.py), and what must hold of any matrix. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <time.h>

#include "base/random.h"
#include "stats/predictions.h"
#include "stats_numbers.h"

#define TOLERANCE 1e-9 /* the project's bound; sums of some thousand terms near 1 */

static int32_t truth[64], labels[512], other[512];
static double probs[2048];

/* Both sides are Monte Carlo: a 2.5 % quantile of R draws has a standard error of 2.67 SD / sqrt(R)
 * where the distribution is normal: 0.084 SD for 1,000 draws and 0.013 SD for 40,000. Five of
 * these, and a step of the discrete distribution. */
static void check_interval(ek_estimate got, double value, double step)
{
    double low = number(), high = number(), sd = number(), error = 0.43 * sd + step;
    check_near(got.value, value, TOLERANCE);
    check_near(got.low, low, error);
    check_near(got.high, high, error);
    assert_int_equal(got.method, EK_INTERVAL_PERCENTILE);
}

static void check_multi(ek_multi_bootstrap got, double step)
{
    double value = number();
    check_interval(got.seeds, value, step);
    check_interval(got.examples, value, step);
    check_interval(got.both, value, step);
}

static void check_matrix(void)
{
    size_t runs = (size_t)number(), examples = (size_t)number(), count = (size_t)number();
    for (size_t i = 0; i < examples; i++) {
        truth[i] = (int32_t)number();
    }
    for (size_t i = 0; i < runs * examples; i++) {
        labels[i] = (int32_t)number();
    }
    for (size_t i = 0; i < runs * examples * count; i++) {
        probs[i] = number();
    }
    ek_prediction_matrix m = {runs, examples, count, labels, probs, truth};
    ek_disagreement d = ek_disagreement_of(&m);
    check_near(d.churn, number(), TOLERANCE);
    check_near(d.fleiss_kappa, number(), TOLERANCE);
    check_near(d.jsd, number(), TOLERANCE);
    check_near(d.per_point, number(), TOLERANCE);
    check_near(d.total, number(), TOLERANCE);
    check_near(d.distribution_variance, number(), TOLERANCE);
    check_near(d.test_set_variance, number(), TOLERANCE);
    for (size_t i = 0; i < runs * examples; i++) { /* the second group is right or wrong */
        int right = (int)number();
        other[i] = right ? truth[i % examples] : -7;
    }
    ek_prediction_matrix n = {runs, examples, count, other, NULL, truth};
    double step = 2.0 / (double)examples;
    check_multi(ek_multi_bootstrap_of(&m, 3), step);
    check_multi(ek_multi_bootstrap_difference(&m, &n, 0, 3), step);
    check_multi(ek_multi_bootstrap_difference(&m, &n, 1, 3), step);

    double matrix[64], sum = 0.0;
    ek_churn_matrix(&m, matrix);
    for (size_t i = 0; i < runs * runs; i++) {
        sum += matrix[i];
        assert_true(matrix[i] == matrix[i % runs * runs + i / runs]);
    }
    check_near(sum / (double)(runs * (runs - 1)), d.churn, TOLERANCE);
}

static void agrees_with_the_oracle(void **state)
{
    (void)state;
    int cases = 0;
    numbers_open();
    for (; numbers_next("predictions"); cases++) {
        check_matrix();
    }
    ek_buf_deinit(&numbers_text);
    assert_int_equal(cases, 3);
}

static void fill(size_t runs, size_t examples)
{
    for (size_t i = 0; i < runs * examples; i++) {
        truth[i % examples] = (int32_t)(i % examples % 3);
        labels[i] = (int32_t)ek_random_below(5, EK_STREAM_SEARCH, 0, 0, i, 3);
    }
}

static void order_does_not_matter(void **state)
{
    (void)state;
    enum { RUNS = 6, EXAMPLES = 40 };
    fill(RUNS, EXAMPLES);
    ek_prediction_matrix m = {RUNS, EXAMPLES, 3, labels, NULL, truth};
    ek_disagreement before = ek_disagreement_of(&m);
    for (size_t i = 0; i < RUNS * EXAMPLES; i++) { /* both axes backwards: i -> last - i */
        other[i] = labels[RUNS * EXAMPLES - 1 - i];
    }
    for (size_t i = 0; i < EXAMPLES / 2; i++) {
        int32_t swapped = truth[i];
        truth[i] = truth[EXAMPLES - 1 - i];
        truth[EXAMPLES - 1 - i] = swapped;
    }
    m.labels = other;
    ek_disagreement after = ek_disagreement_of(&m);
    assert_true(before.churn == after.churn && before.total == after.total);
    assert_true(before.per_point == after.per_point && isnan(before.jsd));
    assert_true(before.distribution_variance == after.distribution_variance);
    for (size_t i = 0; i < RUNS * EXAMPLES; i++) { /* other names, the same disagreement */
        other[i] = labels[i] == 2 ? -1000000 : labels[i] + 77;
    }
    after = ek_disagreement_of(&m);
    assert_true(before.churn == after.churn);
    check_near(after.fleiss_kappa, before.fleiss_kappa, TOLERANCE);
    assert_true(after.total == 0.0 && after.per_point == 0.0);
}

static void equal_and_few(void **state)
{
    (void)state;
    fill(1, 20);
    memcpy(labels + 20, labels, 20 * sizeof *labels);
    ek_prediction_matrix m = {2, 20, 3, labels, NULL, truth};
    ek_disagreement d = ek_disagreement_of(&m);
    assert_true(d.churn == 0.0 && d.fleiss_kappa == 1.0 && d.total == 0.0 && d.per_point == 0.0);
    m.truth = NULL;
    d = ek_disagreement_of(&m);
    assert_true(d.churn == 0.0 && isnan(d.total) && isnan(d.distribution_variance));
    assert_true(isnan(ek_multi_bootstrap_of(&m, 1).both.value));
    m.truth = truth;
    m.runs = 1;
    assert_true(isnan(ek_disagreement_of(&m).churn) && isnan(ek_disagreement_of(&m).total));
    ek_multi_bootstrap one = ek_multi_bootstrap_of(&m, 1);
    assert_true(isnan(one.seeds.low) && isnan(one.both.low) && one.seeds.value >= 0.0);
    assert_true(one.examples.low < one.examples.high && one.seeds.method == EK_INTERVAL_NONE);
    ek_prediction_matrix two = {2, 20, 3, labels, NULL, truth};
    assert_true(isnan(ek_multi_bootstrap_difference(&m, &two, 1, 1).seeds.value));
    memset(labels, 0, sizeof labels);
    d = ek_disagreement_of(&two);
    assert_true(d.churn == 0.0 && isnan(d.fleiss_kappa));
    uint32_t counts[20];
    truth[0] = -1;
    ek_right_counts(&two, counts);
    assert_true(counts[0] == 0 && counts[3] == 2 && counts[4] == 0);
}

static void is_fast(void **state)
{
    (void)state;
    enum { RUNS = 50, EXAMPLES = 10000 };
    int32_t *given = ek_calloc((size_t)RUNS * EXAMPLES, sizeof *given);
    int32_t *right = ek_calloc(EXAMPLES, sizeof *right);
    double *p = ek_calloc((size_t)RUNS * EXAMPLES * 3, sizeof *p);
    assert_true(given != NULL && right != NULL && p != NULL);
    for (size_t i = 0; i < (size_t)RUNS * EXAMPLES; i++) {
        given[i] = (int32_t)ek_random_below(1, EK_STREAM_SEARCH, 0, 0, i, 3);
        p[3 * i] = 0.5 * ek_random_uniform(1, EK_STREAM_SEARCH, 1, 0, i);
        p[3 * i + 1] = 0.3;
        p[3 * i + 2] = 0.7 - p[3 * i];
    }
    ek_prediction_matrix m = {RUNS, EXAMPLES, 3, given, p, right};
    clock_t start = clock();
    ek_disagreement d = ek_disagreement_of(&m);
    double first = (double)(clock() - start) / CLOCKS_PER_SEC;
    m.runs = 25;
    m.examples = 2000;
    start = clock();
    ek_multi_bootstrap b = ek_multi_bootstrap_of(&m, 1);
    double second = (double)(clock() - start) / CLOCKS_PER_SEC;
    print_message("disagreement %.2f s, multi-bootstrap %.2f s\n", first, second);
    assert_true(d.jsd > 0.0 && b.both.low < b.both.high);
    assert_true(first < 40.0 && second < 20.0); /* sanitizers and valgrind have their share */
    ek_free(given);
    ek_free(right);
    ek_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_oracle),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(equal_and_few),
        cmocka_unit_test(is_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
