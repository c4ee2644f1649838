/* Metrics against scikit-learn and scipy (tests/golden/make_stats.py), and their edge cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "stats/metrics.h"

/* Sums of a few hundred terms in another order differ by some 1e-14; the oracle subtracts a mean of
 * 1e6 once, which leaves 1e-10 of its differences. */
#define TOLERANCE 1e-10

enum { MOST = 512 };

static char *cursor;

static const char *word(void)
{
    char *token = strtok_r(NULL, " \n", &cursor);
    assert_non_null(token);
    return token;
}

static double number(void)
{
    double value;
    assert_true(ek_parse_double(word(), &value));
    return value;
}

static size_t size(void)
{
    return (size_t)number();
}

static void read_doubles(double *out, size_t count)
{
    assert_true(count <= MOST);
    for (size_t i = 0; i < count; i++) {
        out[i] = number();
    }
}

static void check(double got)
{
    double want = number();
    if (!(fabs(got - want) <= TOLERANCE)) {
        fail_msg("got %.17g, the oracle says %.17g", got, want);
    }
}

static void check_labels(const int32_t *predicted, const int32_t *actual, size_t count, size_t k)
{
    check(ek_metric_accuracy(predicted, actual, count));
    check(ek_metric_f1(predicted, actual, count));
    check(ek_metric_macro_f1(predicted, actual, count, k));
    check(ek_metric_mcc(predicted, actual, count, k));
}

static void check_listed_labels(void)
{
    int32_t predicted[MOST], actual[MOST];
    size_t n = size(), k = size();
    assert_true(n <= MOST);
    for (size_t i = 0; i < n; i++) {
        predicted[i] = (int32_t)number();
    }
    for (size_t i = 0; i < n; i++) {
        actual[i] = (int32_t)number();
    }
    check_labels(predicted, actual, n, k);
}

static void check_confusion(void)
{
    size_t cells[4], total = 0;
    for (int c = 0; c < 4; c++) {
        cells[c] = size();
        total += cells[c];
    }
    int32_t *predicted = ek_calloc(total, sizeof *predicted);
    int32_t *actual = ek_calloc(total, sizeof *actual);
    assert_non_null(predicted);
    assert_non_null(actual);
    size_t at = 0;
    for (int c = 0; c < 4; c++) {
        for (size_t i = 0; i < cells[c]; i++, at++) {
            predicted[at] = c % 2;
            actual[at] = c / 2;
        }
    }
    check_labels(predicted, actual, total, 2);
    ek_free(predicted);
    ek_free(actual);
}

static void check_scores(void)
{
    double x[MOST], y[MOST];
    size_t n = size();
    read_doubles(x, n);
    read_doubles(y, n);
    check(ek_metric_pearson(x, y, n));
    check(ek_metric_spearman(x, y, n));
    double want = number();
    assert_true(fabs(ek_metric_mse(x, y, n) - want) <= TOLERANCE * (1.0 + fabs(want)));
}

static void agrees_with_the_oracle(void **state)
{
    (void)state;
    ek_buf text = {0};
    ek_error err = {0};
    if (ek_file_read(EK_TEST_DIR "/golden/stats.txt", 1 << 20, &text, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    int labels = 0, confusions = 0, scores = 0;
    char *token = strtok_r(strchr(text.data, '\n'), " \n", &cursor);
    for (; token != NULL; token = strtok_r(NULL, " \n", &cursor)) {
        if (strcmp(token, "labels") == 0) {
            check_listed_labels();
            labels++;
        } else if (strcmp(token, "confusion") == 0) {
            check_confusion();
            confusions++;
        } else if (strcmp(token, "scores") == 0) {
            check_scores();
            scores++;
        }
    }
    assert_int_equal(labels, 11);
    assert_int_equal(confusions, 3);
    assert_int_equal(scores, 9);
    ek_buf_deinit(&text);
}

static void edge_cases(void **state)
{
    (void)state;
    int32_t label[1] = {0};
    double score[2] = {1.0, 2.0}, same[2] = {0.1, 0.1}, bad[2] = {1.0, (double)NAN};
    for (const char *const *name = ek_metric_names(); *name != NULL; name++) {
        assert_true(isnan(ek_metric(*name, label, label, score, score, 0, 2)));
    }
    assert_true(ek_metric_f1(label, label, 1) == 0.0);
    assert_true(ek_metric_mcc(label, label, 1, 2) == 0.0);
    assert_true(ek_metric_pearson(score, same, 2) == 0.0);
    assert_true(ek_metric_spearman(same, score, 2) == 0.0);
    assert_true(isnan(ek_metric_spearman(score, bad, 2)));
    assert_true(isnan(ek_metric_pearson(score, bad, 2)));
    assert_true(ek_metric_pearson(score, score, 2) <= 1.0);
    for (long n = 1; n <= 2; n++) {
        ek_mem_fail_after(n);
        assert_true(isnan(ek_metric_spearman(score, score, 2)));
        ek_mem_fail_after(0);
    }
}

static void by_name(void **state)
{
    (void)state;
    int32_t p[4] = {0, 1, 2, 1}, a[4] = {0, 1, 1, 2};
    double x[4] = {1, 2, 4, 3}, y[4] = {1, 3, 2, 5};
    assert_true(ek_metric("accuracy", p, a, NULL, NULL, 4, 3) == 0.5);
    assert_true(ek_metric("f1", p, a, NULL, NULL, 4, 3) == ek_metric_f1(p, a, 4));
    assert_true(ek_metric("macro_f1", p, a, NULL, NULL, 4, 3) == ek_metric_macro_f1(p, a, 4, 3));
    assert_true(ek_metric("mcc", p, a, NULL, NULL, 4, 3) == ek_metric_mcc(p, a, 4, 3));
    assert_true(ek_metric("pearson", NULL, NULL, x, y, 4, 0) == ek_metric_pearson(x, y, 4));
    assert_true(ek_metric("spearman", NULL, NULL, x, y, 4, 0) == ek_metric_spearman(x, y, 4));
    assert_true(ek_metric("mse", NULL, NULL, x, y, 4, 0) == 2.25);
    assert_true(isnan(ek_metric("bleu", p, a, x, y, 4, 3)));
    size_t count = 0;
    while (ek_metric_names()[count] != NULL) {
        count++;
    }
    assert_int_equal(count, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_oracle),
        cmocka_unit_test(edge_cases),
        cmocka_unit_test(by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
