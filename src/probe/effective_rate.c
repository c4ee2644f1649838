#include "probe/effective_rate.h"

#include <math.h>

#include "base/realmath.h"

enum { MOST_UPDATES = 10000000 };

double ek_adam_factor(double beta1, double beta2, int64_t t)
{
    double first = 1 - ek_pow(beta1, (double)t), second = 1 - ek_pow(beta2, (double)t);
    return sqrt(second) / first;
}

double ek_effective_rate_factor(const ek_effective_rate *rate, int64_t t)
{
    return rate->corrected ? ek_adam_factor(rate->beta1, rate->beta2, t) : 1;
}

double ek_effective_rate_at(const ek_effective_rate *rate, int64_t t)
{
    return ek_schedule_rate(&rate->schedule, t - 1) * ek_effective_rate_factor(rate, t);
}

double ek_effective_rate_control(const ek_effective_rate *rate, int64_t t)
{
    ek_schedule scaled = rate->schedule;
    scaled.peak = rate->control_rate;
    scaled.end = rate->control_end;
    return ek_schedule_rate(&scaled, t - 1);
}

static void add_up(ek_effective_rate *rate)
{
    for (int64_t t = 1; t <= rate->schedule.total_steps; t++) {
        double plain = ek_schedule_rate(&rate->schedule, t - 1);
        double factor = ek_adam_factor(rate->beta1, rate->beta2, t);
        double effective = rate->corrected ? plain * factor : plain;
        if (t == 1 || factor < rate->least_factor) {
            rate->least_factor = factor;
            rate->least_at = t;
        }
        if (t == 1 || effective > rate->peak) {
            rate->peak = effective;
            rate->peak_at = t;
        }
        rate->plain_area += plain;
        rate->corrected_area += plain * factor;
    }
    rate->area = rate->corrected ? rate->corrected_area : rate->plain_area;
}

ek_status ek_effective_rate_init(ek_effective_rate *rate, const ek_recipe *recipe,
                                 int64_t example_count, ek_error *err)
{
    *rate = (ek_effective_rate){.beta1 = recipe->adam_beta1,
                                .beta2 = recipe->adam_beta2,
                                .corrected = recipe->bias_correction};
    if (recipe->max_steps > 0 && example_count <= 0) {
        example_count = 1; /* the number of updates does not depend on it */
    }
    EK_TRY(ek_schedule_init(&rate->schedule, recipe, example_count, err));
    if (rate->schedule.total_steps > MOST_UPDATES) {
        return ek_error_set(err, EK_E_USAGE,
                            "%lld optimizer steps are too many to add up (at most %d)",
                            (long long)rate->schedule.total_steps, MOST_UPDATES);
    }
    add_up(rate);
    /* Every schedule is linear in peak and end together, so scaling both scales its sum. */
    double share = rate->plain_area > 0 ? rate->corrected_area / rate->plain_area : 1;
    rate->control_rate = recipe->learning_rate * share;
    rate->control_end = recipe->lr_end * share;
    return EK_OK;
}
