#include "study/progress_file.h"

#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

/* A run is some 200 bytes and a name; there are as many as cores. */
enum { BYTES_MAX = 4 << 20, RUNS_MAX = 4096 };
#define COUNT_MAX   ((int64_t)1 << 40)
#define SECONDS_MAX 1e12

static const char file_name[] = "progress.json";

/* ---- writing --------------------------------------------------------------------------------- */

static void put_number(ek_buf *out, const char *key, double value)
{
    ek_buf_printf(out, ",\"%s\":", key);
    ek_buf_json_double(out, value);
}

static void put_run(ek_buf *out, const ek_live_run *run)
{
    ek_buf_printf(out, "{\"run\":%lld,\"group\":", (long long)run->run);
    ek_buf_json_string(out, run->group, strlen(run->group));
    ek_buf_printf(out, ",\"seed\":%u,\"step\":%lld,\"total_steps\":%lld", run->seed,
                  (long long)run->step, (long long)run->total_steps);
    put_number(out, "loss", run->loss);
    put_number(out, "score", run->score);
    put_number(out, "seconds", run->seconds);
    ek_buf_putc(out, '}');
}

ek_status ek_progress_file_write(const char *dir, const ek_live *live, ek_error *err)
{
    static time_t started;
    time_t now = time(NULL);
    started = started ? started : now;
    ek_buf out = {0};
    ek_buf_printf(&out,
                  "{\"pid\":%ld,\"started\":%lld,\"updated\":%lld,\"total\":%zu,\"done\":%zu,"
                  "\"failed\":%zu,\"crashed\":%zu",
                  (long)getpid(), (long long)started, (long long)now, live->total, live->done,
                  live->failed, live->crashed);
    put_number(&out, "fraction", live->fraction);
    put_number(&out, "eta_seconds", live->eta_seconds);
    ek_buf_puts(&out, ",\"runs\":[");
    for (size_t i = 0; i < live->run_count; i++) {
        ek_buf_puts(&out, i ? ",\n" : "");
        put_run(&out, &live->runs[i]);
    }
    ek_buf_puts(&out, "]}\n");
    char *path = ek_path_join(dir, file_name);
    ek_status status =
        path ? ek_buf_status(&out, err) : ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    if (status == EK_OK) {
        status = ek_file_replace(path, out.data, out.length, err);
    }
    ek_free(path);
    ek_buf_deinit(&out);
    return status;
}

void ek_progress_file_remove(const char *dir)
{
    char *path = ek_path_join(dir, file_name);
    if (path) {
        unlink(path);
    }
    ek_free(path);
}

/* ---- reading --------------------------------------------------------------------------------- */

static ek_status get_count(const json_t *object, const char *key, size_t *out, const char *where,
                           ek_error *err)
{
    int64_t value = 0;
    EK_TRY(ek_json_get_int(object, key, 0, COUNT_MAX, &value, where, EK_E_DATA, err));
    *out = (size_t)value;
    return EK_OK;
}

static ek_status read_run(const json_t *object, ek_live_run *run, const char *where, ek_error *err)
{
    int64_t seed = 0;
    *run = (ek_live_run){.group = "", .loss = (double)NAN, .score = (double)NAN};
    if (!json_is_object(object)) {
        return ek_error_set(err, EK_E_DATA, "%s: a run is no object", where);
    }
    EK_TRY(ek_json_get_int(object, "run", 0, INT64_MAX, &run->run, where, EK_E_DATA, err));
    EK_TRY(ek_json_get_string(object, "group", &run->group, where, EK_E_DATA, err));
    EK_TRY(ek_json_get_int(object, "seed", 0, UINT32_MAX, &seed, where, EK_E_DATA, err));
    EK_TRY(ek_json_get_int(object, "total_steps", 1, COUNT_MAX, &run->total_steps, where, EK_E_DATA,
                           err));
    EK_TRY(ek_json_get_int(object, "step", 0, run->total_steps, &run->step, where, EK_E_DATA, err));
    EK_TRY(
        ek_json_get_double(object, "loss", -INFINITY, INFINITY, &run->loss, where, EK_E_DATA, err));
    EK_TRY(ek_json_get_double(object, "score", -INFINITY, INFINITY, &run->score, where, EK_E_DATA,
                              err));
    EK_TRY(ek_json_get_double(object, "seconds", 0, SECONDS_MAX, &run->seconds, where, EK_E_DATA,
                              err));
    if (run->total_steps < 1) {
        return ek_error_set(err, EK_E_DATA, "%s: a run without \"total_steps\"", where);
    }
    run->seed = (uint32_t)seed;
    return EK_OK;
}

static ek_status read_runs(const json_t *root, ek_live *live, const char *where, ek_error *err)
{
    const json_t *runs = json_object_get(root, "runs");
    size_t count = json_array_size(runs); /* 0 for what is no array */
    if (count > RUNS_MAX) {
        return ek_error_set(err, EK_E_DATA, "%s: %zu runs at once; %d are the most", where, count,
                            RUNS_MAX);
    }
    live->runs = ek_calloc(count, sizeof *live->runs);
    if (!live->runs) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the progress of runs");
    }
    for (; live->run_count < count; live->run_count++) {
        EK_TRY(read_run(json_array_get(runs, live->run_count), &live->runs[live->run_count], where,
                        err));
    }
    return EK_OK;
}

static ek_status read_all(const json_t *root, ek_live *live, const char *where, ek_error *err)
{
    if (!json_is_object(root)) {
        return ek_error_set(err, EK_E_DATA, "%s: an object was expected", where);
    }
    EK_TRY(ek_json_get_int(root, "pid", 0, INT32_MAX, &live->pid, where, EK_E_DATA, err));
    EK_TRY(ek_json_get_int(root, "started", 0, COUNT_MAX, &live->started, where, EK_E_DATA, err));
    EK_TRY(ek_json_get_int(root, "updated", 0, COUNT_MAX, &live->updated, where, EK_E_DATA, err));
    EK_TRY(get_count(root, "total", &live->total, where, err));
    EK_TRY(get_count(root, "done", &live->done, where, err));
    EK_TRY(get_count(root, "failed", &live->failed, where, err));
    EK_TRY(get_count(root, "crashed", &live->crashed, where, err));
    EK_TRY(ek_json_get_double(root, "fraction", 0, 1, &live->fraction, where, EK_E_DATA, err));
    EK_TRY(ek_json_get_double(root, "eta_seconds", 0, SECONDS_MAX, &live->eta_seconds, where,
                              EK_E_DATA, err));
    EK_TRY(read_runs(root, live, where, err));
    if (live->done > live->total || live->failed > live->done ||
        live->crashed > live->total - live->done ||
        live->run_count > live->total - live->done - live->crashed) {
        return ek_error_set(err, EK_E_DATA, "%s: its counts contradict each other", where);
    }
    return EK_OK;
}

ek_status ek_progress_file_read(ek_live *live, const char *dir, ek_error *err)
{
    *live = (ek_live){.eta_seconds = (double)NAN};
    char *path = ek_path_join(dir, file_name);
    if (!path) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    }
    if (!ek_file_exists(path)) {
        ek_status status = ek_error_set(err, EK_E_IO, "%s: there is none", path);
        ek_free(path);
        return status;
    }
    json_t *root = NULL;
    ek_status status = ek_json_load(&root, path, BYTES_MAX, EK_E_DATA, err);
    if (status == EK_OK) {
        live->storage = root;
        status = read_all(root, live, path, err);
    }
    if (status != EK_OK) {
        ek_live_free(live);
    }
    ek_free(path);
    return status;
}

void ek_live_free(ek_live *live)
{
    json_decref(live->storage);
    ek_free(live->runs);
    *live = (ek_live){.eta_seconds = (double)NAN};
}
