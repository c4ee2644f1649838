#include "train/schedule.h"

#include <math.h>

#include "base/realmath.h"

ek_status ek_schedule_init(ek_schedule *schedule, const ek_recipe *recipe, int64_t example_count,
                           ek_error *err)
{
    if (example_count <= 0) {
        return ek_error_set(err, EK_E_DATA, "there are no training examples");
    }
    int64_t batches = (example_count + recipe->batch_size - 1) / recipe->batch_size;
    int64_t window = recipe->gradient_accumulation_steps;
    schedule->batches_per_epoch = batches;
    schedule->steps_per_epoch = (batches + window - 1) / window;
    double steps = recipe->max_steps > 0
                       ? (double)recipe->max_steps
                       : ceil(recipe->num_train_epochs * (double)schedule->steps_per_epoch);
    if (steps > 4e9) { /* the step is a 32-bit counter of the dropout stream */
        return ek_error_set(err, EK_E_USAGE, "%.0f optimizer steps are too many (at most 4e9)",
                            steps);
    }
    schedule->total_steps = (int64_t)steps;
    double warmup = recipe->warmup_ratio * steps;
    /* 0.1 * 30 is 3.0000000000000004: Python's int() and math.ceil() see the same double. */
    warmup = recipe->warmup_rounding == EK_WARMUP_CEIL ? ceil(warmup) : floor(warmup);
    schedule->warmup_steps = recipe->warmup_steps > 0 ? recipe->warmup_steps : (int64_t)warmup;
    schedule->peak = recipe->learning_rate;
    schedule->kind = recipe->lr_scheduler;
    schedule->power = recipe->lr_power;
    schedule->end = recipe->lr_end;
    return EK_OK;
}

double ek_schedule_rate(const ek_schedule *schedule, int64_t step)
{
    int64_t total = schedule->total_steps, warmup = schedule->warmup_steps;
    if (step < warmup) {
        return schedule->peak * ((double)step / (double)(warmup > 1 ? warmup : 1));
    }
    int64_t decay_steps = total - warmup > 1 ? total - warmup : 1;
    double left = step < total ? (double)(total - step) / (double)decay_steps : 0;
    switch ((ek_lr_scheduler)schedule->kind) {
    case EK_SCHEDULE_CONSTANT:
        return schedule->peak;
    case EK_SCHEDULE_COSINE: /* half a turn: 1 at the peak, 0 at the end */
        return schedule->peak * (0.5 * (1 + ek_cos_2pi(0.5 * (1 - left))));
    case EK_SCHEDULE_POLYNOMIAL:
        return left > 0 ? (schedule->peak - schedule->end) * ek_pow(left, schedule->power) +
                              schedule->end
                        : schedule->end;
    case EK_SCHEDULE_LINEAR:
        break;
    }
    return schedule->peak * left;
}
