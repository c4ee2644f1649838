/* verdict.h - one comparison in words: what can be claimed, and on what it rests.
 *
 * Three questions, each answered by one test: is the spread different (Brown-Forsythe), the rate of
 * failed runs (Fisher), the level (Mann-Whitney)? The three p are Holm-corrected together, and a
 * claim needs 0.05. With fewer than 5 runs in a group no test is used. The same sentences stand in
 * `compare`, in the report and in its Markdown form.
 */
#ifndef EK_REPORT_VERDICT_H
#define EK_REPORT_VERDICT_H

#include <stdbool.h>

#include "base/str.h"
#include "stats/comparison.h"

enum { EK_VERDICT_FEWEST_RUNS = 5 };

typedef enum {
    EK_VERDICT_NO_TEST, /* too few runs, or no spread at all */
    EK_VERDICT_UNCLEAR, /* tested, not significant */
    EK_VERDICT_A,       /* less spread, fewer failures, higher scores: of a, of b */
    EK_VERDICT_B
} ek_verdict_side;
const char *ek_verdict_side_name(ek_verdict_side side); /* "no_test", "unclear", "a", "b" */

typedef struct {
    ek_verdict_side spread, failures, level;
    double spread_p, failures_p, level_p; /* Holm-corrected; NaN without a test */
} ek_verdict;
ek_verdict ek_verdict_of(const ek_comparison *c);

/* How scores are written: fractions as percent with one decimal, other numbers as they are. */
typedef struct {
    double scale;
    int decimals;
} ek_score_unit;
extern const ek_score_unit ek_percent;
/* A unit in which the differences between these numbers can be seen. */
ek_score_unit ek_score_unit_of(const ek_comparison *c);

/* "stable is more stable than devlin: SD 2.4 against 7.2, ratio 0.33 [0.20, 0.60]; ..." One
 * paragraph without a line end. a and b: names of the groups. Scores are fractions (ek_percent). */
void ek_verdict_text(const ek_comparison *c, const char *a, const char *b, ek_buf *out);
void ek_verdict_text_in(const ek_comparison *c, const char *a, const char *b,
                        const ek_score_unit *unit, ek_buf *out);
/* Warnings, one a line: few runs, SD driven by failures, small SD because all failed, best
 * checkpoint on the reported split. */
void ek_verdict_warnings(const ek_comparison *c, const char *a, const char *b, int best_checkpoint,
                         ek_buf *out);
/* What the verdict assumes, one a line. */
void ek_verdict_assumptions(const ek_comparison *c, ek_buf *out);

#endif
