#include "stats/cka.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

/* x with its columns centred, in double: [n, p]. False where nothing is left of it. */
static bool center(const float *x, size_t n, size_t p, double *out)
{
    double whole = 0, varying = 0;
    for (size_t c = 0; c < p; c++) {
        double mean = 0;
        for (size_t i = 0; i < n; i++) {
            mean += (double)x[i * p + c];
        }
        mean /= (double)n;
        for (size_t i = 0; i < n; i++) {
            double value = (double)x[i * p + c];
            out[i * p + c] = value - mean;
            whole += value * value;
            varying += (value - mean) * (value - mean);
        }
    }
    return !(varying <= 1e-12 * whole); /* NaN goes on */
}

/* Four sums at once: one alone waits for its own additions. */
static double dot(const double *a, const double *b, size_t n)
{
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        s0 += a[i] * b[i];
        s1 += a[i + 1] * b[i + 1];
        s2 += a[i + 2] * b[i + 2];
        s3 += a[i + 3] * b[i + 3];
    }
    for (; i < n; i++) {
        s0 += a[i] * b[i];
    }
    return (s0 + s1) + (s2 + s3);
}

ek_status ek_cka_gram(const float *x, size_t n, size_t p, double *gram, ek_error *err)
{
    size_t cells;
    double *centred = ek_mul_size(&cells, n, p) ? ek_calloc(cells, sizeof *centred) : NULL;
    if (!centred) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for %zu representations of %zu numbers", n,
                            p);
    }
    memset(gram, 0, n * n * sizeof *gram);
    if (center(x, n, p, centred)) {
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k <= i; k++) {
                gram[i * n + k] = gram[k * n + i] = dot(centred + i * p, centred + k * p, p);
            }
        }
    }
    ek_free(centred);
    return EK_OK;
}

/* ab / sqrt(aa bb), NaN where a denominator is not above 0. */
static double ratio(double ab, double aa, double bb)
{
    return aa > 0 && bb > 0 ? ab / (sqrt(aa) * sqrt(bb)) : (double)NAN;
}

double ek_cka(const double *a, const double *b, size_t n)
{
    return ratio(dot(a, b, n * n), dot(a, a, n * n), dot(b, b, n * n));
}

/* n (n - 3) times the unbiased HSIC; the diagonals are left out and not written. */
static double unbiased(const double *a, const double *b, size_t n)
{
    double product = 0, sum_a = 0, sum_b = 0, crossed = 0;
    for (size_t i = 0; i < n; i++) {
        double row_a = 0, row_b = 0;
        for (size_t k = 0; k < n; k++) {
            if (k != i) {
                row_a += a[i * n + k];
                row_b += b[i * n + k];
                product += a[i * n + k] * b[i * n + k];
            }
        }
        sum_a += row_a;
        sum_b += row_b;
        crossed += row_a * row_b;
    }
    double m = (double)n;
    return product + sum_a * sum_b / ((m - 1) * (m - 2)) - 2 * crossed / (m - 2);
}

double ek_cka_unbiased(const double *a, const double *b, size_t n)
{
    return n < 4 ? (double)NAN : ratio(unbiased(a, b, n), unbiased(a, a, n), unbiased(b, b, n));
}
