/* metrics.h - scores of predictions: accuracy, F1, MCC, Pearson, Spearman, MSE.
 *
 * Plain arrays in, one double out; sums in double in array order. Formulas: docs/numerics.md
 * ("Traps of the models") and scikit-learn's names. Undefined cases have a value: F1 with 0/0 is 0,
 * MCC 0 where a factor is 0, a correlation with a constant is 0; n = 0 gives NaN. Labels are in
 * 0 .. label_count - 1. The arrays belong to the caller; nothing is kept.
 */
#ifndef EK_STATS_METRICS_H
#define EK_STATS_METRICS_H

#include <stddef.h>
#include <stdint.h>

double ek_metric_accuracy(const int32_t *predicted, const int32_t *actual, size_t count);
/* Binary F1 of class 1. */
double ek_metric_f1(const int32_t *predicted, const int32_t *actual, size_t count);
/* Mean of per-class F1 over the label_count classes. */
double ek_metric_macro_f1(const int32_t *predicted, const int32_t *actual, size_t count,
                          size_t label_count);
/* Matthews correlation; for more than two classes the R_K statistic (Gorodkin 2004). */
double ek_metric_mcc(const int32_t *predicted, const int32_t *actual, size_t count,
                     size_t label_count);
double ek_metric_pearson(const double *predicted, const double *actual, size_t count);
/* Pearson of mid-ranks. NaN without memory, for n = 0, and where an input is NaN. */
double ek_metric_spearman(const double *predicted, const double *actual, size_t count);
double ek_metric_mse(const double *predicted, const double *actual, size_t count);

/* By name ("accuracy", "f1", "macro_f1", "mcc" use the labels; "pearson", "spearman", "mse" the
 * scores; the other pair may be NULL). NaN for an unknown name. */
double ek_metric(const char *name, const int32_t *predicted_labels, const int32_t *labels,
                 const double *predicted_scores, const double *scores, size_t count,
                 size_t label_count);
/* Every name ek_metric knows, NULL-terminated. */
const char *const *ek_metric_names(void);

#endif
