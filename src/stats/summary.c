#include "stats/summary.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stats/failure_rate.h"

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

static void order_statistics(ek_summary *s, const double *scores, size_t n)
{
    double *sorted = ek_calloc(n, sizeof *sorted);
    if (!sorted) {
        return;
    }
    memcpy(sorted, scores, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_double);
    s->min = sorted[0];
    s->q1 = ek_quantile(sorted, n, 0.25);
    s->median = ek_quantile(sorted, n, 0.5);
    s->q3 = ek_quantile(sorted, n, 0.75);
    s->iqr = s->q3 - s->q1;
    s->max = sorted[n - 1];
    s->iqm = ek_statistic_iqm(sorted, n);
    ek_free(sorted);
}

static void intervals(ek_summary *s, const double *scores, size_t n, uint32_t seed)
{
    static const ek_statistic statistics[] = {ek_statistic_mean, ek_statistic_sd,
                                              ek_statistic_median, ek_statistic_iqm};
    ek_estimate e[4];
    ek_bootstrap_one(scores, n, statistics, 4, seed, e);
    s->mean_low = e[0].low;
    s->mean_high = e[0].high;
    s->mean_method = e[0].method;
    s->sd_low = e[1].low;
    s->sd_high = e[1].high;
    s->sd_method = e[1].method;
    s->median_low = e[2].low;
    s->median_high = e[2].high;
    s->median_method = e[2].method;
    s->iqm_low = e[3].low;
    s->iqm_high = e[3].high;
    s->iqm_method = e[3].method;
}

static ek_summary undefined(size_t n)
{
    const double nan = (double)NAN;
    return (ek_summary){
        .n = n,
        .mean = nan,
        .mean_low = nan,
        .mean_high = nan,
        .sd = nan,
        .sd_low = nan,
        .sd_high = nan,
        .sd_ddof0 = nan,
        .sd_ok = nan,
        .median = nan,
        .median_low = nan,
        .median_high = nan,
        .q1 = nan,
        .q3 = nan,
        .iqr = nan,
        .iqm = nan,
        .iqm_low = nan,
        .iqm_high = nan,
        .min = nan,
        .max = nan,
        .failed_low = nan,
        .failed_high = nan,
        .failed_exact_low = nan,
        .failed_exact_high = nan,
    };
}

ek_summary ek_summary_of(const double *scores, const uint8_t *failed, const uint8_t *diverged,
                         size_t n, uint32_t resample_seed)
{
    ek_summary s = undefined(n);
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
    s.sd_ddof0 = n > 1 ? s.sd * sqrt((double)(n - 1) / (double)n) : 0.0;
    ek_wilson(s.failed, n, &s.failed_low, &s.failed_high);
    ek_clopper_pearson(s.failed, n, &s.failed_exact_low, &s.failed_exact_high);
    order_statistics(&s, scores, n);
    intervals(&s, scores, n, resample_seed);
    return s;
}
