#include "study/doomed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/params.h"
#include "base/realmath.h"

#define LOG10_E 0.43429448190325182765

const char *ek_doomed_feature_name(size_t feature)
{
    static const char *const names[EK_DOOMED_FEATURES] = {
        "grad_norm",        "grad_norm_slope", "loss_change",       "loss_last",
        "bottom_grad_norm", "bottom_to_top",   "pooler_saturation", "output_entropy",
    };
    return names[feature];
}

const char *ek_doomed_feature_text(size_t feature)
{
    static const char *const texts[EK_DOOMED_FEATURES] = {
        "mean of log10 of the gradient's norm",
        "slope of log10 of the gradient's norm, decades per length of the run",
        "training loss: later half minus first half",
        "training loss at the decision",
        "mean of log10 of the gradient's norm in the lowest third of the layers",
        "mean of log10 of lowest over highest layer's gradient norm",
        "share of saturated pooler outputs, later half",
        "entropy of the predicted distribution, later half",
    };
    return texts[feature];
}

int64_t ek_doomed_step(int64_t total_steps, int64_t logging_steps)
{
    int64_t last = total_steps / 100 * EK_DOOMED_PERCENT +
                   total_steps % 100 * EK_DOOMED_PERCENT / 100; /* floor, without overflow */
    return logging_steps > 0 ? last / logging_steps * logging_steps : 0;
}

/* ---- features -------------------------------------------------------------------------------- */

/* A metric that is looked at, and in which order it came. */
struct point {
    const char *name;
    int64_t step;
    double value;
    size_t place;
    int64_t layer; /* of grad_norm/<parameter of an encoder layer>, else -1 */
};

static int64_t layer_of(const char *name)
{
    static const char start[] = "grad_norm/";
    int32_t layer;
    ek_param_group group;
    bool known = strncmp(name, start, sizeof start - 1) == 0 &&
                 ek_param_place(name + sizeof start - 1, &layer, &group);
    return known && layer < INT32_MAX ? layer : -1;
}

bool ek_doomed_looks_at(const char *name)
{
    static const char *const names[] = {"grad_norm", "train_loss", "pooler_saturation",
                                        "output_entropy"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return layer_of(name) >= 0;
}

static int by_step(const void *a, const void *b)
{
    const struct point *x = a, *y = b;
    if (x->step != y->step) {
        return (x->step > y->step) - (x->step < y->step);
    }
    int names = strcmp(x->name, y->name);
    return names ? names : (x->place > y->place) - (x->place < y->place);
}

/* What a run has logged, by step and name; of a name that came twice at a step the last value, as
 * the store keeps it. */
static size_t arrange(struct point *points, const ek_metric_row *metrics, size_t count,
                      int64_t last_step)
{
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (metrics[i].step <= last_step && ek_doomed_looks_at(metrics[i].name)) {
            points[n++] = (struct point){metrics[i].name, metrics[i].step, metrics[i].value, i,
                                         layer_of(metrics[i].name)};
        }
    }
    qsort(points, n, sizeof *points, by_step);
    for (size_t i = 0; i < n; i++) {
        bool again = i + 1 < n && points[i].step == points[i + 1].step &&
                     strcmp(points[i].name, points[i + 1].name) == 0;
        if (!again) {
            points[kept++] = points[i];
        }
    }
    return kept;
}

/* A series of up to n points. */
struct series {
    double *x, *y;
    size_t n;
};

static void take(struct series *series, const struct point *points, size_t count, const char *name)
{
    series->n = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(points[i].name, name) == 0) {
            series->x[series->n] = (double)points[i].step;
            series->y[series->n++] = points[i].value;
        }
    }
}

static double mean_of(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += values[i];
    }
    return n > 0 ? sum / (double)n : (double)NAN;
}

static double late_mean(const struct series *s)
{
    return mean_of(s->y + s->n / 2, s->n - s->n / 2);
}

static double slope_of(const struct series *s, double length)
{
    double mx = mean_of(s->x, s->n), my = mean_of(s->y, s->n), xy = 0, xx = 0;
    for (size_t i = 0; i < s->n; i++) {
        xy += (s->x[i] - mx) * (s->y[i] - my);
        xx += (s->x[i] - mx) * (s->x[i] - mx);
    }
    return s->n > 1 ? xy / xx * length : (double)NAN;
}

/* libm's log10 differs from machine to machine. */
static double log10_of(double x)
{
    return x > 0 && isfinite(x) ? ek_log(x) * LOG10_E : (double)NAN;
}

static void take_logs(struct series *s)
{
    for (size_t i = 0; i < s->n; i++) {
        s->y[i] = log10_of(s->y[i]);
    }
}

/* Per step the norm over all tensors of the lowest layers, and lowest against highest layer. */
static void layer_features(double out[EK_DOOMED_FEATURES], const struct point *points, size_t count,
                           struct series *bottom, struct series *ratio)
{
    int64_t layers = 0;
    for (size_t i = 0; i < count; i++) {
        layers = points[i].layer >= layers ? points[i].layer + 1 : layers;
    }
    bottom->n = ratio->n = 0;
    for (size_t i = 0; layers > 0 && i < count;) {
        int64_t step = points[i].step;
        double low = 0, first = 0, last = 0;
        bool any = false;
        for (; i < count && points[i].step == step; i++) {
            double square = points[i].value * points[i].value;
            int64_t layer = points[i].layer;
            any = any || layer >= 0;
            low += layer >= 0 && layer < (layers + 2) / 3 ? square : 0;
            first += layer == 0 ? square : 0;
            last += layer == layers - 1 ? square : 0;
        }
        if (any) {
            bottom->y[bottom->n++] = log10_of(sqrt(low));
            ratio->y[ratio->n++] = log10_of(sqrt(first)) - log10_of(sqrt(last));
        }
    }
    out[EK_DOOMED_BOTTOM_NORM] = mean_of(bottom->y, bottom->n);
    out[EK_DOOMED_BOTTOM_TOP] = layers > 1 ? mean_of(ratio->y, ratio->n) : (double)NAN;
}

static void compute(double out[EK_DOOMED_FEATURES], const struct point *points, size_t count,
                    double length, struct series *one, struct series *other)
{
    take(one, points, count, "grad_norm");
    take_logs(one);
    out[EK_DOOMED_GRAD_NORM] = mean_of(one->y, one->n);
    out[EK_DOOMED_GRAD_NORM_SLOPE] = slope_of(one, length);
    take(one, points, count, "train_loss");
    out[EK_DOOMED_LOSS_CHANGE] = late_mean(one) - mean_of(one->y, one->n / 2);
    out[EK_DOOMED_LOSS_LAST] = one->n > 0 ? one->y[one->n - 1] : (double)NAN;
    take(one, points, count, "pooler_saturation");
    out[EK_DOOMED_POOLER_SATURATION] = late_mean(one);
    take(one, points, count, "output_entropy");
    out[EK_DOOMED_OUTPUT_ENTROPY] = late_mean(one);
    layer_features(out, points, count, one, other);
    for (size_t f = 0; f < EK_DOOMED_FEATURES; f++) {
        out[f] = isfinite(out[f]) ? out[f] : (double)NAN;
    }
}

ek_status ek_doomed_features(double out[EK_DOOMED_FEATURES], const ek_metric_row *metrics,
                             size_t count, int64_t step, int64_t total_steps, ek_error *err)
{
    struct point *points = ek_calloc(count + 1, sizeof *points);
    double *numbers = ek_calloc(4 * (count + 1), sizeof *numbers);
    ek_status status = EK_OK;
    if (points && numbers) {
        size_t n = arrange(points, metrics, count, step), each = count + 1;
        struct series one = {numbers, numbers + each, 0};
        struct series other = {numbers + 2 * each, numbers + 3 * each, 0};
        compute(out, points, n, (double)total_steps, &one, &other);
    } else {
        status = ek_error_set(err, EK_E_MEMORY, "no memory for the features of a run");
    }
    ek_free(points);
    ek_free(numbers);
    return status;
}

/* ---- learning -------------------------------------------------------------------------------- */

ek_early_runs ek_doomed_early_runs(const ek_doomed_runs *runs)
{
    return (ek_early_runs){.features = runs->features,
                           .feature_count = EK_DOOMED_FEATURES,
                           .failed = runs->failed,
                           .seeds = runs->seeds,
                           .runs = runs->count};
}

ek_status ek_doomed_learn(ek_doomed_rule *rule, const ek_doomed_runs *runs, ek_error *err)
{
    ek_early_runs early = ek_doomed_early_runs(runs);
    *rule = (ek_doomed_rule){
        .known = true, .step = runs->step, .total_steps = runs->total_steps, .runs = runs->count};
    for (size_t i = 0; i < runs->count; i++) {
        rule->failed += runs->failed[i];
    }
    if (rule->step > 0) {
        EK_TRY(ek_early_rule_learn(&rule->rule, &early, err));
    }
    if (rule->rule.found) {
        EK_TRY(ek_early_rule_cross_validate(&rule->check, &early, err));
    } else {
        rule->check = (ek_early_check){.misses = rule->failed, .passes = rule->runs - rule->failed};
        ek_early_check_rates(&rule->check);
    }
    rule->trusted = rule->rule.found && rule->check.precision >= EK_DOOMED_PRECISION_MIN &&
                    rule->check.precision_low >= EK_DOOMED_LOW_MIN;
    return EK_OK;
}

void ek_doomed_rule_text(const ek_doomed_rule *rule, char out[96])
{
    if (rule->rule.found) {
        snprintf(out, 96, "%s %s %.4g", ek_doomed_feature_name(rule->rule.feature),
                 rule->rule.above ? ">" : "<=", rule->rule.threshold);
    } else {
        snprintf(out, 96, "none");
    }
}

void ek_doomed_reason(const ek_doomed_rule *rule, char out[200])
{
    const ek_early_check *c = &rule->check;
    out[0] = '\0';
    if (rule->trusted) {
        return;
    }
    if (rule->runs == 0) {
        snprintf(out, 200, "there is no finished run to learn from");
    } else if (rule->step == 0) {
        snprintf(out, 200,
                 "nothing is logged in the first %d %% of its steps (--logging-steps is larger "
                 "than that, or 0)",
                 EK_DOOMED_PERCENT);
    } else if (rule->failed < EK_EARLY_RUNS_MIN || rule->runs - rule->failed < EK_EARLY_RUNS_MIN) {
        snprintf(out, 200,
                 "%zu of the %zu runs to learn from failed; at least %d must, and %d must not",
                 rule->failed, rule->runs, EK_EARLY_RUNS_MIN, EK_EARLY_RUNS_MIN);
    } else if (!rule->rule.found) {
        snprintf(out, 200, "no number of their first %d %% tells its failed runs from the others",
                 EK_DOOMED_PERCENT);
    } else if (c->hits + c->false_alarms == 0) {
        snprintf(out, 200, "its rule calls no run doomed that it was not learned from");
    } else {
        snprintf(out, 200,
                 "by cross-validation %zu of %zu runs that its rule calls doomed failed "
                 "[%.2f, %.2f]; %.1f and a lower end of %.1f are asked for",
                 c->hits, c->hits + c->false_alarms, c->precision_low, c->precision_high,
                 EK_DOOMED_PRECISION_MIN, EK_DOOMED_LOW_MIN);
    }
}

ek_status ek_doomed_check_spec(const ek_spec *spec, ek_error *err)
{
    int64_t *seeds;
    size_t count;
    if (!spec->options.stop_doomed) {
        return EK_OK;
    }
    EK_TRY(ek_parse_list(spec->options.stop_doomed, 0, 4294967295, spec->run_count, &seeds, &count,
                         err));
    ek_status status = EK_OK;
    for (size_t i = 0; i < count && status == EK_OK; i++) {
        bool found = false;
        for (size_t r = 0; r < spec->run_count && !found; r++) {
            found = spec->runs[r].seed == seeds[i];
        }
        if (!found) {
            status = ek_error_set(err, EK_E_USAGE,
                                  "--stop-doomed %.60s: seed %lld is none of the study's seeds",
                                  spec->options.stop_doomed, (long long)seeds[i]);
        }
    }
    ek_free(seeds);
    return status;
}
