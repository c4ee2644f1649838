/* probe surface: the plane through the pre-trained, a failed and a successful model. */
#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/probe.h"
#include "cli/progress.h"
#include "probe/explanation.h"
#include "probe/surface.h"

static void print_run_name(ek_buf *out, const ek_probe_run *run)
{
    ek_buf_printf(out, "run %" PRId64 " (", run->id);
    ek_explain_name(out, run->group); /* a name of a store may hold what a terminal obeys */
    ek_buf_printf(out, ", seed %u, %s)", run->seed, ek_outcome_name(run->outcome));
}

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

ek_status ek_cli_probe_surface(const ek_probe_call *call, ek_error *err)
{
    int64_t pair[2];
    ek_probe_runs runs;
    ek_surface surface = {.points = call->cli->points,
                          .low = -call->cli->range,
                          .high = call->cli->range,
                          .examples = call->cli->examples,
                          .seed = 1};
    if (call->ids && call->count != 2) {
        return ek_error_set(err, EK_E_USAGE,
                            "probe surface takes two runs, the failed one and the successful one, "
                            "as in --runs 3,7; found %zu",
                            call->count);
    }
    if (call->ids) {
        memcpy(pair, call->ids, sizeof pair);
    } else {
        EK_TRY(ek_surface_pick(call->dir, pair, err));
    }
    EK_TRY(ek_probe_runs_open(&runs, call->dir, pair, 2, err));
    ek_status status = ek_probe_runs_make(&runs, &call->control, err);
    if (status == EK_OK) {
        status = ek_surface_measure(&surface, &runs, &call->control, err);
    }
    ek_progress_clear();
    if (status == EK_OK) {
        status = write_surface(call->cli, call->dir, &surface, err);
        ek_surface_free(&surface);
    }
    ek_probe_runs_close(&runs);
    return status;
}
