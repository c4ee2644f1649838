/* probe: experiments on the runs of a study. One function a subcommand; what they find is printed
 * and written into DIR/probe, where the report looks for it. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/probe.h"
#include "cli/progress.h"
#include "probe/forgetting.h"
#include "probe/gradients.h"
#include "probe/surface.h"

ek_status ek_cli_runs(const ek_cli *cli, int64_t **ids, size_t *count, ek_error *err)
{
    *ids = NULL;
    *count = 0;
    if (!cli->runs) {
        return EK_OK;
    }
    ek_status status = ek_parse_list(cli->runs, 1, INT64_MAX / 2, 100000, ids, count, err);
    return status == EK_OK ? EK_OK : ek_error_prefix(err, "--runs");
}

ek_status ek_cli_keep_probe(const char *study, const char *name, const ek_buf *text, ek_error *err)
{
    char *dir = ek_path_join(study, "probe"), *path = dir ? ek_path_join(dir, name) : NULL;
    ek_status status = ek_buf_status(text, err);
    if (status == EK_OK && !path) {
        status = ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    }
    status = status == EK_OK ? ek_make_dirs(dir, err) : status;
    status = status == EK_OK ? ek_file_write(path, ek_buf_text(text), text->length, err) : status;
    ek_free(dir);
    ek_free(path);
    return status;
}

static void print_run_name(ek_buf *out, const ek_probe_run *run)
{
    ek_buf_printf(out, "run %" PRId64 " (%s, seed %u, %s)", run->id, run->group, run->seed,
                  ek_outcome_name(run->outcome));
}

/* ---- surface --------------------------------------------------------------------------------- */

static void surface_table(const ek_surface *surface, const char *dir, ek_buf *out)
{
    static const char *const names[] = {"pre-trained", "failed", "successful"};
    const ek_probe_run *runs = surface->runs->runs;
    ek_buf_puts(out, "failed      ");
    print_run_name(out, &runs[0]);
    ek_buf_puts(out, "\nsuccessful  ");
    print_run_name(out, &runs[1]);
    ek_buf_printf(out,
                  "\n%" PRId64 " training examples, no dropout; %" PRId64 " x %" PRId64
                  " points from %g to %g\n\n                 a  b       loss   gradient norm\n",
                  surface->examples, surface->points, surface->points, surface->low, surface->high);
    for (int i = 0; i < 3; i++) {
        const ek_surface_point *point = &surface->corners[i];
        ek_buf_printf(out, " %-14s %2g %2g %10.6f %15.6g\n", names[i], point->a, point->b,
                      point->loss, point->grad_norm);
    }
    ek_buf_printf(out,
                  "\nbarrier between them, on the straight line: %.6f above the higher end\n"
                  "the points are in %s/probe/surface.json; 'evenkeel report %s' draws them\n",
                  surface->barrier, dir, dir);
}

static void surface_rows(const ek_surface *surface, ek_buf *out)
{
    size_t cells = (size_t)(surface->points * surface->points);
    const struct {
        const char *name;
        const ek_surface_point *points;
        size_t count;
    } parts[] = {{"corner", surface->corners, 3},
                 {"line", surface->line, EK_SURFACE_LINE},
                 {"grid", surface->grid, cells}};
    ek_buf_puts(out, "part,a,b,loss,grad_norm\n");
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
        for (size_t i = 0; i < parts[p].count; i++) {
            const ek_surface_point *point = &parts[p].points[i];
            ek_buf_printf(out, "%s,%.17g,%.17g,%.17g,%.17g\n", parts[p].name, point->a, point->b,
                          point->loss, point->grad_norm);
        }
    }
}

static ek_status write_surface(const ek_cli *cli, const char *dir, const ek_surface *surface,
                               ek_error *err)
{
    ek_buf json = {0}, out = {0};
    ek_surface_json(surface, &json);
    ek_status status = ek_cli_keep_probe(dir, "surface.json", &json, err);
    if (cli->csv) {
        surface_rows(surface, &out);
    } else if (!cli->json) {
        surface_table(surface, dir, &out);
    }
    if (status == EK_OK) {
        status = ek_cli_print(cli->json ? &json : &out, err);
    }
    if (status == EK_OK && cli->dump_examples) {
        ek_buf_clear(&out);
        ek_surface_examples(surface, &out);
        status = ek_buf_status(&out, err);
        status = status == EK_OK
                     ? ek_file_write(cli->dump_examples, ek_buf_text(&out), out.length, err)
                     : status;
    }
    if (status == EK_OK) {
        char *path = ek_path_join(dir, "models/surface-pretrained");
        status = path ? ek_surface_save_pretrained(surface, path, err)
                      : ek_error_set(err, EK_E_MEMORY, "no memory for a path");
        ek_free(path);
    }
    ek_buf_deinit(&json);
    ek_buf_deinit(&out);
    return status;
}

static ek_status probe_surface(const ek_cli *cli, const char *dir, const int64_t *ids, size_t count,
                               const ek_probe_control *control, ek_error *err)
{
    int64_t pair[2];
    ek_probe_runs runs;
    ek_surface surface = {.points = cli->points,
                          .low = -cli->range,
                          .high = cli->range,
                          .examples = cli->examples,
                          .seed = 1};
    if (ids && count != 2) {
        return ek_error_set(err, EK_E_USAGE,
                            "probe surface takes two runs, the failed one and the successful one, "
                            "as in --runs 3,7; found %zu",
                            count);
    }
    if (ids) {
        memcpy(pair, ids, sizeof pair);
    } else {
        EK_TRY(ek_surface_pick(dir, pair, err));
    }
    EK_TRY(ek_probe_runs_open(&runs, dir, pair, 2, err));
    ek_status status = ek_probe_runs_make(&runs, control, err);
    if (status == EK_OK) {
        status = ek_surface_measure(&surface, &runs, control, err);
    }
    ek_progress_clear();
    if (status == EK_OK) {
        status = write_surface(cli, dir, &surface, err);
        ek_surface_free(&surface);
    }
    ek_probe_runs_close(&runs);
    return status;
}

/* ---- forgetting ------------------------------------------------------------------------------ */

static void forgetting_table(const ek_forgetting *forgetting, ek_buf *out)
{
    size_t width = (size_t)forgetting->layers + 1;
    ek_buf_printf(out,
                  "perplexity of masked-language modelling (%" PRId64
                  " masked tokens of %zu blocks, mask seed %u)\n"
                  "with the top k of %d layers replaced by pre-trained ones\n\n run  outcome    ",
                  forgetting->masked_tokens, forgetting->blocks, forgetting->mask_seed,
                  forgetting->layers);
    for (size_t k = 0; k < width; k++) {
        ek_buf_printf(out, "   k = %-3zu", k);
    }
    ek_buf_puts(out, "\n");
    for (size_t r = 0; r < forgetting->runs->count; r++) {
        const ek_probe_run *run = &forgetting->runs->runs[r];
        ek_buf_printf(out, " %-4" PRId64 " %-9s  ", run->id, ek_outcome_name(run->outcome));
        for (size_t k = 0; k < width; k++) {
            ek_buf_printf(out, " %9.4g", forgetting->perplexity[r * width + k]);
        }
        ek_buf_puts(out, "\n");
    }
    ek_buf_printf(out, "\nthe pre-trained model has %.4g (k = %d)\n", forgetting->pretrained,
                  forgetting->layers);
}

static void forgetting_rows(const ek_forgetting *forgetting, ek_buf *out)
{
    size_t width = (size_t)forgetting->layers + 1;
    ek_buf_puts(out, "run,group,seed,outcome,score,k,perplexity\n");
    for (size_t i = 0; i < forgetting->runs->count * width; i++) {
        const ek_probe_run *run = &forgetting->runs->runs[i / width];
        ek_buf_printf(out, "%" PRId64 ",", run->id);
        ek_buf_csv_field(out, run->group);
        ek_buf_printf(out, ",%u,%s,%.17g,%zu,%.17g\n", run->seed, ek_outcome_name(run->outcome),
                      run->score, i % width, forgetting->perplexity[i]);
    }
}

static ek_status write_forgetting(const ek_cli *cli, const char *dir,
                                  const ek_forgetting *forgetting, ek_error *err)
{
    ek_buf json = {0}, out = {0};
    ek_forgetting_json(forgetting, &json);
    ek_status status = ek_cli_keep_probe(dir, "forgetting.json", &json, err);
    if (cli->csv) {
        forgetting_rows(forgetting, &out);
    } else if (!cli->json) {
        forgetting_table(forgetting, &out);
    }
    if (status == EK_OK) {
        status = ek_cli_print(cli->json ? &json : &out, err);
    }
    ek_buf_deinit(&json);
    ek_buf_deinit(&out);
    return status;
}

static ek_status probe_forgetting(const ek_cli *cli, const char *dir, const int64_t *ids,
                                  size_t count, const ek_probe_control *control, ek_error *err)
{
    ek_probe_runs runs;
    ek_forgetting forgetting = {
        .text = cli->input, .mlm_model = cli->mlm_model, .mask_seed = (uint32_t)cli->mask_seed};
    if (!cli->input) {
        return ek_error_set(err, EK_E_USAGE,
                            "probe forgetting needs plain text to read: give --input FILE");
    }
    EK_TRY(ek_probe_runs_open(&runs, dir, ids, count, err));
    ek_status status = ek_probe_runs_make(&runs, control, err);
    if (status == EK_OK) {
        status = ek_forgetting_measure(&forgetting, &runs, control, err);
    }
    ek_progress_clear();
    if (status == EK_OK) {
        status = write_forgetting(cli, dir, &forgetting, err);
        ek_forgetting_free(&forgetting);
    }
    ek_probe_runs_close(&runs);
    return status;
}

/* ---- gradients ------------------------------------------------------------------------------- */

/* The medians of the failed and of the successful runs, at four moments of training. */
enum { MOMENTS = 4, SIDES = 2 };
static const double moments[MOMENTS] = {0.02, 0.25, 0.5, 1};

struct sides {
    const ek_probe_runs *runs;
    const ek_gradients *gradients; /* [runs->count] */
    int32_t layers;
    double *values; /* [runs->count] scratch */
};

static size_t nearest_step(const ek_gradients *gradients, double fraction)
{
    int64_t last = gradients->steps[gradients->step_count - 1];
    size_t best = 0;
    for (size_t i = 0; i < gradients->step_count; i++) {
        double here = fabs((double)gradients->steps[i] / (double)last - fraction);
        best = here < fabs((double)gradients->steps[best] / (double)last - fraction) ? i : best;
    }
    return best;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median over the runs of a side (1: successful); NaN when there are none. */
static double side_median(const struct sides *sides, int side, double moment, int32_t row,
                          ek_param_group group, bool whole_row)
{
    size_t n = 0;
    for (size_t r = 0; r < sides->runs->count; r++) {
        const ek_gradients *g = &sides->gradients[r];
        if ((sides->runs->runs[r].outcome == EK_OUTCOME_OK) != (side == 1)) {
            continue;
        }
        size_t step = nearest_step(g, moment);
        double norm =
            whole_row ? ek_gradients_row(g, step, row) : ek_gradients_norm(g, step, row, group);
        if (!isnan(norm)) {
            sides->values[n++] = norm;
        }
    }
    if (n == 0) {
        return (double)NAN;
    }
    qsort(sides->values, n, sizeof *sides->values, ascending);
    return (sides->values[(n - 1) / 2] + sides->values[n / 2]) / 2;
}

static void gradient_line(const struct sides *sides, ek_buf *out, const char *name, int32_t row,
                          ek_param_group group, bool whole_row)
{
    ek_buf_printf(out, " %-18s", name);
    for (int side = 0; side < SIDES; side++) {
        for (int m = 0; m < MOMENTS; m++) {
            double norm = side_median(sides, side, moments[m], row, group, whole_row);
            if (isnan(norm)) {
                ek_buf_printf(out, " %8s", "-");
            } else {
                ek_buf_printf(out, " %8.2g", norm);
            }
        }
        ek_buf_puts(out, side == 0 ? "  " : "\n");
    }
}

static void gradient_table(const struct sides *sides, ek_buf *out)
{
    size_t count[SIDES] = {0};
    for (size_t r = 0; r < sides->runs->count; r++) {
        count[sides->runs->runs[r].outcome == EK_OUTCOME_OK]++;
    }
    ek_buf_printf(
        out,
        "gradient norms before clipping, medians over %zu failed and %zu successful runs\n"
        "%18s  %34s  %36s\n %-18s",
        count[0], count[1], "", "failed, at this share of training", "successful", "");
    for (int side = 0; side < SIDES; side++) {
        for (int m = 0; m < MOMENTS; m++) {
            ek_buf_printf(out, " %6.0f %%", 100 * moments[m]);
        }
        ek_buf_puts(out, side == 0 ? "  " : "\n");
    }
    gradient_line(sides, out, "embeddings", 0, EK_GROUP_EMBEDDINGS, true);
    for (int32_t layer = 0; layer < sides->layers; layer++) {
        char name[32];
        snprintf(name, sizeof name, "layer %d", layer);
        gradient_line(sides, out, name, layer + 1, EK_GROUP_QUERY, true);
    }
    gradient_line(sides, out, "pooler", sides->layers + 1, EK_GROUP_POOLER, false);
    gradient_line(sides, out, "classifier", sides->layers + 1, EK_GROUP_CLASSIFIER, false);
    const int32_t shown[] = {1, sides->layers};
    for (size_t i = 0; i < 2 && sides->layers > 0; i++) {
        ek_buf_printf(out, "\n layer %d by kind of tensor\n", shown[i] - 1);
        for (int group = EK_GROUP_QUERY; group <= EK_GROUP_OUTPUT; group++) {
            gradient_line(sides, out, ek_param_group_name((ek_param_group)group), shown[i],
                          (ek_param_group)group, false);
        }
    }
}

/* Long form: a row a run, step, layer and group; part "all" is the whole layer. */
static void gradient_rows(const struct sides *sides, ek_buf *out, bool json)
{
    bool first = true;
    ek_buf_puts(out, json ? "{\"probe\":\"gradients\",\"norms\":["
                          : "run,group,seed,outcome,step,layer,part,norm\n");
    for (size_t r = 0; r < sides->runs->count; r++) {
        const ek_gradients *g = &sides->gradients[r];
        const ek_probe_run *run = &sides->runs->runs[r];
        size_t cells = g->step_count * (size_t)(g->layers + 2) * (EK_GROUP_COUNT + 1);
        for (size_t c = 0; c < cells; c++) {
            size_t group = c % (EK_GROUP_COUNT + 1), step = c / (EK_GROUP_COUNT + 1);
            int32_t row = (int32_t)(step % (size_t)(g->layers + 2));
            step /= (size_t)(g->layers + 2);
            bool all = group == EK_GROUP_COUNT;
            double norm = all ? ek_gradients_row(g, step, row)
                              : ek_gradients_norm(g, step, row, (ek_param_group)group);
            if (isnan(norm)) {
                continue;
            }
            const char *part = all ? "all" : ek_param_group_name((ek_param_group)group);
            if (json) {
                ek_buf_printf(out,
                              "%s\n{\"run\":%" PRId64 ",\"outcome\":\"%s\",\"step\":%" PRId64
                              ",\"layer\":%d,\"part\":\"%s\",\"norm\":",
                              first ? "" : ",", run->id, ek_outcome_name(run->outcome),
                              g->steps[step], row - 1, part);
                ek_buf_json_double(out, norm);
                ek_buf_puts(out, "}");
            } else {
                ek_buf_printf(out, "%" PRId64 ",", run->id);
                ek_buf_csv_field(out, run->group);
                ek_buf_printf(out, ",%u,%s,%" PRId64 ",%d,%s,%.17g\n", run->seed,
                              ek_outcome_name(run->outcome), g->steps[step], row - 1, part, norm);
            }
            first = false;
        }
    }
    ek_buf_puts(out, json ? "]}\n" : "");
}

static ek_status write_gradients(const ek_cli *cli, const ek_probe_runs *runs,
                                 const ek_gradients *gradients, ek_error *err)
{
    ek_buf out = {0};
    struct sides sides = {runs, gradients, gradients[0].layers,
                          ek_calloc(runs->count, sizeof(double))};
    if (!sides.values) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for %zu runs", runs->count);
    }
    if (cli->csv || cli->json) {
        gradient_rows(&sides, &out, cli->json);
    } else {
        gradient_table(&sides, &out);
    }
    ek_status status = ek_cli_print(&out, err);
    ek_free(sides.values);
    ek_buf_deinit(&out);
    return status;
}

static ek_status probe_gradients(const ek_cli *cli, const char *dir, const int64_t *ids,
                                 size_t count, const ek_probe_control *control, ek_error *err)
{
    ek_probe_runs runs;
    EK_TRY(ek_probe_runs_list(&runs, dir, ids, count, err));
    ek_gradients *gradients = ek_calloc(runs.count, sizeof *gradients);
    ek_status status = gradients
                           ? ek_gradients_make(dir, runs.runs, runs.count, control, err)
                           : ek_error_set(err, EK_E_MEMORY, "no memory for %zu runs", runs.count);
    for (size_t i = 0; i < runs.count && status == EK_OK; i++) {
        status = ek_gradients_load(&gradients[i], dir, &runs.runs[i], err);
    }
    ek_progress_clear();
    if (status == EK_OK) {
        status = write_gradients(cli, &runs, gradients, err);
    }
    for (size_t i = 0; gradients && i < runs.count; i++) {
        ek_gradients_free(&gradients[i]);
    }
    ek_free(gradients);
    ek_probe_runs_close(&runs);
    return status;
}

/* ---- the verb -------------------------------------------------------------------------------- */

/* Those that work on the runs of a study. */
static const struct {
    const char *name;
    ek_status (*run)(const ek_cli *cli, const char *dir, const int64_t *ids, size_t count,
                     const ek_probe_control *control, ek_error *err);
} probes[] = {
    {"gradients", probe_gradients},
    {"forgetting", probe_forgetting},
    {"surface", probe_surface},
    {"drift", ek_cli_probe_drift},
};
enum { PROBES = sizeof probes / sizeof *probes };

ek_status ek_cmd_probe(ek_cli *cli, ek_error *err)
{
    const char *names[PROBES + 2], *wanted = cli->arguments[0];
    names[PROBES] = "factor";
    names[PROBES + 1] = "doomed"; /* it needs the store only */
    if (strcmp(wanted, "factor") == 0) {
        return ek_cmd_probe_factor(cli, err);
    }
    if (strcmp(wanted, "doomed") == 0) {
        return ek_cmd_probe_doomed(cli, err);
    }
    for (size_t i = 0; i < PROBES; i++) {
        names[i] = probes[i].name;
        if (strcmp(wanted, probes[i].name) != 0) {
            continue;
        }
        if (cli->argument_count < 2) {
            return ek_error_set(err, EK_E_USAGE, "probe %s needs the folder of a study", wanted);
        }
        int64_t *ids;
        size_t count;
        EK_TRY(ek_cli_runs(cli, &ids, &count, err));
        ek_probe_control control = {.say = ek_progress_probe, .jobs = (int)cli->jobs};
        ek_status status = probes[i].run(cli, cli->arguments[1], ids, count, &control, err);
        ek_free(ids);
        return status;
    }
    const char *nearest = ek_nearest(wanted, names, PROBES + 2);
    return ek_error_set(err, EK_E_USAGE, "there is no probe '%.40s'%s%s; 'evenkeel probe --help'",
                        wanted, nearest ? "; did you mean " : "", nearest ? nearest : "");
}
