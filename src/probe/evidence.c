#include "probe/evidence.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/realmath.h"
#include "stats/summary.h"

/* The thresholds, with their reasons, are in docs/explain.md. */
static const double constant_share = 0.99, constant_spread = 0.05, vanished_factor = 0.1,
                    fallen_factor = 1.0 / 3, went_to_end = 0.9, guess_share = 1.05,
                    blew_up_share = 1.5, flat_share = 0.9, learned_share = 0.75,
                    had_learned_share = 0.8, as_low_as_others = 1.05, falling_share = 0.02,
                    noises = 2, noises_best = 3;
enum { LEAST_LOSSES = 4, FEW = 3 };

const char *ek_reference_name(ek_reference reference)
{
    static const char *const names[] = {"none", "start", "study", "group"};
    return names[reference];
}

const char *ek_moment_name(ek_moment moment)
{
    static const char *const names[] = {"peak", "vanished", "collapsed", "nonfinite"};
    return names[moment];
}

void ek_place_name(size_t place, size_t encoder_layers, char out[32])
{
    if (place >= 1 && place <= encoder_layers) {
        snprintf(out, 32, "layer %zu of %zu", place, encoder_layers);
    } else {
        snprintf(out, 32, "%s",
                 place == 0                    ? "embeddings"
                 : place == encoder_layers + 1 ? "pooler"
                                               : "classifier");
    }
}

/* ---- small statistics ------------------------------------------------------------------------ */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts values; those that are not finite must have been left out. */
static double median_of(double *values, size_t n)
{
    if (n == 0) {
        return (double)NAN;
    }
    qsort(values, n, sizeof *values, ascending);
    return ek_quantile(values, n, 0.5);
}

static double mean_of(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += values[i];
    }
    return n > 0 ? sum / (double)n : (double)NAN;
}

/* The median of at most three values from `first` on, without those that are not finite. */
static double median_of_few(const double *values, size_t first, size_t count)
{
    double few[FEW];
    size_t n = 0;
    for (size_t i = first; i < first + FEW && i < count; i++) {
        if (isfinite(values[i])) {
            few[n++] = values[i];
        }
    }
    return median_of(few, n);
}

/* The largest of the first three: a gradient that vanishes at once was there at the first. */
static double first_few(const double *values, size_t count)
{
    double largest = (double)NAN;
    for (size_t i = 0; i < FEW && i < count; i++) {
        largest = isfinite(values[i]) && !(largest >= values[i]) ? values[i] : largest;
    }
    return largest;
}

/* The same of a ratio. */
static double first_ratio(const double *a, const double *b, size_t count)
{
    double ratios[FEW];
    for (size_t i = 0; i < FEW && i < count; i++) {
        ratios[i] = a[i] / b[i];
    }
    return first_few(ratios, count);
}

static double last_few(const double *values, size_t count)
{
    return median_of_few(values, count > FEW ? count - FEW : 0, count);
}

/* The median of a value and its neighbours. */
static double smooth(const double *values, size_t at, size_t count)
{
    return median_of_few(values, at > 0 ? at - 1 : 0, at + 1 < count ? at + 2 : count);
}

/* ---- what a number is held against ----------------------------------------------------------- */

/* Successful runs other than `index`: of its group (same) or of the other groups. */
static bool is_reference(const ek_traces *t, size_t index, size_t other, bool same)
{
    const ek_trace *run = &t->runs[other];
    return other != index && run->status == EK_RUN_DONE && run->outcome == EK_OUTCOME_OK &&
           (run->group == t->runs[index].group) == same;
}

typedef double (*ek_run_number)(const ek_traces *traces, const ek_trace *run);

/* The median of number over the successful runs of the group, else of the rest of the study. */
static ek_status hold_against(ek_held_against *out, const ek_traces *t, size_t index,
                              ek_run_number number, ek_error *err)
{
    double *values = ek_calloc(t->run_count, sizeof *values);
    if (!values) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the evidence");
    }
    *out = (ek_held_against){number(t, &t->runs[index]), (double)NAN, EK_REFERENCE_NONE, 0};
    for (int same = 1; same >= 0 && out->runs == 0; same--) {
        for (size_t i = 0; i < t->run_count; i++) {
            double value = is_reference(t, index, i, same) ? number(t, &t->runs[i]) : (double)NAN;
            if (isfinite(value)) {
                values[out->runs++] = value;
            }
        }
        if (out->runs > 0) {
            out->others = median_of(values, out->runs);
            out->reference = same ? EK_REFERENCE_GROUP : EK_REFERENCE_STUDY;
        }
    }
    ek_free(values);
    return EK_OK;
}

/* ---- loss ------------------------------------------------------------------------------------ */

/* Values that make up the first and the last tenth. */
static size_t tenth_of(size_t count)
{
    size_t k = count / 10 > FEW ? count / 10 : FEW;
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
    for (size_t i = 0; i < s->count; i++) {
        finite += isfinite(s->values[i]);
    }
    for (size_t i = s->count; i-- > 0 && taken < tenth_of(finite);) {
        if (isfinite(s->values[i])) {
            sum += s->values[i];
            taken++;
        }
    }
    return taken > 0 ? sum / (double)taken : (double)NAN;
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
    size_t n = count / 2 > LEAST_LOSSES ? count / 2 : LEAST_LOSSES;
    if (count < n) {
        return;
    }
    const double *y = values + count - n;
    double middle = (double)(n - 1) / 2, mean = mean_of(y, n), xx = 0, xy = 0, rest = 0;
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
    for (size_t i = 0; window > 0 && i + window <= count; i++) {
        double mean = mean_of(values + i, window);
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

static bool falls(double fall, double noise, double constant)
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
    loss->first = mean_of(values, tenth);
    loss->noise = scatter_of(values, loss->count / 2, loss->count) / sqrt((double)tenth);
    find_extremes(loss, values, steps, loss->count, tenth);
    fit_recent(loss, values, loss->count);
    ek_free(values);
    ek_free(steps);
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
        ek_loss_evidence course = {.recent_fall = (double)NAN, .recent_noise = (double)NAN};
        EK_TRY(course_of(&course, &run->loss, err));
        bool known = isfinite(course.recent_fall) && isfinite(course.recent_noise);
        if (known && i != index) {
            loss->group_known++;
            loss->group_falling += falls(course.recent_fall, course.recent_noise, loss->constant);
        }
        if (known && run->outcome != EK_OUTCOME_OK) {
            loss->failed_known++;
            fall += course.recent_fall;
            noise += course.recent_noise * course.recent_noise;
        }
    }
    loss->failed_fall = fall / (double)loss->failed_known; /* 0 / 0: not known */
    loss->failed_noise = sqrt(noise) / (double)loss->failed_known;
    return EK_OK;
}

static ek_status loss_evidence(ek_loss_evidence *loss, const ek_traces *t, size_t index,
                               ek_error *err)
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
    EK_TRY(hold_against(&loss->end, t, index, last_tenth, err));
    EK_TRY(course_of(loss, series, err));
    return count_falling(loss, t, index, err);
}

/* ---- score and answers ----------------------------------------------------------------------- */

static double final_score(const ek_traces *traces, const ek_trace *run)
{
    (void)traces;
    return run->score;
}

/* docs/explain.md, "Noise of a score". */
static double score_noise(const ek_study_facts *facts)
{
    double b = facts->baseline, n = (double)facts->validation_count, p = b / (2 - b);
    const char *metric = facts->reported;
    if (!(n > 0) || strcmp(metric, "mse") == 0) {
        return (double)NAN;
    }
    if (strcmp(metric, "f1") == 0) {
        return 2 / ((1 + p) * (1 + p)) * sqrt(p * (1 - p) / n);
    }
    return strcmp(metric, "accuracy") == 0 || strcmp(metric, "macro_f1") == 0
               ? sqrt(b * (1 - b) / n)
               : 1 / sqrt(n);
}

static ek_status score_evidence(ek_score_evidence *score, const ek_traces *t, size_t index,
                                ek_error *err)
{
    const ek_trace *run = &t->runs[index];
    double b = t->facts.baseline;
    *score = (ek_score_evidence){.value = run->score,
                                 .baseline = b,
                                 .noise = score_noise(&t->facts),
                                 .evaluations = run->eval_score.count,
                                 .best = (double)NAN,
                                 .best_step = -1,
                                 .fell_step = -1};
    size_t best = 0;
    for (size_t i = 0; i < run->eval_score.count; i++) {
        double value = run->eval_score.values[i];
        if (isfinite(value) && !(score->best >= value)) {
            score->best = value;
            score->best_step = run->eval_score.steps[i];
            best = i;
        }
    }
    for (size_t i = run->eval_score.count; i-- > best + 1;) {
        if (run->eval_score.values[i] > b) {
            break;
        }
        score->fell_step = run->eval_score.steps[i];
    }
    return hold_against(&score->end, t, index, final_score, err);
}

static void answer_evidence(ek_answer_evidence *out, const ek_traces *t, const ek_trace *run)
{
    const ek_trace_answers *a = &run->answers;
    *out = (ek_answer_evidence){.examples = a->examples,
                                .classes = a->classes,
                                .top_class = a->top_class,
                                .top_share = (double)NAN,
                                .majority_share = (double)NAN,
                                .spread = (double)NAN};
    if (a->examples == 0) {
        return;
    }
    if (t->facts.label_count == 0) {
        out->spread = a->score_deviation / sqrt(t->truth_variance);
        out->constant = out->spread < constant_spread;
        return;
    }
    size_t most = 0;
    for (int32_t c = 0; t->label_counts && c < t->facts.label_count; c++) {
        most = t->label_counts[c] > most ? t->label_counts[c] : most;
    }
    out->top_share = (double)a->top_count / (double)a->examples;
    if (t->label_counts && t->truth_count > 0) {
        out->majority_share = (double)most / (double)t->truth_count;
        out->top_is_majority = t->label_counts[a->top_class] == most;
    }
    out->constant = out->top_share >= constant_share;
}

/* ---- gradients ------------------------------------------------------------------------------- */

static const double *norms_at(const ek_trace_gradients *g, size_t place)
{
    return g->norms + place * g->count;
}

/* How long the runs of a group were meant to be: one that was stopped early has fewer steps. */
static double planned_steps(const ek_traces *t, const ek_trace *run)
{
    int64_t most = run->total_steps;
    for (size_t i = 0; i < t->run_count; i++) {
        const ek_trace *other = &t->runs[i];
        bool same = other->status == EK_RUN_DONE && other->group == run->group;
        most = same && other->total_steps > most ? other->total_steps : most;
    }
    return most > 0 ? (double)most : 1;
}

/* The logged step of g that is nearest to a share of training. */
static size_t nearest(const ek_trace_gradients *g, double share, double planned)
{
    size_t best = 0;
    for (size_t i = 1; i < g->count; i++) {
        if (fabs((double)g->steps[i] / planned - share) <
            fabs((double)g->steps[best] / planned - share)) {
            best = i;
        }
    }
    return best;
}

typedef struct {
    const ek_traces *traces;
    const ek_trace *run;
    size_t *runs;    /* [count] in traces->runs */
    double *planned; /* [count] */
    double *scratch; /* [count] */
    size_t count;
    ek_reference kind;
} references;

static void references_free(references *r)
{
    ek_free(r->runs);
    ek_free(r->planned);
    ek_free(r->scratch);
}

static ek_status find_references(references *r, const ek_traces *t, size_t index, ek_error *err)
{
    const ek_trace_gradients *own = &t->runs[index].gradients;
    *r = (references){.traces = t, .run = &t->runs[index], .kind = EK_REFERENCE_START};
    r->runs = ek_calloc(t->run_count, sizeof *r->runs);
    r->planned = ek_calloc(t->run_count, sizeof *r->planned);
    r->scratch = ek_calloc(t->run_count, sizeof *r->scratch);
    if (!r->runs || !r->planned || !r->scratch) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the evidence");
    }
    for (int same = 1; same >= 0 && r->count == 0; same--) {
        for (size_t i = 0; i < t->run_count; i++) {
            const ek_trace_gradients *g = &t->runs[i].gradients;
            if (is_reference(t, index, i, same) && g->places == own->places && g->count >= FEW) {
                r->planned[r->count] = planned_steps(t, &t->runs[i]);
                r->runs[r->count++] = i;
            }
        }
        r->kind = r->count == 0 ? r->kind : same ? EK_REFERENCE_GROUP : EK_REFERENCE_STUDY;
    }
    return EK_OK;
}

/* The median norm of the references at a share of training. Without any: the run's own start. */
static double reference_norm(references *r, size_t place, double share)
{
    if (r->count == 0) {
        const ek_trace_gradients *g = &r->run->gradients;
        return first_few(norms_at(g, place), g->count);
    }
    size_t n = 0;
    for (size_t i = 0; i < r->count; i++) {
        const ek_trace_gradients *g = &r->traces->runs[r->runs[i]].gradients;
        double value = smooth(norms_at(g, place), nearest(g, share, r->planned[i]), g->count);
        if (isfinite(value)) {
            r->scratch[n++] = value;
        }
    }
    return median_of(r->scratch, n);
}

/* The median over the references of one place's norm over another's, at the end; start: of the run
 * itself at its beginning. */
static double reference_ratio(references *r, size_t bottom, size_t top)
{
    const ek_trace_gradients *own = &r->run->gradients;
    if (r->count == 0) {
        return first_ratio(norms_at(own, bottom), norms_at(own, top), own->count);
    }
    size_t n = 0;
    for (size_t i = 0; i < r->count; i++) {
        const ek_trace_gradients *g = &r->traces->runs[r->runs[i]].gradients;
        double ratio =
            last_few(norms_at(g, bottom), g->count) / last_few(norms_at(g, top), g->count);
        if (isfinite(ratio)) {
            r->scratch[n++] = ratio;
        }
    }
    return median_of(r->scratch, n);
}

static void layer_evidence(ek_layer_evidence *layer, references *r, size_t place, double planned)
{
    const ek_trace_gradients *g = &r->run->gradients;
    const double *norms = norms_at(g, place);
    const double nan = (double)NAN;
    *layer = (ek_layer_evidence){nan, nan, nan, -1, g->logged[place]};
    if (!layer->logged) {
        return;
    }
    layer->first = first_few(norms, g->count);
    layer->last = last_few(norms, g->count);
    layer->others_last = reference_norm(r, place, (double)g->steps[g->count - 1] / planned);
    size_t low = 0; /* logged steps at the end that are all low */
    while (low < g->count) {
        size_t at = g->count - 1 - low;
        double value = smooth(norms, at, g->count);
        if (!(value < vanished_factor * reference_norm(r, place, (double)g->steps[at] / planned))) {
            break;
        }
        low++;
    }
    if (low >= FEW) {
        layer->vanished_step = g->steps[g->count - low];
    }
}

static void ratio_evidence(ek_gradient_evidence *out, references *r)
{
    const ek_trace_gradients *g = &r->run->gradients;
    size_t head = out->places - 1;
    const double *bottom = norms_at(g, out->bottom), *top = norms_at(g, out->top),
                 *last = norms_at(g, head);
    out->to_top_first = first_ratio(bottom, top, g->count);
    out->to_top_last = last_few(bottom, g->count) / last_few(top, g->count);
    out->to_top_others = reference_ratio(r, out->bottom, out->top);
    out->to_head_first = first_ratio(bottom, last, g->count);
    out->to_head_last = last_few(bottom, g->count) / last_few(last, g->count);
    out->to_head_others = reference_ratio(r, out->bottom, head);
}

static ek_status gradient_evidence(ek_gradient_evidence *out, const ek_traces *t, size_t index,
                                   ek_error *err)
{
    const ek_trace_gradients *g = &t->runs[index].gradients;
    const double nan = (double)NAN;
    *out = (ek_gradient_evidence){.vanished_step = -1,
                                  .to_top_first = nan,
                                  .to_top_last = nan,
                                  .to_top_others = nan,
                                  .to_head_first = nan,
                                  .to_head_last = nan,
                                  .to_head_others = nan};
    if (g->places == 0 || g->count < FEW) {
        return EK_OK;
    }
    references r;
    ek_status status = find_references(&r, t, index, err);
    out->layers = status == EK_OK ? ek_calloc(g->places, sizeof *out->layers) : NULL;
    if (!out->layers) {
        references_free(&r);
        return ek_error_set(err, EK_E_MEMORY, "no memory for the evidence");
    }
    out->logged = true;
    out->places = g->places;
    out->encoder_layers = g->encoder_layers;
    out->reference = r.kind;
    out->reference_runs = r.count;
    out->bottom = g->encoder_layers > 1 ? 1 : 0;
    out->top = g->encoder_layers;
    double planned = planned_steps(t, &t->runs[index]);
    for (size_t place = 0; place < g->places; place++) {
        layer_evidence(&out->layers[place], &r, place, planned);
        bool encoder = place >= 1 && place <= g->encoder_layers;
        out->vanished_count += encoder && out->layers[place].vanished_step >= 0;
    }
    ratio_evidence(out, &r);
    out->vanished_step = out->layers[out->bottom].vanished_step;
    const ek_layer_evidence *bottom = &out->layers[out->bottom];
    out->vanished = out->vanished_step >= 0 && bottom->last < fallen_factor * bottom->first &&
                    out->to_head_last < vanished_factor * out->to_head_others;
    references_free(&r);
    return EK_OK;
}

/* ---- clipping, rate, head -------------------------------------------------------------------- */

static double clipped_share(const ek_traces *t, const ek_trace *run)
{
    double limit = ek_trace_setting(&t->groups[run->group], "max_grad_norm");
    size_t above = 0;
    for (size_t i = 0; i < run->norm.count; i++) {
        above += run->norm.values[i] > limit; /* NaN is not */
    }
    return run->norm.count > 0 && limit > 0 ? (double)above / (double)run->norm.count : (double)NAN;
}

static ek_status clipping_evidence(ek_clipping_evidence *out, const ek_traces *t, size_t index,
                                   ek_error *err)
{
    const ek_trace *run = &t->runs[index];
    *out =
        (ek_clipping_evidence){.steps = run->norm.count,
                               .limit = ek_trace_setting(&t->groups[run->group], "max_grad_norm"),
                               .clipped_share = clipped_share(t, run),
                               .largest = (double)NAN,
                               .largest_step = -1,
                               .start = first_few(run->norm.values, run->norm.count)};
    for (size_t i = 0; i < run->norm.count; i++) {
        if (isfinite(run->norm.values[i]) && !(out->largest >= run->norm.values[i])) {
            out->largest = run->norm.values[i];
            out->largest_step = run->norm.steps[i];
        }
    }
    return hold_against(&out->share, t, index, clipped_share, err);
}

/* The value at a step, or at the last logged one before it; NaN when there is none. */
static double value_at(const ek_trace_series *series, int64_t step)
{
    double value = (double)NAN;
    for (size_t i = 0; i < series->count && series->steps[i] <= step; i++) {
        value = series->values[i];
    }
    return value;
}

/* How many times as large an update is without Adam's bias correction as with it. */
static double excess(const ek_rate_evidence *rate, const ek_trace_group *group, int64_t step)
{
    double beta1 = ek_trace_setting(group, "adam_beta1"),
           beta2 = ek_trace_setting(group, "adam_beta2");
    if (!(rate->bias_correction == 0) || step < 1) {
        return rate->bias_correction == 1 ? 1 : (double)NAN;
    }
    return (1 - ek_pow(beta1, (double)step)) / sqrt(1 - ek_pow(beta2, (double)step));
}

static double warmup_of(const ek_traces *t, const ek_trace *run)
{
    const ek_trace_group *group = &t->groups[run->group];
    double steps = ek_trace_setting(group, "warmup_steps"),
           ratio = ek_trace_setting(group, "warmup_ratio");
    return steps > 0 ? steps : floor(ratio * planned_steps(t, run) + 1e-9);
}

static void rate_evidence(ek_evidence *e, const ek_traces *t, const ek_trace *run)
{
    const ek_trace_group *group = &t->groups[run->group];
    ek_rate_evidence *rate = &e->rate;
    *rate = (ek_rate_evidence){.peak = (double)NAN,
                               .peak_step = -1,
                               .bias_correction = ek_trace_setting(group, "bias_correction"),
                               .warmup_steps = warmup_of(t, run)};
    for (size_t i = 0; i < run->rate.count; i++) {
        if (!(rate->peak >= run->rate.values[i])) {
            rate->peak = run->rate.values[i];
            rate->peak_step = run->rate.steps[i];
        }
    }
    if (rate->peak_step < 0) {
        rate->peak = ek_trace_setting(group, "learning_rate");
    }
    bool had_learned = e->loss_had_learned || e->score_had_learned;
    rate->step = rate->peak_step;
    if (e->nonfinite.step >= 0) {
        rate->moment = EK_MOMENT_NONFINITE;
        rate->step = e->nonfinite.step;
    } else if (had_learned && (e->loss_flat || e->answers.constant)) {
        rate->moment = EK_MOMENT_COLLAPSED;
        rate->step = e->score_had_learned && e->score.fell_step >= 0 ? e->score.fell_step
                                                                     : e->loss.lowest_step;
    } else if (e->gradients.vanished) {
        rate->moment = EK_MOMENT_VANISHED;
        rate->step = e->gradients.vanished_step;
    }
    rate->at_step = value_at(&run->rate, rate->step);
    rate->excess_at_step = excess(rate, group, rate->step);
    rate->excess_at_peak = excess(rate, group, rate->peak_step);
}

static double last_saturation(const ek_traces *traces, const ek_trace *run)
{
    (void)traces;
    return last_few(run->pooler_saturation.values, run->pooler_saturation.count);
}

static double last_entropy(const ek_traces *traces, const ek_trace *run)
{
    (void)traces;
    return last_few(run->output_entropy.values, run->output_entropy.count);
}

/* ---- numbers that are not finite ------------------------------------------------------------- */

static bool nonfinite_at(const ek_trace_series *series, int64_t step)
{
    for (size_t i = 0; i < series->count; i++) {
        if (series->steps[i] >= step) {
            return !isfinite(series->values[i]);
        }
    }
    return false;
}

static void nonfinite_evidence(ek_nonfinite_evidence *out, const ek_trace *run)
{
    const ek_trace_gradients *g = &run->gradients;
    *out = (ek_nonfinite_evidence){run->nonfinite_step, false, false, false, 0, 0, -1, -1, 0,
                                   (double)NAN};
    if (out->step < 0) {
        return;
    }
    out->loss = nonfinite_at(&run->loss, out->step);
    out->norm = nonfinite_at(&run->norm, out->step);
    for (size_t i = 0; i < run->norm.count && run->norm.steps[i] < out->step; i++) {
        out->norm_before = isfinite(run->norm.values[i]) ? run->norm.values[i] : out->norm_before;
    }
    for (size_t i = 0; i < g->count; i++) {
        if (g->steps[i] != out->step) {
            continue;
        }
        out->logged = true;
        out->encoder_layers = g->encoder_layers;
        out->tensors = run->nonfinite_tensors;
        out->of_tensors = run->tensors;
        for (size_t place = 0; place < g->places; place++) {
            if (g->logged[place] && !isfinite(norms_at(g, place)[i])) {
                out->lowest = out->lowest < 0 ? (long)place : out->lowest;
                out->highest = (long)place;
            }
        }
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void conclude(ek_evidence *e)
{
    const ek_loss_evidence *loss = &e->loss;
    const ek_score_evidence *score = &e->score;
    double constant = loss->constant;
    e->loss_known = loss->count >= LEAST_LOSSES && constant > 0;
    if (e->loss_known) {
        e->loss_flat =
            !(loss->last < flat_share * constant && constant - loss->last > noises * loss->noise);
        e->loss_falling = falls(loss->recent_fall, loss->recent_noise, constant) ||
                          (e->outcome != EK_OUTCOME_OK && loss->failed_known >= FEW &&
                           loss->recent_fall > falling_share * constant &&
                           falls(loss->failed_fall, loss->failed_noise, constant));
        e->loss_falling = e->loss_falling && loss->last < guess_share * loss->guess;
        e->loss_blew_up = e->loss_flat && loss->highest > blew_up_share * loss->guess;
        bool as_low = loss->end.reference == EK_REFERENCE_GROUP &&
                      loss->last <= as_low_as_others * loss->end.others;
        e->loss_learned = loss->last < learned_share * constant || (as_low && !e->loss_flat);
        e->loss_had_learned = loss->lowest < had_learned_share * constant;
    }
    double as_close = noises * score->noise;
    e->like_the_others =
        loss->end.reference == EK_REFERENCE_GROUP && score->end.reference == EK_REFERENCE_GROUP &&
        e->answers.examples > 0 && !e->answers.constant &&
        fabs(loss->last / loss->end.others - 1) < as_low_as_others - 1 &&
        score->baseline - score->value < as_close && score->end.others - score->baseline < as_close;
    e->score_had_learned = score->best_step >= 0 && score->fell_step > score->best_step &&
                           score->best - score->baseline > noises_best * score->noise;
}

static int64_t stopped_step(const ek_traces *t, const ek_trace *run)
{
    const ek_trace_series *loss = &run->loss;
    bool early = loss->count > 0 && run->nonfinite_step < 0 &&
                 (double)loss->steps[loss->count - 1] < went_to_end * planned_steps(t, run);
    return early ? loss->steps[loss->count - 1] : -1;
}

static ek_status collect(ek_evidence *e, const ek_traces *t, size_t index, ek_error *err)
{
    const ek_trace *run = &t->runs[index];
    EK_TRY(score_evidence(&e->score, t, index, err));
    answer_evidence(&e->answers, t, run);
    EK_TRY(loss_evidence(&e->loss, t, index, err));
    EK_TRY(gradient_evidence(&e->gradients, t, index, err));
    EK_TRY(clipping_evidence(&e->clipping, t, index, err));
    EK_TRY(hold_against(&e->pooler_saturation, t, index, last_saturation, err));
    EK_TRY(hold_against(&e->output_entropy, t, index, last_entropy, err));
    nonfinite_evidence(&e->nonfinite, run);
    e->stopped_step = stopped_step(t, run);
    conclude(e);
    rate_evidence(e, t, run);
    return EK_OK;
}

ek_status ek_evidence_of(ek_evidence *out, const ek_traces *traces, size_t index, ek_error *err)
{
    const ek_trace *run = &traces->runs[index];
    *out = (ek_evidence){.run = run->run,
                         .group = run->group,
                         .seed = run->seed,
                         .outcome = run->outcome,
                         .steps = run->total_steps};
    ek_status status = collect(out, traces, index, err);
    if (status != EK_OK) {
        ek_evidence_free(out);
    }
    return status;
}

void ek_evidence_free(ek_evidence *evidence)
{
    ek_free(evidence->gradients.layers);
    evidence->gradients.layers = NULL;
}
