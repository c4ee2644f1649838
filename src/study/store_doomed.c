/* The part of doomed.h that reads and writes the store: the runs to learn from, and the rule of a
 * group, in a table of its own that only studies with stop_doomed have. */
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "study/doomed.h"
#include "study/store_sql.h"

static const char table[] =
    "CREATE TABLE IF NOT EXISTS doomed_rules(group_id INTEGER PRIMARY KEY REFERENCES groups(id),"
    " feature TEXT, above INTEGER NOT NULL, threshold REAL, trusted INTEGER NOT NULL,"
    " step INTEGER NOT NULL, total_steps INTEGER NOT NULL, runs INTEGER NOT NULL,"
    " failed INTEGER NOT NULL, hits INTEGER NOT NULL, false_alarms INTEGER NOT NULL,"
    " misses INTEGER NOT NULL, passes INTEGER NOT NULL)";

/* ---- runs ------------------------------------------------------------------------------------ */

static ek_status no_memory(ek_error *err)
{
    return ek_error_set(err, EK_E_MEMORY, "no memory for the runs to learn from");
}

/* Metrics up to a step, with their names. */
struct rows {
    ek_metric_row *items;
    size_t count, capacity;
};

static void free_rows(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        ek_free((char *)(uintptr_t)rows->items[i].name);
    }
    ek_free(rows->items);
}

static ek_status read_rows(ek_store *store, sqlite3_stmt *statement, struct rows *rows,
                           ek_error *err)
{
    bool row;
    ek_status status = ek__store_step(store, statement, &row, err);
    for (; status == EK_OK && row; status = ek__store_step(store, statement, &row, err)) {
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        if (!name || !ek_doomed_looks_at(name)) {
            continue;
        }
        if (rows->count == rows->capacity) {
            size_t capacity = 2 * rows->capacity + 256;
            ek_metric_row *grown = ek_realloc(rows->items, capacity, sizeof *grown);
            if (!grown) {
                return no_memory(err);
            }
            rows->items = grown;
            rows->capacity = capacity;
        }
        double value = sqlite3_column_double(statement, 2);
        if (sqlite3_column_type(statement, 3) != SQLITE_NULL) {
            int64_t bits = sqlite3_column_int64(statement, 3);
            memcpy(&value, &bits, sizeof value);
        }
        char *copy = ek_strdup(name);
        if (!copy) {
            return no_memory(err);
        }
        rows->items[rows->count++] =
            (ek_metric_row){copy, sqlite3_column_int64(statement, 1), value};
    }
    return status;
}

static ek_status read_features(ek_store *store, int64_t run, int64_t step, int64_t total_steps,
                               double out[EK_DOOMED_FEATURES], ek_error *err)
{
    sqlite3_stmt *statement;
    struct rows rows = {0};
    EK_TRY(ek__store_prepare(store, &statement, err,
                             "SELECT name, step, value, CASE WHEN kind IS NULL THEN NULL ELSE bits"
                             " END FROM metrics WHERE run_id = ? AND step <= ?",
                             "ii", run, step));
    ek_status status = read_rows(store, statement, &rows, err);
    sqlite3_finalize(statement);
    if (status == EK_OK) {
        status = ek_doomed_features(out, rows.items, rows.count, step, total_steps, err);
    }
    free_rows(&rows);
    return status;
}

static bool wanted(const ek_run_row *row, const char *group, const int64_t *seeds,
                   size_t seed_count, bool listed)
{
    bool found = !seeds;
    for (size_t i = 0; i < seed_count && !found; i++) {
        found = seeds[i] == row->seed;
    }
    return row->status == EK_RUN_DONE && strcmp(row->group, group) == 0 &&
           (!seeds || found == listed);
}

static ek_status add_run(ek_doomed_runs *runs, ek_store *store, const ek_run_row *row,
                         int64_t logging_steps, ek_error *err)
{
    size_t at = runs->count;
    if (row->outcome == EK_OUTCOME_DOOMED) {
        runs->stopped++;
        return EK_OK;
    }
    runs->total_steps = row->total_steps;
    runs->step = ek_doomed_step(row->total_steps, logging_steps);
    runs->failed[at] = row->outcome != EK_OUTCOME_OK;
    runs->seeds[at] = row->seed;
    runs->ids[at] = row->id;
    EK_TRY(read_features(store, row->id, runs->step, row->total_steps,
                         &runs->features[at * EK_DOOMED_FEATURES], err));
    runs->count++;
    return EK_OK;
}

static ek_status logging_steps_of(ek_store *store, const char *group, int64_t *steps, ek_error *err)
{
    ek_buf text = {0};
    ek_status status = ek_store_group_value(store, group, "logging_steps", &text, err);
    *steps = 0;
    if (status == EK_OK && !ek_parse_i64(ek_buf_text(&text), steps)) {
        status = ek_error_set(err, EK_E_DATA, "%s: the logging_steps of '%.60s' are not stored",
                              store->path, group);
    }
    ek_buf_deinit(&text);
    return status;
}

ek_status ek_doomed_runs_read(ek_doomed_runs *runs, ek_store *store, const char *group,
                              const int64_t *seeds, size_t seed_count, bool listed, ek_error *err)
{
    ek_run_row *rows;
    size_t count;
    int64_t logging_steps;
    *runs = (ek_doomed_runs){0};
    EK_TRY(logging_steps_of(store, group, &logging_steps, err));
    EK_TRY(ek_store_runs(store, &rows, &count, err));
    runs->features = ek_calloc(count + 1, EK_DOOMED_FEATURES * sizeof *runs->features);
    runs->failed = ek_calloc(count + 1, sizeof *runs->failed);
    runs->seeds = ek_calloc(count + 1, sizeof *runs->seeds);
    runs->ids = ek_calloc(count + 1, sizeof *runs->ids);
    ek_status status =
        runs->features && runs->failed && runs->seeds && runs->ids ? EK_OK : no_memory(err);
    for (size_t i = 0; i < count && status == EK_OK; i++) {
        if (wanted(&rows[i], group, seeds, seed_count, listed)) {
            status = add_run(runs, store, &rows[i], logging_steps, err);
        }
    }
    ek_run_rows_free(rows, count);
    if (status != EK_OK) {
        ek_doomed_runs_free(runs);
    }
    return status;
}

void ek_doomed_runs_free(ek_doomed_runs *runs)
{
    ek_free(runs->features);
    ek_free(runs->failed);
    ek_free(runs->seeds);
    ek_free(runs->ids);
    *runs = (ek_doomed_runs){0};
}

/* ---- rules ----------------------------------------------------------------------------------- */

ek_status ek_doomed_save(const ek_doomed_rule *rule, ek_store *store, const char *group,
                         ek_error *err)
{
    const ek_early_check *c = &rule->check;
    EK_TRY(ek__store_run(store, err, table, ""));
    return ek__store_run(
        store, err,
        "INSERT OR REPLACE INTO doomed_rules SELECT id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
        " FROM groups WHERE name = ?",
        "sidiiiiiiiiis", rule->rule.found ? ek_doomed_feature_name(rule->rule.feature) : NULL,
        (int64_t)rule->rule.above, rule->rule.threshold, (int64_t)rule->trusted, rule->step,
        rule->total_steps, (int64_t)rule->runs, (int64_t)rule->failed, (int64_t)c->hits,
        (int64_t)c->false_alarms, (int64_t)c->misses, (int64_t)c->passes, group);
}

static ek_status read_rule(ek_doomed_rule *rule, ek_store *store, sqlite3_stmt *statement,
                           ek_error *err)
{
    const char *feature = (const char *)sqlite3_column_text(statement, 0);
    size_t f = 0;
    while (feature && f < EK_DOOMED_FEATURES && strcmp(feature, ek_doomed_feature_name(f)) != 0) {
        f++;
    }
    if (f == EK_DOOMED_FEATURES) {
        return ek_error_set(err, EK_E_DATA,
                            "%s: a rule for doomed runs looks at '%.40s', which this version does "
                            "not know",
                            store->path, feature);
    }
    rule->known = true;
    rule->rule = (ek_early_rule){.found = feature != NULL,
                                 .feature = f,
                                 .above = sqlite3_column_int64(statement, 1) != 0,
                                 .threshold = ek__store_double(statement, 2)};
    rule->trusted = sqlite3_column_int64(statement, 3) != 0;
    rule->step = sqlite3_column_int64(statement, 4);
    rule->total_steps = sqlite3_column_int64(statement, 5);
    rule->runs = (size_t)sqlite3_column_int64(statement, 6);
    rule->failed = (size_t)sqlite3_column_int64(statement, 7);
    rule->check = (ek_early_check){.hits = (size_t)sqlite3_column_int64(statement, 8),
                                   .false_alarms = (size_t)sqlite3_column_int64(statement, 9),
                                   .misses = (size_t)sqlite3_column_int64(statement, 10),
                                   .passes = (size_t)sqlite3_column_int64(statement, 11)};
    ek_early_check_rates(&rule->check);
    return EK_OK;
}

static ek_status has_rules(ek_store *store, bool *has, ek_error *err)
{
    sqlite3_stmt *statement;
    EK_TRY(ek__store_prepare(store, &statement, err,
                             "SELECT 1 FROM sqlite_master WHERE name = 'doomed_rules'", ""));
    ek_status status = ek__store_step(store, statement, has, err);
    sqlite3_finalize(statement);
    return status;
}

ek_status ek_doomed_load(ek_doomed_rule *rule, ek_store *store, const char *group, ek_error *err)
{
    sqlite3_stmt *statement;
    bool has = false, row = false;
    *rule = (ek_doomed_rule){0};
    EK_TRY(has_rules(store, &has, err));
    if (!has) {
        return EK_OK;
    }
    EK_TRY(
        ek__store_prepare(store, &statement, err,
                          "SELECT feature, above, threshold, trusted, step, total_steps, runs,"
                          " doomed_rules.failed, hits, false_alarms, misses, passes"
                          " FROM doomed_rules JOIN groups ON groups.id = group_id WHERE name = ?",
                          "s", group));
    ek_status status = ek__store_step(store, statement, &row, err);
    if (status == EK_OK && row) {
        status = read_rule(rule, store, statement, err);
    }
    sqlite3_finalize(statement);
    return status;
}

static void say_rule(const ek_doomed_rule *rule, const char *group)
{
    char text[96], reason[200];
    ek_doomed_rule_text(rule, text);
    ek_doomed_reason(rule, reason);
    if (rule->trusted) {
        ek_info("%s: a run is doomed when at step %lld %s (learned from %zu runs; cross-validated "
                "precision %.2f [%.2f, %.2f], recall %.2f)",
                group, (long long)rule->step, text, rule->runs, rule->check.precision,
                rule->check.precision_low, rule->check.precision_high, rule->check.recall);
    } else {
        ek_info("%s: no run is stopped early: %s", group, reason);
    }
}

ek_status ek_doomed_settle(ek_doomed_rule *rule, ek_store *store, const ek_spec *spec, size_t arm,
                           ek_error *err)
{
    const char *group = spec->arms[arm].group;
    ek_doomed_runs runs;
    int64_t *seeds;
    size_t count;
    EK_TRY(ek_doomed_load(rule, store, group, err));
    if (rule->known) {
        return EK_OK;
    }
    EK_TRY(ek_parse_list(spec->options.stop_doomed, 0, 4294967295, spec->run_count, &seeds, &count,
                         err));
    ek_status status = ek_doomed_runs_read(&runs, store, group, seeds, count, true, err);
    ek_free(seeds);
    EK_TRY(status);
    status = ek_doomed_learn(rule, &runs, err);
    ek_doomed_runs_free(&runs);
    EK_TRY(status);
    EK_TRY(ek_doomed_save(rule, store, group, err));
    say_rule(rule, group);
    return EK_OK;
}
