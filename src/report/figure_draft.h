/* figure_draft.h - inside of figure.h: what every figure is made from, and the pieces they share.
 *
 * A figure is a function that fills a draft: title, caption and alt text, the data as TSV and a
 * gnuplot script. It leaves drawn false when the study has no data for it. figure.c owns the table
 * of these functions, the files and gnuplot.
 *
 * What a user named (groups) is hostile to gnuplot: double quotes run shell commands in backticks,
 * enhanced text swallows braces. So names enter a script only through ek__gp_string (single quotes,
 * one line), and in TSV files they stand in the last columns, which no script reads.
 */
#ifndef EK_REPORT_FIGURE_DRAFT_H
#define EK_REPORT_FIGURE_DRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"
#include "probe/probe_file.h"
#include "report/group_table.h"
#include "study/store.h"

enum {
    EK_FIGURE_WIDTH = 540,  /* px of the canvas; at font size 15 still read on a phone */
    EK_FIGURE_POINTS = 300, /* of a line, at most */
    EK_FIGURE_LINES = 10,   /* thin lines of one outcome in one panel, at most */
    EK_FIGURE_PANELS = 4,   /* groups with a panel of their own, at most */
    EK_FIGURE_LABEL = 24,   /* columns of a group's label, at most */
};

/* Okabe and Ito's colours that keep a contrast of 3:1 on white and on a dark page; groups take them
 * in this order. EK_COLOR_FAILED is kept for failed runs where groups have no colour. */
#define EK_RGB_OK       "0072B2"
#define EK_RGB_FAILED   "D55E00"
#define EK_COLOR_OK     "#" EK_RGB_OK
#define EK_COLOR_FAILED "#" EK_RGB_FAILED
extern const char *const ek__figure_colors[];
extern const int ek__figure_points[]; /* filled shapes that go with the colours */
enum { EK_FIGURE_COLORS = 4 };

/* A logged series, thinned to EK_FIGURE_POINTS by keeping every k-th value and the last. */
typedef struct {
    int64_t *steps;
    double *values;
    size_t count;
    size_t logged; /* before thinning */
} ek_figure_series;

typedef struct {
    const ek_run_row *row;
    size_t group; /* in table->rows */
    bool failed;  /* or diverged */
    ek_figure_series loss, score;
    double final_loss; /* training loss at the end, see full_pass; NaN without */
    double epochs;     /* that the run trained for; 0: not known */
} ek_figure_run;

typedef struct {
    const ek_group_table *table;
    ek_store *store;
    ek_figure_run *runs; /* the done runs, by group, then by id */
    size_t run_count;
    char **labels;         /* [table->count] names that can stand in a figure; unique */
    double scale;          /* stored score times this is what is shown: 100, or 1 for errors */
    const char *unit;      /* " (%)" or "" */
    size_t most_logged;    /* longest series before thinning */
    const char *study_dir; /* NULL: none */
    /* What the probes of this study left; all zero where there is none. */
    ek_forgetting_file forgetting;
    ek_surface_file surface;
    ek_drift_file drift;
    /* final_loss is train_eval_loss, where every run logged it (--eval-train); else the mean of the
     * last tenth of the logged values of train_loss. */
    bool full_pass;
} ek_figure_data;

/* study_dir: where the probes' results lie, NULL: nowhere. A file of theirs that cannot be used is
 * a line of warnings and not an error. */
ek_status ek__figure_data_load(ek_figure_data *data, const ek_group_table *table, ek_store *store,
                               const char *study_dir, ek_buf *warnings, ek_error *err);
void ek__figure_data_free(ek_figure_data *data);
/* Runs of a group with that outcome. */
size_t ek__figure_count(const ek_figure_data *data, size_t group, bool failed);

typedef struct {
    const char *id;
    bool drawn;
    ek_buf title, caption, alt, tsv, gp;
} ek_figure_draft;

typedef ek_status (*ek_figure_maker)(const ek_figure_data *data, ek_figure_draft *draft,
                                     ek_error *err);
ek_status ek__figure_scores(const ek_figure_data *data, ek_figure_draft *draft, ek_error *err);
ek_status ek__figure_loss_curves(const ek_figure_data *data, ek_figure_draft *draft, ek_error *err);
ek_status ek__figure_score_curves(const ek_figure_data *data, ek_figure_draft *draft,
                                  ek_error *err);
ek_status ek__figure_score_over_epochs(const ek_figure_data *data, ek_figure_draft *draft,
                                       ek_error *err);
ek_status ek__figure_loss_against_score(const ek_figure_data *data, ek_figure_draft *draft,
                                        ek_error *err);
ek_status ek__figure_gradient_norms(const ek_figure_data *data, ek_figure_draft *draft,
                                    ek_error *err);
ek_status ek__figure_gradient_groups(const ek_figure_data *data, ek_figure_draft *draft,
                                     ek_error *err);
ek_status ek__figure_forgetting(const ek_figure_data *data, ek_figure_draft *draft, ek_error *err);
ek_status ek__figure_loss_surface(const ek_figure_data *data, ek_figure_draft *draft,
                                  ek_error *err);
ek_status ek__figure_gradient_surface(const ek_figure_data *data, ek_figure_draft *draft,
                                      ek_error *err);
ek_status ek__figure_loss_barrier(const ek_figure_data *data, ek_figure_draft *draft,
                                  ek_error *err);
ek_status ek__figure_drift(const ek_figure_data *data, ek_figure_draft *draft, ek_error *err);
ek_status ek__figure_disagreement(const ek_figure_data *data, ek_figure_draft *draft,
                                  ek_error *err);
ek_status ek__figure_expected_best(const ek_figure_data *data, ek_figure_draft *draft,
                                   ek_error *err);
ek_status ek__figure_variance_by_source(const ek_figure_data *data, ek_figure_draft *draft,
                                        ek_error *err);

/* A run for the figures of gradients, and where its norms are: in the study's store, or in the one
 * that `probe gradients` made (DIR/probe/gradients/run-<id>). */
typedef struct {
    const ek_figure_run *run;
    ek_store *store;
    int64_t id;      /* in that store */
    ek_store *owned; /* to be closed, or NULL */
} ek_gradient_source;
/* Of the runs that have norms the failed one with the median score, and a successful one, of its
 * group where there is one. *count: 0 to 2. Freed by ek__gradient_sources_close, also after an
 * error. */
ek_status ek__gradient_sources_open(const ek_figure_data *data, ek_gradient_source out[2],
                                    size_t *count, ek_error *err);
void ek__gradient_sources_close(ek_gradient_source sources[2]);

/* Writes dir/<id>.tsv and dir/<id>.gp; dir is there. */
ek_status ek__figure_write(const ek_figure_draft *draft, const char *dir, ek_error *err);
void ek__figure_draft_free(ek_figure_draft *draft);

/* Starts a script: encoding, separators, terminal of this size, output, axes, grid. */
void ek__gp_begin(ek_figure_draft *draft, int width, int height);
/* The range of an axis ('x' or 'y') with ticks at round numbers, about `ticks` of them at most. */
void ek__gp_axis(ek_buf *gp, char axis, double low, double high, int ticks);
/* Ticks of a logarithmic axis: powers of ten, and numbers between them where there is room. */
void ek__gp_log_ticks(ek_buf *gp, char axis, double low, double high);
/* Where the plot begins and ends, in px from the top of a canvas of that height. */
void ek__gp_rows(ek_buf *gp, double top, double bottom, double height);
/* One entry of a legend: a mark of this colour and what it stands for. */
typedef struct {
    const char *title, *color;
    int point;   /* gnuplot's point type, 0: none */
    double line; /* width, 0: none */
    int dash;    /* gnuplot's dash type */
} ek_legend_entry;
enum { EK_POINT_OK = 7, EK_POINT_FAILED = 11 }; /* filled circle, filled triangle */
/* A legend along the top of a canvas, in as many rows of EK_LEGEND_ROW px as it takes; labels and
 * arrows from number 101 on. Returns the rows. Without gp only counts them. */
enum { EK_LEGEND_ROW = 24, EK_LEGEND_FIRST = 101 };
int ek__gp_legend(ek_buf *gp, const ek_legend_entry *entries, size_t count, double height);
/* The same, beginning that many px from the top. */
int ek__gp_legend_at(ek_buf *gp, const ek_legend_entry *entries, size_t count, double top,
                     double height);
/* Takes it away, for the next plots of a multiplot. */
void ek__gp_legend_end(ek_buf *gp, size_t count);
/* The lines of a plot from columns 1 and 2 of <id>.tsv: thin ones of single runs, by outcome
 * (failed under successful), then thick ones of the two means, which are blocks `means` and means
 * + 1. */
void ek__gp_run_lines(ek_buf *gp, const char *id, const size_t lines[2][EK_FIGURE_LINES],
                      const size_t drawn[2], size_t means);
/* A name above the left end of a plot; hostile text is fine. */
void ek__gp_panel_name(ek_buf *gp, const char *text);
/* text as a single-quoted string; what is not a printable character becomes a space. */
void ek__gp_string(ek_buf *gp, const char *text);
/* Text on one line: valid UTF-8, no control characters, no tab. most_columns 0: whole. */
void ek__figure_line(ek_buf *out, const char *text, size_t most_columns);
/* Columns that text takes in a typewriter's width; wide characters take two. */
size_t ek__figure_columns(const char *text);
/* A number as a script and a TSV file take it: NaN where it is not finite. */
void ek__figure_number(ek_buf *out, double value);
/* "accuracy on validation (%)" */
void ek__figure_score_label(const ek_figure_data *data, ek_buf *out);
/* "A run has failed when ...", with a space before. */
void ek__figure_failed_note(const ek_figure_data *data, ek_buf *out);

#endif
