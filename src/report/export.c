#include "report/export.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"

enum { FLUSH_BYTES = 1 << 20, NAME_LENGTH = 100 };

static const ek_export_format formats[] = {
    {"tensorboard", "event files, a folder a run, and a summary over the seeds of each group",
     ek__export_tensorboard},
    {"csv", "runs.csv, metrics.csv, groups.csv, predictions.csv", ek__export_csv},
    {"jsonl", "runs.jsonl, metrics.jsonl, groups.jsonl", ek__export_jsonl},
    {"mlflow", "MLflow's file store, mlruns/: a parent run for the study, its runs as children",
     ek__export_mlflow},
};
enum { FORMATS = sizeof formats / sizeof *formats };

const ek_export_format *ek_export_formats(size_t *count)
{
    *count = FORMATS;
    return formats;
}

ek_status ek_export_find(const ek_export_format **format, const char *name, ek_error *err)
{
    const char *names[FORMATS];
    ek_buf list = {0};
    for (size_t i = 0; i < FORMATS; i++) {
        if (strcmp(formats[i].name, name) == 0) {
            *format = &formats[i];
            ek_buf_deinit(&list);
            return EK_OK;
        }
        names[i] = formats[i].name;
        ek_buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = ek_nearest(name, names, FORMATS);
    ek_error_set(err, EK_E_USAGE, "unknown format '%.40s'%s%s%s; there are %s", name,
                 near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "",
                 ek_buf_text(&list));
    ek_buf_deinit(&list);
    return EK_E_USAGE;
}

/* ---- files ----------------------------------------------------------------------------------- */

ek_status ek__sink_open(ek_sink *sink, const char *dir, const char *name, ek_error *err)
{
    *sink = (ek_sink){.path = ek_path_join(dir, name)};
    if (!sink->path) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    }
    sink->file = fopen(sink->path, "wb");
    if (!sink->file) {
        ek_error_set(err, EK_E_IO, "%s: cannot be written: %s", sink->path, strerror(errno));
        ek_free(sink->path);
        return EK_E_IO;
    }
    return EK_OK;
}

static ek_status write_out(ek_sink *sink, ek_error *err)
{
    EK_TRY(ek_buf_status(&sink->buf, err));
    if (fwrite(ek_buf_text(&sink->buf), 1, sink->buf.length, sink->file) != sink->buf.length) {
        return ek_error_set(err, EK_E_IO, "%s: cannot be written: %s", sink->path, strerror(errno));
    }
    ek_buf_clear(&sink->buf);
    return EK_OK;
}

ek_status ek__sink_flush(ek_sink *sink, ek_error *err)
{
    return sink->buf.length < FLUSH_BYTES ? EK_OK : write_out(sink, err);
}

ek_status ek__sink_close(ek_sink *sink, ek_status status, ek_error *err)
{
    if (status == EK_OK) {
        status = write_out(sink, err);
    }
    if (fclose(sink->file) != 0 && status == EK_OK) {
        status =
            ek_error_set(err, EK_E_IO, "%s: cannot be written: %s", sink->path, strerror(errno));
    }
    ek_buf_deinit(&sink->buf);
    ek_free(sink->path);
    return status;
}

ek_status ek__export_file(const char *dir, const char *name, const void *bytes, size_t count,
                          ek_error *err)
{
    ek_sink sink;
    EK_TRY(ek__sink_open(&sink, dir, name, err));
    ek_buf_append(&sink.buf, bytes, count);
    return ek__sink_close(&sink, EK_OK, err);
}

/* ---- names and times ------------------------------------------------------------------------- */

size_t ek__export_group(const ek_export *export, const ek_run_row *run)
{
    size_t i = 0;
    while (i + 1 < export->table.count && strcmp(export->table.rows[i].group, run->group) != 0) {
        i++;
    }
    return i;
}

/* Letters, digits and a few signs stay; a leading dot does not (it would hide the folder). */
static char *safe_name(const char *name, size_t number)
{
    ek_buf out = {0};
    for (const char *c = name; *c && out.length < NAME_LENGTH; c++) {
        bool good = isalnum((unsigned char)*c) || strchr("_=+-", *c) || (*c == '.' && c != name);
        ek_buf_putc(&out, good ? *c : '_');
    }
    if (number > 0 || out.length == 0) {
        ek_buf_printf(&out, "~%zu", number + 1);
    }
    return ek_buf_take(&out);
}

/* Case counts as no difference: some file systems do not keep it. */
static bool taken(const ek_export *export, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(export->folders[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static ek_status name_folders(ek_export *export, ek_error *err)
{
    export->folders = ek_calloc(export->table.count, sizeof *export->folders);
    for (size_t i = 0; export->folders && i < export->table.count; i++) {
        for (size_t number = 0; !export->folders[i]; number++) {
            char *name = safe_name(export->table.rows[i].group, number);
            if (!name) {
                return ek_error_set(err, EK_E_MEMORY, "no memory for the groups");
            }
            if (taken(export, i, name)) {
                ek_free(name);
            } else {
                export->folders[i] = name;
            }
        }
    }
    return export->folders ? EK_OK : ek_error_set(err, EK_E_MEMORY, "no memory for the groups");
}

int64_t ek__export_seconds(const char *utc)
{
    struct tm tm = {0};
    if (sscanf(utc, "%4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
               &tm.tm_min, &tm.tm_sec) != 6) {
        return 0;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    return (int64_t)timegm(&tm);
}

double ek__export_step_time(const ek_run_row *run, int64_t step)
{
    double start = (double)ek__export_seconds(run->started);
    double end = (double)ek__export_seconds(run->finished);
    if (run->total_steps <= 0 || end < start) {
        return start;
    }
    return start + (end - start) * (double)step / (double)run->total_steps;
}

/* ---- metrics --------------------------------------------------------------------------------- */

struct loading {
    ek_export *export;
    size_t capacity, run;
    bool failed;
};

static bool find_name(ek_export *export, const char *name, size_t *index)
{
    for (size_t i = 0; i < export->name_count; i++) {
        if (strcmp(export->names[i], name) == 0) {
            *index = i;
            return true;
        }
    }
    char **grown = ek_realloc(export->names, export->name_count + 1, sizeof *grown);
    if (!grown) {
        return false;
    }
    export->names = grown;
    grown[export->name_count] = ek_strdup(name);
    if (!grown[export->name_count]) {
        return false;
    }
    *index = export->name_count++;
    return true;
}

static void load_one(void *user, const ek_metric_record *record)
{
    struct loading *loading = user;
    ek_export *export = loading->export;
    const ek_group_table *table = &export->table;
    /* Both are ordered by the run's id. */
    while (loading->run < table->run_count && table->runs[loading->run].id < record->run) {
        loading->run++;
    }
    if (loading->failed || loading->run == table->run_count ||
        table->runs[loading->run].id != record->run ||
        table->runs[loading->run].status != EK_RUN_DONE) {
        return;
    }
    if (export->logged_count == loading->capacity) {
        size_t capacity = loading->capacity * 2 + 4096;
        ek_logged *grown = ek_realloc(export->logged, capacity, sizeof *grown);
        if (!grown) {
            loading->failed = true;
            return;
        }
        export->logged = grown;
        loading->capacity = capacity;
    }
    ek_logged *logged = &export->logged[export->logged_count];
    *logged = (ek_logged){.run = loading->run, .step = record->step, .value = record->value};
    /* Lines of one name stand together: mostly it is that of the line before. */
    if (export->logged_count > 0 && strcmp(export->names[logged[-1].name], record->name) == 0) {
        logged->name = logged[-1].name;
    } else if (!find_name(export, record->name, &logged->name)) {
        loading->failed = true;
        return;
    }
    export->logged_count++;
}

ek_status ek__export_load_metrics(ek_export *export, ek_error *err)
{
    struct loading loading = {.export = export};
    EK_TRY(ek_store_metrics(export->store, NULL, load_one, &loading, err));
    return loading.failed ? ek_error_set(err, EK_E_MEMORY, "no memory for the metrics") : EK_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void export_free(ek_export *export)
{
    for (size_t i = 0; export->folders && i < export->table.count; i++) {
        ek_free(export->folders[i]);
    }
    ek_free(export->folders);
    for (size_t i = 0; i < export->name_count; i++) {
        ek_free(export->names[i]);
    }
    ek_free(export->names);
    ek_free(export->logged);
    ek_study_record_free(&export->record);
    ek_group_table_free(&export->table);
}

ek_status ek_export_write(const ek_export_format *format, ek_store *store, const char *out,
                          ek_error *err)
{
    ek_export export = {.store = store, .out = out};
    EK_TRY(ek_group_table_load(&export.table, store, err));
    ek_status status = ek_store_record(store, &export.record, err);
    if (status == EK_OK) {
        status = name_folders(&export, err);
    }
    if (status == EK_OK) {
        status = ek_make_dirs(out, err);
    }
    if (status == EK_OK) {
        status = format->write(&export, err);
    }
    export_free(&export);
    return status;
}
