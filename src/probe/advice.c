#include "probe/advice.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "stats/comparison.h"
#include "stats/failure_rate.h"
#include "train/recipe.h"

static const double level = 0.05;

/* ---- another group of the study -------------------------------------------------------------- */

static const char *setting(const ek_trace_group *group, size_t row)
{
    return group->settings ? group->settings[row] : NULL;
}

/* Whether a setting that may change a result is stored for both and differs. */
static bool differs(const ek_trace_group *a, const ek_trace_group *b, size_t row)
{
    const char *x = setting(a, row), *y = setting(b, row);
    double number_x, number_y;
    if (!(ek_recipe_options.rows[row].flags & EK_OPTION_RESULT) || !x || !y || strcmp(x, y) == 0) {
        return false;
    }
    return !(ek_parse_double(x, &number_x) && ek_parse_double(y, &number_y) &&
             number_x == number_y); /* 3e-05 and 3e-5 */
}

static size_t count_differences(const ek_trace_group *a, const ek_trace_group *b)
{
    size_t count = 0;
    for (size_t i = 0; i < ek_recipe_options.count; i++) {
        count += differs(a, b, i);
    }
    return count;
}

static double failed_share(const ek_trace_group *group)
{
    return (double)group->failed / (double)group->runs;
}

/* Chooses advice->other: significant ones first, then the fewest differences, then the fewest
 * failures. Without a significant one, the fewest failures. */
static void choose(ek_advice *advice, const ek_traces *t, const double *p)
{
    const ek_trace_group *here = &t->groups[advice->group];
    double least = INFINITY;
    for (size_t g = 0; g < t->group_count; g++) {
        const ek_trace_group *there = &t->groups[g];
        if (!isfinite(p[g]) || failed_share(there) >= failed_share(here)) {
            continue;
        }
        bool significant = p[g] < level;
        double cost = (significant ? 0.0 : 1e6) + failed_share(there) +
                      (significant ? 10.0 * (double)count_differences(here, there) : 0.0);
        if (cost < least) {
            least = cost;
            advice->other = g;
            advice->compared = significant;
            advice->p = p[g];
            advice->difference = count_differences(here, there);
        }
    }
}

static ek_status compare(ek_advice *advice, const ek_traces *t, ek_error *err)
{
    const ek_trace_group *here = &t->groups[advice->group];
    double *p = ek_calloc(3 * t->group_count, sizeof *p);
    if (!p) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the advice");
    }
    double *raw = p + t->group_count, *corrected = raw + t->group_count;
    for (size_t g = 0; g < t->group_count; g++) {
        const ek_trace_group *there = &t->groups[g];
        p[g] = (double)NAN;
        if (g != advice->group && there->runs > 0 && here->runs > 0) {
            raw[advice->tried++] =
                ek_fisher_exact(here->failed, here->runs, there->failed, there->runs);
        }
    }
    ek_holm(raw, corrected, advice->tried);
    for (size_t g = 0, k = 0; g < t->group_count; g++) {
        if (g != advice->group && t->groups[g].runs > 0 && here->runs > 0) {
            p[g] = corrected[k++];
        }
    }
    choose(advice, t, p);
    ek_free(p);
    return EK_OK;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void put_flag(ek_buf *out, const ek_option *row, const char *value)
{
    bool on;
    bool flag = row->type == EK_OPTION_FLAG && ek_parse_bool(value, &on);
    ek_buf_puts(out, out->length > 0 ? " --" : "--");
    ek_buf_puts(out, flag && !on ? "no-" : "");
    for (const char *at = row->name; *at; at++) {
        ek_buf_putc(out, *at == '_' ? '-' : *at);
    }
    if (!flag) {
        ek_buf_putc(out, ' ');
        ek_explain_name(out, value);
    }
}

static void put_rates(ek_buf *out, const ek_trace_group *here, const ek_trace_group *there,
                      const ek_advice *advice)
{
    ek_buf_printf(out, "%zu of %zu runs failed there, %zu of %zu here (Fisher ", there->failed,
                  there->runs, here->failed, here->runs);
    ek_explain_p(out, advice->p);
    if (advice->tried > 1) {
        ek_buf_printf(out, ", Holm-corrected over %zu groups", advice->tried);
    }
    ek_buf_puts(out, ")");
}

static void put_differences(ek_advice *advice, const ek_trace_group *here,
                            const ek_trace_group *there)
{
    size_t said = 0;
    for (size_t i = 0; i < ek_recipe_options.count; i++) {
        if (!differs(here, there, i)) {
            continue;
        }
        ek_buf_printf(&advice->text, "%s%s ", said++ ? ", " : "", ek_recipe_options.rows[i].name);
        ek_explain_name(&advice->text, setting(there, i));
        ek_buf_puts(&advice->text, " (here ");
        ek_explain_name(&advice->text, setting(here, i));
        ek_buf_putc(&advice->text, ')');
        put_flag(&advice->flags, &ek_recipe_options.rows[i], setting(there, i));
    }
}

/* The better group's settings are the advice. */
static void say_group(ek_advice *advice, const ek_traces *t)
{
    const ek_trace_group *here = &t->groups[advice->group], *there = &t->groups[advice->other];
    ek_buf *text = &advice->text;
    ek_buf_puts(text, "Train as ");
    ek_explain_name(text, there->name);
    ek_buf_puts(text, " does: ");
    put_rates(text, here, there, advice);
    ek_buf_puts(text, ".\n");
    if (advice->difference == 0) {
        ek_buf_puts(text, "The stored settings of the two do not differ, which this cannot "
                          "explain.\n");
        return;
    }
    ek_buf_puts(text, "It differs in ");
    put_differences(advice, here, there);
    ek_buf_puts(text, ".\n");
    if (advice->difference > 1) {
        ek_buf_printf(text, "Which of these %zu it takes, this study cannot tell.\n",
                      advice->difference);
    }
}

static void say_no_group(ek_advice *advice, const ek_traces *t)
{
    ek_buf *text = &advice->text;
    if (advice->tried == 0) {
        ek_buf_puts(text, "The study has no other group that would show it: this goes by the "
                          "settings alone.\n");
    } else if (advice->other == t->group_count) {
        ek_buf_puts(text, "No other group of the study has fewer failures: this goes by the "
                          "settings alone.\n");
    } else {
        ek_buf_puts(text, "No other group has significantly fewer failures [");
        ek_explain_name(text, t->groups[advice->other].name);
        ek_buf_puts(text, ": ");
        put_rates(text, &t->groups[advice->group], &t->groups[advice->other], advice);
        ek_buf_puts(text, "]: this goes by the settings alone.\n");
    }
}

static void use(ek_advice *advice, const char *name, const char *value)
{
    const ek_option *row = ek_option_find(&ek_recipe_options, name);
    if (row) {
        put_flag(&advice->flags, row, value);
    }
}

static void halve_rate(ek_advice *advice, const ek_trace_group *here)
{
    char number[32];
    double rate = ek_trace_setting(here, "learning_rate");
    if (!(rate > 0)) {
        return;
    }
    ek_buf_printf(
        &advice->text,
        "Halve the learning rate: %.3g instead of %.3g, and again should runs still fail.\n",
        rate / 2, rate);
    use(advice, "learning_rate", ek_format_double(number, rate / 2));
}

/* Smaller steps, one setting at a time: the first of the three that is left to change. */
static void say_steps(ek_advice *advice, const ek_trace_group *here, const ek_evidence *cited)
{
    if (ek_trace_setting(here, "bias_correction") == 0) {
        ek_buf_puts(&advice->text, "Turn bias correction on");
        if (isfinite(cited->rate.excess_at_peak)) {
            ek_buf_printf(&advice->text,
                          ": without it an update at the peak rate (step %lld) is %.1f times as "
                          "large",
                          (long long)cited->rate.peak_step, cited->rate.excess_at_peak);
        }
        ek_buf_puts(&advice->text, ". Should runs still fail, halve the learning rate.\n");
        use(advice, "bias_correction", "true");
    } else if (ek_trace_setting(here, "warmup_steps") == 0 &&
               ek_trace_setting(here, "warmup_ratio") == 0) {
        ek_buf_puts(&advice->text, "Let the rate rise over the first tenth of the steps: there is "
                                   "no warm-up.\n");
        use(advice, "warmup_ratio", "0.1");
    } else {
        halve_rate(advice, here);
    }
}

/* Where norms stayed below 1, the usual limit, clipping would have changed nothing. */
static void say_clipping(ek_advice *advice, const ek_trace_group *here, const ek_evidence *cited)
{
    if (ek_trace_setting(here, "max_grad_norm") == 0 && cited->clipping.largest > 1) {
        ek_buf_printf(&advice->text,
                      "Clip gradients: there is no clipping, and norms reached %.3g.\n",
                      cited->clipping.largest);
        use(advice, "max_grad_norm", "1");
    } else {
        say_steps(advice, here, cited);
    }
}

static void say_longer(ek_advice *advice, const ek_trace_group *here, const ek_evidence *cited)
{
    char number[32];
    double steps = ek_trace_setting(here, "max_steps"),
           epochs = ek_trace_setting(here, "num_train_epochs");
    ek_buf_printf(&advice->text, "Train longer than %lld updates%s.\n", (long long)cited->steps,
                  cited->loss_falling ? ": the loss still fell when they ended" : "");
    if (steps > 0) {
        use(advice, "max_steps", ek_format_double(number, 2 * steps));
    } else if (epochs > 0) {
        use(advice, "num_train_epochs", ek_format_double(number, 2 * epochs));
    }
}

static void say_generalisation(ek_advice *advice, const ek_traces *t, const ek_trace_group *here)
{
    double examples = ek_trace_setting(here, "train_examples");
    ek_buf_puts(&advice->text, "The optimiser did its part, so no change of rate, warm-up or steps "
                               "is supported.\n");
    if (examples > 0 && examples < (double)t->facts.train_count) {
        ek_buf_printf(&advice->text, "It trained on %.0f of %zu examples: use all of them.\n",
                      examples, t->facts.train_count);
        use(advice, "train_examples", "0");
    } else {
        ek_buf_puts(&advice->text, "More labelled examples or a stronger checkpoint would be the "
                                   "next thing to try.\n");
    }
}

static void say_nothing(ek_advice *advice, const ek_evidence *cited)
{
    ek_buf_puts(&advice->text, "No change is supported. To learn more, ");
    ek_buf_puts(&advice->text, cited->gradients.logged
                                   ? ""
                                   : "have 'evenkeel probe gradients' log the gradients, and ");
    ek_buf_puts(&advice->text, "repeat a failed seed with --logging-steps 1 and more evaluations "
                               "(--eval-steps).\n");
}

static void say_whole_group(ek_advice *advice, const ek_trace_group *here, const ek_evidence *cited)
{
    ek_buf_puts(&advice->text, "Failed and successful runs of this group do not differ, so no "
                               "setting tells them apart: the whole group has learned too "
                               "little.\n");
    say_longer(advice, here, cited);
}

/* What the failures happened with. */
static void say_where(ek_advice *advice, const ek_trace_group *here, const ek_evidence *cited)
{
    double correction = ek_trace_setting(here, "bias_correction"),
           rate = ek_trace_setting(here, "learning_rate");
    ek_buf *text = &advice->text;
    if (!isfinite(rate) || !isfinite(correction) || !isfinite(cited->rate.warmup_steps)) {
        return;
    }
    ek_buf_printf(text,
                  "With a rate of %.3g, %.0f steps of warm-up, %lld updates and bias "
                  "correction %s, %zu of %zu runs failed.\n",
                  rate, cited->rate.warmup_steps, (long long)cited->steps,
                  correction > 0 ? "on" : "off", here->failed, here->runs);
}

static void say_settings(ek_advice *advice, const ek_traces *t, ek_remedy remedy,
                         const ek_evidence *cited)
{
    const ek_trace_group *here = &t->groups[advice->group];
    if (remedy == EK_REMEDY_STEPS) {
        say_steps(advice, here, cited);
    } else if (remedy == EK_REMEDY_RATE) {
        halve_rate(advice, here);
    } else if (remedy == EK_REMEDY_CLIPPING) {
        say_clipping(advice, here, cited);
    } else if (remedy == EK_REMEDY_LONGER) {
        say_longer(advice, here, cited);
    } else if (remedy == EK_REMEDY_GROUP) {
        say_whole_group(advice, here, cited);
    } else if (remedy == EK_REMEDY_GENERALISATION) {
        say_generalisation(advice, t, here);
    } else {
        say_nothing(advice, cited);
    }
}

ek_status ek_advice_of(ek_advice *advice, const ek_traces *traces, size_t group, ek_remedy remedy,
                       const ek_evidence *cited, ek_error *err)
{
    *advice = (ek_advice){.group = group, .other = traces->group_count, .p = (double)NAN};
    EK_TRY(compare(advice, traces, err));
    if (advice->compared) {
        say_group(advice, traces);
    } else {
        say_where(advice, &traces->groups[group], cited);
        say_settings(advice, traces, remedy, cited);
        say_no_group(advice, traces);
    }
    EK_TRY(ek_buf_status(&advice->flags, err));
    return ek_buf_status(&advice->text, err);
}

void ek_advice_free(ek_advice *advice)
{
    ek_buf_deinit(&advice->flags);
    ek_buf_deinit(&advice->text);
}
