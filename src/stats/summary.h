/* summary.h - what many runs of one recipe say together.
 *
 * Input: one final score a run. No run is ever dropped: failed and diverged runs are in every
 * number (a non-finite score is refused by the caller's rule: it scores what its predictions give).
 * SD has ddof 1. The interval of the mean is a percentile bootstrap whose resampling is drawn from
 * the resample stream, so the same scores always give the same interval.
 */
#ifndef EK_STATS_SUMMARY_H
#define EK_STATS_SUMMARY_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    size_t n;
    size_t failed, diverged;    /* diverged runs are counted in failed too */
    double mean, sd;            /* sd NaN for n < 2 */
    double mean_low, mean_high; /* 95 % bootstrap interval; NaN for n < 2 */
    double sd_ok;               /* SD of the runs that did not fail; NaN for fewer than 2 */
    double min, median, max;
    double failed_low, failed_high; /* 95 % Wilson interval of failed / n */
} ek_summary;

/* failed[i] != 0: run i failed; diverged likewise; either may be NULL (none did). All NaN for n =
 * 0. 10,000 resamples. Without memory for the sort the order statistics and the interval of the
 * mean are NaN. */
ek_summary ek_summary_of(const double *scores, const uint8_t *failed, const uint8_t *diverged,
                         size_t n, uint32_t resample_seed);

/* Linear interpolation between order statistics (R type 7); sorted ascending, n > 0, q in [0, 1].
 */
double ek_quantile(const double *sorted, size_t n, double q);

#endif
