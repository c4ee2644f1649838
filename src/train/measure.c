#include "train/measure.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"

struct clocking {
    ek_compute *compute;
    ek_measurement *out;
    int64_t warm_up, wanted;
    double seconds_limit, began, last;
    double seconds[EK_MEASURE_STEPS_MAX];
    bool (*stop)(void);
    bool stopped;
};

static void on_step(void *user, int64_t step, int64_t total)
{
    struct clocking *clocking = user;
    double now = ek_clock_seconds();
    (void)total;
    if (step > clocking->warm_up) {
        clocking->seconds[clocking->out->steps++] = now - clocking->last;
    }
    if (step == clocking->warm_up) {
        clocking->began = now;
        ek_compute_set_profile(clocking->compute, &clocking->out->profile);
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

static void summarise(ek_measurement *out, double *seconds)
{
    size_t count = (size_t)out->steps;
    qsort(seconds, count, sizeof *seconds, ascending);
    out->seconds_median = out->seconds_min = out->seconds_max = (double)NAN;
    if (count > 0) {
        out->seconds_median = (seconds[(count - 1) / 2] + seconds[count / 2]) / 2;
        out->seconds_min = seconds[0];
        out->seconds_max = seconds[count - 1];
    }
    for (size_t i = 0; i < count; i++) {
        out->seconds += seconds[i];
    }
}

ek_status ek_measure_steps(ek_measurement *out, const ek_run_input *input, ek_compute *compute,
                           int64_t warm_up, int64_t steps, double seconds_limit, bool (*stop)(void),
                           ek_error *err)
{
    *out = (ek_measurement){0};
    struct clocking clocking = {
        .compute = compute,
        .out = out,
        .warm_up = warm_up > 0 ? warm_up : 1,
        .wanted = steps < EK_MEASURE_STEPS_MAX ? steps : EK_MEASURE_STEPS_MAX,
        .seconds_limit = seconds_limit,
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
    summarise(out, clocking.seconds);
    return EK_OK;
}
