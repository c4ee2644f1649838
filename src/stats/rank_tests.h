/* rank_tests.h - Mann-Whitney for two groups, Wilcoxon's signed ranks for pairs.
 *
 * Two-sided p. Exact where it can be (see each), else normal with the correction for ties. NaN for
 * an empty group, a value that is not finite, or without memory.
 */
#ifndef EK_STATS_RANK_TESTS_H
#define EK_STATS_RANK_TESTS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    double statistic, p;
    bool exact;
} ek_rank_test;

/* statistic: U of b = R_b - n_b (n_b + 1) / 2 with mid-ranks, so U / (n_a n_b) is P(b > a). Exact
 * where SciPy's method "auto" is: a group of at most 8, no ties; else normal with continuity. */
ek_rank_test ek_mann_whitney(const double *a, size_t n_a, const double *b, size_t n_b);

/* Of the differences b[i] - a[i]; zeros are dropped (Wilcoxon's rule). statistic: the smaller of
 * the two sums of ranks. Exact for at most 50 pairs without zeros and ties; else normal without
 * continuity, SciPy's default. All differences zero: p = 1. */
ek_rank_test ek_wilcoxon(const double *a, const double *b, size_t n);

#endif
