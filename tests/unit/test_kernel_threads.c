/* Products deep and tall enough that threads share a packed B over several blocks of depth, the
 * last one shorter: whoever is ahead must not pack over what another still reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/kernel.h"

/* The first rows are few, and threads share columns; all of them are shared by rows. */
enum { FEW = 200, M = 700, N = 520, K = 900, TIMES = 60 };

static void product(int threads, int64_t m, float *c, const float *a, const float *b, int times,
                    int *wrong, const float *expected)
{
    ek_error err = {0};
    ek_compute *compute;
    assert_int_equal(ek_compute_new(&compute, threads, &err), EK_OK);
    for (int i = 0; i < times; i++) {
        ek_gemm(compute,
                &(ek_gemm_args){
                    .m = m, .n = N, .k = K, .a = a, .lda = K, .b = b, .ldb = N, .c = c, .ldc = N});
        *wrong += expected && memcmp(c, expected, sizeof(float) * (size_t)m * N) != 0;
    }
    ek_compute_free(compute);
}

static void threads_do_not_pack_over_each_other(void **state)
{
    (void)state;
    float *a = malloc(sizeof(float) * M * K), *b = malloc(sizeof(float) * K * N);
    float *one = malloc(sizeof(float) * M * N), *many = malloc(sizeof(float) * M * N);
    uint32_t draw = 1;
    for (int i = 0; i < M * K + K * N; i++) {
        draw = draw * 1664525u + 1013904223u;
        *(i < M * K ? &a[i] : &b[i - M * K]) = (float)(draw >> 8) / (1 << 24) - 0.5f;
    }
    int wrong = 0;
    product(1, M, one, a, b, 1, &wrong, NULL);
    for (int threads = 2; threads <= 4; threads++) {
        for (int64_t m = FEW; m <= M; m += M - FEW) {
            wrong = 0;
            product(threads, m, many, a, b, TIMES, &wrong, one);
            if (wrong) {
                print_message("%d threads, %d rows: %d of %d products differ\n", threads, (int)m,
                              wrong, TIMES);
            }
            assert_int_equal(wrong, 0);
        }
    }
    free(a);
    free(b);
    free(one);
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_do_not_pack_over_each_other)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
