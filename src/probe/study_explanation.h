/* study_explanation.h - a whole study explained: every run's evidence and cause, what failed runs
 * share and successful ones do not, and the one change that the study supports.
 *
 *     ek_study_explanation x = {0};
 *     ek_study_explanation_load(&x, store, dir, &err);
 *     ... x.runs[i].cause, x.groups[g].advice, x.contrasts ...
 *     ek_study_explanation_free(&x);
 *
 * It reads the store (and what `probe gradients` left beside it; dir as in ek_traces_load). The
 * JSON is the contract of `explain --json`.
 */
#ifndef EK_PROBE_STUDY_EXPLANATION_H
#define EK_PROBE_STUDY_EXPLANATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "probe/advice.h"
#include "probe/evidence.h"
#include "probe/explanation.h"
#include "probe/run_trace.h"
#include "study/store.h"

typedef struct {
    ek_evidence evidence;  /* all zero unless the run is done */
    const ek_cause *cause; /* NULL: it did not fail, or is not done */
} ek_explained_run;

typedef struct {
    double failed_low, failed_high; /* Wilson, 95 % */
    size_t *causes;                 /* [ek_cause_table] failed runs by cause */
    const ek_cause *commonest;      /* NULL: none failed */
    size_t cited;                   /* in runs: the first failed run of that cause */
    ek_advice advice;               /* filled where a run failed */
} ek_explained_group;

/* A yes-or-no finding in failed and in successful runs of the study. */
typedef struct {
    const char *name; /* "answers one class only" */
    const char *key;  /* "constant_answers" */
    size_t failed_yes, failed_known, ok_yes, ok_known;
    double p; /* Fisher; NaN when one side has no run */
} ek_contrast;

/* A number, as the median over failed and over successful runs. */
typedef struct {
    const char *name, *key;
    double failed, ok; /* medians; NaN without runs */
    size_t failed_known, ok_known;
} ek_contrast_number;

enum { EK_MOST_CONTRASTS = 8, EK_MOST_CONTRAST_NUMBERS = 10 };

typedef struct {
    ek_traces traces;
    ek_explained_run *runs;     /* [traces.run_count] */
    ek_explained_group *groups; /* [traces.group_count] */
    size_t done, failed;        /* runs of the study; failed: diverged ones too */
    bool mixed; /* contrasts are of the groups in which some runs failed and some did not, because
                   there are such groups: else of all groups */
    ek_contrast contrasts[EK_MOST_CONTRASTS];
    size_t contrast_count;
    ek_contrast_number numbers[EK_MOST_CONTRAST_NUMBERS];
    size_t number_count;
    size_t advised; /* the group whose advice is the study's: most failures; group_count: none */
} ek_study_explanation;

/* From traces that are read already; they are the explanation's from then on, also on errors. */
ek_status ek_study_explanation_of(ek_study_explanation *x, ek_traces *traces, ek_error *err);
ek_status ek_study_explanation_load(ek_study_explanation *x, ek_store *store, const char *dir,
                                    ek_error *err);
void ek_study_explanation_free(ek_study_explanation *x); /* an all-zero one is fine */

/* One document: {"study":..,"runs":[..],"summary":{..}}. show[run_count]: which runs are in it. */
ek_status ek_study_explanation_json(const ek_study_explanation *x, const bool *show, ek_buf *out,
                                    ek_error *err);

#endif
