#include "probe/gradients.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "probe/rerun.h"
#include "study/store.h"

static const char prefix[] = "grad_norm/";

static ek_status no_memory(ek_error *err)
{
    return ek_error_set(err, EK_E_MEMORY, "no memory for gradient norms");
}

/* ---- where they are -------------------------------------------------------------------------- */

/* The store of a run that was made again for its gradients. */
static char *own_dir(const char *dir, int64_t run)
{
    char name[64];
    snprintf(name, sizeof name, "probe/gradients/run-%" PRId64, run);
    return ek_path_join(dir, name);
}

/* Whether a store has gradients of a done run; false on every error. */
static bool has_gradients(const char *dir, int64_t run)
{
    ek_error ignored;
    ek_store *store;
    char **names;
    size_t count;
    bool found = false;
    if (ek_store_open_read(&store, dir, &ignored) != EK_OK) {
        return false;
    }
    if (ek_store_metric_names(store, run, &names, &count, &ignored) == EK_OK) {
        for (size_t i = 0; i < count; i++) {
            found = found || strncmp(names[i], prefix, sizeof prefix - 1) == 0;
            ek_free(names[i]);
        }
        ek_free(names);
    }
    ek_store_close(store);
    return found;
}

static bool has_own(const char *dir, int64_t run)
{
    char *own = own_dir(dir, run);
    bool found = own && ek_dir_exists(own) && has_gradients(own, 1);
    ek_free(own);
    return found;
}

/* ---- making them ----------------------------------------------------------------------------- */

struct making {
    const char *dir;
    const ek_probe_run *runs;
    size_t *missing; /* places in runs */
};

static ek_status log_run(const char *dir, const ek_probe_run *run, ek_study_inputs *inputs,
                         int threads, void (*note)(void *noted, int64_t step, int64_t total),
                         void *noted, ek_error *err)
{
    ek_store *store;
    ek_run_result result;
    char *own = own_dir(dir, run->id);
    ek_status status = own ? ek_store_open(&store, own, err) : no_memory(err);
    ek_free(own);
    EK_TRY(status);
    status = ek_store_register(store, inputs->spec, &inputs->facts, err);
    if (status == EK_OK) {
        status = ek_study_run_one(inputs, 0, threads, false, store, &result, note, noted, err);
    }
    ek_store_close(store);
    EK_TRY(status);
    bool same = strcmp(result.weights_hash, run->weights_hash) == 0;
    ek_run_result_free(&result);
    return same ? EK_OK
                : ek_error_set(err, EK_E_FAILED,
                               "run %" PRId64 " came out with other weights than the study has; "
                               "was the data or the model changed?",
                               run->id);
}

static ek_status make_one(void *user, size_t item, int threads,
                          void (*note)(void *noted, int64_t step, int64_t total), void *noted,
                          ek_error *err)
{
    enum { USUAL_STEPS = 10 };
    const struct making *making = user;
    const ek_probe_run *run = &making->runs[making->missing[item]];
    ek_spec spec = {0};
    ek_study_inputs inputs;
    size_t planned;
    char hash[65];
    EK_TRY(ek_study_find_run(making->dir, run->id, &spec, &planned, hash, err));
    ek_recipe *recipe = &spec.arms[0].recipe;
    recipe->log_gradients = true;
    recipe->logging_steps = recipe->logging_steps > 0 ? recipe->logging_steps : USUAL_STEPS;
    ek_status status = ek_study_load(&inputs, &spec, err);
    if (status == EK_OK) {
        status = log_run(making->dir, run, &inputs, threads, note, noted, err);
        ek_study_unload(&inputs);
    }
    ek_spec_free(&spec);
    return status;
}

ek_status ek_gradients_make(const char *dir, const ek_probe_run *runs, size_t count,
                            const ek_probe_control *control, ek_error *err)
{
    struct making making = {.dir = dir, .runs = runs};
    size_t missing = 0;
    making.missing = ek_calloc(count, sizeof *making.missing);
    if (!making.missing) {
        return no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        if (!has_gradients(dir, runs[i].id) && !has_own(dir, runs[i].id)) {
            making.missing[missing++] = i;
        }
    }
    const ek_rerun rerun = {
        .doing = "logging the gradients", .count = missing, .user = &making, .make = make_one};
    ek_status status = ek__rerun(&rerun, control, err);
    ek_free(making.missing);
    return status;
}

/* ---- reading them ---------------------------------------------------------------------------- */

static size_t row_size(const ek_gradients *gradients)
{
    return (size_t)(gradients->layers + 2) * EK_GROUP_COUNT;
}

static size_t cell(const ek_gradients *gradients, size_t step, int32_t row, ek_param_group group)
{
    return step * row_size(gradients) + (size_t)row * EK_GROUP_COUNT + group;
}

double ek_gradients_norm(const ek_gradients *gradients, size_t step, int32_t row,
                         ek_param_group group)
{
    return gradients->norms[cell(gradients, step, row, group)];
}

double ek_gradients_row(const ek_gradients *gradients, size_t step, int32_t row)
{
    double squares = 0;
    bool any = false;
    for (int group = 0; group < EK_GROUP_COUNT; group++) {
        double norm = ek_gradients_norm(gradients, step, row, (ek_param_group)group);
        /* NaN stands for "no such tensor" alone: a norm that is not finite is infinite here. */
        squares += isnan(norm) ? 0 : norm * norm;
        any = any || !isnan(norm);
    }
    return any ? sqrt(squares) : (double)NAN;
}

/* The number of encoder layers that the logged names speak of. */
static int32_t count_layers(char **names, size_t count)
{
    int32_t layers = 0, layer;
    ek_param_group group;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(names[i], prefix, sizeof prefix - 1) == 0 &&
            ek_param_place(names[i] + sizeof prefix - 1, &layer, &group) && layer < INT32_MAX &&
            layer >= layers) {
            layers = layer + 1;
        }
    }
    return layers;
}

static ek_status add_tensor(ek_gradients *gradients, ek_store *store, int64_t run, const char *name,
                            ek_error *err)
{
    int64_t *steps;
    double *values;
    size_t count;
    int32_t layer;
    ek_param_group group;
    if (!ek_param_place(name + sizeof prefix - 1, &layer, &group)) {
        return EK_OK;
    }
    EK_TRY(ek_store_series(store, run, name, &steps, &values, &count, err));
    if (!gradients->norms) {
        size_t cells = count * row_size(gradients);
        gradients->norms = ek_calloc(cells, sizeof *gradients->norms);
        for (size_t i = 0; gradients->norms && i < cells; i++) {
            gradients->norms[i] = (double)NAN;
        }
        gradients->steps = steps;
        gradients->step_count = count;
        steps = NULL;
    }
    int32_t row = layer == INT32_MAX ? gradients->layers + 1 : layer + 1;
    for (size_t i = 0; gradients->norms && i < gradients->step_count && i < count; i++) {
        double *norm = &gradients->norms[cell(gradients, i, row, group)];
        double value = isfinite(values[i]) ? values[i] : (double)INFINITY;
        *norm = isnan(*norm) ? value : sqrt(*norm * *norm + value * value);
    }
    ek_free(steps);
    ek_free(values);
    return gradients->norms ? EK_OK : no_memory(err);
}

static ek_status load(ek_gradients *gradients, const char *dir, int64_t run, ek_error *err)
{
    ek_store *store;
    char **names;
    size_t count;
    EK_TRY(ek_store_open_read(&store, dir, err));
    ek_status status = ek_store_metric_names(store, run, &names, &count, err);
    if (status == EK_OK) {
        gradients->layers = count_layers(names, count);
        for (size_t i = 0; i < count; i++) {
            if (status == EK_OK && strncmp(names[i], prefix, sizeof prefix - 1) == 0) {
                status = add_tensor(gradients, store, run, names[i], err);
            }
            ek_free(names[i]);
        }
        ek_free(names);
    }
    ek_store_close(store);
    return status;
}

ek_status ek_gradients_load(ek_gradients *gradients, const char *dir, const ek_probe_run *run,
                            ek_error *err)
{
    *gradients = (ek_gradients){0};
    ek_status status;
    if (has_gradients(dir, run->id)) {
        status = load(gradients, dir, run->id, err);
    } else {
        char *own = own_dir(dir, run->id);
        status = own ? load(gradients, own, 1, err) : no_memory(err);
        ek_free(own);
    }
    if (status == EK_OK && gradients->step_count == 0) {
        status = ek_error_set(err, EK_E_FAILED, "run %" PRId64 " has no gradient norms", run->id);
    }
    if (status != EK_OK) {
        ek_gradients_free(gradients);
    }
    return status;
}

void ek_gradients_free(ek_gradients *gradients)
{
    ek_free(gradients->steps);
    ek_free(gradients->norms);
    *gradients = (ek_gradients){0};
}
