/* figure_gnuplot.h - runs gnuplot: a process of its own, no shell, a time limit. */
#ifndef EK_REPORT_FIGURE_GNUPLOT_H
#define EK_REPORT_FIGURE_GNUPLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Runs the scripts (names inside dir) one after the other in one gnuplot whose folder is dir.
 * *found false and EK_OK when there is no gnuplot in PATH. pdf: draws PDF files instead of SVG.
 * EK_E_IO with gnuplot's first line when it fails, or when it takes more than limit_seconds. */
ek_status ek__gnuplot_run(const char *dir, const char *const *scripts, size_t count, bool pdf,
                          double limit_seconds, bool *found, ek_error *err);

#endif
