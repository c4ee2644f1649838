/* probe gradients: norms by layer and kind of tensor, failed runs beside successful ones. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/probe.h"
#include "cli/progress.h"
#include "probe/gradients.h"

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

ek_status ek_cli_probe_gradients(const ek_probe_call *call, ek_error *err)
{
    ek_probe_runs runs;
    EK_TRY(ek_probe_runs_list(&runs, call->dir, call->ids, call->count, err));
    ek_gradients *gradients = ek_calloc(runs.count, sizeof *gradients);
    ek_status status =
        gradients ? ek_gradients_make(call->dir, runs.runs, runs.count, &call->control, err)
                  : ek_error_set(err, EK_E_MEMORY, "no memory for %zu runs", runs.count);
    for (size_t i = 0; i < runs.count && status == EK_OK; i++) {
        status = ek_gradients_load(&gradients[i], call->dir, &runs.runs[i], err);
    }
    ek_progress_clear();
    if (status == EK_OK) {
        status = write_gradients(call->cli, &runs, gradients, err);
    }
    for (size_t i = 0; gradients && i < runs.count; i++) {
        ek_gradients_free(&gradients[i]);
    }
    ek_free(gradients);
    ek_probe_runs_close(&runs);
    return status;
}
