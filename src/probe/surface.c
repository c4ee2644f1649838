#include "probe/surface.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/sampling.h"
#include "probe/crew.h"
#include "train/evaluate.h"

enum { PRETRAINED, FAILED, OK, CORNERS };
enum { BATCH = 32 };

/* What parent and workers share; point i: corners, then the line, then the grid. */
struct plane {
    ek_surface *surface;
    const ek_probe_control *control;
    const ek_study_inputs *inputs;
    float *weights[CORNERS]; /* read by all */
    ek_token_set examples;
    size_t count; /* points */
    struct found {
        double loss, grad_norm;
        bool known; /* written last */
    } * found;      /* [count] shared memory */
    uint32_t *left; /* [left_count] points that were not known at the start */
    size_t left_count;
    char *path; /* of the kept points */
    ek_buf kept;
    bool *written; /* [count] it is in kept */
    double saved;  /* when it was last written */
    ek_status save_status;
    ek_error save_error;
};

/* In a worker. */
struct painter {
    ek_arena arena;
    ek_workspace workspace;
    float *weights, *gradients;
    uint32_t *index;
};

ek_status ek_surface_pick(const char *dir, int64_t ids[2], ek_error *err)
{
    ek_store *store;
    ek_run_row *rows = NULL;
    size_t count = 0;
    EK_TRY(ek_store_open_read(&store, dir, err));
    ek_status status = ek_store_runs(store, &rows, &count, err);
    ek_store_close(store);
    EK_TRY(status);
    const ek_run_row *failed = NULL, *ok = NULL;
    for (int anywhere = 0; anywhere < 2 && !(failed && ok); anywhere++) {
        for (size_t i = 0; i < count && !(failed && ok); i++) {
            if (rows[i].status != EK_RUN_DONE || rows[i].outcome != EK_OUTCOME_FAILED) {
                continue;
            }
            failed = &rows[i];
            for (size_t j = 0; j < count && !ok; j++) {
                bool here = anywhere || strcmp(rows[j].group, failed->group) == 0;
                bool learned = rows[j].status == EK_RUN_DONE && rows[j].outcome == EK_OUTCOME_OK;
                ok = here && learned ? &rows[j] : NULL;
            }
        }
    }
    if (failed && ok) {
        ids[0] = failed->id;
        ids[1] = ok->id;
    } else {
        status = ek_error_set(err, EK_E_USAGE,
                              "%s has no %s run: a surface needs a failed and a successful one",
                              dir, failed ? "successful" : "failed");
    }
    ek_run_rows_free(rows, count);
    return status;
}

/* ---- points ---------------------------------------------------------------------------------- */

static ek_surface_point *point_at(ek_surface *surface, size_t i)
{
    if (i < CORNERS) {
        return &surface->corners[i];
    }
    i -= CORNERS;
    return i < EK_SURFACE_LINE ? &surface->line[i] : &surface->grid[i - EK_SURFACE_LINE];
}

static void lay_points(ek_surface *surface)
{
    size_t n = (size_t)surface->points;
    surface->corners[FAILED].a = 1;
    surface->corners[OK].b = 1;
    for (int i = 0; i < EK_SURFACE_LINE; i++) {
        double t = (double)i / (EK_SURFACE_LINE - 1);
        surface->line[i] = (ek_surface_point){.a = 1 - t, .b = t};
    }
    for (size_t i = 0; i < n * n; i++) {
        double width = (surface->high - surface->low) / (double)(n - 1);
        surface->grid[i] = (ek_surface_point){.a = surface->low + width * (double)(i / n),
                                              .b = surface->low + width * (double)(i % n)};
    }
}

static void mix(float *out, const struct plane *plane, const ek_surface_point *point)
{
    const float *p = plane->weights[PRETRAINED], *f = plane->weights[FAILED],
                *s = plane->weights[OK];
    float a = (float)point->a, b = (float)point->b, rest = (float)(1 - point->a - point->b);
    size_t count = plane->inputs->model.params.total_count;
    for (size_t i = 0; i < count; i++) {
        out[i] = fmaf(rest, p[i], fmaf(a, f[i], b * s[i]));
    }
}

/* Loss of the examples and the norm of its gradient. The rows of the classifier and of a regression
 * alike have one loss each; sums in double in the order of the examples, as ek_evaluate does. */
static void measure(struct painter *painter, const struct plane *plane, ek_compute *compute,
                    struct found *found)
{
    const ek_params *params = &plane->inputs->model.params;
    ek_workspace *work = &painter->workspace;
    uint32_t count = (uint32_t)plane->examples.count;
    double loss = 0, squares = 0;
    ek_zero(compute, painter->gradients, (int64_t)params->total_count);
    for (uint32_t first = 0; first < count; first += BATCH) {
        int32_t size = count - first < BATCH ? (int32_t)(count - first) : BATCH;
        ek_encoder_options encoder = {.addend_layer = -1};
        const ek_head_options head = {0};
        ek_workspace_fill(work, &plane->examples, painter->index + first, size, first,
                          (ek_mask_draw){0});
        ek_workspace_pass(work, compute, painter->gradients, painter->weights, &encoder, &head,
                          plane->inputs->data.problem, (float)count);
        for (int32_t i = 0; i < size; i++) {
            loss += (double)ek_workspace_row_loss(work)[i];
        }
    }
    for (size_t i = 0; i < params->count; i++) {
        squares += ek_sum_squares(compute, painter->gradients + params->rows[i].offset,
                                  (int64_t)params->rows[i].count);
    }
    found->loss = loss / (double)count;
    found->grad_norm = sqrt(squares);
}

static void lay_out(struct painter *painter, const struct plane *plane, ek_arena *arena)
{
    const ek_model *model = &plane->inputs->model;
    const ek_token_set *sets[] = {&plane->examples};
    painter->weights = ek_arena_alloc(arena, model->params.total_count, sizeof(float));
    painter->gradients = ek_arena_alloc(arena, model->params.total_count, sizeof(float));
    painter->index = ek_arena_alloc(arena, plane->examples.count, sizeof(uint32_t));
    ek_workspace_plan(&painter->workspace, arena, &model->config, &model->offsets,
                      model->params.num_labels, sets, 1, BATCH,
                      (ek_precision)plane->inputs->spec->arms[0].recipe.precision, true);
}

static ek_status begin(void *user, ek_compute *compute, void **local, ek_error *err)
{
    const struct plane *plane = user;
    struct painter *painter = ek_calloc(1, sizeof *painter);
    ek_arena plan = ek_arena_measure();
    if (!painter) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for a worker");
    }
    lay_out(painter, plane, &plan);
    EK_TRY(ek_arena_init(&painter->arena, plan.used_bytes, err));
    lay_out(painter, plane, &painter->arena);
    for (size_t i = 0; i < plane->examples.count; i++) {
        painter->index[i] = (uint32_t)i;
    }
    *local = painter;
    return ek_workspace_reserve(&painter->workspace, compute, err);
}

static ek_status work(void *user, void *local, ek_compute *compute, size_t item, ek_error *err)
{
    (void)err;
    struct plane *plane = user;
    struct painter *painter = local;
    size_t i = plane->left[item];
    struct found found = {.known = false};
    mix(painter->weights, plane, point_at(plane->surface, i));
    measure(painter, plane, compute, &found);
    plane->found[i] = found;
    __atomic_store_n(&plane->found[i].known, true, __ATOMIC_RELEASE);
    return EK_OK;
}

/* ---- points that were found before ----------------------------------------------------------- */

/* Everything that the numbers depend on. */
static void write_key(const struct plane *plane, ek_buf *out)
{
    const ek_surface *surface = plane->surface;
    const ek_probe_run *runs = surface->runs->runs;
    ek_buf_printf(out, "surface 1 %s %s %s %s %" PRId64 " %" PRId64 " %.17g %.17g %u %s\n",
                  runs[0].weights_hash, runs[1].weights_hash, plane->inputs->facts.model_hash,
                  plane->inputs->facts.data_hash, surface->points, surface->examples, surface->low,
                  surface->high, surface->seed,
                  ek_precision_name((ek_precision)plane->inputs->spec->arms[0].recipe.precision));
}

/* One line a point: its number, loss and norm as hexadecimal floats. A line that is not whole ends
 * the reading: the file was being written when the machine stopped. */
static void take_line(struct plane *plane, const char *line)
{
    char *end;
    unsigned long i = strtoul(line, &end, 10);
    if (end == line || *end != ' ' || i >= plane->count) {
        return;
    }
    const char *at = end;
    double loss = strtod(at, &end);
    if (end == at || *end != ' ') {
        return;
    }
    at = end;
    double norm = strtod(at, &end);
    if (end == at || *end != '\n') {
        return;
    }
    plane->found[i] = (struct found){loss, norm, true};
    plane->written[i] = true;
}

static ek_status take_kept(struct plane *plane, ek_error *err)
{
    ek_buf text = {0};
    write_key(plane, &plane->kept);
    EK_TRY(ek_buf_status(&plane->kept, err));
    if (!ek_file_exists(plane->path)) {
        return EK_OK;
    }
    EK_TRY(ek_file_read(plane->path, plane->count * 96 + 4096, &text, err));
    size_t key = plane->kept.length;
    if (text.length >= key && memcmp(text.data, plane->kept.data, key) == 0) {
        for (const char *line = text.data + key; *line;) {
            const char *next = strchr(line, '\n');
            if (!next) {
                break;
            }
            take_line(plane, line);
            ek_buf_append(&plane->kept, line, (size_t)(next + 1 - line));
            line = next + 1;
        }
    }
    ek_buf_deinit(&text);
    return ek_buf_status(&plane->kept, err);
}

static void keep_found(struct plane *plane)
{
    for (size_t i = 0; i < plane->count; i++) {
        if (!plane->written[i] && __atomic_load_n(&plane->found[i].known, __ATOMIC_ACQUIRE)) {
            ek_buf_printf(&plane->kept, "%zu %a %a\n", i, plane->found[i].loss,
                          plane->found[i].grad_norm);
            plane->written[i] = true;
        }
    }
    plane->saved = ek_clock_seconds();
    if (plane->save_status == EK_OK) {
        plane->save_status = ek_buf_status(&plane->kept, &plane->save_error);
    }
    if (plane->save_status == EK_OK) {
        plane->save_status = ek_file_replace(plane->path, ek_buf_text(&plane->kept),
                                             plane->kept.length, &plane->save_error);
    }
}

static void progress(void *user, size_t done, size_t count)
{
    struct plane *plane = user;
    char what[96];
    if (ek_clock_seconds() - plane->saved > 5) {
        keep_found(plane);
    }
    size_t before = plane->count - count;
    snprintf(what, sizeof what, "%zu of %zu points", before + done, plane->count);
    if (plane->control->say) {
        plane->control->say(plane->control->user, what,
                            (double)(before + done) / (double)plane->count);
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* The failed run's training examples, and of these the ones that are looked at. */
static ek_status draw_examples(struct plane *plane, ek_error *err)
{
    ek_surface *surface = plane->surface;
    const ek_planned_run *run = &plane->inputs->spec->runs[0];
    const ek_token_set *train = plane->inputs->arm_tokens[run->arm].train;
    int64_t wanted = plane->inputs->spec->arms[run->arm].recipe.train_examples;
    uint32_t all = (uint32_t)train->count;
    uint32_t used = wanted > 0 && wanted < (int64_t)all ? (uint32_t)wanted : all;
    if (surface->examples > (int64_t)used) {
        surface->examples = used;
    }
    uint32_t *subset = ek_calloc(used, sizeof *subset);
    surface->drawn = ek_calloc((size_t)surface->examples, sizeof *surface->drawn);
    if (!subset || !surface->drawn) {
        ek_free(subset);
        return ek_error_set(err, EK_E_MEMORY, "no memory for %u examples", used);
    }
    ek_sample_subset(subset, all, used, run->seeds.subset);
    ek_sample_subset(surface->drawn, used, (uint32_t)surface->examples, surface->seed);
    for (int64_t i = 0; i < surface->examples; i++) {
        surface->drawn[i] = subset[surface->drawn[i]];
    }
    ek_free(subset);
    return ek_token_set_select(&plane->examples, train, surface->drawn, (size_t)surface->examples,
                               err);
}

static ek_status load_corners(struct plane *plane, ek_error *err)
{
    const ek_model *model = &plane->inputs->model;
    const ek_probe_runs *runs = plane->surface->runs;
    for (int i = 0; i < CORNERS; i++) {
        plane->weights[i] = ek_calloc(model->params.total_count, sizeof(float));
        if (!plane->weights[i]) {
            return ek_error_set(err, EK_E_MEMORY, "no memory for three models");
        }
    }
    ek_model_init_run(model, plane->weights[PRETRAINED], runs->runs[0].init_seed);
    EK_TRY(ek_probe_runs_weights(runs, 0, plane->weights[FAILED], err));
    return ek_probe_runs_weights(runs, 1, plane->weights[OK], err);
}

static ek_status make_room(struct plane *plane, ek_error *err)
{
    ek_surface *surface = plane->surface;
    size_t cells = (size_t)(surface->points * surface->points);
    char *dir = ek_path_join(surface->runs->dir, "probe");
    plane->count = CORNERS + EK_SURFACE_LINE + cells;
    surface->grid = ek_calloc(cells, sizeof *surface->grid);
    plane->left = ek_calloc(plane->count, sizeof *plane->left);
    plane->written = ek_calloc(plane->count, sizeof *plane->written);
    plane->found = ek_crew_share(plane->count * sizeof *plane->found);
    plane->path = dir ? ek_path_join(dir, "surface.points") : NULL;
    ek_status status = EK_OK;
    if (!surface->grid || !plane->left || !plane->written || !plane->found || !plane->path) {
        status = ek_error_set(err, EK_E_MEMORY, "no memory for %zu points", plane->count);
    } else {
        status = ek_make_dirs(dir, err);
    }
    ek_free(dir);
    return status;
}

static void copy_found(struct plane *plane)
{
    ek_surface *surface = plane->surface;
    for (size_t i = 0; i < plane->count; i++) {
        ek_surface_point *point = point_at(surface, i);
        point->loss = plane->found[i].loss;
        point->grad_norm = plane->found[i].grad_norm;
    }
    double ends = fmax(surface->line[0].loss, surface->line[EK_SURFACE_LINE - 1].loss);
    surface->barrier = 0; /* a NaN on the way stays out: fmax takes the number */
    for (int i = 0; i < EK_SURFACE_LINE; i++) {
        surface->barrier = fmax(surface->barrier, surface->line[i].loss - ends);
    }
}

static ek_status paint(struct plane *plane, ek_error *err)
{
    EK_TRY(draw_examples(plane, err));
    EK_TRY(make_room(plane, err));
    lay_points(plane->surface);
    EK_TRY(load_corners(plane, err));
    EK_TRY(take_kept(plane, err));
    for (size_t i = 0; i < plane->count; i++) {
        if (!plane->found[i].known) {
            plane->left[plane->left_count++] = (uint32_t)i;
        }
    }
    plane->saved = ek_clock_seconds();
    ek_status status = ek_crew_run(&(ek_crew){.count = plane->left_count,
                                              .jobs = plane->control->jobs,
                                              .user = plane,
                                              .begin = begin,
                                              .work = work,
                                              .progress = progress},
                                   err);
    keep_found(plane); /* of an interrupted probe, too */
    EK_TRY(status);
    if (plane->save_status != EK_OK) {
        *err = plane->save_error;
        return plane->save_status;
    }
    copy_found(plane);
    return EK_OK;
}

ek_status ek_surface_measure(ek_surface *surface, const ek_probe_runs *runs,
                             const ek_probe_control *control, ek_error *err)
{
    struct plane plane = {.surface = surface, .control = control, .inputs = &runs->inputs};
    if (runs->count != 2 || runs->runs[0].outcome == EK_OUTCOME_OK ||
        runs->runs[1].outcome != EK_OUTCOME_OK) {
        return ek_error_set(err, EK_E_USAGE,
                            "a surface needs a failed run and a successful one, in this order");
    }
    surface->runs = runs;
    ek_status status = paint(&plane, err);
    for (int i = 0; i < CORNERS; i++) {
        ek_free(plane.weights[i]);
    }
    ek_token_set_free(&plane.examples);
    ek_crew_unshare(plane.found, plane.count * sizeof *plane.found);
    ek_free(plane.left);
    ek_free(plane.written);
    ek_free(plane.path);
    ek_buf_deinit(&plane.kept);
    if (status != EK_OK) {
        ek_surface_free(surface);
    }
    return status;
}

void ek_surface_free(ek_surface *surface)
{
    ek_free(surface->grid);
    ek_free(surface->drawn);
    surface->grid = NULL;
    surface->drawn = NULL;
}

/* ---- documents ------------------------------------------------------------------------------- */

static void write_numbers(ek_buf *out, const ek_surface_point *point)
{
    ek_buf_puts(out, ",\"loss\":");
    ek_buf_json_double(out, point->loss);
    ek_buf_puts(out, ",\"grad_norm\":");
    ek_buf_json_double(out, point->grad_norm);
    ek_buf_puts(out, "}");
}

static void write_run(ek_buf *out, const char *name, const ek_probe_run *run)
{
    ek_buf_printf(out, ",\"%s_run\":%" PRId64 ",\"%s_seed\":%u,\"%s_score\":", name, run->id, name,
                  run->seed, name);
    ek_buf_json_double(out, run->score);
    ek_buf_printf(out, ",\"%s_group\":", name);
    ek_buf_json_string(out, run->group, strlen(run->group));
}

void ek_surface_json(const ek_surface *surface, ek_buf *out)
{
    static const char *const names[] = {"pretrained", "failed", "ok"};
    size_t cells = (size_t)(surface->points * surface->points);
    ek_buf_puts(out, "{\"probe\":\"surface\"");
    write_run(out, "failed", &surface->runs->runs[0]);
    write_run(out, "ok", &surface->runs->runs[1]);
    ek_buf_printf(out,
                  ",\"examples\":%" PRId64 ",\"points\":%" PRId64 ",\"low\":", surface->examples,
                  surface->points);
    ek_buf_json_double(out, surface->low);
    ek_buf_puts(out, ",\"high\":");
    ek_buf_json_double(out, surface->high);
    ek_buf_printf(out,
                  ",\"head\":\"of the pre-trained point: as the failed run started, drawn by init "
                  "seed %u where the checkpoint has none\"",
                  surface->runs->runs[0].init_seed);
    ek_buf_puts(out, ",\"corners\":[");
    for (int i = 0; i < CORNERS; i++) {
        ek_buf_printf(out, "%s{\"name\":\"%s\",\"a\":%g,\"b\":%g", i ? "," : "", names[i],
                      surface->corners[i].a, surface->corners[i].b);
        write_numbers(out, &surface->corners[i]);
    }
    ek_buf_puts(out, "],\"line\":[");
    for (int i = 0; i < EK_SURFACE_LINE; i++) {
        ek_buf_printf(out, "%s{\"t\":", i ? "," : "");
        ek_buf_json_double(out, surface->line[i].b);
        write_numbers(out, &surface->line[i]);
    }
    ek_buf_puts(out, "],\"barrier\":");
    ek_buf_json_double(out, surface->barrier);
    ek_buf_puts(out, ",\"grid\":[");
    for (size_t i = 0; i < cells; i++) {
        const ek_surface_point *p = &surface->grid[i];
        const double values[] = {p->a, p->b, p->loss, p->grad_norm};
        for (int k = 0; k < 4; k++) {
            ek_buf_puts(out, k ? "," : i ? ",\n[" : "\n[");
            ek_buf_json_double(out, values[k]);
        }
        ek_buf_puts(out, "]");
    }
    ek_buf_puts(out, "]}\n");
}

void ek_surface_examples(const ek_surface *surface, ek_buf *out)
{
    const ek_dataset *data = &surface->runs->inputs.data;
    for (int64_t i = 0; i < surface->examples; i++) {
        const ek_example *example = &data->split[EK_SPLIT_TRAIN].examples[surface->drawn[i]];
        ek_buf_puts(out, "{\"text\":");
        ek_buf_json_string(out, example->text, example->text_length);
        if (example->pair) {
            ek_buf_puts(out, ",\"text_pair\":");
            ek_buf_json_string(out, example->pair, example->pair_length);
        }
        ek_buf_puts(out, ",\"label\":");
        if (data->problem == EK_PROBLEM_REGRESSION) {
            ek_buf_json_double(out, example->score);
        } else {
            const char *name = data->label_names[example->label];
            ek_buf_json_string(out, name, strlen(name));
        }
        ek_buf_puts(out, "}\n");
    }
}

ek_status ek_surface_save_pretrained(const ek_surface *surface, const char *dir, ek_error *err)
{
    const ek_study_inputs *inputs = &surface->runs->inputs;
    const ek_model *model = &inputs->model;
    static const char *const metadata[] = {NULL};
    float *weights = ek_calloc(model->params.total_count, sizeof *weights);
    if (!weights) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for a model");
    }
    ek_model_init_run(model, weights, surface->runs->runs[0].init_seed);
    ek_status status = ek_make_dirs(dir, err);
    if (status == EK_OK) {
        status = ek_model_save(model, weights, dir, (const char *const *)inputs->data.label_names,
                               inputs->data.problem == EK_PROBLEM_REGRESSION, metadata, err);
    }
    ek_free(weights);
    return status == EK_OK ? ek_tokenizer_copy_files(model->dir, dir, err) : status;
}
