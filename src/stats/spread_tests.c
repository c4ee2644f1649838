#include "stats/spread_tests.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "stats/bootstrap.h"
#include "stats/special.h"
#include "stats/summary.h"

enum { PERMUTATIONS = 10000, WHICH = 3 };

static bool usable(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            return false;
        }
    }
    return n >= 2;
}

static int compare_double(const void *left, const void *right)
{
    double x = *(const double *)left, y = *(const double *)right;
    return (x > y) - (x < y);
}

/* |y - centre| in place of the values. */
static void deviations(double *values, size_t n, ek_centre centre)
{
    double middle;
    if (centre == EK_CENTRE_MEDIAN) {
        qsort(values, n, sizeof *values, compare_double);
        middle = ek_statistic_median(values, n);
    } else {
        middle = ek_statistic_mean(values, n);
    }
    for (size_t i = 0; i < n; i++) {
        values[i] = fabs(values[i] - middle);
    }
}

void ek_levene(const double *a, size_t n_a, const double *b, size_t n_b, ek_centre centre,
               double *w, double *p)
{
    double *z = ek_calloc(n_a + n_b, sizeof *z);
    *w = *p = (double)NAN;
    if (z && usable(a, n_a) && usable(b, n_b)) {
        double counts[2] = {(double)n_a, (double)n_b}, n = counts[0] + counts[1];
        double *groups[2] = {z, z + n_a};
        memcpy(z, a, n_a * sizeof *z);
        memcpy(z + n_a, b, n_b * sizeof *z);
        deviations(groups[0], n_a, centre);
        deviations(groups[1], n_b, centre);
        double between = 0, within = 0, means[2];
        means[0] = ek_statistic_mean(groups[0], n_a);
        means[1] = ek_statistic_mean(groups[1], n_b);
        double mean = (counts[0] * means[0] + counts[1] * means[1]) / n;
        for (int g = 0; g < 2; g++) {
            between += counts[g] * (means[g] - mean) * (means[g] - mean);
            for (size_t i = 0; i < (g ? n_b : n_a); i++) {
                within += (groups[g][i] - means[g]) * (groups[g][i] - means[g]);
            }
        }
        *w = (n - 2) * between / within;
        *p = ek_f_upper(*w, 1, n - 2);
    }
    ek_free(z);
}

void ek_welch(const double *a, size_t n_a, const double *b, size_t n_b, double *t, double *df,
              double *p)
{
    *t = *df = *p = (double)NAN;
    if (!usable(a, n_a) || !usable(b, n_b)) {
        return;
    }
    double sd_a = ek_statistic_sd(a, n_a), sd_b = ek_statistic_sd(b, n_b);
    double va = sd_a * sd_a / (double)n_a, vb = sd_b * sd_b / (double)n_b;
    *t = (ek_statistic_mean(b, n_b) - ek_statistic_mean(a, n_a)) / sqrt(va + vb);
    *df = (va + vb) * (va + vb) / (va * va / (double)(n_a - 1) + vb * vb / (double)(n_b - 1));
    *p = ek_t_two_sided(*t, *df);
}

/* ---- permutations ---------------------------------------------------------------------------- */

/* What a split is judged by. */
static double mean_gap(const double *split, size_t n_a, size_t n_b)
{
    return fabs(ek_statistic_mean(split + n_a, n_b) - ek_statistic_mean(split, n_a));
}

static double sd_gap(const double *split, size_t n_a, size_t n_b)
{
    double ratio = ek_statistic_sd_ratio(split, n_a, split + n_a, n_b);
    return fabs(log(ratio));
}

typedef double gap_of(const double *split, size_t n_a, size_t n_b);

/* Splits whose gaps differ by less are equally extreme: sums of the same values in another order.
 */
#define SLACK 1e-12

/* The number of ways to choose n_a of n, or PERMUTATIONS + 1 when there are more. */
static size_t splits(size_t n, size_t n_a)
{
    double ways = exp(ek_log_choose((double)n, (double)n_a));
    return ways > PERMUTATIONS + 0.5 ? (size_t)PERMUTATIONS + 1 : (size_t)(ways + 0.5);
}

/* The next set of n_a places of n in lexicographic order; false after the last. */
static bool next_places(size_t *places, size_t n_a, size_t n)
{
    for (size_t i = n_a; i-- > 0;) {
        if (places[i] < n - n_a + i) {
            places[i]++;
            for (size_t k = i + 1; k < n_a; k++) {
                places[k] = places[k - 1] + 1;
            }
            return true;
        }
    }
    return false;
}

/* least: the smallest gap that counts as extreme. */
static double exact_p(const double *all, double *split, size_t *places, size_t n_a, size_t n_b,
                      gap_of *gap, double least)
{
    size_t extreme = 0, count = 0;
    for (size_t i = 0; i < n_a; i++) {
        places[i] = i;
    }
    do {
        size_t in_a = 0, in_b = 0;
        for (size_t i = 0; i < n_a + n_b; i++) {
            bool chosen = in_a < n_a && places[in_a] == i;
            split[chosen ? in_a++ : n_a + in_b++] = all[i];
        }
        extreme += gap(split, n_a, n_b) >= least;
        count++;
    } while (next_places(places, n_a, n_a + n_b));
    return (double)extreme / (double)count;
}

static double random_p(const double *all, double *split, size_t n_a, size_t n_b, gap_of *gap,
                       double least, uint32_t seed)
{
    size_t extreme = 0, n = n_a + n_b;
    for (uint32_t r = 0; r < PERMUTATIONS; r++) {
        memcpy(split, all, n * sizeof *split);
        for (size_t i = 0; i < n_a; i++) {
            size_t j = i + (size_t)ek_random_below(seed, EK_STREAM_RESAMPLE, r, WHICH, i, n - i);
            double value = split[i];
            split[i] = split[j];
            split[j] = value;
        }
        extreme += gap(split, n_a, n_b) >= least;
    }
    return (double)(1 + extreme) / (1 + PERMUTATIONS);
}

/* scale: what a rounding error of the gap is relative to. */
static double permutation_p(const double *all, double *split, size_t *places, size_t n_a,
                            size_t n_b, gap_of *gap, double scale, uint32_t seed)
{
    double least = gap(all, n_a, n_b) - SLACK * scale;
    if (isnan(least)) {
        return (double)NAN;
    }
    return splits(n_a + n_b, n_a) <= PERMUTATIONS
               ? exact_p(all, split, places, n_a, n_b, gap, least)
               : random_p(all, split, n_a, n_b, gap, least, seed);
}

/* Differences from the first value, so that a level far from 0 costs no digits; returns the
 * largest.
 */
static double take_origin(double *all, size_t n)
{
    double origin = all[0], largest = 0;
    for (size_t i = 0; i < n; i++) {
        all[i] -= origin;
        largest = fmax(largest, fabs(all[i]));
    }
    return largest;
}

void ek_permutation(const double *a, size_t n_a, const double *b, size_t n_b, uint32_t seed,
                    double *p_mean, double *p_sd)
{
    double *all = ek_calloc(n_a + n_b, sizeof *all), *split = ek_calloc(n_a + n_b, sizeof *split);
    size_t *places = ek_calloc(n_a, sizeof *places);
    *p_mean = *p_sd = (double)NAN;
    if (all && split && places && usable(a, n_a) && usable(b, n_b)) {
        memcpy(all, a, n_a * sizeof *all);
        memcpy(all + n_a, b, n_b * sizeof *all);
        qsort(all, n_a, sizeof *all, compare_double); /* the order of runs does not matter */
        qsort(all + n_a, n_b, sizeof *all, compare_double);
        double scale = take_origin(all, n_a + n_b);
        *p_mean = permutation_p(all, split, places, n_a, n_b, mean_gap, scale, seed);
        double mean_a = ek_statistic_mean(all, n_a), mean_b = ek_statistic_mean(all + n_a, n_b);
        for (size_t i = 0; i < n_a + n_b; i++) {
            all[i] -= i < n_a ? mean_a : mean_b;
        }
        *p_sd = permutation_p(all, split, places, n_a, n_b, sd_gap, 1, seed);
    }
    ek_free(all);
    ek_free(split);
    ek_free(places);
}
