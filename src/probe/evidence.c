#include "probe/evidence.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/realmath.h"
#include "probe/evidence_parts.h"

/* The thresholds, with their reasons, are in docs/explain.md. */
static const double constant_share = 0.99, constant_spread = 0.05, flat_share = 0.9,
                    learned_share = 0.75, had_learned_share = 0.8, as_low_as_others = 1.05,
                    guess_share = 1.05, blew_up_share = 1.5, went_to_end = 0.9, noises = 2,
                    noises_best = 3;

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
    return ek__hold_against(&score->end, t, index, final_score, err);
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

/* ---- clipping, rate, head -------------------------------------------------------------------- */

static double clipped_share(const ek_traces *t, const ek_trace *run)
{
    if (run->memo && run->memo->clipped_known) {
        return run->memo->clipped_share;
    }
    double limit = ek_trace_setting(&t->groups[run->group], "max_grad_norm");
    size_t above = 0;
    for (size_t i = 0; i < run->norm.count; i++) {
        above += run->norm.values[i] > limit; /* NaN is not */
    }
    double share =
        run->norm.count > 0 && limit > 0 ? (double)above / (double)run->norm.count : (double)NAN;
    if (run->memo) {
        run->memo->clipped_known = true;
        run->memo->clipped_share = share;
    }
    return share;
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
                               .start = ek__first_few(run->norm.values, run->norm.count)};
    for (size_t i = 0; i < run->norm.count; i++) {
        if (isfinite(run->norm.values[i]) && !(out->largest >= run->norm.values[i])) {
            out->largest = run->norm.values[i];
            out->largest_step = run->norm.steps[i];
        }
    }
    return ek__hold_against(&out->share, t, index, clipped_share, err);
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
    return steps > 0 ? steps : floor(ratio * ek__planned_steps(t, run) + 1e-9);
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
    return ek__last_few(run->pooler_saturation.values, run->pooler_saturation.count);
}

static double last_entropy(const ek_traces *traces, const ek_trace *run)
{
    (void)traces;
    return ek__last_few(run->output_entropy.values, run->output_entropy.count);
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
            if (g->logged[place] && !isfinite(ek__norms_at(g, place)[i])) {
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
    e->loss_known = loss->count >= EK_EVIDENCE_LEAST_LOSSES && constant > 0;
    if (e->loss_known) {
        e->loss_flat =
            !(loss->last < flat_share * constant && constant - loss->last > noises * loss->noise);
        e->loss_falling = ek__falls(loss->recent_fall, loss->recent_noise, constant) ||
                          (e->outcome != EK_OUTCOME_OK && loss->failed_known >= EK_EVIDENCE_FEW &&
                           ek__falls(loss->recent_fall, 0, constant) &&
                           ek__falls(loss->failed_fall, loss->failed_noise, constant));
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
                 (double)loss->steps[loss->count - 1] < went_to_end * ek__planned_steps(t, run);
    return early ? loss->steps[loss->count - 1] : -1;
}

static ek_status collect(ek_evidence *e, const ek_traces *t, size_t index, ek_error *err)
{
    const ek_trace *run = &t->runs[index];
    EK_TRY(score_evidence(&e->score, t, index, err));
    answer_evidence(&e->answers, t, run);
    EK_TRY(ek__loss_evidence(&e->loss, t, index, err));
    EK_TRY(ek__gradient_evidence(&e->gradients, t, index, err));
    EK_TRY(clipping_evidence(&e->clipping, t, index, err));
    EK_TRY(ek__hold_against(&e->pooler_saturation, t, index, last_saturation, err));
    EK_TRY(ek__hold_against(&e->output_entropy, t, index, last_entropy, err));
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
