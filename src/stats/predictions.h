/* predictions.h - what runs of one recipe say about the same examples: disagreement and its kinds.
 *
 * Input is a matrix of predicted labels [runs][examples] (row by row) and, where there is one, the
 * truth [examples] (-1: none). Examples with truth -1 count for churn, kappa and JSD only. Nothing
 * is kept. Undefined values are NaN (fewer than 2 runs, no example, no truth). Formulas:
 * docs/statistics.md.
 */
#ifndef EK_STATS_PREDICTIONS_H
#define EK_STATS_PREDICTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "stats/bootstrap.h"

typedef struct {
    size_t runs, examples, label_count;
    const int32_t *labels; /* [runs][examples] */
    const double *probs;   /* [runs][examples][label_count], or NULL */
    const int32_t *truth;  /* [examples], or NULL */
} ek_prediction_matrix;

typedef struct {
    double churn; /* mean over pairs of runs of the share of examples they label differently */
    double fleiss_kappa; /* NaN when only one label occurs */
    double jsd;          /* mean Jensen-Shannon divergence over pairs and examples, nats */
    double per_point;    /* S_pp: mean over examples of the variance (ddof 0) of being right
                            (Mosbach et al. 2021, appendix 7.1) */
    double total;        /* S: variance (ddof 0) of accuracy over runs (the same place) */
    double distribution_variance; /* Jordan 2024, unbiased; may be negative by chance */
    double test_set_variance;     /* Var(accuracy) over runs, ddof 1: what the above is a part of */
} ek_disagreement;
ek_disagreement ek_disagreement_of(const ek_prediction_matrix *m);

/* out[runs][runs]: share of examples that two runs label differently; symmetric, 0 on the diagonal.
 */
void ek_churn_matrix(const ek_prediction_matrix *m, double *out);

/* How often each example is right: out[examples], the count of runs. Needs truth. */
void ek_right_counts(const ek_prediction_matrix *m, uint32_t *out);

/* Seed noise and noise of the examples, apart and together (multi-bootstrap, Sellam et al. 2022):
 * intervals of mean accuracy when only runs, only examples, or both are drawn again, 1,000 times.
 * Resample r draws example i at element i of (seed, resample stream, r, 1) and run i at element i
 * of (r, 0), the second group's at (r, 2); the three intervals share their draws. An example
 * without truth is never drawn. */
typedef struct {
    ek_estimate seeds, examples, both; /* value: mean accuracy; percentile */
} ek_multi_bootstrap;
ek_multi_bootstrap ek_multi_bootstrap_of(const ek_prediction_matrix *m, uint32_t seed);
/* The same for accuracy(b) - accuracy(a) on the same examples; paired_runs: run i of both share
 * their seeds (then the second group has the draws of the first). */
ek_multi_bootstrap ek_multi_bootstrap_difference(const ek_prediction_matrix *a,
                                                 const ek_prediction_matrix *b, int paired_runs,
                                                 uint32_t seed);

#endif
