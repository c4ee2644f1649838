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

/* Mean of the cells with index `level` on one axis, as differences from the first score (so that
 * equal scores have exactly no spread). An axis is a stride and a length: index = i / stride %
 * length. */
static double level_mean(const double *scores, size_t cells, size_t stride, size_t length,
                         size_t level)
{
    double sum = 0.0;
    for (size_t i = 0; i < cells; i++) {
        if (i / stride % length == level) {
            sum += scores[i] - scores[0];
        }
    }
    return sum / (double)(cells / length);
}

static double grand_mean(const double *scores, size_t cells)
{
    return level_mean(scores, cells, 1, 1, 0);
}

/* Sum of squares of an axis' main effect: cells / length times the squares of its level means. */
static double main_effect(const double *scores, size_t cells, size_t stride, size_t length)
{
    double grand = grand_mean(scores, cells), sum = 0.0;
    for (size_t level = 0; level < length; level++) {
        double effect = level_mean(scores, cells, stride, length, level) - grand;
        sum += effect * effect;
    }
    return sum * (double)(cells / length);
}

/* What the main effects of the axes leave over: squares of y - sum of level means + (axes - 1)
 * grand mean, summed cell by cell (a difference of sums of squares would cancel). */
static double left_over(const double *scores, size_t cells, const size_t *strides,
                        const size_t *lengths, size_t axes)
{
    double grand = grand_mean(scores, cells), sum = 0.0;
    for (size_t i = 0; i < cells; i++) {
        double rest = scores[i] - scores[0] + (double)(axes - 1) * grand;
        for (size_t axis = 0; axis < axes; axis++) {
            size_t level = i / strides[axis] % lengths[axis];
            rest -= level_mean(scores, cells, strides[axis], lengths[axis], level);
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
    size_t cells = init_count * order_count;
    const size_t strides[2] = {order_count, 1}, lengths[2] = {init_count, order_count};
    double a = (double)init_count, b = (double)order_count;
    c.ms_init = main_effect(scores, cells, order_count, init_count) / (a - 1.0);
    c.ms_order = main_effect(scores, cells, 1, order_count) / (b - 1.0);
    c.ms_rest = left_over(scores, cells, strides, lengths, 2) / ((a - 1.0) * (b - 1.0));
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
    const size_t lengths[3] = {init_count, order_count, dropout_count};
    const size_t strides[3] = {order_count * dropout_count, dropout_count, 1};
    size_t cells = init_count * order_count * dropout_count;
    size_t free_count = cells - init_count - order_count - dropout_count + 2;
    double component[3];
    bool floored[3];
    c.rest = left_over(scores, cells, strides, lengths, 3) / (double)free_count;
    for (size_t axis = 0; axis < 3; axis++) {
        double ms =
            main_effect(scores, cells, strides[axis], lengths[axis]) / (double)(lengths[axis] - 1);
        component[axis] =
            at_least_zero((ms - c.rest) / (double)(cells / lengths[axis]), &floored[axis]);
    }
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
