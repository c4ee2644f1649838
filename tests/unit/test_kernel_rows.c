/* Row operations against independent computations in double: layer normalisation and its gradients
 * (central differences), bias gradients, embeddings, gather and scatter; and where NaN goes. */
#include "kernel_util.h"

/* ---- layer normalisation ---- */

enum { WIDTH_MAX = 300 };

/* In double: sum over the row of weight[c] * layernorm(z)[c]. */
struct layernorm_row {
    const double *z, *gamma, *beta, *weight;
    int64_t width;
    double eps;
};

static void layernorm_double(double *y, const struct layernorm_row *row)
{
    double mean = 0, variance = 0;
    for (int64_t c = 0; c < row->width; c++) {
        mean += row->z[c] / (double)row->width;
    }
    for (int64_t c = 0; c < row->width; c++) {
        variance += (row->z[c] - mean) * (row->z[c] - mean) / (double)row->width;
    }
    for (int64_t c = 0; c < row->width; c++) {
        y[c] = (row->z[c] - mean) / sqrt(variance + row->eps) * row->gamma[c] + row->beta[c];
    }
}

static double weighted_layernorm(const void *context)
{
    const struct layernorm_row *row = context;
    double y[WIDTH_MAX], sum = 0;
    layernorm_double(y, row);
    for (int64_t c = 0; c < row->width; c++) {
        sum += row->weight[c] * y[c];
    }
    return sum;
}

static void to_double(double *to, const float *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        to[i] = (double)from[i];
    }
}

/* Forward and backward without dropout, on rows of ordinary numbers. */
static void layernorm_against_double(void **state)
{
    (void)state;
    enum { ROWS = 3 };
    static const int64_t widths[] = {2, 5, 16, 17, 33, 128, 300};
    const float eps = 1e-5f;
    ek_compute *compute = open_variant(EK_ISA_SCALAR, 1);
    struct source source = {7, PLAIN};
    ek_dropout none = ek_dropout_make(0, 1, 2, 3);
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        int64_t width = widths[w], all = ROWS * width;
        ek_rows rows = some_rows(&source, ROWS);
        const float *x = some_floats(&source, all), *residual = some_floats(&source, all);
        const float *gamma = some_floats(&source, width), *beta = some_floats(&source, width);
        const float *dy = some_floats(&source, all);
        float *y = new_array(all, sizeof *y), *z = new_array(all, sizeof *z);
        float mean[ROWS], rstd[ROWS];
        ek_residual_layernorm_forward(compute, y, z, mean, rstd, x, residual, &none, &rows, gamma,
                                      beta, width, eps);
        float *dz = new_array(all, sizeof *dz);
        float *dgamma = new_array(width, sizeof *dgamma), *dbeta = new_array(width, sizeof *dbeta);
        ek_layernorm_backward(compute, dz, dgamma, dbeta, dy, z, mean, rstd, gamma, ROWS, width);

        double dgamma_double[WIDTH_MAX] = {0}, dbeta_double[WIDTH_MAX] = {0};
        for (int r = 0; r < ROWS; r++) {
            double z_double[WIDTH_MAX], gamma_double[WIDTH_MAX], beta_double[WIDTH_MAX];
            double weight[WIDTH_MAX], y_double[WIDTH_MAX];
            struct layernorm_row row = {z_double, gamma_double, beta_double,
                                        weight,   width,        (double)eps};
            for (int64_t c = 0; c < width; c++) {
                float sum = x[r * width + c] + residual[r * width + c];
                assert_same_floats("z", &sum, &z[r * width + c], 1);
            }
            to_double(z_double, z + r * width, width);
            to_double(gamma_double, gamma, width);
            to_double(beta_double, beta, width);
            to_double(weight, dy + r * width, width);
            layernorm_double(y_double, &row);
            /* Sums of width / 16 + 4 additions a lane, a handful of roundings more; values of z, y
             * and gamma up to 4, and rows of 2 columns can have a large rstd. */
            double tolerance =
                ((double)width / 16 + 16) * UNIT_ROUNDOFF * 4 * (1 + (double)rstd[r]);
            for (int64_t c = 0; c < width; c++) {
                assert_near("y", c, y_double[c], (double)y[r * width + c], tolerance);
                double slope = central_difference(&z_double[c], weighted_layernorm, &row);
                assert_near("dz", c, slope, (double)dz[r * width + c],
                            tolerance * (double)rstd[r] + 1e-8);
                dgamma_double[c] += central_difference(&gamma_double[c], weighted_layernorm, &row);
                dbeta_double[c] += central_difference(&beta_double[c], weighted_layernorm, &row);
            }
        }
        for (int64_t c = 0; c < width; c++) {
            double tolerance = 32 * UNIT_ROUNDOFF; /* three terms up to 4, roundings of xhat */
            assert_near("dgamma", c, dgamma_double[c], (double)dgamma[c], tolerance);
            assert_near("dbeta", c, dbeta_double[c], (double)dbeta[c], tolerance);
        }
        free_arrays();
    }
    ek_compute_free(compute);
}

/* z = residual + drop(x): the fused dropout is ek_dropout_apply's; z may be x, dz may be dy. */
static void layernorm_drops_and_works_in_place(void **state)
{
    (void)state;
    enum { ROWS = 5, WIDTH = 70 };
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    for (int v = 0; v < isa_count; v++) {
        ek_compute *compute = open_variant(isas[v], 1);
        struct source source = {8, PLAIN};
        ek_rows rows = some_rows(&source, ROWS);
        ek_dropout dropout = ek_dropout_make(0.2, 5, 6, 7);
        float *x = some_floats(&source, ROWS * WIDTH);
        const float *residual = some_floats(&source, ROWS * WIDTH);
        const float *gamma = some_floats(&source, WIDTH), *beta = some_floats(&source, WIDTH);
        float z[ROWS * WIDTH], y[ROWS * WIDTH], mean[ROWS], rstd[ROWS], expected[ROWS * WIDTH];
        ek_dropout_apply(compute, expected, x, &dropout, &rows, WIDTH);
        ek_residual_layernorm_forward(compute, y, z, mean, rstd, x, NULL, &dropout, &rows, gamma,
                                      beta, WIDTH, 1e-12f);
        assert_same_floats("z without residual", expected, z, ROWS * WIDTH);
        for (int i = 0; i < ROWS * WIDTH; i++) {
            expected[i] = residual[i] + expected[i];
        }
        ek_residual_layernorm_forward(compute, y, z, mean, rstd, x, residual, &dropout, &rows,
                                      gamma, beta, WIDTH, 1e-12f);
        assert_same_floats("z", expected, z, ROWS * WIDTH);
        ek_residual_layernorm_forward(compute, expected, x, mean, rstd, x, residual, &dropout,
                                      &rows, gamma, beta, WIDTH, 1e-12f);
        assert_same_floats("z in place of x", z, x, ROWS * WIDTH);
        assert_same_floats("y", y, expected, ROWS * WIDTH);

        float *dy = some_floats(&source, ROWS * WIDTH), dz[ROWS * WIDTH];
        float sums[4][WIDTH] = {{0}};
        ek_layernorm_backward(compute, dz, sums[0], sums[1], dy, z, mean, rstd, gamma, ROWS, WIDTH);
        ek_layernorm_backward(compute, dy, sums[2], sums[3], dy, z, mean, rstd, gamma, ROWS, WIDTH);
        assert_same_floats("dz in place of dy", dz, dy, ROWS * WIDTH);
        assert_same_floats("dgamma", sums[0], sums[2], WIDTH);
        assert_same_floats("dbeta", sums[1], sums[3], WIDTH);
        free_arrays();
        ek_compute_free(compute);
    }
}

/* In double: the sum over all rows of weight * layernorm(residual + mask * (x + bias)). */
struct dropped_layernorm {
    const float *x, *residual, *mask, *weight, *gamma, *beta;
    const double *bias;
    int64_t rows, width;
    double eps;
};

static double weighted_dropped_layernorm(const void *context)
{
    const struct dropped_layernorm *all = context;
    double z[WIDTH_MAX], gamma[WIDTH_MAX], beta[WIDTH_MAX], weight[WIDTH_MAX], sum = 0;
    to_double(gamma, all->gamma, all->width);
    to_double(beta, all->beta, all->width);
    for (int64_t r = 0; r < all->rows; r++) {
        int64_t at = r * all->width;
        struct layernorm_row row = {z, gamma, beta, weight, all->width, all->eps};
        to_double(weight, all->weight + at, all->width);
        for (int64_t c = 0; c < all->width; c++) {
            z[c] = (double)all->residual[at + c] +
                   (double)all->mask[at + c] * ((double)all->x[at + c] + all->bias[c]);
        }
        sum += weighted_layernorm(&row);
    }
    return sum;
}

/* Through normalisation, residual and dropout to the bias of the layer before. */
static void bias_before_layernorm_against_double(void **state)
{
    (void)state;
    enum { ROWS = 11, WIDTH = 37 };
    const float eps = 1e-5f;
    ek_compute *compute = open_variant(EK_ISA_SCALAR, 1);
    struct source source = {21, PLAIN};
    ek_rows rows = some_rows(&source, ROWS);
    ek_dropout dropout = ek_dropout_make(0.25, 1, 2, 3);
    const float *x = some_floats(&source, ROWS * WIDTH), *dy = some_floats(&source, ROWS * WIDTH);
    const float *residual = some_floats(&source, ROWS * WIDTH);
    const float *gamma = some_floats(&source, WIDTH), *beta = some_floats(&source, WIDTH);
    float mask[ROWS * WIDTH], z[ROWS * WIDTH], y[ROWS * WIDTH], mean[ROWS], rstd[ROWS];
    float dz[ROWS * WIDTH], dx[ROWS * WIDTH], dgamma[WIDTH] = {0}, dbeta[WIDTH] = {0};
    float dbias[WIDTH] = {0};
    double bias[WIDTH] = {0}, largest = 0;
    for (int i = 0; i < ROWS * WIDTH; i++) {
        mask[i] = 1;
    }
    ek_dropout_apply(compute, mask, mask, &dropout, &rows, WIDTH);
    ek_residual_layernorm_forward(compute, y, z, mean, rstd, x, residual, &dropout, &rows, gamma,
                                  beta, WIDTH, eps);
    ek_residual_layernorm_backward(compute, dz, dx, dgamma, dbeta, dbias, dy, z, mean, rstd,
                                   &dropout, &rows, gamma, WIDTH);
    for (int r = 0; r < ROWS; r++) {
        largest = fmax(largest, (double)rstd[r]);
    }
    struct dropped_layernorm all = {x,    residual, mask, dy,    gamma,
                                    beta, bias,     ROWS, WIDTH, (double)eps};
    for (int c = 0; c < WIDTH; c++) {
        /* ROWS terms as in layernorm_against_double, each scaled by dropout (4 / 3) */
        double tolerance = ((double)WIDTH / 16 + 16) * UNIT_ROUNDOFF * 4 * (1 + largest);
        double slope = central_difference(&bias[c], weighted_dropped_layernorm, &all);
        assert_near("dbias", c, slope, (double)dbias[c],
                    ROWS * 4 / 3.0 * tolerance * largest + 1e-7);
    }
    free_arrays();
    ek_compute_free(compute);
}

/* The bits of normalisation, dropout and bias gradient one after another, whatever the blocks. */
static void residual_layernorm_backward_is_its_parts(void **state)
{
    (void)state;
    static const int64_t counts[] = {1, 7, 8, 9, 60}, widths[] = {1, 16, 37, 384};
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    for (int v = 0; v < isa_count * 2; v++) {
        ek_compute *compute = open_variant(isas[v / 2], 1 + v % 2 * 2);
        struct source source = {22, PLAIN};
        for (int i = 0; i < 20; i++) {
            int64_t count = counts[i / 4], width = widths[i % 4], all = count * width;
            ek_rows rows = some_rows(&source, count);
            ek_dropout dropout = ek_dropout_make(i % 3 == 0 ? 0 : 0.1, 5, 6, 7);
            const float *dy = some_floats(&source, all), *z = some_floats(&source, all);
            const float *mean = some_floats(&source, count), *rstd = some_floats(&source, count);
            const float *gamma = some_floats(&source, width);
            const float *start = some_floats(&source, width);
            float *d[2], *dx[2], *sums[2][3];
            for (int j = 0; j < 2; j++) {
                d[j] = same_floats(dy, all);
                dx[j] = new_array(all, sizeof(float));
                for (int k = 0; k < 3; k++) {
                    sums[j][k] = same_floats(start, width);
                }
            }
            ek_layernorm_backward(compute, d[0], sums[0][0], sums[0][1], d[0], z, mean, rstd, gamma,
                                  count, width);
            ek_dropout_apply(compute, dx[0], d[0], &dropout, &rows, width);
            ek_bias_backward(compute, sums[0][2], dx[0], count, width);
            ek_residual_layernorm_backward(compute, d[1], dx[1], sums[1][0], sums[1][1], sums[1][2],
                                           d[1], z, mean, rstd, &dropout, &rows, gamma, width);
            assert_same_floats("dz", d[0], d[1], all);
            assert_same_floats("dx", dx[0], dx[1], all);
            assert_same_floats("dgamma", sums[0][0], sums[1][0], width);
            assert_same_floats("dbeta", sums[0][1], sums[1][1], width);
            assert_same_floats("dbias", sums[0][2], sums[1][2], width);
            free_arrays();
        }
        ek_compute_free(compute);
    }
}

static void nan_stays_in_its_row(void **state)
{
    (void)state;
    enum { ROWS = 3, WIDTH = 40, BAD = 1 };
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    for (int v = 0; v < isa_count; v++) {
        ek_compute *compute = open_variant(isas[v], 1);
        struct source source = {9, PLAIN};
        ek_rows rows = some_rows(&source, ROWS);
        ek_dropout none = ek_dropout_make(0, 1, 2, 3);
        float *x = some_floats(&source, ROWS * WIDTH);
        const float *gamma = some_floats(&source, WIDTH), *beta = some_floats(&source, WIDTH);
        float y[ROWS * WIDTH], z[ROWS * WIDTH], mean[ROWS], rstd[ROWS];
        x[BAD * WIDTH + 21] = NAN;
        ek_residual_layernorm_forward(compute, y, z, mean, rstd, x, NULL, &none, &rows, gamma, beta,
                                      WIDTH, 1e-12f);
        for (int i = 0; i < ROWS * WIDTH; i++) {
            assert_int_equal(isnan(y[i]) != 0, i / WIDTH == BAD);
        }
        float *dy = some_floats(&source, ROWS * WIDTH), dgamma[WIDTH] = {0}, dbeta[WIDTH] = {0};
        ek_layernorm_backward(compute, dy, dgamma, dbeta, dy, z, mean, rstd, gamma, ROWS, WIDTH);
        for (int i = 0; i < ROWS * WIDTH; i++) {
            assert_int_equal(isnan(dy[i]) != 0, i / WIDTH == BAD);
        }
        for (int c = 0; c < WIDTH; c++) {
            assert_true(isnan(dgamma[c])); /* a sum over rows */
            assert_false(isnan(dbeta[c]));
        }
        free_arrays();
        ek_compute_free(compute);
    }
}

/* ---- sums over rows ---- */

static void bias_gradient_adds_rows_in_order(void **state)
{
    (void)state;
    ek_compute *compute = open_variant(EK_ISA_SCALAR, 1);
    struct source source = {10, PLAIN};
    for (int i = 0; i < 40; i++) {
        source.kind = (enum kind)(i % KIND_COUNT);
        int64_t rows = between(&source, 1, 60), width = between(&source, 1, 60);
        const float *dy = some_floats(&source, rows * width);
        float *dbias = some_floats(&source, width), *expected = same_floats(dbias, width);
        for (int64_t j = 0; j < rows * width; j++) {
            expected[j % width] += dy[j];
        }
        ek_bias_backward(compute, dbias, dy, rows, width);
        assert_same_floats("dbias", expected, dbias, width);
        free_arrays();
    }
    ek_compute_free(compute);
}

/* ---- embeddings ---- */

static void embeddings_follow_the_definition(void **state)
{
    (void)state;
    enum { IDS = 6, TOKENS = 50, SKIP = 2 };
    for (int threads = 1; threads <= 4; threads++) {
        ek_compute *compute = open_variant(EK_ISA_SCALAR, threads);
        struct source source = {11, PLAIN};
        static const int64_t widths[] = {1, 15, 16, 37, 400};
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
            int64_t width = widths[w];
            const float *word = some_floats(&source, IDS * width);
            const float *type = some_floats(&source, IDS * width);
            const float *position = some_floats(&source, IDS * width);
            int32_t ids[3][TOKENS], sorted[TOKENS];
            int32_t count = 0;
            for (int t = 0; t < TOKENS; t++) {
                for (int i = 0; i < 3; i++) {
                    ids[i][t] = (int32_t)below(&source, IDS);
                }
            }
            for (int32_t id = 0; id < IDS; id++) {
                for (int32_t t = 0; t < TOKENS; t++) {
                    if (ids[0][t] == id) {
                        sorted[count++] = t;
                    }
                }
            }
            float *z = new_array(TOKENS * width, sizeof *z);
            float *plain = new_array(TOKENS * width, sizeof *plain);
            float *dtable = some_floats(&source, IDS * width);
            float *expected = same_floats(dtable, IDS * width);
            ek_embedding_forward(compute, z, word, type, position, ids[0], ids[1], ids[2], TOKENS,
                                 width);
            ek_embedding_forward(compute, plain, word, NULL, position, ids[0], NULL, ids[2], TOKENS,
                                 width);
            for (int64_t i = 0; i < TOKENS * width; i++) {
                int64_t t = i / width, c = i % width;
                float w_value = word[ids[0][t] * width + c], p = position[ids[2][t] * width + c];
                float with_type = (w_value + type[ids[1][t] * width + c]) + p;
                float without = w_value + p;
                assert_same_floats("z", &with_type, &z[i], 1);
                assert_same_floats("z without segments", &without, &plain[i], 1);
                if (ids[0][t] != SKIP) {
                    expected[ids[0][t] * width + c] += z[i];
                }
            }
            ek_embedding_backward(compute, dtable, z, ids[0], sorted, TOKENS, width, SKIP);
            assert_same_floats("dtable", expected, dtable, IDS * width);
            free_arrays();
        }
        ek_compute_free(compute);
    }
}

static void rows_are_gathered_and_scattered(void **state)
{
    (void)state;
    enum { WIDTH = 19, COUNT = 3 };
    static const int32_t index[COUNT] = {4, 0, 2};
    ek_compute *compute = open_variant(EK_ISA_SCALAR, 1);
    struct source source = {12, PLAIN};
    const float *x = some_floats(&source, 5 * WIDTH);
    float *y = new_array(COUNT * WIDTH, sizeof *y), *back = same_floats(x, 5 * WIDTH);
    ek_rows_gather(compute, y, x, index, COUNT, WIDTH);
    ek_rows_scatter_add(compute, back, y, index, COUNT, WIDTH);
    for (int r = 0; r < COUNT; r++) {
        assert_same_floats("gathered", x + index[r] * WIDTH, y + r * WIDTH, WIDTH);
    }
    for (int i = 0; i < 5 * WIDTH; i++) {
        int row = i / WIDTH;
        float expected = row == 1 || row == 3 ? x[i] : x[i] + x[i];
        assert_same_floats("scattered", &expected, &back[i], 1);
    }
    free_arrays();
    ek_compute_free(compute);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layernorm_against_double),
        cmocka_unit_test(layernorm_drops_and_works_in_place),
        cmocka_unit_test(bias_before_layernorm_against_double),
        cmocka_unit_test(residual_layernorm_backward_is_its_parts),
        cmocka_unit_test(nan_stays_in_its_row),
        cmocka_unit_test(bias_gradient_adds_rows_in_order),
        cmocka_unit_test(embeddings_follow_the_definition),
        cmocka_unit_test(rows_are_gathered_and_scattered),
    };
    return cmocka_run_group_tests_name("kernel_rows", tests, NULL, NULL);
}
