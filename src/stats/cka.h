/* cka.h - linear centred kernel alignment: how alike two representations of the same examples are.
 *
 * X [n, p] and Y [n, q] are the representations of n examples by two models; columns are centred.
 * With K = X X' and L = Y Y', both [n, n] (Kornblith et al. 2019, section 3):
 *
 *     CKA = <K, L> / (|K| |L|)                      = |Y'X|^2 / (|X'X| |Y'Y|), Frobenius norms
 *
 * in [0, 1], 1 where Y is X but for rotation and scale. With few examples and many features it is
 * near 1 whatever the representations are. The unbiased variant puts the unbiased HSIC (Song et al.
 * 2012, equation 5) in place of all three products, as Nguyen et al. 2021 and Du & Nguyen 2023 do:
 * with the diagonals of K and L set to 0,
 *
 *     n (n - 3) HSIC = <K, L> + (1'K1) (1'L1) / ((n - 1) (n - 2)) - 2 / (n - 2) 1'KL1
 *
 * It is 0 on average for independent representations, and may be below 0.
 *
 * The Gram matrices are made once and compared often:
 *
 *     ek_cka_gram(x, n, p, k);  ek_cka_gram(y, n, q, l);
 *     ek_cka(k, l, n);  ek_cka_unbiased(k, l, n);
 */
#ifndef EK_STATS_CKA_H
#define EK_STATS_CKA_H

#include <stddef.h>

#include "base/status.h"

/* gram [n * n] = K of x [n, p]. Columns that do not vary but for float's rounding (a sum of squares
 * around the mean below 1e-12 of that around 0) give a gram of zeros. EK_E_MEMORY. */
ek_status ek_cka_gram(const float *x, size_t n, size_t p, double *gram, ek_error *err);
/* NaN where it is not defined: a representation is constant or not finite, or (unbiased) n < 4 or
 * the unbiased HSIC of one with itself is not above 0. */
double ek_cka(const double *a, const double *b, size_t n);
double ek_cka_unbiased(const double *a, const double *b, size_t n);

#endif
