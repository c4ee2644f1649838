/* progress_file.h - DIR/progress.json: how far a study at work is, for whoever looks on.
 *
 * What happens inside a run is known to the coordinator alone; it writes this file every two
 * seconds (tmp + rename, unsynced: after a crash of the machine it is worth nothing) and removes it
 * at the end. A coordinator that was killed leaves it behind; the lock of the store, which dies
 * with its process, tells the reader so. Like every file it may be anything: the reader bounds its
 * size and checks every value.
 *
 *     {"pid": 4711, "started": 1700000000, "updated": 1700000002, "total": 20, "done": 3,
 *      "failed": 1, "crashed": 0, "fraction": 0.17, "eta_seconds": 420.5,
 *      "runs": [{"run": 4, "group": "stable", "seed": 4, "step": 100, "total_steps": 2000,
 *                "loss": 0.69, "score": null, "seconds": 31.5}]}
 */
#ifndef EK_STUDY_PROGRESS_FILE_H
#define EK_STUDY_PROGRESS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* A run at work. */
typedef struct {
    int64_t run; /* its number in the store */
    const char *group;
    uint32_t seed;
    int64_t step, total_steps; /* of training; total_steps > 0 */
    double loss, score;        /* the latest logged: training loss, reported metric; NaN: none */
    double seconds;            /* since it began */
} ek_live_run;

typedef struct {
    int64_t pid;
    int64_t started, updated; /* seconds since 1970: first and last time written */
    size_t total, done, failed, crashed;
    double fraction;    /* of all steps of all runs */
    double eta_seconds; /* NaN: unknown */
    ek_live_run *runs;  /* [run_count] */
    size_t run_count;
    void *storage; /* private: the parsed file, which holds the names */
} ek_live;

/* pid, started and updated are filled in here. Nothing of live is kept. */
ek_status ek_progress_file_write(const char *dir, const ek_live *live, ek_error *err);
void ek_progress_file_remove(const char *dir);

/* Reads it: EK_E_IO without a file, EK_E_DATA for one that cannot be right; *live is then empty.
 * Says nothing of whether it is true still (ek_store_is_written). Free with ek_live_free. */
ek_status ek_progress_file_read(ek_live *live, const char *dir, ek_error *err);
void ek_live_free(ek_live *live); /* an all-zero one is fine */

#endif
