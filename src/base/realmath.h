/* realmath.h - elementary functions in double, the same bits everywhere.
 *
 * libm's values differ by version and instruction set, so none may reach a weight
 * (docs/numerics.md, rule 6). These are plain IEEE operations, sqrt and fma in a fixed order. Error
 * over the stated range: at most 2 ULP; measured by tests/unit/test_realmath.c against 80-bit
 * functions: exp 0.88, log 0.55, cos and sin 0.89, pow 1.03. They are for schedules and
 * initialisation, not for inner loops (kernel/ has float versions). Series are Taylor's; arguments
 * are reduced as stated in the source. No state, no errors: special values as in C, but for pow of
 * a negative base, which is NaN.
 */
#ifndef EK_BASE_REALMATH_H
#define EK_BASE_REALMATH_H

double ek_exp(double x);                     /* all x; overflows to inf, underflows to 0 */
double ek_log(double x);                     /* x > 0; 0 gives -inf, negative NaN */
double ek_cos_2pi(double turns);             /* cos(2 pi turns), turns in [-1e6, 1e6] */
double ek_sin_2pi(double turns);             /* sin(2 pi turns) */
double ek_pow(double base, double exponent); /* base >= 0, else NaN; 0^0 = 1 */

#endif
