/* Gradient norms by kind of parameter, a small panel a kind: low, middle and top layer of a failed
 * run and of a successful one (Mosbach et al. 2021, figure 10). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/figure_draft.h"

enum {
    KINDS = 6,
    DEPTHS = 3,
    COLUMNS = 2,
    TITLE = 34,
    PANEL = 132,
    BETWEEN = 24,
    BOTTOM = 58,
    LEFT = 98,  /* px from the left to the first column */
    WIDTH = 199 /* of a panel */
};

static const struct {
    const char *name, *inside; /* what follows "encoder.layer.N." */
} kinds[KINDS] = {
    {"query", "attention.self.query."},      {"key", "attention.self.key."},
    {"value", "attention.self.value."},      {"attention output", "attention.output.dense."},
    {"intermediate", "intermediate.dense."}, {"output", "output.dense."},
};

typedef struct {
    double *squares; /* [count of the side] of the norms; NULL: no such layer */
} series;

typedef struct {
    const ek_figure_run *run;
    const ek_gradient_source *source;
    int64_t *steps; /* [count] */
    size_t count;
    series lines[KINDS][DEPTHS];
} side;

typedef struct {
    side sides[2];
    size_t count;
    long depths[DEPTHS]; /* layers from 0; -1: none */
    long layers;
} figure;

static void figure_free(figure *f)
{
    for (size_t s = 0; s < 2; s++) {
        ek_free(f->sides[s].steps);
        for (size_t k = 0; k < KINDS; k++) {
            for (size_t d = 0; d < DEPTHS; d++) {
                ek_free(f->sides[s].lines[k][d].squares);
            }
        }
    }
}

/* ---- norms ----------------------------------------------------------------------------------- */

/* The layer of a logged norm, and what follows its number; -1 for what is of no layer. */
static long layer_of(const char *name, const char **rest)
{
    static const char prefix[] = "grad_norm/", mark[] = "encoder.layer.";
    const char *at = strncmp(name, prefix, sizeof prefix - 1) == 0 ? strstr(name, mark) : NULL;
    if (!at) {
        return -1;
    }
    char *end;
    long layer = strtol(at + sizeof mark - 1, &end, 10);
    *rest = *end == '.' ? end + 1 : end;
    return layer >= 0 && layer < 100000 ? layer : -1;
}

static void choose_depths(figure *f, char **names, size_t count)
{
    const char *rest;
    for (size_t i = 0; i < count; i++) {
        long layer = layer_of(names[i], &rest);
        f->layers = layer + 1 > f->layers ? layer + 1 : f->layers;
    }
    f->depths[0] = f->layers > 0 ? 0 : -1;
    f->depths[1] = f->layers > 2 ? (f->layers - 1) / 2 : -1;
    f->depths[2] = f->layers > 1 ? f->layers - 1 : -1;
}

/* Adds the squares of one parameter's norms; the first series sets the steps. */
static ek_status add_series(side *s, series *line, const char *name, ek_error *err)
{
    int64_t *steps;
    double *values;
    size_t count;
    EK_TRY(ek_store_series(s->source->store, s->source->id, name, &steps, &values, &count, err));
    if (!s->steps) {
        s->steps = steps;
        s->count = count;
        steps = NULL;
    }
    if (!line->squares) {
        line->squares = ek_calloc(s->count, sizeof *line->squares);
    }
    for (size_t i = 0; line->squares && i < s->count; i++) {
        bool same = i < count && (!steps || steps[i] == s->steps[i]);
        line->squares[i] += same ? values[i] * values[i] : (double)NAN;
    }
    ek_free(steps);
    ek_free(values);
    return line->squares ? EK_OK
                         : ek_error_set(err, EK_E_MEMORY, "no memory for the figure of gradients");
}

static ek_status add_named(const figure *f, side *s, const char *name, ek_error *err)
{
    const char *rest;
    long layer = layer_of(name, &rest);
    for (size_t k = 0; k < KINDS && layer >= 0; k++) {
        for (size_t d = 0; d < DEPTHS; d++) {
            if (f->depths[d] == layer &&
                strncmp(rest, kinds[k].inside, strlen(kinds[k].inside)) == 0) {
                return add_series(s, &s->lines[k][d], name, err);
            }
        }
    }
    return EK_OK;
}

static ek_status load_side(figure *f, side *s, ek_error *err)
{
    char **names;
    size_t count;
    EK_TRY(ek_store_metric_names(s->source->store, s->source->id, &names, &count, err));
    ek_status status = EK_OK;
    choose_depths(f, names, count);
    for (size_t i = 0; i < count; i++) {
        status = status == EK_OK ? add_named(f, s, names[i], err) : status;
        ek_free(names[i]);
    }
    ek_free(names);
    return status;
}

/* ---- the figure ------------------------------------------------------------------------------ */

static void put_line(const figure *f, const side *s, size_t kind, size_t depth, ek_buf *tsv)
{
    const double *squares = s->lines[kind][depth].squares;
    size_t stride = (s->count + EK_FIGURE_POINTS - 1) / EK_FIGURE_POINTS;
    for (size_t i = 0; squares && i < s->count; i++) {
        if ((s->count - 1 - i) % stride != 0) {
            continue;
        }
        ek_buf_printf(tsv, "%lld\t", (long long)s->steps[i]);
        ek__figure_number(tsv, squares[i] > 0 ? sqrt(squares[i]) : (double)NAN);
        ek_buf_printf(tsv, "\t%d\t%s\t%ld\t%u\t%lld\t", s->run->failed, kinds[kind].name,
                      f->depths[depth] + 1, s->run->row->seed, (long long)s->run->row->id);
        ek__figure_line(tsv, s->run->row->group, 0);
        ek_buf_putc(tsv, '\n');
    }
    ek_buf_puts(tsv, squares && s->count > 0 ? "\n\n" : "1\tNaN\n\n\n");
}

static void range_of(const figure *f, double *low, double *high, double *last)
{
    *low = *high = (double)NAN;
    *last = 0;
    for (size_t s = 0; s < f->count; s++) {
        const side *of = &f->sides[s];
        for (size_t l = 0; l < KINDS * DEPTHS; l++) {
            const double *squares = of->lines[l / DEPTHS][l % DEPTHS].squares;
            for (size_t i = 0; squares && i < of->count; i++) {
                if (isfinite(squares[i]) && squares[i] > 0) {
                    *low = fmin(*low, sqrt(squares[i]));
                    *high = fmax(*high, sqrt(squares[i]));
                }
            }
        }
        *last = of->count > 0 ? fmax(*last, (double)of->steps[of->count - 1]) : *last;
    }
}

/* Low layers dotted, top ones solid. */
static ek_legend_entry look_of(bool failed, size_t depth)
{
    return (ek_legend_entry){.color = failed ? EK_COLOR_FAILED : EK_COLOR_OK,
                             .line = depth == 2 ? 2 : 1.6,
                             .dash = 3 - (int)depth};
}

/* Failed and successful by turns: gnuplot's SVG takes neighbours of one colour for one line. */
static size_t make_legend(const figure *f, ek_legend_entry *legend, char names[][40])
{
    size_t entries = 0;
    for (size_t d = 0; d < DEPTHS; d++) {
        for (size_t s = 0; s < f->count && f->depths[d] >= 0; s++) {
            bool failed = f->sides[s].run->failed;
            snprintf(names[entries], 40, "%s, layer %ld", failed ? "failed" : "successful",
                     f->depths[d] + 1);
            legend[entries] = look_of(failed, d);
            legend[entries].title = names[entries];
            entries++;
        }
    }
    return entries;
}

static void put_panel(const figure *f, size_t kind, double top, double height,
                      ek_figure_draft *draft)
{
    ek_buf *gp = &draft->gp;
    double left = LEFT + (double)(kind % COLUMNS) * (WIDTH + BETWEEN);
    ek__gp_rows(gp, top, top + PANEL, height);
    ek_buf_printf(gp, "set lmargin at screen %.4f\nset rmargin at screen %.4f\n",
                  left / EK_FIGURE_WIDTH, (left + WIDTH) / EK_FIGURE_WIDTH);
    ek_buf_puts(gp, kind % COLUMNS == 0 ? "set format y '%g'\nset ylabel 'norm (L2)' offset 1, 0\n"
                                        : "set format y ''\nunset ylabel\n");
    ek_buf_puts(gp, kind + COLUMNS < KINDS ? "set format x ''\nunset xlabel\n"
                                           : "set format x '%g'\nset xlabel 'training step' "
                                             "offset 0, 0.4\n");
    ek__gp_panel_name(gp, kinds[kind].name);
    ek_buf_puts(gp, "plot ");
    for (size_t s = 0; s < f->count; s++) {
        for (size_t d = 0; d < DEPTHS; d++) {
            ek_legend_entry look = look_of(f->sides[s].run->failed, d);
            ek_buf_printf(gp,
                          "%s'%s.tsv' skip 1 index %zu using 1:2 with lines lw %g dt %d lc rgb "
                          "'%s'",
                          s + d > 0 ? ", \\\n    " : "", draft->id, (s * KINDS + kind) * DEPTHS + d,
                          look.line, look.dash, look.color);
        }
    }
    ek_buf_puts(gp, "\n");
}

static void put_plot(const figure *f, ek_figure_draft *draft)
{
    ek_legend_entry legend[2 * DEPTHS];
    char names[2 * DEPTHS][40];
    size_t entries = make_legend(f, legend, names);
    double low, high, last, top = 10 + EK_LEGEND_ROW * ek__gp_legend(NULL, legend, entries, 1);
    double height = top + (double)KINDS / COLUMNS * (TITLE + PANEL) + BOTTOM;
    ek__gp_begin(draft, EK_FIGURE_WIDTH, (int)height);
    range_of(f, &low, &high, &last);
    ek_buf *gp = &draft->gp;
    ek_buf_puts(gp, "set logscale y\nset mytics 1\n");
    /* both ranges always: a panel may be empty, and gnuplot finds none of its own there */
    int from = (int)floor(log10(low)), to = (int)ceil(log10(high));
    to = to > from ? to : from + 1;
    ek_buf_printf(gp, "set yrange [1e%d:1e%d]\nset ytics 1e%d\n", from, to, (to - from) / 5 + 1);
    ek__gp_axis(gp, 'x', 0, last, 3);
    ek__gp_legend(gp, legend, entries, height);
    ek_buf_puts(gp, "set multiplot\n");
    for (size_t kind = 0; kind < KINDS; kind++) {
        double start = top + TITLE + (double)(kind / COLUMNS) * (TITLE + PANEL);
        put_panel(f, kind, start, height, draft);
        ek__gp_legend_end(gp, entries);
    }
    ek_buf_puts(gp, "unset multiplot\n");
}

static void put_words(const ek_figure_data *data, const figure *f, ek_figure_draft *draft)
{
    ek_buf_puts(&draft->title, "Gradient norms by kind of parameter");
    ek_buf_puts(&draft->caption,
                "L2 norm of the gradient of a dense layer's weight and bias, before clipping, at "
                "the logged steps; logarithmic axis, the same in all panels.");
    for (size_t s = 0; s < f->count; s++) {
        const ek_figure_run *run = f->sides[s].run;
        ek_buf_printf(&draft->caption, " %s: run %lld (%s, seed %u), the median of its kind.",
                      run->failed ? "Failed" : "Successful", (long long)run->row->id,
                      data->labels[run->group], run->row->seed);
    }
    ek_buf_puts(&draft->caption, " Layers of ");
    ek_buf_printf(&draft->caption, "%ld:", f->layers);
    for (size_t d = 0; d < DEPTHS; d++) {
        if (f->depths[d] >= 0) {
            ek_buf_printf(&draft->caption, "%s %ld", d ? "," : "", f->depths[d] + 1);
        }
    }
    ek_buf_puts(&draft->caption, ".");
    ek__figure_failed_note(data, &draft->caption);
    ek_buf_puts(&draft->alt, "Gradient norms of six kinds of parameters against training step.");
    for (size_t s = 0; s < f->count; s++) {
        const side *of = &f->sides[s];
        const double *query = of->lines[0][0].squares, *output = of->lines[KINDS - 1][2].squares;
        if (query && output && of->count > 0) {
            ek_buf_printf(&draft->alt,
                          " %s run at the end: query of the lowest layer %.2g, output of the top "
                          "layer %.2g.",
                          of->run->failed ? "Failed" : "Successful", sqrt(query[of->count - 1]),
                          sqrt(output[of->count - 1]));
        }
    }
}

static ek_status make(const ek_figure_data *data, figure *f, ek_figure_draft *draft, ek_error *err)
{
    double low, high, last;
    for (size_t s = 0; s < f->count; s++) {
        EK_TRY(load_side(f, &f->sides[s], err));
    }
    range_of(f, &low, &high, &last);
    if (!isfinite(low) || !(last > 0)) {
        return EK_OK;
    }
    ek_buf_puts(&draft->tsv, "step\tnorm\tfailed\tkind\tlayer\tseed\trun\tgroup\n");
    for (size_t s = 0; s < f->count; s++) {
        for (size_t l = 0; l < KINDS * DEPTHS; l++) {
            put_line(f, &f->sides[s], l / DEPTHS, l % DEPTHS, &draft->tsv);
        }
    }
    put_plot(f, draft);
    put_words(data, f, draft);
    draft->drawn = true;
    return EK_OK;
}

ek_status ek__figure_gradient_groups(const ek_figure_data *data, ek_figure_draft *draft,
                                     ek_error *err)
{
    figure f = {.depths = {-1, -1, -1}};
    ek_gradient_source sources[2];
    ek_status status = ek__gradient_sources_open(data, sources, &f.count, err);
    for (size_t i = 0; i < f.count; i++) {
        f.sides[i].run = sources[i].run;
        f.sides[i].source = &sources[i];
    }
    if (status == EK_OK) {
        status = make(data, &f, draft, err);
    }
    ek__gradient_sources_close(sources);
    figure_free(&f);
    return status;
}
