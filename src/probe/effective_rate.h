/* effective_rate.h - what Adam's bias correction does to the learning rate of a recipe.
 *
 * AdamW's update is lr_t * c_t * m / (sqrt(v) + eps) with c_t = sqrt(1 - b2^t) / (1 - b1^t), or 1
 * without bias correction (Kingma & Ba 2015, section 2; Mosbach et al. 2021, section 5 and figure
 * 6). So the correction is a second warm-up on top of the schedule's, and it also makes the whole
 * rate smaller. The two can be told apart: the control has the schedule of the recipe, no
 * correction, and a learning rate that is scaled so that the sum of its rates over all updates is
 * that of the corrected recipe.
 *
 * Updates count from 1 here, as t does in Adam; update t has the schedule's rate of step t - 1.
 * With adam_variant "mosbach" eps is added to the uncorrected sqrt(v) and the factor is exact; with
 * "torch" eps is added after the correction, which is the same but for gradients near eps.
 */
#ifndef EK_PROBE_EFFECTIVE_RATE_H
#define EK_PROBE_EFFECTIVE_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "train/recipe.h"
#include "train/schedule.h"

typedef struct {
    ek_schedule schedule;
    double beta1, beta2;
    bool corrected;        /* what the recipe does */
    double least_factor;   /* of bias correction over the updates, whether it is made or not */
    int64_t least_at;      /* the first update with it */
    double peak;           /* the largest effective rate */
    int64_t peak_at;       /* the first update with it */
    double area;           /* sum of the effective rates over all updates */
    double plain_area;     /* the same without bias correction */
    double corrected_area; /* the same with it */
    /* Settings of the control: no bias correction and these. control_end only matters to the
     * polynomial schedule. */
    double control_rate, control_end;
} ek_effective_rate;

/* example_count as in ek_schedule_init: 0 is fine where the recipe has max_steps. EK_E_USAGE for
 * more than 1e7 updates, EK_E_DATA when neither examples nor max_steps say how many there are. */
ek_status ek_effective_rate_init(ek_effective_rate *rate, const ek_recipe *recipe,
                                 int64_t example_count, ek_error *err);
/* c_t for t from 1 on. */
double ek_adam_factor(double beta1, double beta2, int64_t t);
/* The factor of update t (1 without correction), and rate times factor. t from 1 to total_steps. */
double ek_effective_rate_factor(const ek_effective_rate *rate, int64_t t);
double ek_effective_rate_at(const ek_effective_rate *rate, int64_t t);
/* The rate of update t of the control. */
double ek_effective_rate_control(const ek_effective_rate *rate, int64_t t);

#endif
