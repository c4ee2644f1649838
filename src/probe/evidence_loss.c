/* The course of the training loss, against a constant answer's and that of other runs. */
#include <math.h>

#include "base/mem.h"
#include "base/realmath.h"
#include "probe/evidence_parts.h"

static const double falling_share = 0.02, noises = 2;

/* Values that make up the first and the last tenth. */
static size_t tenth_of(size_t count)
{
    size_t k = count / 10 > EK_EVIDENCE_FEW ? count / 10 : EK_EVIDENCE_FEW;
    return k <= count / 2 ? k : count / 2 > 0 ? count / 2 : count;
}

/* The finite values of a series, by ek_free; *count of them. */
static double *finite_values(const ek_trace_series *series, int64_t **steps, size_t *count)
{
    double *values = ek_calloc(series->count + 1, sizeof *values);
    *steps = ek_calloc(series->count + 1, sizeof **steps);
    *count = 0;
    if (!values || !*steps) {
        ek_free(values);
        ek_free(*steps);
        *steps = NULL;
        return NULL;
    }
    for (size_t i = 0; i < series->count; i++) {
        if (isfinite(series->values[i])) {
            (*steps)[*count] = series->steps[i];
            values[(*count)++] = series->values[i];
        }
    }
    return values;
}

static double last_tenth(const ek_traces *traces, const ek_trace *run)
{
    (void)traces;
    const ek_trace_series *s = &run->loss;
    size_t finite = 0, taken = 0;
    double sum = 0;
    if (run->memo && run->memo->loss_known) {
        return run->memo->last_loss;
    }
    for (size_t i = 0; i < s->count; i++) {
        finite += isfinite(s->values[i]);
    }
    for (size_t i = s->count; i-- > 0 && taken < tenth_of(finite);) {
        if (isfinite(s->values[i])) {
            sum += s->values[i];
            taken++;
        }
    }
    double mean = taken > 0 ? sum / (double)taken : (double)NAN;
    if (run->memo) {
        run->memo->loss_known = true;
        run->memo->last_loss = mean;
    }
    return mean;
}

/* Scatter of one value about the curve: the differences of neighbours have twice its variance. */
static double scatter_of(const double *values, size_t first, size_t count)
{
    double sum = 0;
    for (size_t i = first + 1; i < count; i++) {
        sum += (values[i] - values[i - 1]) * (values[i] - values[i - 1]);
    }
    return count > first + 1 ? sqrt(sum / (2.0 * (double)(count - first - 1))) : (double)NAN;
}

/* The straight line through the last half (four values at least): its fall from end to end, and the
 * standard error of that from the scatter about the line. */
static void fit_recent(ek_loss_evidence *loss, const double *values, size_t count)
{
    size_t n = count / 2 > EK_EVIDENCE_LEAST_LOSSES ? count / 2 : EK_EVIDENCE_LEAST_LOSSES;
    if (count < n) {
        return;
    }
    const double *y = values + count - n;
    double middle = (double)(n - 1) / 2, mean = ek__mean_of(y, n), xx = 0, xy = 0, rest = 0;
    for (size_t i = 0; i < n; i++) {
        double x = (double)i - middle;
        xx += x * x;
        xy += x * (y[i] - mean);
    }
    for (size_t i = 0; i < n; i++) {
        double off = y[i] - mean - xy / xx * ((double)i - middle);
        rest += off * off;
    }
    loss->recent_fall = -xy / xx * (double)(n - 1);
    loss->recent_noise = sqrt(rest / (double)(n - 2) / xx) * (double)(n - 1);
}

static void find_extremes(ek_loss_evidence *loss, const double *values, const int64_t *steps,
                          size_t count, size_t window)
{
    /* A sum that goes along: thousands of steps times hundreds of runs. */
    double sum = window > 0 && window <= count ? ek__mean_of(values, window) * (double)window : 0;
    for (size_t i = 0; window > 0 && i + window <= count; i++) {
        sum += i > 0 ? values[i + window - 1] - values[i - 1] : 0;
        double mean = sum / (double)window;
        if (!(loss->lowest <= mean)) {
            loss->lowest = mean;
            loss->lowest_step = steps[i + window - 1];
        }
        if (!(loss->highest >= mean)) {
            loss->highest = mean;
            loss->highest_step = steps[i + window - 1];
        }
    }
}

static double constant_loss(const ek_traces *t)
{
    if (t->facts.label_count == 0) {
        return t->truth_variance;
    }
    double entropy = 0;
    for (int32_t c = 0; t->label_counts && c < t->facts.label_count; c++) {
        double p = (double)t->label_counts[c] / (double)t->truth_count;
        entropy -= p > 0 ? p * ek_log(p) : 0;
    }
    return t->label_counts && t->truth_count > 0 ? entropy : (double)NAN;
}

static void eval_losses(ek_loss_evidence *loss, const ek_trace_series *series)
{
    for (size_t i = 0; i < series->count; i++) {
        loss->eval_last = series->values[i];
        if (isfinite(series->values[i]) && !(loss->eval_lowest <= series->values[i])) {
            loss->eval_lowest = series->values[i];
        }
    }
}

bool ek__falls(double fall, double noise, double constant)
{
    return fall > noises * noise && fall > falling_share * constant;
}

/* What can be told of a series without the other runs. */
static ek_status course_of(ek_loss_evidence *loss, const ek_trace_series *series, ek_error *err)
{
    int64_t *steps;
    double *values = finite_values(series, &steps, &loss->count);
    if (!values) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the evidence");
    }
    loss->nonfinite = series->count - loss->count;
    size_t tenth = tenth_of(loss->count);
    loss->first = ek__mean_of(values, tenth);
    loss->noise = scatter_of(values, loss->count / 2, loss->count) / sqrt((double)tenth);
    find_extremes(loss, values, steps, loss->count, tenth);
    fit_recent(loss, values, loss->count);
    ek_free(values);
    ek_free(steps);
    return EK_OK;
}

/* How much the last half of a run's loss fell, with its standard error. */
static ek_status fall_of(struct ek_trace_memo *found, const ek_trace *run, ek_error *err)
{
    if (run->memo && run->memo->fall_known) {
        *found = *run->memo;
        return EK_OK;
    }
    ek_loss_evidence course = {.recent_fall = (double)NAN, .recent_noise = (double)NAN};
    int64_t *steps;
    double *values = finite_values(&run->loss, &steps, &course.count);
    if (!values) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the evidence");
    }
    fit_recent(&course, values, course.count);
    ek_free(values);
    ek_free(steps);
    found->fall = course.recent_fall;
    found->fall_noise = course.recent_noise;
    if (run->memo) {
        run->memo->fall_known = true;
        run->memo->fall = found->fall;
        run->memo->fall_noise = found->fall_noise;
    }
    return EK_OK;
}

/* Whether the other runs of the group still fell, and its failed runs taken together. */
static ek_status count_falling(ek_loss_evidence *loss, const ek_traces *t, size_t index,
                               ek_error *err)
{
    double fall = 0, noise = 0;
    for (size_t i = 0; i < t->run_count; i++) {
        const ek_trace *run = &t->runs[i];
        if (run->status != EK_RUN_DONE || run->group != t->runs[index].group) {
            continue;
        }
        struct ek_trace_memo of = {0};
        EK_TRY(fall_of(&of, run, err));
        bool known = isfinite(of.fall) && isfinite(of.fall_noise);
        if (known && i != index) {
            loss->group_known++;
            loss->group_falling += ek__falls(of.fall, of.fall_noise, loss->constant);
        }
        if (known && run->outcome != EK_OUTCOME_OK) {
            loss->failed_known++;
            fall += of.fall;
            noise += of.fall_noise * of.fall_noise;
        }
    }
    loss->failed_fall = fall / (double)loss->failed_known; /* 0 / 0: not known */
    loss->failed_noise = sqrt(noise) / (double)loss->failed_known;
    return EK_OK;
}

ek_status ek__loss_evidence(ek_loss_evidence *loss, const ek_traces *t, size_t index, ek_error *err)
{
    const ek_trace_series *series = &t->runs[index].loss;
    const double nan = (double)NAN;
    *loss = (ek_loss_evidence){.constant = constant_loss(t),
                               .first = nan,
                               .last = last_tenth(t, &t->runs[index]),
                               .noise = nan,
                               .lowest = nan,
                               .lowest_step = -1,
                               .highest = nan,
                               .highest_step = -1,
                               .recent_fall = nan,
                               .recent_noise = nan,
                               .eval_last = nan,
                               .eval_lowest = nan};
    loss->guess = t->facts.label_count > 0
                      ? fmax(ek_log((double)t->facts.label_count), loss->constant)
                      : loss->constant;
    eval_losses(loss, &t->runs[index].eval_loss);
    EK_TRY(ek__hold_against(&loss->end, t, index, last_tenth, err));
    EK_TRY(course_of(loss, series, err));
    return count_falling(loss, t, index, err);
}
