#include "study/store.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "study/store_sql.h"

/* 'EKst': SQLite's application_id marks the file as ours. */
enum { APPLICATION_ID = 0x454B7374 };

static const char schema[] =
    "CREATE TABLE studies(id INTEGER PRIMARY KEY CHECK(id = 1), name TEXT NOT NULL,"
    " created TEXT NOT NULL, model_hash TEXT NOT NULL, data_hash TEXT NOT NULL, task TEXT NOT NULL,"
    " reported TEXT NOT NULL, split TEXT NOT NULL, baseline REAL, label_count INTEGER NOT NULL,"
    " train_count INTEGER NOT NULL, validation_count INTEGER NOT NULL, notes TEXT NOT NULL,"
    " yaml TEXT NOT NULL);"
    "CREATE TABLE labels(label INTEGER PRIMARY KEY, name TEXT NOT NULL);"
    "CREATE TABLE examples(example INTEGER PRIMARY KEY, label INTEGER, score REAL);"
    "CREATE TABLE groups(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, recipe TEXT NOT NULL);"
    "CREATE TABLE config(group_id INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,"
    " origin TEXT NOT NULL, PRIMARY KEY(group_id, key)) WITHOUT ROWID;"
    "CREATE TABLE runs(id INTEGER PRIMARY KEY, group_id INTEGER NOT NULL REFERENCES groups(id),"
    " seed INTEGER NOT NULL, init_seed INTEGER NOT NULL, order_seed INTEGER NOT NULL,"
    " dropout_seed INTEGER NOT NULL, subset_seed INTEGER NOT NULL, split_seed INTEGER NOT NULL,"
    " status TEXT NOT NULL, reason TEXT, outcome TEXT, score REAL, best_score REAL,"
    " best_step INTEGER, total_steps INTEGER, nonfinite_step INTEGER, weights_hash TEXT,"
    " train_seconds REAL, eval_seconds REAL, trained_tokens INTEGER, started TEXT, finished TEXT,"
    " UNIQUE(group_id, init_seed, order_seed, dropout_seed, subset_seed, split_seed));"
    "CREATE TABLE metrics(run_id INTEGER NOT NULL REFERENCES runs(id), name TEXT NOT NULL,"
    " step INTEGER NOT NULL, value REAL, kind TEXT, bits INTEGER,"
    " PRIMARY KEY(run_id, name, step)) WITHOUT ROWID;"
    "CREATE TABLE predictions(run_id INTEGER NOT NULL REFERENCES runs(id),"
    " example INTEGER NOT NULL, label INTEGER NOT NULL, probs TEXT NOT NULL,"
    " PRIMARY KEY(run_id, example)) WITHOUT ROWID;"
    "CREATE TABLE environment(id INTEGER PRIMARY KEY, started TEXT NOT NULL, version TEXT NOT NULL,"
    " compiler TEXT NOT NULL, isa TEXT NOT NULL, cpu TEXT NOT NULL, os TEXT NOT NULL,"
    " jobs INTEGER NOT NULL, threads INTEGER NOT NULL);";

const char *ek_run_status_name(ek_run_status status)
{
    static const char *const names[] = {"queued", "running", "done", "crashed", "interrupted"};
    return names[status];
}

void ek_study_facts_free(ek_study_facts *facts)
{
    for (int32_t i = 0; facts->label_names && i < facts->label_count; i++) {
        ek_free(facts->label_names[i]);
    }
    ek_free(facts->label_names);
    ek_free(facts->task);
    ek_free(facts->notes);
    *facts = (ek_study_facts){0};
}

/* ---- opening --------------------------------------------------------------------------------- */

static ek_status check_schema(ek_store *store, bool create, ek_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    EK_TRY(ek__store_prepare(store, &statement, err, "PRAGMA user_version", ""));
    ek_status status = ek__store_step(store, statement, &row, err);
    int version = status == EK_OK && row ? sqlite3_column_int(statement, 0) : 0;
    sqlite3_finalize(statement);
    EK_TRY(status);
    if (version == EK_STORE_SCHEMA || version == EK_STORE_SCHEMA_DOOMED) {
        return EK_OK;
    }
    if (version != 0 || !create) {
        return ek_error_set(err, EK_E_DATA,
                            "%s: %s; this evenkeel reads stores of schema %d and %d: use the "
                            "version that wrote it, or another folder",
                            store->path,
                            version ? "the store has another schema version"
                                    : "this is not a store of evenkeel",
                            EK_STORE_SCHEMA, EK_STORE_SCHEMA_DOOMED);
    }
    char pragmas[128];
    snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             APPLICATION_ID, EK_STORE_SCHEMA);
    const char *parts[] = {"BEGIN IMMEDIATE", schema, pragmas, "COMMIT"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (sqlite3_exec(store->db, parts[i], NULL, NULL, NULL) != SQLITE_OK) {
            return ek_error_set(err, EK_E_IO, "%s: %s", store->path, sqlite3_errmsg(store->db));
        }
    }
    return EK_OK;
}

/* The rollback journal works on every file system; a commit a run is rare enough for it. */
static ek_status open_database(ek_store *store, const char *file, int flags, bool create,
                               ek_error *err)
{
    if (sqlite3_open_v2(file, &store->db, flags, NULL) != SQLITE_OK) {
        return ek_error_set(err, EK_E_IO, "%s: %s", store->path,
                            store->db ? sqlite3_errmsg(store->db) : "no memory");
    }
    sqlite3_busy_timeout(store->db, 10000);
    return check_schema(store, create, err);
}

/* Who asks whether the lock is held (ek_store_is_written) has it for a moment: wait that out. */
static bool lock_patiently(int lock)
{
    const struct timespec pause = {0, 20 * 1000 * 1000};
    for (int tries = 0; tries < 5; tries++) {
        if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
            return true;
        }
        nanosleep(&pause, NULL);
    }
    return false;
}

bool ek_store_is_written(const char *dir)
{
    char *path = ek_path_join(dir, "store.lock");
    int lock = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    bool held = lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (lock >= 0) {
        close(lock);
    }
    ek_free(path);
    return held;
}

/* Holds DIR/store.lock for this process's life; its text says who holds it. */
static ek_status take_lock(ek_store *store, const char *dir, ek_error *err)
{
    char *path = ek_path_join(dir, "store.lock");
    if (!path) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    }
    ek_status status = EK_OK;
    store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (store->lock < 0) {
        status = ek_error_set(err, EK_E_IO, "%s: %s", path, strerror(errno));
    } else if (!lock_patiently(store->lock)) {
        char holder[100] = "";
        ssize_t length = read(store->lock, holder, sizeof holder - 1);
        holder[length > 0 ? strcspn(holder, "\n") : 0] = '\0';
        status =
            ek_error_set(err, EK_E_USAGE,
                         "%s is being written by another evenkeel (%s); wait for it, or choose "
                         "another folder with -o",
                         dir, holder[0] ? holder : "process unknown");
    } else {
        char text[100], now[32];
        int length = snprintf(text, sizeof text, "process %ld since %s\n", (long)getpid(),
                              ek_clock_utc(now));
        if (ftruncate(store->lock, 0) != 0 || pwrite(store->lock, text, (size_t)length, 0) < 0) {
            status = ek_error_set(err, EK_E_IO, "%s: %s", path, strerror(errno));
        }
    }
    ek_free(path);
    return status;
}

static ek_status open_store(ek_store **out, const char *dir, const char *file, int flags,
                            bool write, ek_error *err)
{
    ek_store *store = ek_calloc(1, sizeof *store);
    *out = NULL;
    if (!store) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the store");
    }
    store->lock = -1;
    store->path = dir ? ek_path_join(dir, file) : ek_strdup(file);
    ek_status status = EK_OK;
    if (!store->path) {
        status = ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    }
    if (status == EK_OK && dir && write) {
        status = ek_make_dirs(dir, err);
        status = status == EK_OK ? take_lock(store, dir, err) : status;
    }
    if (status == EK_OK && dir && !write && !ek_file_exists(store->path)) {
        status =
            ek_error_set(err, EK_E_DATA, "%s: there is no store.db; is it a study's folder?", dir);
    }
    if (status == EK_OK) {
        status = open_database(store, dir ? store->path : file, flags, write, err);
    }
    if (status != EK_OK) {
        ek_store_close(store);
        return status;
    }
    *out = store;
    return EK_OK;
}

ek_status ek_store_open(ek_store **out, const char *dir, ek_error *err)
{
    return open_store(out, dir, "store.db", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, true, err);
}

ek_status ek_store_open_read(ek_store **out, const char *dir, ek_error *err)
{
    return open_store(out, dir, "store.db", SQLITE_OPEN_READONLY, false, err);
}

ek_status ek_store_open_memory(ek_store **out, ek_error *err)
{
    return open_store(out, NULL, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, true, err);
}

void ek_store_close(ek_store *store)
{
    if (store) {
        sqlite3_close(store->db);
        if (store->lock >= 0) {
            close(store->lock);
        }
        ek_free(store->path);
        ek_free(store);
    }
}

/* ---- registering ----------------------------------------------------------------------------- */

struct diff {
    ek_buf lines;
    size_t count;
};

static void differ(struct diff *diff, const char *what, const char *stored, const char *now)
{
    if (strcmp(stored, now) != 0 && diff->count++ < 20) {
        ek_buf_printf(&diff->lines, "\n  %s: %.80s -> %.80s", what, stored, now);
    }
}

static ek_status insert_study(ek_store *store, const ek_spec *spec, const ek_study_facts *facts,
                              const char *yaml, ek_error *err)
{
    char now[32];
    EK_TRY(ek__store_run(store, err, "INSERT INTO studies VALUES(1,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                         "sssssssdiiiss", spec->name, ek_clock_utc(now), facts->model_hash,
                         facts->data_hash, facts->task, facts->reported, facts->split,
                         facts->baseline, (int64_t)facts->label_count, (int64_t)facts->train_count,
                         (int64_t)facts->validation_count, facts->notes, yaml));
    return EK_OK;
}

static ek_status insert_truth(ek_store *store, const ek_study_facts *facts, ek_error *err)
{
    for (int32_t i = 0; i < facts->label_count; i++) {
        EK_TRY(ek__store_run(store, err, "INSERT INTO labels VALUES(?,?)", "is", (int64_t)i,
                             facts->label_names[i]));
    }
    for (size_t i = 0; facts->labels && i < facts->validation_count; i++) {
        EK_TRY(ek__store_run(store, err, "INSERT INTO examples VALUES(?,?,?)", "iid", (int64_t)i,
                             (int64_t)facts->labels[i], facts->scores[i]));
    }
    return EK_OK;
}

static ek_status compare_study(ek_store *store, const ek_study_facts *facts, bool *exists,
                               struct diff *diff, ek_error *err)
{
    sqlite3_stmt *statement;
    EK_TRY(ek__store_prepare(store, &statement, err,
                             "SELECT model_hash, data_hash, reported FROM studies", ""));
    ek_status status = ek__store_step(store, statement, exists, err);
    if (status == EK_OK && *exists) {
        const char *now[] = {facts->model_hash, facts->data_hash, facts->reported};
        static const char *const what[] = {"model (hash of its files)",
                                           "data (hash of its content)", "reported metric"};
        for (int i = 0; i < 3; i++) {
            const char *stored = (const char *)sqlite3_column_text(statement, i);
            differ(diff, what[i], stored ? stored : "", now[i]);
        }
    }
    sqlite3_finalize(statement);
    return status;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Whether two lists of seeds, as text, name the same ones; NULL is no list. */
static bool same_seeds(const char *a, const char *b)
{
    int64_t *lists[2] = {NULL, NULL};
    const char *const texts[2] = {a, b};
    size_t counts[2] = {0, 0};
    ek_error ignored;
    bool same = (a == NULL) == (b == NULL);
    for (int i = 0; a && b && same && i < 2; i++) {
        same = ek_parse_list(texts[i], 0, 4294967295, 100000, &lists[i], &counts[i], &ignored) ==
               EK_OK;
        if (same) {
            qsort(lists[i], counts[i], sizeof *lists[i], by_number);
        }
    }
    if (same && a && b) {
        same =
            counts[0] == counts[1] && memcmp(lists[0], lists[1], counts[0] * sizeof *lists[0]) == 0;
    }
    ek_free(lists[0]);
    ek_free(lists[1]);
    return same;
}

/* Which runs are stopped early depends on the seeds of stop_doomed: they are part of the study. */
static ek_status compare_learning(ek_store *store, const ek_spec *spec, struct diff *diff,
                                  ek_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    EK_TRY(ek__store_prepare(store, &statement, err,
                             "SELECT value FROM config WHERE group_id = 0 AND key = 'stop_doomed'",
                             ""));
    ek_status status = ek__store_step(store, statement, &row, err);
    if (status == EK_OK) {
        const char *stored = row ? (const char *)sqlite3_column_text(statement, 0) : NULL;
        const char *now = spec->options.stop_doomed;
        if (!same_seeds(stored, now)) {
            differ(diff, "stop_doomed", stored ? stored : "(unset)", now ? now : "(unset)");
        }
    }
    sqlite3_finalize(statement);
    return status;
}

static ek_status mark_schema(ek_store *store, const ek_spec *spec, ek_error *err)
{
    char pragma[64];
    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", EK_STORE_SCHEMA_DOOMED);
    return spec->options.stop_doomed ? ek__store_run(store, err, pragma, "") : EK_OK;
}

static ek_status group_id(ek_store *store, const char *name, int64_t *id, ek_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    EK_TRY(ek__store_prepare(store, &statement, err, "SELECT id FROM groups WHERE name = ?", "s",
                             name));
    ek_status status = ek__store_step(store, statement, &row, err);
    *id = status == EK_OK && row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    return status;
}

static ek_status insert_options(ek_store *store, int64_t id, const ek_option_table *table,
                                const void *object, const ek_option_origin *origins, ek_error *err)
{
    for (size_t i = 0; i < table->count; i++) {
        ek_buf value = {0};
        ek_status status = EK_OK;
        if (ek_option_get(&table->rows[i], object, &value)) {
            status = ek__store_run(store, err, "INSERT OR REPLACE INTO config VALUES(?,?,?,?)",
                                   "isss", id, table->rows[i].name, ek_buf_text(&value),
                                   ek_option_origin_name(origins ? origins[i] : EK_ORIGIN_FLAG));
        }
        ek_buf_deinit(&value);
        EK_TRY(status);
    }
    return EK_OK;
}

/* Values of an arm that the store has with others. */
static ek_status compare_arm(ek_store *store, int64_t id, const ek_arm *arm, struct diff *diff,
                             ek_error *err)
{
    ek_recipe defaults;
    EK_TRY(ek_option_defaults(&ek_recipe_options, &defaults, err));
    for (size_t i = 0; i < ek_recipe_options.count; i++) {
        const ek_option *option = &ek_recipe_options.rows[i];
        if (!(option->flags & EK_OPTION_RESULT)) {
            continue;
        }
        sqlite3_stmt *statement;
        bool row;
        EK_TRY(ek__store_prepare(store, &statement, err,
                                 "SELECT value FROM config WHERE group_id = ? AND key = ?", "is",
                                 id, option->name));
        ek_status status = ek__store_step(store, statement, &row, err);
        ek_buf now = {0};
        bool set = ek_option_get(option, &arm->recipe, &now);
        /* A store of an older version lacks the options that came later: its runs had what is now
         * their default. */
        ek_buf before = {0};
        bool had = ek_option_get(option, &defaults, &before);
        const char *stored = row   ? (const char *)sqlite3_column_text(statement, 0)
                             : had ? ek_buf_text(&before)
                                   : "(unset)";
        char what[160];
        snprintf(what, sizeof what, "%.60s, %s", arm->group, option->name);
        differ(diff, what, stored, set ? ek_buf_text(&now) : "(unset)");
        ek_buf_deinit(&before);
        ek_buf_deinit(&now);
        sqlite3_finalize(statement);
        EK_TRY(status);
    }
    return EK_OK;
}

static ek_status register_arm(ek_store *store, const ek_arm *arm, struct diff *diff, ek_error *err)
{
    int64_t id;
    EK_TRY(group_id(store, arm->group, &id, err));
    if (id > 0) {
        return compare_arm(store, id, arm, diff, err);
    }
    EK_TRY(ek__store_run(store, err, "INSERT INTO groups(name, recipe) VALUES(?,?)", "ss",
                         arm->group, arm->recipe_name));
    id = sqlite3_last_insert_rowid(store->db);
    return insert_options(store, id, &ek_recipe_options, &arm->recipe, arm->origins, err);
}

static ek_status register_runs(ek_store *store, const ek_spec *spec, ek_error *err)
{
    for (size_t r = 0; r < spec->run_count; r++) {
        const ek_planned_run *run = &spec->runs[r];
        const ek_seeds *s = &run->seeds;
        EK_TRY(ek__store_run(
            store, err,
            "INSERT OR IGNORE INTO runs(group_id, seed, init_seed, order_seed, dropout_seed,"
            " subset_seed, split_seed, status)"
            " SELECT id, ?, ?, ?, ?, ?, ?, 'queued' FROM groups WHERE name = ?",
            "iiiiiis", (int64_t)run->seed, (int64_t)s->init, (int64_t)s->order, (int64_t)s->dropout,
            (int64_t)s->subset, (int64_t)s->split, spec->arms[run->arm].group));
    }
    return EK_OK;
}

static ek_status register_all(ek_store *store, const ek_spec *spec, const ek_study_facts *facts,
                              const char *yaml, struct diff *diff, ek_error *err)
{
    bool exists = false;
    EK_TRY(compare_study(store, facts, &exists, diff, err));
    if (!exists) {
        EK_TRY(insert_study(store, spec, facts, yaml, err));
        EK_TRY(insert_truth(store, facts, err));
    } else {
        EK_TRY(compare_learning(store, spec, diff, err));
    }
    for (size_t i = 0; i < spec->arm_count; i++) {
        EK_TRY(register_arm(store, &spec->arms[i], diff, err));
    }
    if (diff->count > 0) {
        EK_TRY(ek_buf_status(&diff->lines, err));
        return ek_error_set(err, EK_E_USAGE,
                            "%s holds this study with other values (stored -> now):%s%s\n"
                            "use another folder with -o, or the stored values",
                            store->path, ek_buf_text(&diff->lines),
                            diff->count > 20 ? "\n  ..." : "");
    }
    /* Paths may change as long as what they hold does not: the hashes were compared. */
    EK_TRY(insert_options(store, 0, &ek_source_options, &spec->source, NULL, err));
    EK_TRY(insert_options(store, 0, &ek_study_option_table, &spec->options, NULL, err));
    EK_TRY(ek__store_run(store, err, "UPDATE studies SET yaml = ?", "s", yaml));
    EK_TRY(register_runs(store, spec, err));
    EK_TRY(mark_schema(store, spec, err));
    return ek__store_run(store, err,
                         "UPDATE runs SET status = 'interrupted', reason = 'the process that ran it"
                         " ended' WHERE status = 'running'",
                         "");
}

ek_status ek_store_register(ek_store *store, const ek_spec *spec, const ek_study_facts *facts,
                            ek_error *err)
{
    ek_buf yaml = {0};
    struct diff diff = {{0}, 0};
    ek_status status = ek_spec_yaml(spec, &yaml, err);
    if (status == EK_OK) {
        status = ek__store_run(store, err, "BEGIN IMMEDIATE", "");
    }
    if (status == EK_OK) {
        status = register_all(store, spec, facts, ek_buf_text(&yaml), &diff, err);
        ek_error ignored;
        ek_status end = ek__store_run(store, status == EK_OK ? err : &ignored,
                                      status == EK_OK ? "COMMIT" : "ROLLBACK", "");
        status = status == EK_OK ? end : status;
    }
    ek_buf_deinit(&yaml);
    ek_buf_deinit(&diff.lines);
    return status;
}

ek_status ek_store_environment(ek_store *store, const char *isa, int jobs, int threads,
                               ek_error *err)
{
    struct utsname system;
    char now[32], os[200] = "unknown";
    if (uname(&system) == 0) { /* not nodename: host names stay out of what is shared */
        snprintf(os, sizeof os, "%.60s %.60s %.60s", system.sysname, system.release,
                 system.machine);
    }
#if defined(__clang__)
    const char *compiler = "clang " __clang_version__;
#else
    const char *compiler = "gcc " __VERSION__;
#endif
    return ek__store_run(store, err,
                         "INSERT INTO environment(started, version, compiler, isa, cpu, os, jobs,"
                         " threads) VALUES(?,?,?,?,?,?,?,?)",
                         "ssssssii", ek_clock_utc(now), EK_VERSION, compiler, isa, ek_cpu_name(),
                         os, (int64_t)jobs, (int64_t)threads);
}

/* ---- runs ------------------------------------------------------------------------------------ */

ek_status ek_store_run_id(ek_store *store, const ek_spec *spec, size_t planned, int64_t *id,
                          ek_run_status *run_status, ek_error *err)
{
    const ek_planned_run *run = &spec->runs[planned];
    const ek_seeds *s = &run->seeds;
    sqlite3_stmt *statement;
    bool row;
    EK_TRY(ek__store_prepare(
        store, &statement, err,
        "SELECT runs.id, status FROM runs JOIN groups ON groups.id = group_id WHERE name = ? AND"
        " init_seed = ? AND order_seed = ? AND dropout_seed = ? AND subset_seed = ? AND"
        " split_seed = ?",
        "siiiii", spec->arms[run->arm].group, (int64_t)s->init, (int64_t)s->order,
        (int64_t)s->dropout, (int64_t)s->subset, (int64_t)s->split));
    ek_status status = ek__store_step(store, statement, &row, err);
    if (status == EK_OK && !row) {
        status = ek_error_set(err, EK_E_FAILED, "%s: a planned run is not registered", store->path);
    }
    if (status == EK_OK) {
        *id = sqlite3_column_int64(statement, 0);
        const char *name = (const char *)sqlite3_column_text(statement, 1);
        *run_status = EK_RUN_QUEUED;
        for (int i = EK_RUN_QUEUED; i <= EK_RUN_INTERRUPTED; i++) {
            if (name && strcmp(name, ek_run_status_name((ek_run_status)i)) == 0) {
                *run_status = (ek_run_status)i;
            }
        }
    }
    sqlite3_finalize(statement);
    return status;
}

ek_status ek_store_run_started(ek_store *store, int64_t id, ek_error *err)
{
    char now[32];
    return ek__store_run(
        store, err, "UPDATE runs SET status = 'running', reason = NULL, started = ? WHERE id = ?",
        "si", ek_clock_utc(now), id);
}

static ek_status insert_metrics(ek_store *store, int64_t id, const ek_metric_row *metrics,
                                size_t count, ek_error *err)
{
    for (size_t i = 0; i < count; i++) {
        int64_t bits;
        const char *kind = ek__store_kind(metrics[i].value, &bits);
        EK_TRY(ek__store_run(store, err, "INSERT OR REPLACE INTO metrics VALUES(?,?,?,?,?,?)",
                             "isidsi", id, metrics[i].name, metrics[i].step, metrics[i].value, kind,
                             bits));
    }
    return EK_OK;
}

static ek_status insert_predictions(ek_store *store, int64_t id, const ek_predictions *predictions,
                                    ek_error *err)
{
    double *probs = ek_calloc((size_t)predictions->num_labels, sizeof *probs);
    ek_buf text = {0};
    ek_status status = probs ? EK_OK : ek_error_set(err, EK_E_MEMORY, "no memory for predictions");
    for (size_t i = 0; i < predictions->count && status == EK_OK; i++) {
        ek_predictions_probs(predictions, i, probs);
        ek_buf_clear(&text);
        ek_buf_putc(&text, '[');
        for (int32_t c = 0; c < predictions->num_labels; c++) {
            ek_buf_puts(&text, c ? "," : "");
            ek_buf_json_double(&text, (double)(float)probs[c]);
        }
        ek_buf_putc(&text, ']');
        status =
            ek__store_run(store, err, "INSERT OR REPLACE INTO predictions VALUES(?,?,?,?)", "iiis",
                          id, (int64_t)i, (int64_t)predictions->labels[i], ek_buf_text(&text));
    }
    ek_buf_deinit(&text);
    ek_free(probs);
    return status;
}

static ek_status insert_result(ek_store *store, int64_t id, const ek_run_result *result,
                               const ek_metric_row *metrics, size_t count, ek_error *err)
{
    char now[32];
    EK_TRY(ek__store_run(store, err, "DELETE FROM metrics WHERE run_id = ?", "i", id));
    EK_TRY(insert_metrics(store, id, metrics, count, err));
    EK_TRY(insert_predictions(store, id, &result->predictions, err));
    return ek__store_run(
        store, err,
        "UPDATE runs SET status = 'done', reason = NULL, outcome = ?, score = ?, best_score = ?,"
        " best_step = ?, total_steps = ?, nonfinite_step = ?, weights_hash = ?, train_seconds = ?,"
        " eval_seconds = ?, trained_tokens = ?, finished = ? WHERE id = ?",
        "sddiiisddisi", ek_outcome_name(result->outcome), result->score, result->best_score,
        result->best_step, result->total_steps, result->nonfinite_step, result->weights_hash,
        result->train_seconds, result->eval_seconds, result->trained_tokens, ek_clock_utc(now), id);
}

ek_status ek_store_run_finished(ek_store *store, int64_t id, const ek_run_result *result,
                                const ek_metric_row *metrics, size_t metric_count, ek_error *err)
{
    EK_TRY(ek__store_run(store, err, "BEGIN IMMEDIATE", ""));
    ek_status status = insert_result(store, id, result, metrics, metric_count, err);
    ek_error ignored;
    ek_status end = ek__store_run(store, status == EK_OK ? err : &ignored,
                                  status == EK_OK ? "COMMIT" : "ROLLBACK", "");
    return status == EK_OK ? end : status;
}

ek_status ek_store_run_ended(ek_store *store, int64_t id, ek_run_status status, const char *reason,
                             ek_error *err)
{
    return ek__store_run(store, err, "UPDATE runs SET status = ?, reason = ? WHERE id = ?", "ssi",
                         ek_run_status_name(status), reason, id);
}
