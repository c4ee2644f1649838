/* bootstrap.h - intervals by resampling, the same for the same numbers on every machine.
 *
 * BCa (Efron 1987), and percentile where BCa is undefined (a constant jackknife, or every resample
 * on one side of the estimate): each interval says which it is. Draw i of resample r comes from the
 * resample stream at (seed, r, what, i), so an interval depends on nothing but the numbers and the
 * seed. 10,000 resamples.
 */
#ifndef EK_STATS_BOOTSTRAP_H
#define EK_STATS_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

typedef enum { EK_INTERVAL_NONE, EK_INTERVAL_BCA, EK_INTERVAL_PERCENTILE } ek_interval_method;
const char *ek_interval_method_name(ek_interval_method method); /* "none", "BCa", "percentile" */

/* A number with its interval; low and high NaN where there is none. */
typedef struct {
    double value, low, high;
    ek_interval_method method;
} ek_estimate;

/* A statistic of one sample; may use scratch[n] as it likes. */
typedef double (*ek_statistic)(const double *values, size_t n, double *scratch);
double ek_statistic_mean(const double *values, size_t n, double *scratch);
double ek_statistic_median(const double *values, size_t n, double *scratch);
double ek_statistic_sd(const double *values, size_t n, double *scratch); /* ddof 1 */
double ek_statistic_iqm(const double *values, size_t n,
                        double *scratch); /* mean of the middle half */

/* 95 % interval of one sample's statistic; n < 2: none. */
ek_estimate ek_bootstrap_one(const double *values, size_t n, ek_statistic statistic, uint32_t seed);
/* A statistic of two samples, resampled independently (or together, when paired: then n_a = n_b).
 */
typedef double (*ek_statistic_two)(const double *a, size_t n_a, const double *b, size_t n_b,
                                   double *scratch);
ek_estimate ek_bootstrap_two(const double *a, size_t n_a, const double *b, size_t n_b,
                             ek_statistic_two statistic, int paired, uint32_t seed);

#endif
