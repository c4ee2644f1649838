/* Final training loss against final score: do failed runs fail to fit, or fail to generalise? */
#include <math.h>

#include "base/mem.h"
#include "report/figure_draft.h"

enum { MOST_POINTS = 1000, PANEL = 280, BOTTOM = 58 };

static bool can_draw(const ek_figure_run *run)
{
    return isfinite(run->final_loss) && run->final_loss > 0 && isfinite(run->row->score);
}

static size_t drawable(const ek_figure_data *data)
{
    size_t count = 0;
    for (size_t i = 0; i < data->run_count; i++) {
        count += can_draw(&data->runs[i]);
    }
    return count;
}

/* Where there are more groups than colours, none has one. */
static bool by_group(const ek_figure_data *data)
{
    return data->table->count <= EK_FIGURE_COLORS;
}

static void put_data(const ek_figure_data *data, size_t n, ek_buf *tsv)
{
    size_t at = 0;
    ek_buf_puts(tsv, "train_loss\tscore\tgroup_number\tfailed\tdrawn\tseed\trun\toutcome\tgroup\n");
    for (size_t i = 0; i < data->run_count; i++) {
        const ek_figure_run *run = &data->runs[i];
        bool draw = can_draw(run);
        if (draw) {
            draw =
                n <= MOST_POINTS || at == 0 || at * MOST_POINTS / n != (at - 1) * MOST_POINTS / n;
            at++;
        }
        ek__figure_number(tsv, run->final_loss);
        ek_buf_putc(tsv, '\t');
        ek__figure_number(tsv, data->scale * run->row->score);
        ek_buf_printf(tsv, "\t%zu\t%d\t%d\t%u\t%lld\t%s\t", run->group, run->failed, draw,
                      run->row->seed, (long long)run->row->id, ek_outcome_name(run->row->outcome));
        ek__figure_line(tsv, run->row->group, 0);
        ek_buf_putc(tsv, '\n');
    }
}

static void put_axes(const ek_figure_data *data, ek_buf *gp)
{
    double low = (double)NAN, high = (double)NAN, least = (double)NAN, most = (double)NAN;
    for (size_t i = 0; i < data->run_count; i++) {
        const ek_figure_run *run = &data->runs[i];
        if (can_draw(run)) {
            double score = data->scale * run->row->score;
            low = fmin(low, run->final_loss);
            high = fmax(high, run->final_loss);
            least = fmin(least, score);
            most = fmax(most, score);
        }
    }
    double room = most > least ? 0.05 * (most - least) : 1;
    ek__gp_axis(gp, 'y', least - room, most + room, 7);
    ek_buf_printf(gp, "set logscale x\nset xrange [%.5g:%.5g]\n", low / 1.15, high * 1.15);
    ek__gp_log_ticks(gp, 'x', low / 1.15, high * 1.15);
    ek_buf label = {0};
    ek__figure_score_label(data, &label);
    ek_buf_puts(gp, "set lmargin 9\nset rmargin 3\nset ylabel noenhanced ");
    ek__gp_string(gp, ek_buf_text(&label));
    ek_buf_puts(gp,
                " offset 0.5, 0\nset xlabel 'final training loss (logarithmic)' offset 0, 0.4\n");
    gp->failed = gp->failed || label.failed;
    ek_buf_deinit(&label);
}

static void put_plot(const ek_figure_data *data, ek_figure_draft *draft)
{
    size_t groups = by_group(data) ? data->table->count : 1, entries = 0;
    ek_legend_entry legend[EK_FIGURE_COLORS + 2];
    for (size_t g = 0; by_group(data) && g < groups && groups > 1; g++) {
        legend[entries++] = (ek_legend_entry){
            .title = data->labels[g], .color = ek__figure_colors[g], .line = 6, .dash = 1};
    }
    legend[entries++] = (ek_legend_entry){
        .title = "successful", .color = groups > 1 ? "black" : EK_COLOR_OK, .point = EK_POINT_OK};
    legend[entries++] = (ek_legend_entry){.title = "failed",
                                          .color = groups > 1 ? "black" : EK_COLOR_FAILED,
                                          .point = EK_POINT_FAILED};
    double top = 18 + EK_LEGEND_ROW * ek__gp_legend(NULL, legend, entries, 1);
    double height = top + PANEL + BOTTOM;
    ek__gp_begin(draft, EK_FIGURE_WIDTH, (int)height);
    put_axes(data, &draft->gp);
    ek__gp_rows(&draft->gp, top, top + PANEL, height);
    ek__gp_legend(&draft->gp, legend, entries, height);
    ek_buf_puts(&draft->gp, "plot ");
    for (size_t g = 0; g < groups; g++) {
        for (int failed = 0; failed < 2; failed++) {
            const char *color = groups == 1 && failed ? EK_COLOR_FAILED : ek__figure_colors[g];
            ek_buf_printf(&draft->gp, "%s'%s.tsv' skip 1 using ($5 == 1 && $4 == %d%s",
                          g || failed ? ", \\\n    " : "", draft->id, failed, "");
            if (groups > 1) {
                ek_buf_printf(&draft->gp, " && $3 == %zu", g);
            }
            ek_buf_printf(&draft->gp, " ? $1 : NaN):2 with points pt %d ps 0.65 lc rgb '#18%s'",
                          failed ? EK_POINT_FAILED : EK_POINT_OK, color + 1);
        }
    }
    ek_buf_puts(&draft->gp, "\n");
}

static void put_words(const ek_figure_data *data, size_t n, ek_figure_draft *draft)
{
    const ek_study_facts *facts = &data->table->facts;
    ek_buf_puts(&draft->title, "Final training loss against final score");
    ek_buf_printf(&draft->caption,
                  "One point a run (n = %zu). Across, logarithmic: the %s. Up: final %s on the %s "
                  "split%s. Circles: successful runs; triangles: failed runs.",
                  n,
                  data->full_pass ? "loss on the training examples after the last step, a full "
                                    "pass without dropout"
                                  : "running training loss, with dropout, as the mean of the last "
                                    "tenth of the logged values",
                  facts->reported, facts->split, *data->unit ? ", in percent" : "");
    if (n < data->run_count) {
        ek_buf_printf(&draft->caption,
                      " %zu runs without a finite loss above 0 at the end are not drawn.",
                      data->run_count - n);
    }
    if (n > MOST_POINTS) {
        ek_buf_printf(&draft->caption, " %d evenly spaced ones of them are drawn.", MOST_POINTS);
    }
    if (!by_group(data)) {
        ek_buf_printf(&draft->caption, " The %zu groups are not told apart.", data->table->count);
    }
    ek__figure_failed_note(data, &draft->caption);
    ek_buf_printf(&draft->alt, "Final training loss against final %s of %zu runs.", facts->reported,
                  n);
    for (int failed = 0; failed < 2; failed++) {
        double low = (double)NAN, high = (double)NAN;
        for (size_t i = 0; i < data->run_count; i++) {
            if (can_draw(&data->runs[i]) && data->runs[i].failed == failed) {
                low = fmin(low, data->runs[i].final_loss);
                high = fmax(high, data->runs[i].final_loss);
            }
        }
        if (isfinite(low)) {
            ek_buf_printf(&draft->alt, " Losses of %s runs: %.3g to %.3g.",
                          failed ? "failed" : "successful", low, high);
        }
    }
}

ek_status ek__figure_loss_against_score(const ek_figure_data *data, ek_figure_draft *draft,
                                        ek_error *err)
{
    (void)err;
    size_t n = drawable(data);
    if (n == 0) {
        return EK_OK;
    }
    put_data(data, n, &draft->tsv);
    put_plot(data, draft);
    put_words(data, n, draft);
    draft->drawn = true;
    return EK_OK;
}
