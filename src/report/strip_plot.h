/* strip_plot.h - every run of a study as one mark on an axis, for a terminal.
 *
 * A group is a strip: its runs stacked over their score, below them the span from the lowest to the
 * highest with the median. One mark is one run: "●" (ascii "o"), "×" ("x") for a failed one; where
 * more than three fall into one cell the top says how many the cell has beyond those drawn (2 to 9,
 * "+" for more). The majority baseline is a vertical line when it lies in the range of the scores.
 */
#ifndef EK_REPORT_STRIP_PLOT_H
#define EK_REPORT_STRIP_PLOT_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "report/group_table.h"

typedef struct {
    const char *name;      /* any bytes; cut to what fits */
    const double *scores;  /* [count] fractions; those that are not finite are left out */
    const uint8_t *failed; /* [count] != 0: the run failed; NULL: none did */
    size_t count;
} ek_strip_row;

/* Appends lines of at most style->width columns (80 when that is 0, never fewer than 40). Nothing
 * when no row has a finite score. baseline: fraction, NaN for none. Memory that lacks shows in
 * ek_buf_status(out). */
void ek_strip_plot(const ek_strip_row *rows, size_t count, double baseline,
                   const ek_table_style *style, ek_buf *out);

/* The same for the done runs of a table, in the order of its groups. */
void ek_strip_plot_of_table(const ek_group_table *table, const ek_table_style *style, ek_buf *out);

#endif
