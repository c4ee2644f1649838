#include "probe/study_explanation.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "stats/failure_rate.h"
#include "stats/summary.h"

static ek_status no_memory(ek_error *err)
{
    return ek_error_set(err, EK_E_MEMORY, "no memory for the explanation");
}

/* ---- yes or no ------------------------------------------------------------------------------- */

/* 1, 0, or -1: not known. */
typedef int (*finding)(const ek_evidence *e);

static int constant_answers(const ek_evidence *e)
{
    return e->answers.examples > 0 ? e->answers.constant : -1;
}

static int flat_loss(const ek_evidence *e)
{
    return e->loss_known ? e->loss_flat : -1;
}

static int falling_loss(const ek_evidence *e)
{
    return e->loss_known ? e->loss_falling : -1;
}

static int vanished_gradients(const ek_evidence *e)
{
    return e->gradients.logged ? e->gradients.vanished : -1;
}

static int lost_it(const ek_evidence *e)
{
    bool had_learned = e->loss_had_learned || e->score_had_learned;
    bool known = e->loss_known || e->score.evaluations > 1;
    return known ? had_learned && (e->loss_flat || e->answers.constant) : -1;
}

static const struct {
    const char *name, *key;
    finding of;
} findings[] = {
    {"answers (almost) one class only", "constant_answers", constant_answers},
    {"final loss is a constant answer's", "loss_flat", flat_loss},
    {"loss still fell at the end", "loss_falling", falling_loss},
    {"had learned, and lost it", "collapsed", lost_it},
    {"lower layers' gradients vanished", "gradients_vanished", vanished_gradients},
};

static bool is_mixed(const ek_trace_group *group)
{
    return group->failed > 0 && group->failed < group->runs;
}

/* Whether a run is in the contrasts. Runs of one group differ by their seeds alone, so groups with
 * both outcomes say more than groups against each other. */
static bool in_contrast(const ek_study_explanation *x, const ek_trace *run)
{
    return run->status == EK_RUN_DONE && (!x->mixed || is_mixed(&x->traces.groups[run->group]));
}

static void contrast(ek_study_explanation *x)
{
    for (size_t k = 0; k < sizeof findings / sizeof *findings; k++) {
        ek_contrast c = {.name = findings[k].name, .key = findings[k].key, .p = (double)NAN};
        for (size_t i = 0; i < x->traces.run_count; i++) {
            const ek_trace *run = &x->traces.runs[i];
            int answer = in_contrast(x, run) ? findings[k].of(&x->runs[i].evidence) : -1;
            bool ok = run->outcome == EK_OUTCOME_OK;
            c.ok_known += answer >= 0 && ok;
            c.ok_yes += answer == 1 && ok;
            c.failed_known += answer >= 0 && !ok;
            c.failed_yes += answer == 1 && !ok;
        }
        if (c.failed_known > 0 && c.ok_known > 0) {
            c.p = ek_fisher_exact(c.failed_yes, c.failed_known, c.ok_yes, c.ok_known);
        }
        if (c.failed_known + c.ok_known > 0) {
            x->contrasts[x->contrast_count++] = c;
        }
    }
}

/* ---- numbers --------------------------------------------------------------------------------- */

typedef double (*measure)(const ek_trace *run, const ek_evidence *e);

/* The value nearest to a share of the run's steps. */
static double at_share(const ek_trace_series *series, const ek_trace *run, double share)
{
    double wanted = share * (double)run->total_steps, value = (double)NAN, least = INFINITY;
    for (size_t i = 0; i < series->count; i++) {
        double off = fabs((double)series->steps[i] - wanted);
        if (off < least) {
            least = off;
            value = series->values[i];
        }
    }
    return value;
}

static double loss_first(const ek_trace *run, const ek_evidence *e)
{
    (void)run;
    return e->loss.first;
}

static double loss_half(const ek_trace *run, const ek_evidence *e)
{
    (void)e;
    return at_share(&run->loss, run, 0.5);
}

static double loss_last(const ek_trace *run, const ek_evidence *e)
{
    (void)run;
    return e->loss.last;
}

static double eval_loss_last(const ek_trace *run, const ek_evidence *e)
{
    (void)run;
    return e->loss.eval_last;
}

static double layer_half(const ek_trace *run, const ek_evidence *e)
{
    const ek_trace_gradients *g = &run->gradients;
    if (!e->gradients.logged) {
        return (double)NAN;
    }
    ek_trace_series bottom = {g->steps, g->norms + e->gradients.bottom * g->count, g->count};
    return at_share(&bottom, run, 0.5);
}

static double layer_last(const ek_trace *run, const ek_evidence *e)
{
    (void)run;
    return e->gradients.logged ? e->gradients.layers[e->gradients.bottom].last : (double)NAN;
}

static double layer_to_head(const ek_trace *run, const ek_evidence *e)
{
    (void)run;
    return e->gradients.logged ? e->gradients.to_head_last : (double)NAN;
}

static double clipped(const ek_trace *run, const ek_evidence *e)
{
    (void)run;
    return e->clipping.clipped_share;
}

static double saturation(const ek_trace *run, const ek_evidence *e)
{
    (void)run;
    return e->pooler_saturation.own;
}

static const struct {
    const char *name, *key;
    measure of;
} measures[] = {
    {"training loss, first tenth", "loss_first", loss_first},
    {"training loss, half-way", "loss_half", loss_half},
    {"training loss, last tenth", "loss_last", loss_last},
    {"validation loss, last", "eval_loss_last", eval_loss_last},
    {"gradient of the first layer, half-way", "bottom_gradient_half", layer_half},
    {"gradient of the first layer, end", "bottom_gradient_last", layer_last},
    {"the same over the classifier's", "bottom_over_classifier_last", layer_to_head},
    {"share of steps clipped", "clipped_share", clipped},
    {"pooler outputs saturated", "pooler_saturation", saturation},
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    if (n == 0) {
        return (double)NAN;
    }
    qsort(values, n, sizeof *values, ascending);
    return ek_quantile(values, n, 0.5);
}

static ek_status contrast_numbers(ek_study_explanation *x, ek_error *err)
{
    double *failed = ek_calloc(2 * x->traces.run_count + 2, sizeof *failed);
    if (!failed) {
        return no_memory(err);
    }
    double *ok = failed + x->traces.run_count + 1;
    for (size_t k = 0; k < sizeof measures / sizeof *measures; k++) {
        ek_contrast_number c = {.name = measures[k].name, .key = measures[k].key};
        for (size_t i = 0; i < x->traces.run_count; i++) {
            const ek_trace *run = &x->traces.runs[i];
            if (!in_contrast(x, run)) {
                continue;
            }
            double value = measures[k].of(run, &x->runs[i].evidence);
            if (isfinite(value) && run->outcome == EK_OUTCOME_OK) {
                ok[c.ok_known++] = value;
            } else if (isfinite(value)) {
                failed[c.failed_known++] = value;
            }
        }
        c.failed = median(failed, c.failed_known);
        c.ok = median(ok, c.ok_known);
        if (c.failed_known > 0) {
            x->numbers[x->number_count++] = c;
        }
    }
    ek_free(failed);
    return EK_OK;
}

/* ---- groups ---------------------------------------------------------------------------------- */

static ek_status explain_group(ek_study_explanation *x, size_t g, ek_error *err)
{
    ek_explained_group *group = &x->groups[g];
    const ek_trace_group *trace = &x->traces.groups[g];
    size_t count, most = 0;
    const ek_cause *causes = ek_cause_table(&count);
    group->causes = ek_calloc(count, sizeof *group->causes);
    if (!group->causes) {
        return no_memory(err);
    }
    ek_wilson(trace->failed, trace->runs, &group->failed_low, &group->failed_high);
    for (size_t i = 0; i < x->traces.run_count; i++) {
        if (x->traces.runs[i].group == g && x->runs[i].cause) {
            group->causes[x->runs[i].cause - causes]++;
        }
    }
    for (size_t c = 0; c < count; c++) {
        if (group->causes[c] > most) {
            most = group->causes[c];
            group->commonest = &causes[c];
        }
    }
    if (!group->commonest) {
        return EK_OK;
    }
    while (x->traces.runs[group->cited].group != g ||
           x->runs[group->cited].cause != group->commonest) {
        group->cited++;
    }
    return ek_advice_of(&group->advice, &x->traces, g, group->commonest->remedy,
                        &x->runs[group->cited].evidence, err);
}

static ek_status explain_runs(ek_study_explanation *x, ek_error *err)
{
    for (size_t i = 0; i < x->traces.run_count; i++) {
        const ek_trace *run = &x->traces.runs[i];
        if (run->status != EK_RUN_DONE) {
            continue;
        }
        EK_TRY(ek_evidence_of(&x->runs[i].evidence, &x->traces, i, err));
        x->done++;
        if (run->outcome != EK_OUTCOME_OK) {
            x->runs[i].cause = ek_cause_of(&x->runs[i].evidence);
            x->failed++;
        }
    }
    return EK_OK;
}

/* The group with the largest share of failed runs, the first of equals. */
static void choose_group(ek_study_explanation *x)
{
    double most = 0;
    x->advised = x->traces.group_count;
    for (size_t g = 0; g < x->traces.group_count; g++) {
        const ek_trace_group *group = &x->traces.groups[g];
        double share = group->runs > 0 ? (double)group->failed / (double)group->runs : 0;
        if (share > most) {
            most = share;
            x->advised = g;
        }
    }
}

static ek_status explain(ek_study_explanation *x, ek_error *err)
{
    x->runs = ek_calloc(x->traces.run_count, sizeof *x->runs);
    x->groups = ek_calloc(x->traces.group_count, sizeof *x->groups);
    if (!x->runs || !x->groups) {
        return no_memory(err);
    }
    EK_TRY(explain_runs(x, err));
    for (size_t g = 0; g < x->traces.group_count; g++) {
        EK_TRY(explain_group(x, g, err));
        x->mixed = x->mixed || is_mixed(&x->traces.groups[g]);
    }
    choose_group(x);
    contrast(x);
    return contrast_numbers(x, err);
}

ek_status ek_study_explanation_of(ek_study_explanation *x, ek_traces *traces, ek_error *err)
{
    *x = (ek_study_explanation){.traces = *traces};
    *traces = (ek_traces){0};
    ek_status status = explain(x, err);
    if (status != EK_OK) {
        ek_study_explanation_free(x);
    }
    return status;
}

ek_status ek_study_explanation_load(ek_study_explanation *x, ek_store *store, const char *dir,
                                    ek_error *err)
{
    ek_traces traces;
    *x = (ek_study_explanation){0};
    EK_TRY(ek_traces_load(&traces, store, dir, err));
    return ek_study_explanation_of(x, &traces, err);
}

void ek_study_explanation_free(ek_study_explanation *x)
{
    for (size_t i = 0; x->runs && i < x->traces.run_count; i++) {
        ek_evidence_free(&x->runs[i].evidence);
    }
    for (size_t g = 0; x->groups && g < x->traces.group_count; g++) {
        ek_free(x->groups[g].causes);
        ek_advice_free(&x->groups[g].advice);
    }
    ek_free(x->runs);
    ek_free(x->groups);
    ek_traces_free(&x->traces);
    *x = (ek_study_explanation){0};
}
