/* live_view.h - how far a study is, in words and bars.
 *
 * What the coordinator publishes (study/progress_file.h) and what the store knows, as text for a
 * terminal, as one line for a log, and as the "progress" object of `status --json`. Plain input,
 * nothing is read or kept here.
 */
#ifndef EK_REPORT_LIVE_VIEW_H
#define EK_REPORT_LIVE_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "report/group_table.h"
#include "study/progress_file.h"
#include "study/store.h"

typedef struct {
    bool at_work;        /* a process holds the store (ek_store_is_written) */
    const ek_live *live; /* what it publishes; NULL: nothing, or nobody is at work */
    const ek_run_row *runs;
    size_t run_count; /* of the store */
} ek_live_view;

/* Runs of the call that is at work (its store may hold more), else of the store. */
typedef struct {
    size_t total, done, failed, crashed, running, queued;
    double fraction, eta_seconds; /* of all steps, else of all runs; NaN: unknown */
} ek_live_counts;
ek_live_counts ek_live_view_count(const ek_live_view *view);

/* The bar of the whole, the runs, then a line for each run at work; lines fit style->width (160
 * when that is 0). */
void ek_live_view_text(const ek_live_view *view, const ek_table_style *style, ek_buf *out);
/* " 41 %  8 of 20 runs done, 1 failed, 2 running, 10 queued, 3:07 min left", without newline. */
void ek_live_view_line(const ek_live_view *view, ek_buf *out);
/* {"total":..,"done":..,"failed":..,"running":..,"queued":..,"fraction":..,"eta_seconds":..,
 * "runs":[{"run":..,"group":..,"seed":..,"step":..,"total_steps":..,"loss":..,"score":..}]};
 * what is not known is null. */
void ek_live_view_json(const ek_live_view *view, ek_buf *out);

#endif
