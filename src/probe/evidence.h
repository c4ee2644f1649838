/* evidence.h - the numbers that say what went wrong in a run, from its trace and those beside it.
 *
 * A pure function of traces (run_trace.h): no store, no words. Every number that cannot be had is
 * NaN, every step -1, every count 0. What is concluded from them is explanation.h's business; the
 * thresholds here are those of docs/explain.md.
 *
 *     ek_evidence evidence;
 *     ek_evidence_of(&evidence, &traces, i, &err);
 *     ... evidence.loss.last, evidence.gradients.layers[1].vanished_step ...
 *     ek_evidence_free(&evidence);
 */
#ifndef EK_PROBE_EVIDENCE_H
#define EK_PROBE_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "probe/run_trace.h"

/* What a number is held against: the best there is, in this order. */
typedef enum {
    EK_REFERENCE_NONE,
    EK_REFERENCE_START, /* the run's own beginning */
    EK_REFERENCE_STUDY, /* successful runs of other groups of the study */
    EK_REFERENCE_GROUP, /* successful runs of the same group */
} ek_reference;
const char *ek_reference_name(ek_reference reference); /* "none", "start", "study", "group" */

/* A number of this run, and the median of the successful runs it is held against. */
typedef struct {
    double own, others;
    ek_reference reference;
    size_t runs; /* that `others` is the median of */
} ek_held_against;

typedef struct {
    double constant; /* loss of the best constant answer: the entropy of the validation labels, of
                        a regression the variance of its scores */
    double guess;    /* the loss of not knowing: ln of the number of classes, or `constant` if that
                        is larger; of a regression `constant` */
    size_t count;    /* finite values that were logged */
    size_t nonfinite;
    double first, last;  /* mean over the first and last tenth of them, three values at least, half
                            of them at most */
    double noise;        /* standard error of `last`, from the differences between neighbours */
    double lowest;       /* the lowest mean over as many neighbours */
    int64_t lowest_step; /* the last step of these */
    double highest;      /* the highest mean over as many */
    int64_t highest_step;
    double recent_fall;  /* how much the straight line through the last half falls over it */
    double recent_noise; /* standard error of that */
    ek_held_against end; /* `last` against that of successful runs */
    size_t group_falling, group_known; /* other runs of its group that still fell, and of how many
                                          that is known */
    double failed_fall, failed_noise;  /* mean of recent_fall over the failed runs of its group,
                                          itself among them, and its standard error */
    size_t failed_known;               /* of how many */
    double eval_last, eval_lowest;     /* loss on the validation split */
} ek_loss_evidence;

typedef struct {
    double value, baseline;
    double noise; /* standard error of a score near the baseline, from the number of
                     validation examples: accuracy sqrt(b (1 - b) / n), else 1 / sqrt(n) */
    size_t evaluations;
    double best; /* over all evaluations */
    int64_t best_step;
    int64_t fell_step; /* the first evaluation after the best from which on none is above the
                          baseline; -1: there is none */
    ek_held_against end;
} ek_score_evidence;

typedef struct {
    size_t examples, classes; /* answers that occur; 0 examples: not stored */
    int32_t top_class;
    double top_share, majority_share; /* of the answers; of the truth */
    bool top_is_majority;
    double spread; /* regression: SD of the answers over SD of the truth, else NaN */
    bool constant; /* top_share >= 0.99; regression: spread < 0.05 */
} ek_answer_evidence;

typedef struct {
    double first;          /* the largest of the first three values */
    double last;           /* median of the last three */
    double others_last;    /* of what it is held against, at the same share of training */
    int64_t vanished_step; /* the first step from which on the norm (median of three neighbours) is
                              below a tenth of the reference until the end; -1: never */
    bool logged;
} ek_layer_evidence;

typedef struct {
    bool logged;
    ek_layer_evidence *layers; /* [places], as ek_trace_gradients */
    size_t places, encoder_layers;
    /* What the layers are held against: successful runs, unless only against the run's own
     * beginning they have vanished (successful runs may have small gradients too). */
    ek_reference reference;
    size_t reference_runs;  /* successful runs with gradients, of the group or else the study */
    size_t others_vanished; /* of these, those whose own gradients vanished, by their beginnings */
    size_t bottom, top; /* places: the first encoder layer (embeddings when there is only one) and
                           the last; classifier: places - 1 */
    /* Bottom over top layer, and bottom over classifier: the largest of the first three logged
     * steps, at the end (by the medians of the last three), and at the end of the successful runs
     * (without any: the same as first). */
    double to_top_first, to_top_last, to_top_others;
    double to_head_first, to_head_last, to_head_others;
    bool vanished;         /* the bottom layer's norm and its ratio to the classifier's are both
                              below a tenth of what they are held against */
    size_t vanished_count; /* encoder layers with a vanished_step */
    int64_t vanished_step; /* of the bottom layer */
} ek_gradient_evidence;

typedef struct {
    size_t steps;         /* logged ones */
    double limit;         /* max_grad_norm; 0: no clipping; NaN: not known */
    double clipped_share; /* of the logged steps with a norm above it */
    double largest;
    int64_t largest_step;
    double start; /* median of the first three norms */
    ek_held_against share;
} ek_clipping_evidence;

typedef enum {
    EK_MOMENT_PEAK,      /* the largest learning rate */
    EK_MOMENT_VANISHED,  /* the bottom layer's gradient vanished */
    EK_MOMENT_COLLAPSED, /* the score or the loss went back to that of a constant answer */
    EK_MOMENT_NONFINITE,
} ek_moment;
const char *ek_moment_name(ek_moment moment); /* "peak", "vanished", "collapsed", "nonfinite" */

typedef struct {
    double peak; /* largest logged learning rate; of the settings when none was logged */
    int64_t peak_step;
    ek_moment moment;       /* what `step` is the step of */
    int64_t step;           /* -1: not known */
    double at_step;         /* learning rate there */
    double bias_correction; /* 0, 1, NaN: not stored */
    /* How many times as large as with bias correction the update is at step and at peak_step:
     * (1 - b1^t) / sqrt(1 - b2^t); 1 with bias correction. */
    double excess_at_step, excess_at_peak;
    double warmup_steps; /* of the settings; NaN when not stored */
} ek_rate_evidence;

typedef struct {
    int64_t step;    /* -1: every number was finite */
    bool loss, norm; /* which of the two was not finite there */
    bool logged;     /* gradients of that step are logged */
    size_t tensors;  /* whose gradient was not finite there */
    size_t of_tensors;
    long lowest, highest; /* places of the first and last of them; -1: none */
    size_t encoder_layers;
    double norm_before; /* the last finite total norm before it */
} ek_nonfinite_evidence;

typedef struct {
    int64_t run;
    size_t group; /* in traces->groups */
    uint32_t seed;
    ek_outcome outcome;
    int64_t steps;
    int64_t stopped_step; /* the last logged step, where it is well before the end that was planned;
                             -1: it went to its end, or nothing was logged */
    ek_score_evidence score;
    ek_answer_evidence answers;
    ek_loss_evidence loss;
    ek_gradient_evidence gradients;
    ek_clipping_evidence clipping;
    ek_rate_evidence rate;
    ek_held_against pooler_saturation, output_entropy;
    ek_nonfinite_evidence nonfinite;
    /* Conclusions that rest on one series each; a cause needs two (docs/explain.md). */
    bool loss_known;       /* at least four finite values, and a constant answer's loss */
    bool loss_flat;        /* ends at the loss of a constant answer: not below 0.9 of it, or not by
                              more than twice the noise */
    bool loss_falling;     /* still fell in the last half: by more than 2 % of the constant answer's
                              loss and twice the noise, its own or that of the failed runs of its group
                              taken together, three at least; and ends no higher than 1.05 of a
                          guess: coming back from above is not learning */
    bool loss_blew_up;     /* was above 1.5 of a guess on the way, and ends flat */
    bool loss_learned;     /* ends below 0.75 of a constant answer's loss, or as low (1.05) as the
                              successful runs of its group while not flat */
    bool loss_had_learned; /* was below 0.8 of it on the way */
    bool like_the_others;  /* ends as the successful runs of its group do, and they and it are
                              within twice the noise of the baseline, its loss within 5 % of
                              theirs; its answers are not constant */
    bool score_had_learned; /* an evaluation before the last was above the baseline by more than
                               three times the noise */
} ek_evidence;

/* The evidence of traces->runs[index], a done run. */
ek_status ek_evidence_of(ek_evidence *out, const ek_traces *traces, size_t index, ek_error *err);
void ek_evidence_free(ek_evidence *evidence); /* an all-zero one is fine */

/* "embeddings", "layer 3 of 12", "pooler", "classifier". */
void ek_place_name(size_t place, size_t encoder_layers, char out[32]);

#endif
