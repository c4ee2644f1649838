/* spread_tests.h - are two spreads, or two levels, different? Tests on the values themselves.
 *
 * Two-sided p. Fewer than 2 values in a group, a value that is not finite, or no memory: NaN.
 */
#ifndef EK_STATS_SPREAD_TESTS_H
#define EK_STATS_SPREAD_TESTS_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    EK_CENTRE_MEAN,  /* Levene 1960 */
    EK_CENTRE_MEDIAN /* Brown & Forsythe 1974 */
} ek_centre;

/* W = between / within mean squares of |y - centre of its group|, F(1, n_a + n_b - 2). */
void ek_levene(const double *a, size_t n_a, const double *b, size_t n_b, ek_centre centre,
               double *w, double *p);

/* Welch's t of mean(b) - mean(a), unequal variances. */
void ek_welch(const double *a, size_t n_a, const double *b, size_t n_b, double *t, double *df,
              double *p);

/* Permutation tests of |mean(b) - mean(a)| and of |log SD(b) / SD(a)| (there every value less the
 * mean of its group). All splits when there are at most 10,000, and then p is exact; else 10,000
 * random ones, p = (1 + as extreme) / (1 + 10,000). Split r draws element i of (seed, resample
 * stream, r, 3). */
void ek_permutation(const double *a, size_t n_a, const double *b, size_t n_b, uint32_t seed,
                    double *p_mean, double *p_sd);

#endif
