#include "base/realmath.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* ln 2 and 2 pi as sums of two doubles. LN2_HIGH ends in zero bits, so that its product with an
 * exponent is exact. */
#define LN2_HIGH  0x1.62e42feep-1
#define LN2_LOW   0x1.a39ef35793c76p-33
#define LN2_INV   0x1.71547652b82fep+0
#define TURN_HIGH 0x1.921fb54442d18p+2
#define TURN_LOW  0x1.1a62633145c07p-52

/* coefficients[0] + x (coefficients[1] + x (...)), each product and each sum rounded. */
static double polynomial(double x, const double *coefficients, int count)
{
    double value = coefficients[count - 1];
    for (int i = count - 2; i >= 0; i--) {
        value = value * x + coefficients[i];
    }
    return value;
}

/* 2^exponent where that is a normal number. */
static double power_of_two(int exponent)
{
    uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* exp(x + low), low at most an ULP of x. With x = k ln 2 + r, |r| <= ln 2 / 2, it is 2^k times the
 * Taylor series of exp(r) to r^13; the rest is below 2^-57. */
static double exp_sum(double x, double low)
{
    static const double series[] = {
        1.0 / 2,       1.0 / 6,        1.0 / 24,        1.0 / 120,
        1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
        1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0,
    };
    if (isnan(x)) {
        return x;
    }
    if (x > 710.0) {
        return (double)INFINITY;
    }
    if (x < -746.0) {
        return 0.0;
    }
    double k = rint(x * LN2_INV);
    double high = x - k * LN2_HIGH; /* exact */
    double tail = low - k * LN2_LOW;
    double r = high + tail;
    tail += high - r;
    double value = 1.0 + (r + (tail + r * r * polynomial(r, series, 12)));
    /* Two factors: 2^k itself may be subnormal or too large. Only the second product rounds. */
    int half = (int)k / 2;
    return value * power_of_two(half) * power_of_two((int)k - half);
}

/* log(x) = high + *low for finite x > 0. With x = 2^e m, m in [sqrt(1/2), sqrt(2)), and
 * s = (m - 1) / (m + 1), |s| < 0.1716, it is e ln 2 + 2 (s + s^3/3 + s^5/5 + ...); the series ends
 * at s^23, the rest is below 2^-60 of it. */
static double log_sum(double x, double *low)
{
    static const double series[] = {
        2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11, 2.0 / 13,
        2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21, 2.0 / 23,
    };
    int exponent;
    double m = frexp(x, &exponent); /* exact, [1/2, 1) */
    if (m < 0x1.6a09e667f3bcdp-1) {
        m *= 2.0;
        exponent--;
    }
    double f = m - 1.0; /* exact */
    double divisor = 2.0 + f;
    double divisor_low = f - (divisor - 2.0);
    double s = f / divisor;
    double s_low = (fma(-s, divisor, f) - s * divisor_low) / divisor;
    double s2 = s * s;
    double rest = 2.0 * s_low + s * (s2 * polynomial(s2, series, 11));

    double whole = exponent * LN2_HIGH; /* exact; 0 or larger than 2 s */
    double high = whole + 2.0 * s;
    double tail = ((whole - high) + 2.0 * s) + (exponent * LN2_LOW + rest);
    double sum = high + tail;
    *low = (high - sum) + tail;
    return sum;
}

double ek_exp(double x)
{
    return exp_sum(x, 0.0);
}

double ek_log(double x)
{
    if (x == 0.0) {
        return -(double)INFINITY;
    }
    if (!(x > 0.0)) {
        return (double)NAN;
    }
    if (isinf(x)) {
        return x;
    }
    double low;
    return log_sum(x, &low);
}

/* sin(y + low) and cos(y + low) for |y| <= pi/4, low below an ULP of y: Taylor series to y^17 and
 * y^16, the rest below 2^-60. */
static double sin_small(double y, double low)
{
    static const double series[] = {
        -1.0 / 6,        1.0 / 120,          -1.0 / 5040,          1.0 / 362880,
        -1.0 / 39916800, 1.0 / 6227020800.0, -1.0 / 1307674368000, 1.0 / 355687428096000,
    };
    double y2 = y * y;
    return y + (low * (1.0 - 0.5 * y2) + y * (y2 * polynomial(y2, series, 8)));
}

static double cos_small(double y, double low)
{
    static const double series[] = {
        1.0 / 24,        -1.0 / 720,         1.0 / 40320,          -1.0 / 3628800,
        1.0 / 479001600, -1.0 / 87178291200, 1.0 / 20922789888000,
    };
    double y2 = y * y;
    double half = 0.5 * y2;
    double first = 1.0 - half;
    double first_low = (1.0 - first) - half;
    return first + (first_low + (y2 * (y2 * polynomial(y2, series, 7)) - y * low));
}

/* cos(2 pi turns) after a shift of quarter quarters of a turn. */
static double cos_quarter(double turns, unsigned quarter)
{
    double rest = turns - rint(turns); /* exact, [-1/2, 1/2] */
    double nearest = rint(4.0 * rest);
    rest -= 0.25 * nearest; /* exact, [-1/8, 1/8] */
    double y = TURN_HIGH * rest;
    double low = fma(TURN_HIGH, rest, -y) + TURN_LOW * rest;
    switch ((unsigned)((int)nearest + 4 + (int)quarter) % 4) {
    case 0:
        return cos_small(y, low);
    case 1:
        return 0.0 - sin_small(y, low); /* not -sin: the zero is +0 */
    case 2:
        return -cos_small(y, low);
    default:
        return sin_small(y, low);
    }
}

double ek_cos_2pi(double turns)
{
    return isfinite(turns) ? cos_quarter(turns, 0) : (double)NAN;
}

double ek_sin_2pi(double turns)
{
    return isfinite(turns) ? cos_quarter(turns, 3) : (double)NAN;
}

double ek_pow(double base, double exponent)
{
    if (exponent == 0.0 || base == 1.0) {
        return 1.0;
    }
    if (isnan(base) || isnan(exponent) || base < 0.0) {
        return (double)NAN;
    }
    if (base == 0.0 || isinf(base) || isinf(exponent)) {
        /* The limits; they depend on two signs only. */
        bool grows = (base > 1.0) == (exponent > 0.0);
        return grows ? (double)INFINITY : 0.0;
    }
    /* The product in two parts: the exponential multiplies its absolute error by the result. */
    double log_low;
    double log_high = log_sum(base, &log_low);
    double product = exponent * log_high;
    if (!isfinite(product)) {
        return exp_sum(product, 0.0);
    }
    return exp_sum(product, fma(exponent, log_high, -product) + exponent * log_low);
}
