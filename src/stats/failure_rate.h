/* failure_rate.h - k of n runs failed: intervals, and the comparison of two such shares.
 *
 * All intervals are 95 %. n = 0 gives NaN.
 */
#ifndef EK_STATS_FAILURE_RATE_H
#define EK_STATS_FAILURE_RATE_H

#include <stddef.h>

/* Score interval (Wilson 1927): the shares at which k of n is just not rejected. */
void ek_wilson(size_t k, size_t n, double *low, double *high);
/* Exact interval (Clopper & Pearson 1934): never covers less than it says, mostly more. */
void ek_clopper_pearson(size_t k, size_t n, double *low, double *high);
/* k_b / n_b - k_a / n_a by the hybrid of two Wilson intervals (Newcombe 1998, method 10). */
void ek_newcombe(size_t k_a, size_t n_a, size_t k_b, size_t n_b, double *low, double *high);
/* Two-sided Fisher exact test: the sum of all tables no more likely than this one (relative 1e-7,
 * as R and SciPy). */
double ek_fisher_exact(size_t k_a, size_t n_a, size_t k_b, size_t n_b);

#endif
