/* The part of store.h that reports read: series, predictions, settings with their origins, and
 * where a study ran. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "study/store.h"
#include "study/store_sql.h"

enum { MOST_LABELS = 100000, MOST_EXAMPLES = 100000000 };

static ek_status no_memory(ek_error *err)
{
    return ek_error_set(err, EK_E_MEMORY, "no memory to read the store");
}

/* ---- metrics --------------------------------------------------------------------------------- */

static ek_status read_series(ek_store *store, sqlite3_stmt *statement, int64_t **steps,
                             double **values, size_t *count, ek_error *err)
{
    size_t capacity = 0;
    bool row;
    ek_status status = ek__store_step(store, statement, &row, err);
    for (; status == EK_OK && row; status = ek__store_step(store, statement, &row, err)) {
        if (*count == capacity) {
            capacity = 2 * capacity + 256;
            int64_t *more_steps = ek_realloc(*steps, capacity, sizeof *more_steps);
            *steps = more_steps ? more_steps : *steps;
            double *more_values = ek_realloc(*values, capacity, sizeof *more_values);
            *values = more_values ? more_values : *values;
            if (!more_steps || !more_values) {
                return no_memory(err);
            }
        }
        double value = sqlite3_column_double(statement, 1);
        if (sqlite3_column_type(statement, 2) != SQLITE_NULL) {
            int64_t bits = sqlite3_column_int64(statement, 2);
            memcpy(&value, &bits, sizeof value);
        }
        (*steps)[*count] = sqlite3_column_int64(statement, 0);
        (*values)[(*count)++] = value;
    }
    return status;
}

ek_status ek_store_series(ek_store *store, int64_t run, const char *name, int64_t **steps,
                          double **values, size_t *count, ek_error *err)
{
    sqlite3_stmt *statement;
    *steps = NULL;
    *values = NULL;
    *count = 0;
    EK_TRY(ek__store_prepare(store, &statement, err,
                             "SELECT step, value, CASE WHEN kind IS NULL THEN NULL ELSE bits END"
                             " FROM metrics WHERE run_id = ? AND name = ? ORDER BY step",
                             "is", run, name));
    ek_status status = read_series(store, statement, steps, values, count, err);
    sqlite3_finalize(statement);
    if (status != EK_OK) {
        ek_free(*steps);
        ek_free(*values);
        *steps = NULL;
        *values = NULL;
        *count = 0;
    }
    return status;
}

ek_status ek_store_metric_names(ek_store *store, int64_t run, char ***names, size_t *count,
                                ek_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    *names = NULL;
    *count = 0;
    EK_TRY(ek__store_prepare(store, &statement, err,
                             "SELECT DISTINCT name FROM metrics WHERE run_id = ? ORDER BY name",
                             "i", run));
    ek_status status = ek__store_step(store, statement, &row, err);
    while (status == EK_OK && row) {
        char **grown = ek_realloc(*names, *count + 1, sizeof *grown);
        *names = grown ? grown : *names;
        char *name = grown ? ek__store_text(statement, 0) : NULL;
        if (!name) {
            status = no_memory(err);
            break;
        }
        (*names)[(*count)++] = name;
        status = ek__store_step(store, statement, &row, err);
    }
    sqlite3_finalize(statement);
    for (size_t i = 0; status != EK_OK && i < *count; i++) {
        ek_free((*names)[i]);
    }
    if (status != EK_OK) {
        ek_free(*names);
        *names = NULL;
        *count = 0;
    }
    return status;
}

/* ---- predictions ----------------------------------------------------------------------------- */

void ek_stored_predictions_free(ek_stored_predictions *p)
{
    ek_free(p->runs);
    ek_free(p->labels);
    ek_free(p->probs);
    ek_free(p->truth);
    ek_free(p->truth_scores);
    *p = (ek_stored_predictions){0};
}

static ek_status read_count(ek_store *store, const char *sql, int64_t most, size_t *out,
                            ek_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    EK_TRY(ek__store_prepare(store, &statement, err, sql, ""));
    ek_status status = ek__store_step(store, statement, &row, err);
    int64_t count = status == EK_OK && row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    if (status == EK_OK && (count < 0 || count > most)) {
        return ek_error_set(err, EK_E_DATA, "%s: a count of %lld is not possible", store->path,
                            (long long)count);
    }
    *out = (size_t)count;
    return status;
}

static ek_status read_truth(ek_store *store, ek_stored_predictions *p, ek_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    EK_TRY(ek__store_prepare(store, &statement, err, "SELECT example, label, score FROM examples",
                             ""));
    ek_status status = ek__store_step(store, statement, &row, err);
    for (; status == EK_OK && row; status = ek__store_step(store, statement, &row, err)) {
        int64_t example = sqlite3_column_int64(statement, 0);
        if (example < 0 || (size_t)example >= p->example_count) {
            continue;
        }
        bool has_label = sqlite3_column_type(statement, 1) != SQLITE_NULL;
        int64_t label = sqlite3_column_int64(statement, 1);
        p->truth[example] = has_label && label >= 0 && label < p->label_count ? (int32_t)label : -1;
        p->truth_scores[example] = ek__store_double(statement, 2);
    }
    sqlite3_finalize(statement);
    return status;
}

/* "[0.1,0.9]" into out[count]; false when it is something else. Numbers need not be finite. */
static bool parse_probs(const char *text, double *out, int32_t count)
{
    char number[64];
    const char *at = text;
    for (int32_t c = 0; c < count; c++) {
        if (*at++ != (c ? ',' : '[')) {
            return false;
        }
        size_t length = strcspn(at, ",]");
        if (length == 0 || length >= sizeof number) {
            return false;
        }
        memcpy(number, at, length);
        number[length] = '\0';
        if (strcmp(number, "null") == 0) {
            out[c] = (double)NAN;
        } else if (!ek_parse_double(number, &out[c])) {
            return false;
        }
        at += length;
    }
    return strcmp(at, "]") == 0;
}

/* The predictions of one run into row `at`; *whole: every example once, each as it should be. */
static ek_status read_run(ek_store *store, ek_stored_predictions *p, int64_t run, size_t at,
                          bool *whole, ek_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    size_t seen = 0, classes = (size_t)p->label_count;
    *whole = true;
    EK_TRY(ek__store_prepare(store, &statement, err,
                             "SELECT example, label, probs FROM predictions WHERE run_id = ?"
                             " ORDER BY example",
                             "i", run));
    ek_status status = ek__store_step(store, statement, &row, err);
    for (; status == EK_OK && row && *whole; status = ek__store_step(store, statement, &row, err)) {
        const char *probs = (const char *)sqlite3_column_text(statement, 2);
        int64_t label = sqlite3_column_int64(statement, 1);
        size_t place = at * p->example_count + seen;
        *whole = seen < p->example_count && sqlite3_column_int64(statement, 0) == (int64_t)seen &&
                 label >= 0 && label < p->label_count && probs &&
                 parse_probs(probs, &p->probs[place * classes], p->label_count);
        if (*whole) {
            p->labels[place] = (int32_t)label;
            seen++;
        }
    }
    sqlite3_finalize(statement);
    *whole = *whole && seen == p->example_count;
    return status;
}

static ek_status read_runs(ek_store *store, const char *group, ek_stored_predictions *p,
                           size_t most, ek_error *err)
{
    sqlite3_stmt *statement;
    bool row, whole;
    EK_TRY(ek__store_prepare(store, &statement, err,
                             "SELECT runs.id FROM runs JOIN groups ON groups.id = group_id WHERE"
                             " name = ? AND status = 'done' ORDER BY runs.id LIMIT ?",
                             "si", group, (int64_t)most));
    ek_status status = ek__store_step(store, statement, &row, err);
    while (status == EK_OK && row && p->run_count < most) {
        int64_t run = sqlite3_column_int64(statement, 0);
        status = read_run(store, p, run, p->run_count, &whole, err);
        if (status == EK_OK && whole) {
            p->runs[p->run_count++] = run;
        }
        if (status == EK_OK) {
            status = ek__store_step(store, statement, &row, err);
        }
    }
    sqlite3_finalize(statement);
    return status;
}

ek_status ek_store_predictions(ek_store *store, const char *group, size_t most_runs,
                               ek_stored_predictions *out, ek_error *err)
{
    size_t labels, runs, cells, numbers;
    *out = (ek_stored_predictions){0};
    EK_TRY(read_count(store, "SELECT count(*) FROM labels", MOST_LABELS, &labels, err));
    EK_TRY(read_count(store, "SELECT count(*) FROM examples", MOST_EXAMPLES, &out->example_count,
                      err));
    EK_TRY(read_count(store, "SELECT count(*) FROM runs WHERE status = 'done'", MOST_EXAMPLES,
                      &runs, err));
    runs = runs < most_runs ? runs : most_runs;
    labels = labels > 0 ? labels : 1;
    out->label_count = (int32_t)labels;
    if (!ek_mul_size(&cells, runs, out->example_count) || !ek_mul_size(&numbers, cells, labels)) {
        return no_memory(err);
    }
    out->runs = ek_calloc(runs, sizeof *out->runs);
    out->labels = ek_calloc(cells, sizeof *out->labels);
    out->probs = ek_calloc(numbers, sizeof *out->probs);
    out->truth = ek_calloc(out->example_count, sizeof *out->truth);
    out->truth_scores = ek_calloc(out->example_count, sizeof *out->truth_scores);
    ek_status status = out->runs && out->labels && out->probs && out->truth && out->truth_scores
                           ? read_truth(store, out, err)
                           : no_memory(err);
    if (status == EK_OK) {
        status = read_runs(store, group, out, runs, err);
    }
    if (status != EK_OK) {
        ek_stored_predictions_free(out);
    }
    return status;
}

/* ---- settings and environments --------------------------------------------------------------- */

ek_status ek_store_config(ek_store *store, const char *group,
                          void (*visit)(void *user, const char *key, const char *value,
                                        const char *origin),
                          void *user, ek_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    EK_TRY(group ? ek__store_prepare(store, &statement, err,
                                     "SELECT key, value, origin FROM config JOIN groups ON"
                                     " groups.id = group_id WHERE name = ? ORDER BY key",
                                     "s", group)
                 : ek__store_prepare(store, &statement, err,
                                     "SELECT key, value, origin FROM config WHERE group_id = 0"
                                     " ORDER BY key",
                                     ""));
    ek_status status = ek__store_step(store, statement, &row, err);
    for (; status == EK_OK && row; status = ek__store_step(store, statement, &row, err)) {
        const char *text[3];
        for (int i = 0; i < 3; i++) {
            text[i] = (const char *)sqlite3_column_text(statement, i);
        }
        if (text[0] && text[1]) {
            visit(user, text[0], text[1], text[2] ? text[2] : "");
        }
    }
    sqlite3_finalize(statement);
    return status;
}

void ek_study_record_free(ek_study_record *record)
{
    for (size_t i = 0; i < record->environment_count; i++) {
        struct ek_environment *e = &record->environments[i];
        ek_free(e->started);
        ek_free(e->version);
        ek_free(e->compiler);
        ek_free(e->isa);
        ek_free(e->cpu);
        ek_free(e->os);
    }
    ek_free(record->environments);
    ek_free(record->name);
    ek_free(record->created);
    ek_free(record->yaml);
    *record = (ek_study_record){0};
}

static ek_status read_environments(ek_store *store, ek_study_record *record, ek_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    EK_TRY(ek__store_prepare(store, &statement, err,
                             "SELECT started, version, compiler, isa, cpu, os, jobs, threads"
                             " FROM environment ORDER BY id",
                             ""));
    ek_status status = ek__store_step(store, statement, &row, err);
    while (status == EK_OK && row) {
        struct ek_environment *grown =
            ek_realloc(record->environments, record->environment_count + 1, sizeof *grown);
        if (!grown) {
            status = no_memory(err);
            break;
        }
        record->environments = grown;
        struct ek_environment *e = &grown[record->environment_count++];
        *e = (struct ek_environment){
            .started = ek__store_text(statement, 0),
            .version = ek__store_text(statement, 1),
            .compiler = ek__store_text(statement, 2),
            .isa = ek__store_text(statement, 3),
            .cpu = ek__store_text(statement, 4),
            .os = ek__store_text(statement, 5),
            .jobs = sqlite3_column_int64(statement, 6),
            .threads = sqlite3_column_int64(statement, 7),
        };
        bool whole = e->started && e->version && e->compiler && e->isa && e->cpu && e->os;
        status = whole ? ek__store_step(store, statement, &row, err) : no_memory(err);
    }
    sqlite3_finalize(statement);
    return status;
}

ek_status ek_store_record(ek_store *store, ek_study_record *record, ek_error *err)
{
    sqlite3_stmt *statement;
    bool row;
    *record = (ek_study_record){0};
    EK_TRY(
        ek__store_prepare(store, &statement, err, "SELECT name, created, yaml FROM studies", ""));
    ek_status status = ek__store_step(store, statement, &row, err);
    if (status == EK_OK && !row) {
        status = ek_error_set(err, EK_E_DATA, "%s holds no study", store->path);
    }
    if (status == EK_OK) {
        record->name = ek__store_text(statement, 0);
        record->created = ek__store_text(statement, 1);
        record->yaml = ek__store_text(statement, 2);
        status = record->name && record->created && record->yaml ? EK_OK : no_memory(err);
    }
    sqlite3_finalize(statement);
    if (status == EK_OK) {
        status = read_environments(store, record, err);
    }
    if (status != EK_OK) {
        ek_study_record_free(record);
    }
    return status;
}
