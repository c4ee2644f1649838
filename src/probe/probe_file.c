#include "probe/probe_file.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

char *ek_probe_path(const char *dir, const char *name)
{
    char *folder = ek_path_join(dir, "probe");
    char *path = folder && name ? ek_path_join(folder, name) : NULL;
    if (!name) {
        return folder;
    }
    ek_free(folder);
    return path;
}

/* ---- fields ---------------------------------------------------------------------------------- */

/* Where in a file, for messages, and the first error. */
typedef struct {
    const char *path;
    ek_error *err;
} reader;

static ek_status wrong(const reader *r, const char *key, const char *expected)
{
    return ek_error_set(r->err, EK_E_DATA, "%s: \"%s\" is missing or not %s; run the probe again",
                        r->path, key, expected);
}

static ek_status no_memory(const reader *r)
{
    return ek_error_set(r->err, EK_E_MEMORY, "no memory for %s", r->path);
}

static ek_status get_int(const reader *r, const json_t *object, const char *key, int64_t min,
                         int64_t max, int64_t *out)
{
    *out = min - 1;
    EK_TRY(ek_json_get_int(object, key, min, max, out, r->path, EK_E_DATA, r->err));
    return *out >= min ? EK_OK : wrong(r, key, "an integer");
}

static ek_status get_size(const reader *r, const json_t *object, const char *key, int64_t min,
                          int64_t max, size_t *out)
{
    int64_t value;
    EK_TRY(get_int(r, object, key, min, max, &value));
    *out = (size_t)value;
    return EK_OK;
}

static ek_status get_seed(const reader *r, const json_t *object, const char *key, uint32_t *out)
{
    int64_t value;
    EK_TRY(get_int(r, object, key, 0, 4294967295, &value));
    *out = (uint32_t)value;
    return EK_OK;
}

static ek_status get_text(const reader *r, const json_t *object, const char *key, char **out)
{
    const char *text = NULL;
    EK_TRY(ek_json_get_string(object, key, &text, r->path, EK_E_DATA, r->err));
    if (!text) {
        return wrong(r, key, "a text");
    }
    *out = ek_strdup(text);
    return *out ? EK_OK : no_memory(r);
}

/* A number, or null, which is NaN; absent is an error. */
static ek_status number_of(const reader *r, const json_t *value, const char *key, double *out)
{
    if (json_is_null(value)) {
        *out = (double)NAN;
        return EK_OK;
    }
    if (!json_is_number(value)) {
        return wrong(r, key, "a number or null");
    }
    *out = json_number_value(value);
    return EK_OK;
}

static ek_status get_number(const reader *r, const json_t *object, const char *key, double *out)
{
    return number_of(r, json_object_get(object, key), key, out);
}

/* An array of length min to max. */
static ek_status get_array(const reader *r, const json_t *object, const char *key, size_t min,
                           size_t max, const json_t **out)
{
    const json_t *array = json_object_get(object, key);
    if (!json_is_array(array)) {
        return wrong(r, key, "a list");
    }
    size_t size = json_array_size(array);
    if (size < min || size > max) {
        return ek_error_set(r->err, EK_E_DATA,
                            "%s: \"%s\" has %zu entries; expected %zu to %zu; run the probe again",
                            r->path, key, size, min, max);
    }
    *out = array;
    return EK_OK;
}

/* An array of exactly count numbers, in new memory. */
static ek_status get_numbers(const reader *r, const json_t *object, const char *key, size_t count,
                             double **out)
{
    const json_t *array;
    EK_TRY(get_array(r, object, key, count, count, &array));
    double *values = ek_calloc(count, sizeof *values);
    if (!values) {
        return no_memory(r);
    }
    *out = values;
    for (size_t i = 0; i < count; i++) {
        EK_TRY(number_of(r, json_array_get(array, i), key, &values[i]));
    }
    return EK_OK;
}

static ek_status get_run(const reader *r, const json_t *object, ek_probe_file_run *run)
{
    static const char *const outcomes[] = {"ok", "failed", "diverged", "doomed"};
    const char *outcome = NULL;
    EK_TRY(get_int(r, object, "run", 1, INT64_MAX, &run->id));
    EK_TRY(get_text(r, object, "group", &run->group));
    EK_TRY(get_seed(r, object, "seed", &run->seed));
    EK_TRY(get_number(r, object, "score", &run->score));
    EK_TRY(ek_json_get_string(object, "outcome", &outcome, r->path, EK_E_DATA, r->err));
    for (size_t i = 0; outcome && i < sizeof outcomes / sizeof *outcomes; i++) {
        if (strcmp(outcome, outcomes[i]) == 0) {
            run->failed = i > 0;
            return EK_OK;
        }
    }
    return wrong(r, "outcome", "ok, failed, diverged or doomed");
}

/* ---- whole files ----------------------------------------------------------------------------- */

typedef ek_status reading(void *file, const reader *r, const json_t *root);

/* The file dir/probe/name whose "probe" is what; messages call it probe/name. */
static ek_status read_root(const char *path, const reader *r, const char *what, reading *read,
                           void *file)
{
    ek_buf text = {0};
    json_t *root = NULL;
    const char *probe = NULL;
    ek_status status = ek_file_read(path, EK_PROBE_BYTES, &text, r->err);
    if (status == EK_OK) {
        status = ek_json_parse(&root, ek_buf_text(&text), text.length, r->path, EK_E_DATA, r->err);
    }
    if (status == EK_OK) {
        status = ek_json_get_string(root, "probe", &probe, r->path, EK_E_DATA, r->err);
    }
    if (status == EK_OK && !(probe && strcmp(probe, what) == 0)) {
        status = wrong(r, "probe", "that of this file");
    }
    if (status == EK_OK) {
        status = read(file, r, root);
    }
    json_decref(root);
    ek_buf_deinit(&text);
    return status;
}

static ek_status read_file(const char *dir, const char *name, const char *what, reading *read,
                           void *file, bool *found, ek_error *err)
{
    char *path = ek_probe_path(dir, name), *called = ek_path_join("probe", name);
    const reader r = {called, err};
    ek_status status =
        path && called ? EK_OK : ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    *found = false;
    if (status == EK_OK && ek_file_exists(path)) {
        status = read_root(path, &r, what, read, file);
        *found = status == EK_OK;
    }
    ek_free(path);
    ek_free(called);
    if (status != EK_OK && status != EK_E_MEMORY) {
        status = EK_E_DATA; /* one that cannot be read too */
        if (err) {
            err->code = status;
        }
    }
    return status;
}

/* ---- forgetting ------------------------------------------------------------------------------ */

static ek_status read_forgetting(void *out, const reader *r, const json_t *root)
{
    ek_forgetting_file *file = out;
    const json_t *runs;
    EK_TRY(get_size(r, root, "layers", 1, EK_PROBE_LAYERS, &file->layers));
    EK_TRY(get_size(r, root, "blocks", 1, INT32_MAX, &file->blocks));
    EK_TRY(get_size(r, root, "masked_tokens", 1, INT64_MAX, &file->masked_tokens));
    EK_TRY(get_seed(r, root, "mask_seed", &file->mask_seed));
    EK_TRY(get_text(r, root, "text", &file->text));
    EK_TRY(get_number(r, root, "pretrained_perplexity", &file->pretrained_perplexity));
    EK_TRY(get_array(r, root, "runs", 1, EK_PROBE_RUNS, &runs));
    file->runs = ek_calloc(json_array_size(runs), sizeof *file->runs);
    if (!file->runs) {
        return no_memory(r);
    }
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *item = json_array_get(runs, i);
        ek_forgetting_file_run *run = &file->runs[file->run_count++];
        EK_TRY(get_run(r, item, &run->run));
        EK_TRY(get_numbers(r, item, "perplexity", file->layers + 1, &run->perplexity));
    }
    return EK_OK;
}

ek_status ek_forgetting_file_read(ek_forgetting_file *file, const char *dir, bool *found,
                                  ek_error *err)
{
    *file = (ek_forgetting_file){0};
    ek_status status =
        read_file(dir, "forgetting.json", "forgetting", read_forgetting, file, found, err);
    if (status != EK_OK) {
        ek_forgetting_file_free(file);
    }
    return status;
}

void ek_forgetting_file_free(ek_forgetting_file *file)
{
    for (size_t i = 0; i < file->run_count; i++) {
        ek_free(file->runs[i].run.group);
        ek_free(file->runs[i].perplexity);
    }
    ek_free(file->runs);
    ek_free(file->text);
    *file = (ek_forgetting_file){0};
}

/* ---- surface --------------------------------------------------------------------------------- */

static ek_status read_corners(const reader *r, const json_t *root, ek_surface_file *file)
{
    static const struct {
        const char *name;
        double a, b;
    } places[] = {{"pretrained", 0, 0}, {"failed", 1, 0}, {"ok", 0, 1}};
    ek_surface_file_point *const points[] = {&file->pretrained, &file->failed, &file->ok};
    bool seen[3] = {false, false, false};
    const json_t *corners;
    EK_TRY(get_array(r, root, "corners", 3, 3, &corners));
    for (size_t i = 0; i < 3; i++) {
        const json_t *item = json_array_get(corners, i);
        const char *name = NULL;
        size_t k = 0;
        EK_TRY(ek_json_get_string(item, "name", &name, r->path, EK_E_DATA, r->err));
        while (k < 3 && !(name && strcmp(name, places[k].name) == 0)) {
            k++;
        }
        if (k == 3 || seen[k]) {
            return wrong(r, "corners", "pretrained, failed and ok, once each");
        }
        seen[k] = true;
        EK_TRY(get_number(r, item, "a", &points[k]->a));
        EK_TRY(get_number(r, item, "b", &points[k]->b));
        EK_TRY(get_number(r, item, "loss", &points[k]->loss));
        EK_TRY(get_number(r, item, "grad_norm", &points[k]->grad_norm));
        if (points[k]->a != places[k].a || points[k]->b != places[k].b) {
            return wrong(r, "corners", "at (0, 0), (1, 0) and (0, 1)");
        }
    }
    return EK_OK;
}

static ek_status read_line(const reader *r, const json_t *root, ek_surface_file *file)
{
    const json_t *line;
    EK_TRY(get_array(r, root, "line", 2, EK_PROBE_LINE, &line));
    size_t count = json_array_size(line);
    file->line = ek_calloc(count, sizeof *file->line);
    if (!file->line) {
        return no_memory(r);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(line, i);
        ek_surface_file_line *at = &file->line[file->line_count++];
        EK_TRY(get_number(r, item, "t", &at->t));
        EK_TRY(get_number(r, item, "loss", &at->loss));
        EK_TRY(get_number(r, item, "grad_norm", &at->grad_norm));
        if (!(at->t >= 0 && at->t <= 1) || (i > 0 && !(at->t > file->line[i - 1].t))) {
            return wrong(r, "t", "ascending from 0 to 1");
        }
    }
    return EK_OK;
}

static ek_status read_grid(const reader *r, const json_t *root, ek_surface_file *file)
{
    const json_t *grid;
    size_t n = file->points, count = n * n;
    double step = (file->high - file->low) / (double)(n - 1);
    EK_TRY(get_array(r, root, "grid", count, count, &grid));
    file->grid = ek_calloc(count, sizeof *file->grid);
    if (!file->grid) {
        return no_memory(r);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(grid, i);
        ek_surface_file_point *at = &file->grid[i];
        double *const fields[] = {&at->a, &at->b, &at->loss, &at->grad_norm};
        if (!json_is_array(row) || json_array_size(row) != 4) {
            return wrong(r, "grid", "rows of a, b, loss and gradient norm");
        }
        for (size_t k = 0; k < 4; k++) {
            EK_TRY(number_of(r, json_array_get(row, k), "grid", fields[k]));
        }
        double a = file->low + step * (double)(i / n), b = file->low + step * (double)(i % n);
        if (!(fabs(at->a - a) < 0.01 * step) || !(fabs(at->b - b) < 0.01 * step)) {
            return wrong(r, "grid", "evenly spaced from low to high, a outer");
        }
    }
    return EK_OK;
}

/* One of the two runs: its number, group and seed under keys of their own. */
static ek_status read_end(const reader *r, const json_t *root, const char *const keys[3],
                          bool failed, ek_probe_file_run *run)
{
    run->failed = failed;
    run->score = (double)NAN;
    EK_TRY(get_int(r, root, keys[0], 1, INT64_MAX, &run->id));
    EK_TRY(get_text(r, root, keys[1], &run->group));
    return get_seed(r, root, keys[2], &run->seed);
}

static ek_status read_surface(void *out, const reader *r, const json_t *root)
{
    static const char *const failed_keys[] = {"failed_run", "failed_group", "failed_seed"};
    static const char *const ok_keys[] = {"ok_run", "ok_group", "ok_seed"};
    ek_surface_file *file = out;
    EK_TRY(read_end(r, root, failed_keys, true, &file->failed_run));
    EK_TRY(read_end(r, root, ok_keys, false, &file->ok_run));
    EK_TRY(get_size(r, root, "examples", 1, INT32_MAX, &file->examples));
    EK_TRY(get_size(r, root, "points", 2, EK_PROBE_POINTS, &file->points));
    EK_TRY(get_number(r, root, "low", &file->low));
    EK_TRY(get_number(r, root, "high", &file->high));
    if (!(fabs(file->low) <= 1000 && fabs(file->high) <= 1000 && file->high - file->low > 1e-3)) {
        return wrong(r, "low\" to \"high", "a range within -1000 to 1000");
    }
    EK_TRY(get_text(r, root, "head", &file->head));
    EK_TRY(get_number(r, root, "barrier", &file->barrier));
    EK_TRY(read_corners(r, root, file));
    EK_TRY(read_line(r, root, file));
    return read_grid(r, root, file);
}

ek_status ek_surface_file_read(ek_surface_file *file, const char *dir, bool *found, ek_error *err)
{
    *file = (ek_surface_file){0};
    ek_status status = read_file(dir, "surface.json", "surface", read_surface, file, found, err);
    if (status != EK_OK) {
        ek_surface_file_free(file);
    }
    return status;
}

void ek_surface_file_free(ek_surface_file *file)
{
    ek_free(file->failed_run.group);
    ek_free(file->ok_run.group);
    ek_free(file->head);
    ek_free(file->line);
    ek_free(file->grid);
    *file = (ek_surface_file){0};
}

/* ---- drift ----------------------------------------------------------------------------------- */

static ek_status read_parts(const reader *r, const json_t *root, ek_drift_file *file)
{
    const json_t *parts;
    size_t count = file->layers + 2;
    EK_TRY(get_array(r, root, "parts", count, count, &parts));
    file->parts = ek_calloc(count, sizeof *file->parts);
    if (!file->parts) {
        return no_memory(r);
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(parts, i));
        if (!name) {
            return wrong(r, "parts", "a list of texts");
        }
        file->parts[i] = ek_strdup(name);
        if (!file->parts[i]) {
            return no_memory(r);
        }
    }
    return EK_OK;
}

static ek_status read_drift_runs(const reader *r, const json_t *root, ek_drift_file *file)
{
    const json_t *runs;
    EK_TRY(get_array(r, root, "runs", 1, EK_PROBE_RUNS, &runs));
    file->runs = ek_calloc(json_array_size(runs), sizeof *file->runs);
    if (!file->runs) {
        return no_memory(r);
    }
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *item = json_array_get(runs, i);
        ek_drift_file_run *run = &file->runs[file->run_count++];
        EK_TRY(get_run(r, item, &run->run));
        EK_TRY(get_numbers(r, item, "distance", file->layers + 2, &run->distance));
        EK_TRY(get_numbers(r, item, "relative", file->layers + 2, &run->relative));
    }
    return EK_OK;
}

/* The place of the run with the number under key. */
static ek_status find_run(const reader *r, const json_t *object, const char *key,
                          const ek_drift_file *file, size_t *out)
{
    int64_t id;
    EK_TRY(get_int(r, object, key, 1, INT64_MAX, &id));
    for (size_t i = 0; i < file->run_count; i++) {
        if (file->runs[i].run.id == id) {
            *out = i;
            return EK_OK;
        }
    }
    return ek_error_set(r->err, EK_E_DATA, "%s: \"cka\" names run %lld, which \"runs\" lacks",
                        r->path, (long long)id);
}

static ek_status read_drift(void *out, const reader *r, const json_t *root)
{
    ek_drift_file *file = out;
    const json_t *pairs;
    EK_TRY(get_size(r, root, "layers", 1, EK_PROBE_LAYERS, &file->layers));
    EK_TRY(get_size(r, root, "examples", 1, INT32_MAX, &file->examples));
    EK_TRY(read_parts(r, root, file));
    EK_TRY(read_drift_runs(r, root, file));
    EK_TRY(get_array(r, root, "cka", 0, EK_PROBE_PAIRS, &pairs));
    file->pairs = ek_calloc(json_array_size(pairs), sizeof *file->pairs);
    if (!file->pairs) {
        return no_memory(r);
    }
    for (size_t i = 0; i < json_array_size(pairs); i++) {
        const json_t *item = json_array_get(pairs, i);
        ek_drift_file_pair *pair = &file->pairs[file->pair_count++];
        EK_TRY(find_run(r, item, "a", file, &pair->a));
        EK_TRY(find_run(r, item, "b", file, &pair->b));
        if (pair->a == pair->b) {
            return wrong(r, "cka", "of two different runs");
        }
        EK_TRY(get_numbers(r, item, "values", file->layers + 1, &pair->values));
        EK_TRY(get_numbers(r, item, "unbiased", file->layers + 1, &pair->unbiased));
    }
    return EK_OK;
}

ek_status ek_drift_file_read(ek_drift_file *file, const char *dir, bool *found, ek_error *err)
{
    *file = (ek_drift_file){0};
    ek_status status = read_file(dir, "drift.json", "drift", read_drift, file, found, err);
    if (status != EK_OK) {
        ek_drift_file_free(file);
    }
    return status;
}

void ek_drift_file_free(ek_drift_file *file)
{
    for (size_t i = 0; file->parts && i < file->layers + 2; i++) {
        ek_free(file->parts[i]);
    }
    for (size_t i = 0; i < file->run_count; i++) {
        ek_free(file->runs[i].run.group);
        ek_free(file->runs[i].distance);
        ek_free(file->runs[i].relative);
    }
    for (size_t i = 0; i < file->pair_count; i++) {
        ek_free(file->pairs[i].values);
        ek_free(file->pairs[i].unbiased);
    }
    ek_free(file->parts);
    ek_free(file->runs);
    ek_free(file->pairs);
    *file = (ek_drift_file){0};
}
