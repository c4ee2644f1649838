/* TensorBoard: OUT/<group>/seed-<n>/events.out.tfevents.<seconds>.evenkeel, and OUT/<group>/summary
 * with mean, min, max and SD (ddof 1) over the done runs of a group.
 *
 * A file is records: length (8 bytes, little-endian), masked CRC-32C of those, the message, masked
 * CRC-32C of the message. The first message names the version, each other one holds all scalars of
 * a step.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <events.pb-c.h>

#include "base/crc32c.h"
#include "base/file.h"
#include "base/mem.h"
#include "report/export.h"

/* One scalar to be written. */
typedef struct {
    const char *tag;
    int64_t step;
    float value;
} point;

static void put_little(ek_buf *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        ek_buf_putc(out, (char)(value >> (8 * i) & 0xff));
    }
}

static uint32_t masked_crc(const void *bytes, size_t count)
{
    uint32_t crc = ek_crc32c(bytes, count);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

static ek_status put_event(ek_buf *out, const Ek__Event *event, ek_error *err)
{
    size_t length = ek__event__get_packed_size(event);
    uint8_t *packed = ek_calloc(length, 1);
    if (!packed) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for an event");
    }
    ek__event__pack(event, packed);
    size_t head = out->length;
    put_little(out, length, 8);
    if (!out->failed) {
        put_little(out, masked_crc(out->data + head, 8), 4);
    }
    ek_buf_append(out, packed, length);
    put_little(out, masked_crc(packed, length), 4);
    ek_free(packed);
    return EK_OK;
}

static ek_status put_version(ek_buf *out, double time, ek_error *err)
{
    Ek__Event event = EK__EVENT__INIT;
    char version[] = "brain.Event:2";
    event.has_wall_time = 1;
    event.wall_time = time;
    event.file_version = version;
    return put_event(out, &event, err);
}

/* All points of one step as one event. */
static ek_status put_step(ek_buf *out, const point *points, size_t count, double time,
                          ek_error *err)
{
    Ek__Scalar *scalars = ek_calloc(count, sizeof *scalars);
    Ek__Scalar **list = ek_calloc(count, sizeof *list);
    ek_status status = EK_OK;
    if (scalars && list) {
        Ek__Scalars summary = EK__SCALARS__INIT;
        Ek__Event event = EK__EVENT__INIT;
        for (size_t i = 0; i < count; i++) {
            ek__scalar__init(&scalars[i]);
            scalars[i].tag = (char *)(uintptr_t)points[i].tag; /* only read */
            scalars[i].has_simple_value = 1;
            scalars[i].simple_value = points[i].value;
            list[i] = &scalars[i];
        }
        summary.n_value = count;
        summary.value = list;
        event.has_wall_time = event.has_step = 1;
        event.wall_time = time;
        event.step = points[0].step;
        event.summary = &summary;
        status = put_event(out, &event, err);
    } else {
        status = ek_error_set(err, EK_E_MEMORY, "no memory for an event");
    }
    ek_free(scalars);
    ek_free(list);
    return status;
}

static int by_step(const void *a, const void *b)
{
    const point *x = a, *y = b;
    return x->step != y->step ? (x->step > y->step) - (x->step < y->step) : strcmp(x->tag, y->tag);
}

/* One file of points (sorted here). Times are those of `run`. */
static ek_status write_events(const ek_export *export, const ek_run_row *run, const char *folder,
                              point *points, size_t count, ek_error *err)
{
    ek_sink sink;
    char name[80];
    char *dir = ek_path_join(export->out, folder);
    ek_status status =
        dir ? ek_make_dirs(dir, err) : ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    snprintf(name, sizeof name, "events.out.tfevents.%010lld.evenkeel",
             (long long)ek__export_seconds(run->started));
    if (status == EK_OK) {
        status = ek__sink_open(&sink, dir, name, err);
    }
    ek_free(dir);
    EK_TRY(status);
    qsort(points, count, sizeof *points, by_step);
    status = put_version(&sink.buf, ek__export_step_time(run, 0), err);
    for (size_t i = 0, end; status == EK_OK && i < count; i = end) {
        for (end = i + 1; end < count && points[end].step == points[i].step;) {
            end++;
        }
        status = put_step(&sink.buf, points + i, end - i, ek__export_step_time(run, points[i].step),
                          err);
    }
    return ek__sink_close(&sink, status, err);
}

static ek_status write_run(const ek_export *export, const ek_logged *logged, size_t count,
                           ek_error *err)
{
    const ek_run_row *run = &export->table.runs[logged->run];
    point *points = ek_calloc(count, sizeof *points);
    ek_buf folder = {0};
    for (size_t i = 0; points && i < count; i++) {
        points[i] = (point){export->names[logged[i].name], logged[i].step, (float)logged[i].value};
    }
    /* Runs of a product of seeds share their number: the run's own makes the name unique. */
    ek_buf_printf(&folder, "%s/seed-%u", export->folders[ek__export_group(export, run)], run->seed);
    for (size_t i = 0; i < export->table.run_count; i++) {
        const ek_run_row *other = &export->table.runs[i];
        if (other != run && other->seed == run->seed && strcmp(other->group, run->group) == 0) {
            ek_buf_printf(&folder, "-run-%lld", (long long)run->id);
            break;
        }
    }
    ek_status status = points ? ek_buf_status(&folder, err)
                              : ek_error_set(err, EK_E_MEMORY, "no memory for the metrics");
    if (status == EK_OK) {
        status = write_events(export, run, ek_buf_text(&folder), points, count, err);
    }
    ek_buf_deinit(&folder);
    ek_free(points);
    return status;
}

/* ---- over seeds ------------------------------------------------------------------------------ */

static const char *const parts[] = {"mean", "min", "max", "sd"};
enum { PARTS = sizeof parts / sizeof *parts };

static int by_name_and_step(const void *a, const void *b)
{
    const ek_logged *x = a, *y = b;
    if (x->name != y->name) {
        return (x->name > y->name) - (x->name < y->name);
    }
    if (x->step != y->step) {
        return (x->step > y->step) - (x->step < y->step);
    }
    return (x->run > y->run) - (x->run < y->run);
}

/* Any NaN makes all four NaN: a spread that hides a diverged run would be a lie. */
static void numbers_of(const ek_logged *logged, size_t n, double out[PARTS])
{
    double sum = 0, squares = 0, min = INFINITY, max = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        double value = logged[i].value;
        sum += value;
        min = value < min ? value : min;
        max = value > max ? value : max;
    }
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) {
        squares += (logged[i].value - mean) * (logged[i].value - mean);
    }
    out[0] = mean;
    out[1] = isnan(sum) ? NAN : min;
    out[2] = isnan(sum) ? NAN : max;
    out[3] = n < 2 ? NAN : sqrt(squares / (double)(n - 1));
}

/* logged: those of one group, sorted by name and step. */
static ek_status write_points(const ek_export *export, const ek_run_row *first, const char *folder,
                              const ek_logged *logged, size_t count, size_t runs, char **tags,
                              ek_error *err)
{
    ek_buf path = {0};
    point *points = ek_calloc(count, PARTS * sizeof *points);
    size_t used = 0;
    if (!points) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the summary");
    }
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && logged[end].name == logged[i].name &&
                          logged[end].step == logged[i].step;) {
            end++;
        }
        double numbers[PARTS];
        if (end - i != runs) {
            continue; /* some run did not log that step: no number over all of them */
        }
        numbers_of(logged + i, runs, numbers);
        for (size_t p = 0; p < PARTS; p++) {
            if (p == 3 && runs < 2) {
                continue;
            }
            points[used++] =
                (point){tags[logged[i].name * PARTS + p], logged[i].step, (float)numbers[p]};
        }
    }
    ek_buf_printf(&path, "%s/summary", folder);
    ek_status status = ek_buf_status(&path, err);
    if (status == EK_OK) {
        status = write_events(export, first, ek_buf_text(&path), points, used, err);
    }
    ek_buf_deinit(&path);
    ek_free(points);
    return status;
}

static ek_status write_summary(const ek_export *export, size_t group, char **tags,
                               ek_logged *scratch, ek_error *err)
{
    const ek_group_table *table = &export->table;
    const ek_run_row *first = NULL;
    size_t count = 0, runs = 0;
    for (size_t r = 0; r < table->run_count; r++) {
        const ek_run_row *run = &table->runs[r];
        if (run->status == EK_RUN_DONE && ek__export_group(export, run) == group) {
            first = first ? first : run;
            runs++;
        }
    }
    for (size_t i = 0; i < export->logged_count; i++) {
        if (ek__export_group(export, &table->runs[export->logged[i].run]) == group) {
            scratch[count++] = export->logged[i];
        }
    }
    if (count == 0) {
        return EK_OK;
    }
    qsort(scratch, count, sizeof *scratch, by_name_and_step);
    return write_points(export, first, export->folders[group], scratch, count, runs, tags, err);
}

static ek_status write_summaries(const ek_export *export, ek_error *err)
{
    size_t tag_count = export->name_count * PARTS;
    char **tags = ek_calloc(tag_count, sizeof *tags);
    ek_logged *scratch = ek_calloc(export->logged_count, sizeof *scratch);
    ek_status status =
        tags && scratch ? EK_OK : ek_error_set(err, EK_E_MEMORY, "no memory for the summary");
    for (size_t i = 0; status == EK_OK && i < tag_count; i++) {
        ek_buf tag = {0};
        ek_buf_printf(&tag, "%s/%s", export->names[i / PARTS], parts[i % PARTS]);
        tags[i] = ek_buf_take(&tag);
        status = tags[i] ? EK_OK : ek_error_set(err, EK_E_MEMORY, "no memory for the summary");
    }
    for (size_t g = 0; status == EK_OK && g < export->table.count; g++) {
        status = write_summary(export, g, tags, scratch, err);
    }
    for (size_t i = 0; tags && i < tag_count; i++) {
        ek_free(tags[i]);
    }
    ek_free(tags);
    ek_free(scratch);
    return status;
}

ek_status ek__export_tensorboard(ek_export *export, ek_error *err)
{
    EK_TRY(ek__export_load_metrics(export, err));
    for (size_t i = 0, end; i < export->logged_count; i = end) {
        for (end = i + 1;
             end < export->logged_count && export->logged[end].run == export->logged[i].run;) {
            end++;
        }
        EK_TRY(write_run(export, export->logged + i, end - i, err));
    }
    return write_summaries(export, err);
}
