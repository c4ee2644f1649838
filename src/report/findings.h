/* findings.h - all that a report says in numbers, computed once for every format.
 *
 *     ek_findings findings = {0};
 *     ek_findings_load(&findings, store, &err);
 *     ek_page_write(&findings, ...);      // or ek_findings_markdown, _latex, _json
 *     ek_findings_free(&findings);
 *
 * A function of the store alone. Every done run counts. With several groups each is compared with
 * the first one of the study; the p of each question (spread, failures, level) are Holm-corrected
 * over these comparisons.
 */
#ifndef EK_REPORT_FINDINGS_H
#define EK_REPORT_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/str.h"
#include "report/group_compare.h"
#include "report/group_table.h"
#include "report/verdict.h"
#include "study/store.h"

/* The done runs of one group, by their seeds. */
typedef struct {
    double *scores;  /* [n] */
    uint8_t *failed; /* [n] */
    size_t *runs;    /* [n] places in table.runs */
    size_t n;
} ek_group_findings;

/* A later group against the first. */
typedef struct {
    size_t group;                /* place in table.rows */
    ek_group_comparison numbers; /* its verdict is that of the corrected p */
    char *text;                  /* the verdict in words, one paragraph */
} ek_findings_comparison;

typedef struct {
    ek_group_table table;
    ek_study_record record;
    ek_group_findings *groups; /* [table.count] */
    ek_findings_comparison *comparisons;
    size_t comparison_count;         /* table.count - 1, or 0 */
    char *warnings;                  /* one a line, none twice */
    ek_score_unit unit;              /* percent, unless the metric is none */
    size_t done, ok, unfinished;     /* runs */
    size_t failed, diverged, doomed; /* none is in two of them */
} ek_findings;

ek_status ek_findings_load(ek_findings *findings, ek_store *store, ek_error *err);
void ek_findings_free(ek_findings *findings); /* an all-zero one is fine */

/* A score in the report's unit, "-" where there is none. */
void ek_findings_score(const ek_findings *findings, ek_buf *out, double value);
/* " [low, high]" in the same unit, nothing where there is none. */
void ek_findings_interval(const ek_findings *findings, ek_buf *out, double low, double high);
/* Notes of the table, one a line: how each number was made. */
void ek_findings_notes(const ek_findings *findings, ek_buf *out);
/* "rte, accuracy on validation (277 examples), last checkpoint". */
void ek_findings_subject(const ek_findings *findings, ek_buf *out);

#endif
