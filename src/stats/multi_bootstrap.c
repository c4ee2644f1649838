/* The multi-bootstrap (Sellam et al. 2022): runs, examples, or both drawn again.
 *
 * Draws of resample r: example i at (seed, resample stream, r, 1, i); run i of the first group at
 * (r, 0, i), of the second at (r, 2, i), or, paired, the first's. The three intervals share their
 * draws. Everything is counted in whole numbers and divided once: the same on every machine.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "stats/predictions.h"
#include "stats/summary.h"

enum { RESAMPLES = 1000, DRAW_RUNS = 0, DRAW_EXAMPLES = 1, DRAW_OTHER_RUNS = 2 };

/* One group: what is right where, over the examples whose truth is known. */
typedef struct {
    size_t runs, known;
    uint8_t *right;       /* [runs][known] */
    uint32_t *of_run;     /* [runs] right examples */
    uint32_t *of_example; /* [known] right runs */
    uint32_t *weights;    /* [runs] how often each run is drawn */
} group;

static void group_free(group *g)
{
    ek_free(g->right);
    ek_free(g->of_run);
    ek_free(g->of_example);
    ek_free(g->weights);
}

static bool group_init(group *g, const ek_prediction_matrix *m)
{
    *g = (group){.runs = m->runs};
    for (size_t e = 0; e < m->examples; e++) {
        g->known += m->truth[e] >= 0;
    }
    size_t cells;
    if (!ek_mul_size(&cells, g->runs, g->known)) {
        return false;
    }
    g->right = ek_calloc(cells, 1);
    g->of_run = ek_calloc(g->runs, sizeof *g->of_run);
    g->of_example = ek_calloc(g->known, sizeof *g->of_example);
    g->weights = ek_calloc(g->runs, sizeof *g->weights);
    if (g->right == NULL || g->of_run == NULL || g->of_example == NULL || g->weights == NULL) {
        return false;
    }
    for (size_t run = 0; run < g->runs; run++) {
        const int32_t *labels = m->labels + run * m->examples;
        size_t at = 0;
        for (size_t e = 0; e < m->examples; e++) {
            if (m->truth[e] >= 0) {
                uint8_t right = labels[e] == m->truth[e];
                g->right[run * g->known + at] = right;
                g->of_run[run] += right;
                g->of_example[at] += right;
                at++;
            }
        }
    }
    return true;
}

static void draw(uint32_t *weights, size_t count, uint32_t seed, uint32_t resample, uint32_t what)
{
    memset(weights, 0, count * sizeof *weights);
    for (size_t i = 0; i < count; i++) {
        weights[ek_random_below(seed, EK_STREAM_RESAMPLE, resample, what, i, count)]++;
    }
}

static uint64_t weighted(const uint32_t *weights, const uint32_t *values, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (uint64_t)weights[i] * values[i];
    }
    return sum;
}

static uint64_t weighted_both(const group *g, const uint32_t *example_weights)
{
    uint64_t sum = 0;
    for (size_t run = 0; run < g->runs; run++) {
        const uint8_t *right = g->right + run * g->known;
        uint32_t one = 0; /* at most known */
        for (size_t e = 0; g->weights[run] != 0 && e < g->known; e++) {
            one += example_weights[e] * right[e];
        }
        sum += (uint64_t)g->weights[run] * one;
    }
    return sum;
}

typedef struct {
    double seeds, examples, both;
} accuracies;

static accuracies resampled(const group *g, const uint32_t *example_weights)
{
    double cells = (double)g->runs * (double)g->known;
    return (accuracies){
        (double)weighted(g->weights, g->of_run, g->runs) / cells,
        (double)weighted(example_weights, g->of_example, g->known) / cells,
        (double)weighted_both(g, example_weights) / cells,
    };
}

static double accuracy(const group *g)
{
    uint64_t right = 0;
    for (size_t run = 0; run < g->runs; run++) {
        right += g->of_run[run];
    }
    return (double)right / ((double)g->runs * (double)g->known);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void interval(ek_estimate *estimate, double *values, bool possible)
{
    if (possible) {
        qsort(values, RESAMPLES, sizeof *values, ascending);
        estimate->low = ek_quantile(values, RESAMPLES, 0.025);
        estimate->high = ek_quantile(values, RESAMPLES, 0.975);
        estimate->method = EK_INTERVAL_PERCENTILE;
    }
}

/* a alone (b NULL), or b - a. */
static void resample(group *a, group *b, bool paired, uint32_t seed, ek_multi_bootstrap *out)
{
    double *values = ek_calloc((size_t)3 * RESAMPLES, sizeof *values);
    uint32_t *weights = ek_calloc(a->known, sizeof *weights);
    for (uint32_t r = 0; values != NULL && weights != NULL && r < RESAMPLES; r++) {
        draw(weights, a->known, seed, r, DRAW_EXAMPLES);
        draw(a->weights, a->runs, seed, r, DRAW_RUNS);
        accuracies got = resampled(a, weights);
        if (b != NULL) {
            draw(b->weights, b->runs, seed, r, paired ? DRAW_RUNS : DRAW_OTHER_RUNS);
            accuracies of_b = resampled(b, weights);
            got = (accuracies){of_b.seeds - got.seeds, of_b.examples - got.examples,
                               of_b.both - got.both};
        }
        values[r] = got.seeds;
        values[RESAMPLES + r] = got.examples;
        values[2 * RESAMPLES + r] = got.both;
    }
    if (values != NULL && weights != NULL) {
        bool runs = a->runs >= 2 && (b == NULL || b->runs >= 2), examples = a->known >= 2;
        interval(&out->seeds, values, runs);
        interval(&out->examples, values + RESAMPLES, examples);
        interval(&out->both, values + 2 * RESAMPLES, runs && examples);
    }
    ek_free(values);
    ek_free(weights);
}

static ek_multi_bootstrap nothing(double value)
{
    ek_estimate none = {value, (double)NAN, (double)NAN, EK_INTERVAL_NONE};
    return (ek_multi_bootstrap){none, none, none};
}

ek_multi_bootstrap ek_multi_bootstrap_of(const ek_prediction_matrix *m, uint32_t seed)
{
    ek_multi_bootstrap out = nothing((double)NAN);
    if (m->truth == NULL || m->runs == 0) {
        return out;
    }
    group g;
    if (group_init(&g, m) && g.known > 0) {
        out = nothing(accuracy(&g));
        resample(&g, NULL, false, seed, &out);
    }
    group_free(&g);
    return out;
}

static bool comparable(const ek_prediction_matrix *a, const ek_prediction_matrix *b, bool paired)
{
    return a->truth != NULL && b->truth != NULL && a->runs > 0 && b->runs > 0 &&
           a->examples == b->examples && (!paired || a->runs == b->runs) &&
           memcmp(a->truth, b->truth, a->examples * sizeof *a->truth) == 0;
}

ek_multi_bootstrap ek_multi_bootstrap_difference(const ek_prediction_matrix *a,
                                                 const ek_prediction_matrix *b, int paired_runs,
                                                 uint32_t seed)
{
    ek_multi_bootstrap out = nothing((double)NAN);
    if (!comparable(a, b, paired_runs != 0)) {
        return out;
    }
    group x = {0}, y = {0};
    if (group_init(&x, a) && group_init(&y, b) && x.known > 0) {
        out = nothing(accuracy(&y) - accuracy(&x));
        resample(&x, &y, paired_runs != 0, seed, &out);
    }
    group_free(&x);
    group_free(&y);
    return out;
}
