/* bootstrap.h - intervals by resampling, the same for the same numbers on every machine.
 *
 * BCa (Efron 1987), and percentile where BCa is undefined (a constant jackknife, or every resample
 * on one side of the estimate): each interval says which it is. 95 %, 10,000 resamples. Draw i of
 * resample r of sample s (0 or 1) is element i of the sequence (seed, resample stream, r,
 * s), a place in the sorted sample: an interval depends on the numbers and the seed, not on the
 * order of runs.
 *
 * A statistic gets its samples in ascending order, so that a median is a
 * look-up. It may be infinite (a ratio to 0); where it is undefined for a resample it says NaN and
 * the interval is none.
 */
#ifndef EK_STATS_BOOTSTRAP_H
#define EK_STATS_BOOTSTRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EK_RESAMPLES = 10000, EK_MOST_STATISTICS = 4 };

typedef enum { EK_INTERVAL_NONE, EK_INTERVAL_BCA, EK_INTERVAL_PERCENTILE } ek_interval_method;
const char *ek_interval_method_name(ek_interval_method method); /* "none", "BCa", "percentile" */

/* A number with its interval; low and high NaN where there is none. */
typedef struct {
    double value, low, high;
    ek_interval_method method;
} ek_estimate;

/* Statistics of one sample. */
typedef double (*ek_statistic)(const double *values, size_t n);
double ek_statistic_mean(const double *values, size_t n);
double ek_statistic_median(const double *values, size_t n);
double ek_statistic_sd(const double *values, size_t n);  /* ddof 1 */
double ek_statistic_iqm(const double *values, size_t n); /* mean of the middle half; SciPy's
                                                          * trim_mean(x, 0.25) */

/* Statistics of two samples. */
typedef double (*ek_statistic_two)(const double *a, size_t n_a, const double *b, size_t n_b);
double ek_statistic_mean_difference(const double *a, size_t n_a, const double *b, size_t n_b);
double ek_statistic_median_difference(const double *a, size_t n_a, const double *b, size_t n_b);
/* SD(b) / SD(a); 1 when both are 0. */
double ek_statistic_sd_ratio(const double *a, size_t n_a, const double *b, size_t n_b);
/* P(b > a) + P(b = a) / 2 (Vargha & Delaney 2000). */
double ek_statistic_a12(const double *a, size_t n_a, const double *b, size_t n_b);

/* out[count] for statistics[count] (at most EK_MOST_STATISTICS) on the same resamples. Fewer than 2
 * values, a value that is not finite, or no memory: no interval. */
void ek_bootstrap_one(const double *values, size_t n, const ek_statistic *statistics, size_t count,
                      uint32_t seed, ek_estimate *out);
/* The two samples are resampled independently of each other. */
void ek_bootstrap_two(const double *a, size_t n_a, const double *b, size_t n_b,
                      const ek_statistic_two *statistics, size_t count, uint32_t seed,
                      ek_estimate *out);

#endif
