#include "report/live_view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "report/columns.h"

enum {
    WIDTH_MIN = 40,
    WIDTH_UNLIMITED = 160, /* in a file */
    RUN_COLUMNS = 71,      /* of a run at work beside its name, on a narrow terminal */
    NAME_MAX_COLUMNS = 28
};

ek_live_counts ek_live_view_count(const ek_live_view *view)
{
    const ek_live *live = view->live;
    ek_live_counts counts = {.total = view->run_count, .eta_seconds = (double)NAN};
    if (live) {
        counts = (ek_live_counts){.total = live->total,
                                  .done = live->done,
                                  .failed = live->failed,
                                  .crashed = live->crashed,
                                  .running = live->run_count,
                                  .fraction = live->fraction,
                                  .eta_seconds = live->eta_seconds};
    }
    for (size_t i = 0; !live && i < view->run_count; i++) {
        const ek_run_row *run = &view->runs[i];
        counts.done += run->status == EK_RUN_DONE;
        counts.failed += run->status == EK_RUN_DONE && run->outcome != EK_OUTCOME_OK;
        counts.crashed += run->status == EK_RUN_CRASHED;
        /* A run that a dead process left behind is not running. */
        counts.running += run->status == EK_RUN_RUNNING && view->at_work;
    }
    counts.queued = counts.total - counts.done - counts.crashed - counts.running;
    if (!live && counts.total > 0) {
        counts.fraction = (double)counts.done / (double)counts.total;
    }
    return counts;
}

static void put_bar(ek_buf *out, double fraction, int cells, const ek_table_style *style)
{
    int filled = (int)(fraction * cells);
    if (style->ascii) {
        ek_buf_putc(out, '[');
    }
    ek_buf_puts(out, style->color ? "\033[32m" : "");
    for (int i = 0; i < cells; i++) {
        if (i == filled) {
            ek_buf_puts(out, style->color ? "\033[0m" : "");
        }
        ek_buf_puts(out, i < filled ? (style->ascii ? "#" : "█") : style->ascii ? "." : "░");
    }
    ek_buf_puts(out, style->color && filled >= cells ? "\033[0m" : "");
    if (style->ascii) {
        ek_buf_putc(out, ']');
    }
}

/* "8 of 20 runs done, 1 failed, 2 running, 10 queued, 3:07 min left" */
static void put_counts(ek_buf *out, const ek_live_counts *counts, bool red)
{
    char left[32];
    ek_buf_printf(out, "%zu of %zu runs done", counts->done, counts->total);
    if (counts->failed > 0) {
        ek_buf_printf(out, ", %s%zu failed%s", red ? "\033[31m" : "", counts->failed,
                      red ? "\033[0m" : "");
    }
    if (counts->running > 0) {
        ek_buf_printf(out, ", %zu running", counts->running);
    }
    if (counts->queued > 0) {
        ek_buf_printf(out, ", %zu queued", counts->queued);
    }
    if (counts->crashed > 0) {
        ek_buf_printf(out, ", %zu crashed", counts->crashed);
    }
    if (!isnan(counts->eta_seconds)) {
        ek_buf_printf(out, ", %s left", ek_format_duration(left, counts->eta_seconds));
    }
}

/* "  loss 0.431", or as many blanks. */
static void put_value(ek_buf *out, const char *name, int decimals, double value)
{
    enum { COLUMNS = 5 };
    if (isnan(value)) {
        ek_buf_printf(out, "%*s", (int)strlen(name) + 2 + COLUMNS, "");
        return;
    }
    ek_buf_printf(out, "  %s%*.*f", name, COLUMNS, decimals, value);
}

static void put_run(ek_buf *out, const ek_live_run *run, int names, int width,
                    const ek_table_style *style)
{
    char left[32], steps[48];
    double fraction = (double)run->step / (double)run->total_steps;
    double rate = run->seconds > 0 ? (double)run->step / run->seconds : 0;
    ek_buf_puts(out, "  ");
    ek_columns_put(out, run->group, names, style->ascii);
    ek_buf_printf(out, " seed %-3u ", run->seed);
    put_bar(out, fraction, width < 100 ? 6 : width < 140 ? 16 : 24, style);
    snprintf(steps, sizeof steps, "%lld/%lld", (long long)run->step, (long long)run->total_steps);
    ek_buf_printf(out, " %9s", steps);
    if (run->step > 0 && run->step < run->total_steps && rate > 0) {
        ek_format_duration(left, (double)(run->total_steps - run->step) / rate);
        ek_buf_printf(out, "  %9s left", left);
    } else {
        ek_buf_printf(out, "  %14s", run->step > 0 ? "evaluating" : "starting");
    }
    put_value(out, "loss ", 3, run->loss);
    put_value(out, "score ", 1, 100 * run->score);
    if (width >= 100 && rate > 0) {
        ek_buf_printf(out, "  %.*f steps/s", rate < 10 ? 1 : 0, rate);
    }
}

/* Moves line to the end of out, cut to what fits. */
static void add_line(ek_buf *out, ek_buf *line, int width)
{
    ek_columns_clip(out, ek_buf_text(line), line->length, width);
    ek_buf_putc(out, '\n');
    out->failed = out->failed || line->failed;
    ek_buf_clear(line);
}

static void put_live_runs(ek_buf *out, const ek_live *live, int width, const ek_table_style *style)
{
    ek_buf line = {0};
    int names = 5, most = width - RUN_COLUMNS;
    for (size_t i = 0; i < live->run_count; i++) {
        int columns = ek_columns_of(live->runs[i].group, style->ascii);
        names = columns > names ? columns : names;
    }
    most = most > NAME_MAX_COLUMNS ? NAME_MAX_COLUMNS : most < 8 ? 8 : most;
    names = names > most ? most : names;
    for (size_t i = 0; i < live->run_count; i++) {
        put_run(&line, &live->runs[i], names, width, style);
        add_line(out, &line, width);
    }
    ek_buf_deinit(&line);
}

/* Without what the coordinator publishes: which runs the store calls running. */
static void put_stored_runs(ek_buf *out, const ek_live_view *view, int width,
                            const ek_table_style *style)
{
    ek_buf line = {0};
    for (size_t i = 0; i < view->run_count; i++) {
        const ek_run_row *run = &view->runs[i];
        if (run->status == EK_RUN_RUNNING) {
            ek_buf_puts(&line, "  ");
            ek_columns_put(&line, run->group, ek_columns_of(run->group, style->ascii),
                           style->ascii);
            ek_buf_printf(&line, "  seed %u  (run %lld)", run->seed, (long long)run->id);
            add_line(out, &line, width);
        }
    }
    ek_buf_deinit(&line);
}

void ek_live_view_text(const ek_live_view *view, const ek_table_style *style, ek_buf *out)
{
    ek_live_counts counts = ek_live_view_count(view);
    int width = style->width <= 0          ? WIDTH_UNLIMITED
                : style->width < WIDTH_MIN ? WIDTH_MIN
                                           : style->width;
    ek_buf line = {0};
    ek_buf_putc(&line, ' ');
    if (counts.done < counts.total || view->at_work) {
        put_bar(&line, counts.fraction, width < 100 ? 10 : 24, style);
        ek_buf_printf(&line, " %3.0f %%  ", floor(100 * counts.fraction));
    }
    put_counts(&line, &counts, style->color);
    add_line(out, &line, width);
    if (view->live) {
        put_live_runs(out, view->live, width, style);
    } else if (view->at_work) {
        put_stored_runs(out, view, width, style);
    } else if (counts.done < counts.total) {
        ek_buf_puts(&line, " no process is at work on it; the same study command continues");
        add_line(out, &line, width);
    }
    ek_buf_deinit(&line);
}

void ek_live_view_line(const ek_live_view *view, ek_buf *out)
{
    ek_live_counts counts = ek_live_view_count(view);
    ek_buf_printf(out, "%3.0f %%  ", floor(100 * counts.fraction));
    put_counts(out, &counts, false);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_number(ek_buf *out, const char *key, double value)
{
    ek_buf_printf(out, ",\"%s\":", key);
    ek_buf_json_double(out, value);
}

static void json_start(ek_buf *out, size_t before, int64_t run, const char *group, uint32_t seed)
{
    ek_buf_printf(out, "%s{\"run\":%lld,\"group\":", before > 0 ? "," : "", (long long)run);
    ek_buf_json_string(out, group, strlen(group));
    ek_buf_printf(out, ",\"seed\":%u", seed);
}

static void json_runs(ek_buf *out, const ek_live_view *view)
{
    size_t written = 0;
    for (size_t i = 0; view->live && i < view->live->run_count; i++) {
        const ek_live_run *run = &view->live->runs[i];
        json_start(out, written++, run->run, run->group, run->seed);
        ek_buf_printf(out, ",\"step\":%lld,\"total_steps\":%lld", (long long)run->step,
                      (long long)run->total_steps);
        json_number(out, "loss", run->loss);
        json_number(out, "score", run->score);
        ek_buf_putc(out, '}');
    }
    for (size_t i = 0; !view->live && view->at_work && i < view->run_count; i++) {
        const ek_run_row *run = &view->runs[i];
        if (run->status == EK_RUN_RUNNING) {
            json_start(out, written++, run->id, run->group, run->seed);
            ek_buf_puts(out, ",\"step\":null,\"total_steps\":null,\"loss\":null,\"score\":null}");
        }
    }
}

void ek_live_view_json(const ek_live_view *view, ek_buf *out)
{
    ek_live_counts counts = ek_live_view_count(view);
    ek_buf_printf(out,
                  "{\"total\":%zu,\"done\":%zu,\"failed\":%zu,\"running\":%zu,\"queued\":%zu,"
                  "\"crashed\":%zu,\"at_work\":%s",
                  counts.total, counts.done, counts.failed, counts.running, counts.queued,
                  counts.crashed, view->at_work ? "true" : "false");
    json_number(out, "fraction", counts.fraction);
    json_number(out, "eta_seconds", counts.eta_seconds);
    ek_buf_puts(out, ",\"runs\":[");
    json_runs(out, view);
    ek_buf_puts(out, "]}");
}
