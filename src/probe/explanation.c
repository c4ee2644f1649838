#include "probe/explanation.h"

#include <math.h>
#include <string.h>

#include "base/realmath.h"

enum { NAME_BYTES = 60 };

/* ---- the causes ------------------------------------------------------------------------------ */

static bool had_learned(const ek_evidence *e)
{
    return e->loss_had_learned || e->score_had_learned;
}

static bool is_nonfinite(const ek_evidence *e)
{
    return e->outcome == EK_OUTCOME_DIVERGED || e->nonfinite.step >= 0;
}

/* It once was better than a constant answer, by loss or score, and is no longer, by another. */
static bool is_collapsed(const ek_evidence *e)
{
    return (had_learned(e) && e->loss_flat) || (e->score_had_learned && e->answers.constant);
}

/* Far worse than a guess on the way, and no better than a constant answer in the end. */
static bool is_blown_up(const ek_evidence *e)
{
    return e->loss_blew_up && (e->answers.examples == 0 || e->answers.constant);
}

/* Where gradients of successful runs vanish as well, that is not what made the difference. */
static bool is_vanishing(const ek_evidence *e)
{
    const ek_gradient_evidence *g = &e->gradients;
    bool others = g->others_vanished > 0 && 2 * g->others_vanished >= g->reference_runs;
    return e->loss_flat && !e->loss_falling && g->vanished && !others;
}

static bool is_short(const ek_evidence *e)
{
    return e->loss_falling && !e->loss_learned && !had_learned(e) && !e->gradients.vanished &&
           e->stopped_step < 0;
}

/* A flat loss is one series; that the score is no better than the baseline's is the other. */
static bool is_stuck_unlogged(const ek_evidence *e)
{
    return e->loss_flat && !e->gradients.logged;
}

static bool is_stuck(const ek_evidence *e)
{
    return e->loss_flat && e->gradients.logged && !e->gradients.vanished;
}

static bool is_generalisation(const ek_evidence *e)
{
    return e->loss_learned && e->answers.examples > 0 && !e->answers.constant;
}

static bool always(const ek_evidence *e)
{
    (void)e;
    return true;
}

static bool is_group(const ek_evidence *e)
{
    return e->loss_flat && e->like_the_others;
}

static const ek_cause causes[] = {
    {"diverged_nonfinite", "numbers that are not finite", "not finite", EK_REMEDY_CLIPPING,
     is_nonfinite},
    {"collapsed_after_learning", "had learned, then collapsed", "collapsed after learning",
     EK_REMEDY_STEPS, is_collapsed},
    {"loss_blew_up", "its loss blew up, and it answers the same ever since", "loss blew up",
     EK_REMEDY_RATE, is_blown_up},
    {"group_at_baseline", "no different from successful runs, all at the baseline",
     "no different from the successful runs", EK_REMEDY_GROUP, is_group},
    {"never_learned_vanishing", "never learned, lower layers' gradients vanished",
     "never learned, gradients vanished", EK_REMEDY_STEPS, is_vanishing},
    {"too_few_steps", "too few updates, the loss was still falling", "too few updates",
     EK_REMEDY_LONGER, is_short},
    {"never_learned_gradients_not_logged", "never learned, gradients were not logged",
     "never learned, gradients not logged", EK_REMEDY_STEPS, is_stuck_unlogged},
    {"never_learned_gradients_alive", "never learned, gradients reach the lower layers",
     "never learned, gradients did not vanish", EK_REMEDY_STEPS, is_stuck},
    {"learned_but_below_baseline", "its training loss fell, which does not carry over",
     "learned, but below the baseline", EK_REMEDY_GENERALISATION, is_generalisation},
    {"not_clear", "not clear, the evidence does not separate the causes", "not clear",
     EK_REMEDY_NONE, always},
};

const ek_cause *ek_cause_table(size_t *count)
{
    *count = sizeof causes / sizeof *causes;
    return causes;
}

const ek_cause *ek_cause_of(const ek_evidence *evidence)
{
    const ek_cause *cause = causes;
    while (!cause->holds(evidence)) {
        cause++;
    }
    return cause;
}

/* ---- words ----------------------------------------------------------------------------------- */

void ek_explain_name(ek_buf *out, const char *text)
{
    size_t length = strlen(text);
    length = length < NAME_BYTES ? length : NAME_BYTES;
    length = ek_utf8_check(text, length);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        ek_buf_putc(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
    }
    if (length < strlen(text)) {
        ek_buf_puts(out, "...");
    }
}

void ek_explain_score(ek_buf *out, const ek_traces *traces, double score)
{
    bool error = strcmp(traces->facts.reported, "mse") == 0;
    if (!isfinite(score)) {
        ek_buf_puts(out, "-");
    } else {
        ek_buf_printf(out, error ? "%.4f" : "%.1f", error ? score : 100 * score);
    }
}

void ek_explain_p(ek_buf *out, double p)
{
    ek_buf_printf(out, p < 0.001 ? "p < 0.001" : p < 0.1 ? "p %.3f" : "p %.2f", p);
}

/* "2 successful runs of devlin" or "... of other groups". */
static void put_reference(ek_buf *out, const ek_traces *t, size_t group, ek_reference reference,
                          size_t runs)
{
    ek_buf_printf(out, "%zu successful run%s of ", runs, runs == 1 ? "" : "s");
    if (reference == EK_REFERENCE_GROUP) {
        ek_explain_name(out, t->groups[group].name);
    } else {
        ek_buf_puts(out, "other groups");
    }
}

/* "theirs" where the score was already held against the same runs. */
static void put_theirs(ek_buf *out, const ek_evidence *e, ek_reference reference)
{
    ek_buf_puts(out, reference == e->score.end.reference ? "theirs"
                     : reference == EK_REFERENCE_GROUP   ? "successful runs of its group"
                                                         : "successful runs of other groups");
}

static void say_score(ek_buf *out, const ek_evidence *e, const ek_traces *t)
{
    const ek_score_evidence *s = &e->score;
    ek_buf_printf(out, "%s ", t->facts.reported);
    ek_explain_score(out, t, s->value);
    ek_buf_puts(out, ", baseline ");
    ek_explain_score(out, t, s->baseline);
    if (s->end.reference != EK_REFERENCE_NONE) {
        ek_buf_puts(out, "; ");
        put_reference(out, t, e->group, s->end.reference, s->end.runs);
        ek_buf_puts(out, ": ");
        ek_explain_score(out, t, s->end.others);
        ek_buf_puts(out, s->end.runs > 1 ? " (median)" : "");
    }
    ek_buf_puts(out, ".");
}

static void say_answers(ek_buf *out, const ek_evidence *e, const ek_traces *t)
{
    const ek_answer_evidence *a = &e->answers;
    if (a->examples == 0) {
        ek_buf_puts(out, "Its answers are not stored; ");
    } else if (t->facts.label_count == 0) {
        ek_buf_printf(out, "The spread of its answers is %.3g of that of the truth%s: ", a->spread,
                      a->constant ? ", a constant answer" : "");
    } else {
        ek_buf_puts(out, a->constant
                             ? a->top_share < 1 ? "It answers almost only '" : "It answers only '"
                             : "It answers '");
        ek_explain_name(out, t->facts.label_names[a->top_class]);
        ek_buf_printf(out,
                      a->top_share < 1 && a->top_share > 0.999 ? "' (%.2f %% of %zu examples"
                                                               : "' (%.3g %% of %zu examples",
                      100 * a->top_share, a->examples);
        if (!a->constant) {
            ek_buf_printf(out, ", %zu of %d classes occur): ", a->classes,
                          (int)t->facts.label_count);
        } else {
            ek_buf_printf(out, ", %sthe majority class): ", a->top_is_majority ? "" : "not ");
        }
    }
    say_score(out, e, t);
    ek_buf_putc(out, '\n');
}

/* Whether a score that is only just below the baseline could be above it. */
static void say_score_noise(ek_buf *out, const ek_evidence *e, const ek_traces *t)
{
    const ek_score_evidence *s = &e->score;
    double below = s->baseline - s->value;
    if (e->answers.constant || !(s->noise > 0) || !(below >= 0)) {
        return;
    }
    bool within = below < 2 * s->noise;
    if (below < 1e-9) {
        ek_buf_puts(out, "It equals the baseline; the standard");
    } else {
        ek_buf_puts(out, "It is ");
        ek_explain_score(out, t, below);
        ek_buf_puts(out, " below the baseline; the standard");
    }
    ek_buf_puts(out, " error of a score on ");
    ek_buf_printf(out, "%zu examples is about ", t->facts.validation_count);
    ek_explain_score(out, t, s->noise);
    ek_buf_puts(out, within ? ", so whether it counts as failed is partly luck.\n" : ".\n");
}

static void say_falling(ek_buf *out, const ek_evidence *e, const ek_traces *t)
{
    const ek_loss_evidence *loss = &e->loss;
    ek_buf_printf(out, "It still fell by %.2g (standard error %.2g) in the last half",
                  loss->recent_fall, loss->recent_noise);
    if (!(loss->recent_fall > 2 * loss->recent_noise)) {
        ek_buf_printf(out, ", the %zu failed runs of ", loss->failed_known);
        ek_explain_name(out, t->groups[e->group].name);
        ek_buf_printf(out, " together by %.2g (%.2g)", loss->failed_fall, loss->failed_noise);
    } else if (loss->group_falling > 0) {
        ek_buf_printf(out, ", as did %zu of the %zu other runs of ", loss->group_falling,
                      loss->group_known);
        ek_explain_name(out, t->groups[e->group].name);
    }
    ek_buf_puts(out, ".\n");
}

static void say_loss(ek_buf *out, const ek_evidence *e, const ek_traces *t)
{
    const ek_loss_evidence *loss = &e->loss;
    if (loss->count == 0) {
        ek_buf_puts(out, loss->nonfinite > 0 ? "None of the logged training losses is finite.\n"
                                             : "The training loss was not logged.\n");
        return;
    }
    ek_buf_printf(out, "Training loss from %.3g to %.3g", loss->first, loss->last);
    if (isfinite(loss->constant)) {
        ek_buf_printf(out, " (a constant answer has %.3g", loss->constant);
        if (loss->end.reference != EK_REFERENCE_NONE) {
            ek_buf_puts(out, ", ");
            put_theirs(out, e, loss->end.reference);
            ek_buf_printf(out, " %.3g", loss->end.others);
        }
        ek_buf_putc(out, ')');
    }
    ek_buf_puts(out, ".\n");
    if (e->loss_blew_up) {
        ek_buf_printf(out, "It went up to %.3g (step %lld), a guess has %.3g.\n", loss->highest,
                      (long long)loss->highest_step, loss->guess);
    }
    if (e->loss_falling) {
        say_falling(out, e, t);
    }
    if (!e->loss_known && isfinite(loss->constant)) {
        ek_buf_printf(out,
                      "Only %zu finite values of it were logged: too few to tell its course; "
                      "--logging-steps 1 logs every step.\n",
                      loss->count);
    }
}

static void say_eval_loss(ek_buf *out, const ek_evidence *e)
{
    const ek_loss_evidence *loss = &e->loss;
    if (isfinite(loss->eval_last) && loss->eval_last > loss->constant) {
        ek_buf_printf(out,
                      "On the validation split its loss is %.3g, above the %.3g of a constant "
                      "answer: what it learned does not hold there.\n",
                      loss->eval_last, loss->constant);
    } else if (isfinite(loss->eval_last)) {
        ek_buf_printf(out, "On the validation split its loss is %.3g.\n", loss->eval_last);
    }
}

static void say_history(ek_buf *out, const ek_evidence *e, const ek_traces *t)
{
    const ek_score_evidence *s = &e->score;
    if (e->score_had_learned) {
        ek_buf_printf(out, "At step %lld its %s was ", (long long)s->best_step, t->facts.reported);
        ek_explain_score(out, t, s->best);
        ek_buf_printf(out, "; from step %lld on it was no better than the baseline.\n",
                      (long long)s->fell_step);
    }
    if (e->loss_had_learned && !(e->loss.last < 1.2 * e->loss.lowest)) {
        ek_buf_printf(out, "Its training loss had been down to %.3g (step %lld).\n", e->loss.lowest,
                      (long long)e->loss.lowest_step);
    }
    if (!had_learned(e) && s->evaluations == 1) {
        ek_buf_puts(out, "It was evaluated at the end only.\n");
    } else if (!had_learned(e) && s->evaluations > 1) {
        ek_buf_printf(out, "The best of its %zu evaluations was ", s->evaluations);
        ek_explain_score(out, t, s->best);
        ek_buf_printf(out, " (step %lld).\n", (long long)s->best_step);
    }
}

/* ---- gradients ------------------------------------------------------------------------------- */

/* "layers 1 to 4 of 6", or how many when they do not stand together. */
static void put_vanished_layers(ek_buf *out, const ek_gradient_evidence *g)
{
    size_t first = 0, last = 0;
    for (size_t place = 1; place <= g->encoder_layers; place++) {
        if (g->layers[place].vanished_step >= 0) {
            first = first ? first : place;
            last = place;
        }
    }
    if (g->vanished_count == 0) {
        ek_buf_puts(out, "the embeddings");
    } else if (first == last) {
        ek_buf_printf(out, "layer %zu of %zu", first, g->encoder_layers);
    } else if (last - first + 1 == g->vanished_count) {
        ek_buf_printf(out, "layers %zu to %zu of %zu", first, last, g->encoder_layers);
    } else {
        ek_buf_printf(out, "%zu of %zu layers", g->vanished_count, g->encoder_layers);
    }
}

/* "layer 1", "the embeddings". */
static void put_bottom(ek_buf *out, const ek_gradient_evidence *g)
{
    if (g->bottom == 0) {
        ek_buf_puts(out, "the embeddings");
    } else {
        ek_buf_printf(out, "layer %zu", g->bottom);
    }
}

static void say_vanished(ek_buf *out, const ek_evidence *e, const ek_traces *t)
{
    const ek_gradient_evidence *g = &e->gradients;
    const ek_layer_evidence *bottom = &g->layers[g->bottom];
    bool own = g->reference == EK_REFERENCE_START;
    ek_buf_puts(out, "Gradients of ");
    put_vanished_layers(out, g);
    ek_buf_puts(out, " fell for good below a tenth of ");
    if (own) {
        ek_buf_puts(out, "their first values");
        ek_buf_puts(out, g->reference_runs > 0 ? "" : " (no successful run to hold them against)");
    } else {
        ek_buf_puts(out, "those of ");
        put_reference(out, t, e->group, g->reference, g->reference_runs);
    }
    ek_buf_puts(out, "; that of ");
    put_bottom(out, g);
    ek_buf_printf(out, " did from step %lld on and went from %.1e to %.1e",
                  (long long)g->vanished_step, bottom->first, bottom->last);
    if (!own) {
        ek_buf_printf(out, " (theirs to %.1e)", bottom->others_last);
    }
    ek_buf_printf(out, ", %.2g of the classifier's (%s %.2g).\n", g->to_head_last,
                  own ? "at first" : "theirs", g->to_head_others);
    if (g->others_vanished > 0) {
        ek_buf_printf(out, "So did those of %zu of %zu successful runs.\n", g->others_vanished,
                      g->reference_runs);
    }
}

static void say_alive(ek_buf *out, const ek_evidence *e)
{
    const ek_gradient_evidence *g = &e->gradients;
    const ek_layer_evidence *bottom = &g->layers[g->bottom];
    bool own = g->reference == EK_REFERENCE_START;
    bool small = bottom->vanished_step >= 0 || g->to_head_last < 0.1 * g->to_head_others;
    ek_buf_puts(out, "The gradient of ");
    put_bottom(out, g);
    ek_buf_printf(out, " went from %.1e to %.1e", bottom->first, bottom->last);
    if (!own) {
        ek_buf_puts(out, " (");
        put_theirs(out, e, g->reference);
        ek_buf_printf(out, " to %.1e)", bottom->others_last);
    }
    ek_buf_printf(out, ", %.2g of the classifier's (%s %.2g): ", g->to_head_last,
                  own ? "at first" : "theirs", g->to_head_others);
    ek_buf_puts(out, small ? "smaller, but not vanished by the rule.\n" : "it did not vanish.\n");
}

static void say_gradients(ek_buf *out, const ek_evidence *e, const ek_traces *t)
{
    if (!e->gradients.logged) {
        ek_buf_puts(out,
                    "Gradients of the layers were not logged; 'evenkeel probe gradients' makes "
                    "the runs again with them, --log-gradients logs them at once.\n");
    } else if (e->gradients.vanished) {
        say_vanished(out, e, t);
    } else {
        say_alive(out, e);
    }
}

/* ---- rate, clipping, head -------------------------------------------------------------------- */

static void say_rate(ek_buf *out, const ek_evidence *e)
{
    const ek_rate_evidence *rate = &e->rate;
    if (rate->step < 0 || !isfinite(rate->at_step)) {
        return;
    }
    bool peak = rate->moment == EK_MOMENT_PEAK;
    ek_buf_printf(out, "Rate at step %lld: %.2g (", (long long)rate->step, rate->at_step);
    if (peak) {
        ek_buf_puts(out, "the largest logged");
    } else {
        ek_buf_printf(out, "at most %.2g, step %lld", rate->peak, (long long)rate->peak_step);
    }
    ek_buf_puts(out, rate->warmup_steps == 0 ? ", no warm-up)" : ")");
    if (rate->bias_correction == 0 && isfinite(rate->excess_at_step)) {
        ek_buf_printf(out, "; an update there is %.1f times as large as with bias correction",
                      rate->excess_at_step);
    }
    ek_buf_puts(out, ".\n");
}

static void say_clipping(ek_buf *out, const ek_evidence *e)
{
    const ek_clipping_evidence *c = &e->clipping;
    if (c->steps == 0 || !isfinite(c->largest)) {
        return;
    }
    if (c->limit > 0) {
        ek_buf_printf(out, "Clipped at %.3g: %.0f %% of %zu logged steps", c->limit,
                      100 * c->clipped_share, c->steps);
        if (c->share.reference != EK_REFERENCE_NONE) {
            ek_buf_puts(out, " (");
            put_theirs(out, e, c->share.reference);
            ek_buf_printf(out, " %.0f %%)", 100 * c->share.others);
        }
        ek_buf_puts(out, "; ");
    } else {
        ek_buf_puts(out, c->limit == 0 ? "No clipping; " : "");
    }
    ek_buf_printf(out, "largest norm %.3g (step %lld).\n", c->largest, (long long)c->largest_step);
}

/* Said where it is much, or differs. */
static void say_head(ek_buf *out, const ek_evidence *e)
{
    const ek_held_against *s = &e->pooler_saturation;
    bool others = s->reference != EK_REFERENCE_NONE;
    if (!isfinite(s->own) || (others ? fabs(s->own - s->others) < 0.1 : s->own < 0.5)) {
        return;
    }
    ek_buf_printf(out, "%.0f %% of the pooler's outputs are saturated at the end", 100 * s->own);
    if (others) {
        ek_buf_puts(out, " (");
        put_theirs(out, e, s->reference);
        ek_buf_printf(out, " %.0f %%)", 100 * s->others);
    }
    ek_buf_puts(out, ".\n");
}

/* ---- numbers that are not finite ------------------------------------------------------------- */

static void put_nonfinite_places(ek_buf *out, const ek_evidence *e)
{
    const ek_nonfinite_evidence *n = &e->nonfinite;
    char low[32], high[32];
    ek_buf_printf(out, "in the gradients of %zu of %zu tensors", n->tensors, n->of_tensors);
    if (n->lowest >= 0) {
        ek_place_name((size_t)n->lowest, n->encoder_layers, low);
        ek_place_name((size_t)n->highest, n->encoder_layers, high);
        ek_buf_printf(out, n->lowest == n->highest ? " (%s)" : " (%s to %s)", low, high);
    }
}

static void say_nonfinite(ek_buf *out, const ek_evidence *e)
{
    const ek_nonfinite_evidence *n = &e->nonfinite;
    if (n->step < 0) {
        ek_buf_puts(out, "Losses and gradient norms stayed finite; the final answers are not.\n");
        return;
    }
    ek_buf_printf(out, "The first numbers that are not finite came at step %lld of %lld, ",
                  (long long)n->step, (long long)e->steps);
    if (n->logged && n->tensors > 0) {
        put_nonfinite_places(out, e);
    } else {
        ek_buf_puts(out, n->loss && n->norm ? "in the loss and the gradient norm"
                         : n->loss          ? "in the loss"
                         : n->norm          ? "in the gradient norm, not in the loss"
                                            : "in a number that was not logged");
        ek_buf_puts(out, n->logged ? ", with finite gradients"
                                   : " (with --log-gradients it would say in which tensors)");
    }
    if (isfinite(n->norm_before)) {
        ek_buf_printf(out, "; the gradient norm logged before it was %.3g, %.3g at the start",
                      n->norm_before, e->clipping.start);
    }
    ek_buf_puts(out, ".\n");
}

/* ---- a run ----------------------------------------------------------------------------------- */

void ek_explain_run(const ek_evidence *e, const ek_traces *t, ek_buf *out)
{
    const ek_cause *cause = ek_cause_of(e);
    if (cause->holds == is_nonfinite) {
        say_nonfinite(out, e);
        say_rate(out, e);
        say_clipping(out, e);
        say_answers(out, e, t);
        return;
    }
    say_answers(out, e, t);
    say_score_noise(out, e, t);
    say_loss(out, e, t);
    if (e->stopped_step >= 0) {
        ek_buf_printf(out, "It was stopped at step %lld.\n", (long long)e->stopped_step);
    }
    if (cause->holds == is_generalisation) {
        say_eval_loss(out, e);
    }
    say_history(out, e, t);
    if (cause->holds == is_short) {
        ek_buf_printf(out, "It made %lld updates.\n", (long long)e->steps);
    }
    if (cause->holds == is_short || cause->holds == is_generalisation || cause->holds == is_group) {
        return;
    }
    if (cause->holds != is_collapsed ||
        (e->gradients.vanished && e->gradients.others_vanished == 0)) {
        say_gradients(out, e, t);
    }
    say_rate(out, e);
    say_clipping(out, e);
    say_head(out, e);
}
