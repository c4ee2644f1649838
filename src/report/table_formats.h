/* table_formats.h - a study's findings as Markdown, LaTeX and JSON.
 *
 * The same numbers and sentences as on the page, for a README, a paper and a program.
 */
#ifndef EK_REPORT_TABLE_FORMATS_H
#define EK_REPORT_TABLE_FORMATS_H

#include "base/str.h"
#include "report/findings.h"

/* Verdict, warnings, table, notes, every run: GitHub's Markdown. */
void ek_findings_markdown(const ek_findings *findings, ek_buf *out);
/* A table environment with booktabs; the document needs \usepackage{booktabs} and T1 fonts. */
void ek_findings_latex(const ek_findings *findings, ek_buf *out);
/* The document of `study --json` with "comparisons" added: the objects of `compare --json`, whose
 * verdict is that of the p corrected over the groups, and "disagreement" (report/disagreement.h).
 */
ek_status ek_findings_json(const ek_findings *findings, ek_store *store, ek_buf *out,
                           ek_error *err);

#endif
