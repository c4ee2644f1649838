/* export.h - a study written in the formats of other people's tools.
 *
 *     const ek_export_format *format = ek_export_find("csv");
 *     ek_export_write(format, store, "out", &err);
 *
 * One row a format. Files are deterministic functions of the store and of the path written to
 * (MLflow's layout holds absolute paths): no host, user or present time. They are written plainly,
 * not atomically: an export that broke off is made again.
 */
#ifndef EK_REPORT_EXPORT_H
#define EK_REPORT_EXPORT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"
#include "base/str.h"
#include "report/group_table.h"
#include "study/store.h"

enum { EK_EXPORT_SCHEMA = 1 }; /* of jsonl: grows when a field changes its meaning */

/* Every logged number of the done runs, in memory: what TensorBoard and MLflow are made from. */
typedef struct {
    size_t run;  /* index into table.runs */
    size_t name; /* index into names */
    int64_t step;
    double value;
} ek_logged;

typedef struct {
    ek_store *store;
    ek_group_table table;
    ek_study_record record;
    char **folders; /* [table.count] group names that a file system takes, unique */
    const char *out;
    char **names; /* of metrics, in the order they were met */
    size_t name_count;
    ek_logged *logged; /* by run, name, step */
    size_t logged_count;
} ek_export;

typedef struct {
    const char *name, *help;
    ek_status (*write)(ek_export *export, ek_error *err);
} ek_export_format;
const ek_export_format *ek_export_formats(size_t *count);
/* EK_E_USAGE with the nearest name and the list. */
ek_status ek_export_find(const ek_export_format **format, const char *name, ek_error *err);
/* Makes out. */
ek_status ek_export_write(const ek_export_format *format, ek_store *store, const char *out,
                          ek_error *err);

/* ---- for the formats (one file each) --------------------------------------------------------- */

ek_status ek__export_tensorboard(ek_export *export, ek_error *err);
ek_status ek__export_csv(ek_export *export, ek_error *err);
ek_status ek__export_jsonl(ek_export *export, ek_error *err);
ek_status ek__export_mlflow(ek_export *export, ek_error *err);

/* Fills names and logged. */
ek_status ek__export_load_metrics(ek_export *export, ek_error *err);
/* The group of a run, as an index into table.rows and folders. */
size_t ek__export_group(const ek_export *export, const ek_run_row *run);
/* Seconds since 1970 of "2026-01-02T03:04:05Z"; 0 when it is not of that form. */
int64_t ek__export_seconds(const char *utc);
/* When a step of a run happened, if all took equally long. */
double ek__export_step_time(const ek_run_row *run, int64_t step);

/* A file that grows: text is put into buf, ek__sink_flush writes it out once it is large. */
typedef struct {
    FILE *file;
    char *path;
    ek_buf buf;
} ek_sink;
/* Opens dir/name. */
ek_status ek__sink_open(ek_sink *sink, const char *dir, const char *name, ek_error *err);
ek_status ek__sink_flush(ek_sink *sink, ek_error *err);
/* Writes the rest and closes unless status is an error already; frees in any case. */
ek_status ek__sink_close(ek_sink *sink, ek_status status, ek_error *err);
/* A whole small file dir/name. */
ek_status ek__export_file(const char *dir, const char *name, const void *bytes, size_t count,
                          ek_error *err);

#endif
