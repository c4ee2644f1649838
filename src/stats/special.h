/* special.h - distribution functions that the tests of this room stand on.
 *
 * Plain doubles in, a double out; no state. Outside its domain a function returns NaN. Relative
 * error against mpmath (tests/unit/test_special.c): at most 1e-11 for the tails of t, F and beta
 * with parameters up to 1e4, 4e-13 for the normal distribution (at |z| = 37). libm is used: these
 * numbers are printed, they never reach a weight (docs/numerics.md, rule 6).
 */
#ifndef EK_STATS_SPECIAL_H
#define EK_STATS_SPECIAL_H

double ek_normal_cdf(double z);
double ek_normal_quantile(double p);              /* p in [0, 1]; -inf and inf at the ends */
double ek_beta_cdf(double a, double b, double x); /* regularised incomplete beta, a, b > 0 */
double ek_beta_quantile(double a, double b, double p);
double ek_t_two_sided(double t, double df);          /* P(|T| >= |t|) */
double ek_f_upper(double f, double df1, double df2); /* P(F >= f) */
double ek_log_choose(double n, double k);            /* log of the binomial coefficient */

#endif
