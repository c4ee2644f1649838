#include "stats/rank_tests.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "stats/special.h"

enum { EXACT_SMALLER = 8, EXACT_PAIRS = 50, MOST_EXACT_U = 10000000 };

typedef struct {
    double value;
    uint8_t second; /* of b; for signed ranks: positive */
} item;

static int by_value(const void *left, const void *right)
{
    double x = ((const item *)left)->value, y = ((const item *)right)->value;
    return (x > y) - (x < y);
}

/* Sorts; returns the sum of mid-ranks of the second kind, and sum(t^3 - t) over groups of ties. */
static double rank_sum(item *items, size_t n, double *ties)
{
    double sum = 0;
    qsort(items, n, sizeof *items, by_value);
    *ties = 0;
    for (size_t first = 0, next; first < n; first = next) {
        size_t second = 0;
        for (next = first; next < n && items[next].value == items[first].value; next++) {
            second += items[next].second;
        }
        double t = (double)(next - first), rank = 0.5 * (double)(first + next + 1);
        sum += rank * (double)second;
        *ties += t * t * t - t;
    }
    return sum;
}

/* P(U >= u) without ties: the counts of U are the coefficients of the Gaussian binomial
 * prod_i (1 - q^(large + i)) / (1 - q^i), i = 1 .. small; every partial product has none below 0.
 */
static double exact_upper(size_t small, size_t large, double u)
{
    size_t top = small * large;
    double *ways = ek_calloc(top + 1, sizeof *ways), above = 0, all = 0;
    if (!ways) {
        return (double)NAN;
    }
    ways[0] = 1;
    for (size_t i = 1; i <= small; i++) {
        for (size_t k = top; k >= large + i; k--) {
            ways[k] -= ways[k - large - i];
        }
        for (size_t k = i; k <= top; k++) {
            ways[k] += ways[k - i];
        }
    }
    for (size_t k = 0; k <= top; k++) {
        all += ways[k];
        above += (double)k >= u ? ways[k] : 0;
    }
    ek_free(ways);
    return above / all;
}

static double at_most_1(double p)
{
    return p > 1 ? 1.0 : p;
}

ek_rank_test ek_mann_whitney(const double *a, size_t n_a, const double *b, size_t n_b)
{
    ek_rank_test test = {(double)NAN, (double)NAN, false};
    size_t n = n_a + n_b, small = n_a < n_b ? n_a : n_b, large = n - small;
    item *items = n_a && n_b ? ek_calloc(n, sizeof *items) : NULL;
    if (!items) {
        return test;
    }
    bool finite = true;
    for (size_t i = 0; i < n; i++) {
        items[i] = i < n_a ? (item){a[i], 0} : (item){b[i - n_a], 1};
        finite = finite && isfinite(items[i].value);
    }
    if (!finite) { /* NaN has no rank, and is not even tied with itself */
        ek_free(items);
        return test;
    }
    double ties, product = (double)n_a * (double)n_b;
    double u = rank_sum(items, n, &ties) - 0.5 * (double)n_b * (double)(n_b + 1);
    ek_free(items);
    double larger = fmax(u, product - u);
    test.statistic = u;
    test.exact = small <= EXACT_SMALLER && ties == 0 && small * large <= MOST_EXACT_U;
    if (test.exact) {
        test.p = at_most_1(2 * exact_upper(small, large, larger));
        return test;
    }
    double count = (double)n;
    double variance = product / 12 * (count + 1 - ties / (count * (count - 1)));
    double z = (larger - product / 2 - 0.5) / sqrt(variance);
    test.p = variance > 0 ? at_most_1(2 * ek_normal_cdf(-z)) : 1.0;
    return test;
}

/* P(W <= w) of the sum of the ranks 1..n with random signs. */
static double signed_lower(size_t n, double w)
{
    size_t top = n * (n + 1) / 2;
    double *ways = ek_calloc(top + 1, sizeof *ways), below = 0;
    if (!ways) {
        return (double)NAN;
    }
    ways[0] = 1;
    for (size_t rank = 1; rank <= n; rank++) {
        for (size_t k = top; k >= rank; k--) {
            ways[k] += ways[k - rank];
        }
    }
    for (size_t k = 0; k <= top && (double)k <= w; k++) {
        below += ways[k];
    }
    ek_free(ways);
    return ldexp(below, -(int)n);
}

ek_rank_test ek_wilcoxon(const double *a, const double *b, size_t n)
{
    ek_rank_test test = {(double)NAN, (double)NAN, false};
    item *items = n > 0 ? ek_calloc(n, sizeof *items) : NULL;
    size_t count = 0;
    if (!items) {
        return test;
    }
    for (size_t i = 0; i < n; i++) {
        double d = b[i] - a[i];
        if (!isfinite(d)) {
            ek_free(items);
            return test;
        }
        if (d != 0) {
            items[count++] = (item){fabs(d), d > 0};
        }
    }
    double ties, m = (double)count, all = m * (m + 1) / 2;
    double positive = rank_sum(items, count, &ties);
    ek_free(items);
    test.statistic = fmin(positive, all - positive);
    if (count == 0) {
        test.p = 1.0;
        return test;
    }
    test.exact = count == n && ties == 0 && n <= EXACT_PAIRS;
    if (test.exact) {
        test.p = at_most_1(2 * signed_lower(count, test.statistic));
        return test;
    }
    double se = sqrt((m * (m + 1) * (2 * m + 1) - 0.5 * ties) / 24);
    test.p = at_most_1(2 * ek_normal_cdf((test.statistic - all / 2) / se));
    return test;
}
