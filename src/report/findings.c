#include "report/findings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { TESTS = 3 };

/* ---- groups ---------------------------------------------------------------------------------- */

struct place {
    const ek_run_row *run;
    size_t index;
};

/* By seeds, so that run i of two groups with the same seeds is a pair. */
static int by_seeds(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    const uint32_t x[] = {a->run->seed,          a->run->seeds.init,   a->run->seeds.order,
                          a->run->seeds.dropout, a->run->seeds.subset, a->run->seeds.split};
    const uint32_t y[] = {b->run->seed,          b->run->seeds.init,   b->run->seeds.order,
                          b->run->seeds.dropout, b->run->seeds.subset, b->run->seeds.split};
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i] ? -1 : 1;
        }
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

static ek_status collect(const ek_group_table *table, const char *name, ek_group_findings *group,
                         ek_error *err)
{
    struct place *places = ek_calloc(table->run_count, sizeof *places);
    group->scores = ek_calloc(table->run_count, sizeof *group->scores);
    group->failed = ek_calloc(table->run_count, 1);
    group->runs = ek_calloc(table->run_count, sizeof *group->runs);
    if (!places || !group->scores || !group->failed || !group->runs) {
        ek_free(places);
        return ek_error_set(err, EK_E_MEMORY, "no memory for the runs of a group");
    }
    for (size_t i = 0; i < table->run_count; i++) {
        const ek_run_row *run = &table->runs[i];
        if (run->status == EK_RUN_DONE && strcmp(run->group, name) == 0) {
            places[group->n++] = (struct place){run, i};
        }
    }
    qsort(places, group->n, sizeof *places, by_seeds);
    for (size_t i = 0; i < group->n; i++) {
        group->scores[i] = places[i].run->score;
        group->failed[i] = places[i].run->outcome != EK_OUTCOME_OK;
        group->runs[i] = places[i].index;
    }
    ek_free(places);
    return EK_OK;
}

static void count_runs(ek_findings *findings)
{
    for (size_t i = 0; i < findings->table.run_count; i++) {
        const ek_run_row *run = &findings->table.runs[i];
        if (run->status != EK_RUN_DONE) {
            findings->unfinished++;
            continue;
        }
        findings->done++;
        findings->ok += run->outcome == EK_OUTCOME_OK;
        findings->failed += run->outcome == EK_OUTCOME_FAILED;
        findings->diverged += run->outcome == EK_OUTCOME_DIVERGED;
        findings->doomed += run->outcome == EK_OUTCOME_DOOMED;
    }
}

/* ---- comparisons ----------------------------------------------------------------------------- */

/* Each question has one p a comparison: Holm over the comparisons, then the verdicts. */
static ek_status correct(ek_findings *findings, ek_error *err)
{
    size_t count = findings->comparison_count;
    double *p = ek_calloc(2 * TESTS * count, sizeof *p), *corrected = p + TESTS * count;
    if (!p) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the comparisons");
    }
    for (size_t i = 0; i < count; i++) {
        double three[TESTS];
        ek_verdict_p(&findings->comparisons[i].numbers.numbers, three);
        for (size_t t = 0; t < TESTS; t++) {
            p[t * count + i] = three[t];
        }
    }
    for (size_t t = 0; t < TESTS; t++) {
        ek_holm(p + t * count, corrected + t * count, count);
    }
    for (size_t i = 0; i < count; i++) {
        const double three[TESTS] = {corrected[i], corrected[count + i], corrected[2 * count + i]};
        ek_group_comparison *c = &findings->comparisons[i].numbers;
        c->verdict = ek_verdict_from(&c->numbers, three);
        c->unit = findings->unit;
    }
    ek_free(p);
    return EK_OK;
}

/* Adds the lines of text that are not there yet. */
static void add_lines(ek_buf *all, const char *text)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        const char *line = ek_buf_text(all);
        bool known = false;
        for (; !known && *line; line += strcspn(line, "\n") + 1) {
            known = strcspn(line, "\n") == length && strncmp(line, text, length) == 0;
        }
        if (!known && length > 0) {
            ek_buf_append(all, text, length);
            ek_buf_putc(all, '\n');
        }
        text += length + (text[length] == '\n');
    }
}

static ek_status say(ek_findings *findings, ek_error *err)
{
    ek_buf warnings = {0};
    bool best = strcmp(findings->table.checkpoint, "best") == 0;
    const char *first = findings->table.count ? findings->table.rows[0].group : "";
    for (size_t i = 0; i < findings->comparison_count; i++) {
        ek_findings_comparison *item = &findings->comparisons[i];
        const ek_group_comparison *c = &item->numbers;
        ek_buf text = {0}, lines = {0};
        ek_verdict_text(&c->numbers, &c->verdict, c->a, c->b, &findings->unit, &text);
        ek_verdict_warnings(&c->numbers, c->a, c->b, best, &lines);
        add_lines(&warnings, ek_buf_text(&lines));
        ek_buf_deinit(&lines);
        item->text = ek_buf_take(&text);
        if (!item->text) {
            ek_buf_deinit(&warnings);
            return ek_error_set(err, EK_E_MEMORY, "no memory for the verdict");
        }
    }
    if (findings->table.count == 1) {
        /* A group alone is its own comparison as far as warnings go. */
        ek_comparison alone = {.a = findings->table.rows[0].summary,
                               .b = findings->table.rows[0].summary};
        ek_buf lines = {0};
        ek_verdict_warnings(&alone, first, first, best, &lines);
        add_lines(&warnings, ek_buf_text(&lines));
        ek_buf_deinit(&lines);
    }
    if (findings->unfinished > 0) {
        ek_buf_printf(&warnings, "%zu of %zu runs %s not finished: %s in no number.\n",
                      findings->unfinished, findings->table.run_count,
                      findings->unfinished == 1 ? "is" : "are",
                      findings->unfinished == 1 ? "it is" : "they are");
    }
    ek_buf_puts(&warnings, "");
    ek_status status = ek_buf_status(&warnings, err);
    findings->warnings = ek_buf_take(&warnings);
    return status;
}

static ek_status compare(ek_findings *findings, ek_store *store, ek_error *err)
{
    const ek_group_table *table = &findings->table;
    findings->comparison_count = table->count > 1 ? table->count - 1 : 0;
    findings->comparisons = ek_calloc(findings->comparison_count, sizeof *findings->comparisons);
    if (!findings->comparisons) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the comparisons");
    }
    for (size_t i = 0; i < findings->comparison_count; i++) {
        ek_findings_comparison *item = &findings->comparisons[i];
        item->group = i + 1;
        EK_TRY(ek_group_compare(&item->numbers, table, store, table->rows[0].group,
                                table->rows[i + 1].group, err));
    }
    return correct(findings, err);
}

static ek_status load(ek_findings *findings, ek_store *store, ek_error *err)
{
    EK_TRY(ek_group_table_load(&findings->table, store, err));
    EK_TRY(ek_store_record(store, &findings->record, err));
    findings->groups = ek_calloc(findings->table.count, sizeof *findings->groups);
    if (!findings->groups) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the groups");
    }
    for (size_t i = 0; i < findings->table.count; i++) {
        EK_TRY(collect(&findings->table, findings->table.rows[i].group, &findings->groups[i], err));
    }
    count_runs(findings);
    findings->unit =
        strcmp(findings->table.facts.reported, "mse") == 0 ? (ek_score_unit){1.0, 4} : ek_percent;
    EK_TRY(compare(findings, store, err));
    return say(findings, err);
}

ek_status ek_findings_load(ek_findings *findings, ek_store *store, ek_error *err)
{
    *findings = (ek_findings){0};
    ek_status status = load(findings, store, err);
    if (status != EK_OK) {
        ek_findings_free(findings);
    }
    return status;
}

void ek_findings_free(ek_findings *findings)
{
    for (size_t i = 0; findings->groups && i < findings->table.count; i++) {
        ek_free(findings->groups[i].scores);
        ek_free(findings->groups[i].failed);
        ek_free(findings->groups[i].runs);
    }
    for (size_t i = 0; findings->comparisons && i < findings->comparison_count; i++) {
        ek_free(findings->comparisons[i].text);
    }
    ek_free(findings->groups);
    ek_free(findings->comparisons);
    ek_free(findings->warnings);
    ek_study_record_free(&findings->record);
    ek_group_table_free(&findings->table);
    *findings = (ek_findings){0};
}

/* ---- words ----------------------------------------------------------------------------------- */

void ek_findings_score(const ek_findings *findings, ek_buf *out, double value)
{
    if (isnan(value)) {
        ek_buf_puts(out, "-");
    } else {
        ek_buf_printf(out, "%.*f", findings->unit.decimals, findings->unit.scale * value);
    }
}

void ek_findings_interval(const ek_findings *findings, ek_buf *out, double low, double high)
{
    if (isnan(low) || isnan(high)) {
        return;
    }
    ek_buf_puts(out, " [");
    ek_findings_score(findings, out, low);
    ek_buf_puts(out, ", ");
    ek_findings_score(findings, out, high);
    ek_buf_putc(out, ']');
}

void ek_findings_subject(const ek_findings *findings, ek_buf *out)
{
    const ek_study_facts *facts = &findings->table.facts;
    ek_buf_printf(out, "%s, %s on %s (%zu examples), %s checkpoint", facts->task, facts->reported,
                  facts->split, facts->validation_count, findings->table.checkpoint);
}

/* By which method the intervals of means and SDs were made. */
static const char *interval_methods(const ek_findings *findings)
{
    bool bca = false, percentile = false;
    for (size_t i = 0; i < findings->table.count; i++) {
        const ek_summary *s = &findings->table.rows[i].summary;
        bca = bca || s->mean_method == EK_INTERVAL_BCA || s->sd_method == EK_INTERVAL_BCA;
        percentile = percentile || s->mean_method == EK_INTERVAL_PERCENTILE ||
                     s->sd_method == EK_INTERVAL_PERCENTILE;
    }
    return percentile ? bca ? "BCa bootstrap, percentile where BCa is undefined"
                            : "percentile bootstrap (BCa is undefined here)"
                      : "BCa bootstrap";
}

void ek_findings_notes(const ek_findings *findings, ek_buf *out)
{
    const ek_group_table *table = &findings->table;
    bool percent = findings->unit.scale == 100.0;
    ek_buf_printf(out, "Scores are %s on %s%s, of the %s checkpoint of each run.\n",
                  table->facts.reported, table->facts.split, percent ? " in percent" : "",
                  table->checkpoint);
    ek_buf_printf(out,
                  "Intervals are 95 %%: of mean and SD %s (10,000 resamples over seeds), of the "
                  "share of failed runs Wilson.\n",
                  interval_methods(findings));
    ek_buf_puts(out, "SD is over seeds with ddof 1. IQR: lower and upper quartile, interpolated "
                     "(R type 7).\n");
    ek_buf_puts(out, "Failed: the score is not above that of always answering the most frequent "
                     "class, the majority baseline (");
    ek_findings_score(findings, out, table->facts.baseline);
    ek_buf_puts(out, "). Diverged runs, in which a loss, gradient or logit was not finite, are "
                     "counted as failed. No finished run is left out of any number.\n");
    for (size_t i = 0; i < table->count; i++) {
        const ek_group_row *row = &table->rows[i];
        ek_doomed_note(&row->doomed, row->group, findings->unit.scale, findings->unit.decimals,
                       out);
        ek_buf_puts(out, row->doomed.rule.known ? "\n" : "");
    }
    if (findings->comparison_count > 0) {
        ek_buf_printf(
            out,
            "Every group is compared with the first, %s: spread by Brown-Forsythe (centre: "
            "median), failures by Fisher's exact test, level by Mann-Whitney. Two-sided, "
            "level 0.05%s. No test with fewer than %d runs in a group.\n",
            table->rows[0].group,
            findings->comparison_count > 1
                ? "; the p of each question are Holm-corrected over the groups"
                : "",
            EK_VERDICT_FEWEST_RUNS);
        ek_buf_puts(out, "The seeds are what varies. The examples are the same in every run: their "
                         "own noise is in no interval of the table.\n");
    }
}
