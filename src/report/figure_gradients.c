/* Gradient norms layer by layer: one failed and one successful run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/params.h"
#include "report/figure_draft.h"

enum { LAYERS = 7, TITLE = 26, PANEL = 210, BETWEEN = 34, BOTTOM = 58 };

/* The lines: embeddings, first, a third, two thirds and last encoder layer, pooler, classifier. */
static const ek_legend_entry looks[LAYERS] = {
    {.color = "black", .line = 2, .dash = 2},         {.color = EK_COLOR_OK, .line = 2, .dash = 1},
    {.color = "#009E73", .line = 2, .dash = 4},       {.color = "#B5588F", .line = 2, .dash = 5},
    {.color = EK_COLOR_FAILED, .line = 2, .dash = 1}, {.color = "#808080", .line = 2, .dash = 3},
    {.color = "black", .line = 2, .dash = 1},
};

typedef struct {
    const ek_figure_run *run;
    const ek_gradient_source *source;
    int64_t *steps;
    double *norms[LAYERS]; /* [count], NULL: the model has no such layer */
    size_t count;
} panel;

typedef struct {
    panel panels[2];
    size_t count;
    long chosen[5]; /* encoder layers of the lines 1 to 4, from 0; [0] unused */
    long encoder_layers;
} figure;

static void panel_free(panel *p)
{
    ek_free(p->steps);
    for (size_t i = 0; i < LAYERS; i++) {
        ek_free(p->norms[i]);
    }
}

static const char prefix[] = "grad_norm/";

/* ---- which runs ------------------------------------------------------------------------------ */

static int by_score(const void *a, const void *b)
{
    const ek_figure_run *x = *(const ek_figure_run *const *)a,
                        *y = *(const ek_figure_run *const *)b;
    int order = (x->row->score > y->row->score) - (x->row->score < y->row->score);
    return order ? order : (x->row->id > y->row->id) - (x->row->id < y->row->id);
}

/* The run in the middle of the order of scores, of those with norms; group NULL: of any. */
static const ek_figure_run *median_run(const ek_figure_data *data, const bool *logged, bool failed,
                                       const size_t *group, const ek_figure_run **scratch)
{
    size_t n = 0;
    for (size_t i = 0; i < data->run_count; i++) {
        const ek_figure_run *run = &data->runs[i];
        if (run->failed == failed && logged[i] && (!group || run->group == *group)) {
            scratch[n++] = run;
        }
    }
    if (n == 0) {
        return NULL;
    }
    qsort(scratch, n, sizeof *scratch, by_score);
    return scratch[(n - 1) / 2];
}

/* A failed run and a successful one, of the same group where there is one. */
static size_t choose_runs(const ek_figure_data *data, const bool *logged, ek_gradient_source out[2],
                          const ek_figure_run **scratch)
{
    const ek_figure_run *failed = median_run(data, logged, true, NULL, scratch), *ok = NULL;
    size_t count = 0;
    if (failed) {
        ok = median_run(data, logged, false, &failed->group, scratch);
        out[count++].run = failed;
    }
    ok = ok ? ok : median_run(data, logged, false, NULL, scratch);
    if (ok) {
        out[count++].run = ok;
    }
    return count;
}

/* Whether run 1 of a store is this run, with norms. */
static bool has_norms(ek_store *store, const ek_run_row *run)
{
    ek_error ignored = {0};
    ek_run_row *rows = NULL;
    char **names = NULL;
    size_t row_count = 0, count = 0;
    bool same = ek_store_runs(store, &rows, &row_count, &ignored) == EK_OK && row_count > 0 &&
                rows[0].id == 1 && strcmp(rows[0].weights_hash, run->weights_hash) == 0;
    ek_run_rows_free(rows, row_count);
    bool has = false;
    if (same && ek_store_metric_names(store, 1, &names, &count, &ignored) == EK_OK) {
        for (size_t i = 0; i < count; i++) {
            has = has || strncmp(names[i], prefix, sizeof prefix - 1) == 0;
            ek_free(names[i]);
        }
        ek_free(names);
    }
    return has;
}

/* The store of a run that was made again for its gradients, opened; NULL where there is none that
 * can be used. */
static ek_store *open_own(const ek_figure_data *data, const ek_run_row *run)
{
    char place[64];
    ek_error ignored = {0};
    ek_store *store = NULL;
    snprintf(place, sizeof place, "probe/gradients/run-%lld", (long long)run->id);
    char *dir = data->study_dir ? ek_path_join(data->study_dir, place) : NULL;
    if (dir && ek_dir_exists(dir) && ek_store_open_read(&store, dir, &ignored) != EK_OK) {
        store = NULL;
    }
    ek_free(dir);
    if (store && !has_norms(store, run)) {
        ek_store_close(store);
        store = NULL;
    }
    return store;
}

/* Which runs have norms: in the study's store, or in one of their own. */
static ek_status find_logged(const ek_figure_data *data, bool *logged, ek_error *err)
{
    for (size_t g = 0; g < data->table->count; g++) {
        ek_buf value = {0};
        ek_status status = ek_store_group_value(data->store, data->table->rows[g].group,
                                                "log_gradients", &value, err);
        bool whole = strcmp(ek_buf_text(&value), "true") == 0;
        ek_buf_deinit(&value);
        EK_TRY(status);
        for (size_t i = 0; i < data->run_count; i++) {
            if (data->runs[i].group == g) {
                ek_store *own = whole ? NULL : open_own(data, data->runs[i].row);
                logged[i] = whole || own;
                ek_store_close(own);
            }
        }
    }
    return EK_OK;
}

ek_status ek__gradient_sources_open(const ek_figure_data *data, ek_gradient_source out[2],
                                    size_t *count, ek_error *err)
{
    bool *logged = ek_calloc(data->run_count, sizeof *logged);
    const ek_figure_run **scratch = ek_calloc(data->run_count, sizeof *scratch);
    out[0] = out[1] = (ek_gradient_source){.run = NULL};
    *count = 0;
    ek_status status =
        logged && scratch ? find_logged(data, logged, err)
                          : ek_error_set(err, EK_E_MEMORY, "no memory for the figure of gradients");
    if (status == EK_OK) {
        *count = choose_runs(data, logged, out, scratch);
    }
    for (size_t i = 0; i < *count; i++) {
        out[i].owned = open_own(data, out[i].run->row);
        out[i].store = out[i].owned ? out[i].owned : data->store;
        out[i].id = out[i].owned ? 1 : out[i].run->row->id;
    }
    ek_free(logged);
    ek_free(scratch);
    return status;
}

void ek__gradient_sources_close(ek_gradient_source sources[2])
{
    for (size_t i = 0; i < 2; i++) {
        ek_store_close(sources[i].owned);
        sources[i].owned = NULL;
    }
}

/* ---- norms ----------------------------------------------------------------------------------- */

/* The number of the encoder layer that a gradient belongs to, -1 for others. */
static long encoder_layer(const char *name)
{
    int32_t layer;
    ek_param_group group;
    bool known = strncmp(name, prefix, sizeof prefix - 1) == 0 &&
                 ek_param_place(name + sizeof prefix - 1, &layer, &group);
    return known && layer < INT32_MAX ? layer : -1;
}

/* Which line a gradient belongs to, -1 for none. */
static int line_of(const figure *f, const char *name)
{
    int32_t layer;
    ek_param_group group;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0 ||
        !ek_param_place(name + sizeof prefix - 1, &layer, &group)) {
        return -1;
    }
    for (int i = 1; i <= 4; i++) {
        if (layer >= 0 && f->chosen[i] == layer) {
            return i;
        }
    }
    return group == EK_GROUP_EMBEDDINGS   ? 0
           : group == EK_GROUP_POOLER     ? 5
           : group == EK_GROUP_CLASSIFIER ? 6
                                          : -1;
}

static void choose_layers(figure *f, char **names, size_t count)
{
    long layers = 0;
    for (size_t i = 0; i < count; i++) {
        long layer = encoder_layer(names[i]);
        layers = layer + 1 > layers ? layer + 1 : layers;
    }
    const long wanted[4] = {0, (layers + 1) / 3 - 1, (2 * layers + 1) / 3 - 1, layers - 1};
    for (int i = 1; i <= 4; i++) {
        bool again = wanted[i - 1] < 0;
        for (int k = 1; k < i; k++) {
            again = again || f->chosen[k] == wanted[i - 1];
        }
        f->chosen[i] = again ? -2 : wanted[i - 1];
    }
    f->encoder_layers = layers;
}

/* Adds the squares of one parameter's norms; the first series sets the steps. */
static ek_status add_parameter(panel *p, int line, const char *name, ek_error *err)
{
    int64_t *steps;
    double *values;
    size_t count;
    EK_TRY(ek_store_series(p->source->store, p->source->id, name, &steps, &values, &count, err));
    ek_status status = EK_OK;
    if (!p->steps) {
        p->steps = steps;
        p->count = count;
        steps = NULL;
    }
    if (!p->norms[line]) {
        p->norms[line] = ek_calloc(p->count, sizeof *p->norms[line]);
    }
    if (!p->norms[line]) {
        status = ek_error_set(err, EK_E_MEMORY, "no memory for the figure of gradients");
    }
    for (size_t i = 0; status == EK_OK && i < p->count; i++) {
        bool same = i < count && (!steps || steps[i] == p->steps[i]);
        p->norms[line][i] += same ? values[i] * values[i] : (double)NAN;
    }
    ek_free(steps);
    ek_free(values);
    return status;
}

static ek_status load_panel(figure *f, panel *p, ek_error *err)
{
    char **names;
    size_t count;
    EK_TRY(ek_store_metric_names(p->source->store, p->source->id, &names, &count, err));
    ek_status status = EK_OK;
    choose_layers(f, names, count);
    for (size_t i = 0; i < count; i++) {
        int line = strncmp(names[i], prefix, sizeof prefix - 1) == 0 ? line_of(f, names[i]) : -1;
        if (status == EK_OK && line >= 0) {
            status = add_parameter(p, line, names[i], err);
        }
        ek_free(names[i]);
    }
    ek_free(names);
    for (size_t line = 0; line < LAYERS; line++) {
        for (size_t i = 0; p->norms[line] && i < p->count; i++) {
            p->norms[line][i] = sqrt(p->norms[line][i]);
        }
    }
    return status;
}

/* ---- the figure ------------------------------------------------------------------------------ */

static void layer_name(const figure *f, size_t line, char out[32])
{
    static const char *const fixed[LAYERS] = {"embeddings", "", "", "", "", "pooler", "classifier"};
    if (line >= 1 && line <= 4) {
        snprintf(out, 32, "layer %ld of %ld", f->chosen[line] + 1, f->encoder_layers);
    } else {
        snprintf(out, 32, "%s", fixed[line]);
    }
}

/* An index of the file for every line of every panel, empty ones too. Every so many-th value, the
 * last among them. */
static void put_line(const figure *f, const panel *p, size_t line, ek_buf *tsv)
{
    char name[32];
    layer_name(f, line, name);
    size_t stride = (p->count + EK_FIGURE_POINTS - 1) / EK_FIGURE_POINTS;
    for (size_t i = 0; p->norms[line] && i < p->count; i++) {
        if ((p->count - 1 - i) % stride != 0) {
            continue;
        }
        double norm = p->norms[line][i];
        ek_buf_printf(tsv, "%lld\t", (long long)p->steps[i]);
        ek__figure_number(tsv, norm > 0 ? norm : (double)NAN);
        ek_buf_printf(tsv, "\t%d\t%s\t%u\t%lld\t", p->run->failed, name, p->run->row->seed,
                      (long long)p->run->row->id);
        ek__figure_line(tsv, p->run->row->group, 0);
        ek_buf_putc(tsv, '\n');
    }
    ek_buf_puts(tsv, p->norms[line] && p->count > 0 ? "\n\n" : "1\tNaN\n\n\n");
}

static void range_of(const figure *f, double *low, double *high, double *last)
{
    *low = *high = (double)NAN;
    *last = 0;
    for (size_t p = 0; p < f->count; p++) {
        for (size_t line = 0; line < LAYERS; line++) {
            const double *norms = f->panels[p].norms[line];
            for (size_t i = 0; norms && i < f->panels[p].count; i++) {
                if (isfinite(norms[i]) && norms[i] > 0) {
                    *low = !(*low <= norms[i]) ? norms[i] : *low;
                    *high = !(*high >= norms[i]) ? norms[i] : *high;
                }
            }
        }
        if (f->panels[p].count > 0) {
            *last = fmax(*last, (double)f->panels[p].steps[f->panels[p].count - 1]);
        }
    }
}

static size_t make_legend(const figure *f, ek_legend_entry *legend, char names[LAYERS][32])
{
    size_t entries = 0;
    for (size_t line = 0; line < LAYERS; line++) {
        if (f->panels[0].norms[line] || f->panels[1].norms[line]) {
            layer_name(f, line, names[line]);
            legend[entries] = looks[line];
            legend[entries++].title = names[line];
        }
    }
    return entries;
}

static void put_panel(const ek_figure_data *data, const figure *f, size_t at,
                      ek_figure_draft *draft)
{
    const panel *p = &f->panels[at];
    ek_buf name = {0};
    ek_buf_printf(&name, "%s run: %s, seed %u", p->run->failed ? "failed" : "successful",
                  data->labels[p->run->group], p->run->row->seed);
    ek__gp_panel_name(&draft->gp, ek_buf_text(&name));
    draft->gp.failed = draft->gp.failed || name.failed;
    ek_buf_deinit(&name);
    ek_buf_puts(&draft->gp, "plot ");
    for (size_t line = 0; line < LAYERS; line++) {
        ek_buf_printf(&draft->gp,
                      "%s'%s.tsv' skip 1 index %zu using 1:2 with lines lw %g dt %d lc rgb '%s'",
                      line ? ", \\\n    " : "", draft->id, at * LAYERS + line, looks[line].line,
                      looks[line].dash, looks[line].color);
    }
    ek_buf_puts(&draft->gp, "\n");
}

static void put_plot(const ek_figure_data *data, const figure *f, ek_figure_draft *draft)
{
    ek_legend_entry legend[LAYERS];
    char names[LAYERS][32];
    double low, high, last;
    size_t entries = make_legend(f, legend, names);
    double top = 14 + EK_LEGEND_ROW * ek__gp_legend(NULL, legend, entries, 1);
    double height =
        top + (double)f->count * (TITLE + PANEL) + BOTTOM + (f->count > 1 ? BETWEEN : 0);
    ek__gp_begin(draft, EK_FIGURE_WIDTH, (int)height);
    range_of(f, &low, &high, &last);
    ek_buf *gp = &draft->gp;
    ek_buf_puts(gp, "set ylabel 'gradient norm (L2)' offset 0, 0\nset lmargin 10\nset rmargin 3\n"
                    "set logscale y\nset mytics 1\n");
    if (low < high) {
        int decades = (int)ceil(log10(high)) - (int)floor(log10(low));
        ek_buf_printf(gp, "set yrange [1e%d:1e%d]\nset ytics 1e%d\n", (int)floor(log10(low)),
                      (int)ceil(log10(high)), decades / 6 + 1);
    }
    ek__gp_axis(gp, 'x', 0, last, 6);
    ek__gp_legend(gp, legend, entries, height);
    ek_buf_puts(gp, "set multiplot\n");
    for (size_t i = 0; i < f->count; i++) {
        double start = top + TITLE + (double)i * (TITLE + PANEL + BETWEEN);
        ek__gp_rows(gp, start, start + PANEL, height);
        if (i + 1 == f->count) {
            ek_buf_puts(gp, "set xlabel 'training step' offset 0, 0.4\n");
        }
        put_panel(data, f, i, draft);
        ek__gp_legend_end(gp, entries);
    }
    ek_buf_puts(gp, "unset multiplot\n");
}

static void put_words(const ek_figure_data *data, const figure *f, ek_figure_draft *draft)
{
    bool two = f->count == 2, thinned = false;
    ek_buf_printf(&draft->title, "Gradient norms by layer%s",
                  two ? ": a failed run against a successful one" : "");
    ek_buf_puts(
        &draft->caption,
        "L2 norm of the gradient of all parameters of a layer, before clipping, at the "
        "logged steps; logarithmic axis. Drawn are, of the runs with logged gradients, the ");
    for (size_t i = 0; i < f->count; i++) {
        const ek_figure_run *run = f->panels[i].run;
        ek_buf_printf(&draft->caption,
                      "%s%s run with the median score (%s, seed %u, run %lld, %.1f%s)",
                      i ? " and the " : "", run->failed ? "failed" : "successful",
                      data->labels[run->group], run->row->seed, (long long)run->row->id,
                      data->scale * run->row->score, *data->unit ? " %" : "");
        thinned = thinned || f->panels[i].count > EK_FIGURE_POINTS;
    }
    ek_buf_puts(&draft->caption,
                two ? "." : ": one panel only, since no other outcome was logged.");
    ek_buf_puts(&draft->caption, " In failed runs Mosbach et al. (2021) saw gradients vanish "
                                 "in all layers but the last ones.");
    if (thinned) {
        ek_buf_printf(
            &draft->caption,
            " Series of more than %d values are thinned to evenly spaced ones and the last.",
            EK_FIGURE_POINTS);
    }
    ek__figure_failed_note(data, &draft->caption);
    ek_buf_puts(&draft->alt, "Gradient norms of layers against training step, logarithmic axis.");
    for (size_t i = 0; i < f->count; i++) {
        const ek_figure_run *run = f->panels[i].run;
        const double *first = f->panels[i].norms[1];
        if (first && f->panels[i].count > 0) {
            ek_buf_printf(&draft->alt,
                          " %s run of %s: the first layer's norm goes from %.2g to %.2g.",
                          run->failed ? "Failed" : "Successful", data->labels[run->group], first[0],
                          first[f->panels[i].count - 1]);
        }
    }
}

static ek_status make(const ek_figure_data *data, figure *f, ek_figure_draft *draft, ek_error *err)
{
    bool any = false;
    for (size_t i = 0; i < f->count; i++) {
        EK_TRY(load_panel(f, &f->panels[i], err));
        any = any || f->panels[i].count > 0;
    }
    if (!any) {
        return EK_OK;
    }
    ek_buf_puts(&draft->tsv, "step\tnorm\tfailed\tlayer\tseed\trun\tgroup\n");
    for (size_t i = 0; i < f->count; i++) {
        for (size_t line = 0; line < LAYERS; line++) {
            put_line(f, &f->panels[i], line, &draft->tsv);
        }
    }
    put_plot(data, f, draft);
    put_words(data, f, draft);
    draft->drawn = true;
    return EK_OK;
}

ek_status ek__figure_gradient_norms(const ek_figure_data *data, ek_figure_draft *draft,
                                    ek_error *err)
{
    figure f = {.count = 0};
    ek_gradient_source sources[2];
    ek_status status = ek__gradient_sources_open(data, sources, &f.count, err);
    for (size_t i = 0; i < f.count; i++) {
        f.panels[i].run = sources[i].run;
        f.panels[i].source = &sources[i];
    }
    if (status == EK_OK) {
        status = make(data, &f, draft, err);
    }
    ek__gradient_sources_close(sources);
    panel_free(&f.panels[0]);
    panel_free(&f.panels[1]);
    return status;
}
