#include "train/measure.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"

struct clocking {
    ek_compute *compute;
    ek_measurement *out;
    ek_precision precision;
    int64_t warm_up, wanted;
    double seconds_limit, began, last;
    bool with_peak;
    double peak, flops_before; /* of the burst before the step; of the steps so far */
    double seconds[EK_MEASURE_STEPS_MAX], shares[EK_MEASURE_STEPS_MAX];
    bool (*stop)(void);
    bool stopped;
};

static double flops_of(const ek_profile *profile)
{
    double flops = 0;
    for (int op = 0; op < EK_OP_COUNT; op++) {
        flops += profile->ops[op].flops;
    }
    return flops;
}

static void on_step(void *user, int64_t step, int64_t total)
{
    struct clocking *clocking = user;
    double now = ek_clock_seconds();
    (void)total;
    if (step > clocking->warm_up) {
        double seconds = now - clocking->last, flops = flops_of(&clocking->out->profile);
        int64_t i = clocking->out->steps++;
        clocking->seconds[i] = seconds;
        clocking->shares[i] = (flops - clocking->flops_before) / seconds / clocking->peak;
        clocking->flops_before = flops;
    }
    if (step == clocking->warm_up) {
        clocking->began = now;
        ek_compute_set_profile(clocking->compute, &clocking->out->profile);
    }
    if (clocking->with_peak && step >= clocking->warm_up) {
        clocking->peak = ek_peak_burst(clocking->compute, clocking->precision);
    }
    clocking->last = ek_clock_seconds();
}

static bool enough(void *user)
{
    struct clocking *clocking = user;
    clocking->stopped = clocking->stop && clocking->stop();
    return clocking->stopped || clocking->out->steps >= clocking->wanted ||
           (clocking->out->steps > 0 && clocking->last - clocking->began > clocking->seconds_limit);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts them. */
static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, ascending);
    return count > 0 ? (values[(count - 1) / 2] + values[count / 2]) / 2 : (double)NAN;
}

static void summarise(ek_measurement *out, double *seconds, double *shares)
{
    size_t count = (size_t)out->steps;
    out->seconds_median = median(seconds, count);
    out->share_median = median(shares, count);
    out->seconds_min = out->seconds_max = (double)NAN;
    if (count > 0) {
        out->seconds_min = seconds[0];
        out->seconds_max = seconds[count - 1];
    }
    for (size_t i = 0; i < count; i++) {
        out->seconds += seconds[i];
    }
}

ek_status ek_measure_steps(ek_measurement *out, const ek_run_input *input, ek_compute *compute,
                           int64_t warm_up, int64_t steps, double seconds_limit, bool with_peak,
                           bool (*stop)(void), ek_error *err)
{
    *out = (ek_measurement){0};
    struct clocking clocking = {
        .compute = compute,
        .out = out,
        .warm_up = warm_up > 0 ? warm_up : 1,
        .wanted = steps < EK_MEASURE_STEPS_MAX ? steps : EK_MEASURE_STEPS_MAX,
        .seconds_limit = seconds_limit,
        .with_peak = with_peak,
        .peak = (double)NAN,
        .precision = (ek_precision)input->recipe->precision,
        .stop = stop,
    };
    ek_run_sink sink = {.user = &clocking, .progress = on_step, .stop = enough};
    ek_run_result result;
    ek_status status = ek_run_execute(&result, input, compute, &sink, err);
    ek_compute_set_profile(compute, NULL);
    if (status == EK_OK) {
        ek_run_result_free(&result);
    } else if (status != EK_E_INTERRUPTED || clocking.stopped) {
        return status;
    }
    summarise(out, clocking.seconds, clocking.shares);
    return EK_OK;
}
