/* The final score of every run: a row a group, box above, points below. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/figure_draft.h"
#include "stats/summary.h"

enum { MOST_POINTS = 200, TOP = 54, BOTTOM = 58 };

typedef struct {
    double low, q1, median, q3, high; /* whiskers: the last run within 1.5 of the box's length */
} box;

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* sorted[n], n > 0 */
static box box_of(const double *sorted, size_t n)
{
    box b = {.q1 = ek_quantile(sorted, n, 0.25),
             .median = ek_quantile(sorted, n, 0.5),
             .q3 = ek_quantile(sorted, n, 0.75)};
    double reach = 1.5 * (b.q3 - b.q1);
    b.low = b.q1;
    b.high = b.q3;
    for (size_t i = n; i-- > 0;) {
        b.low = sorted[i] >= b.q1 - reach && sorted[i] < b.low ? sorted[i] : b.low;
    }
    for (size_t i = 0; i < n; i++) {
        b.high = sorted[i] <= b.q3 + reach && sorted[i] > b.high ? sorted[i] : b.high;
    }
    return b;
}

/* 0, 1/2, 1/4, 3/4, ...: spreads points without a random number. */
static double spread(size_t i)
{
    double value = 0, place = 0.5;
    for (; i > 0; i >>= 1, place /= 2) {
        value += (double)(i & 1) * place;
    }
    return value;
}

static int by_score(const void *a, const void *b)
{
    const ek_figure_run *x = *(const ek_figure_run *const *)a,
                        *y = *(const ek_figure_run *const *)b;
    int order = (x->row->score > y->row->score) - (x->row->score < y->row->score);
    return order ? order : (x->row->id > y->row->id) - (x->row->id < y->row->id);
}

/* The points of one group, in order of score, so that a sample by place keeps the distribution. */
static void put_points(const ek_figure_data *data, const ek_figure_run **runs, size_t n, size_t row,
                       ek_buf *tsv)
{
    size_t drawn = 0;
    for (size_t i = 0; i < n; i++) {
        bool draw = n <= MOST_POINTS || i == 0 || i * MOST_POINTS / n != (i - 1) * MOST_POINTS / n;
        ek__figure_number(tsv, data->scale * runs[i]->row->score);
        ek_buf_printf(tsv, "\t%.4f\t%d\t%d\t%u\t%lld\t%s\t",
                      (double)row + 0.08 + 0.26 * spread(drawn + 1), runs[i]->failed, draw,
                      runs[i]->row->seed, (long long)runs[i]->row->id,
                      ek_outcome_name(runs[i]->row->outcome));
        ek__figure_line(tsv, runs[i]->row->group, 0);
        ek_buf_putc(tsv, '\n');
        drawn += draw;
    }
}

static void put_box(const ek_figure_data *data, const ek_figure_run **runs, double *scores,
                    size_t n, size_t row, ek_buf *gp)
{
    size_t finite = 0;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(runs[i]->row->score)) {
            scores[finite++] = data->scale * runs[i]->row->score;
        }
    }
    if (finite == 0) {
        return;
    }
    qsort(scores, finite, sizeof *scores, compare);
    box b = box_of(scores, finite);
    ek_buf_printf(gp, "%zu\t%.7g\t%.7g\t%.7g\t%.7g\t%.7g\n", row, b.low, b.q1, b.median, b.q3,
                  b.high);
}

/* Fills the data and the boxes of the script; *sampled when some points are not drawn. */
static ek_status put_groups(const ek_figure_data *data, ek_figure_draft *draft, bool *sampled,
                            ek_error *err)
{
    const ek_figure_run **runs = ek_calloc(data->run_count, sizeof *runs);
    double *scores = ek_calloc(data->run_count, sizeof *scores);
    if (!runs || !scores) {
        ek_free(runs);
        ek_free(scores);
        return ek_error_set(err, EK_E_MEMORY, "no memory for the figure of scores");
    }
    ek_buf_puts(&draft->tsv, "score\ty\tfailed\tdrawn\tseed\trun\toutcome\tgroup\n");
    ek_buf_puts(&draft->gp, "# row, lower whisker, quartile, median, quartile, upper whisker\n"
                            "$boxes << END\n");
    for (size_t g = 0; g < data->table->count; g++) {
        size_t n = 0;
        for (size_t i = 0; i < data->run_count; i++) {
            if (data->runs[i].group == g) {
                runs[n++] = &data->runs[i];
            }
        }
        qsort(runs, n, sizeof *runs, by_score);
        put_points(data, runs, n, g, &draft->tsv);
        put_box(data, runs, scores, n, g, &draft->gp);
        *sampled = *sampled || n > MOST_POINTS;
    }
    ek_buf_puts(&draft->gp, "END\n");
    ek_free(runs);
    ek_free(scores);
    return EK_OK;
}

/* Left and right end of the axis: all scores and the baseline, with room beside them. */
static void range_of(const ek_figure_data *data, double *low, double *high)
{
    double baseline = data->scale * data->table->facts.baseline;
    *low = *high = isfinite(baseline) ? baseline : (double)NAN;
    for (size_t i = 0; i < data->run_count; i++) {
        double score = data->scale * data->runs[i].row->score;
        if (isfinite(score)) {
            *low = !(*low <= score) ? score : *low;
            *high = !(*high >= score) ? score : *high;
        }
    }
    double room = *high > *low ? 0.04 * (*high - *low) : 0.01 * data->scale;
    *low -= room;
    *high += room;
}

static void put_rows(const ek_figure_data *data, ek_buf *gp)
{
    size_t widest = 4;
    ek_buf_puts(gp, "set ytics scale 0 (");
    for (size_t g = 0; g < data->table->count; g++) {
        size_t columns = ek__figure_columns(data->labels[g]);
        widest = columns > widest ? columns : widest;
        ek_buf_puts(gp, g ? ", " : "");
        ek__gp_string(gp, data->labels[g]);
        ek_buf_printf(gp, " %zu", g);
    }
    ek_buf_printf(gp, ")\nset lmargin %zu\nset rmargin 8\n", widest + 2);
    ek_buf_puts(gp, "set label 'failed' at graph 1.0, graph 1.0 right offset 7, 0.5\n");
    for (size_t g = 0; g < data->table->count; g++) {
        const ek_summary *s = &data->table->rows[g].summary;
        ek_buf_printf(gp, "set label '%zu/%zu' at graph 1.0, first %zu right offset 7, 0\n",
                      s->failed, s->n, g);
    }
}

static void put_plot(const ek_figure_data *data, ek_buf *gp, int height)
{
    double low, high, baseline = data->scale * data->table->facts.baseline;
    range_of(data, &low, &high);
    ek_buf_puts(gp, "set border 1\nset xlabel noenhanced ");
    ek_buf label = {0};
    ek__figure_score_label(data, &label);
    ek__gp_string(gp, ek_buf_text(&label));
    gp->failed = gp->failed || label.failed;
    ek_buf_deinit(&label);
    ek_buf_printf(gp, " offset 0, 0.4\nset yrange [%zu.5:-0.5]\nset grid x\n",
                  data->table->count - 1);
    ek__gp_axis(gp, 'x', low, high, 6);
    if (isfinite(baseline)) {
        ek_buf_printf(gp,
                      "set arrow from first %.7g, graph 0 to first %.7g, graph 1 nohead lw 1.5 "
                      "dt 2 lc rgb 'black'\n",
                      baseline, baseline);
    }
    const ek_legend_entry legend[] = {
        {.title = "successful run", .color = EK_COLOR_OK, .point = EK_POINT_OK},
        {.title = "failed run", .color = EK_COLOR_FAILED, .point = EK_POINT_FAILED},
        {.title = "most frequent label", .color = "black", .line = 1.5, .dash = 2},
    };
    ek__gp_legend(gp, legend, isfinite(baseline) ? 3 : 2, height);
    ek_buf_puts(gp, "plot $boxes using 4:($1-0.16):3:5:($1-0.30):($1-0.02) with boxxyerror lc rgb "
                    "'#808080' fs transparent solid 0.2 border lc rgb '#808080', \\\n"
                    "    '' using 2:($1-0.16):($3-$2):(0) with vectors nohead lw 1.5 lc rgb "
                    "'#808080', \\\n"
                    "    '' using 5:($1-0.16):($6-$5):(0) with vectors nohead lw 1.5 lc rgb "
                    "'#808080', \\\n"
                    "    '' using 4:($1-0.30):(0):(0.28) with vectors nohead lw 3 lc rgb 'black', "
                    "\\\n"
                    "    'scores.tsv' skip 1 using ($4 == 1 && $3 == 0 ? $1 : NaN):2 with points ");
    ek_buf_printf(gp,
                  "pt %d ps 0.55 lc rgb '#30" EK_RGB_OK "', \\\n"
                  "    '' skip 1 using ($4 == 1 && $3 == 1 ? $1 : NaN):2 with points pt %d ps 0.6 "
                  "lc rgb '" EK_COLOR_FAILED "'\n",
                  EK_POINT_OK, EK_POINT_FAILED);
}

static void put_words(const ek_figure_data *data, ek_figure_draft *draft, bool sampled)
{
    const ek_study_facts *facts = &data->table->facts;
    ek_buf_puts(&draft->title, "Final scores of all runs");
    ek_buf_printf(&draft->caption,
                  "One point a run (n = %zu), one row a group: final %s on the %s split%s, %s "
                  "checkpoint. Circles: successful runs; triangles: failed runs. Box: median and "
                  "quartiles; whiskers: "
                  "the last run within 1.5 times the length of the box.",
                  data->run_count, facts->reported, facts->split, *data->unit ? " in percent" : "",
                  data->table->checkpoint);
    if (isfinite(facts->baseline)) {
        ek_buf_puts(&draft->caption,
                    " Dashed: the score of always answering the most frequent label.");
    }
    if (sampled) {
        ek_buf_printf(&draft->caption,
                      " Of a group with more than %d runs %d are drawn, evenly spaced in order of "
                      "score; boxes and counts are of all runs.",
                      MOST_POINTS, MOST_POINTS);
    }
    ek_buf_puts(&draft->caption, " Heights within a row only keep points apart.");
    ek__figure_failed_note(data, &draft->caption);
    ek_buf_printf(&draft->alt, "Final %s by group.", facts->reported);
    for (size_t g = 0; g < data->table->count && g < 8; g++) {
        const ek_summary *s = &data->table->rows[g].summary;
        if (s->n > 0) {
            ek_buf_printf(&draft->alt, " %s: %zu runs, %zu failed, from %.1f to %.1f, median %.1f.",
                          data->labels[g], s->n, s->failed, data->scale * s->min,
                          data->scale * s->max, data->scale * s->median);
        }
    }
}

ek_status ek__figure_scores(const ek_figure_data *data, ek_figure_draft *draft, ek_error *err)
{
    if (data->run_count == 0) {
        return EK_OK;
    }
    size_t rows = data->table->count;
    bool sampled = false;
    int row_height = rows < 12 ? 60 : 44, bottom = TOP + (int)rows * row_height;
    ek__gp_begin(draft, EK_FIGURE_WIDTH, bottom + BOTTOM);
    EK_TRY(put_groups(data, draft, &sampled, err));
    ek__gp_rows(&draft->gp, TOP, bottom, bottom + BOTTOM);
    put_rows(data, &draft->gp);
    put_plot(data, &draft->gp, bottom + BOTTOM);
    put_words(data, draft, sampled);
    draft->drawn = true;
    return EK_OK;
}
