#include "probe/rerun.h"

#include <stdio.h>

#include "probe/crew.h"

struct work {
    const ek_rerun *rerun;
    const ek_probe_control *control;
    double *fractions; /* [count] shared */
};

static void note(void *noted, int64_t step, int64_t total)
{
    *(double *)noted = (double)step / (double)total;
}

static ek_status make(void *user, void *local, ek_compute *compute, size_t item, ek_error *err)
{
    (void)local;
    const struct work *work = user;
    return work->rerun->make(work->rerun->user, item, ek_compute_threads(compute), note,
                             &work->fractions[item], err);
}

static void say(void *user, size_t done, size_t count)
{
    const struct work *work = user;
    char what[96];
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += work->fractions[i];
    }
    snprintf(what, sizeof what, "%s of %zu run%s (%zu done)", work->rerun->doing, count,
             count == 1 ? "" : "s", done);
    if (work->control->say) {
        work->control->say(work->control->user, what, sum / (double)count);
    }
}

ek_status ek__rerun(const ek_rerun *rerun, const ek_probe_control *control, ek_error *err)
{
    struct work work = {.rerun = rerun, .control = control};
    size_t bytes = rerun->count * sizeof *work.fractions;
    if (rerun->count == 0) {
        return EK_OK;
    }
    work.fractions = ek_crew_share(bytes);
    if (!work.fractions) {
        return ek_error_set(err, EK_E_MEMORY, "no memory to make %zu runs again", rerun->count);
    }
    ek_status status = ek_crew_run(&(ek_crew){.count = rerun->count,
                                              .jobs = control->jobs,
                                              .user = &work,
                                              .work = make,
                                              .progress = say},
                                   err);
    ek_crew_unshare(work.fractions, bytes);
    return status;
}
