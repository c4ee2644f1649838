/* run_trace.h - what the store knows about the course of every run of a study, as plain arrays.
 *
 *     ek_traces traces = {0};
 *     ek_traces_load(&traces, store, dir, &err);
 *     ... traces.runs[i].loss.values ... evidence.h ...
 *     ek_traces_free(&traces);
 *
 * It only reads. Whatever was not logged is an empty series (count 0), a NULL array or NaN: older
 * stores and runs without --log-gradients have less. Values that are not finite stay as they are.
 */
#ifndef EK_PROBE_RUN_TRACE_H
#define EK_PROBE_RUN_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "study/store.h"

typedef struct {
    int64_t *steps; /* [count], ascending */
    double *values; /* [count] */
    size_t count;
} ek_trace_series;

/* Gradient norms by place in the network, before clipping: the root of the sum of the squares of
 * the tensors' norms. Place 0 is the embeddings, 1 to encoder_layers the encoder from the input on,
 * then the pooler, then the classifier. */
typedef struct {
    int64_t *steps;        /* [count] */
    double *norms;         /* [places][count]; NaN where a tensor has no value at that step */
    bool *logged;          /* [places] */
    size_t count, places;  /* 0: nothing was logged */
    size_t encoder_layers; /* places - 3 */
} ek_trace_gradients;

/* What the reported checkpoint answers on the validation examples. */
typedef struct {
    size_t examples;          /* 0: no predictions are stored */
    size_t classes;           /* that occur among the answers */
    int32_t top_class;        /* the most frequent answer */
    size_t top_count;         /* how often it is given */
    double score_deviation;   /* regression: SD (ddof 0) of the predicted scores, else NaN */
    size_t nonfinite_answers; /* examples with a probability or score that is not finite */
} ek_trace_answers;

/* What evidence.h computed of a run alone, kept since every other run is held against it. */
struct ek_trace_memo {
    bool fall_known, loss_known, clipped_known;
    double fall, fall_noise; /* of the last half of its loss */
    double last_loss, clipped_share;
};

typedef struct {
    int64_t run; /* its id */
    size_t group;
    uint32_t seed;
    ek_run_status status;
    ek_outcome outcome;
    double score;
    int64_t total_steps, nonfinite_step;
    ek_trace_series loss, rate, norm, eval_loss, eval_score, pooler_saturation, output_entropy;
    ek_trace_gradients gradients;
    size_t tensors,
        nonfinite_tensors; /* with a logged norm; of these not finite at nonfinite_step */
    ek_trace_answers answers;
    struct ek_trace_memo *memo; /* NULL: nothing is kept */
} ek_trace;

/* A group: what it sets, as text, in the order of ek_recipe_options (NULL: not stored). */
typedef struct {
    char *name;
    char **settings;
    size_t runs, failed, unfinished; /* runs: done; failed: not ok, diverged ones too */
} ek_trace_group;

typedef struct {
    ek_study_facts facts;
    size_t truth_count;    /* validation examples with a label or score */
    size_t *label_counts;  /* [facts.label_count] of the validation split; NULL of a regression */
    double truth_variance; /* of the scores of a regression (ddof 0), else NaN */
    ek_trace_group *groups;
    size_t group_count;
    ek_trace *runs;              /* by id, unfinished ones too */
    struct ek_trace_memo *memos; /* [run_count] private */
    size_t run_count;
} ek_traces;

/* dir: the study's folder, where runs that were made again for their gradients are looked up
 * (DIR/probe/gradients, gradients.h), if these were not logged at first; NULL: the store alone. */
ek_status ek_traces_load(ek_traces *traces, ek_store *store, const char *dir, ek_error *err);
void ek_traces_free(ek_traces *traces); /* an all-zero one is fine */

/* A setting of a group as a number: a flag is 0 or 1. NaN when it is not stored or no number. */
double ek_trace_setting(const ek_trace_group *group, const char *name);
/* The same as text, NULL when it is not stored. */
const char *ek_trace_setting_text(const ek_trace_group *group, const char *name);

#endif
