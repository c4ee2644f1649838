#include "probe/drift.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "probe/crew.h"
#include "stats/cka.h"
#include "train/evaluate.h"

enum { BATCH = 4 /* all layers' activations are kept */ };

/* What parent and workers share. */
struct look {
    ek_drift *drift;
    const ek_probe_control *control;
    const ek_study_inputs *inputs;
    ek_token_set examples;
    uint32_t *index; /* [examples.count] 0, 1, ... */
    size_t hidden;
    double *distances; /* [runs][2][L + 2] shared memory: distance, norm of the pre-trained part */
    double *alike;     /* [L][2][pairs] shared memory: biased, unbiased */
    float *cls;        /* [runs][L][examples][hidden] shared memory */
};

/* In a worker. */
struct walker {
    ek_arena arena;
    ek_workspace workspace;
    float *weights;
};

size_t ek_drift_pair(size_t a, size_t b)
{
    return b * (b - 1) / 2 + a;
}

static size_t pair_count(size_t runs)
{
    return runs * (runs - 1) / 2;
}

/* ---- a run: its distances, and its representations --------------------------------------------
 */

static void lay_out(struct walker *walker, const struct look *look, ek_arena *arena)
{
    const ek_model *model = &look->inputs->model;
    const ek_token_set *sets[] = {&look->examples};
    walker->weights = ek_arena_alloc(arena, model->params.total_count, sizeof(float));
    ek_workspace_plan(&walker->workspace, arena, &model->config, &model->offsets,
                      model->params.num_labels, sets, 1, BATCH,
                      (ek_precision)look->inputs->spec->arms[0].recipe.precision, true);
}

static ek_status begin(void *user, ek_compute *compute, void **local, ek_error *err)
{
    const struct look *look = user;
    struct walker *walker = ek_calloc(1, sizeof *walker);
    ek_arena plan = ek_arena_measure();
    if (!walker) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for a worker");
    }
    lay_out(walker, look, &plan);
    EK_TRY(ek_arena_init(&walker->arena, plan.used_bytes, err));
    lay_out(walker, look, &walker->arena);
    *local = walker;
    return ek_workspace_reserve(&walker->workspace, compute, err);
}

/* The part that a parameter belongs to, -1 for none. */
static int32_t part_of(const ek_param *row, int32_t layers)
{
    if (row->layer < layers) {
        return row->layer + 1;
    }
    return row->group == EK_GROUP_POOLER ? layers + 1 : -1;
}

static void measure_distance(const struct look *look, const float *weights, double *distance,
                             double *norm)
{
    const ek_model *model = &look->inputs->model;
    for (size_t i = 0; i < model->params.count; i++) {
        const ek_param *row = &model->params.rows[i];
        int32_t part = part_of(row, look->drift->layers);
        if (part < 0) {
            continue;
        }
        double moved = 0, whole = 0;
        for (size_t k = row->offset; k < row->offset + row->count; k++) {
            double was = (double)model->weights[k], step = (double)weights[k] - was;
            moved += step * step;
            whole += was * was;
        }
        distance[part] += model->loaded[i] ? moved : (double)NAN;
        norm[part] += model->loaded[i] ? whole : (double)NAN;
    }
    for (int32_t part = 0; part < look->drift->layers + 2; part++) {
        distance[part] = sqrt(distance[part]);
        norm[part] = sqrt(norm[part]);
    }
}

/* The [CLS] rows of every layer's output: out [L][examples][hidden]. */
static void measure_outputs(struct walker *walker, const struct look *look, ek_compute *compute,
                            float *out)
{
    ek_workspace *work = &walker->workspace;
    size_t examples = look->examples.count, hidden = look->hidden;
    int32_t layers = look->drift->layers;
    for (size_t first = 0; first < examples; first += BATCH) {
        int32_t size = examples - first < BATCH ? (int32_t)(examples - first) : BATCH;
        const ek_encoder_options options = {.addend_layer = -1};
        ek_workspace_fill(work, &look->examples, look->index + first, size, (uint32_t)first,
                          (ek_mask_draw){0});
        ek_encoder_forward(&work->encoder, compute, walker->weights, &work->batch, &options);
        for (int32_t layer = 0; layer < layers; layer++) {
            const float *rows = ek_encoder_layer_output(&work->encoder, layer);
            float *to = out + ((size_t)layer * examples + first) * hidden;
            for (int32_t e = 0; e < size; e++) {
                /* the last layer has the wanted rows alone */
                size_t row = layer + 1 < layers ? (size_t)work->batch.offsets[e] : (size_t)e;
                memcpy(to + (size_t)e * hidden, rows + row * hidden, hidden * sizeof *to);
            }
        }
    }
}

static ek_status look_at_run(void *user, void *local, ek_compute *compute, size_t item,
                             ek_error *err)
{
    struct look *look = user;
    struct walker *walker = local;
    size_t parts = (size_t)look->drift->layers + 2;
    EK_TRY(ek_probe_runs_weights(look->drift->runs, item, walker->weights, err));
    double *distance = look->distances + item * 2 * parts;
    measure_distance(look, walker->weights, distance, distance + parts);
    measure_outputs(walker, look, compute,
                    look->cls + item * (parts - 2) * look->examples.count * look->hidden);
    return EK_OK;
}

/* ---- a layer: how alike its outputs are between runs ----------------------------------------- */

static ek_status compare_layer(void *user, void *local, ek_compute *compute, size_t layer,
                               ek_error *err)
{
    struct look *look = user;
    (void)local;
    (void)compute;
    size_t runs = look->drift->runs->count, n = look->examples.count, pairs = pair_count(runs);
    double *grams = ek_calloc(runs, n * n * sizeof *grams);
    ek_status status = grams ? EK_OK
                             : ek_error_set(err, EK_E_MEMORY,
                                            "no memory to compare %zu runs: name some with "
                                            "--runs",
                                            runs);
    for (size_t r = 0; r < runs && status == EK_OK; r++) {
        const float *x = look->cls + (r * (size_t)look->drift->layers + layer) * n * look->hidden;
        status = ek_cka_gram(x, n, look->hidden, grams + r * n * n, err);
    }
    double *biased = look->alike + layer * 2 * pairs, *unbiased = biased + pairs;
    for (size_t b = 1; b < runs && status == EK_OK; b++) {
        for (size_t a = 0; a < b; a++) {
            size_t pair = ek_drift_pair(a, b);
            biased[pair] = ek_cka(grams + a * n * n, grams + b * n * n, n);
            unbiased[pair] = ek_cka_unbiased(grams + a * n * n, grams + b * n * n, n);
        }
    }
    ek_free(grams);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void say(const struct look *look, const char *what, size_t done, size_t count)
{
    char text[64];
    snprintf(text, sizeof text, "%s %zu of %zu", what, done, count);
    if (look->control->say) {
        look->control->say(look->control->user, text, (double)done / (double)count);
    }
}

static void run_progress(void *user, size_t done, size_t count)
{
    say(user, "outputs of runs,", done, count);
}

static void layer_progress(void *user, size_t done, size_t count)
{
    say(user, "layers compared,", done, count);
}

static ek_status choose_examples(struct look *look, ek_error *err)
{
    const ek_planned_run *run = &look->inputs->spec->runs[0];
    const ek_token_set *all = look->inputs->arm_tokens[run->arm].validation;
    size_t count = all->count < EK_DRIFT_EXAMPLES ? all->count : EK_DRIFT_EXAMPLES;
    if (count == 0) {
        return ek_error_set(err, EK_E_DATA, "there are no validation examples to look at");
    }
    look->index = ek_calloc(count, sizeof *look->index);
    if (!look->index) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for %zu examples", count);
    }
    for (size_t i = 0; i < count; i++) {
        look->index[i] = (uint32_t)(i * all->count / count);
    }
    EK_TRY(ek_token_set_select(&look->examples, all, look->index, count, err));
    for (size_t i = 0; i < count; i++) {
        look->index[i] = (uint32_t)i;
    }
    look->drift->examples = count;
    return EK_OK;
}

struct sizes {
    size_t distances, alike, cls; /* bytes */
};

static struct sizes sizes_of(const struct look *look)
{
    size_t runs = look->drift->runs->count, layers = (size_t)look->drift->layers;
    return (struct sizes){.distances = runs * 2 * (layers + 2) * sizeof(double),
                          .alike = layers * 2 * (pair_count(runs) + 1) * sizeof(double),
                          .cls =
                              runs * layers * look->examples.count * look->hidden * sizeof(float)};
}

static ek_status make_room(struct look *look, ek_error *err)
{
    ek_drift *drift = look->drift;
    size_t runs = drift->runs->count, layers = (size_t)drift->layers, pairs = pair_count(runs);
    struct sizes sizes = sizes_of(look);
    look->distances = ek_crew_share(sizes.distances);
    look->alike = ek_crew_share(sizes.alike);
    look->cls = ek_crew_share(sizes.cls);
    drift->distance = ek_calloc(runs * (layers + 2), sizeof(double));
    drift->relative = ek_calloc(runs * (layers + 2), sizeof(double));
    drift->cka = ek_calloc(pairs * (layers + 1), sizeof(double));
    drift->unbiased = ek_calloc(pairs * (layers + 1), sizeof(double));
    if (!look->distances || !look->alike || !look->cls || !drift->distance || !drift->relative ||
        !drift->cka || !drift->unbiased) {
        return ek_error_set(err, EK_E_MEMORY,
                            "no memory for the outputs of %zu runs (%zu MiB): name some with "
                            "--runs",
                            runs, sizes.cls >> 20);
    }
    return EK_OK;
}

static void take_results(const struct look *look)
{
    ek_drift *drift = look->drift;
    size_t runs = drift->runs->count, layers = (size_t)drift->layers, parts = layers + 2;
    size_t pairs = pair_count(runs);
    for (size_t i = 0; i < runs * parts; i++) {
        const double *distance = look->distances + i / parts * 2 * parts + i % parts;
        drift->distance[i] = distance[0];
        drift->relative[i] = distance[parts] > 0 ? distance[0] / distance[parts] : (double)NAN;
    }
    for (size_t pair = 0; pair < pairs; pair++) {
        drift->cka[pair * (layers + 1)] = (double)NAN; /* [CLS] is [CLS] in every example */
        drift->unbiased[pair * (layers + 1)] = (double)NAN;
        for (size_t layer = 0; layer < layers; layer++) {
            const double *alike = look->alike + layer * 2 * pairs;
            drift->cka[pair * (layers + 1) + layer + 1] = alike[pair];
            drift->unbiased[pair * (layers + 1) + layer + 1] = alike[pairs + pair];
        }
    }
}

static ek_status measure(struct look *look, ek_error *err)
{
    ek_drift *drift = look->drift;
    const ek_model_config *config = &look->inputs->model.config;
    size_t runs = drift->runs->count;
    if (runs > EK_DRIFT_RUNS) {
        return ek_error_set(err, EK_E_USAGE,
                            "the study has %zu finished runs; at most %d are compared at once: "
                            "name them with --runs",
                            runs, EK_DRIFT_RUNS);
    }
    drift->layers = config->num_hidden_layers;
    look->hidden = (size_t)config->hidden_size;
    EK_TRY(choose_examples(look, err));
    EK_TRY(make_room(look, err));
    EK_TRY(ek_crew_run(&(ek_crew){.count = runs,
                                  .jobs = look->control->jobs,
                                  .user = look,
                                  .begin = begin,
                                  .work = look_at_run,
                                  .progress = run_progress},
                       err));
    if (runs > 1) {
        EK_TRY(ek_crew_run(&(ek_crew){.count = (size_t)drift->layers,
                                      .jobs = look->control->jobs,
                                      .user = look,
                                      .work = compare_layer,
                                      .progress = layer_progress},
                           err));
    }
    take_results(look);
    return EK_OK;
}

ek_status ek_drift_measure(ek_drift *drift, const ek_probe_runs *runs,
                           const ek_probe_control *control, ek_error *err)
{
    struct look look = {.drift = drift, .control = control, .inputs = &runs->inputs};
    *drift = (ek_drift){.runs = runs};
    ek_status status = measure(&look, err);
    struct sizes sizes = sizes_of(&look);
    ek_crew_unshare(look.distances, sizes.distances);
    ek_crew_unshare(look.alike, sizes.alike);
    ek_crew_unshare(look.cls, sizes.cls);
    ek_free(look.index);
    ek_token_set_free(&look.examples);
    if (status != EK_OK) {
        ek_drift_free(drift);
    }
    return status;
}

void ek_drift_free(ek_drift *drift)
{
    ek_free(drift->distance);
    ek_free(drift->relative);
    ek_free(drift->cka);
    ek_free(drift->unbiased);
    *drift = (ek_drift){0};
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void put_numbers(ek_buf *out, const char *key, const double *values, size_t count)
{
    ek_buf_printf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        ek_buf_puts(out, i ? "," : "");
        ek_buf_json_double(out, values[i]);
    }
    ek_buf_putc(out, ']');
}

void ek_drift_json(const ek_drift *drift, ek_buf *out)
{
    size_t runs = drift->runs->count, layers = (size_t)drift->layers;
    ek_buf_printf(out,
                  "{\"probe\":\"drift\",\"layers\":%zu,\"examples\":%zu,\"parts\":[\"embeddings\"",
                  layers, drift->examples);
    for (size_t layer = 0; layer < layers; layer++) {
        ek_buf_printf(out, ",\"layer %zu\"", layer);
    }
    ek_buf_puts(out, ",\"pooler\"],\"runs\":[");
    for (size_t r = 0; r < runs; r++) {
        const ek_probe_run *run = &drift->runs->runs[r];
        ek_buf_printf(out, "%s{\"run\":%" PRId64 ",\"group\":", r ? ",\n" : "\n", run->id);
        ek_buf_json_string(out, run->group, strlen(run->group));
        ek_buf_printf(out, ",\"seed\":%u,\"outcome\":\"%s\",\"score\":", run->seed,
                      ek_outcome_name(run->outcome));
        ek_buf_json_double(out, run->score);
        put_numbers(out, "distance", drift->distance + r * (layers + 2), layers + 2);
        put_numbers(out, "relative", drift->relative + r * (layers + 2), layers + 2);
        ek_buf_putc(out, '}');
    }
    ek_buf_puts(out, "],\"cka\":[");
    for (size_t b = 1; b < runs; b++) {
        for (size_t a = 0; a < b; a++) {
            size_t pair = ek_drift_pair(a, b);
            ek_buf_printf(out, "%s{\"a\":%" PRId64 ",\"b\":%" PRId64, b + a > 1 ? ",\n" : "\n",
                          drift->runs->runs[a].id, drift->runs->runs[b].id);
            put_numbers(out, "values", drift->cka + pair * (layers + 1), layers + 1);
            put_numbers(out, "unbiased", drift->unbiased + pair * (layers + 1), layers + 1);
            ek_buf_putc(out, '}');
        }
    }
    ek_buf_puts(out, "]}\n");
}
