#include "probe/runs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "probe/rerun.h"
#include "study/kept_model.h"

/* ---- which runs ------------------------------------------------------------------------------ */

static void name_done_runs(ek_buf *out, const ek_run_row *rows, size_t count)
{
    enum { NAMED = 20 };
    size_t named = 0;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].status == EK_RUN_DONE && named++ < NAMED) {
            ek_buf_printf(out, "%s%" PRId64, named > 1 ? ", " : "", rows[i].id);
        }
    }
    ek_buf_puts(out, named == 0 ? "none" : named > NAMED ? ", ..." : "");
}

static ek_status not_done(const char *dir, int64_t id, const ek_run_row *rows, size_t count,
                          ek_error *err)
{
    ek_buf done = {0};
    name_done_runs(&done, rows, count);
    ek_error_set(err, EK_E_USAGE, "%s has no finished run %" PRId64 "; finished are: %s", dir, id,
                 ek_buf_text(&done));
    ek_buf_deinit(&done);
    return EK_E_USAGE;
}

static ek_status add(ek_probe_runs *runs, const ek_run_row *row, ek_error *err)
{
    ek_probe_run *run = &runs->runs[runs->count++];
    *run = (ek_probe_run){.id = row->id,
                          .group = ek_strdup(row->group),
                          .seed = row->seed,
                          .init_seed = row->seeds.init,
                          .outcome = row->outcome,
                          .score = row->score,
                          .total_steps = row->total_steps};
    memcpy(run->weights_hash, row->weights_hash, sizeof run->weights_hash);
    return run->group ? EK_OK : ek_error_set(err, EK_E_MEMORY, "no memory for a run");
}

static ek_status pick(ek_probe_runs *runs, const ek_run_row *rows, size_t row_count,
                      const int64_t *ids, size_t count, ek_error *err)
{
    size_t wanted = ids ? count : row_count;
    runs->runs = ek_calloc(wanted, sizeof *runs->runs);
    if (!runs->runs) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for %zu runs", wanted);
    }
    for (size_t i = 0; i < wanted; i++) {
        const ek_run_row *found = NULL;
        for (size_t r = 0; r < row_count; r++) {
            bool named = ids ? rows[r].id == ids[i] : r == i;
            found = named && rows[r].status == EK_RUN_DONE ? &rows[r] : found;
        }
        if (found) {
            EK_TRY(add(runs, found, err));
        } else if (ids) {
            return not_done(runs->dir, ids[i], rows, row_count, err);
        }
    }
    return runs->count > 0
               ? EK_OK
               : ek_error_set(err, EK_E_USAGE, "%s has no finished run to look at", runs->dir);
}

static ek_status list(ek_probe_runs *runs, const int64_t *ids, size_t count, ek_error *err)
{
    ek_store *store;
    ek_run_row *rows = NULL;
    size_t row_count = 0;
    EK_TRY(ek_store_open_read(&store, runs->dir, err));
    ek_status status = ek_store_runs(store, &rows, &row_count, err);
    ek_store_close(store);
    EK_TRY(status);
    status = pick(runs, rows, row_count, ids, count, err);
    ek_run_rows_free(rows, row_count);
    return status;
}

ek_status ek_probe_runs_list(ek_probe_runs *runs, const char *dir, const int64_t *ids, size_t count,
                             ek_error *err)
{
    *runs = (ek_probe_runs){.dir = ek_strdup(dir)};
    ek_status status = runs->dir ? list(runs, ids, count, err)
                                 : ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    if (status != EK_OK) {
        ek_probe_runs_close(runs);
    }
    return status;
}

ek_status ek_probe_runs_open(ek_probe_runs *runs, const char *dir, const int64_t *ids, size_t count,
                             ek_error *err)
{
    size_t planned;
    char hash[65];
    EK_TRY(ek_probe_runs_list(runs, dir, ids, count, err));
    ek_status status =
        ek_study_find_run(runs->dir, runs->runs[0].id, &runs->spec, &planned, hash, err);
    if (status == EK_OK) {
        status = ek_study_load(&runs->inputs, &runs->spec, err);
    }
    if (status != EK_OK) {
        ek_probe_runs_close(runs);
    }
    return status;
}

void ek_probe_runs_close(ek_probe_runs *runs)
{
    for (size_t i = 0; i < runs->count; i++) {
        ek_free(runs->runs[i].group);
    }
    ek_free(runs->runs);
    ek_free(runs->dir);
    ek_study_unload(&runs->inputs);
    ek_spec_free(&runs->spec);
    *runs = (ek_probe_runs){0};
}

/* ---- their weights --------------------------------------------------------------------------- */

char *ek_probe_model_dir(const char *dir, int64_t id)
{
    char name[64];
    snprintf(name, sizeof name, "models/run-%" PRId64, id);
    return ek_path_join(dir, name);
}

ek_status ek_probe_runs_weights(const ek_probe_runs *runs, size_t index, float *weights,
                                ek_error *err)
{
    const ek_model *pretrained = &runs->inputs.model;
    const ek_probe_run *run = &runs->runs[index];
    char *dir = ek_probe_model_dir(runs->dir, run->id);
    ek_model kept = {0};
    if (!dir) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    }
    const ek_model_options options = {.num_labels = pretrained->params.num_labels,
                                      .keep_head = true};
    ek_status status = ek_model_open(&kept, dir, &options, err);
    if (status == EK_OK && kept.params.total_count != pretrained->params.total_count) {
        status = ek_error_set(err, EK_E_MODEL, "%s is a model of another shape", dir);
    }
    if (status == EK_OK) {
        char hash[65];
        ek_params_hash(&kept.params, kept.weights, hash);
        if (strcmp(hash, run->weights_hash) != 0) {
            status = ek_error_set(err, EK_E_MODEL, "%s holds other weights than run %" PRId64, dir,
                                  run->id);
        }
    }
    if (status == EK_OK) {
        memcpy(weights, kept.weights, kept.params.total_count * sizeof *weights);
    }
    ek_model_close(&kept);
    ek_free(dir);
    return status;
}

/* What the workers that make models share. */
struct making {
    const ek_probe_runs *runs;
    size_t *missing; /* places in runs->runs */
};

static ek_status keep(const ek_probe_run *run, const ek_study_inputs *inputs,
                      const ek_run_result *result, const char *dir, ek_error *err)
{
    if (strcmp(result->weights_hash, run->weights_hash) != 0) {
        return ek_error_set(err, EK_E_FAILED,
                            "run %" PRId64 " came out with other weights (%.16s...) than the study "
                            "has (%.16s...); was the data or the model changed?",
                            run->id, result->weights_hash, run->weights_hash);
    }
    char *model_dir = ek_probe_model_dir(dir, run->id);
    ek_status status = model_dir ? ek_kept_model_write(inputs, result, model_dir, err)
                                 : ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    ek_free(model_dir);
    return status;
}

/* In a worker. */
static ek_status make_one(void *user, size_t item, int threads,
                          void (*note)(void *noted, int64_t step, int64_t total), void *noted,
                          ek_error *err)
{
    const struct making *making = user;
    const ek_probe_run *run = &making->runs->runs[making->missing[item]];
    ek_spec spec = {0};
    ek_study_inputs inputs = {0};
    ek_run_result result = {0};
    size_t planned;
    char hash[65];
    EK_TRY(ek_study_find_run(making->runs->dir, run->id, &spec, &planned, hash, err));
    ek_status status = ek_study_load(&inputs, &spec, err);
    if (status == EK_OK) {
        status = ek_study_run_one(&inputs, planned, threads, true, NULL, &result, note, noted, err);
    }
    if (status == EK_OK) {
        status = keep(run, &inputs, &result, making->runs->dir, err);
        ek_run_result_free(&result);
    }
    ek_study_unload(&inputs);
    ek_spec_free(&spec);
    return status;
}

ek_status ek_probe_runs_make(ek_probe_runs *runs, const ek_probe_control *control, ek_error *err)
{
    size_t total = runs->inputs.model.params.total_count, missing = 0;
    struct making making = {.runs = runs};
    making.missing = ek_calloc(runs->count, sizeof *making.missing);
    float *weights = ek_calloc(total, sizeof *weights);
    if (!making.missing || !weights) {
        ek_free(making.missing);
        ek_free(weights);
        return ek_error_set(err, EK_E_MEMORY, "no memory for a model of %zu numbers", total);
    }
    for (size_t i = 0; i < runs->count; i++) {
        ek_error ignored;
        if (ek_probe_runs_weights(runs, i, weights, &ignored) != EK_OK) {
            making.missing[missing++] = i;
        }
    }
    ek_free(weights);
    const ek_rerun rerun = {
        .doing = "making the weights", .count = missing, .user = &making, .make = make_one};
    ek_status status = ek__rerun(&rerun, control, err);
    ek_free(making.missing);
    return status;
}
