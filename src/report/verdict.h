/* verdict.h - one comparison in words: what can be claimed, and on what it rests.
 *
 * Three questions, each answered by one test at level 0.05: is the spread different
 * (Brown-Forsythe: Levene's test with the mean as centre, which the paper used, finds differences
 * that are not there in a fourth of comparisons when runs fail; docs/statistics.md), the rate of
 * failed runs (Fisher), the level (Mann-Whitney)? Where several groups are compared, the p of each
 * question are Holm-corrected over the groups. With fewer than 5 runs in a group no test is used.
 * The same sentences stand in `compare`, in the report and in its Markdown form.
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
    double spread_p, failures_p, level_p; /* corrected where there are more groups; NaN: no test */
} ek_verdict;
ek_verdict ek_verdict_of(const ek_comparison *c);
/* For many comparisons: the three p of one (NaN where there is no test), to be corrected question
 * by question, and the verdict that the corrected ones give. */
void ek_verdict_p(const ek_comparison *c, double p[3]);
ek_verdict ek_verdict_from(const ek_comparison *c, const double corrected[3]);

/* How scores are written: fractions as percent with one decimal, other numbers as they are. */
typedef struct {
    double scale;
    int decimals;
} ek_score_unit;
extern const ek_score_unit ek_percent;
/* A unit in which the differences between these numbers can be seen. */
ek_score_unit ek_score_unit_of(const ek_comparison *c);

/* "stable is more stable than devlin: SD 2.4 against 7.2, ratio 0.33 [0.20, 0.60]; ..." One
 * paragraph without a line end. verdict: of ek_verdict_of, or with p that were corrected over more
 * comparisons (ek_verdict_from). a and b: names of the groups. */
void ek_verdict_text(const ek_comparison *c, const ek_verdict *verdict, const char *a,
                     const char *b, const ek_score_unit *unit, ek_buf *out);
/* "p < 0.001", "p 0.012", "p 0.58", and "p 0.0504" so near the level. */
const char *ek_p_text(char out[16], double p);
/* Warnings, one a line: few runs, SD driven by failures, small SD because all failed, best
 * checkpoint on the reported split. */
void ek_verdict_warnings(const ek_comparison *c, const char *a, const char *b, int best_checkpoint,
                         ek_buf *out);
/* What the verdict assumes, one a line. */
void ek_verdict_assumptions(const ek_comparison *c, ek_buf *out);

#endif
