#include "stats/special.h"

#include <float.h>
#include <math.h>

#define SQRT_2    1.4142135623730950488
#define SQRT_2_PI 2.5066282746310005024

double ek_normal_cdf(double z)
{
    return 0.5 * erfc(-z / SQRT_2);
}

/* Newton's method with the second derivative (Halley) on the lower tail, from the asymptotic
 * sqrt(-2 log p); the tail keeps its relative accuracy, the upper half is its mirror. */
double ek_normal_quantile(double p)
{
    if (!(p >= 0 && p <= 1)) {
        return (double)NAN;
    }
    if (p == 0 || p == 1) {
        return p == 0 ? -(double)INFINITY : (double)INFINITY;
    }
    double tail = p < 0.5 ? p : 1 - p;
    double w = sqrt(-2 * log(tail));
    double z = tail > 0.2 ? (tail - 0.5) * SQRT_2_PI : -(w - log(w * w + 6.3) / w + 0.1);
    for (int i = 0; i < 60; i++) {
        double density = exp(-0.5 * z * z) / SQRT_2_PI;
        double step = (ek_normal_cdf(z) - tail) / density;
        step /= 1 + 0.5 * z * step;
        z -= step;
        if (fabs(step) <= 1e-15 * (1 + fabs(z))) {
            break;
        }
    }
    return p < 0.5 ? z : -z;
}

/* log of Gamma(a) Gamma(b) / Gamma(a + b). lgamma loses digits by cancellation for large arguments;
 * there the corrections to Stirling's formula are subtracted instead of the whole. */
static double stirling_rest(double x)
{
    double y = 1 / (x * x);
    return (1.0 / 12 - y * (1.0 / 360 - y * (1.0 / 1260 - y * (1.0 / 1680)))) / x;
}

static double log_beta(double a, double b)
{
    double small = a < b ? a : b, large = a < b ? b : a;
    if (small >= 20) {
        double h = small / large;
        return 0.5 * (log(2 * M_PI) - log(large)) + (small - 0.5) * log(h / (1 + h)) -
               large * log1p(h) + stirling_rest(small) + stirling_rest(large) -
               stirling_rest(small + large);
    }
    if (large >= 20) {
        return lgamma(small) - (large - 0.5) * log1p(small / large) - small * log(small + large) +
               small + stirling_rest(large) - stirling_rest(small + large);
    }
    return lgamma(small) + lgamma(large) - lgamma(small + large);
}

/* Continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method. */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double value = d;
    for (int m = 1; m < 20000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double terms[2] = {even, odd}, change = 1;
        for (int i = 0; i < 2; i++) {
            d = 1 + terms[i] * d;
            c = 1 + terms[i] / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            change = c * d;
            value *= change;
        }
        if (fabs(change - 1) < 1e-16) {
            break;
        }
    }
    return value;
}

/* I_x(a, b), where y = 1 - x is given apart: in a tail it has digits that x has lost. */
static double beta_cdf_xy(double a, double b, double x, double y)
{
    if (x <= 0 || y <= 0) {
        return x <= 0 ? 0.0 : 1.0;
    }
    if (x > (a + 1) / (a + b + 2)) {
        return 1 - beta_cdf_xy(b, a, y, x);
    }
    double log_front = a * log(x) + b * (x < 0.5 ? log1p(-x) : log(y)) - log_beta(a, b);
    return exp(log_front) / a * beta_fraction(a, b, x);
}

double ek_beta_cdf(double a, double b, double x)
{
    if (!(a > 0 && b > 0 && x >= 0 && x <= 1)) {
        return (double)NAN;
    }
    return beta_cdf_xy(a, b, x, 1 - x);
}

double ek_beta_quantile(double a, double b, double p)
{
    if (!(a > 0 && b > 0 && p >= 0 && p <= 1)) {
        return (double)NAN;
    }
    double low = 0, high = 1;
    while (high - low > DBL_EPSILON * high) { /* bisection: each step is one bit */
        double middle = 0.5 * (low + high);
        if (middle <= low || middle >= high) {
            break;
        }
        if (ek_beta_cdf(a, b, middle) < p) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return 0.5 * (low + high);
}

double ek_t_two_sided(double t, double df)
{
    if (!(df > 0) || isnan(t)) {
        return (double)NAN;
    }
    if (isinf(t)) {
        return 0.0;
    }
    double square = t * t;
    return beta_cdf_xy(0.5 * df, 0.5, df / (df + square), square / (df + square));
}

double ek_f_upper(double f, double df1, double df2)
{
    if (!(df1 > 0 && df2 > 0) || isnan(f)) {
        return (double)NAN;
    }
    if (f <= 0 || isinf(f)) {
        return f <= 0 ? 1.0 : 0.0;
    }
    double all = df2 + df1 * f;
    return beta_cdf_xy(0.5 * df2, 0.5 * df1, df2 / all, df1 * f / all);
}

double ek_log_choose(double n, double k)
{
    if (!(n >= 0 && k >= 0 && k <= n)) {
        return (double)NAN;
    }
    if (k == 0 || k == n) {
        return 0.0;
    }
    return -log(n + 1) - log_beta(k + 1, n - k + 1);
}
