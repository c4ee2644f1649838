/* summary.h - what many runs of one recipe say together.
 *
 * Input: one final score a run. No run is ever dropped: failed and diverged runs are in every
 * number (a non-finite score is refused by the caller's rule: it scores what its predictions give).
 * Intervals are 95 %: BCa bootstrap over seeds, percentile where BCa is undefined
 * (stats/bootstrap.h: the same scores always give the same interval); Wilson and Clopper-Pearson
 * for the share of failed runs (stats/failure_rate.h). What cannot be computed is NaN.
 */
#ifndef EK_STATS_SUMMARY_H
#define EK_STATS_SUMMARY_H

#include <stddef.h>
#include <stdint.h>

#include "stats/bootstrap.h"

typedef struct {
    size_t n;
    size_t failed, diverged; /* diverged runs are counted in failed too */
    size_t doomed;           /* stopped early, counted in failed too; 0: set by who knows of them */
    double mean, mean_low, mean_high;
    double sd, sd_low, sd_high; /* ddof 1; NaN for n < 2 */
    double sd_ddof0;            /* divided by n: what the paper printed */
    double sd_ok;               /* SD of the runs that did not fail; NaN for fewer than 2 */
    double median, median_low, median_high;
    double q1, q3, iqr;            /* quartiles by ek_quantile, and their difference */
    double iqm, iqm_low, iqm_high; /* mean of the middle half (rliable's interquartile mean) */
    double min, max;
    double failed_low, failed_high;             /* Wilson interval of failed / n */
    double failed_exact_low, failed_exact_high; /* Clopper-Pearson */
    ek_interval_method mean_method, sd_method, median_method, iqm_method;
} ek_summary;

/* failed[i] != 0: run i failed; diverged likewise; either may be NULL (none did). All NaN for n =
 * 0. Without memory the order statistics and the bootstrap intervals are NaN. */
ek_summary ek_summary_of(const double *scores, const uint8_t *failed, const uint8_t *diverged,
                         size_t n, uint32_t resample_seed);

/* Linear interpolation between order statistics (R type 7); sorted ascending, n > 0, q in [0, 1].
 */
double ek_quantile(const double *sorted, size_t n, double q);

#endif
