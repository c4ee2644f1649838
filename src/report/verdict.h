/* verdict.h - one comparison in words: what can be claimed, and on what it rests.
 *
 * The same sentences stand in `compare`, in the report and in its Markdown form. Scores are
 * fractions; the text shows percent.
 */
#ifndef EK_REPORT_VERDICT_H
#define EK_REPORT_VERDICT_H

#include "base/str.h"
#include "stats/comparison.h"

/* "stable is more stable than devlin: SD 2.4 against 7.2, ratio 0.33 [0.20, 0.60]; failures ..."
 * One paragraph without a line end. a and b: names of the groups. */
void ek_verdict_text(const ek_comparison *c, const char *a, const char *b, ek_buf *out);
/* Warnings, one a line: few runs, SD driven by failures, best checkpoint on the reported split. */
void ek_verdict_warnings(const ek_comparison *c, const char *a, const char *b, int best_checkpoint,
                         ek_buf *out);

#endif
