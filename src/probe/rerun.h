/* rerun.h - runs that are made again in worker processes, and how far they are; inside of probe/.
 */
#ifndef EK_PROBE_RERUN_H
#define EK_PROBE_RERUN_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "probe/runs.h"

typedef struct {
    const char *doing; /* "making the weights": what comes before "of 3 runs" */
    size_t count;      /* of runs */
    void *user;
    /* In a worker: makes run `item`; note and noted are the progress of ek_study_run_one. */
    ek_status (*make)(void *user, size_t item, int threads,
                      void (*note)(void *noted, int64_t step, int64_t total), void *noted,
                      ek_error *err);
} ek_rerun;

ek_status ek__rerun(const ek_rerun *rerun, const ek_probe_control *control, ek_error *err);

#endif
