/* seeds.h - where a spread comes from, and what trying several seeds buys.
 *
 * Variance components of a design init x order, one run a cell (Dodge et al. 2020), and the
 * expected best of k runs. Formulas: docs/statistics.md.
 */
#ifndef EK_STATS_SEEDS_H
#define EK_STATS_SEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* scores[init_count][order_count], complete. Components below 0 are reported as 0 with floored. */
typedef struct {
    double init, order, rest; /* variances; rest: interaction, dropout and everything else */
    bool init_floored, order_floored;
    double ms_init, ms_order, ms_rest;
} ek_variance_components;
ek_variance_components
ek_variance_components_of(const double *scores, size_t init_count,
                          size_t order_count); /* NaN below 2 x 2, and without memory */
/* init x order x dropout, one run a cell: scores[init][order][dropout]; rest holds the
 * interactions. */
typedef struct {
    double init, order, dropout, rest;
    bool init_floored, order_floored, dropout_floored;
} ek_variance_components_3;
ek_variance_components_3 ek_variance_components_3_of(const double *scores, size_t init_count,
                                                     size_t order_count, size_t dropout_count);

/* Expected maximum of k of the n runs, drawn without replacement: unbiased (Dodge et al. 2021;
 * Tang et al. 2020), 1 <= k <= n, else NaN. */
double ek_expected_best(const double *scores, size_t n, size_t k);
/* Dodge et al. 2019: drawn with replacement; biased, for comparison with published curves. */
double ek_expected_best_biased(const double *scores, size_t n, size_t k);

#endif
