#include "report/strip_plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/columns.h"
#include "stats/summary.h"

enum {
    WIDTH_DEFAULT = 80,
    WIDTH_MIN = 40,
    CELLS_MAX = 160,      /* wider strips only tear their dots apart */
    NAME_MIN_COLUMNS = 8, /* "percent" and a blank */
    NAME_MAX_COLUMNS = 32,
    STACK_MAX = 3,
    TICK_COLUMNS = 10 /* at least this far apart */
};

/* The characters of a plot. */
struct glyphs {
    const char *ok, *failed, *median, *left, *right, *span, *baseline, *corner, *axis, *tick;
};
static const struct glyphs unicode_glyphs = {"●", "×", "▲", "╰", "╯", "─", "┊", "└", "─", "┴"};
static const struct glyphs ascii_glyphs = {"o", "x", "^", "`", "'", "-", ":", "+", "-", "+"};

/* The axis, in percent, and where things stand on it. */
struct plot {
    const ek_table_style *style;
    const struct glyphs *glyphs;
    double low, high, step; /* ends; distance of ticks */
    int names, cells;       /* columns of the names and of the strips */
    int baseline;           /* its cell, -1: out of range */
};

struct cell {
    size_t ok, failed;
};

static int cell_of(const struct plot *plot, double percent)
{
    double share = (percent - plot->low) / (plot->high - plot->low);
    int cell = (int)lround(share * (plot->cells - 1));
    return cell < 0 ? 0 : cell >= plot->cells ? plot->cells - 1 : cell;
}

/* The smallest of 1, 2, 5 times a power of ten that is not below least. */
static double nice_step(double least)
{
    double power = pow(10, floor(log10(least)));
    static const double factors[] = {1, 2, 5, 10};
    for (size_t i = 0; i < 4; i++) {
        if (factors[i] * power >= least * (1 - 1e-9)) {
            return factors[i] * power;
        }
    }
    return 10 * power;
}

/* Lowest and highest finite score; false when there is none. */
static bool score_range(const ek_strip_row *rows, size_t count, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t r = 0; r < count; r++) {
        for (size_t i = 0; i < rows[r].count; i++) {
            if (isfinite(rows[r].scores[i])) {
                *low = fmin(*low, 100 * rows[r].scores[i]);
                *high = fmax(*high, 100 * rows[r].scores[i]);
            }
        }
    }
    return *low <= *high;
}

static bool lay_out(struct plot *plot, const ek_strip_row *rows, size_t count, double baseline,
                    const ek_table_style *style)
{
    double low, high;
    if (!score_range(rows, count, &low, &high)) {
        return false;
    }
    int width = style->width > 0 ? style->width : WIDTH_DEFAULT, widest = NAME_MIN_COLUMNS;
    width = width < WIDTH_MIN ? WIDTH_MIN : width;
    for (size_t r = 0; r < count; r++) {
        int columns = ek_columns_of(rows[r].name, style->ascii);
        widest = columns > widest ? columns : widest;
    }
    int most = width / 3 < NAME_MAX_COLUMNS ? width / 3 : NAME_MAX_COLUMNS;
    *plot = (struct plot){.style = style,
                          .glyphs = style->ascii ? &ascii_glyphs : &unicode_glyphs,
                          .names = widest > most ? most : widest};
    plot->cells = width - plot->names - 5; /* " name  " before, a label's half behind */
    plot->cells = plot->cells > CELLS_MAX ? CELLS_MAX : plot->cells;
    bool in_range = baseline * 100 >= low && baseline * 100 <= high;
    /* A hair of room at both ends; scores that are all the same stand in the middle. */
    double room = high > low ? 0.02 * (high - low) : fmax(1, 0.01 * fabs(low));
    plot->low = low - room;
    plot->high = high + room;
    plot->step = nice_step((plot->high - plot->low) * TICK_COLUMNS / plot->cells);
    plot->baseline = in_range ? cell_of(plot, 100 * baseline) : -1;
    return true;
}

static const char *color(const struct plot *plot, const char *code)
{
    return plot->style->color ? code : "";
}

/* Characters of a cell from the bottom up. */
static size_t height_of(const struct cell *cell)
{
    size_t runs = cell->ok + cell->failed;
    return runs < STACK_MAX ? runs : STACK_MAX;
}

/* What stands in a cell at this level (0: the lowest): failed runs are below. */
static void put_mark(const struct plot *plot, const struct cell *cell, size_t level, ek_buf *out)
{
    size_t runs = cell->ok + cell->failed;
    bool both = cell->ok > 0 && cell->failed > 0;
    /* With more runs than levels each kind shows at least once. */
    size_t crosses = runs > STACK_MAX && both ? 1 : cell->failed;
    bool cross = level < crosses;
    if (runs > STACK_MAX && level == STACK_MAX - 1) {
        size_t rest = runs - (STACK_MAX - 1);
        const char *on = cell->ok == 0 ? "\033[31m" : "";
        ek_buf_printf(out, "%s%c%s", color(plot, on), rest > 9 ? '+' : (char)('0' + rest),
                      color(plot, *on ? "\033[0m" : ""));
    } else if (cross) {
        ek_buf_printf(out, "%s%s%s", color(plot, "\033[31m"), plot->glyphs->failed,
                      color(plot, "\033[0m"));
    } else {
        ek_buf_puts(out, plot->glyphs->ok);
    }
}

static void put_baseline(const struct plot *plot, ek_buf *out)
{
    ek_buf_printf(out, "%s%s%s", color(plot, "\033[33m"), plot->glyphs->baseline,
                  color(plot, "\033[0m"));
}

/* Ends a line without the blanks that stand there. */
static void end_line(ek_buf *out)
{
    while (out->length > 0 && out->data[out->length - 1] == ' ') {
        out->data[--out->length] = '\0';
    }
    ek_buf_putc(out, '\n');
}

static void put_level(const struct plot *plot, const struct cell *cells, size_t level,
                      const char *name, ek_buf *out)
{
    ek_buf_putc(out, ' ');
    ek_columns_put(out, name, plot->names, plot->style->ascii);
    ek_buf_puts(out, "  ");
    for (int c = 0; c < plot->cells; c++) {
        if (height_of(&cells[c]) > level) {
            put_mark(plot, &cells[c], level, out);
        } else if (c == plot->baseline) {
            put_baseline(plot, out);
        } else {
            ek_buf_putc(out, ' ');
        }
    }
    end_line(out);
}

/* From the lowest score to the highest, with the median. */
static void put_span(const struct plot *plot, double low, double median, double high, ek_buf *out)
{
    int first = cell_of(plot, low), middle = cell_of(plot, median), last = cell_of(plot, high);
    ek_buf_printf(out, " %*s  ", plot->names, "");
    for (int c = 0; c < plot->cells; c++) {
        if (c == middle) {
            ek_buf_printf(out, "%s%s%s", color(plot, "\033[1m"), plot->glyphs->median,
                          color(plot, "\033[0m"));
        } else if (c == plot->baseline) {
            put_baseline(plot, out);
        } else if (c < first || c > last) {
            ek_buf_putc(out, ' ');
        } else {
            ek_buf_puts(out, c == first  ? plot->glyphs->left
                             : c == last ? plot->glyphs->right
                                         : plot->glyphs->span);
        }
    }
    end_line(out);
}

static int compare_doubles(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void put_row(const struct plot *plot, const ek_strip_row *row, struct cell *cells,
                    double *sorted, ek_buf *out)
{
    size_t n = 0, height = 1;
    memset(cells, 0, (size_t)plot->cells * sizeof *cells);
    for (size_t i = 0; i < row->count; i++) {
        if (!isfinite(row->scores[i])) {
            continue;
        }
        struct cell *cell = &cells[cell_of(plot, 100 * row->scores[i])];
        bool failed = row->failed && row->failed[i];
        cell->failed += failed;
        cell->ok += !failed;
        height = height_of(cell) > height ? height_of(cell) : height;
        sorted[n++] = 100 * row->scores[i];
    }
    for (size_t level = height; level-- > 0;) {
        put_level(plot, cells, level, level == 0 ? row->name : "", out);
    }
    if (n > 0) {
        qsort(sorted, n, sizeof *sorted, compare_doubles);
        put_span(plot, sorted[0], ek_quantile(sorted, n, 0.5), sorted[n - 1], out);
    }
}

/* Writes text over the blanks of line around column, if it fits and touches no other text. */
static void place_label(char *line, int width, int column, const char *text)
{
    int length = (int)strlen(text), start = column - length / 2;
    if (start < 0 || start + length > width) {
        return;
    }
    for (int i = start > 0 ? start - 1 : 0; i < start + length; i++) {
        if (line[i] != ' ') {
            return;
        }
    }
    memcpy(line + start, text, (size_t)length);
}

static void put_axis(const struct plot *plot, ek_buf *out)
{
    enum { LINE = 512 };
    bool ticks[CELLS_MAX] = {false};
    char labels[LINE], text[32];
    int before = plot->names + 3, width = before + plot->cells + 2; /* below LINE by the maxima */
    int decimals = plot->step >= 1 ? 0 : (int)ceil(-log10(plot->step) - 1e-9);
    memset(labels, ' ', LINE);
    memcpy(labels + 1, "percent", 7);
    int64_t first = (int64_t)ceil(plot->low / plot->step - 1e-9);
    for (int64_t t = first; (double)t * plot->step <= plot->high; t++) {
        int cell = cell_of(plot, (double)t * plot->step);
        ticks[cell] = true;
        snprintf(text, sizeof text, "%.*f", decimals, (double)t * plot->step);
        place_label(labels, width, before + cell, text);
    }
    ek_buf_printf(out, " %*s  ", plot->names, "");
    for (int c = 0; c < plot->cells; c++) {
        ek_buf_puts(out, ticks[c] ? plot->glyphs->tick : plot->glyphs->axis);
    }
    ek_buf_putc(out, '\n');
    ek_buf_append(out, labels, (size_t)width);
    end_line(out);
}

static void put_legend(const struct plot *plot, bool failed, double baseline, ek_buf *out)
{
    const struct glyphs *glyphs = plot->glyphs;
    bool narrow = plot->names + plot->cells < 50;
    ek_buf_printf(out, " %s run", glyphs->ok);
    if (failed) {
        ek_buf_printf(out, "  %s failed", glyphs->failed);
    }
    ek_buf_printf(out, "  %s median", glyphs->median);
    if (plot->baseline >= 0) {
        ek_buf_printf(out, "  %s baseline", glyphs->baseline);
    }
    if (plot->baseline >= 0 && !narrow) {
        ek_buf_printf(out, " %.1f", 100 * baseline);
    }
    ek_buf_putc(out, '\n');
}

void ek_strip_plot(const ek_strip_row *rows, size_t count, double baseline,
                   const ek_table_style *style, ek_buf *out)
{
    struct plot plot;
    size_t most = 0;
    bool failed = false;
    for (size_t r = 0; r < count; r++) {
        most = rows[r].count > most ? rows[r].count : most;
        for (size_t i = 0; rows[r].failed && i < rows[r].count; i++) {
            failed = failed || (rows[r].failed[i] && isfinite(rows[r].scores[i]));
        }
    }
    if (!lay_out(&plot, rows, count, baseline, style)) {
        return;
    }
    struct cell *cells = ek_calloc((size_t)plot.cells, sizeof *cells);
    double *sorted = ek_calloc(most, sizeof *sorted);
    if (cells && sorted) {
        for (size_t r = 0; r < count; r++) {
            put_row(&plot, &rows[r], cells, sorted, out);
        }
        put_axis(&plot, out);
        put_legend(&plot, failed, baseline, out);
    } else {
        out->failed = true;
    }
    ek_free(cells);
    ek_free(sorted);
}

/* ---- of a table ------------------------------------------------------------------------------ */

/* Scores of the done runs of a group from *at on. */
static void take_group(const ek_group_table *table, ek_strip_row *row, double *scores,
                       uint8_t *failed)
{
    row->scores = scores;
    row->failed = failed;
    for (size_t i = 0; i < table->run_count; i++) {
        const ek_run_row *run = &table->runs[i];
        if (run->status == EK_RUN_DONE && strcmp(run->group, row->name) == 0) {
            scores[row->count] = run->score;
            failed[row->count++] = run->outcome != EK_OUTCOME_OK;
        }
    }
}

void ek_strip_plot_of_table(const ek_group_table *table, const ek_table_style *style, ek_buf *out)
{
    ek_strip_row *rows = ek_calloc(table->count, sizeof *rows);
    double *scores = ek_calloc(table->run_count, sizeof *scores);
    uint8_t *failed = ek_calloc(table->run_count, 1);
    size_t count = 0, used = 0;
    if (rows && scores && failed) {
        for (size_t g = 0; g < table->count; g++) {
            rows[count].name = table->rows[g].group;
            take_group(table, &rows[count], scores + used, failed + used);
            used += rows[count].count;
            count += rows[count].count > 0; /* a group without a done run has no strip */
        }
        ek_strip_plot(rows, count, table->facts.baseline, style, out);
    } else {
        out->failed = true;
    }
    ek_free(rows);
    ek_free(scores);
    ek_free(failed);
}
