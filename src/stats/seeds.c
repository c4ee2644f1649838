/* Variance components of complete designs with one run a cell, and the expected best of k runs. */
#include "stats/seeds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static double at_least_zero(double value, bool *floored)
{
    *floored = value < 0.0;
    return *floored ? 0.0 : value;
}

/* The axes of a complete design; index on an axis of cell i = i / stride % length. */
typedef struct {
    const double *scores; /* [cells] */
    size_t cells, axes;
    size_t strides[3], lengths[3];
    double grand;    /* mean, as all means here a difference from the first score: equal scores then
                        have exactly no spread */
    double *effects; /* mean of each level less grand; axis after axis */
} design;

static double *effects_of(const design *d, size_t axis)
{
    size_t before = 0;
    for (size_t i = 0; i < axis; i++) {
        before += d->lengths[i];
    }
    return d->effects + before;
}

/* False without memory; d->effects by ek_free. */
static bool take_effects(design *d)
{
    d->effects = ek_calloc(d->lengths[0] + d->lengths[1] + d->lengths[2], sizeof *d->effects);
    if (d->effects == NULL) {
        return false;
    }
    for (size_t i = 0; i < d->cells; i++) {
        d->grand += d->scores[i] - d->scores[0];
        for (size_t axis = 0; axis < d->axes; axis++) {
            size_t level = i / d->strides[axis] % d->lengths[axis];
            effects_of(d, axis)[level] += d->scores[i] - d->scores[0];
        }
    }
    d->grand /= (double)d->cells;
    for (size_t axis = 0; axis < d->axes; axis++) {
        double *effects = effects_of(d, axis);
        for (size_t level = 0; level < d->lengths[axis]; level++) {
            effects[level] = effects[level] / (double)(d->cells / d->lengths[axis]) - d->grand;
        }
    }
    return true;
}

/* Mean square of an axis' main effect: cells / length times the squares of its effects, over
 * length - 1. */
static double main_effect(const design *d, size_t axis)
{
    const double *effects = effects_of(d, axis);
    size_t length = d->lengths[axis];
    double sum = 0.0;
    for (size_t level = 0; level < length; level++) {
        sum += effects[level] * effects[level];
    }
    return sum * (double)(d->cells / length) / (double)(length - 1);
}

/* What the main effects of the axes leave over: squares of y - grand mean - sum of effects, summed
 * cell by cell (a difference of sums of squares would cancel). */
static double left_over(const design *d)
{
    double sum = 0.0;
    for (size_t i = 0; i < d->cells; i++) {
        double rest = d->scores[i] - d->scores[0] - d->grand;
        for (size_t axis = 0; axis < d->axes; axis++) {
            rest -= effects_of(d, axis)[i / d->strides[axis] % d->lengths[axis]];
        }
        sum += rest * rest;
    }
    return sum;
}

ek_variance_components ek_variance_components_of(const double *scores, size_t init_count,
                                                 size_t order_count)
{
    const double nan = (double)NAN;
    ek_variance_components c = {
        .init = nan, .order = nan, .rest = nan, .ms_init = nan, .ms_order = nan, .ms_rest = nan};
    if (init_count < 2 || order_count < 2) {
        return c;
    }
    design d = {.scores = scores,
                .cells = init_count * order_count,
                .axes = 2,
                .strides = {order_count, 1},
                .lengths = {init_count, order_count}};
    if (!take_effects(&d)) {
        return c;
    }
    double a = (double)init_count, b = (double)order_count;
    c.ms_init = main_effect(&d, 0);
    c.ms_order = main_effect(&d, 1);
    c.ms_rest = left_over(&d) / ((a - 1.0) * (b - 1.0));
    ek_free(d.effects);
    c.rest = c.ms_rest;
    c.init = at_least_zero((c.ms_init - c.ms_rest) / b, &c.init_floored);
    c.order = at_least_zero((c.ms_order - c.ms_rest) / a, &c.order_floored);
    return c;
}

ek_variance_components_3 ek_variance_components_3_of(const double *scores, size_t init_count,
                                                     size_t order_count, size_t dropout_count)
{
    const double nan = (double)NAN;
    ek_variance_components_3 c = {.init = nan, .order = nan, .dropout = nan, .rest = nan};
    if (init_count < 2 || order_count < 2 || dropout_count < 2) {
        return c;
    }
    design d = {.scores = scores,
                .cells = init_count * order_count * dropout_count,
                .axes = 3,
                .strides = {order_count * dropout_count, dropout_count, 1},
                .lengths = {init_count, order_count, dropout_count}};
    if (!take_effects(&d)) {
        return c;
    }
    size_t free_count = d.cells - init_count - order_count - dropout_count + 2;
    double component[3];
    bool floored[3];
    c.rest = left_over(&d) / (double)free_count;
    for (size_t axis = 0; axis < 3; axis++) {
        double runs = (double)(d.cells / d.lengths[axis]);
        component[axis] = at_least_zero((main_effect(&d, axis) - c.rest) / runs, &floored[axis]);
    }
    ek_free(d.effects);
    c.init = component[0];
    c.order = component[1];
    c.dropout = component[2];
    c.init_floored = floored[0];
    c.order_floored = floored[1];
    c.dropout_floored = floored[2];
    return c;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A sorted copy by ek_free; NULL without memory, for a k out of range, and where a score is NaN. */
static double *sorted_for(const double *scores, size_t n, size_t k)
{
    if (k < 1 || k > n) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (isnan(scores[i])) {
            return NULL;
        }
    }
    double *sorted = ek_calloc(n, sizeof *sorted);
    if (sorted != NULL) {
        memcpy(sorted, scores, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, ascending);
    }
    return sorted;
}

double ek_expected_best(const double *scores, size_t n, size_t k)
{
    double *sorted = sorted_for(scores, n, k);
    if (sorted == NULL) {
        return (double)NAN;
    }
    /* The i-th smallest (from 1) is the best of C(i-1, k-1) of the C(n, k) subsets. The weight is
     * k / n for i = n, and C(i-1, k-1) / C(i, k-1) = (i - k + 1) / i for the step down. */
    double weight = (double)k / (double)n, sum = 0.0;
    for (size_t i = n; i >= k; i--) {
        sum += weight * (sorted[i - 1] - sorted[n - 1]);
        weight *= (double)(i - k) / (double)(i - 1 > 0 ? i - 1 : 1);
    }
    double best = sorted[n - 1] + sum;
    ek_free(sorted);
    return best;
}

double ek_expected_best_biased(const double *scores, size_t n, size_t k)
{
    double *sorted = sorted_for(scores, n, k);
    if (sorted == NULL) {
        return (double)NAN;
    }
    double sum = 0.0, below = 0.0;
    for (size_t i = 1; i <= n; i++) {
        double upto = pow((double)i / (double)n, (double)k);
        sum += (upto - below) * (sorted[i - 1] - sorted[n - 1]);
        below = upto;
    }
    double best = sorted[n - 1] + sum;
    ek_free(sorted);
    return best;
}
