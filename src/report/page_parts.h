/* page_parts.h - the sections of the page; private to report/page*.c. */
#ifndef EK_REPORT_PAGE_PARTS_H
#define EK_REPORT_PAGE_PARTS_H

#include "report/markup.h"
#include "report/page.h"

void ek__page_claim(const ek_findings *findings, ek_buf *out);
void ek__page_figures(const ek_figure_set *figures, ek_buf *out);
void ek__page_why(const ek_study_explanation *why, ek_buf *out);
void ek__page_runs(const ek_findings *findings, ek_buf *out);
ek_status ek__page_examples(const ek_findings *findings, ek_store *store, const ek_dataset *texts,
                            ek_buf *out, ek_error *err);
ek_status ek__page_repeat(const ek_findings *findings, ek_store *store, ek_buf *out, ek_error *err);

/* A drawing of one group's scores, one mark a run, on the common scale of all groups. */
void ek__page_strip(const ek_findings *findings, size_t group, ek_buf *out);

/* Opens a box that scrolls sideways, so that a wide table never widens the page. */
void ek__page_scroll_open(ek_buf *out, const char *label);
void ek__page_scroll_close(ek_buf *out);

#endif
