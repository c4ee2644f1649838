/* figure.h - the figures of a study's report: data, gnuplot script, SVG.
 *
 *     ek_figure_set figures = {0};
 *     ek_figures_make(&figures, &table, store, "my-study", "my-study/report/figures", &options,
 *                     &err);
 *     ... figures.items[i].svg ...
 *     ek_figures_free(&figures);
 *
 * Each figure leaves <id>.tsv (the data), <id>.gp (a script that draws it from the folder it lies
 * in) and, where gnuplot is installed, <id>.svg in the folder; options.pdf adds <id>.pdf. A figure
 * whose data a study does not have (no logged gradients, one seed) is left out. svg is ready to
 * stand inside an HTML page: ids carry the figure's id as a prefix, black and white follow the page
 * (currentColor), fonts are the page's.
 */
#ifndef EK_REPORT_FIGURE_H
#define EK_REPORT_FIGURE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/str.h"
#include "report/group_table.h"
#include "study/store.h"

typedef struct {
    char *id;      /* "scores", "loss_curves", ... [a-z_]+ */
    char *title;   /* plain text */
    char *caption; /* plain text: units, n, what failed means, which runs are drawn */
    char *alt;     /* plain text: what a reader who cannot see it should know */
    char *tsv;     /* the data, with a header line; fields hold no tab */
    char *svg;     /* NULL without gnuplot */
} ek_figure;

typedef struct {
    ek_figure *items;
    size_t count;
    bool gnuplot;   /* it was there */
    char *warnings; /* one a line: results of probes that could not be used; NULL: none */
} ek_figure_set;

typedef struct {
    bool pdf;
} ek_figure_options;

/* study_dir: the study's folder, whose probe/ has the results of its probes; NULL: without them.
 * Makes dir. EK_E_IO when a file cannot be written or gnuplot fails (with its first line). */
ek_status ek_figures_make(ek_figure_set *figures, const ek_group_table *table, ek_store *store,
                          const char *study_dir, const char *dir, const ek_figure_options *options,
                          ek_error *err);
void ek_figures_free(ek_figure_set *figures);

#endif
