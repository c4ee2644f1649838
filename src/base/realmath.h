/* realmath.h - elementary functions in double, the same bits everywhere.
 *
 * libm's values differ by version and instruction set, so none may reach a weight (docs/numerics.md,
 * rule 6). These are plain IEEE operations in a fixed order: at most 2 ULP over the stated range
 * (tests/unit/test_realmath.c measures it). They are for schedules and initialisation, not for
 * inner loops (kernel/ has float versions).
 */
#ifndef EK_BASE_REALMATH_H
#define EK_BASE_REALMATH_H

double ek_exp(double x);             /* all x; overflows to inf, underflows to 0 */
double ek_log(double x);             /* x > 0; 0 gives -inf, negative NaN */
double ek_cos_2pi(double turns);     /* cos(2 pi turns), turns in [-1e6, 1e6] */
double ek_sin_2pi(double turns);     /* sin(2 pi turns) */
double ek_pow(double base, double exponent); /* base >= 0: exp(exponent log(base)); 0^0 = 1 */

#endif
