/* The matrix product: its definition term by term with fmaf, its error against double, what it may
 * read and write, and empty sizes. test_kernel_hash.c holds all variants to the same bits. */
#include "kernel_util.h"

static float at(const float *matrix, int64_t ld, bool transposed, int64_t row, int64_t column)
{
    return transposed ? matrix[column * ld + row] : matrix[row * ld + column];
}

/* Zero of x's sign where x is subnormal. */
static float flushed(float x)
{
    return fpclassify(x) == FP_SUBNORMAL ? copysignf(0.0f, x) : x;
}

/* The nearest bfloat16, ties to even, found by trying both neighbours. */
static float bf16_of(float x)
{
    x = flushed(x);
    if (isnan(x) || isinf(x)) {
        return x;
    }
    float down = float_of_bits(bits_of_float(x) & 0xFFFF0000u);
    /* As if the exponent had no end: what rounds up beyond the largest is infinite. */
    uint32_t up_bits = (bits_of_float(x) & 0xFFFF0000u) + 0x10000u;
    double up = (up_bits & 0x7FFFFFFFu) == 0x7F800000u ? copysign(ldexp(1.0, 128), (double)x)
                                                       : (double)float_of_bits(up_bits);
    double below_x = fabs((double)x - (double)down), above_x = fabs(up - (double)x);
    bool down_is_even = (bits_of_float(down) & 0x10000u) == 0;
    bool take_down = below_x < above_x || (below_x == above_x && down_is_even);
    return take_down ? down : float_of_bits(up_bits);
}

/* The definition of kernel.h, one element of C. */
static float defined(const ek_gemm_args *args, const float *start, int64_t i, int64_t j)
{
    float sum = args->accumulate ? start[i * args->ldc + j] : 0.0f;
    if (args->precision == EK_PRECISION_BF16) {
        sum = flushed(sum);
        for (int64_t k = 0; k < args->k; k += 2) {
            for (int64_t odd = 1; odd >= 0; odd--) {
                float a = 0, b = 0;
                if (k + odd < args->k) {
                    a = bf16_of(at(args->a, args->lda, args->trans_a, i, k + odd));
                    b = bf16_of(at(args->b, args->ldb, args->trans_b, k + odd, j));
                }
                sum = flushed(fmaf(a, b, sum));
            }
        }
    } else {
        for (int64_t k = 0; k < args->k; k++) {
            sum = fmaf(at(args->a, args->lda, args->trans_a, i, k),
                       at(args->b, args->ldb, args->trans_b, k, j), sum);
        }
    }
    return args->bias ? sum + args->bias[j] : sum;
}

/* m x n x k operands. Gaps between rows hold NaN: a leak would be seen in the results. */
static ek_gemm_args some_product(struct source *source, int64_t m, int64_t n, int64_t k)
{
    ek_gemm_args args = {.m = m, .n = n, .k = k};
    args.trans_a = below(source, 2);
    args.trans_b = below(source, 2);
    args.accumulate = below(source, 2);
    int64_t a_rows = args.trans_a ? k : m, a_columns = args.trans_a ? m : k;
    int64_t b_rows = args.trans_b ? n : k, b_columns = args.trans_b ? k : n;
    args.lda = a_columns + below(source, 4);
    args.ldb = b_columns + below(source, 4);
    args.ldc = n + below(source, 4);
    float *a = some_floats(source, a_rows * args.lda), *b = some_floats(source, b_rows * args.ldb);
    for (int64_t i = 0; i < a_rows; i++) {
        for (int64_t j = a_columns; j < args.lda; j++) {
            a[i * args.lda + j] = NAN;
        }
    }
    for (int64_t i = 0; i < b_rows; i++) {
        for (int64_t j = b_columns; j < args.ldb; j++) {
            b[i * args.ldb + j] = NAN;
        }
    }
    args.a = a;
    args.b = b;
    args.c = some_floats(source, m * args.ldc);
    args.bias = below(source, 2) ? some_floats(source, n) : NULL;
    if (!args.accumulate) {
        for (int64_t i = 0; i < m * args.ldc; i++) {
            args.c[i] = NAN; /* must not be read */
        }
    }
    return args;
}

/* Runs and compares every element, or every step-th; gaps of C must be as before. */
static void check_product(ek_compute *compute, ek_gemm_args *args, int64_t step)
{
    const float *start = same_floats(args->c, args->m * args->ldc);
    ek_gemm(compute, args);
    for (int64_t index = 0; index < args->m * args->ldc; index++) {
        int64_t i = index / args->ldc, j = index % args->ldc;
        if (j >= args->n) {
            assert_same_floats("gap of C", &start[index], &args->c[index], 1);
        } else if (index % step == 0) {
            float expected = defined(args, start, i, j);
            assert_same_floats("C", &expected, &args->c[index], 1);
        }
    }
}

static void small_products_follow_the_definition(void **state)
{
    (void)state;
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    for (int v = 0; v < isa_count; v++) {
        ek_compute *compute = open_variant(isas[v], 1);
        struct source source = {1, PLAIN};
        for (int i = 0; i < 160; i++) {
            source.kind = (enum kind)(i % KIND_COUNT);
            int64_t m = between(&source, 1, 37), n = between(&source, 1, 70);
            ek_gemm_args args = some_product(&source, m, n, between(&source, 1, 70));
            args.precision = i / KIND_COUNT % 2 == 0 ? EK_PRECISION_FP32 : EK_PRECISION_BF16;
            check_product(compute, &args, 1);
            free_arrays();
        }
        ek_compute_free(compute);
    }
}

/* Sizes beyond every blocking: K over 384 (768 in bf16), N over 3072, M over 336; split over
 * threads both ways.
 */
static void large_products_follow_the_definition(void **state)
{
    (void)state;
    static const int64_t sizes[][3] = {
        {345, 40, 50}, {5, 3100, 20}, {20, 50, 1700}, {100, 130, 390}};
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    for (int v = 0; v < isa_count; v++) {
        for (int threads = 1; threads <= 5; threads += 2) {
            ek_compute *compute = open_variant(isas[v], threads);
            struct source source = {(uint64_t)threads, PLAIN};
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                for (int precision = 0; precision < EK_PRECISION_COUNT; precision++) {
                    ek_gemm_args args =
                        some_product(&source, sizes[i][0], sizes[i][1], sizes[i][2]);
                    args.precision = (ek_precision)precision;
                    check_product(compute, &args, 13);
                    free_arrays();
                }
            }
            ek_compute_free(compute);
        }
    }
}

/* x * 1, so that the rounding of x to bfloat16 comes out: 2^32 / stride floats of every kind, in
 * rows and in columns (the two ways of packing). EK_BF16_STRIDE=1 takes all of them. */
static void bf16_rounds_to_nearest_even(void **state)
{
    (void)state;
    enum { COUNT = 4096 };
    const char *given = getenv("EK_BF16_STRIDE");
    uint64_t stride = given ? strtoull(given, NULL, 10) : 4099;
    assert_true(stride > 0);
    float *x = new_array(COUNT, sizeof *x), *y = new_array(COUNT, sizeof *y);
    float *expected = new_array(COUNT, sizeof *expected);
    const float one = 1.0f;
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    for (int v = 0; v < isa_count; v++) {
        ek_compute *compute = open_variant(isas[v], 1);
        for (uint64_t bits = 0; bits <= UINT32_MAX;) {
            for (int i = 0; i < COUNT; i++, bits += stride) {
                x[i] = float_of_bits((uint32_t)bits);
                expected[i] = flushed(fmaf(bf16_of(x[i]), 1.0f, 0.0f));
            }
            ek_gemm_args as_rows = {.m = COUNT,
                                    .n = 1,
                                    .k = 1,
                                    .precision = EK_PRECISION_BF16,
                                    .a = x,
                                    .lda = 1,
                                    .b = &one,
                                    .ldb = 1,
                                    .c = y,
                                    .ldc = 1};
            ek_gemm(compute, &as_rows);
            assert_same_floats("rounded in rows", expected, y, COUNT);
            ek_gemm_args as_columns = as_rows;
            as_columns.m = 1;
            as_columns.n = COUNT;
            as_columns.a = &one;
            as_columns.b = x;
            as_columns.ldb = COUNT;
            as_columns.ldc = COUNT;
            ek_gemm(compute, &as_columns);
            assert_same_floats("rounded in columns", expected, y, COUNT);
        }
        ek_compute_free(compute);
    }
    free_arrays();
}

/* Against double: k roundings of the sum, each relative to the sum of magnitudes at most, and one
 * for the bias. */
static void error_is_bounded(void **state)
{
    (void)state;
    ek_compute *compute = open_variant(EK_ISA_SCALAR, 1);
    struct source source = {3, PLAIN};
    for (int r = 0; r < 10; r++) {
        int64_t m = between(&source, 1, 20), n = between(&source, 1, 20);
        ek_gemm_args args = some_product(&source, m, n, between(&source, 1, 500));
        const float *start = same_floats(args.c, m * args.ldc);
        ek_gemm(compute, &args);
        for (int64_t i = 0; i < m; i++) {
            for (int64_t j = 0; j < n; j++) {
                double sum = args.accumulate ? (double)start[i * args.ldc + j] : 0;
                double magnitude = fabs(sum);
                for (int64_t k = 0; k < args.k; k++) {
                    double term = (double)at(args.a, args.lda, args.trans_a, i, k) *
                                  (double)at(args.b, args.ldb, args.trans_b, k, j);
                    sum += term;
                    magnitude += fabs(term);
                }
                if (args.bias) {
                    sum += (double)args.bias[j];
                    magnitude += fabs((double)args.bias[j]);
                }
                assert_near("C", i * n + j, sum, (double)args.c[i * args.ldc + j],
                            (double)(args.k + 1) * UNIT_ROUNDOFF * magnitude);
            }
        }
        free_arrays();
    }
    ek_compute_free(compute);
}

/* A NaN in a row of A reaches this row of C and no other; likewise a column of B. */
static void nan_stays_in_its_row_and_column(void **state)
{
    (void)state;
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    enum { M = 30, N = 40, K = 20, ROW = 17, COLUMN = 33 };
    for (int v = 0; v < isa_count; v++) {
        ek_compute *compute = open_variant(isas[v], 1);
        struct source source = {4, PLAIN};
        float *a = some_floats(&source, M * K), *b = some_floats(&source, K * N);
        float *c = new_array(M * N, sizeof *c);
        a[ROW * K + 3] = NAN;
        b[5 * N + COLUMN] = NAN;
        ek_gemm(compute,
                &(ek_gemm_args){
                    .m = M, .n = N, .k = K, .a = a, .lda = K, .b = b, .ldb = N, .c = c, .ldc = N});
        for (int i = 0; i < M * N; i++) {
            assert_int_equal(isnan(c[i]), i / N == ROW || i % N == COLUMN);
        }
        free_arrays();
        ek_compute_free(compute);
    }
}

static void empty_products(void **state)
{
    (void)state;
    ek_compute *compute = open_variant(EK_ISA_SCALAR, 2);
    const float bias[2] = {1, 2};
    float c[4] = {NAN, 5, 6, 7};
    const float sums[4] = {1, 2, 1, 2}, more[4] = {2, 4, 2, 4};
    ek_gemm_args args = {.m = 2, .n = 2, .c = c, .ldc = 2, .bias = bias};
    ek_gemm(compute, &args); /* no term */
    assert_same_floats("no term", sums, c, 4);
    args.accumulate = true;
    ek_gemm(compute, &args);
    assert_same_floats("no term, accumulated", more, c, 4);
    args.m = 0;
    args.k = 3;
    ek_gemm(compute, &args);
    args.m = 2;
    args.n = 0;
    ek_gemm(compute, &args);
    assert_same_floats("no row, no column", more, c, 4);
    ek_compute_free(compute);
}

static void bad_thread_counts_are_refused(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_compute *compute;
    assert_int_equal(ek_compute_new(&compute, 0, &err), EK_E_USAGE);
    assert_null(compute);
    assert_int_equal(ek_compute_new(&compute, 5000, &err), EK_E_USAGE);
    assert_non_null(strstr(err.message, "5000"));
    ek_compute_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_products_follow_the_definition),
        cmocka_unit_test(large_products_follow_the_definition),
        cmocka_unit_test(bf16_rounds_to_nearest_even),
        cmocka_unit_test(error_is_bounded),
        cmocka_unit_test(nan_stays_in_its_row_and_column),
        cmocka_unit_test(empty_products),
        cmocka_unit_test(bad_thread_counts_are_refused),
    };
    return cmocka_run_group_tests_name("kernel_gemm", tests, NULL, NULL);
}
