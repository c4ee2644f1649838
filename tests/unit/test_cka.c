/* Linear CKA against numpy (make_stats_cka.py), and what must hold of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/random.h"
#include "stats/cka.h"
#include "stats_numbers.h"

enum { MOST = 64, WIDEST = 48 };

static double *gram_of(const float *x, size_t n, size_t p)
{
    ek_error err = {0};
    double *gram = ek_calloc(n * n, sizeof *gram);
    assert_non_null(gram);
    assert_int_equal(ek_cka_gram(x, n, p, gram, &err), EK_OK);
    return gram;
}

static void against_numpy(void **state)
{
    (void)state;
    size_t cases = 0;
    numbers_open_file(EK_TEST_DIR "/golden/stats_cka.txt");
    for (; numbers_next("cka"); cases++) {
        float x[MOST * WIDEST], y[MOST * WIDEST];
        size_t n = (size_t)number(), p = (size_t)number(), q = (size_t)number();
        assert_true(n <= MOST && p <= WIDEST && q <= WIDEST);
        for (size_t i = 0; i < n * p; i++) {
            x[i] = (float)number();
        }
        for (size_t i = 0; i < n * q; i++) {
            y[i] = (float)number();
        }
        double *k = gram_of(x, n, p), *l = gram_of(y, n, q);
        /* sums of at most 10^4 products in double; a mean of 100 costs four digits of the oracle's
         * unbiased one, which does not centre */
        check_near(ek_cka(k, l, n), number(), 1e-12);
        check_near(ek_cka_unbiased(k, l, n), number(), 1e-8);
        assert_true(ek_cka(k, l, n) == ek_cka(l, k, n));
        check_near(ek_cka(k, k, n), 1, 1e-14);
        check_near(ek_cka_unbiased(k, k, n), 1, 1e-14);
        ek_free(k);
        ek_free(l);
    }
    assert_int_equal(cases, 5);
    ek_buf_deinit(&numbers_text);
}

static void random_rows(float *x, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++) {
        ek_philox_block draw = ek_philox(seed, 99, (uint32_t)i, 0, 0, 0);
        x[i] = (float)((double)draw.v[0] / 4294967296.0 - 0.5);
    }
}

/* Independent representations wider than they are many: the biased one is far from 0, the unbiased
 * one is 0 on average. Over such pairs its standard deviation is 0.08 (by simulation), so the mean
 * of 40 is 4 of its own from 0.05. */
static void bias(void **state)
{
    (void)state;
    enum { N = 20, P = 40, PAIRS = 40 };
    float x[N * P], y[N * P];
    double with = 0, without = 0;
    for (uint32_t i = 0; i < PAIRS; i++) {
        random_rows(x, N * P, 2 * i);
        random_rows(y, N * P, 2 * i + 1);
        double *k = gram_of(x, N, P), *l = gram_of(y, N, P);
        with += ek_cka(k, l, N) / PAIRS;
        without += ek_cka_unbiased(k, l, N) / PAIRS;
        ek_free(k);
        ek_free(l);
    }
    assert_true(with > 0.5);
    assert_true(fabs(without) < 0.05);
}

/* The unbiased HSIC does not see a constant added to a column, so neither does the program. */
static void undefined(void **state)
{
    (void)state;
    enum { N = 6, P = 3 };
    float x[N * P], y[N * P], nan[N * P];
    ek_error err = {0};
    double gram[N * N];
    random_rows(x, N * P, 1);
    for (size_t i = 0; i < N * P; i++) {
        y[i] = 0.1f * (float)(i % P + 1); /* all examples alike */
        nan[i] = i == 4 ? (float)NAN : x[i];
    }
    double *k = gram_of(x, N, P), *constant = gram_of(y, N, P), *lost = gram_of(nan, N, P);
    assert_true(isnan(ek_cka(k, constant, N)) && isnan(ek_cka_unbiased(k, constant, N)));
    assert_true(isnan(ek_cka(constant, constant, N)));
    assert_true(isnan(ek_cka(k, lost, N)) && isnan(ek_cka_unbiased(lost, k, N)));
    ek_free(k);
    ek_free(constant);
    ek_free(lost);
    double *three = gram_of(x, 3, P);
    assert_true(isnan(ek_cka_unbiased(three, three, 3)) && ek_cka(three, three, 3) > 0.99);
    ek_free(three);
    ek_mem_fail_after(1);
    assert_int_equal(ek_cka_gram(x, N, P, gram, &err), EK_E_MEMORY);
    ek_mem_fail_after(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_numpy), cmocka_unit_test(bias),
                                       cmocka_unit_test(undefined)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
