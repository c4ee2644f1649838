/* The JSON of study_explanation.h: numbers under the names of evidence.h. */
#include <math.h>
#include <string.h>

#include "probe/study_explanation.h"

/* ---- members of an object -------------------------------------------------------------------- */

static void key(ek_buf *out, const char *name)
{
    const char *text = ek_buf_text(out);
    bool first = out->length == 0 || text[out->length - 1] == '{';
    ek_buf_printf(out, "%s\"%s\":", first ? "" : ",", name);
}

static void number(ek_buf *out, const char *name, double value)
{
    key(out, name);
    ek_buf_json_double(out, value);
}

/* -1, "there is none", is null. */
static void step(ek_buf *out, const char *name, int64_t value)
{
    key(out, name);
    if (value < 0) {
        ek_buf_puts(out, "null");
    } else {
        ek_buf_printf(out, "%lld", (long long)value);
    }
}

static void count(ek_buf *out, const char *name, size_t value)
{
    step(out, name, (int64_t)value);
}

static void text(ek_buf *out, const char *name, const char *value)
{
    key(out, name);
    if (value) {
        ek_buf_json_string(out, value, strlen(value));
    } else {
        ek_buf_puts(out, "null");
    }
}

static void boolean(ek_buf *out, const char *name, bool value)
{
    key(out, name);
    ek_buf_puts(out, value ? "true" : "false");
}

static void open(ek_buf *out, const char *name)
{
    key(out, name);
    ek_buf_putc(out, '{');
}

static void lines(ek_buf *out, const char *name, const char *all)
{
    key(out, name);
    ek_buf_putc(out, '[');
    for (const char *at = all; *at;) {
        size_t length = strcspn(at, "\n");
        ek_buf_puts(out, at == all ? "" : ",");
        ek_buf_json_string(out, at, length);
        at += length + (at[length] == '\n');
    }
    ek_buf_putc(out, ']');
}

static void held_against(ek_buf *out, const char *name, const ek_held_against *h)
{
    open(out, name);
    number(out, "own", h->own);
    number(out, "others", h->others);
    text(out, "reference", ek_reference_name(h->reference));
    count(out, "runs", h->runs);
    ek_buf_putc(out, '}');
}

/* ---- evidence -------------------------------------------------------------------------------- */

static void score_json(ek_buf *out, const ek_score_evidence *s, bool learned)
{
    open(out, "score");
    number(out, "value", s->value);
    number(out, "baseline", s->baseline);
    number(out, "noise", s->noise);
    count(out, "evaluations", s->evaluations);
    number(out, "best", s->best);
    step(out, "best_step", s->best_step);
    step(out, "fell_step", s->fell_step);
    boolean(out, "had_learned", learned);
    held_against(out, "end", &s->end);
    ek_buf_putc(out, '}');
}

static void answers_json(ek_buf *out, const ek_answer_evidence *a)
{
    open(out, "answers");
    count(out, "examples", a->examples);
    count(out, "classes", a->classes);
    step(out, "top_class", a->examples > 0 && !isfinite(a->spread) ? a->top_class : -1);
    number(out, "top_share", a->top_share);
    number(out, "majority_share", a->majority_share);
    boolean(out, "top_is_majority", a->top_is_majority);
    number(out, "spread", a->spread);
    boolean(out, "constant", a->constant);
    ek_buf_putc(out, '}');
}

static void loss_json(ek_buf *out, const ek_evidence *e)
{
    const ek_loss_evidence *l = &e->loss;
    open(out, "loss");
    number(out, "constant", l->constant);
    number(out, "guess", l->guess);
    count(out, "count", l->count);
    count(out, "nonfinite", l->nonfinite);
    number(out, "first", l->first);
    number(out, "last", l->last);
    number(out, "noise", l->noise);
    number(out, "lowest", l->lowest);
    step(out, "lowest_step", l->lowest_step);
    number(out, "highest", l->highest);
    step(out, "highest_step", l->highest_step);
    number(out, "recent_fall", l->recent_fall);
    number(out, "recent_noise", l->recent_noise);
    held_against(out, "end", &l->end);
    count(out, "group_falling", l->group_falling);
    count(out, "group_known", l->group_known);
    number(out, "failed_fall", l->failed_fall);
    number(out, "failed_noise", l->failed_noise);
    count(out, "failed_known", l->failed_known);
    number(out, "eval_last", l->eval_last);
    number(out, "eval_lowest", l->eval_lowest);
    boolean(out, "known", e->loss_known);
    boolean(out, "flat", e->loss_flat);
    boolean(out, "falling", e->loss_falling);
    boolean(out, "blew_up", e->loss_blew_up);
    boolean(out, "learned", e->loss_learned);
    boolean(out, "had_learned", e->loss_had_learned);
    boolean(out, "like_the_others", e->like_the_others);
    ek_buf_putc(out, '}');
}

static void layers_json(ek_buf *out, const ek_gradient_evidence *g)
{
    key(out, "layers");
    ek_buf_putc(out, '[');
    for (size_t place = 0; place < g->places; place++) {
        char name[32];
        ek_place_name(place, g->encoder_layers, name);
        ek_buf_puts(out, place ? ",{" : "{");
        text(out, "place", name);
        boolean(out, "logged", g->layers[place].logged);
        number(out, "first", g->layers[place].first);
        number(out, "last", g->layers[place].last);
        number(out, "others_last", g->layers[place].others_last);
        step(out, "vanished_step", g->layers[place].vanished_step);
        ek_buf_putc(out, '}');
    }
    ek_buf_putc(out, ']');
}

static void gradients_json(ek_buf *out, const ek_gradient_evidence *g)
{
    key(out, "gradients");
    if (!g->logged) {
        ek_buf_puts(out, "null");
        return;
    }
    ek_buf_putc(out, '{');
    text(out, "reference", ek_reference_name(g->reference));
    count(out, "reference_runs", g->reference_runs);
    count(out, "others_vanished", g->others_vanished);
    number(out, "bottom_over_top_first", g->to_top_first);
    number(out, "bottom_over_top_last", g->to_top_last);
    number(out, "bottom_over_top_others", g->to_top_others);
    number(out, "bottom_over_classifier_first", g->to_head_first);
    number(out, "bottom_over_classifier_last", g->to_head_last);
    number(out, "bottom_over_classifier_others", g->to_head_others);
    boolean(out, "vanished", g->vanished);
    step(out, "vanished_step", g->vanished_step);
    count(out, "vanished_layers", g->vanished_count);
    layers_json(out, g);
    ek_buf_putc(out, '}');
}

static void steps_json(ek_buf *out, const ek_evidence *e)
{
    const ek_clipping_evidence *c = &e->clipping;
    const ek_rate_evidence *r = &e->rate;
    open(out, "clipping");
    count(out, "steps", c->steps);
    number(out, "max_grad_norm", c->limit);
    held_against(out, "share", &c->share);
    number(out, "largest", c->largest);
    step(out, "largest_step", c->largest_step);
    number(out, "start", c->start);
    ek_buf_putc(out, '}');
    open(out, "rate");
    number(out, "peak", r->peak);
    step(out, "peak_step", r->peak_step);
    text(out, "moment", ek_moment_name(r->moment));
    step(out, "step", r->step);
    number(out, "at_step", r->at_step);
    number(out, "bias_correction", r->bias_correction);
    number(out, "excess_at_step", r->excess_at_step);
    number(out, "excess_at_peak", r->excess_at_peak);
    number(out, "warmup_steps", r->warmup_steps);
    ek_buf_putc(out, '}');
}

static void nonfinite_json(ek_buf *out, const ek_nonfinite_evidence *n)
{
    char name[32];
    key(out, "nonfinite");
    if (n->step < 0) {
        ek_buf_puts(out, "null");
        return;
    }
    ek_buf_putc(out, '{');
    step(out, "step", n->step);
    boolean(out, "loss", n->loss);
    boolean(out, "grad_norm", n->norm);
    boolean(out, "gradients_logged", n->logged);
    count(out, "tensors", n->tensors);
    count(out, "of_tensors", n->of_tensors);
    ek_place_name((size_t)(n->lowest < 0 ? 0 : n->lowest), n->encoder_layers, name);
    text(out, "lowest", n->lowest < 0 ? NULL : name);
    ek_place_name((size_t)(n->highest < 0 ? 0 : n->highest), n->encoder_layers, name);
    text(out, "highest", n->highest < 0 ? NULL : name);
    number(out, "norm_before", n->norm_before);
    ek_buf_putc(out, '}');
}

static void evidence_json(ek_buf *out, const ek_evidence *e)
{
    open(out, "evidence");
    step(out, "steps", e->steps);
    step(out, "stopped_step", e->stopped_step);
    score_json(out, &e->score, e->score_had_learned);
    answers_json(out, &e->answers);
    loss_json(out, e);
    gradients_json(out, &e->gradients);
    steps_json(out, e);
    held_against(out, "pooler_saturation", &e->pooler_saturation);
    held_against(out, "output_entropy", &e->output_entropy);
    nonfinite_json(out, &e->nonfinite);
    ek_buf_putc(out, '}');
}

/* ---- runs and study -------------------------------------------------------------------------- */

static void run_json(ek_buf *out, const ek_study_explanation *x, size_t i)
{
    const ek_trace *run = &x->traces.runs[i];
    const ek_explained_run *r = &x->runs[i];
    bool done = run->status == EK_RUN_DONE;
    ek_buf sentences = {0};
    ek_buf_putc(out, '{');
    step(out, "run", run->run);
    text(out, "group", x->traces.groups[run->group].name);
    count(out, "seed", run->seed);
    text(out, "status", ek_run_status_name(run->status));
    text(out, "outcome", done ? ek_outcome_name(run->outcome) : NULL);
    number(out, "score", run->score);
    text(out, "cause", r->cause ? r->cause->id : NULL);
    text(out, "title", r->cause ? r->cause->title : NULL);
    if (r->cause) {
        ek_explain_run(&r->evidence, &x->traces, &sentences);
    }
    lines(out, "sentences", ek_buf_text(&sentences));
    if (done) {
        evidence_json(out, &r->evidence);
    }
    ek_buf_putc(out, '}');
    out->failed = out->failed || sentences.failed;
    ek_buf_deinit(&sentences);
}

static void advice_json(ek_buf *out, const ek_study_explanation *x, const ek_advice *a)
{
    const ek_traces *t = &x->traces;
    open(out, "advice");
    text(out, "options", ek_buf_text(&a->flags));
    boolean(out, "from_another_group", a->compared);
    text(out, "other_group", a->other < t->group_count ? t->groups[a->other].name : NULL);
    number(out, "fisher_p", a->p);
    lines(out, "sentences", ek_buf_text(&a->text));
    ek_buf_putc(out, '}');
}

static void group_json(ek_buf *out, const ek_study_explanation *x, size_t g)
{
    const ek_explained_group *group = &x->groups[g];
    const ek_trace_group *trace = &x->traces.groups[g];
    size_t causes;
    const ek_cause *table = ek_cause_table(&causes);
    ek_buf_putc(out, '{');
    text(out, "group", trace->name);
    count(out, "n", trace->runs);
    count(out, "failed", trace->failed);
    number(out, "failed_low", group->failed_low);
    number(out, "failed_high", group->failed_high);
    count(out, "unfinished", trace->unfinished);
    open(out, "causes");
    for (size_t c = 0; c < causes; c++) {
        if (group->causes[c] > 0) {
            count(out, table[c].id, group->causes[c]);
        }
    }
    ek_buf_putc(out, '}');
    if (group->commonest) {
        advice_json(out, x, &group->advice);
    }
    ek_buf_putc(out, '}');
}

static void contrasts_json(ek_buf *out, const ek_study_explanation *x)
{
    text(out, "contrast_of", x->mixed ? "groups with failed and successful runs" : "all groups");
    open(out, "findings");
    for (size_t i = 0; i < x->contrast_count; i++) {
        const ek_contrast *c = &x->contrasts[i];
        open(out, c->key);
        count(out, "failed", c->failed_yes);
        count(out, "failed_known", c->failed_known);
        count(out, "ok", c->ok_yes);
        count(out, "ok_known", c->ok_known);
        number(out, "fisher_p", c->p);
        ek_buf_putc(out, '}');
    }
    ek_buf_putc(out, '}');
    open(out, "medians");
    for (size_t i = 0; i < x->number_count; i++) {
        const ek_contrast_number *c = &x->numbers[i];
        open(out, c->key);
        number(out, "failed", c->failed);
        number(out, "ok", c->ok);
        ek_buf_putc(out, '}');
    }
    ek_buf_putc(out, '}');
}

ek_status ek_study_explanation_json(const ek_study_explanation *x, const bool *show, ek_buf *out,
                                    ek_error *err)
{
    const ek_traces *t = &x->traces;
    size_t shown = 0;
    ek_buf_putc(out, '{');
    text(out, "task", t->facts.task);
    text(out, "metric", t->facts.reported);
    number(out, "baseline", t->facts.baseline);
    key(out, "runs");
    ek_buf_putc(out, '[');
    for (size_t i = 0; i < t->run_count; i++) {
        if (show[i]) {
            ek_buf_puts(out, shown++ ? "," : "");
            run_json(out, x, i);
        }
    }
    ek_buf_putc(out, ']');
    open(out, "summary");
    count(out, "n", x->done);
    count(out, "failed", x->failed);
    key(out, "groups");
    ek_buf_putc(out, '[');
    for (size_t g = 0; g < t->group_count; g++) {
        ek_buf_puts(out, g ? "," : "");
        group_json(out, x, g);
    }
    ek_buf_putc(out, ']');
    contrasts_json(out, x);
    text(out, "advised_group", x->advised < t->group_count ? t->groups[x->advised].name : NULL);
    ek_buf_puts(out, "}}\n");
    return ek_buf_status(out, err);
}
