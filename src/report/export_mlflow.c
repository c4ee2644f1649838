/* MLflow's file store: OUT/mlruns/<experiment>/<run>/{meta.yaml,params,metrics,tags}. One
 * experiment a study; a parent run holds the study's settings and the numbers of its groups, its
 * runs are children (tag mlflow.parentRunId). Ids are hashes of what a run is, so that the same
 * study always has the same ids.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "report/export.h"
#include "report/metric_text.h"
#include "report/yaml_text.h"

enum { ID_LENGTH = 32, RUN_FINISHED = 3, RUN_FAILED = 4, RUN_RUNNING = 1, RUN_SCHEDULED = 2 };

typedef struct {
    ek_export *export;
    char experiment[19];     /* decimal digits */
    char parent[65];         /* the first ID_LENGTH digits */
    char *root, *dir, *runs; /* absolute mlruns, mlruns/<experiment>, OUT/... as given */
} tree;

/* One run on its way to the disk. */
typedef struct {
    char *dir, *params, *metrics, *tags;
} run_folder;

static void identify(char hex[65], const tree *t, const char *what)
{
    const ek_study_facts *facts = &t->export->table.facts;
    ek_sha256 hash;
    ek_sha256_init(&hash);
    ek_sha256_update(&hash, t->export->record.name, strlen(t->export->record.name) + 1);
    ek_sha256_update(&hash, t->export->record.created, strlen(t->export->record.created) + 1);
    ek_sha256_update(&hash, facts->model_hash, sizeof facts->model_hash);
    ek_sha256_update(&hash, facts->data_hash, sizeof facts->data_hash);
    ek_sha256_update(&hash, what, strlen(what));
    ek_sha256_hex(&hash, hex);
}

static ek_status put_text(const char *dir, const char *key, const char *text, ek_error *err)
{
    return ek__export_file(dir, key, text, strlen(text), err);
}

static void yaml_line(ek_buf *out, const char *key, const char *value)
{
    ek_buf_printf(out, "%s: ", key);
    ek_buf_yaml_string(out, value);
    ek_buf_putc(out, '\n');
}

/* ---- a run's folder -------------------------------------------------------------------------- */

static void folder_free(run_folder *folder)
{
    ek_free(folder->dir);
    ek_free(folder->params);
    ek_free(folder->metrics);
    ek_free(folder->tags);
}

static ek_status write_meta(const tree *t, const run_folder *folder, const char *id,
                            const char *name, int status_code, const char *started,
                            const char *finished, ek_error *err)
{
    ek_buf out = {0}, uri = {0};
    ek_buf_printf(&uri, "%s/%s/%s/artifacts", t->root, t->experiment, id);
    yaml_line(&out, "artifact_uri", ek_buf_text(&uri));
    if (finished[0]) {
        ek_buf_printf(&out, "end_time: %lld\n", 1000 * (long long)ek__export_seconds(finished));
    } else {
        ek_buf_puts(&out, "end_time: null\n");
    }
    ek_buf_puts(&out, "entry_point_name: ''\n");
    yaml_line(&out, "experiment_id", t->experiment);
    ek_buf_puts(&out, "lifecycle_stage: active\n");
    yaml_line(&out, "run_id", id);
    yaml_line(&out, "run_name", name);
    yaml_line(&out, "run_uuid", id);
    ek_buf_printf(&out, "source_name: ''\nsource_type: 4\nsource_version: ''\nstart_time: %lld\n",
                  1000 * (long long)ek__export_seconds(started));
    ek_buf_printf(&out, "status: %d\ntags: []\nuser_id: evenkeel\n", status_code);
    ek_status status = ek_buf_status(&out, err);
    if (status == EK_OK) {
        status = ek__export_file(folder->dir, "meta.yaml", out.data, out.length, err);
    }
    ek_buf_deinit(&out);
    ek_buf_deinit(&uri);
    return status;
}

static ek_status make_folder(const tree *t, run_folder *folder, const char *id, ek_error *err)
{
    *folder = (run_folder){.dir = ek_path_join(t->dir, id)};
    if (!folder->dir) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    }
    folder->params = ek_path_join(folder->dir, "params");
    folder->metrics = ek_path_join(folder->dir, "metrics");
    folder->tags = ek_path_join(folder->dir, "tags");
    char *artifacts = ek_path_join(folder->dir, "artifacts");
    if (!folder->params || !folder->metrics || !folder->tags || !artifacts) {
        ek_free(artifacts);
        return ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    }
    ek_status status = ek_make_dirs(folder->params, err);
    status = status == EK_OK ? ek_make_dirs(folder->metrics, err) : status;
    status = status == EK_OK ? ek_make_dirs(folder->tags, err) : status;
    status = status == EK_OK ? ek_make_dirs(artifacts, err) : status;
    ek_free(artifacts);
    return status;
}

/* One number of a run. */
static ek_status put_metric(const run_folder *folder, const char *key, int64_t time, double value,
                            ek_error *err)
{
    char text[32], line[96];
    snprintf(line, sizeof line, "%lld %s 0\n", 1000 * (long long)time, ek_number_text(text, value));
    return put_text(folder->metrics, key, line, err);
}

/* ---- children -------------------------------------------------------------------------------- */

static ek_status put_settings(const tree *t, const run_folder *folder, const ek_run_row *run,
                              ek_error *err)
{
    const ek_group_row *row = &t->export->table.rows[ek__export_group(t->export, run)];
    json_t *settings;
    const char *key;
    json_t *value;
    EK_TRY(ek_json_parse(&settings, row->settings_json, strlen(row->settings_json), row->group,
                         EK_E_DATA, err));
    ek_status status = EK_OK;
    json_object_foreach(settings, key, value)
    {
        char number[32];
        const char *text = json_is_string(value)    ? json_string_value(value)
                           : json_is_boolean(value) ? (json_is_true(value) ? "true" : "false")
                           : json_is_number(value)
                               ? ek_number_text(number, json_number_value(value))
                               : "";
        if (status == EK_OK) {
            status = put_text(folder->params, key, text, err);
        }
    }
    json_decref(settings);
    const struct {
        const char *key;
        uint32_t value;
    } seeds[] = {{"seed", run->seed},
                 {"init_seed", run->seeds.init},
                 {"order_seed", run->seeds.order},
                 {"dropout_seed", run->seeds.dropout},
                 {"subset_seed", run->seeds.subset},
                 {"split_seed", run->seeds.split}};
    for (size_t i = 0; status == EK_OK && i < sizeof seeds / sizeof *seeds; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", seeds[i].value);
        status = put_text(folder->params, seeds[i].key, text, err);
    }
    return status;
}

/* One series. "grad_norm" and "grad_norm/<parameter>" cannot be a file and a folder: '/' turns '.'.
 */
static ek_status put_series(const run_folder *folder, const ek_run_row *run, const char *name,
                            const ek_logged *logged, size_t count, ek_error *err)
{
    ek_sink sink;
    char *key = ek_strdup(name);
    for (char *c = key; c && *c; c++) {
        *c = *c == '/' ? '.' : *c;
    }
    ek_status status = key ? ek__sink_open(&sink, folder->metrics, key, err)
                           : ek_error_set(err, EK_E_MEMORY, "no memory for a name");
    ek_free(key);
    EK_TRY(status);
    for (size_t i = 0; i < count; i++) {
        char text[32];
        ek_buf_printf(&sink.buf, "%lld %s %lld\n",
                      (long long)(1000 * ek__export_step_time(run, logged[i].step)),
                      ek_number_text(text, logged[i].value), (long long)logged[i].step);
    }
    return ek__sink_close(&sink, EK_OK, err);
}

static ek_status put_tags(const tree *t, const run_folder *folder, const ek_run_row *run,
                          const char *name, ek_error *err)
{
    bool done = run->status == EK_RUN_DONE;
    const struct {
        const char *key, *value;
    } tags[] = {{"mlflow.runName", name},
                {"mlflow.parentRunId", t->parent},
                {"mlflow.user", "evenkeel"},
                {"evenkeel.group", run->group},
                {"evenkeel.recipe", run->recipe},
                {"evenkeel.status", ek_run_status_name(run->status)},
                {"evenkeel.outcome", done ? ek_outcome_name(run->outcome) : ""},
                {"evenkeel.weights_hash", run->weights_hash}};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        EK_TRY(put_text(folder->tags, tags[i].key, tags[i].value, err));
    }
    return EK_OK;
}

static int status_of(const ek_run_row *run)
{
    return run->status == EK_RUN_DONE      ? RUN_FINISHED
           : run->status == EK_RUN_RUNNING ? RUN_RUNNING
           : run->status == EK_RUN_QUEUED  ? RUN_SCHEDULED
                                           : RUN_FAILED;
}

static ek_status fill_child(const tree *t, const run_folder *folder, size_t index, const char *id,
                            const char *name, size_t *at, ek_error *err)
{
    const ek_export *export = t->export;
    const ek_run_row *run = &export->table.runs[index];
    EK_TRY(write_meta(t, folder, id, name, status_of(run), run->started, run->finished, err));
    EK_TRY(put_settings(t, folder, run, err));
    EK_TRY(put_tags(t, folder, run, name, err));
    if (run->status == EK_RUN_DONE) {
        EK_TRY(put_metric(folder, "score", ek__export_seconds(run->finished), run->score, err));
    }
    while (*at < export->logged_count && export->logged[*at].run == index) {
        size_t first = *at, of_name = export->logged[first].name;
        while (*at < export->logged_count && export->logged[*at].run == index &&
               export->logged[*at].name == of_name) {
            (*at)++;
        }
        EK_TRY(put_series(folder, run, export->names[of_name], export->logged + first, *at - first,
                          err));
    }
    return EK_OK;
}

static ek_status write_child(const tree *t, size_t index, size_t *at, ek_error *err)
{
    const ek_run_row *run = &t->export->table.runs[index];
    ek_buf what = {0}, name = {0};
    run_folder folder = {0};
    char id[65];
    ek_buf_printf(&what, "run %lld %u %u %u %u %u %s %s", (long long)run->id, run->seeds.init,
                  run->seeds.order, run->seeds.dropout, run->seeds.subset, run->seeds.split,
                  run->group, run->weights_hash);
    ek_buf_printf(&name, "%s seed %u", run->group, run->seed);
    identify(id, t, ek_buf_text(&what));
    id[ID_LENGTH] = '\0';
    ek_status status = make_folder(t, &folder, id, err);
    if (status == EK_OK) {
        status = fill_child(t, &folder, index, id, ek_buf_text(&name), at, err);
    }
    folder_free(&folder);
    ek_buf_deinit(&what);
    ek_buf_deinit(&name);
    return status;
}

/* ---- the study ------------------------------------------------------------------------------- */

struct params {
    const run_folder *folder;
    ek_status status;
    ek_error *err;
};

static void put_param(void *user, const char *key, const char *value, const char *origin)
{
    struct params *params = user;
    (void)origin;
    if (params->status == EK_OK) {
        params->status = put_text(params->folder->params, key, value, params->err);
    }
}

static ek_status put_group(const tree *t, const run_folder *folder, size_t g, int64_t time,
                           ek_error *err)
{
    const ek_summary *s = &t->export->table.rows[g].summary;
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"mean", s->mean},
                   {"sd", s->sd},
                   {"mean_low", s->mean_low},
                   {"mean_high", s->mean_high},
                   {"min", s->min},
                   {"median", s->median},
                   {"max", s->max},
                   {"n", (double)s->n},
                   {"failed", (double)s->failed}};
    /* A plus or an equals sign is not in MLflow's alphabet of keys. */
    char *group = ek_strdup(t->export->folders[g]);
    ek_status status = group ? EK_OK : ek_error_set(err, EK_E_MEMORY, "no memory for a name");
    for (char *c = group; c && *c; c++) {
        *c = strchr("+=~", *c) ? '-' : *c;
    }
    for (size_t i = 0; status == EK_OK && i < sizeof numbers / sizeof *numbers; i++) {
        ek_buf key = {0};
        ek_buf_printf(&key, "%s.%s", group, numbers[i].name);
        status = ek_buf_status(&key, err);
        if (status == EK_OK) {
            status = put_metric(folder, ek_buf_text(&key), time, numbers[i].value, err);
        }
        ek_buf_deinit(&key);
    }
    ek_free(group);
    return status;
}

static ek_status fill_parent(const tree *t, const run_folder *folder, ek_error *err)
{
    const ek_export *export = t->export;
    const ek_study_facts *facts = &export->table.facts;
    struct params params = {folder, EK_OK, err};
    const char *created = export->record.created, *finished = "";
    for (size_t i = 0; i < export->table.run_count; i++) {
        const char *end = export->table.runs[i].finished; /* ISO dates sort as text */
        finished = strcmp(end, finished) > 0 ? end : finished;
    }
    EK_TRY(write_meta(t, folder, t->parent, export->record.name, RUN_FINISHED, created, finished,
                      err));
    EK_TRY(ek_store_config(export->store, NULL, put_param, &params, err));
    EK_TRY(params.status);
    const struct {
        const char *key, *value;
    } tags[] = {{"mlflow.runName", export->record.name},
                {"mlflow.user", "evenkeel"},
                {"evenkeel.task", facts->task},
                {"evenkeel.metric", facts->reported},
                {"evenkeel.split", facts->split},
                {"evenkeel.checkpoint", export->table.checkpoint},
                {"evenkeel.model_hash", facts->model_hash},
                {"evenkeel.data_hash", facts->data_hash}};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        EK_TRY(put_text(folder->tags, tags[i].key, tags[i].value, err));
    }
    int64_t time = ek__export_seconds(finished[0] ? finished : created);
    EK_TRY(put_metric(folder, "baseline", time, facts->baseline, err));
    for (size_t g = 0; g < export->table.count; g++) {
        EK_TRY(put_group(t, folder, g, time, err));
    }
    return EK_OK;
}

static ek_status write_experiment(const tree *t, ek_error *err)
{
    ek_buf out = {0}, uri = {0};
    long long created = 1000 * (long long)ek__export_seconds(t->export->record.created);
    ek_buf_printf(&uri, "%s/%s", t->root, t->experiment);
    yaml_line(&out, "artifact_location", ek_buf_text(&uri));
    ek_buf_printf(&out, "creation_time: %lld\n", created);
    yaml_line(&out, "experiment_id", t->experiment);
    ek_buf_printf(&out, "last_update_time: %lld\nlifecycle_stage: active\n", created);
    yaml_line(&out, "name", t->export->record.name);
    ek_status status = ek_buf_status(&out, err);
    if (status == EK_OK) {
        status = ek__export_file(t->dir, "meta.yaml", out.data, out.length, err);
    }
    ek_buf_deinit(&out);
    ek_buf_deinit(&uri);
    return status;
}

static ek_status write_tree(tree *t, ek_error *err)
{
    run_folder parent = {0};
    size_t at = 0;
    EK_TRY(write_experiment(t, err));
    ek_status status = make_folder(t, &parent, t->parent, err);
    if (status == EK_OK) {
        status = fill_parent(t, &parent, err);
    }
    folder_free(&parent);
    for (size_t i = 0; status == EK_OK && i < t->export->table.run_count; i++) {
        status = write_child(t, i, &at, err);
    }
    return status;
}

/* The experiment's id: 18 digits, none of them leading zeros, from the study's hash. */
static void name_experiment(tree *t)
{
    char hex[65];
    identify(hex, t, "experiment");
    for (int i = 0; i < 18; i++) {
        int digit = hex[i] >= 'a' ? hex[i] - 'a' : hex[i] - '0';
        t->experiment[i] = (char)('0' + (i == 0 && digit == 0 ? 1 : digit));
    }
    t->experiment[18] = '\0';
    identify(t->parent, t, "study");
    t->parent[ID_LENGTH] = '\0';
}

ek_status ek__export_mlflow(ek_export *export, ek_error *err)
{
    tree t = {.export = export};
    EK_TRY(ek__export_load_metrics(export, err));
    name_experiment(&t);
    t.runs = ek_path_join(export->out, "mlruns");
    t.dir = t.runs ? ek_path_join(t.runs, t.experiment) : NULL;
    ek_status status =
        t.dir ? ek_make_dirs(t.dir, err) : ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    if (status == EK_OK) {
        t.root = realpath(t.runs, NULL);
        status = t.root ? write_tree(&t, err)
                        : ek_error_set(err, EK_E_IO, "%s: %s", t.runs, strerror(errno));
    }
    free(t.root); /* realpath's own memory */
    ek_free(t.dir);
    ek_free(t.runs);
    return status;
}
