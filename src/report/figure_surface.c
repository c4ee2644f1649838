/* The plane through the pre-trained model, a failed run and a successful one: loss, gradient norm,
 * and the straight line between the two runs (Mosbach et al. 2021, figures 7 and 13). */
#include <math.h>

#include "report/figure_draft.h"

enum {
    SIDE = 360, /* px of the plane, as wide as high */
    LEFT = 72,
    TOP = 40,
    BOTTOM = 76,
    BAR_LEFT = LEFT + SIDE + 22,
    BAR_WIDTH = 18,
    CELLS = 81, /* of an axis that are drawn as such; contours are of all */
    LINE_PANEL = 260
};

/* Dark blue, where it is low, to yellow, by way of grey: read alike by all kinds of colour vision
 * and in print. No white or black: those are the page's. */
static const char palette[] = "set palette defined (0 '#00224e', 0.2 '#35456c', 0.4 '#666970', "
                              "0.6 '#948e77', 0.8 '#c8b866', 1 '#fee838')\n";

typedef struct {
    double low, high; /* finite values above 0 */
    size_t lost;      /* points without one */
} range;

typedef double pick(const ek_surface_file_point *point);

static double loss_of(const ek_surface_file_point *point)
{
    return point->loss;
}

static double norm_of(const ek_surface_file_point *point)
{
    return point->grad_norm;
}

static bool usable(double value)
{
    return isfinite(value) && value > 0;
}

static range range_of(const ek_surface_file *file, pick *value)
{
    range r = {.low = (double)NAN, .high = (double)NAN};
    for (size_t i = 0; i < file->points * file->points; i++) {
        double v = value(&file->grid[i]);
        if (usable(v)) {
            r.low = fmin(r.low, v);
            r.high = fmax(r.high, v);
        } else {
            r.lost++;
        }
    }
    return r;
}

/* ---- the plane ------------------------------------------------------------------------------- */

/* A blank line between rows of the grid, as gnuplot's surfaces want it. The drawn column is the
 * logarithm: colours and contours are of that. */
static void put_grid(const ek_surface_file *file, pick *value, ek_buf *tsv)
{
    ek_buf_puts(tsv, "a\tb\tlog10\tloss\tgrad_norm\n");
    for (size_t i = 0; i < file->points * file->points; i++) {
        const ek_surface_file_point *p = &file->grid[i];
        double v = value(p);
        if (i > 0 && i % file->points == 0) {
            ek_buf_putc(tsv, '\n');
        }
        ek__figure_number(tsv, p->a);
        ek_buf_putc(tsv, '\t');
        ek__figure_number(tsv, p->b);
        ek_buf_putc(tsv, '\t');
        ek__figure_number(tsv, usable(v) ? log10(v) : (double)NAN);
        ek_buf_putc(tsv, '\t');
        ek__figure_number(tsv, p->loss);
        ek_buf_putc(tsv, '\t');
        ek__figure_number(tsv, p->grad_norm);
        ek_buf_putc(tsv, '\n');
    }
}

/* Values at which contours run and the colour bar has numbers: 1, 2, 5 or powers of ten. */
static size_t levels_of(const range *r, double out[], size_t room)
{
    static const double fine[] = {1, 1.5, 2, 3, 5, 7}, some[] = {1, 2, 5}, few[] = {1};
    double decades = log10(r->high / r->low);
    const double *digits = decades < 1.2 ? fine : decades < 4.5 ? some : few;
    size_t per = decades < 1.2 ? 6 : decades < 4.5 ? 3 : 1, count = 0;
    int step = decades < 12 ? 1 : (int)(decades / 12) + 1;
    for (int power = (int)floor(log10(r->low)); power <= log10(r->high); power += step) {
        for (size_t i = 0; i < per && count < room; i++) {
            double level = digits[i] * pow(10, power);
            if (level > r->low && level < r->high) {
                out[count++] = level;
            }
        }
    }
    return count;
}

static void put_levels(const range *r, ek_buf *gp)
{
    double levels[40];
    size_t count = levels_of(r, levels, sizeof levels / sizeof *levels);
    ek_buf_puts(gp, "set cbtics scale 0.5 (");
    for (size_t i = 0; i < count; i++) {
        ek_buf_printf(gp, "%s'%g' %.6g", i ? ", " : "", levels[i], log10(levels[i]));
    }
    ek_buf_puts(gp, ")\n");
    if (count > 0) {
        ek_buf_puts(gp, "set contour base\nset cntrlabel onecolor\nset cntrparam levels discrete ");
        for (size_t i = 0; i < count; i++) {
            ek_buf_printf(gp, "%s%.6g", i ? ", " : "", log10(levels[i]));
        }
        ek_buf_puts(gp, "\n");
    }
}

/* A letter on a dark disc that reads on every colour. '#fffffe': white itself is the page's. */
static void put_mark(ek_buf *gp, int number, double a, double b, const char *letter,
                     const char *color)
{
    ek_buf_printf(gp,
                  "set object %d circle at %.6g, %.6g size screen 0.0185 front fc rgb '#101010' fs "
                  "solid border lc rgb '%s' lw 2\n"
                  "set label %d '%s' at %.6g, %.6g center front textcolor rgb '#fffffe'\n",
                  number, a, b, color, 20 + number, letter, a, b);
}

static void put_plane(const ek_surface_file *file, const range *r, const char *what,
                      ek_figure_draft *draft)
{
    double height = TOP + SIDE + BOTTOM, width = EK_FIGURE_WIDTH;
    ek__gp_begin(draft, EK_FIGURE_WIDTH, (int)height);
    ek_buf *gp = &draft->gp;
    ek_buf_puts(gp, "unset grid\nset border 15\nset view map\nset pm3d map\n");
    ek_buf_puts(gp, palette);
    ek__gp_rows(gp, TOP, TOP + SIDE, height);
    ek_buf_printf(gp, "set lmargin at screen %.4f\nset rmargin at screen %.4f\n", LEFT / width,
                  (LEFT + SIDE) / width);
    ek_buf_printf(gp,
                  "set colorbox user origin screen %.4f, screen %.4f size screen %.4f, screen "
                  "%.4f noborder\n",
                  BAR_LEFT / width, BOTTOM / height, BAR_WIDTH / width, SIDE / height);
    ek_buf_printf(gp, "set cbrange [%.6g:%.6g]\n", log10(r->low),
                  r->high > r->low ? log10(r->high) : log10(r->low) + 1);
    if (r->high > r->low) {
        put_levels(r, gp);
    }
    ek__gp_axis(gp, 'x', file->low, file->high, 6);
    ek__gp_axis(gp, 'y', file->low, file->high, 6);
    ek_buf_puts(gp, "set xlabel 'a: towards the failed run F' offset 0, 0.4\n"
                    "set ylabel 'b: towards the successful run S' offset 0.5, 0\n");
    ek_buf_printf(gp, "set label 2 '%s (log)' at screen %.4f, %.4f right\n", what,
                  (BAR_LEFT + BAR_WIDTH + 62) / width, 1 - 20 / height);
    ek__gp_panel_name(gp, "P pre-trained, F failed, S successful");
    double gap = 0.025 * (file->high - file->low); /* the marks' */
    ek_buf_printf(gp,
                  "set arrow 1 from %.6g, %.6g to %.6g, %.6g nohead front lw 2 dt 2 lc rgb "
                  "'#fffffe'\n",
                  1 - gap, gap, gap, 1 - gap);
    put_mark(gp, 1, 0, 0, "P", "#fffffe");
    put_mark(gp, 2, 1, 0, "F", EK_COLOR_FAILED);
    put_mark(gp, 3, 0, 1, "S", "#56B4E9");
    size_t every = (file->points + CELLS - 1) / CELLS;
    ek_buf_printf(gp,
                  "splot '%s.tsv' skip 1 every %zu:%zu using 1:2:3 with pm3d nocontour, \\\n"
                  "    '%s.tsv' skip 1 using 1:2:3 with lines nosurface lw 0.7 lc rgb '#101010'\n",
                  draft->id, every, every, draft->id);
}

static void put_ends(const ek_surface_file *file, ek_buf *out)
{
    const ek_probe_file_run *ends[] = {&file->failed_run, &file->ok_run};
    for (int i = 0; i < 2; i++) {
        ek_buf_puts(out, i ? " and the successful run " : "the failed run ");
        ek_buf_printf(out, "%lld (", (long long)ends[i]->id);
        ek__figure_line(out, ends[i]->group, EK_FIGURE_LABEL);
        ek_buf_printf(out, ", seed %u)", ends[i]->seed);
    }
}

static void put_plane_words(const ek_figure_data *data, pick *value, const range *r,
                            const char *what, ek_figure_draft *draft)
{
    const ek_surface_file *file = &data->surface;
    ek_buf_printf(&draft->caption,
                  "%s on %zu training examples, without dropout, at the weights pre-trained + "
                  "a (failed - pre-trained) + b (successful - pre-trained), %zu by %zu points; all "
                  "parameters move, the head too. The two directions are those of ",
                  what, file->examples, file->points, file->points);
    put_ends(file, &draft->caption);
    ek_buf_puts(&draft->caption, ". The pre-trained point's head: ");
    ek__figure_line(&draft->caption, file->head, 200);
    ek_buf_puts(&draft->caption, ". Colours and contours are logarithmic; dashed: the straight "
                                 "line between the two runs.");
    if (r->lost > 0) {
        ek_buf_printf(&draft->caption, " %zu points without a finite value above 0 are blank.",
                      r->lost);
    }
    ek__figure_failed_note(data, &draft->caption);
    ek_buf_printf(
        &draft->alt,
        "%s over a plane, from %.3g to %.3g. At the pre-trained model %.3g, at the failed "
        "run %.3g, at the successful run %.3g.",
        what, r->low, r->high, value(&file->pretrained), value(&file->failed), value(&file->ok));
}

static void make_plane(const ek_figure_data *data, pick *value, const char *what, const char *title,
                       ek_figure_draft *draft)
{
    const ek_surface_file *file = &data->surface;
    range r = {.low = (double)NAN};
    if (file->grid) {
        r = range_of(file, value);
    }
    if (!isfinite(r.low)) {
        return; /* no probe, or no value at all */
    }
    put_grid(file, value, &draft->tsv);
    put_plane(file, &r, what, draft);
    ek_buf_puts(&draft->title, title);
    put_plane_words(data, value, &r, what, draft);
    draft->drawn = true;
}

ek_status ek__figure_loss_surface(const ek_figure_data *data, ek_figure_draft *draft, ek_error *err)
{
    (void)err;
    make_plane(data, loss_of, "Loss", "Loss surface through a failed and a successful run", draft);
    return EK_OK;
}

ek_status ek__figure_gradient_surface(const ek_figure_data *data, ek_figure_draft *draft,
                                      ek_error *err)
{
    (void)err;
    make_plane(data, norm_of, "Gradient norm",
               "Gradient norm on the plane of a failed and a successful run", draft);
    return EK_OK;
}

/* ---- the line -------------------------------------------------------------------------------- */

static size_t highest(const ek_surface_file *file)
{
    size_t at = 0;
    for (size_t i = 0; i < file->line_count; i++) {
        if (!(file->line[at].loss >= file->line[i].loss)) {
            at = i;
        }
    }
    return at;
}

static void put_line_plot(const ek_surface_file *file, double low, double high,
                          ek_figure_draft *draft)
{
    const ek_surface_file_line *top = &file->line[highest(file)],
                               *last = &file->line[file->line_count - 1];
    double level = fmax(file->line[0].loss, last->loss), height = 24 + LINE_PANEL + BOTTOM;
    ek__gp_begin(draft, EK_FIGURE_WIDTH, (int)height);
    ek_buf *gp = &draft->gp;
    ek__gp_rows(gp, 24, 24 + LINE_PANEL, height);
    low /= 1.3;
    high *= 1.8;
    ek_buf_printf(
        gp,
        "set lmargin 9\nset rmargin 3\nset logscale y\nset yrange [%.6g:%.6g]\n"
        "set xrange [0:1]\nset xtics 0.25\nset ylabel 'loss (logarithmic)' offset 0.5, 0\n"
        "set xlabel 'share of the way from the failed run to the successful one' offset "
        "0, 0.4\n",
        low, high);
    ek__gp_log_ticks(gp, 'y', low, high);
    if (usable(level) && usable(top->loss)) {
        ek_buf_printf(gp,
                      "set arrow 1 from 0, %.6g to 1, %.6g nohead lw 1.5 dt 2 lc rgb '#808080'\n",
                      level, level);
    }
    if (usable(level) && top->loss > level) {
        ek_buf_printf(gp,
                      "set arrow 2 from %.6g, %.6g to %.6g, %.6g heads size screen 0.012, 25 lw "
                      "1.5 lc rgb 'black'\n"
                      "set label 2 'barrier %.3g' at %.6g, %.6g %s offset 0, 0.8\n",
                      top->t, level, top->t, top->loss, file->barrier, top->t, top->loss,
                      top->t < 0.15   ? "left"
                      : top->t > 0.85 ? "right"
                                      : "center");
    }
    ek_buf_printf(gp,
                  "set label 3 'F' at 0, %.6g center front offset 1.2, 1\n"
                  "set label 4 'S' at 1, %.6g center front offset -2, 0\n",
                  file->line[0].loss, last->loss);
    ek_buf_printf(gp,
                  "plot '%s.tsv' skip 1 using 1:2 with lines lw 2.5 lc rgb 'black', \\\n"
                  "    '' skip 1 using ($1 == 0 ? 0 : NaN):2 with points pt %d ps 1.2 lc rgb '%s', "
                  "\\\n    '' skip 1 using ($1 == 1 ? 1 : NaN):2 with points pt %d ps 1.2 lc rgb "
                  "'%s'\n",
                  draft->id, EK_POINT_FAILED, EK_COLOR_FAILED, EK_POINT_OK, EK_COLOR_OK);
}

static void put_line_words(const ek_figure_data *data, ek_figure_draft *draft)
{
    const ek_surface_file *file = &data->surface;
    const ek_surface_file_line *first = &file->line[0], *last = &file->line[file->line_count - 1];
    ek_buf_puts(&draft->title, "Loss on the straight line from a failed run to a successful one");
    ek_buf_printf(&draft->caption,
                  "Loss on %zu training examples, without dropout, at %zu points of the straight "
                  "line in the space of weights between ",
                  file->examples, file->line_count);
    put_ends(file, &draft->caption);
    ek_buf_puts(&draft->caption, "; all parameters move, the head too. Logarithmic axis. Barrier: "
                                 "the highest loss on the line less the higher of its ends");
    if (isfinite(file->barrier)) {
        ek_buf_printf(&draft->caption, ", %.3g here", file->barrier);
    }
    ek_buf_puts(&draft->caption, ".");
    ek__figure_failed_note(data, &draft->caption);
    ek_buf_printf(&draft->alt,
                  "Loss from a failed run, %.3g, in a straight line to a successful one, %.3g; "
                  "highest between them %.3g.",
                  first->loss, last->loss, file->line[highest(file)].loss);
}

ek_status ek__figure_loss_barrier(const ek_figure_data *data, ek_figure_draft *draft, ek_error *err)
{
    (void)err;
    const ek_surface_file *file = &data->surface;
    double low = (double)NAN, high = (double)NAN;
    for (size_t i = 0; i < file->line_count; i++) {
        if (usable(file->line[i].loss)) {
            low = fmin(low, file->line[i].loss);
            high = fmax(high, file->line[i].loss);
        }
    }
    if (!isfinite(low)) {
        return EK_OK;
    }
    ek_buf_puts(&draft->tsv, "t\tloss\tgrad_norm\n");
    for (size_t i = 0; i < file->line_count; i++) {
        const ek_surface_file_line *at = &file->line[i];
        ek__figure_number(&draft->tsv, at->t);
        ek_buf_putc(&draft->tsv, '\t');
        ek__figure_number(&draft->tsv, usable(at->loss) ? at->loss : (double)NAN);
        ek_buf_putc(&draft->tsv, '\t');
        ek__figure_number(&draft->tsv, at->grad_norm);
        ek_buf_putc(&draft->tsv, '\n');
    }
    put_line_plot(file, low, high, draft);
    put_line_words(data, draft);
    draft->drawn = true;
    return EK_OK;
}
