#include "report/group_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "data/task.h"
#include "report/lines.h"
#include "report/numbers.h"

enum { RESAMPLE_SEED = 1, SEEDS_FEW = 5 };

static ek_group_row *find_row(ek_group_table *table, const char *group)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->rows[i].group, group) == 0) {
            return &table->rows[i];
        }
    }
    return NULL;
}

static ek_status add_row(ek_group_table *table, ek_store *store, const ek_run_row *run,
                         ek_error *err)
{
    ek_group_row *grown = ek_realloc(table->rows, table->count + 1, sizeof *grown);
    if (!grown) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the table");
    }
    table->rows = grown;
    ek_group_row *row = &grown[table->count++];
    *row = (ek_group_row){.group = ek_strdup(run->group), .recipe = ek_strdup(run->recipe)};
    ek_buf settings = {0};
    ek_status status = ek_store_group_settings(store, run->group, &settings, err);
    row->settings_json = ek_buf_take(&settings);
    if (status == EK_OK && (!row->group || !row->recipe || !row->settings_json)) {
        status = ek_error_set(err, EK_E_MEMORY, "no memory for the table");
    }
    return status;
}

/* What is known of the runs that were stopped early; row->summary is there. */
static void count_doomed(const ek_group_table *table, ek_group_row *row)
{
    ek_doomed_group *doomed = &row->doomed;
    double ok_sum = 0;
    size_t ok = 0;
    for (size_t i = 0; i < table->run_count; i++) {
        const ek_run_row *run = &table->runs[i];
        if (strcmp(run->group, row->group) != 0 || run->status != EK_RUN_DONE) {
            continue;
        }
        bool stopped = run->outcome == EK_OUTCOME_DOOMED;
        doomed->runs++;
        doomed->stopped += stopped;
        doomed->doomed_sum += stopped ? run->score : 0;
        ok += run->outcome == EK_OUTCOME_OK;
        ok_sum += run->outcome == EK_OUTCOME_OK ? run->score : 0;
    }
    doomed->mean = row->summary.mean;
    doomed->mean_ok = ok > 0 ? ok_sum / (double)ok : (double)NAN;
    row->summary.doomed = doomed->stopped;
}

int64_t ek_group_table_steps(const ek_group_table *table, const ek_run_row *run)
{
    for (size_t i = 0; i < table->count && run->outcome == EK_OUTCOME_DOOMED; i++) {
        if (strcmp(table->rows[i].group, run->group) == 0) {
            return table->rows[i].doomed.rule.step;
        }
    }
    return run->total_steps;
}

static ek_status summarise(ek_group_table *table, ek_group_row *row, ek_error *err)
{
    double *scores = ek_calloc(table->run_count, sizeof *scores);
    uint8_t *failed = ek_calloc(table->run_count, 1), *diverged = ek_calloc(table->run_count, 1);
    size_t n = 0;
    if (!scores || !failed || !diverged) {
        ek_free(scores);
        ek_free(failed);
        ek_free(diverged);
        return ek_error_set(err, EK_E_MEMORY, "no memory for the table");
    }
    for (size_t i = 0; i < table->run_count; i++) {
        const ek_run_row *run = &table->runs[i];
        if (strcmp(run->group, row->group) != 0) {
            continue;
        }
        if (run->status != EK_RUN_DONE) {
            row->unfinished++;
            continue;
        }
        scores[n] = run->score;
        failed[n] = run->outcome != EK_OUTCOME_OK;
        diverged[n] = run->outcome == EK_OUTCOME_DIVERGED;
        n++;
    }
    row->summary = ek_summary_of(scores, failed, diverged, n, RESAMPLE_SEED);
    count_doomed(table, row);
    ek_free(scores);
    ek_free(failed);
    ek_free(diverged);
    return EK_OK;
}

static ek_status load(ek_group_table *table, ek_store *store, ek_error *err)
{
    EK_TRY(ek_store_facts(store, &table->facts, err));
    if (ek_task_is_masked_lm(table->facts.task)) {
        return ek_error_set(err, EK_E_USAGE,
                            "this is a run of masked-language modelling: a perplexity is no score, "
                            "which tables and reports need; 'evenkeel metrics' lists its numbers");
    }
    EK_TRY(ek_store_runs(store, &table->runs, &table->run_count, err));
    for (size_t i = 0; i < table->run_count; i++) {
        if (!find_row(table, table->runs[i].group)) {
            EK_TRY(add_row(table, store, &table->runs[i], err));
        }
    }
    table->checkpoint = "last";
    for (size_t i = 0; i < table->count; i++) {
        EK_TRY(ek_doomed_load(&table->rows[i].doomed.rule, store, table->rows[i].group, err));
        EK_TRY(summarise(table, &table->rows[i], err));
        ek_buf rule = {0};
        ek_status status =
            ek_store_group_value(store, table->rows[i].group, "report_checkpoint", &rule, err);
        if (strcmp(ek_buf_text(&rule), "best") == 0) {
            table->checkpoint = "best";
        }
        ek_buf_deinit(&rule);
        EK_TRY(status);
    }
    return EK_OK;
}

ek_status ek_group_table_load(ek_group_table *table, ek_store *store, ek_error *err)
{
    *table = (ek_group_table){0};
    ek_status status = load(table, store, err);
    if (status != EK_OK) {
        ek_group_table_free(table);
    }
    return status;
}

void ek_group_table_free(ek_group_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        ek_free(table->rows[i].group);
        ek_free(table->rows[i].recipe);
        ek_free(table->rows[i].settings_json);
    }
    ek_free(table->rows);
    ek_run_rows_free(table->runs, table->run_count);
    ek_study_facts_free(&table->facts);
    *table = (ek_group_table){0};
}

/* ---- text ------------------------------------------------------------------------------------ */

/* A score in percent, or a dash where there is none. */
static const char *percent(char out[16], double value)
{
    if (isnan(value)) {
        return strcpy(out, "-");
    }
    snprintf(out, 16, "%.1f", 100 * value);
    return out;
}

static int name_width(const ek_group_table *table)
{
    size_t widest = 5;
    for (size_t i = 0; i < table->count; i++) {
        size_t length = strlen(table->rows[i].group);
        widest = length > widest ? length : widest;
    }
    return widest > 40 ? 40 : (int)widest;
}

static void text_row(ek_buf *out, const ek_group_row *row, int width, const ek_table_style *style)
{
    const ek_summary *s = &row->summary;
    char mean[16], low[16], high[16], sd[16], min[16], median[16], max[16], failed[32];
    char interval[40];
    snprintf(failed, sizeof failed, "%zu/%zu", s->failed, s->n);
    snprintf(interval, sizeof interval, "[%s, %s]", percent(low, s->mean_low),
             percent(high, s->mean_high));
    bool alarm = style->color && s->failed > 0;
    ek_buf_printf(out, " %-*.*s %4zu  %s%7s%s  %6s  %-14s %5s  %5s  %6s  %5s\n", width, width,
                  row->group, s->n, alarm ? "\033[31m" : "", failed, alarm ? "\033[0m" : "",
                  percent(mean, s->mean), interval, percent(sd, s->sd), percent(min, s->min),
                  percent(median, s->median), percent(max, s->max));
}

static void text_notes(const ek_group_table *table, ek_buf *out)
{
    bool few = false, some_failed = false, bca = false, percentile = false;
    size_t unfinished = 0, diverged = 0;
    for (size_t i = 0; i < table->count; i++) {
        const ek_group_row *row = &table->rows[i];
        few = few || row->summary.n < SEEDS_FEW;
        bca = bca || row->summary.mean_method == EK_INTERVAL_BCA;
        percentile = percentile || row->summary.mean_method == EK_INTERVAL_PERCENTILE;
        some_failed = some_failed || row->summary.failed > 0;
        unfinished += row->unfinished;
        diverged += row->summary.diverged;
    }
    ek_buf_printf(out,
                  " [ ]: 95 %% bootstrap interval of the mean, %s (10,000 resamples over seeds).\n"
                  " SD: over seeds, ddof 1.\n",
                  percentile ? bca ? "BCa, percentile where that is undefined" : "percentile"
                             : "BCa");
    ek_buf_printf(out, " failed: final score not above the majority baseline (%.1f).%s\n",
                  100 * table->facts.baseline, " No run is left out of any number.");
    for (size_t i = 0; some_failed && i < table->count; i++) {
        const ek_group_row *row = &table->rows[i];
        char low[16], high[16], sd[16];
        if (row->summary.failed == 0) {
            continue;
        }
        ek_buf_printf(out, " %.40s: failure rate %.0f %% [%s, %s] (95 %% Wilson)", row->group,
                      100.0 * (double)row->summary.failed / (double)row->summary.n,
                      percent(low, row->summary.failed_low),
                      percent(high, row->summary.failed_high));
        if (!isnan(row->summary.sd_ok)) {
            ek_buf_printf(out, "; SD without failed runs %s", percent(sd, row->summary.sd_ok));
        }
        ek_buf_puts(out, "\n");
    }
    if (diverged > 0) {
        ek_buf_printf(out,
                      " %zu of the failed runs diverged: a loss, gradient or logit was not "
                      "finite.\n",
                      diverged);
    }
    for (size_t i = 0; i < table->count; i++) {
        ek_buf note = {0};
        ek_doomed_note(&table->rows[i].doomed, table->rows[i].group, 100, 1, &note);
        ek_lines_wrap(out, " ", "   ", ek_buf_text(&note));
        ek_buf_deinit(&note);
    }
    if (strcmp(table->checkpoint, "best") == 0) {
        ek_buf_puts(out, " warning: the best checkpoint was chosen on the reported split: scores "
                         "are optimistic.\n");
    }
    if (few) {
        ek_buf_puts(out, " warning: fewer than 5 seeds say little about a spread.\n");
    }
    if (unfinished > 0) {
        ek_buf_printf(out, " %zu run%s not finished.\n", unfinished,
                      unfinished == 1 ? " is" : "s are");
    }
}

void ek_group_table_text(const ek_group_table *table, ek_buf *out, const ek_table_style *style)
{
    const ek_study_facts *facts = &table->facts;
    int width = name_width(table);
    const char *line = style->ascii ? "-" : "─";
    ek_buf_printf(out, " %s, %s on %s (%zu examples), %s checkpoint, percent; baseline %.1f\n",
                  facts->task, facts->reported, facts->split, facts->validation_count,
                  table->checkpoint, 100 * facts->baseline);
    ek_buf_printf(out, " %-*s %4s  %7s  %6s  %-14s %5s  %5s  %6s  %5s\n ", width, "group", "n",
                  "failed", "mean", "[95 %]", "SD", "min", "median", "max");
    for (int i = 0; i < width + 66; i++) {
        ek_buf_puts(out, line);
    }
    ek_buf_puts(out, "\n");
    for (size_t i = 0; i < table->count; i++) {
        text_row(out, &table->rows[i], width, style);
    }
    text_notes(table, out);
}

/* ---- CSV and JSON: fractions, not percent ---------------------------------------------------- */

static void csv_name(void *user, const char *name, double value)
{
    (void)value;
    ek_buf_printf(user, ",%s", name);
}

static void csv_number(void *user, const char *name, double value)
{
    char text[32];
    (void)name;
    ek_buf_printf(user, ",%s", ek_format_double(text, value));
}

void ek_group_table_csv(const ek_group_table *table, ek_buf *out)
{
    ek_summary none = {.n = 0};
    ek_buf_puts(out, "group,recipe");
    ek_summary_numbers(&none, csv_name, out);
    ek_buf_puts(out, ",mean_method,unfinished,metric,split,checkpoint,baseline\n");
    for (size_t r = 0; r < table->count; r++) {
        const ek_group_row *row = &table->rows[r];
        char text[32];
        ek_buf_csv_field(out, row->group);
        ek_buf_putc(out, ',');
        ek_buf_csv_field(out, row->recipe);
        ek_summary_numbers(&row->summary, csv_number, out);
        ek_buf_printf(out, ",%s,%zu,%s,%s,%s,%s\n",
                      ek_interval_method_name(row->summary.mean_method), row->unfinished,
                      table->facts.reported, table->facts.split, table->checkpoint,
                      ek_format_double(text, table->facts.baseline));
    }
}

static void put_string(ek_buf *out, const char *key, const char *value)
{
    ek_buf_printf(out, "\"%s\":", key);
    ek_buf_json_string(out, value, strlen(value));
    ek_buf_putc(out, ',');
}

static void json_number(void *user, const char *name, double value)
{
    ek_buf *out = user;
    ek_buf_printf(out, ",\"%s\":", name);
    ek_buf_json_double(out, value);
}

void ek_group_row_json(const ek_group_row *row, ek_buf *out)
{
    ek_buf_putc(out, '{');
    put_string(out, "group", row->group);
    put_string(out, "recipe", row->recipe);
    put_string(out, "mean_method", ek_interval_method_name(row->summary.mean_method));
    ek_buf_printf(out, "\"settings\":%s,\"unfinished\":%zu", row->settings_json, row->unfinished);
    ek_summary_numbers(&row->summary, json_number, out);
    ek_buf_puts(out, ",\"stop_doomed\":");
    ek_doomed_json(&row->doomed, out);
    ek_buf_putc(out, '}');
}

void ek_run_row_json(const ek_run_row *run, ek_buf *out)
{
    bool done = run->status == EK_RUN_DONE;
    ek_buf_printf(out, "{\"run\":%lld,", (long long)run->id);
    put_string(out, "group", run->group);
    put_string(out, "recipe", run->recipe);
    ek_buf_printf(out,
                  "\"seed\":%u,\"seeds\":{\"init\":%u,\"order\":%u,\"dropout\":%u,"
                  "\"subset\":%u,\"split\":%u},",
                  run->seed, run->seeds.init, run->seeds.order, run->seeds.dropout,
                  run->seeds.subset, run->seeds.split);
    ek_buf_printf(out, "\"status\":\"%s\"", ek_run_status_name(run->status));
    json_number(out, "score", run->score);
    if (done) {
        json_number(out, "best_score", run->best_score);
        ek_buf_printf(out, ",\"best_step\":%lld,\"total_steps\":%lld", (long long)run->best_step,
                      (long long)run->total_steps);
        json_number(out, "seconds", run->seconds);
        ek_buf_printf(out, ",\"outcome\":\"%s\",\"weights_hash\":\"%s\"}",
                      ek_outcome_name(run->outcome), run->weights_hash);
    } else {
        ek_buf_puts(out, ",\"outcome\":null,\"weights_hash\":null}");
    }
}

void ek_group_table_json_open(const ek_group_table *table, ek_buf *out)
{
    ek_buf_putc(out, '{');
    put_string(out, "task", table->facts.task);
    put_string(out, "metric", table->facts.reported);
    put_string(out, "split", table->facts.split);
    put_string(out, "checkpoint", table->checkpoint);
    put_string(out, "model_hash", table->facts.model_hash);
    put_string(out, "data_hash", table->facts.data_hash);
    ek_buf_puts(out, "\"baseline\":");
    ek_buf_json_double(out, table->facts.baseline);
    ek_buf_puts(out, ",\"groups\":[");
    for (size_t i = 0; i < table->count; i++) {
        ek_buf_puts(out, i ? "," : "");
        ek_group_row_json(&table->rows[i], out);
    }
    ek_buf_puts(out, "],\"runs\":[");
    for (size_t i = 0; i < table->run_count; i++) {
        ek_buf_puts(out, i ? "," : "");
        ek_run_row_json(&table->runs[i], out);
    }
    ek_buf_putc(out, ']');
}

void ek_group_table_json(const ek_group_table *table, ek_buf *out)
{
    ek_group_table_json_open(table, out);
    ek_buf_puts(out, "}\n");
}
