/* Loss and score while training: failed runs against successful ones, a panel a group. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/figure_draft.h"

/* Holds the place of a set of lines that has none. */
#define EMPTY_INDEX "0\tNaN\n\n\n"

typedef struct {
    double x, value;
} point;

typedef struct {
    point *points;
    size_t count;
} point_list;

/* What a figure of curves shows. */
typedef struct {
    const ek_figure_data *data;
    bool score;  /* the evaluated score, else the training loss */
    bool epochs; /* x in epochs, else in steps */
} curves;

static const ek_figure_series *series_of(const curves *c, const ek_figure_run *run)
{
    return c->score ? &run->score : &run->loss;
}

static double scale_of(const curves *c)
{
    return c->score ? c->data->scale : 1;
}

static double x_of(const curves *c, const ek_figure_run *run, int64_t step)
{
    return c->epochs ? run->epochs * (double)step / (double)run->row->total_steps : (double)step;
}

static int by_x(const void *a, const void *b)
{
    const point *p = a, *q = b;
    return (p->x > q->x) - (p->x < q->x);
}

/* The mean of a group's runs with that outcome at every x that any of them logged, over those with
 * a finite value there. */
static ek_status mean_of(const curves *c, size_t group, bool failed, point_list *out, ek_error *err)
{
    size_t total = 0, used = 0;
    *out = (point_list){0};
    for (size_t i = 0; i < c->data->run_count; i++) {
        total += series_of(c, &c->data->runs[i])->count;
    }
    out->points = ek_calloc(total, sizeof *out->points);
    if (!out->points) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the figure of curves");
    }
    for (size_t i = 0; i < c->data->run_count; i++) {
        const ek_figure_run *run = &c->data->runs[i];
        const ek_figure_series *s = series_of(c, run);
        for (size_t k = 0; run->group == group && run->failed == failed && k < s->count; k++) {
            if (isfinite(s->values[k])) {
                out->points[used++] = (point){x_of(c, run, s->steps[k]), s->values[k]};
            }
        }
    }
    qsort(out->points, used, sizeof *out->points, by_x);
    for (size_t i = 0, next; i < used; i = next) {
        double sum = 0, x = out->points[i].x;
        for (next = i; next < used && out->points[next].x == x; next++) {
            sum += out->points[next].value;
        }
        out->points[out->count++] = (point){x, sum / (double)(next - i)};
    }
    return EK_OK;
}

/* One line of the data; a blank line after each lets gnuplot lift the pen. */
static void put_row(const curves *c, ek_buf *tsv, point p, const char *line,
                    const ek_figure_run *run, bool failed, const char *group)
{
    ek_buf_printf(tsv, "%.7g\t", p.x);
    ek__figure_number(tsv, scale_of(c) * p.value);
    ek_buf_printf(tsv, "\t%d\t%s\t", failed, line);
    if (run) {
        ek_buf_printf(tsv, "%u\t%lld\t", run->row->seed, (long long)run->row->id);
    } else {
        ek_buf_puts(tsv, "\t\t");
    }
    ek__figure_line(tsv, group, 0);
    ek_buf_putc(tsv, '\n');
}

/* The thin lines: the first runs of that outcome. Returns how many. */
static size_t put_lines(const curves *c, ek_buf *tsv, size_t group, bool failed)
{
    size_t lines = 0;
    for (size_t i = 0; i < c->data->run_count && lines < EK_FIGURE_LINES; i++) {
        const ek_figure_run *run = &c->data->runs[i];
        const ek_figure_series *s = series_of(c, run);
        if (run->group != group || run->failed != failed || s->count == 0) {
            continue;
        }
        for (size_t k = 0; k < s->count; k++) {
            put_row(c, tsv, (point){x_of(c, run, s->steps[k]), s->values[k]}, "run", run, failed,
                    run->row->group);
        }
        ek_buf_putc(tsv, '\n');
        lines++;
    }
    return lines;
}

static ek_status put_mean(const curves *c, ek_buf *tsv, size_t group, bool failed, ek_error *err)
{
    point_list mean;
    EK_TRY(mean_of(c, group, failed, &mean, err));
    for (size_t i = 0; i < mean.count; i++) {
        put_row(c, tsv, mean.points[i], "mean", NULL, failed, c->data->table->rows[group].group);
    }
    ek_buf_puts(tsv, mean.count ? "\n\n" : EMPTY_INDEX); /* an index of its own, even if empty */
    ek_free(mean.points);
    return EK_OK;
}

static bool any_failed(const ek_figure_data *data)
{
    for (size_t i = 0; i < data->run_count; i++) {
        if (data->runs[i].failed) {
            return true;
        }
    }
    return false;
}

static bool has_series(const curves *c, size_t group)
{
    for (size_t i = 0; i < c->data->run_count; i++) {
        if (c->data->runs[i].group == group && series_of(c, &c->data->runs[i])->count > 0) {
            return true;
        }
    }
    return false;
}

/* Groups that get a panel, in the table's order: those with failed runs come before others. */
static size_t choose_panels(const curves *c, size_t chosen[EK_FIGURE_PANELS])
{
    size_t count = 0;
    bool take[2] = {true, false};
    for (int pass = 0; pass < 2; pass++) {
        for (size_t g = 0; g < c->data->table->count && count < EK_FIGURE_PANELS; g++) {
            bool group_failed = ek__figure_count(c->data, g, true) > 0;
            if (has_series(c, g) && group_failed == take[pass]) {
                chosen[count++] = g;
            }
        }
    }
    for (size_t i = 1; i < count; i++) {
        for (size_t k = i; k > 0 && chosen[k - 1] > chosen[k]; k--) {
            size_t swap = chosen[k];
            chosen[k] = chosen[k - 1];
            chosen[k - 1] = swap;
        }
    }
    return count;
}

/* Lowest and highest finite value of the runs of one group. */
static void extend_range(const curves *c, size_t group, double *low, double *high)
{
    for (size_t i = 0; i < c->data->run_count; i++) {
        const ek_figure_series *s = series_of(c, &c->data->runs[i]);
        for (size_t k = 0; c->data->runs[i].group == group && k < s->count; k++) {
            double value = scale_of(c) * s->values[k];
            if (isfinite(value)) {
                *low = !(*low <= value) ? value : *low;
                *high = !(*high >= value) ? value : *high;
            }
        }
    }
}

/* The last step that a run of the group logged. */
static double last_x(const curves *c, size_t group)
{
    double last = 0;
    for (size_t i = 0; i < c->data->run_count; i++) {
        const ek_figure_run *run = &c->data->runs[i];
        const ek_figure_series *s = series_of(c, run);
        if (run->group == group && s->count > 0) {
            last = fmax(last, x_of(c, run, s->steps[s->count - 1]));
        }
    }
    return last;
}

/* Of so many values of a mean one gets a marker: some ten of them tell lines apart. */
static size_t marker_every(const curves *c, size_t group)
{
    size_t most = 0;
    for (size_t i = 0; i < c->data->run_count; i++) {
        size_t count = series_of(c, &c->data->runs[i])->count;
        most = c->data->runs[i].group == group && count > most ? count : most;
    }
    return most / 10 + 1;
}

enum { TOP = 34, TITLE = 24, PANEL = 200, BETWEEN = 34, BOTTOM = 58 };

static int height_of(size_t panels)
{
    return TOP + (int)panels * (PANEL + TITLE) + ((int)panels - 1) * BETWEEN + BOTTOM;
}

static void put_panel(const curves *c, ek_figure_draft *draft, size_t panel, size_t panels,
                      size_t group)
{
    static const struct {
        const char *color, *thin;
        int point, dash;
    } looks[2] = {{EK_COLOR_OK, "#60" EK_RGB_OK, EK_POINT_OK, 1},
                  {EK_COLOR_FAILED, "#60" EK_RGB_FAILED, EK_POINT_FAILED, 2}};
    ek_buf *gp = &draft->gp;
    double top = TOP + TITLE + (double)panel * (PANEL + TITLE + BETWEEN);
    ek__gp_rows(gp, top, top + PANEL, height_of(panels));
    ek__gp_panel_name(gp, c->data->labels[group]);
    ek__gp_axis(gp, 'x', 0, last_x(c, group), 6);
    if (panel + 1 == panels) {
        ek_buf_puts(gp, "set xlabel 'training step' offset 0, 0.4\n");
    }
    ek_buf_puts(gp, "plot ");
    for (int failed = 0; failed < 2; failed++) {
        size_t index = panel * 4 + (size_t)failed * 2;
        ek_buf_printf(gp,
                      "%s'%s.tsv' skip 1 index %zu using 1:2 with lines lw 1 dt %d lc rgb '%s', "
                      "\\\n    '' skip 1 index %zu using 1:2 with linespoints lw 3 pt %d ps 0.8 "
                      "pointinterval %zu lc rgb '%s'",
                      failed ? ", \\\n    " : "", draft->id, index, looks[failed].dash,
                      looks[failed].thin, index + 1, looks[failed].point, marker_every(c, group),
                      looks[failed].color);
    }
    ek_buf_puts(gp, "\n");
    if (panel == 0) {
        ek__gp_legend_end(gp, 3);
    }
}

/* All four sets of lines of a panel, each an index of the file, empty ones too. */
static ek_status put_data(const curves *c, ek_buf *tsv, const size_t *groups, size_t count,
                          ek_error *err)
{
    ek_buf_printf(tsv, "%s\t%s\tfailed\tline\tseed\trun\tgroup\n", c->epochs ? "epoch" : "step",
                  c->score ? "score" : "train_loss");
    for (size_t i = 0; i < count; i++) {
        for (int failed = 0; failed < 2; failed++) {
            ek_buf_puts(tsv, put_lines(c, tsv, groups[i], failed) ? "\n" : EMPTY_INDEX);
            EK_TRY(put_mean(c, tsv, groups[i], failed, err));
        }
    }
    return EK_OK;
}

#define LEAST_LOSS 1e-4 /* a logarithmic axis goes no lower */

/* Losses of diverged runs would press all others to the ground of a linear axis. */
static bool is_wide(double low, double high)
{
    return high > 20 * fmax(low, 0.05);
}

static void put_axes(const curves *c, const size_t *groups, size_t count, ek_buf *gp)
{
    double low = (double)NAN, high = (double)NAN;
    double baseline = c->data->scale * c->data->table->facts.baseline;
    ek_buf label = {0};
    for (size_t i = 0; i < count; i++) {
        extend_range(c, groups[i], &low, &high);
    }
    if (c->score) {
        ek__figure_score_label(c->data, &label);
    } else {
        ek_buf_puts(&label, "training loss");
    }
    ek_buf_puts(gp, "set ylabel noenhanced ");
    ek__gp_string(gp, ek_buf_text(&label));
    ek_buf_puts(gp, " offset 0.5, 0\nset lmargin 9\nset rmargin 3\n");
    gp->failed = gp->failed || label.failed;
    ek_buf_deinit(&label);
    if (!c->score && is_wide(low, high)) {
        ek_buf_printf(gp, "set logscale y\nset yrange [1e%d:1e%d]\nset mytics 1\n",
                      (int)floor(log10(fmax(low, LEAST_LOSS))), (int)ceil(log10(high)));
    }
    double room = high > low ? 0.04 * (high - low) : 1;
    if (c->score && isfinite(low)) {
        ek_buf_printf(gp, "set yrange [%.7g:%.7g]\n", fmin(low, baseline) - room,
                      fmax(high, baseline) + room);
    }
    if (c->score && isfinite(baseline)) {
        ek_buf_printf(gp,
                      "set arrow from graph 0, first %.7g to graph 1, first %.7g nohead lw 1.5 "
                      "dt 2 lc rgb 'black'\n",
                      baseline, baseline);
    }
}

static void put_thinning(const curves *c, ek_buf *caption)
{
    if (c->data->most_logged > EK_FIGURE_POINTS) {
        ek_buf_printf(caption,
                      " Series of more than %d values are thinned to evenly spaced ones and the "
                      "last; nothing is smoothed.",
                      EK_FIGURE_POINTS);
    } else {
        ek_buf_puts(caption, " Every logged value is drawn; nothing is smoothed.");
    }
}

static void put_words(const curves *c, ek_figure_draft *draft, const size_t *groups, size_t count)
{
    const ek_study_facts *facts = &c->data->table->facts;
    ek_buf_printf(&draft->title, "%s while training%s", c->score ? "Score" : "Loss",
                  any_failed(c->data) ? ": failed against successful runs" : "");
    if (c->score) {
        ek_buf_printf(&draft->caption, "Evaluated: %s on the %s split%s against the training step.",
                      facts->reported, facts->split, *c->data->unit ? ", in percent," : "");
    } else {
        ek_buf_puts(&draft->caption,
                    "Training loss (with dropout, the mean over the steps since the value logged "
                    "before) against the training step.");
    }
    ek_buf_printf(&draft->caption,
                  " Thin lines: the first runs of a group, at most %d of an outcome; thick lines "
                  "with points: the mean of all its runs with that outcome.",
                  EK_FIGURE_LINES);
    put_thinning(c, &draft->caption);
    ek_buf_printf(&draft->alt, "%s against training step.", c->score ? "Score" : "Training loss");
    ek_buf_puts(&draft->caption, " Runs:");
    for (size_t i = 0; i < count; i++) {
        size_t failed = ek__figure_count(c->data, groups[i], true);
        size_t ok = ek__figure_count(c->data, groups[i], false);
        ek_buf_printf(&draft->caption, "%s %s %zu successful, %zu failed", i ? ";" : "",
                      c->data->labels[groups[i]], ok, failed);
        ek_buf_printf(&draft->alt, " %s: %zu successful and %zu failed runs.",
                      c->data->labels[groups[i]], ok, failed);
    }
    ek_buf_putc(&draft->caption, '.');
    if (count < c->data->table->count) {
        ek_buf_printf(&draft->caption,
                      " %zu of %zu groups are drawn, those with failed runs before others.", count,
                      c->data->table->count);
    }
    double low = (double)NAN, high = (double)NAN;
    for (size_t i = 0; i < count; i++) {
        extend_range(c, groups[i], &low, &high);
    }
    bool wide = !c->score && is_wide(low, high);
    if (wide) {
        ek_buf_puts(&draft->caption, " The axis of the loss is logarithmic.");
    }
    if (count > 1) {
        ek_buf_printf(&draft->caption, " %s of the panels differ.",
                      c->score || wide ? "The step axes" : "The axes");
    }
    ek__figure_failed_note(c->data, &draft->caption);
}

static ek_status make(const curves *c, ek_figure_draft *draft, ek_error *err)
{
    size_t groups[EK_FIGURE_PANELS];
    size_t count = choose_panels(c, groups);
    if (count == 0) {
        return EK_OK;
    }
    EK_TRY(put_data(c, &draft->tsv, groups, count, err));
    ek__gp_begin(draft, EK_FIGURE_WIDTH, height_of(count));
    put_axes(c, groups, count, &draft->gp);
    ek_legend_entry legend[3] = {
        {.title = "successful", .color = EK_COLOR_OK, .point = EK_POINT_OK, .line = 3, .dash = 1}};
    const ek_legend_entry failed = {.title = "failed",
                                    .color = EK_COLOR_FAILED,
                                    .point = EK_POINT_FAILED,
                                    .line = 3,
                                    .dash = 1};
    const ek_legend_entry baseline = {
        .title = "most frequent label", .color = "black", .line = 1.5, .dash = 2};
    size_t entries = 1;
    if (any_failed(c->data)) {
        legend[entries++] = failed;
    }
    if (c->score && isfinite(c->data->table->facts.baseline)) {
        legend[entries++] = baseline;
    }
    ek__gp_legend(&draft->gp, legend, entries, height_of(count));
    ek_buf_puts(&draft->gp, "set multiplot\n");
    for (size_t i = 0; i < count; i++) {
        put_panel(c, draft, i, count, groups[i]);
    }
    ek_buf_puts(&draft->gp, "unset multiplot\n");
    put_words(c, draft, groups, count);
    draft->drawn = true;
    return EK_OK;
}

ek_status ek__figure_loss_curves(const ek_figure_data *data, ek_figure_draft *draft, ek_error *err)
{
    return make(&(curves){.data = data}, draft, err);
}

ek_status ek__figure_score_curves(const ek_figure_data *data, ek_figure_draft *draft, ek_error *err)
{
    return make(&(curves){.data = data, .score = true}, draft, err);
}

/* ---- successful runs over epochs ------------------------------------------------------------- */

/* Groups with successful runs, as many as there are colours. */
static size_t choose_colored(const curves *c, size_t chosen[EK_FIGURE_COLORS])
{
    size_t count = 0;
    for (size_t g = 0; g < c->data->table->count && count < EK_FIGURE_COLORS; g++) {
        if (has_series(c, g) && ek__figure_count(c->data, g, false) > 0) {
            chosen[count++] = g;
        }
    }
    return count;
}

/* Epochs are known of every run of these groups. */
static bool know_epochs(const ek_figure_data *data, const size_t *groups, size_t count)
{
    for (size_t i = 0; i < data->run_count; i++) {
        const ek_figure_run *run = &data->runs[i];
        for (size_t k = 0; k < count; k++) {
            if (run->group == groups[k] && !(run->epochs > 0 && run->row->total_steps > 0)) {
                return false;
            }
        }
    }
    return true;
}

static void put_epoch_plot(const curves *c, ek_figure_draft *draft, const size_t *groups,
                           size_t count)
{
    ek_buf *gp = &draft->gp;
    ek_legend_entry legend[EK_FIGURE_COLORS + 1];
    double last = 0;
    for (size_t i = 0; i < count; i++) {
        legend[i] = (ek_legend_entry){.title = c->data->labels[groups[i]],
                                      .color = ek__figure_colors[i],
                                      .point = ek__figure_points[i],
                                      .line = 3,
                                      .dash = 1};
        last = fmax(last, last_x(c, groups[i]));
    }
    size_t entries = count;
    if (isfinite(c->data->table->facts.baseline)) {
        legend[entries++] = (ek_legend_entry){
            .title = "most frequent label", .color = "black", .line = 1.5, .dash = 2};
    }
    double top = 14 + EK_LEGEND_ROW * ek__gp_legend(NULL, legend, entries, 1);
    double height = top + 260 + BOTTOM;
    ek__gp_begin(draft, EK_FIGURE_WIDTH, (int)height);
    put_axes(c, groups, count, gp);
    ek__gp_rows(gp, top, top + 260, height);
    ek__gp_legend(gp, legend, entries, height);
    ek__gp_axis(gp, 'x', 0, last, 8);
    ek_buf_printf(gp, "set xlabel '%s' offset 0, 0.4\nplot ",
                  c->epochs ? "epochs trained" : "training step");
    for (size_t i = 0; i < count; i++) {
        ek_buf_printf(gp,
                      "%s'%s.tsv' skip 1 index %zu using 1:2 with lines lw 1 lc rgb '#60%s', "
                      "\\\n    '' skip 1 index %zu using 1:2 with linespoints lw 3 pt %d ps 0.8 "
                      "pointinterval %zu lc rgb '%s'",
                      i ? ", \\\n    " : "", draft->id, 2 * i, ek__figure_colors[i] + 1, 2 * i + 1,
                      ek__figure_points[i], marker_every(c, groups[i]), ek__figure_colors[i]);
    }
    ek_buf_puts(gp, "\n");
}

static void put_epoch_words(const curves *c, ek_figure_draft *draft, const size_t *groups,
                            size_t count)
{
    const ek_study_facts *facts = &c->data->table->facts;
    ek_buf_printf(&draft->title, "Score of the successful runs over %s",
                  c->epochs ? "epochs" : "training steps");
    ek_buf_printf(&draft->caption,
                  "Evaluated: %s on the %s split%s of the runs that did not fail, against %s. Thin "
                  "lines: the "
                  "first runs of a group, at most %d; thick lines with points: the mean of all "
                  "successful runs of the group.",
                  facts->reported, facts->split, *c->data->unit ? ", in percent," : "",
                  c->epochs ? "passes over the training data" : "the training step",
                  EK_FIGURE_LINES);
    put_thinning(c, &draft->caption);
    ek_buf_printf(&draft->alt, "%s over %s.", facts->reported, c->epochs ? "epochs" : "steps");
    ek_buf_puts(&draft->caption, " Successful runs:");
    for (size_t i = 0; i < count; i++) {
        size_t n = ek__figure_count(c->data, groups[i], false);
        ek_buf_printf(&draft->caption, "%s %s %zu", i ? "," : "", c->data->labels[groups[i]], n);
        ek_buf_printf(&draft->alt, " %s: %zu successful runs.", c->data->labels[groups[i]], n);
    }
    ek_buf_putc(&draft->caption, '.');
    if (count < c->data->table->count) {
        ek_buf_printf(&draft->caption, " %zu of %zu groups are drawn.", count,
                      c->data->table->count);
    }
    ek__figure_failed_note(c->data, &draft->caption);
}

ek_status ek__figure_score_over_epochs(const ek_figure_data *data, ek_figure_draft *draft,
                                       ek_error *err)
{
    curves c = {.data = data, .score = true};
    size_t groups[EK_FIGURE_COLORS];
    size_t count = choose_colored(&c, groups);
    if (count == 0) {
        return EK_OK;
    }
    c.epochs = know_epochs(data, groups, count);
    ek_buf_printf(&draft->tsv, "%s\tscore\tfailed\tline\tseed\trun\tgroup\n",
                  c.epochs ? "epoch" : "step");
    for (size_t i = 0; i < count; i++) {
        ek_buf_puts(&draft->tsv, put_lines(&c, &draft->tsv, groups[i], false) ? "\n" : EMPTY_INDEX);
        EK_TRY(put_mean(&c, &draft->tsv, groups[i], false, err));
    }
    put_epoch_plot(&c, draft, groups, count);
    put_epoch_words(&c, draft, groups, count);
    draft->drawn = true;
    return EK_OK;
}
