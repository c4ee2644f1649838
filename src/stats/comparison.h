/* comparison.h - two groups of scores: is B more stable than A, is it better, does it fail less?
 *
 *     ek_comparison c = ek_comparison_of(&a, &b, paired, seed);
 *
 * Effects come with 95 % intervals, tests with two-sided p. "b against a": a difference is b - a, a
 * ratio b / a. Nothing is dropped: failed runs are in every number unless its name ends in _ok.
 * What cannot be computed (too few runs, no spread) is NaN. Formulas and oracles:
 * docs/statistics.md.
 */
#ifndef EK_STATS_COMPARISON_H
#define EK_STATS_COMPARISON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stats/bootstrap.h"
#include "stats/summary.h"

typedef struct {
    const double *scores;  /* [n] */
    const uint8_t *failed; /* [n], nonzero: failed or diverged; NULL: none did */
    size_t n;
} ek_group_scores;

typedef struct {
    ek_summary a, b;

    /* spread */
    ek_estimate sd_ratio;                      /* SD(b) / SD(a), ddof 1 */
    double levene_w, levene_p;                 /* centre: mean (Levene 1960) */
    double brown_forsythe_w, brown_forsythe_p; /* centre: median (Brown & Forsythe 1974) */
    double sd_permutation_p;                   /* |log SD ratio| of the centred scores */

    /* failures */
    double failed_difference, failed_difference_low, failed_difference_high; /* b - a; Newcombe */
    double fisher_p;

    /* level */
    ek_estimate mean_difference, median_difference; /* b - a */
    ek_estimate a12;       /* P(B > A) + P(B = A) / 2 (Vargha & Delaney 2000) */
    double mann_whitney_u; /* of b */
    double mann_whitney_p;
    bool mann_whitney_exact; /* a group of at most 8 and no ties, else tie-corrected normal */
    double welch_t, welch_df, welch_p;
    double permutation_p; /* |difference of means|, 10,000 permutations or all when fewer */
    double aso_b, aso_a;  /* eps_min that b (a) is stochastically larger; < 0.5 (strict: 0.2) */

    /* when seeds are truly paired: a[i] and b[i] share theirs */
    bool paired;
    double wilcoxon_w, wilcoxon_p; /* signed rank; exact as SciPy's "auto" */
    bool wilcoxon_exact;
    ek_estimate paired_difference; /* mean of b[i] - a[i]; pairs resampled */
} ek_comparison;

/* paired needs a->n == b->n and the same order of seeds. seed: of the resampling. */
ek_comparison ek_comparison_of(const ek_group_scores *a, const ek_group_scores *b, bool paired,
                               uint32_t seed);

/* Holm (1979): adjusted[i] for p[i], NaN stays NaN and does not count. */
void ek_holm(const double *p, double *adjusted, size_t count);

#endif
