/* Softmax, cross-entropy and squared error against double, gradients by central differences, large
 * and special logits, many classes; sums of squares by their definition. */
#include "kernel_util.h"

static double double_cross_entropy(const double *logits, int64_t classes, int32_t label)
{
    double largest = logits[0], sum = 0;
    for (int64_t c = 1; c < classes; c++) {
        largest = fmax(largest, logits[c]);
    }
    for (int64_t c = 0; c < classes; c++) {
        sum += exp(logits[c] - largest);
    }
    return log(sum) - (logits[label] - largest);
}

struct one_row {
    const double *logits;
    int64_t classes;
    int32_t label;
};

static double row_loss_of(const void *context)
{
    const struct one_row *row = context;
    return double_cross_entropy(row->logits, row->classes, row->label);
}

static void cross_entropy_against_double(void **state)
{
    (void)state;
    enum { ROWS = 3 };
    static const int64_t class_counts[] = {1, 2, 3, 5, 15, 16, 17, 100, 50000};
    const float divisor = 5;
    ek_compute *compute = open_variant(EK_ISA_SCALAR, 1);
    struct source source = {30, PLAIN};
    for (size_t i = 0; i < sizeof class_counts / sizeof *class_counts; i++) {
        int64_t classes = class_counts[i];
        const float *logits = some_floats(&source, ROWS * classes);
        float *d = new_array(ROWS * classes, sizeof *d), *p = new_array(ROWS * classes, sizeof *p);
        float loss[ROWS], loss_alone[ROWS];
        int32_t labels[ROWS];
        for (int r = 0; r < ROWS; r++) {
            labels[r] = (int32_t)below(&source, classes);
        }
        ek_cross_entropy(compute, loss, d, logits, labels, ROWS, classes, divisor);
        ek_cross_entropy(compute, loss_alone, NULL, logits, labels, ROWS, classes, divisor);
        assert_same_floats("loss without gradients", loss, loss_alone, ROWS);
        ek_softmax_forward(compute, p, logits, ROWS, classes);
        /* A sum of classes / 16 + 4 additions; exp and log to an ULP; losses up to log(classes) +
         * 4. */
        double of_sum = ((double)classes / 16 + 16) * UNIT_ROUNDOFF;
        double *x = new_array(classes, sizeof *x);
        for (int r = 0; r < ROWS; r++) {
            struct one_row row = {x, classes, labels[r]};
            for (int64_t c = 0; c < classes; c++) {
                x[c] = (double)logits[r * classes + c];
            }
            double expected = row_loss_of(&row);
            assert_near("loss", r, expected, (double)loss[r], of_sum + 16 * 4 * UNIT_ROUNDOFF);
            double log_sum = expected + x[labels[r]];
            for (int64_t c = 0; c < classes; c++) {
                double share = exp(x[c] - log_sum);
                assert_near("p", c, share, (double)p[r * classes + c],
                            of_sum * share + 8 * UNIT_ROUNDOFF * share);
                assert_near("dlogits", c, (share - (c == labels[r])) / (double)divisor,
                            (double)d[r * classes + c], (of_sum + 8 * UNIT_ROUNDOFF) / 5);
            }
            for (int64_t c = 0; c < classes && c < 20; c++) {
                assert_near("dlogits", c,
                            central_difference(&x[c], row_loss_of, &row) / (double)divisor,
                            (double)d[r * classes + c], (of_sum + 8 * UNIT_ROUNDOFF) / 5 + 1e-9);
            }
        }
        float *in_place = same_floats(logits, ROWS * classes);
        ek_cross_entropy(compute, loss, in_place, in_place, labels, ROWS, classes, divisor);
        assert_same_floats("dlogits in place", d, in_place, ROWS * classes);
        memcpy(in_place, logits, (size_t)(ROWS * classes) * sizeof *logits);
        ek_softmax_forward(compute, in_place, in_place, ROWS, classes);
        assert_same_floats("p in place", p, in_place, ROWS * classes);
        free_arrays();
    }
    ek_compute_free(compute);
}

static void large_and_special_logits(void **state)
{
    (void)state;
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    for (int v = 0; v < isa_count; v++) {
        ek_compute *compute = open_variant(isas[v], 1);
        const int32_t label[1] = {1};
        float loss[1], d[3];
        const float large[3] = {3e38f, -3e38f, 0}; /* no overflow: the loss is the distance */
        ek_cross_entropy(compute, loss, d, large, label, 1, 2, 1);
        assert_true(isinf(loss[0]) && loss[0] > 0); /* 6e38 is beyond float */
        assert_true(d[0] == 1.0f && d[1] == -1.0f);
        const float far[3] = {1000, 0, -1000};
        ek_cross_entropy(compute, loss, d, far, label, 1, 3, 2);
        assert_true(loss[0] == 1000.0f && d[0] == 0.5f && d[1] == -0.5f && d[2] == 0.0f);
        /* A NaN anywhere, in the row or beyond the first sixteen, makes the row NaN. */
        for (int at = 0; at < 40; at++) {
            float row[40] = {0};
            row[at] = NAN;
            ek_softmax_forward(compute, row, row, 1, 40);
            for (int c = 0; c < 40; c++) {
                assert_true(isnan(row[c]));
            }
            memset(row, 0, sizeof row);
            row[at] = NAN;
            ek_cross_entropy(compute, loss, row, row, label, 1, 40, 1);
            assert_true(isnan(loss[0]));
            for (int c = 0; c < 40; c++) {
                assert_true(isnan(row[c]));
            }
        }
        ek_compute_free(compute);
    }
}

static void squared_error_follows_the_formula(void **state)
{
    (void)state;
    enum { ROWS = 50 };
    ek_compute *compute = open_variant(EK_ISA_SCALAR, 1);
    struct source source = {31, PLAIN};
    float *x = some_floats(&source, ROWS), *target = some_floats(&source, ROWS);
    float loss[ROWS], dx[ROWS], again[ROWS];
    ek_squared_error(compute, loss, dx, x, target, ROWS, ROWS);
    ek_squared_error(compute, again, NULL, x, target, ROWS, ROWS);
    assert_same_floats("loss without gradients", loss, again, ROWS);
    for (int r = 0; r < ROWS; r++) {
        double difference = (double)x[r] - (double)target[r];
        assert_near("loss", r, difference * difference, (double)loss[r],
                    3 * UNIT_ROUNDOFF * difference * difference);
        assert_near("dx", r, 2 * difference / ROWS, (double)dx[r],
                    3 * UNIT_ROUNDOFF * fabs(difference));
    }
    ek_squared_error(compute, loss, x, x, target, ROWS, ROWS);
    assert_same_floats("dx in place", dx, x, ROWS);
    free_arrays();
    ek_compute_free(compute);
}

/* kernel.h's definition, element by element. */
static double defined_sum_squares(const float *x, int64_t count)
{
    double sum = 0;
    for (int64_t chunk = 0; chunk < count; chunk += 4096) {
        float lane[16] = {0};
        for (int64_t i = chunk; i < count && i < chunk + 4096; i++) {
            lane[i % 16] = fmaf(x[i], x[i], lane[i % 16]);
        }
        for (int half = 8; half > 0; half /= 2) {
            for (int i = 0; i < half; i++) {
                lane[i] += lane[i + half];
            }
        }
        sum += (double)lane[0];
    }
    return sum;
}

static void sums_of_squares_follow_the_definition(void **state)
{
    (void)state;
    static const int64_t counts[] = {0, 1, 15, 16, 100, 4095, 4096, 4097, 70000};
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    for (int v = 0; v < isa_count; v++) {
        for (int threads = 1; threads <= 3; threads++) {
            ek_compute *compute = open_variant(isas[v], threads);
            struct source source = {32, PLAIN};
            for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
                const float *x = some_floats(&source, counts[i]);
                double sum = ek_sum_squares(compute, x, counts[i]), exact = 0;
                assert_true(sum == defined_sum_squares(x, counts[i]));
                for (int64_t j = 0; j < counts[i]; j++) {
                    exact += (double)x[j] * (double)x[j];
                }
                /* 256 fused additions a lane and 4 of the fold, all terms positive */
                assert_near("sum", counts[i], exact, sum, 260 * UNIT_ROUNDOFF * exact);
                free_arrays();
            }
            ek_compute_free(compute);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cross_entropy_against_double),
        cmocka_unit_test(large_and_special_logits),
        cmocka_unit_test(squared_error_follows_the_formula),
        cmocka_unit_test(sums_of_squares_follow_the_definition),
    };
    return cmocka_run_group_tests_name("kernel_loss", tests, NULL, NULL);
}
