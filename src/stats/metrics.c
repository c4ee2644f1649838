#include "stats/metrics.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- labels ---- */

/* Row, column and diagonal of one class in the confusion matrix. Counted class by class: the
 * classes are few, and nothing has to be allocated. */
typedef struct {
    size_t hits, predicted, actual;
} class_count;

static class_count count_class(const int32_t *predicted, const int32_t *actual, size_t count,
                               int32_t label)
{
    class_count c = {0};
    for (size_t i = 0; i < count; i++) {
        bool is_predicted = predicted[i] == label, is_actual = actual[i] == label;
        c.predicted += is_predicted;
        c.actual += is_actual;
        c.hits += is_predicted && is_actual;
    }
    return c;
}

static size_t count_hits(const int32_t *predicted, const int32_t *actual, size_t count)
{
    size_t hits = 0;
    for (size_t i = 0; i < count; i++) {
        hits += predicted[i] == actual[i];
    }
    return hits;
}

/* 2 TP / (2 TP + FP + FN). */
static double f1_of(class_count c)
{
    size_t both = c.predicted + c.actual;
    return both == 0 ? 0.0 : 2.0 * (double)c.hits / (double)both;
}

double ek_metric_accuracy(const int32_t *predicted, const int32_t *actual, size_t count)
{
    if (count == 0) {
        return (double)NAN;
    }
    return (double)count_hits(predicted, actual, count) / (double)count;
}

double ek_metric_f1(const int32_t *predicted, const int32_t *actual, size_t count)
{
    return count == 0 ? (double)NAN : f1_of(count_class(predicted, actual, count, 1));
}

double ek_metric_macro_f1(const int32_t *predicted, const int32_t *actual, size_t count,
                          size_t label_count)
{
    if (count == 0 || label_count == 0) {
        return (double)NAN;
    }
    double sum = 0.0;
    for (size_t label = 0; label < label_count; label++) {
        sum += f1_of(count_class(predicted, actual, count, (int32_t)label));
    }
    return sum / (double)label_count;
}

double ek_metric_mcc(const int32_t *predicted, const int32_t *actual, size_t count,
                     size_t label_count)
{
    if (count == 0) {
        return (double)NAN;
    }
    /* In double: four factors of the size of QQP's classes overflow 64 bits, their pairwise
     * products stay far below 2^53 and are exact. */
    double n = (double)count;
    double hits = (double)count_hits(predicted, actual, count);
    double both = 0.0, predicted_squares = 0.0, actual_squares = 0.0;
    for (size_t label = 0; label < label_count; label++) {
        class_count c = count_class(predicted, actual, count, (int32_t)label);
        double p = (double)c.predicted, t = (double)c.actual;
        both += p * t;
        predicted_squares += p * p;
        actual_squares += t * t;
    }
    double factors = (n * n - predicted_squares) * (n * n - actual_squares);
    return factors > 0.0 ? (hits * n - both) / sqrt(factors) : 0.0;
}

/* ---- scores ---- */

/* Exactly: a mean that was rounded would give a constant a tiny variance. */
static bool is_constant(const double *values, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (values[i] != values[0]) {
            return false;
        }
    }
    return true;
}

static double mean_of(const double *values, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum / (double)count;
}

double ek_metric_pearson(const double *predicted, const double *actual, size_t count)
{
    if (count == 0) {
        return (double)NAN;
    }
    if (is_constant(predicted, count) || is_constant(actual, count)) {
        return 0.0;
    }
    double mean_x = mean_of(predicted, count), mean_y = mean_of(actual, count);
    double xx = 0.0, yy = 0.0, xy = 0.0;
    for (size_t i = 0; i < count; i++) {
        double x = predicted[i] - mean_x, y = actual[i] - mean_y;
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    double spread = sqrt(xx) * sqrt(yy);
    if (spread == 0.0) {
        return 0.0; /* differences so small that their squares vanish */
    }
    double r = xy / spread;
    return r > 1.0 ? 1.0 : r < -1.0 ? -1.0 : r; /* rounding; NaN stays */
}

typedef struct {
    double value;
    size_t index;
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    double x = ((const ranked *)a)->value, y = ((const ranked *)b)->value;
    return (x > y) - (x < y);
}

/* ranks[i] = rank of values[i] from 1, ties share their mean; sorted is scratch. False on NaN,
 * which has no rank. */
static bool mid_ranks(double *ranks, ranked *sorted, const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (isnan(values[i])) {
            return false;
        }
        sorted[i] = (ranked){values[i], i};
    }
    qsort(sorted, count, sizeof *sorted, compare_ranked);
    for (size_t first = 0; first < count;) {
        size_t end = first + 1;
        while (end < count && sorted[end].value == sorted[first].value) {
            end++;
        }
        double rank = 0.5 * (double)(first + 1 + end); /* of first + 1 to end */
        for (; first < end; first++) {
            ranks[sorted[first].index] = rank;
        }
    }
    return true;
}

double ek_metric_spearman(const double *predicted, const double *actual, size_t count)
{
    double *ranks = ek_calloc(count, 2 * sizeof *ranks);
    ranked *sorted = ek_calloc(count, sizeof *sorted);
    double rho = (double)NAN;
    if (ranks != NULL && sorted != NULL && mid_ranks(ranks, sorted, predicted, count) &&
        mid_ranks(ranks + count, sorted, actual, count)) {
        rho = ek_metric_pearson(ranks, ranks + count, count);
    }
    ek_free(ranks);
    ek_free(sorted);
    return rho;
}

double ek_metric_mse(const double *predicted, const double *actual, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        double difference = predicted[i] - actual[i];
        sum += difference * difference;
    }
    return sum / (double)count; /* 0 / 0 for no examples */
}

/* ---- by name ---- */

/* name, value of it from the arguments of ek_metric */
#define METRIC_TABLE(X)                                                                            \
    X("accuracy", ek_metric_accuracy(predicted_labels, labels, count))                             \
    X("f1", ek_metric_f1(predicted_labels, labels, count))                                         \
    X("macro_f1", ek_metric_macro_f1(predicted_labels, labels, count, label_count))                \
    X("mcc", ek_metric_mcc(predicted_labels, labels, count, label_count))                          \
    X("pearson", ek_metric_pearson(predicted_scores, scores, count))                               \
    X("spearman", ek_metric_spearman(predicted_scores, scores, count))                             \
    X("mse", ek_metric_mse(predicted_scores, scores, count))

double ek_metric(const char *name, const int32_t *predicted_labels, const int32_t *labels,
                 const double *predicted_scores, const double *scores, size_t count,
                 size_t label_count)
{
#define METRIC_CASE(metric_name, value)                                                            \
    if (strcmp(name, metric_name) == 0) {                                                          \
        return value;                                                                              \
    }
    METRIC_TABLE(METRIC_CASE)
#undef METRIC_CASE
    return (double)NAN;
}

const char *const *ek_metric_names(void)
{
#define METRIC_NAME(metric_name, value) metric_name,
    static const char *const names[] = {METRIC_TABLE(METRIC_NAME) NULL};
#undef METRIC_NAME
    return names;
}
