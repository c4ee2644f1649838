#include "stats/summary.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"

#define RESAMPLES   10000
#define NORMAL_0975 1.959963984540054 /* quantile of the standard normal distribution */

double ek_quantile(const double *sorted, size_t n, double q)
{
    double position = q * (double)(n - 1);
    size_t below = (size_t)floor(position);
    if (below + 1 >= n) {
        return sorted[n - 1];
    }
    return sorted[below] + (position - (double)below) * (sorted[below + 1] - sorted[below]);
}

/* Ascending, NaN last. */
static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y)) {
        return isnan(x) - isnan(y);
    }
    return (x > y) - (x < y);
}

/* Did run i fail? Either array may be NULL: nothing in it. */
static bool has_failed(const uint8_t *failed, const uint8_t *diverged, size_t i)
{
    return (failed != NULL && failed[i] != 0) || (diverged != NULL && diverged[i] != 0);
}

/* Mean and SD (ddof 1) of the runs that did not fail. */
static void mean_and_sd(const double *scores, const uint8_t *failed, const uint8_t *diverged,
                        size_t n, double *mean, double *sd)
{
    /* Differences from the first score: equal scores then have exactly that mean, and SD 0. */
    size_t count = 0;
    double origin = 0.0, sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (!has_failed(failed, diverged, i)) {
            origin = count == 0 ? scores[i] : origin;
            sum += scores[i] - origin;
            count++;
        }
    }
    *mean = count == 0 ? (double)NAN : origin + sum / (double)count;
    for (size_t i = 0; i < n; i++) {
        if (!has_failed(failed, diverged, i)) {
            double difference = scores[i] - *mean;
            squares += difference * difference;
        }
    }
    *sd = count < 2 ? (double)NAN : sqrt(squares / (double)(count - 1));
}

/* Wilson (1927): the p at which k of n is just not rejected. */
static void wilson(size_t k, size_t n, double *low, double *high)
{
    const double z = NORMAL_0975;
    double count = (double)n, p = (double)k / count;
    double scale = 1.0 + z * z / count;
    double centre = (p + z * z / (2.0 * count)) / scale;
    double half = z * sqrt(p * (1.0 - p) / count + z * z / (4.0 * count * count)) / scale;
    *low = k == 0 ? 0.0 : centre - half; /* exactly 0 and 1, whatever was rounded */
    *high = k == n ? 1.0 : centre + half;
}

/* Percentile bootstrap: 2.5 % and 97.5 % quantiles of the means of n draws with replacement. Draw i
 * of resample r is element i of the sequence (seed, resample stream, r, 0). means is scratch. */
static void bootstrap_mean(const double *scores, size_t n, uint32_t seed, double *means,
                           double *low, double *high)
{
    for (uint32_t r = 0; r < RESAMPLES; r++) {
        double sum = 0.0;
        for (size_t i = 0; i < n; i++) {
            sum += scores[ek_random_below(seed, EK_STREAM_RESAMPLE, r, 0, i, n)] - scores[0];
        }
        means[r] = scores[0] + sum / (double)n;
    }
    qsort(means, RESAMPLES, sizeof *means, compare_double);
    *low = ek_quantile(means, RESAMPLES, 0.025);
    *high = ek_quantile(means, RESAMPLES, 0.975);
}

ek_summary ek_summary_of(const double *scores, const uint8_t *failed, const uint8_t *diverged,
                         size_t n, uint32_t resample_seed)
{
    const double nan = (double)NAN;
    ek_summary s = {
        .n = n,
        .mean = nan,
        .sd = nan,
        .mean_low = nan,
        .mean_high = nan,
        .sd_ok = nan,
        .min = nan,
        .median = nan,
        .max = nan,
        .failed_low = nan,
        .failed_high = nan,
    };
    if (n == 0) {
        return s;
    }
    for (size_t i = 0; i < n; i++) {
        s.failed += has_failed(failed, diverged, i);
        s.diverged += has_failed(NULL, diverged, i);
    }
    double mean_ok;
    mean_and_sd(scores, NULL, NULL, n, &s.mean, &s.sd);
    mean_and_sd(scores, failed, diverged, n, &mean_ok, &s.sd_ok);
    wilson(s.failed, n, &s.failed_low, &s.failed_high);

    double *sorted = ek_calloc(n, sizeof *sorted);
    double *means = ek_calloc(RESAMPLES, sizeof *means);
    if (sorted != NULL && means != NULL) {
        memcpy(sorted, scores, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, compare_double);
        s.min = sorted[0];
        s.median = ek_quantile(sorted, n, 0.5);
        s.max = sorted[n - 1];
        if (n >= 2) {
            bootstrap_mean(scores, n, resample_seed, means, &s.mean_low, &s.mean_high);
        }
    }
    ek_free(sorted);
    ek_free(means);
    return s;
}
