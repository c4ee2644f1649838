#include "report/group_compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/lines.h"
#include "report/numbers.h"

enum { RESAMPLE_SEED = 1, MOST_RUNS = 100 };

/* ---- two groups of a study ------------------------------------------------------------------- */

static ek_status check_group(const ek_group_table *table, const char *group, ek_error *err)
{
    ek_buf names = {0};
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->rows[i].group, group) == 0) {
            ek_buf_deinit(&names);
            return EK_OK;
        }
        ek_buf_printf(&names, "%s%.60s", i ? ", " : "", table->rows[i].group);
    }
    ek_error_set(err, EK_E_USAGE, "the study has no group '%.60s'; it has %.800s", group,
                 ek_buf_text(&names));
    ek_buf_deinit(&names);
    return EK_E_USAGE;
}

void ek_group_runs_free(ek_group_runs *g)
{
    ek_free(g->scores);
    ek_free(g->failed);
    ek_free(g->runs);
    *g = (ek_group_runs){0};
}

ek_status ek_group_runs_read(ek_group_runs *g, const ek_group_table *table, const char *group,
                             ek_error *err)
{
    *g = (ek_group_runs){0};
    EK_TRY(check_group(table, group, err));
    g->scores = ek_calloc(table->run_count + 1, sizeof *g->scores);
    g->failed = ek_calloc(table->run_count + 1, sizeof *g->failed);
    g->runs = ek_calloc(table->run_count + 1, sizeof *g->runs);
    if (!g->scores || !g->failed || !g->runs) {
        ek_group_runs_free(g);
        return ek_error_set(err, EK_E_MEMORY, "no memory to compare groups");
    }
    for (size_t i = 0; i < table->run_count; i++) {
        const ek_run_row *run = &table->runs[i];
        if (run->status == EK_RUN_DONE && strcmp(run->group, group) == 0) {
            g->scores[g->n] = run->score;
            g->failed[g->n] = run->outcome != EK_OUTCOME_OK;
            g->runs[g->n++] = run;
        }
    }
    return EK_OK;
}

/* How failed runs failed: a comparison takes failures for one kind. */
static void count_kinds(const ek_group_runs *g, ek_summary *summary)
{
    for (size_t i = 0; i < g->n; i++) {
        summary->diverged += g->runs[i]->outcome == EK_OUTCOME_DIVERGED;
        summary->doomed += g->runs[i]->outcome == EK_OUTCOME_DOOMED;
    }
}

static bool same_seeds(const ek_seeds *x, const ek_seeds *y)
{
    return x->init == y->init && x->order == y->order && x->dropout == y->dropout &&
           x->subset == y->subset && x->split == y->split;
}

/* Brings b into the order of a's seeds; false when some run has no partner. */
static bool pair_up(const ek_group_runs *a, ek_group_runs *b)
{
    bool paired = a->n == b->n && a->n > 0;
    for (size_t i = 0; paired && i < a->n; i++) {
        size_t j = i;
        while (j < b->n && !same_seeds(&a->runs[i]->seeds, &b->runs[j]->seeds)) {
            j++;
        }
        paired = j < b->n;
        if (paired && j != i) {
            const ek_run_row *run = b->runs[i];
            double score = b->scores[i];
            uint8_t failed = b->failed[i];
            b->runs[i] = b->runs[j];
            b->scores[i] = b->scores[j];
            b->failed[i] = b->failed[j];
            b->runs[j] = run;
            b->scores[j] = score;
            b->failed[j] = failed;
        }
    }
    return paired;
}

static ek_prediction_matrix matrix_of(const ek_stored_predictions *p)
{
    return (ek_prediction_matrix){.runs = p->run_count,
                                  .examples = p->example_count,
                                  .label_count = (size_t)p->label_count,
                                  .labels = p->labels,
                                  .probs = p->probs,
                                  .truth = p->truth};
}

static ek_status add_examples(ek_group_comparison *out, ek_store *store, ek_error *err)
{
    ek_stored_predictions a = {0}, b = {0};
    ek_status status = ek_store_predictions(store, out->a, MOST_RUNS, &a, err);
    if (status == EK_OK) {
        status = ek_store_predictions(store, out->b, MOST_RUNS, &b, err);
    }
    if (status == EK_OK && a.label_count >= 2 && a.run_count >= 2 && b.run_count >= 2) {
        ek_prediction_matrix ma = matrix_of(&a), mb = matrix_of(&b);
        out->examples = ek_multi_bootstrap_difference(&ma, &mb, false, RESAMPLE_SEED);
        out->has_examples = isfinite(out->examples.both.value);
    }
    ek_stored_predictions_free(&a);
    ek_stored_predictions_free(&b);
    return status;
}

ek_status ek_group_compare(ek_group_comparison *out, const ek_group_table *table, ek_store *store,
                           const char *a, const char *b, ek_error *err)
{
    ek_group_runs left = {0}, right = {0};
    *out = (ek_group_comparison){.a = a,
                                 .b = b,
                                 .unit = ek_percent,
                                 .table = table,
                                 .best_checkpoint = strcmp(table->checkpoint, "best") == 0};
    ek_status status = ek_group_runs_read(&left, table, a, err);
    if (status == EK_OK) {
        status = ek_group_runs_read(&right, table, b, err);
    }
    if (status == EK_OK) {
        bool paired = pair_up(&left, &right);
        ek_group_scores scores_a = {left.scores, left.failed, left.n};
        ek_group_scores scores_b = {right.scores, right.failed, right.n};
        out->numbers = ek_comparison_of(&scores_a, &scores_b, paired, RESAMPLE_SEED);
        count_kinds(&left, &out->numbers.a);
        count_kinds(&right, &out->numbers.b);
        out->verdict = ek_verdict_of(&out->numbers);
    }
    ek_group_runs_free(&left);
    ek_group_runs_free(&right);
    return status == EK_OK && store ? add_examples(out, store, err) : status;
}

ek_group_comparison ek_list_compare(const ek_group_scores *a, const char *name_a,
                                    const ek_group_scores *b, const char *name_b, bool paired)
{
    ek_group_comparison c = {.a = name_a, .b = name_b};
    c.numbers = ek_comparison_of(a, b, paired, RESAMPLE_SEED);
    c.verdict = ek_verdict_of(&c.numbers);
    c.unit = ek_score_unit_of(&c.numbers);
    return c;
}

/* ---- text ------------------------------------------------------------------------------------ */

static const ek_score_unit ratio_unit = {1.0, 2};

/* "70.1 [69.0, 71.2]" or "-". */
static const char *interval_text(char out[64], double value, double low, double high,
                                 const ek_score_unit *unit, bool sign)
{
    char text[3][20];
    double values[3] = {value, low, high};
    if (isnan(value)) {
        return strcpy(out, "-");
    }
    for (int i = 0; i < 3; i++) {
        double shown = unit->scale * values[i];
        if (sign) {
            snprintf(text[i], sizeof text[i], "%+.*f", unit->decimals, shown);
        } else {
            snprintf(text[i], sizeof text[i], "%.*f", unit->decimals, shown);
        }
    }
    if (isnan(low) || isnan(high)) {
        snprintf(out, 64, "%s", text[0]);
    } else {
        snprintf(out, 64, "%s [%s, %s]", text[0], text[1], text[2]);
    }
    return out;
}

static const char *range_text(char out[64], const ek_summary *s, const ek_score_unit *unit)
{
    snprintf(out, 64, "%.*f, %.*f", unit->decimals, unit->scale * s->min, unit->decimals,
             unit->scale * s->max);
    return s->n > 0 ? out : "-";
}

static void effect(ek_buf *out, const char *what, const char *a, const char *b, const char *effect)
{
    ek_buf_printf(out, " %-22s %-22s %-22s %s\n", what, a, b, effect);
}

static void failures_row(const ek_comparison *c, ek_buf *out)
{
    const ek_summary *sides[2] = {&c->a, &c->b};
    char text[2][64], count[24], last[96];
    for (int i = 0; i < 2; i++) {
        const ek_summary *s = sides[i];
        snprintf(count, sizeof count, "%zu/%zu", s->failed, s->n);
        snprintf(text[i], sizeof text[i], "%s [%.0f, %.0f %%]", count, 100 * s->failed_low,
                 100 * s->failed_high);
    }
    snprintf(last, sizeof last, "difference %+.0f [%+.0f, %+.0f] %%", 100 * c->failed_difference,
             100 * c->failed_difference_low, 100 * c->failed_difference_high);
    effect(out, "failed runs", text[0], text[1], last);
}

static void effects(const ek_group_comparison *gc, ek_buf *out)
{
    const ek_comparison *c = &gc->numbers;
    const ek_score_unit *unit = &gc->unit;
    char a[64], b[64], e[64], last[96];
    failures_row(c, out);
    interval_text(e, c->sd_ratio.value, c->sd_ratio.low, c->sd_ratio.high, &ratio_unit, false);
    snprintf(last, sizeof last, "ratio %s", e);
    effect(out, "SD", interval_text(a, c->a.sd, c->a.sd_low, c->a.sd_high, unit, false),
           interval_text(b, c->b.sd, c->b.sd_low, c->b.sd_high, unit, false), last);
    if (c->a.failed + c->b.failed > 0) {
        effect(out, "SD without failed runs",
               interval_text(a, c->a.sd_ok, (double)NAN, (double)NAN, unit, false),
               interval_text(b, c->b.sd_ok, (double)NAN, (double)NAN, unit, false), "");
    }
    interval_text(e, c->mean_difference.value, c->mean_difference.low, c->mean_difference.high,
                  unit, true);
    snprintf(last, sizeof last, "difference %s", e);
    effect(out, "mean", interval_text(a, c->a.mean, c->a.mean_low, c->a.mean_high, unit, false),
           interval_text(b, c->b.mean, c->b.mean_low, c->b.mean_high, unit, false), last);
    interval_text(e, c->median_difference.value, c->median_difference.low,
                  c->median_difference.high, unit, true);
    snprintf(last, sizeof last, "difference %s", e);
    effect(out, "median",
           interval_text(a, c->a.median, c->a.median_low, c->a.median_high, unit, false),
           interval_text(b, c->b.median, c->b.median_low, c->b.median_high, unit, false), last);
    effect(out, "lowest, highest", range_text(a, &c->a, unit), range_text(b, &c->b, unit), "");
    snprintf(last, sizeof last, "P(%.20s > %.20s) %s", gc->b, gc->a,
             interval_text(e, c->a12.value, c->a12.low, c->a12.high, &ratio_unit, false));
    effect(out, "a run of each", "", "", last);
}

static const char *p_text(char out[32], double p)
{
    if (isnan(p)) {
        return "-";
    }
    snprintf(out, 32, p < 0.001 ? "%.1e" : "%.3f", p);
    return out;
}

static void test_row(ek_buf *out, const char *question, const char *test, const char *statistic,
                     double value, double p)
{
    char text[32] = "", number[32];
    if (!isnan(value)) {
        snprintf(text, sizeof text, "%s = %.4g", statistic, value);
    }
    ek_buf_printf(out, " %-10s %-42s %-16s %s\n", question, test, text, p_text(number, p));
}

static void tests(const ek_comparison *c, ek_buf *out)
{
    const double none = (double)NAN;
    ek_buf_printf(out, "\n %-10s %-42s %-16s %s\n", "question", "test", "statistic",
                  "p (two-sided)");
    test_row(out, "spread", "Brown-Forsythe (centre: median)", "F", c->brown_forsythe_w,
             c->brown_forsythe_p);
    test_row(out, "", "Levene (centre: mean)", "F", c->levene_w, c->levene_p);
    test_row(out, "", "permutation of the SD ratio", "", none, c->sd_permutation_p);
    test_row(out, "failures", "Fisher exact", "", none, c->fisher_p);
    test_row(out, "level",
             c->mann_whitney_exact ? "Mann-Whitney (exact)"
                                   : "Mann-Whitney (normal, ties corrected)",
             "U", c->mann_whitney_u, c->mann_whitney_p);
    test_row(out, "", "Welch", "t", c->welch_t, c->welch_p);
    test_row(out, "", "permutation of the means", "", none, c->permutation_p);
    if (c->paired) {
        test_row(out, "pairs",
                 c->wilcoxon_exact ? "Wilcoxon signed-rank (exact)"
                                   : "Wilcoxon signed-rank (normal)",
                 "W", c->wilcoxon_w, c->wilcoxon_p);
    }
}

static void examples_rows(const ek_group_comparison *gc, ek_buf *out)
{
    const ek_multi_bootstrap *m = &gc->examples;
    char text[3][64];
    if (!gc->has_examples) {
        return;
    }
    const ek_estimate *estimates[] = {&m->seeds, &m->examples, &m->both};
    for (int i = 0; i < 3; i++) {
        interval_text(text[i], estimates[i]->value, estimates[i]->low, estimates[i]->high,
                      &ek_percent, true);
    }
    ek_buf_printf(out,
                  "\n difference of accuracy, its 95 %% interval over seeds %s,\n"
                  " over the examples of the split %s, over both %s\n",
                  text[0], text[1], text[2]);
}

static void aso_row(const ek_group_comparison *gc, ek_buf *out)
{
    const ek_comparison *c = &gc->numbers;
    if (isnan(c->aso_b)) {
        return;
    }
    ek_buf_printf(
        out,
        " almost stochastic order: eps_min %.2f that %.30s is larger, %.2f that %.30s is\n"
        " (below 0.5: it is; below 0.2: strictly)\n",
        c->aso_b, gc->b, c->aso_a, gc->a);
}

void ek_group_comparison_text(const ek_group_comparison *gc, const ek_table_style *style,
                              ek_buf *out)
{
    const ek_comparison *c = &gc->numbers;
    ek_buf text = {0};
    char a[24], b[24];
    if (gc->table) {
        const ek_study_facts *f = &gc->table->facts;
        ek_buf_printf(out, " %s, %s on %s (%zu examples), %s checkpoint, percent; baseline %.1f\n",
                      f->task, f->reported, f->split, f->validation_count, gc->table->checkpoint,
                      100 * f->baseline);
    }
    snprintf(a, sizeof a, "%.21s", gc->a);
    snprintf(b, sizeof b, "%.21s", gc->b);
    ek_buf_printf(out, " %-22s %-22s %-22s %.24s against %.24s\n ", "[95 %]", a, b, gc->b, gc->a);
    for (int i = 0; i < EK_LINES_WIDTH; i++) {
        ek_buf_puts(out, style->ascii ? "-" : "─");
    }
    ek_buf_putc(out, '\n');
    effects(gc, out);
    tests(c, out);
    aso_row(gc, out);
    examples_rows(gc, out);

    ek_verdict_text(c, &gc->verdict, gc->a, gc->b, &gc->unit, &text);
    ek_buf_puts(out, "\n");
    ek_buf_puts(out, style->color ? "\033[1m" : "");
    ek_lines_wrap(out, " ", " ", ek_buf_text(&text));
    ek_buf_puts(out, style->color ? "\033[0m" : "");
    ek_buf_clear(&text);
    ek_verdict_warnings(c, gc->a, gc->b, gc->best_checkpoint, &text);
    ek_lines_wrap(out, " warning: ", "   ", ek_buf_text(&text));
    ek_buf_clear(&text);
    ek_verdict_assumptions(c, &text);
    ek_buf_printf(out, "\n rests on (intervals: %s bootstrap, 10,000 resamples; SD: ddof 1):\n",
                  ek_interval_method_name(c->mean_difference.method));
    ek_lines_wrap(out, " - ", "   ", ek_buf_text(&text));
    ek_buf_deinit(&text);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void put_number(void *user, const char *name, double value)
{
    ek_buf *out = user;
    ek_buf_printf(out, ",\"%s\":", name);
    ek_buf_json_double(out, value);
}

static void put_string(ek_buf *out, const char *key, const char *value)
{
    ek_buf_printf(out, "\"%s\":", key);
    ek_buf_json_string(out, value, strlen(value));
}

static void json_side(ek_buf *out, const char *key, const char *group, const ek_summary *summary)
{
    ek_buf_printf(out, "\"%s\":{", key);
    put_string(out, "group", group);
    ek_summary_numbers(summary, put_number, out);
    ek_buf_puts(out, "},");
}

static void json_verdict(const ek_group_comparison *gc, ek_buf *out)
{
    const ek_verdict *v = &gc->verdict;
    ek_buf text = {0};
    ek_buf_printf(out, ",\"verdict\":{\"spread\":\"%s\",\"failures\":\"%s\",\"level\":\"%s\"",
                  ek_verdict_side_name(v->spread), ek_verdict_side_name(v->failures),
                  ek_verdict_side_name(v->level));
    put_number(out, "spread_p", v->spread_p);
    put_number(out, "failures_p", v->failures_p);
    put_number(out, "level_p", v->level_p);
    ek_verdict_text(&gc->numbers, &gc->verdict, gc->a, gc->b, &gc->unit, &text);
    ek_buf_putc(out, ',');
    put_string(out, "text", ek_buf_text(&text));
    ek_buf_putc(out, '}');
    ek_buf_clear(&text);
    ek_verdict_warnings(&gc->numbers, gc->a, gc->b, gc->best_checkpoint, &text);
    ek_lines_json(out, "warnings", ek_buf_text(&text));
    ek_buf_clear(&text);
    ek_verdict_assumptions(&gc->numbers, &text);
    ek_lines_json(out, "assumptions", ek_buf_text(&text));
    ek_buf_deinit(&text);
}

void ek_group_comparison_json(const ek_group_comparison *gc, ek_buf *out)
{
    const ek_comparison *c = &gc->numbers;
    ek_buf_putc(out, '{');
    if (gc->table) {
        put_string(out, "task", gc->table->facts.task);
        ek_buf_putc(out, ',');
        put_string(out, "metric", gc->table->facts.reported);
        ek_buf_putc(out, ',');
        put_string(out, "checkpoint", gc->table->checkpoint);
        ek_buf_putc(out, ',');
    }
    json_side(out, "a", gc->a, &c->a);
    json_side(out, "b", gc->b, &c->b);
    ek_buf_printf(out, "\"paired\":%s,\"mann_whitney_exact\":%s,\"wilcoxon_exact\":%s",
                  c->paired ? "true" : "false", c->mann_whitney_exact ? "true" : "false",
                  c->wilcoxon_exact ? "true" : "false");
    ek_buf_printf(out, ",\"interval_method\":\"%s\"",
                  ek_interval_method_name(c->mean_difference.method));
    ek_comparison_numbers(c, put_number, out);
    if (gc->has_examples) {
        ek_buf_puts(out, ",\"accuracy_difference\":");
        ek_multi_bootstrap_json(&gc->examples, out);
    }
    json_verdict(gc, out);
    ek_buf_puts(out, "}\n");
}
