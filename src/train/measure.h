/* measure.h - how long the steps of a run take, and where the time goes.
 *
 * The run is executed as it is, with its data, order and dropout, and stopped after some steps;
 * nothing is evaluated or kept.
 */
#ifndef EK_TRAIN_MEASURE_H
#define EK_TRAIN_MEASURE_H

#include "kernel/profile.h"
#include "train/run.h"

enum { EK_MEASURE_STEPS_MAX = 1000 };

typedef struct {
    int64_t steps;                                   /* timed: the first ones (warm-up) are not */
    double seconds_median, seconds_min, seconds_max; /* of a step; NaN without a timed one */
    double seconds;                                  /* of all timed steps */
    double share_median; /* of the peak of a burst beside the step; NaN without with_peak */
    ek_profile profile;  /* of the timed steps */
} ek_measurement;

/* warm_up + steps optimizer steps (fewer when the run is shorter, or when `seconds_limit` have
 * passed and one step was timed). Errors are those of ek_run_execute; a signal ends the
 * measurement as it ends a run. with_peak: a burst of products stands
 * before every step. stop may be NULL. */
ek_status ek_measure_steps(ek_measurement *out, const ek_run_input *input, ek_compute *compute,
                           int64_t warm_up, int64_t steps, double seconds_limit, bool with_peak,
                           bool (*stop)(void), ek_error *err);

#endif
