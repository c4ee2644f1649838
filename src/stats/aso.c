#include "stats/aso.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "stats/bootstrap.h"
#include "stats/special.h"

enum { RESAMPLES = 1000, WHICH = 4 };

static int compare_double(const void *left, const void *right)
{
    double x = *(const double *)left, y = *(const double *)right;
    return (x > y) - (x < y);
}

double ek_aso_violation(const double *a, size_t n_a, const double *b, size_t n_b)
{
    /* Both quantile functions are constant between the multiples of 1 / n_a and 1 / n_b. */
    double violated = 0, whole = 0, at = 0;
    for (size_t i = 0, j = 0; i < n_a && j < n_b;) {
        double end_a = (double)(i + 1) / (double)n_a, end_b = (double)(j + 1) / (double)n_b;
        double next = fmin(end_a, end_b), gap = a[i] - b[j];
        whole += (next - at) * gap * gap;
        violated += gap > 0 ? (next - at) * gap * gap : 0;
        at = next;
        /* Compared as integers: the ends of equal steps may differ by rounding. */
        bool a_ends = (i + 1) * n_b <= (j + 1) * n_a, b_ends = (j + 1) * n_a <= (i + 1) * n_b;
        i += a_ends;
        j += b_ends;
    }
    return whole > 0 ? violated / whole : 0.0;
}

static void draw(double *out, const double *values, size_t n, uint32_t seed, uint32_t r,
                 uint32_t which)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = values[ek_random_below(seed, EK_STREAM_RESAMPLE, r, WHICH + which, i, n)];
    }
    qsort(out, n, sizeof *out, compare_double);
}

double ek_aso_eps_min(const double *a, size_t n_a, const double *b, size_t n_b, uint32_t seed)
{
    double result = (double)NAN;
    double *x = ek_calloc(n_a, sizeof *x), *y = ek_calloc(n_b, sizeof *y); /* sorted */
    double *drawn_x = ek_calloc(n_a, sizeof *x), *drawn_y = ek_calloc(n_b, sizeof *y);
    double *eps = ek_calloc(RESAMPLES, sizeof *eps);
    bool usable = x && y && drawn_x && drawn_y && eps && n_a >= 2 && n_b >= 2;
    for (size_t i = 0; i < n_a + n_b && usable; i++) {
        usable = isfinite(i < n_a ? a[i] : b[i - n_a]);
    }
    if (usable) {
        memcpy(x, a, n_a * sizeof *x);
        memcpy(y, b, n_b * sizeof *y);
        qsort(x, n_a, sizeof *x, compare_double);
        qsort(y, n_b, sizeof *y, compare_double);
        double here = ek_aso_violation(x, n_a, y, n_b);
        for (uint32_t r = 0; r < RESAMPLES; r++) {
            draw(drawn_x, x, n_a, seed, r, 0);
            draw(drawn_y, y, n_b, seed, r, 1);
            eps[r] = ek_aso_violation(drawn_x, n_a, drawn_y, n_b);
        }
        /* The two square roots cancel: resamples have the samples' own sizes. */
        result = here - ek_normal_quantile(0.05) * ek_statistic_sd(eps, RESAMPLES);
        result = fmin(fmax(result, 0.0), 1.0);
    }
    ek_free(x);
    ek_free(y);
    ek_free(drawn_x);
    ek_free(drawn_y);
    ek_free(eps);
    return result;
}
