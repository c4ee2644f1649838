/* page.h - a study's report as one HTML file that needs nothing else.
 *
 * Style and script are inside, nothing is fetched (a Content-Security-Policy forbids it), all text
 * of the store is escaped. The page is a function of the store, of what probes left beside it, of
 * the program and, where texts are wanted, of the data: no date of today, no folder.
 *
 * Order: the claim and the table it rests on, figures, why runs failed, every run, the examples on
 * which runs disagree, everything to make it again.
 */
#ifndef EK_REPORT_PAGE_H
#define EK_REPORT_PAGE_H

#include "base/status.h"
#include "base/str.h"
#include "data/dataset.h"
#include "probe/study_explanation.h"
#include "report/figure.h"
#include "report/findings.h"
#include "study/store.h"

/* why: of a study with failed runs; NULL: no such section. texts: the study's data, whose
 * validation texts are shown with the examples; NULL: none. */
ek_status ek_page_html(const ek_findings *findings, ek_store *store, const ek_figure_set *figures,
                       const ek_study_explanation *why, const ek_dataset *texts, ek_buf *out,
                       ek_error *err);

#endif
