#include "stats/failure_rate.h"

#include <math.h>

#include "stats/special.h"

#define NORMAL_0975 1.959963984540054 /* quantile of the standard normal distribution */
#define TAIL        0.025

void ek_wilson(size_t k, size_t n, double *low, double *high)
{
    const double z = NORMAL_0975;
    double count = (double)n, p = (double)k / count;
    double scale = 1.0 + z * z / count;
    double centre = (p + z * z / (2.0 * count)) / scale;
    double half = z * sqrt(p * (1.0 - p) / count + z * z / (4.0 * count * count)) / scale;
    *low = k == 0 && n > 0 ? 0.0 : centre - half; /* exactly 0 and 1, whatever was rounded */
    *high = k == n && n > 0 ? 1.0 : centre + half;
}

void ek_clopper_pearson(size_t k, size_t n, double *low, double *high)
{
    double x = (double)k, rest = (double)(n - k);
    *low = *high = (double)NAN;
    if (n > 0) {
        *low = k == 0 ? 0.0 : ek_beta_quantile(x, rest + 1, TAIL);
        *high = k == n ? 1.0 : ek_beta_quantile(x + 1, rest, 1 - TAIL);
    }
}

void ek_newcombe(size_t k_a, size_t n_a, size_t k_b, size_t n_b, double *low, double *high)
{
    double low_a, high_a, low_b, high_b;
    double a = (double)k_a / (double)n_a, b = (double)k_b / (double)n_b;
    ek_wilson(k_a, n_a, &low_a, &high_a);
    ek_wilson(k_b, n_b, &low_b, &high_b);
    *low = b - a - sqrt((b - low_b) * (b - low_b) + (high_a - a) * (high_a - a));
    *high = b - a + sqrt((high_b - b) * (high_b - b) + (a - low_a) * (a - low_a));
}

double ek_fisher_exact(size_t k_a, size_t n_a, size_t k_b, size_t n_b)
{
    double rows[2] = {(double)n_a, (double)n_b}, failed = (double)(k_a + k_b);
    if (n_a == 0 || n_b == 0) {
        return (double)NAN;
    }
    double all = ek_log_choose(rows[0] + rows[1], failed);
    double here = ek_log_choose(rows[0], (double)k_a) + ek_log_choose(rows[1], (double)k_b) - all;
    double p = 0;
    for (size_t x = 0; x <= n_a && x <= k_a + k_b; x++) {
        if (k_a + k_b - x <= n_b) {
            double log_p = ek_log_choose(rows[0], (double)x) +
                           ek_log_choose(rows[1], failed - (double)x) - all;
            p += log_p <= here + 1e-7 ? exp(log_p) : 0.0;
        }
    }
    return p < 1 ? p : 1.0;
}
