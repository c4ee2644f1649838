/* How runs of one recipe disagree: churn, kappa, JSD, and the variances of being right. Counts are
 * integers until the last division, so most numbers do not depend on the order of runs. */
#include "stats/predictions.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

static const int32_t *labels_of(const ek_prediction_matrix *m, size_t run)
{
    return m->labels + run * m->examples;
}

void ek_churn_matrix(const ek_prediction_matrix *m, double *out)
{
    for (size_t a = 0; a < m->runs; a++) {
        out[a * m->runs + a] = m->examples > 0 ? 0.0 : (double)NAN;
        for (size_t b = a + 1; b < m->runs; b++) {
            const int32_t *x = labels_of(m, a), *y = labels_of(m, b);
            size_t differ = 0;
            for (size_t e = 0; e < m->examples; e++) {
                differ += x[e] != y[e];
            }
            double share = m->examples > 0 ? (double)differ / (double)m->examples : (double)NAN;
            out[a * m->runs + b] = share;
            out[b * m->runs + a] = share;
        }
    }
}

void ek_right_counts(const ek_prediction_matrix *m, uint32_t *out)
{
    memset(out, 0, m->examples * sizeof *out);
    for (size_t run = 0; m->truth != NULL && run < m->runs; run++) {
        const int32_t *labels = labels_of(m, run);
        for (size_t e = 0; e < m->examples; e++) {
            out[e] += m->truth[e] >= 0 && labels[e] == m->truth[e];
        }
    }
}

/* The distinct labels, ascending: predictions are not trusted to lie in 0 .. label_count - 1. */
typedef struct {
    int32_t *labels;
    uint32_t *here;  /* of the example being counted */
    uint64_t *total; /* over all examples */
    size_t count, capacity;
} label_set;

static size_t place_of(const label_set *set, int32_t label)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->labels[middle] < label) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool add_label(label_set *set, int32_t label)
{
    size_t place = place_of(set, label);
    if (place < set->count && set->labels[place] == label) {
        return true;
    }
    if (set->count == set->capacity) {
        size_t capacity = set->capacity == 0 ? 16 : 2 * set->capacity;
        int32_t *grown = ek_realloc(set->labels, capacity, sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        set->labels = grown;
        set->capacity = capacity;
    }
    memmove(set->labels + place + 1, set->labels + place,
            (set->count - place) * sizeof *set->labels);
    set->labels[place] = label;
    set->count++;
    return true;
}

static bool collect_labels(const ek_prediction_matrix *m, label_set *set)
{
    for (size_t i = 0; i < m->runs * m->examples; i++) {
        if (!add_label(set, m->labels[i])) {
            return false;
        }
    }
    set->here = ek_calloc(set->count, sizeof *set->here);
    set->total = ek_calloc(set->count, sizeof *set->total);
    return set->here != NULL && set->total != NULL;
}

/* Pairs (ordered) of runs that differ on an example; adds to the totals of the labels. */
static uint64_t differing_pairs(const ek_prediction_matrix *m, label_set *set, size_t example)
{
    memset(set->here, 0, set->count * sizeof *set->here);
    for (size_t run = 0; run < m->runs; run++) {
        set->here[place_of(set, labels_of(m, run)[example])]++;
    }
    uint64_t same = 0;
    for (size_t j = 0; j < set->count; j++) {
        same += (uint64_t)set->here[j] * set->here[j];
        set->total[j] += set->here[j];
    }
    return (uint64_t)m->runs * m->runs - same;
}

static void churn_and_kappa(const ek_prediction_matrix *m, ek_disagreement *d)
{
    label_set set = {0};
    if (collect_labels(m, &set)) {
        uint64_t differ = 0;
        for (size_t e = 0; e < m->examples; e++) {
            differ += differing_pairs(m, &set, e);
        }
        double n = (double)m->runs, examples = (double)m->examples;
        double by_chance = 0.0; /* P_e */
        for (size_t j = 0; j < set.count; j++) {
            double share = (double)set.total[j] / (n * examples);
            by_chance += share * share;
        }
        d->churn = (double)differ / (examples * n * (n - 1.0));
        if (set.count > 1) { /* one label only: 0 / 0 */
            d->fleiss_kappa = 1.0 - d->churn / (1.0 - by_chance);
        }
    }
    ek_free(set.labels);
    ek_free(set.here);
    ek_free(set.total);
}

static double entropy(const double *p, const double *q, size_t count)
{
    double sum = 0.0;
    for (size_t j = 0; j < count; j++) {
        double middle = 0.5 * (p[j] + q[j]);
        sum -= middle == 0.0 ? 0.0 : middle * log(middle);
    }
    return sum;
}

/* H((p + q) / 2) - (H(p) + H(q)) / 2, at one example over all pairs. own: [runs] scratch. */
static double jsd_of_example(const ek_prediction_matrix *m, size_t example, double *own)
{
    size_t labels = m->label_count, step = m->examples * labels;
    const double *probs = m->probs + example * labels;
    double sum = 0.0;
    for (size_t run = 0; run < m->runs; run++) {
        own[run] = entropy(probs + run * step, probs + run * step, labels);
    }
    for (size_t a = 0; a < m->runs; a++) {
        for (size_t b = a + 1; b < m->runs; b++) {
            double mixed = entropy(probs + a * step, probs + b * step, labels);
            double jsd = mixed - 0.5 * (own[a] + own[b]);
            sum += jsd < 0.0 ? 0.0 : jsd; /* rounding; NaN stays */
        }
    }
    return sum;
}

static double mean_jsd(const ek_prediction_matrix *m)
{
    double *own = ek_calloc(m->runs, sizeof *own);
    if (own == NULL) {
        return (double)NAN;
    }
    double sum = 0.0, pairs = 0.5 * (double)m->runs * (double)(m->runs - 1);
    for (size_t e = 0; e < m->examples; e++) {
        sum += jsd_of_example(m, e, own);
    }
    ek_free(own);
    return sum / (pairs * (double)m->examples);
}

/* n times the sum of squares minus the square of the sum: n squared times the variance (ddof 0). */
static double accuracy_spread(const ek_prediction_matrix *m)
{
    double sum = 0.0, squares = 0.0; /* whole numbers, exact below 2^53 */
    for (size_t run = 0; run < m->runs; run++) {
        const int32_t *labels = labels_of(m, run);
        size_t right = 0;
        for (size_t e = 0; e < m->examples; e++) {
            right += m->truth[e] >= 0 && labels[e] == m->truth[e];
        }
        sum += (double)right;
        squares += (double)right * (double)right;
    }
    return (double)m->runs * squares - sum * sum;
}

static void variances(const ek_prediction_matrix *m, ek_disagreement *d)
{
    uint32_t *right = ek_calloc(m->examples, sizeof *right);
    if (right == NULL) {
        return;
    }
    ek_right_counts(m, right);
    double n = (double)m->runs, known = 0.0, points = 0.0;
    for (size_t e = 0; e < m->examples; e++) {
        if (m->truth[e] >= 0) {
            known += 1.0;
            points += (double)right[e] * (n - (double)right[e]);
        }
    }
    ek_free(right);
    if (known < 1.0) {
        return;
    }
    double spread = accuracy_spread(m) / (known * known);
    d->per_point = points / (n * n * known);
    d->total = spread / (n * n);
    d->test_set_variance = spread / (n * (n - 1.0));
    if (known > 1.0) {
        double within = points / (n * (n - 1.0)) / (known * known);
        d->distribution_variance = known / (known - 1.0) * (d->test_set_variance - within);
    }
}

ek_disagreement ek_disagreement_of(const ek_prediction_matrix *m)
{
    const double nan = (double)NAN;
    ek_disagreement d = {nan, nan, nan, nan, nan, nan, nan};
    if (m->runs < 2 || m->examples == 0) {
        return d;
    }
    churn_and_kappa(m, &d);
    if (m->probs != NULL && m->label_count > 0) {
        d.jsd = mean_jsd(m);
    }
    if (m->truth != NULL) {
        variances(m, &d);
    }
    return d;
}
