/* What seeds do: where runs of a group disagree, what the best of several is worth, and which seed
 * the spread comes from. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/figure_draft.h"
#include "stats/predictions.h"
#include "stats/seeds.h"

static ek_status no_memory(ek_error *err)
{
    return ek_error_set(err, EK_E_MEMORY, "no memory for the figures of seeds");
}

/* The finite scores of a group's done runs, as shown. out: [run_count] */
static size_t scores_of(const ek_figure_data *data, size_t group, double *out)
{
    size_t n = 0;
    for (size_t i = 0; i < data->run_count; i++) {
        if (data->runs[i].group == group && isfinite(data->runs[i].row->score)) {
            out[n++] = data->scale * data->runs[i].row->score;
        }
    }
    return n;
}

/* ---- expected best --------------------------------------------------------------------------- */

enum { BEST_PANEL = 260, BEST_BOTTOM = 58, BEST_GROUPS = 12 };

static const int best_dashes[] = {1, 2, 3}; /* after all colours, the next dash */

typedef struct {
    size_t groups[BEST_GROUPS];
    size_t count, most_runs;
    double low, high;
} best_figure;

/* Whole numbers from 1 to n, all of them up to a few hundred, then evenly by ratio. */
static size_t next_k(size_t k, size_t n)
{
    size_t step = n <= EK_FIGURE_POINTS ? 1 : 1 + k * 8 / EK_FIGURE_POINTS;
    return k == n ? n + 1 : k + step < n ? k + step : n;
}

static void put_best_group(const ek_figure_data *data, best_figure *f, size_t group,
                           const double *scores, size_t n, ek_buf *tsv)
{
    for (size_t k = 1; k <= n; k = next_k(k, n)) {
        double best = ek_expected_best(scores, n, k);
        f->low = fmin(f->low, best);
        f->high = fmax(f->high, best);
        ek_buf_printf(tsv, "%zu\t", k);
        ek__figure_number(tsv, best);
        ek_buf_printf(tsv, "\t%zu\t", n);
        ek__figure_line(tsv, data->table->rows[group].group, 0);
        ek_buf_putc(tsv, '\n');
    }
    ek_buf_puts(tsv, "\n\n");
    f->groups[f->count++] = group;
    f->most_runs = n > f->most_runs ? n : f->most_runs;
}

static size_t make_best_legend(const ek_figure_data *data, const best_figure *f,
                               ek_legend_entry *legend)
{
    for (size_t i = 0; i < f->count; i++) {
        legend[i] = (ek_legend_entry){.title = data->labels[f->groups[i]],
                                      .color = ek__figure_colors[i % EK_FIGURE_COLORS],
                                      .point = ek__figure_points[i % EK_FIGURE_COLORS],
                                      .line = 2.5,
                                      .dash = best_dashes[i / EK_FIGURE_COLORS]};
    }
    return f->count;
}

static void put_best_plot(const ek_figure_data *data, const best_figure *f, ek_figure_draft *draft)
{
    ek_legend_entry legend[BEST_GROUPS];
    size_t entries = make_best_legend(data, f, legend);
    double top = 18 + EK_LEGEND_ROW * ek__gp_legend(NULL, legend, entries, 1);
    double height = top + BEST_PANEL + BEST_BOTTOM;
    ek__gp_begin(draft, EK_FIGURE_WIDTH, (int)height);
    ek_buf *gp = &draft->gp;
    ek__gp_rows(gp, top, top + BEST_PANEL, height);
    ek__gp_legend(gp, legend, entries, height);
    double room = f->high > f->low ? 0.05 * (f->high - f->low) : 1;
    ek__gp_axis(gp, 'y', f->low - room, f->high + room, 7);
    if (f->most_runs > 20) {
        ek_buf_printf(gp, "set logscale x\nset xrange [1:%zu]\n", f->most_runs);
        ek__gp_log_ticks(gp, 'x', 1, (double)f->most_runs);
    } else {
        ek_buf_printf(gp, "set xrange [1:%zu]\nset xtics 1, %d\n", f->most_runs,
                      f->most_runs > 10 ? 2 : 1);
    }
    ek_buf label = {0};
    ek_buf_printf(&label, "expected best %s%s", data->table->facts.reported, data->unit);
    ek_buf_puts(gp, "set lmargin 9\nset rmargin 3\nset xlabel 'runs tried' offset 0, 0.4\n"
                    "set ylabel noenhanced ");
    ek__gp_string(gp, ek_buf_text(&label));
    gp->failed = gp->failed || label.failed;
    ek_buf_deinit(&label);
    ek_buf_puts(gp, " offset 0.5, 0\nplot ");
    for (size_t i = 0; i < f->count; i++) {
        ek_buf_printf(gp,
                      "%s'%s.tsv' skip 1 index %zu using 1:2 with linespoints lw 2.5 dt %d pt %d "
                      "ps 0.7 pointinterval %zu lc rgb '%s'",
                      i ? ", \\\n    " : "", draft->id, i, legend[i].dash, legend[i].point,
                      f->most_runs / 12 + 1, legend[i].color);
    }
    ek_buf_puts(gp, "\n");
}

static void put_best_words(const ek_figure_data *data, const best_figure *f, ek_figure_draft *draft)
{
    const ek_study_facts *facts = &data->table->facts;
    ek_buf_puts(&draft->title, "Expected best of several runs");
    ek_buf_printf(&draft->caption,
                  "Expected highest final %s on the %s split%s when k of a group's runs are drawn "
                  "without replacement (unbiased; Dodge et al. 2021), for k from 1 to all n of "
                  "them; failed runs count. It is the score of a run picked by the split it is "
                  "reported on, which is optimistic: use it to compare budgets, not to report.",
                  facts->reported, facts->split, *data->unit ? ", in percent," : "");
    if (f->most_runs > 20) {
        ek_buf_puts(&draft->caption, " The axis of k is logarithmic.");
    }
    ek_buf_puts(&draft->caption, " Runs:");
    ek_buf_printf(&draft->alt, "Expected best %s of k runs.", facts->reported);
    double *scores = ek_calloc(data->run_count, sizeof *scores);
    for (size_t i = 0; scores && i < f->count; i++) {
        size_t n = scores_of(data, f->groups[i], scores);
        ek_buf_printf(&draft->caption, "%s %s n = %zu", i ? "," : "", data->labels[f->groups[i]],
                      n);
        ek_buf_printf(&draft->alt, " %s: %.1f for one run, %.1f for the best of %zu.",
                      data->labels[f->groups[i]], ek_expected_best(scores, n, 1),
                      ek_expected_best(scores, n, n), n);
    }
    draft->caption.failed = draft->caption.failed || !scores;
    ek_free(scores);
    ek_buf_putc(&draft->caption, '.');
    if (f->count < data->table->count) {
        ek_buf_printf(&draft->caption,
                      " %zu of %zu groups are drawn (two runs or more, at most %d groups).",
                      f->count, data->table->count, BEST_GROUPS);
    }
}

ek_status ek__figure_expected_best(const ek_figure_data *data, ek_figure_draft *draft,
                                   ek_error *err)
{
    if (data->scale == 1) {
        return EK_OK; /* of an error the lowest is the best, and the formula is of the highest */
    }
    double *scores = ek_calloc(data->run_count, sizeof *scores);
    if (!scores) {
        return no_memory(err);
    }
    best_figure f = {.low = (double)NAN, .high = (double)NAN};
    ek_buf_puts(&draft->tsv, "k\texpected_best\tn\tgroup\n");
    for (size_t g = 0; g < data->table->count && f.count < BEST_GROUPS; g++) {
        size_t n = scores_of(data, g, scores);
        if (n >= 2) {
            put_best_group(data, &f, g, scores, n, &draft->tsv);
        }
    }
    ek_free(scores);
    if (f.count > 0) {
        put_best_plot(data, &f, draft);
        put_best_words(data, &f, draft);
        draft->drawn = true;
    }
    return EK_OK;
}

/* ---- disagreement ---------------------------------------------------------------------------- */

enum {
    MATRICES = 2,
    MATRIX_RUNS = 25,
    MATRIX_TOP = 40,
    MATRIX_NAME = 26,
    MATRIX_SIDE = 300,
    MATRIX_LEFT = 64,
    MATRIX_BETWEEN = 40,
    MATRIX_BOTTOM = 58,
    SHADES = 6
};

typedef struct {
    size_t group, n, examples;
    const ek_figure_run *runs[MATRIX_RUNS]; /* by score */
    double churn[MATRIX_RUNS][MATRIX_RUNS];
    double mean;
    bool by_run; /* several runs share a seed (a product of seeds): their ids name them */
} matrix;

static const ek_figure_run *find_run(const ek_figure_data *data, int64_t id)
{
    for (size_t i = 0; i < data->run_count; i++) {
        if (data->runs[i].row->id == id) {
            return &data->runs[i];
        }
    }
    return NULL;
}

/* Runs in order of score, so that failed ones stand together. */
static void order_runs(const ek_figure_data *data, const ek_stored_predictions *p, matrix *m,
                       size_t order[MATRIX_RUNS])
{
    for (size_t i = 0; i < p->run_count; i++) {
        const ek_figure_run *run = find_run(data, p->runs[i]);
        if (!run) {
            continue;
        }
        size_t at = m->n++;
        for (; at > 0 && m->runs[at - 1]->row->score > run->row->score; at--) {
            m->runs[at] = m->runs[at - 1];
            order[at] = order[at - 1];
        }
        m->runs[at] = run;
        order[at] = i;
    }
}

static void fill_matrix(const ek_figure_data *data, const ek_stored_predictions *p, matrix *m)
{
    double churn[MATRIX_RUNS * MATRIX_RUNS];
    size_t order[MATRIX_RUNS];
    const ek_prediction_matrix input = {.runs = p->run_count,
                                        .examples = p->example_count,
                                        .label_count = (size_t)p->label_count,
                                        .labels = p->labels};
    ek_churn_matrix(&input, churn);
    m->examples = p->example_count;
    order_runs(data, p, m, order);
    for (size_t i = 0; i < m->n; i++) {
        for (size_t k = 0; k < m->n; k++) {
            m->churn[i][k] = churn[order[i] * p->run_count + order[k]];
            m->mean += i < k ? m->churn[i][k] : 0;
        }
    }
    for (size_t i = 0; i < m->n; i++) {
        for (size_t k = 0; k < i; k++) {
            m->by_run = m->by_run || m->runs[i]->row->seed == m->runs[k]->row->seed;
        }
    }
    m->mean /= 0.5 * (double)(m->n * (m->n - 1));
}

static ek_status load_matrices(const ek_figure_data *data, matrix *all, size_t *count,
                               ek_error *err)
{
    *count = 0;
    for (size_t g = 0; g < data->table->count && *count < MATRICES; g++) {
        ek_stored_predictions p = {0};
        EK_TRY(ek_store_predictions(data->store, data->table->rows[g].group, MATRIX_RUNS, &p, err));
        if (p.run_count >= 2 && p.run_count <= MATRIX_RUNS && p.example_count > 0 &&
            p.label_count > 1) {
            all[*count] = (matrix){.group = g};
            fill_matrix(data, &p, &all[(*count)++]);
        }
        ek_stored_predictions_free(&p);
    }
    return EK_OK;
}

static double most_churn(const matrix *all, size_t count)
{
    double most = 0;
    for (size_t m = 0; m < count; m++) {
        for (size_t i = 0; i < all[m].n; i++) {
            for (size_t k = 0; k < i; k++) {
                most = fmax(most, all[m].churn[i][k]);
            }
        }
    }
    return most;
}

/* Cells below the diagonal, then the diagonal, which only names the outcome. */
static void put_matrix(const ek_figure_data *data, const matrix *m, ek_buf *tsv)
{
    const char *group = data->table->rows[m->group].group;
    for (int diagonal = 0; diagonal < 2; diagonal++) {
        for (size_t i = 0; i < m->n; i++) {
            for (size_t k = diagonal ? i : 0; k < (diagonal ? i + 1 : i); k++) {
                ek_buf_printf(tsv, "%zu\t%zu\t", k, i);
                ek__figure_number(tsv, 100 * m->churn[i][k]);
                ek_buf_printf(tsv, "\t%d\t%u\t%u\t%lld\t%lld\t", m->runs[i]->failed,
                              m->runs[k]->row->seed, m->runs[i]->row->seed,
                              (long long)m->runs[k]->row->id, (long long)m->runs[i]->row->id);
                ek__figure_line(tsv, group, 0);
                ek_buf_putc(tsv, '\n');
            }
        }
        ek_buf_puts(tsv, "\n\n");
    }
}

static void put_seed_ticks(const matrix *m, ek_buf *gp)
{
    size_t every = (m->n + 12) / 13;
    for (int axis = 'x'; axis <= 'y'; axis++) {
        ek_buf_printf(gp, "set %ctics scale 0 (", axis);
        for (size_t i = 0; i < m->n; i += every) {
            const ek_run_row *row = m->runs[i]->row;
            ek_buf_printf(gp, "%s'%lld' %zu", i ? ", " : "",
                          m->by_run ? (long long)row->id : (long long)row->seed, i);
        }
        ek_buf_puts(gp, ")\n");
    }
    ek_buf_printf(gp, "set xrange [-0.5:%zu.5]\nset yrange [%zu.5:-0.5]\n", m->n - 1, m->n - 1);
}

/* Shades from nothing to the colour, along the right side. */
static void put_scale(double most, double height, ek_buf *gp)
{
    double left = MATRIX_LEFT + MATRIX_SIDE + 40;
    ek_buf_printf(gp, "set label 2 'labels differ' at screen %.4f, %.4f left\n",
                  left / EK_FIGURE_WIDTH, 1 - (MATRIX_TOP + MATRIX_NAME + 8) / height);
    for (int i = 0; i < SHADES; i++) {
        double top = MATRIX_TOP + MATRIX_NAME + 24 + 22 * i, share = i / (double)(SHADES - 1);
        ek_buf_printf(gp,
                      "set object %d rectangle from screen %.4f, %.4f to screen %.4f, %.4f fs "
                      "solid border lc rgb '#808080' fc rgb '#%02x%s'\n",
                      i + 1, left / EK_FIGURE_WIDTH, 1 - top / height,
                      (left + 26) / EK_FIGURE_WIDTH, 1 - (top + 22) / height,
                      (unsigned)lround(255 * (1 - share)), EK_RGB_OK);
        ek_buf_printf(gp, "set label %d '%.1f %%' at screen %.4f, %.4f left\n", i + 3,
                      100 * most * share, (left + 34) / EK_FIGURE_WIDTH, 1 - (top + 11) / height);
    }
}

static void end_scale(ek_buf *gp)
{
    ek_buf_puts(gp, "unset label 2\n");
    for (int i = 0; i < SHADES; i++) {
        ek_buf_printf(gp, "unset object %d\nunset label %d\n", i + 1, i + 3);
    }
}

static void put_matrix_plot(const ek_figure_data *data, const matrix *all, size_t count,
                            ek_figure_draft *draft)
{
    const ek_legend_entry legend[] = {
        {.title = "successful run", .color = "black", .point = EK_POINT_OK},
        {.title = "failed run", .color = EK_COLOR_FAILED, .point = EK_POINT_FAILED},
    };
    double most = most_churn(all, count);
    double height = MATRIX_TOP + (double)count * (MATRIX_NAME + MATRIX_SIDE) +
                    (double)(count - 1) * MATRIX_BETWEEN + MATRIX_BOTTOM;
    ek__gp_begin(draft, EK_FIGURE_WIDTH, (int)height);
    ek_buf *gp = &draft->gp;
    ek_buf_printf(gp,
                  "unset grid\nset border 0\nset lmargin at screen %.4f\nset rmargin at screen "
                  "%.4f\nset ylabel 'seed' offset 1, 0\nmost = %.6g\n"
                  "shade(x) = (int(255.5 - 255 * x / most) << 24) + 0x" EK_RGB_OK "\n",
                  MATRIX_LEFT / (double)EK_FIGURE_WIDTH,
                  (MATRIX_LEFT + MATRIX_SIDE) / (double)EK_FIGURE_WIDTH, most > 0 ? 100 * most : 1);
    ek__gp_legend(gp, legend, 2, height);
    put_scale(most, height, gp);
    ek_buf_puts(gp, "set multiplot\n");
    for (size_t i = 0; i < count; i++) {
        double top =
            MATRIX_TOP + MATRIX_NAME + (double)i * (MATRIX_NAME + MATRIX_SIDE + MATRIX_BETWEEN);
        ek__gp_rows(gp, top, top + MATRIX_SIDE, height);
        ek__gp_panel_name(gp, data->labels[all[i].group]);
        put_seed_ticks(&all[i], gp);
        ek_buf_printf(gp, "set ylabel '%s' offset 1, 0\n", all[i].by_run ? "run" : "seed");
        if (i + 1 == count) {
            ek_buf_printf(gp, "set xlabel '%s' offset 0, 0.4\n", all[i].by_run ? "run" : "seed");
        }
        double size = all[i].n > 12 ? 0.5 : 0.8;
        ek_buf_printf(gp,
                      "plot '%s.tsv' skip 1 index %zu using 1:2:($1-0.46):($1+0.46):($2-0.46):"
                      "($2+0.46):(shade($3)) with boxxyerror fs solid border lc rgb '#808080' lw "
                      "0.5 lc rgb variable, \\\n"
                      "    '' skip 1 index %zu using 1:($4 == 0 ? $2 : NaN) with points pt %d ps "
                      "%.1f lc rgb 'black', \\\n"
                      "    '' skip 1 index %zu using 1:($4 == 1 ? $2 : NaN) with points pt %d ps "
                      "%.1f lc rgb '" EK_COLOR_FAILED "'\n",
                      draft->id, 2 * i, 2 * i + 1, EK_POINT_OK, size, 2 * i + 1, EK_POINT_FAILED,
                      size);
        if (i == 0) {
            ek__gp_legend_end(gp, 2);
            end_scale(gp);
        }
    }
    ek_buf_puts(gp, "unset multiplot\n");
}

static void put_matrix_words(const ek_figure_data *data, const matrix *all, size_t count,
                             ek_figure_draft *draft)
{
    ek_buf_puts(&draft->title, "Disagreement between seeds");
    ek_buf_printf(&draft->caption,
                  "Share of the %zu examples of the %s split that two runs of a group label "
                  "differently, in percent. Runs stand in order of their score, lowest first, and "
                  "are named by their %s; the mark on the diagonal says whether a run failed.",
                  all[0].examples, data->table->facts.split,
                  all[0].by_run ? "number, since several share a seed" : "seed");
    ek_buf_puts(&draft->alt, "Matrix of disagreement between seeds.");
    for (size_t i = 0; i < count; i++) {
        size_t done = ek__figure_count(data, all[i].group, false) +
                      ek__figure_count(data, all[i].group, true);
        ek_buf_printf(&draft->caption, " %s: %zu of %zu runs, on average %.1f %% of the examples.",
                      data->labels[all[i].group], all[i].n, done, 100 * all[i].mean);
        ek_buf_printf(&draft->alt, " %s: on average %.1f %% of the examples.",
                      data->labels[all[i].group], 100 * all[i].mean);
    }
    if (count < data->table->count) {
        ek_buf_printf(&draft->caption, " %zu of %zu groups are drawn.", count, data->table->count);
    }
    ek__figure_failed_note(data, &draft->caption);
}

ek_status ek__figure_disagreement(const ek_figure_data *data, ek_figure_draft *draft, ek_error *err)
{
    matrix *all = ek_calloc(MATRICES, sizeof *all);
    size_t count = 0;
    if (!all) {
        return no_memory(err);
    }
    ek_status status = load_matrices(data, all, &count, err);
    if (status == EK_OK && count > 0) {
        ek_buf_puts(&draft->tsv, "column\trow\tdifferent_percent\trow_failed\tcolumn_seed\t"
                                 "row_seed\tcolumn_run\trow_run\tgroup\n");
        for (size_t i = 0; i < count; i++) {
            put_matrix(data, &all[i], &draft->tsv);
        }
        put_matrix_plot(data, all, count, draft);
        put_matrix_words(data, all, count, draft);
        draft->drawn = true;
    }
    ek_free(all);
    return status;
}

/* ---- variance by source ---------------------------------------------------------------------- */

enum { SOURCE_GROUPS = 6, SOURCES = 3, SOURCE_ROW = 96, SOURCE_TOP = 20, SOURCE_BOTTOM = 58 };

static const char *const source_names[SOURCES] = {"init", "order", "rest"};

typedef struct {
    size_t group, inits, orders;
    double variance[SOURCES];
    bool floored[SOURCES];
} source_row;

/* The place of seed among seeds[*count], added when it is new. */
static size_t place_of(uint32_t *seeds, size_t *count, uint32_t seed)
{
    for (size_t i = 0; i < *count; i++) {
        if (seeds[i] == seed) {
            return i;
        }
    }
    seeds[*count] = seed;
    return (*count)++;
}

/* True when the group's runs are every initialisation with every order, once each. grid: room for
 * run_count scores; inits and orders likewise. */
static bool fill_grid(const ek_figure_data *data, size_t group, double *grid, uint32_t *inits,
                      uint32_t *orders, source_row *out)
{
    size_t n = 0;
    *out = (source_row){.group = group};
    for (size_t i = 0; i < data->run_count; i++) {
        if (data->runs[i].group == group) {
            place_of(inits, &out->inits, data->runs[i].row->seeds.init);
            place_of(orders, &out->orders, data->runs[i].row->seeds.order);
            n++;
        }
    }
    if (out->inits < 2 || out->orders < 2 || out->inits * out->orders != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        grid[i] = (double)NAN;
    }
    for (size_t i = 0; i < data->run_count; i++) {
        const ek_run_row *row = data->runs[i].row;
        if (data->runs[i].group == group) {
            size_t init = place_of(inits, &out->inits, row->seeds.init);
            size_t order = place_of(orders, &out->orders, row->seeds.order);
            grid[init * out->orders + order] = data->scale * row->score;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(grid[i])) {
            return false;
        }
    }
    return true;
}

static ek_status find_sources(const ek_figure_data *data, source_row *rows, size_t *count,
                              ek_error *err)
{
    double *grid = ek_calloc(data->run_count, sizeof *grid);
    uint32_t *inits = ek_calloc(data->run_count, sizeof *inits);
    uint32_t *orders = ek_calloc(data->run_count, sizeof *orders);
    *count = 0;
    for (size_t g = 0; grid && inits && orders && g < data->table->count && *count < SOURCE_GROUPS;
         g++) {
        source_row *row = &rows[*count];
        if (fill_grid(data, g, grid, inits, orders, row)) {
            ek_variance_components c = ek_variance_components_of(grid, row->inits, row->orders);
            row->variance[0] = c.init;
            row->variance[1] = c.order;
            row->variance[2] = c.rest;
            row->floored[0] = c.init_floored;
            row->floored[1] = c.order_floored;
            ++*count;
        }
    }
    bool lost = !grid || !inits || !orders;
    ek_free(grid);
    ek_free(inits);
    ek_free(orders);
    return lost ? no_memory(err) : EK_OK;
}

static void put_source_data(const ek_figure_data *data, const source_row *rows, size_t count,
                            ek_buf *tsv)
{
    ek_buf_puts(tsv, "row\tvariance\tsource_number\tfloored\tsource\tgroup\n");
    for (size_t i = 0; i < count; i++) {
        for (size_t s = 0; s < SOURCES; s++) {
            ek_buf_printf(tsv, "%.2f\t", (double)i + 0.27 * ((double)s - 1));
            ek__figure_number(tsv, rows[i].variance[s]);
            ek_buf_printf(tsv, "\t%zu\t%d\t%s\t", s, rows[i].floored[s], source_names[s]);
            ek__figure_line(tsv, data->table->rows[rows[i].group].group, 0);
            ek_buf_putc(tsv, '\n');
        }
    }
}

static void put_source_plot(const ek_figure_data *data, const source_row *rows, size_t count,
                            ek_figure_draft *draft)
{
    static const char *const titles[SOURCES] = {"initialisation", "order of the data",
                                                "everything else"};
    ek_legend_entry legend[SOURCES];
    for (size_t s = 0; s < SOURCES; s++) {
        legend[s] = (ek_legend_entry){
            .title = titles[s], .color = ek__figure_colors[s], .line = 8, .dash = 1};
    }
    double top = SOURCE_TOP + EK_LEGEND_ROW * ek__gp_legend(NULL, legend, SOURCES, 1);
    double bottom = top + (double)count * SOURCE_ROW, most = 0;
    ek__gp_begin(draft, EK_FIGURE_WIDTH, (int)bottom + SOURCE_BOTTOM);
    ek_buf *gp = &draft->gp;
    ek__gp_rows(gp, top, bottom, bottom + SOURCE_BOTTOM);
    ek__gp_legend(gp, legend, SOURCES, bottom + SOURCE_BOTTOM);
    size_t widest = 4;
    ek_buf_puts(gp, "set border 1\nset ytics scale 0 (");
    for (size_t i = 0; i < count; i++) {
        size_t columns = ek__figure_columns(data->labels[rows[i].group]);
        widest = columns > widest ? columns : widest;
        ek_buf_puts(gp, i ? ", " : "");
        ek__gp_string(gp, data->labels[rows[i].group]);
        ek_buf_printf(gp, " %zu", i);
        for (size_t s = 0; s < SOURCES; s++) {
            most = fmax(most, rows[i].variance[s]);
        }
    }
    ek_buf_printf(gp,
                  ")\nset lmargin %zu\nset rmargin 3\nset grid x\nset yrange [%zu.5:-0.5]\n"
                  "set xlabel 'variance of the score (%s)' offset 0, 0.4\n",
                  widest + 2, count - 1,
                  *data->unit ? "squared percentage points" : "squared units");
    ek__gp_axis(gp, 'x', 0, most * 1.05, 6);
    ek_buf_puts(gp, "plot ");
    for (size_t s = 0; s < SOURCES; s++) {
        ek_buf_printf(gp,
                      "%s'%s.tsv' skip 1 using ($3 == %zu ? $2 / 2 : NaN):1:(0):2:($1-0.11):"
                      "($1+0.11) with boxxyerror fs solid noborder lc rgb '%s'",
                      s ? ", \\\n    " : "", draft->id, s, ek__figure_colors[s]);
    }
    ek_buf_puts(gp, "\n");
}

static void put_source_words(const ek_figure_data *data, const source_row *rows, size_t count,
                             ek_figure_draft *draft)
{
    bool floored = false;
    ek_buf_puts(&draft->title, "Where the spread comes from");
    ek_buf_printf(&draft->caption,
                  "Variance components of the final %s (two-way random effects, one run a cell; "
                  "Dodge et al. 2020), of groups whose runs are every initialisation with every "
                  "order of the data; failed runs count. Everything else is dropout, interaction "
                  "and noise.",
                  data->table->facts.reported);
    ek_buf_puts(&draft->alt, "Variance of the score by source.");
    for (size_t i = 0; i < count; i++) {
        const source_row *row = &rows[i];
        ek_buf_printf(&draft->caption, " %s: %zu initialisations, %zu orders, n = %zu.",
                      data->labels[row->group], row->inits, row->orders, row->inits * row->orders);
        ek_buf_printf(&draft->alt, " %s: initialisation %.3g, order %.3g, everything else %.3g.",
                      data->labels[row->group], row->variance[0], row->variance[1],
                      row->variance[2]);
        floored = floored || row->floored[0] || row->floored[1];
    }
    if (floored) {
        ek_buf_puts(&draft->caption, " Estimates below 0 are shown as 0.");
    }
}

ek_status ek__figure_variance_by_source(const ek_figure_data *data, ek_figure_draft *draft,
                                        ek_error *err)
{
    source_row rows[SOURCE_GROUPS];
    size_t count;
    EK_TRY(find_sources(data, rows, &count, err));
    if (count > 0) {
        put_source_data(data, rows, count, &draft->tsv);
        put_source_plot(data, rows, count, draft);
        put_source_words(data, rows, count, draft);
        draft->drawn = true;
    }
    return EK_OK;
}
