#include "report/figure_factor.h"

#include <math.h>
#include <stdio.h>

#include "base/file.h"
#include "report/figure_draft.h"
#include "report/figure_gnuplot.h"

enum {
    TITLE = 26,
    PANEL = 200,
    BETWEEN = 68,
    BOTTOM = 58,
    LIMIT_SECONDS = 30,
    LEAST_UPDATES = 1000, /* of the first panel: at 1,000 the factor is on its way back to 1 */
};

/* The two settings of the paper: BERT's and ALBERT's, and RoBERTa's. */
static const struct {
    double beta1, beta2;
    const char *name;
    ek_legend_entry look;
} curves[] = {
    {0.9, 0.999, "\xce\xb2\xe2\x82\x82 = 0.999", {.color = EK_COLOR_OK, .line = 2.5, .dash = 1}},
    {0.9, 0.98, "\xce\xb2\xe2\x82\x82 = 0.98", {.color = EK_COLOR_FAILED, .line = 2.5, .dash = 2}},
};
enum { CURVES = sizeof curves / sizeof *curves };

static int64_t most_updates(const ek_factor_recipe *recipes, size_t count)
{
    int64_t most = 1;
    for (size_t i = 0; i < count; i++) {
        int64_t total = recipes[i].rate.schedule.total_steps;
        most = total > most ? total : most;
    }
    return most;
}

static void put_row(ek_buf *tsv, int64_t t, double factor, double rate, double effective,
                    const char *name)
{
    ek_buf_printf(tsv, "%lld\t", (long long)t);
    ek__figure_number(tsv, factor);
    ek_buf_putc(tsv, '\t');
    ek__figure_number(tsv, rate);
    ek_buf_putc(tsv, '\t');
    ek__figure_number(tsv, effective);
    ek_buf_putc(tsv, '\t');
    ek__figure_line(tsv, name, 0);
    ek_buf_putc(tsv, '\n');
}

/* Every t while they are few, then evenly by ratio. */
static void put_curve(size_t curve, int64_t most, ek_buf *tsv)
{
    double ratio = pow((double)most, 1.0 / EK_FIGURE_POINTS);
    for (int64_t t = 1; t <= most;) {
        put_row(tsv, t, ek_adam_factor(curves[curve].beta1, curves[curve].beta2, t), (double)NAN,
                (double)NAN, curves[curve].name);
        int64_t next = (int64_t)((double)t * ratio);
        next = next > t ? next : t + 1;
        t = t < most && next > most ? most : next;
    }
    ek_buf_puts(tsv, "\n\n");
}

static void put_recipe(const ek_factor_recipe *recipe, bool control, ek_buf *tsv)
{
    const ek_effective_rate *rate = &recipe->rate;
    int64_t total = rate->schedule.total_steps,
            stride = (total + EK_FIGURE_POINTS - 1) / EK_FIGURE_POINTS;
    ek_buf name = {0};
    ek_buf_printf(&name, "%s%s", control ? "control of " : "", recipe->name);
    for (int64_t t = 1; t <= total; t++) {
        if ((total - t) % stride == 0) {
            put_row(tsv, t, control ? 1 : ek_effective_rate_factor(rate, t),
                    ek_schedule_rate(&rate->schedule, t - 1),
                    control ? ek_effective_rate_control(rate, t) : ek_effective_rate_at(rate, t),
                    ek_buf_text(&name));
        }
    }
    ek_buf_puts(tsv, "\n\n");
    tsv->failed = tsv->failed || name.failed;
    ek_buf_deinit(&name);
}

static void put_factor_panel(int64_t most, double top, double height, ek_figure_draft *draft)
{
    ek_buf *gp = &draft->gp;
    ek_legend_entry legend[CURVES];
    for (size_t i = 0; i < CURVES; i++) {
        legend[i] = curves[i].look;
        legend[i].title = curves[i].name;
    }
    ek__gp_legend(gp, legend, CURVES, height);
    ek__gp_rows(gp, top, top + PANEL, height);
    ek_buf_printf(gp,
                  "set logscale x\nset xrange [1:%lld]\nset yrange [0:1.5]\nset ytics 0.25\n"
                  "set xlabel 'update t (logarithmic)' offset 0, 0.4\n"
                  "set ylabel 'factor' offset 0.5, 0\n",
                  (long long)most);
    ek__gp_log_ticks(gp, 'x', 1, (double)most);
    ek__gp_panel_name(gp, "Bias correction's factor on Adam's updates");
    ek_buf_printf(gp, "plot 1 with lines lw 1 dt 3 lc rgb 'black'");
    for (size_t i = 0; i < CURVES; i++) {
        ek_buf_printf(gp,
                      ", \\\n    '%s.tsv' skip 1 index %zu using 1:2 with lines lw %g dt %d lc rgb "
                      "'%s'",
                      draft->id, i, curves[i].look.line, curves[i].look.dash, curves[i].look.color);
    }
    ek_buf_puts(gp, "\n");
    ek__gp_legend_end(gp, CURVES);
}

static ek_legend_entry look_of(size_t at, bool control)
{
    return (ek_legend_entry){.color = ek__figure_colors[at % EK_FIGURE_COLORS],
                             .line = 2.5,
                             .dash = control ? 2 : 1 + (int)(at / EK_FIGURE_COLORS)};
}

/* control: the place of the recipe whose control is drawn, count: none. */
static void put_rate_panel(const ek_factor_recipe *recipes, size_t count, size_t control,
                           double legend_top, double height, ek_figure_draft *draft)
{
    ek_buf *gp = &draft->gp;
    ek_legend_entry legend[EK_FACTOR_RECIPES + 1];
    size_t lines = 0;
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        legend[lines] = look_of(i, false);
        legend[lines++].title = recipes[i].name;
        most = fmax(most, recipes[i].rate.peak);
    }
    ek_buf name = {0};
    if (control < count) {
        ek_buf_printf(&name, "control of %s", recipes[control].name);
        legend[lines] = look_of(count, true); /* a colour of its own */
        legend[lines++].title = ek_buf_text(&name);
        most = fmax(most, recipes[control].rate.control_rate);
    }
    int rows = ek__gp_legend(NULL, legend, lines, 1);
    double top = legend_top + EK_LEGEND_ROW * rows + TITLE + 8;
    ek__gp_rows(gp, top, top + PANEL, height);
    ek_buf_puts(gp, "unset logscale x\nset ylabel 'effective rate' offset 0.5, 0\n"
                    "set xlabel 'update t' offset 0, 0.4\n");
    ek__gp_axis(gp, 'x', 0, (double)most_updates(recipes, count), 6);
    ek__gp_axis(gp, 'y', 0, most > 0 ? 1.05 * most : 1, 6);
    ek__gp_panel_name(gp, "Learning rate times factor");
    ek__gp_legend_at(gp, legend, lines, legend_top, height);
    ek_buf_puts(gp, "plot ");
    for (size_t i = 0; i < lines; i++) {
        ek_buf_printf(gp,
                      "%s'%s.tsv' skip 1 index %zu using 1:4 with lines lw %g dt %d lc rgb '%s'",
                      i ? ", \\\n    " : "", draft->id, CURVES + i, legend[i].line, legend[i].dash,
                      legend[i].color);
    }
    ek_buf_puts(gp, "\n");
    gp->failed = gp->failed || name.failed;
    ek_buf_deinit(&name);
}

static void make(const ek_factor_recipe *recipes, size_t count, ek_figure_draft *draft)
{
    size_t control = 0;
    while (control < count && !recipes[control].rate.corrected) {
        control++;
    }
    int64_t most = most_updates(recipes, count);
    most = most > LEAST_UPDATES ? most : LEAST_UPDATES;
    ek_buf_puts(&draft->tsv, "t\tfactor\tlearning_rate\teffective_rate\tline\n");
    for (size_t i = 0; i < CURVES; i++) {
        put_curve(i, most, &draft->tsv);
    }
    for (size_t i = 0; i < count; i++) {
        put_recipe(&recipes[i], false, &draft->tsv);
    }
    if (control < count) {
        put_recipe(&recipes[control], true, &draft->tsv);
    }
    double first = EK_LEGEND_ROW + TITLE + 8, second = first + PANEL + BETWEEN;
    /* names are of any length: as many rows as they may take */
    double rows = ceil((double)(count + 1) / 2);
    double height = second + EK_LEGEND_ROW * rows + TITLE + 8 + PANEL + BOTTOM;
    ek__gp_begin(draft, EK_FIGURE_WIDTH, (int)height);
    ek_buf_puts(&draft->gp, "set lmargin 10\nset rmargin 3\nset multiplot\n");
    put_factor_panel(most, first, height, draft);
    put_rate_panel(recipes, count, control, second, height, draft);
    ek_buf_puts(&draft->gp, "unset multiplot\n");
}

ek_status ek_figure_adam_factor(const ek_factor_recipe *recipes, size_t count, const char *dir,
                                bool *drawn, ek_error *err)
{
    ek_figure_draft draft = {.id = "adam_factor"};
    static const char *const scripts[] = {"adam_factor.gp"};
    count = count < EK_FACTOR_RECIPES ? count : EK_FACTOR_RECIPES;
    make(recipes, count, &draft);
    ek_status status = ek_make_dirs(dir, err);
    if (status == EK_OK) {
        status = ek__figure_write(&draft, dir, err);
    }
    if (status == EK_OK) {
        status = ek__gnuplot_run(dir, scripts, 1, false, LIMIT_SECONDS, drawn, err);
    }
    ek__figure_draft_free(&draft);
    return status;
}
