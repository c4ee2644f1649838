/* group_compare.h - two groups of a study, or two lists of scores, compared: table and JSON.
 *
 *     ek_group_comparison c;
 *     ek_group_compare(&c, &table, store, "devlin", "stable", &err);
 *     ek_group_comparison_text(&c, &style, &out);
 *
 * Effects with intervals first, tests second, the verdict last, then what it rests on and what to
 * be careful about. Runs whose five seeds are the same in both groups are pairs.
 */
#ifndef EK_REPORT_GROUP_COMPARE_H
#define EK_REPORT_GROUP_COMPARE_H

#include <stdbool.h>

#include "base/status.h"
#include "base/str.h"
#include "report/group_table.h"
#include "report/verdict.h"
#include "stats/comparison.h"
#include "stats/predictions.h"
#include "study/store.h"

typedef struct {
    const char *a, *b; /* names, borrowed */
    ek_comparison numbers;
    ek_verdict verdict;
    ek_score_unit unit;
    bool best_checkpoint; /* scores are of the best checkpoint on the reported split */
    bool has_examples;    /* examples: seed noise and noise of the examples in accuracy(b) - (a) */
    ek_multi_bootstrap examples;
    const ek_group_table *table; /* NULL for two lists */
} ek_group_comparison;

/* The finished runs of one group, in the order of the table. */
typedef struct {
    double *scores;          /* [n] */
    uint8_t *failed;         /* [n], 1: failed or diverged */
    const ek_run_row **runs; /* [n], borrowed from the table */
    size_t n;
} ek_group_runs;
/* An unknown group: EK_E_USAGE with those there are. Free in any case. */
ek_status ek_group_runs_read(ek_group_runs *runs, const ek_group_table *table, const char *group,
                             ek_error *err);
void ek_group_runs_free(ek_group_runs *runs);

/* store may be NULL (no predictions are read). An unknown group: EK_E_USAGE with those there are.
 */
ek_status ek_group_compare(ek_group_comparison *out, const ek_group_table *table, ek_store *store,
                           const char *a, const char *b, ek_error *err);
/* Two lists; pairs as ek_comparison_of. */
ek_group_comparison ek_list_compare(const ek_group_scores *a, const char *name_a,
                                    const ek_group_scores *b, const char *name_b, bool paired);

void ek_group_comparison_text(const ek_group_comparison *c, const ek_table_style *style,
                              ek_buf *out);
/* {"a":{"group":..,"n":..},"b":{..},"sd_ratio":..,..,"verdict":{..},"text":..,"warnings":[..]} */
void ek_group_comparison_json(const ek_group_comparison *c, ek_buf *out);

#endif
