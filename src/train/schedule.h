/* schedule.h - how many steps a run has, and the learning rate of each.
 *
 * T steps, W of them warm-up. Linear (paper: "warmup-linear"; transformers: get_linear_schedule):
 * s < W: s / max(1, W); else max(0, (T - s) / max(1, T - W)) for s = 0, 1, ..., so the first update
 * of a warmed-up run has rate 0. Values are computed in double without libm (base/realmath.h) and
 * are a function of s alone.
 */
#ifndef EK_TRAIN_SCHEDULE_H
#define EK_TRAIN_SCHEDULE_H

#include <stdint.h>

#include "base/status.h"
#include "train/recipe.h"

typedef struct {
    int64_t batches_per_epoch; /* micro-batches: the last partial one counts */
    int64_t steps_per_epoch;   /* optimizer steps: the last window of an epoch may be shorter */
    int64_t total_steps, warmup_steps;
    double peak; /* learning_rate */
    int kind;    /* ek_lr_scheduler */
    double power, end;
} ek_schedule;

/* example_count training examples after the subset was drawn; EK_E_DATA when there are none. */
ek_status ek_schedule_init(ek_schedule *schedule, const ek_recipe *recipe, int64_t example_count,
                           ek_error *err);
/* The learning rate of update s (0-based). */
double ek_schedule_rate(const ek_schedule *schedule, int64_t step);

#endif
