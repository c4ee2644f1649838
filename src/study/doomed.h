/* doomed.h - runs that will fail, told by their first 15 % from the finished runs of named seeds.
 *
 * The numbers that a rule may look at come from what a run logged at its steps up to the decision:
 * the last logged step of the first EK_DOOMED_PERCENT %. ek_doomed_features computes them from the
 * metrics as they stand in the store and from those of a run at work; it is the same code and
 * sorts what it gets, so both agree bit for bit. Which runs teach is said by name (stop_doomed) and
 * not by who finished first, so a rule does not depend on workers, order or interruptions.
 *
 * Trust: nothing is stopped unless, by cross-validation over seeds, at least
 * EK_DOOMED_PRECISION_MIN of the runs called doomed failed and the lower end of that share's
 * interval is at least EK_DOOMED_LOW_MIN (four calls, all of them right, is the least).
 */
#ifndef EK_STUDY_DOOMED_H
#define EK_STUDY_DOOMED_H

#include "study/doomed_rule.h"
#include "study/spec.h"
#include "study/store.h"

enum { EK_DOOMED_PERCENT = 15 };
#define EK_DOOMED_PRECISION_MIN 0.9
#define EK_DOOMED_LOW_MIN       0.5

/* Numbers of a run's beginning; halves are of the logged steps, the middle one in the later. NaN
 * where something is not logged or not finite. */
typedef enum {
    EK_DOOMED_GRAD_NORM,         /* mean of log10 grad_norm */
    EK_DOOMED_GRAD_NORM_SLOPE,   /* its least-squares slope, decades per length of the run */
    EK_DOOMED_LOSS_CHANGE,       /* train_loss: mean of the later half minus mean of the first */
    EK_DOOMED_LOSS_LAST,         /* train_loss at the decision. Against the loss of a constant
                                  * predictor it would be the same rule: that is one number a group */
    EK_DOOMED_BOTTOM_NORM,       /* mean log10 of the gradient's norm over the lowest third of the
                                  * encoder's layers; this and the rest need log_gradients */
    EK_DOOMED_BOTTOM_TOP,        /* mean log10 of lowest layer's over highest layer's norm */
    EK_DOOMED_POOLER_SATURATION, /* mean of the later half */
    EK_DOOMED_OUTPUT_ENTROPY,    /* mean of the later half */
    EK_DOOMED_FEATURES
} ek_doomed_feature;
const char *ek_doomed_feature_name(size_t feature); /* "grad_norm_slope" */
const char *ek_doomed_feature_text(size_t feature); /* "slope of log10 grad_norm ..." */

/* The last logged step of the first 15 %; 0 when there is none. */
int64_t ek_doomed_step(int64_t total_steps, int64_t logging_steps);

/* Metrics in any order; those after `step` are left out. EK_E_MEMORY. */
ek_status ek_doomed_features(double out[EK_DOOMED_FEATURES], const ek_metric_row *metrics,
                             size_t count, int64_t step, int64_t total_steps, ek_error *err);
/* Whether a metric of that name is looked at. */
bool ek_doomed_looks_at(const char *name);

/* Runs of one group with their features, from the store. */
typedef struct {
    double *features; /* [count][EK_DOOMED_FEATURES] */
    uint8_t *failed;  /* [count] */
    uint32_t *seeds;  /* [count] */
    int64_t *ids;     /* [count] */
    size_t count;
    size_t stopped; /* doomed runs: left out, since nobody knows what would have become of them */
    int64_t step, total_steps;
} ek_doomed_runs;
/* The done runs of a group. by_seed: of those seeds only (listed), or of all others (!listed);
 * seeds NULL: all. */
ek_status ek_doomed_runs_read(ek_doomed_runs *runs, ek_store *store, const char *group,
                              const int64_t *seeds, size_t seed_count, bool listed, ek_error *err);
void ek_doomed_runs_free(ek_doomed_runs *runs); /* an all-zero one is fine */
ek_early_runs ek_doomed_early_runs(const ek_doomed_runs *runs);

ek_status ek_doomed_learn(ek_doomed_rule *rule, const ek_doomed_runs *runs, ek_error *err);
/* "grad_norm_slope > -1.234", or "none". */
void ek_doomed_rule_text(const ek_doomed_rule *rule, char out[96]);
/* Why nothing is stopped by a rule, for people; "" when it is trusted. */
void ek_doomed_reason(const ek_doomed_rule *rule, char out[200]);

/* stop_doomed names seeds that the study has. EK_E_USAGE. */
ek_status ek_doomed_check_spec(const ek_spec *spec, ek_error *err);

/* The rule stored with a group; rule->known is false when there is none. */
ek_status ek_doomed_load(ek_doomed_rule *rule, ek_store *store, const char *group, ek_error *err);
ek_status ek_doomed_save(const ek_doomed_rule *rule, ek_store *store, const char *group,
                         ek_error *err);
/* The stored rule of a group, or, when there is none, the one that its done runs of the seeds of
 * stop_doomed teach: stored, and said (ek_info). From what is stored, so that it is the same in
 * whatever order the runs came to their end. */
ek_status ek_doomed_settle(ek_doomed_rule *rule, ek_store *store, const ek_spec *spec, size_t arm,
                           ek_error *err);

#endif
