#include "report/seed_plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/lines.h"
#include "stats/bootstrap.h"

enum { RESAMPLE_SEED = 1 };

const size_t ek_seed_plan_runs[EK_SEED_PLAN_ROWS] = {5, 10, 15, 25, 50, 100};

static const struct {
    const char *name, *heading, *test, *answer;
} questions[EK_POWER_TARGETS] = {
    {"sd", "spread", "Brown-Forsythe", "for the spread"},
    {"mean", "level", "Mann-Whitney", "for the level"},
    {"failed", "failures", "Fisher exact", "for failures"},
};

/* ---- numbers --------------------------------------------------------------------------------- */

static ek_seed_plan_side side_of(const ek_group_scores *group)
{
    ek_seed_plan_side side = {.n = group->n, .mean = (double)NAN, .sd = (double)NAN};
    for (size_t i = 0; group->failed && i < group->n; i++) {
        side.failed += group->failed[i] != 0;
    }
    if (group->n > 0) {
        side.mean = ek_statistic_mean(group->scores, group->n);
    }
    if (group->n > 1) {
        side.sd = ek_statistic_sd(group->scores, group->n);
    }
    return side;
}

/* Decimals that show a tenth of the smaller SD. */
static ek_score_unit unit_of(const ek_seed_plan *plan)
{
    double sd = plan->pilot_a.sd;
    if (plan->b && plan->pilot_b.sd > 0 && !(sd > 0 && sd < plan->pilot_b.sd)) {
        sd = plan->pilot_b.sd;
    }
    int decimals = sd > 0 ? 1 - (int)floor(log10(sd)) : 3;
    return (ek_score_unit){1.0, decimals < 0 ? 0 : decimals > 9 ? 9 : decimals};
}

void ek_seed_plan_pair(ek_seed_plan *out, const ek_group_scores *a, const char *name_a,
                       const ek_group_scores *b, const char *name_b, ek_power_target target,
                       double wanted)
{
    ek_power_pilot pilot = {*a, *b};
    *out = (ek_seed_plan){.a = name_a, .b = name_b, .wanted = wanted};
    out->pilot_a = side_of(a);
    out->pilot_b = side_of(b);
    out->unit = unit_of(out);
    for (int t = 0; t < EK_POWER_TARGETS; t++) {
        ek_power_target question = (ek_power_target)t;
        out->questions[t].asked = target == EK_POWER_TARGETS || target == question;
        out->questions[t].answered = ek_power_answers(&pilot, question);
        if (!out->questions[t].asked || !out->questions[t].answered) {
            continue;
        }
        for (size_t row = 0; row < EK_SEED_PLAN_ROWS; row++) {
            out->questions[t].power[row] =
                ek_power_at(&pilot, question, ek_seed_plan_runs[row], RESAMPLE_SEED);
        }
        out->questions[t].runs =
            ek_power_runs(&pilot, question, wanted, RESAMPLE_SEED, &out->questions[t].reached);
    }
}

void ek_seed_plan_one(ek_seed_plan *out, const ek_group_scores *a, const char *name)
{
    *out = (ek_seed_plan){.a = name};
    out->pilot_a = side_of(a);
    out->unit = unit_of(out);
    for (size_t row = 0; row < EK_SEED_PLAN_ROWS; row++) {
        out->half_widths[row] = ek_half_widths_at(a->scores, a->n, ek_seed_plan_runs[row]);
    }
}

/* ---- words ----------------------------------------------------------------------------------- */

static void few_runs(const ek_seed_plan *plan, ek_buf *out)
{
    const char *names[2] = {plan->a, plan->b};
    const ek_seed_plan_side *sides[2] = {&plan->pilot_a, &plan->pilot_b};
    ek_buf few = {0};
    for (int i = 0; i < 2 && names[i]; i++) {
        if (sides[i]->n < 2) {
            ek_buf_printf(out, "%.40s has %zu finished run%s: a pilot needs 2 or more\n", names[i],
                          sides[i]->n, sides[i]->n == 1 ? "" : "s");
        } else if (sides[i]->n < EK_SEED_PLAN_FEW) {
            ek_buf_printf(&few, "%s%.40s %zu", few.length > 0 ? ", " : "", names[i], sides[i]->n);
        }
    }
    if (few.length > 0) {
        ek_buf_printf(out,
                      "few runs (%s) are taken at their word, so by luck the answer can be far too "
                      "optimistic or too pessimistic; ask again with %d or more\n",
                      ek_buf_text(&few), EK_SEED_PLAN_FEW);
    }
    ek_buf_deinit(&few);
}

static void warnings(const ek_seed_plan *plan, ek_buf *out)
{
    few_runs(plan, out);
    if (!plan->b || plan->pilot_a.n < 2 || plan->pilot_b.n < 2) {
        return;
    }
    bool scores =
        (plan->questions[EK_POWER_SD].asked && !plan->questions[EK_POWER_SD].answered) ||
        (plan->questions[EK_POWER_MEAN].asked && !plan->questions[EK_POWER_MEAN].answered);
    if (scores) {
        ek_buf_puts(out, "all scores are the same: this pilot cannot say how many seeds a "
                         "difference in scores needs\n");
    }
    if (plan->questions[EK_POWER_FAILED].asked && !plan->questions[EK_POWER_FAILED].answered) {
        ek_buf_puts(out, "no run of either group failed: this pilot cannot say how many seeds a "
                         "difference in failures needs\n");
    }
}

static void assumptions(const ek_seed_plan *plan, ek_buf *out)
{
    if (!plan->b) {
        ek_buf_puts(out, "half of the 95 % interval, by the normal approximation from the pilot's "
                         "SD and kurtosis: failed runs are in it\n"
                         "if the pilot's spread is the true one\n");
        return;
    }
    ek_buf_printf(
        out,
        "the pilot's own effect and spread: if the true difference is smaller, more seeds "
        "are needed\n"
        "%d times n runs drawn with replacement from each group of the pilot, each test "
        "at level 0.05, questions not corrected for each other\n"
        "the share of significant tests, either way, with the standard error of the "
        "simulation; that of the pilot is not in it\n",
        EK_POWER_REPETITIONS);
}

/* "80 %: 12 seeds a group for the spread, 9 for the level, more than 500 for failures (7 % with
 * 500)" */
static void answer(const ek_seed_plan *plan, ek_buf *out)
{
    bool first = true;
    for (int t = 0; t < EK_POWER_TARGETS; t++) {
        if (!plan->questions[t].asked || !plan->questions[t].answered) {
            continue;
        }
        if (first) {
            ek_buf_printf(out, "%.4g %%: ", 100 * plan->wanted);
        }
        size_t runs = plan->questions[t].runs;
        ek_buf_printf(out, "%s%s%zu%s %s", first ? "" : ", ", runs > 0 ? "" : "more than ",
                      runs > 0 ? runs : (size_t)EK_POWER_MOST, first ? " seeds a group" : "",
                      questions[t].answer);
        if (runs == 0) {
            ek_buf_printf(out, " (%.0f %% with %d)", 100 * plan->questions[t].reached.value,
                          EK_POWER_MOST);
        }
        first = false;
    }
}

/* ---- text ------------------------------------------------------------------------------------ */

static void pilot_line(const ek_seed_plan *plan, const char *name, const ek_seed_plan_side *side,
                       ek_buf *out)
{
    const ek_score_unit *unit = &plan->unit;
    ek_buf_printf(out, " pilot %.40s: %zu runs, %zu failed", name, side->n, side->failed);
    if (!isnan(side->mean)) {
        ek_buf_printf(out, ", mean %.*f", unit->decimals, unit->scale * side->mean);
    }
    if (!isnan(side->sd)) {
        ek_buf_printf(out, ", SD %.*f", unit->decimals, unit->scale * side->sd);
    }
    ek_buf_putc(out, '\n');
}

static void rule(const ek_table_style *style, int width, ek_buf *out)
{
    ek_buf_putc(out, ' ');
    for (int i = 0; i < width; i++) {
        ek_buf_puts(out, style->ascii ? "-" : "─");
    }
    ek_buf_putc(out, '\n');
}

static const char *plus_minus(const ek_table_style *style)
{
    return style->ascii ? "+-" : "±";
}

enum { CELL = 16 };

static void pair_table(const ek_seed_plan *plan, const ek_table_style *style, ek_buf *out)
{
    int width = 15;
    ek_buf_printf(out, "\n %15s", "");
    for (int t = 0; t < EK_POWER_TARGETS; t++) {
        if (plan->questions[t].asked) {
            ek_buf_printf(out, "%*s", CELL, questions[t].heading);
            width += CELL;
        }
    }
    ek_buf_puts(out, "\n runs of a group");
    for (int t = 0; t < EK_POWER_TARGETS; t++) {
        if (plan->questions[t].asked) {
            ek_buf_printf(out, "%*s", CELL, questions[t].test);
        }
    }
    ek_buf_putc(out, '\n');
    rule(style, width, out);
    for (size_t row = 0; row < EK_SEED_PLAN_ROWS; row++) {
        ek_buf_printf(out, " %15zu", ek_seed_plan_runs[row]);
        for (int t = 0; t < EK_POWER_TARGETS; t++) {
            const ek_power *power = &plan->questions[t].power[row];
            if (plan->questions[t].asked && plan->questions[t].answered) {
                ek_buf_printf(out, "%*.1f %s %3.1f", CELL - 6 - (style->ascii ? 1 : 0),
                              100 * power->value, plus_minus(style), 100 * power->se);
            } else if (plan->questions[t].asked) {
                ek_buf_printf(out, "%*s", CELL, "-");
            }
        }
        ek_buf_putc(out, '\n');
    }
}

static void one_table(const ek_seed_plan *plan, const ek_table_style *style, ek_buf *out)
{
    const ek_score_unit *unit = &plan->unit;
    ek_buf_printf(out, "\n %15s%*s%*s\n", "runs", CELL, "mean", CELL, "SD");
    rule(style, 15 + 2 * CELL, out);
    for (size_t row = 0; row < EK_SEED_PLAN_ROWS; row++) {
        const double values[2] = {plan->half_widths[row].mean, plan->half_widths[row].sd};
        ek_buf_printf(out, " %15zu", ek_seed_plan_runs[row]);
        for (int i = 0; i < 2; i++) {
            char text[40];
            snprintf(text, sizeof text, "%.*f", unit->decimals, unit->scale * values[i]);
            ek_buf_printf(out, "%*s%s %s", CELL - 2 - (style->ascii ? 1 : 0) - (int)strlen(text),
                          "", isnan(values[i]) ? " " : plus_minus(style),
                          isnan(values[i]) ? "-" : text);
        }
        ek_buf_putc(out, '\n');
    }
}

void ek_seed_plan_text(const ek_seed_plan *plan, const ek_table_style *style, ek_buf *out)
{
    ek_buf text = {0};
    pilot_line(plan, plan->a, &plan->pilot_a, out);
    if (plan->b) {
        pilot_line(plan, plan->b, &plan->pilot_b, out);
        ek_buf_printf(out,
                      " power in percent %s its standard error: how often B against A comes "
                      "out as different\n",
                      plus_minus(style));
        pair_table(plan, style, out);
        answer(plan, &text);
    } else {
        ek_buf_puts(out, " 95 % intervals to expect with so many runs\n");
        one_table(plan, style, out);
    }
    if (text.length > 0) {
        ek_buf_printf(out, "\n%s", style->color ? "\033[1m" : "");
        ek_lines_wrap(out, " ", " ", ek_buf_text(&text));
        ek_buf_puts(out, style->color ? "\033[0m" : "");
    }
    ek_buf_clear(&text);
    warnings(plan, &text);
    ek_lines_wrap(out, " warning: ", "   ", ek_buf_text(&text));
    ek_buf_clear(&text);
    assumptions(plan, &text);
    ek_buf_puts(out, "\n rests on:\n");
    ek_lines_wrap(out, " - ", "   ", ek_buf_text(&text));
    ek_buf_deinit(&text);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void put(ek_buf *out, const char *name, double value)
{
    ek_buf_printf(out, ",\"%s\":", name);
    ek_buf_json_double(out, value);
}

static void json_side(ek_buf *out, const char *key, const char *name, const ek_seed_plan_side *side)
{
    ek_buf_printf(out, "\"%s\":{\"group\":", key);
    ek_buf_json_string(out, name, strlen(name));
    ek_buf_printf(out, ",\"n\":%zu,\"failed\":%zu", side->n, side->failed);
    put(out, "mean", side->mean);
    put(out, "sd", side->sd);
    ek_buf_putc(out, '}');
}

static void json_question(const ek_seed_plan *plan, int t, ek_buf *out)
{
    bool answered = plan->questions[t].answered;
    ek_buf_printf(out, "\"%s\":{\"test\":\"%s\",\"answered\":%s,\"runs\":", questions[t].name,
                  questions[t].test, answered ? "true" : "false");
    ek_buf_json_double(out,
                       plan->questions[t].runs > 0 ? (double)plan->questions[t].runs : (double)NAN);
    put(out, "runs_power", answered ? plan->questions[t].reached.value : (double)NAN);
    ek_buf_puts(out, ",\"rows\":[");
    for (size_t row = 0; answered && row < EK_SEED_PLAN_ROWS; row++) {
        ek_buf_printf(out, "%s{\"n\":%zu", row ? "," : "", ek_seed_plan_runs[row]);
        put(out, "power", plan->questions[t].power[row].value);
        put(out, "se", plan->questions[t].power[row].se);
        ek_buf_putc(out, '}');
    }
    ek_buf_puts(out, "]}");
}

static void json_questions(const ek_seed_plan *plan, ek_buf *out)
{
    bool first = true;
    put(out, "power", plan->wanted);
    ek_buf_puts(out, ",\"questions\":{");
    for (int t = 0; t < EK_POWER_TARGETS; t++) {
        if (plan->questions[t].asked) {
            ek_buf_puts(out, first ? "" : ",");
            json_question(plan, t, out);
            first = false;
        }
    }
    ek_buf_putc(out, '}');
}

void ek_seed_plan_json(const ek_seed_plan *plan, ek_buf *out)
{
    ek_buf text = {0};
    ek_buf_putc(out, '{');
    json_side(out, "a", plan->a, &plan->pilot_a);
    if (plan->b) {
        ek_buf_putc(out, ',');
        json_side(out, "b", plan->b, &plan->pilot_b);
        json_questions(plan, out);
    } else {
        ek_buf_puts(out, ",\"rows\":[");
        for (size_t row = 0; row < EK_SEED_PLAN_ROWS; row++) {
            ek_buf_printf(out, "%s{\"n\":%zu", row ? "," : "", ek_seed_plan_runs[row]);
            put(out, "mean_half_width", plan->half_widths[row].mean);
            put(out, "sd_half_width", plan->half_widths[row].sd);
            ek_buf_putc(out, '}');
        }
        ek_buf_putc(out, ']');
    }
    warnings(plan, &text);
    ek_lines_json(out, "warnings", ek_buf_text(&text));
    ek_buf_clear(&text);
    assumptions(plan, &text);
    ek_lines_json(out, "assumptions", ek_buf_text(&text));
    ek_buf_puts(out, "}\n");
    ek_buf_deinit(&text);
}
