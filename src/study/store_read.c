/* The reading half of store.h: facts, runs, metrics, and the settings a run was made from. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "study/store.h"
#include "study/store_sql.h"

static ek_status no_memory(ek_error *err)
{
    return ek_error_set(err, EK_E_MEMORY, "no memory to read the store");
}

static void copy_text(char *out, size_t size, sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    snprintf(out, size, "%s", text ? text : "");
}

static void copy_hash(char out[65], sqlite3_stmt *statement, int column)
{
    copy_text(out, 65, statement, column);
}

/* Metric names are known; a stored one that is not is kept as "score". */
static const char *known_metric(const char *stored)
{
    static const char *const names[] = {"accuracy", "f1",       "macro_f1", "mcc",
                                        "pearson",  "spearman", "mse"};
    for (size_t i = 0; stored && i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], stored) == 0) {
            return names[i];
        }
    }
    return "score";
}

static ek_status read_labels(ek_store *store, ek_study_facts *facts, ek_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    EK_TRY(ek__store_prepare(store, &statement, err, "SELECT name FROM labels ORDER BY label", ""));
    ek_status status = ek__store_step(store, statement, &row, err);
    while (status == EK_OK && row) {
        char **grown =
            ek_realloc(facts->label_names, (size_t)facts->label_count + 1, sizeof *grown);
        if (!grown) {
            status = no_memory(err);
            break;
        }
        facts->label_names = grown;
        grown[facts->label_count] = ek__store_text(statement, 0);
        if (!grown[facts->label_count++]) {
            status = no_memory(err);
            break;
        }
        status = ek__store_step(store, statement, &row, err);
    }
    sqlite3_finalize(statement);
    return status;
}

ek_status ek_store_facts(ek_store *store, ek_study_facts *facts, ek_error *err)
{
    *facts = (ek_study_facts){0};
    sqlite3_stmt *statement;
    bool row;
    EK_TRY(ek__store_prepare(store, &statement, err,
                             "SELECT model_hash, data_hash, task, reported, baseline, train_count,"
                             " validation_count, notes FROM studies",
                             ""));
    ek_status status = ek__store_step(store, statement, &row, err);
    if (status == EK_OK && !row) {
        status = ek_error_set(err, EK_E_DATA, "%s holds no study", store->path);
    }
    if (status == EK_OK) {
        copy_hash(facts->model_hash, statement, 0);
        copy_hash(facts->data_hash, statement, 1);
        facts->task = ek__store_text(statement, 2);
        facts->reported = known_metric((const char *)sqlite3_column_text(statement, 3));
        facts->split = "validation";
        facts->baseline = ek__store_double(statement, 4);
        facts->train_count = (size_t)sqlite3_column_int64(statement, 5);
        facts->validation_count = (size_t)sqlite3_column_int64(statement, 6);
        facts->notes = ek__store_text(statement, 7);
        status = facts->task && facts->notes ? EK_OK : no_memory(err);
    }
    sqlite3_finalize(statement);
    if (status == EK_OK) {
        status = read_labels(store, facts, err);
    }
    if (status != EK_OK) {
        ek_study_facts_free(facts);
    }
    return status;
}

static int index_of(const char *name, const char *(*name_of)(int), int count)
{
    for (int i = 0; name && i < count; i++) {
        if (strcmp(name, name_of(i)) == 0) {
            return i;
        }
    }
    return 0;
}

static const char *status_name(int i)
{
    return ek_run_status_name((ek_run_status)i);
}

static const char *outcome_name(int i)
{
    return ek_outcome_name((ek_outcome)i);
}

static ek_status read_run(sqlite3_stmt *statement, ek_run_row *row, ek_error *err)
{
    *row = (ek_run_row){
        .id = sqlite3_column_int64(statement, 0),
        .group = ek__store_text(statement, 1),
        .recipe = ek__store_text(statement, 2),
        .seed = (uint32_t)sqlite3_column_int64(statement, 3),
        .seeds = {(uint32_t)sqlite3_column_int64(statement, 4),
                  (uint32_t)sqlite3_column_int64(statement, 5),
                  (uint32_t)sqlite3_column_int64(statement, 6),
                  (uint32_t)sqlite3_column_int64(statement, 7),
                  (uint32_t)sqlite3_column_int64(statement, 8)},
        .status = (ek_run_status)index_of((const char *)sqlite3_column_text(statement, 9),
                                          status_name, EK_RUN_INTERRUPTED + 1),
        .outcome = (ek_outcome)index_of((const char *)sqlite3_column_text(statement, 10),
                                        outcome_name, EK_OUTCOME_DOOMED + 1),
        .score = ek__store_double(statement, 11),
        .best_score = ek__store_double(statement, 12),
        .best_step = sqlite3_column_int64(statement, 13),
        .total_steps = sqlite3_column_int64(statement, 14),
        .seconds = ek__store_double(statement, 16) + ek__store_double(statement, 17),
        .nonfinite_step = sqlite3_column_type(statement, 18) == SQLITE_NULL
                              ? -1
                              : sqlite3_column_int64(statement, 18),
        .trained_tokens = sqlite3_column_int64(statement, 19),
        .reason = ek__store_text(statement, 22),
    };
    copy_hash(row->weights_hash, statement, 15);
    copy_text(row->started, sizeof row->started, statement, 20);
    copy_text(row->finished, sizeof row->finished, statement, 21);
    return row->group && row->recipe && row->reason ? EK_OK : no_memory(err);
}

ek_status ek_store_runs(ek_store *store, ek_run_row **out, size_t *count, ek_error *err)
{
    *out = NULL;
    *count = 0;
    sqlite3_stmt *statement;
    bool row;
    EK_TRY(ek__store_prepare(
        store, &statement, err,
        "SELECT runs.id, name, recipe, seed, init_seed, order_seed, dropout_seed, subset_seed,"
        " split_seed, status, outcome, score, best_score, best_step, total_steps, weights_hash,"
        " train_seconds, eval_seconds, nonfinite_step, trained_tokens, started, finished, reason"
        " FROM runs JOIN groups ON groups.id = group_id"
        " ORDER BY runs.id",
        ""));
    size_t capacity = 0;
    ek_status status = ek__store_step(store, statement, &row, err);
    while (status == EK_OK && row) {
        if (*count == capacity) {
            capacity = capacity * 2 + 64;
            ek_run_row *grown = ek_realloc(*out, capacity, sizeof *grown);
            if (!grown) {
                status = no_memory(err);
                break;
            }
            *out = grown;
        }
        status = read_run(statement, &(*out)[(*count)++], err);
        if (status == EK_OK) {
            status = ek__store_step(store, statement, &row, err);
        }
    }
    sqlite3_finalize(statement);
    if (status != EK_OK) {
        ek_run_rows_free(*out, *count);
        *out = NULL;
        *count = 0;
    }
    return status;
}

void ek_run_rows_free(ek_run_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ek_free(rows[i].group);
        ek_free(rows[i].recipe);
        ek_free(rows[i].reason);
    }
    ek_free(rows);
}

ek_status ek_store_metrics(ek_store *store, const char *glob,
                           void (*visit)(void *user, const ek_metric_record *record), void *user,
                           ek_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    EK_TRY(ek__store_prepare(
        store, &statement, err,
        "SELECT runs.id, groups.name, recipe, seed, step, metrics.name, value, kind, bits"
        " FROM metrics JOIN runs ON runs.id = run_id JOIN groups ON groups.id = group_id"
        " ORDER BY runs.id, metrics.name, step",
        ""));
    ek_status status = ek__store_step(store, statement, &row, err);
    for (; status == EK_OK && row; status = ek__store_step(store, statement, &row, err)) {
        const char *name = (const char *)sqlite3_column_text(statement, 5);
        if (!name || (glob && !ek_glob_match(glob, name))) {
            continue;
        }
        double value = sqlite3_column_double(statement, 6);
        if (sqlite3_column_type(statement, 7) != SQLITE_NULL) {
            int64_t bits = sqlite3_column_int64(statement, 8);
            memcpy(&value, &bits, sizeof value);
        }
        const char *group = (const char *)sqlite3_column_text(statement, 1);
        const char *recipe = (const char *)sqlite3_column_text(statement, 2);
        ek_metric_record record = {
            .run = sqlite3_column_int64(statement, 0),
            .group = group ? group : "",
            .recipe = recipe ? recipe : "",
            .seed = (uint32_t)sqlite3_column_int64(statement, 3),
            .step = sqlite3_column_int64(statement, 4),
            .name = name,
            .value = value,
        };
        visit(user, &record);
    }
    sqlite3_finalize(statement);
    return status;
}

/* ---- settings -------------------------------------------------------------------------------- */

/* Adds the rows of config of one group to settings. */
static ek_status add_config(ek_store *store, int64_t group, ek_settings *settings, ek_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    EK_TRY(ek__store_prepare(store, &statement, err,
                             "SELECT key, value FROM config WHERE group_id = ?", "i", group));
    ek_status status = ek__store_step(store, statement, &row, err);
    while (status == EK_OK && row) {
        const char *key = (const char *)sqlite3_column_text(statement, 0);
        const char *value = (const char *)sqlite3_column_text(statement, 1);
        static const char *const per_run[] = {"recipe",     "seeds",        "init_seed",
                                              "order_seed", "dropout_seed", "subset_seed",
                                              "split_seed"};
        bool skip = !key || !value;
        for (size_t i = 0; !skip && i < sizeof per_run / sizeof *per_run; i++) {
            skip = strcmp(key, per_run[i]) == 0;
        }
        if (!skip) {
            status = ek_settings_add(settings, key, value, EK_ORIGIN_FLAG, store->path, err);
        }
        if (status == EK_OK) {
            status = ek__store_step(store, statement, &row, err);
        }
    }
    sqlite3_finalize(statement);
    return status;
}

static ek_status add_run(ek_store *store, sqlite3_stmt *statement, ek_settings *settings,
                         ek_error *err)
{
    static const char *const keys[] = {"recipe",       "init_seed",   "order_seed",
                                       "dropout_seed", "subset_seed", "split_seed"};
    for (int i = 0; i < 6; i++) {
        const char *value = (const char *)sqlite3_column_text(statement, i + 1);
        EK_TRY(ek_settings_add(settings, keys[i], value ? value : "", EK_ORIGIN_FLAG, store->path,
                               err));
    }
    EK_TRY(add_config(store, 0, settings, err));
    return add_config(store, sqlite3_column_int64(statement, 0), settings, err);
}

ek_status ek_store_run_settings(ek_store *store, int64_t id, ek_settings *settings, ek_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    EK_TRY(
        ek__store_prepare(store, &statement, err,
                          "SELECT group_id, recipe, init_seed, order_seed, dropout_seed,"
                          " subset_seed, split_seed FROM runs JOIN groups ON groups.id = group_id"
                          " WHERE runs.id = ?",
                          "i", id));
    ek_status status = ek__store_step(store, statement, &row, err);
    if (status == EK_OK) {
        status =
            row ? add_run(store, statement, settings, err)
                : ek_error_set(err, EK_E_USAGE, "%s has no run %lld", store->path, (long long)id);
    }
    sqlite3_finalize(statement);
    return status;
}

ek_status ek_store_group_settings(ek_store *store, const char *group, ek_buf *json, ek_error *err)
{
    sqlite3_stmt *statement;
    bool row, first = true;
    EK_TRY(ek__store_prepare(store, &statement, err,
                             "SELECT key, value FROM config JOIN groups ON groups.id = group_id"
                             " WHERE name = ? ORDER BY key",
                             "s", group));
    ek_status status = ek__store_step(store, statement, &row, err);
    ek_buf_putc(json, '{');
    for (; status == EK_OK && row; status = ek__store_step(store, statement, &row, err)) {
        const char *key = (const char *)sqlite3_column_text(statement, 0);
        const char *value = (const char *)sqlite3_column_text(statement, 1);
        double number;
        if (!key || !value) {
            continue;
        }
        ek_buf_puts(json, first ? "" : ",");
        ek_buf_json_string(json, key, strlen(key));
        ek_buf_putc(json, ':');
        if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0) {
            ek_buf_puts(json, value);
        } else if (ek_parse_double(value, &number) && isfinite(number)) {
            ek_buf_json_double(json, number);
        } else {
            ek_buf_json_string(json, value, strlen(value));
        }
        first = false;
    }
    ek_buf_putc(json, '}');
    sqlite3_finalize(statement);
    return status == EK_OK ? ek_buf_status(json, err) : status;
}

ek_status ek_store_group_value(ek_store *store, const char *group, const char *key, ek_buf *value,
                               ek_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    EK_TRY(ek__store_prepare(store, &statement, err,
                             "SELECT value FROM config JOIN groups ON groups.id = group_id"
                             " WHERE name = ? AND key = ?",
                             "ss", group, key));
    ek_status status = ek__store_step(store, statement, &row, err);
    if (status == EK_OK && row) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        ek_buf_puts(value, text ? text : "");
    }
    sqlite3_finalize(statement);
    return status;
}
