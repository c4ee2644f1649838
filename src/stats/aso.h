/* aso.h - almost stochastic order (del Barrio et al. 2018; Dror et al. 2019).
 *
 * eps: the part of the squared Wasserstein distance in which b's quantile function lies below a's:
 * 0 when b is larger everywhere, 1 when a is. eps_min is its upper 95 % bound: below 0.5 b is
 * almost stochastically larger, below 0.2 strictly so.
 */
#ifndef EK_STATS_ASO_H
#define EK_STATS_ASO_H

#include <stddef.h>
#include <stdint.h>

/* eps of the two samples, both ascending; the integral over the steps of the two quantile functions
 * is exact. Equal samples: 0. */
double ek_aso_violation(const double *a, size_t n_a, const double *b, size_t n_b);

/* eps_min that b is larger: eps - sqrt((n_a + n_b) / (n_a n_b)) s Phi^-1(0.05), clipped to [0, 1],
 * s the SD of sqrt(n_a n_b / (n_a + n_b)) (eps* - eps) over 1,000 resamples of the samples' own
 * sizes. Draw i of resample r of sample s: element i of (seed, resample stream, r, 4 + s). NaN for
 * fewer than 2 values, values that are not finite, or without memory. */
double ek_aso_eps_min(const double *a, size_t n_a, const double *b, size_t n_b, uint32_t seed);

#endif
