/* crew.h - independent pieces of work shared out among forked processes.
 *
 * Probes compute many things that do not depend on each other: points of a surface, depths of a
 * model, runs that are made again. A crew forks as many workers as there are cores to use (or
 * items, if fewer: then each has several threads); each takes the next item until none is left.
 * What they find goes into memory that all of them share:
 *
 *     double *losses = ek_crew_share(count * sizeof *losses);
 *     ek_crew_run(&(ek_crew){.count = count, .user = &plan, .begin = ..., .work = ...}, &err);
 *     ... losses ...
 *     ek_crew_unshare(losses, count * sizeof *losses);
 *
 * The calling process must never have entered OpenMP (no operation of an ek_compute of several
 * threads): its forks would wait for OpenMP's threads for ever. It computes nothing itself, so it
 * still has not afterwards. Items must not depend on who computes them, or in which order.
 */
#ifndef EK_PROBE_CREW_H
#define EK_PROBE_CREW_H

#include <stddef.h>

#include "base/status.h"
#include "kernel/kernel.h"

/* Zeroed memory that parent and workers see; NULL without. */
void *ek_crew_share(size_t bytes);
void ek_crew_unshare(void *memory, size_t bytes); /* NULL is fine */

typedef struct {
    size_t count; /* of items */
    int jobs;     /* cores to use; 0: all usable ones */
    void *user;
    /* Once in each worker, before its first item; *local is what work gets. May be NULL. The
     * worker's memory dies with it. */
    ek_status (*begin)(void *user, ek_compute *compute, void **local, ek_error *err);
    ek_status (*work)(void *user, void *local, ek_compute *compute, size_t item, ek_error *err);
    /* In the parent, about five times a second and at the end. May be NULL. */
    void (*progress)(void *user, size_t done, size_t count);
} ek_crew;

/* Ends early with the first error of a worker, with EK_E_FAILED when one died, and with
 * EK_E_INTERRUPTED after a signal (study/study.h: ek_study_interrupt). */
ek_status ek_crew_run(const ek_crew *crew, ek_error *err);

#endif
