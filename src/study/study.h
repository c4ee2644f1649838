/* study.h - many runs: load once, fork workers, collect, survive interruption.
 *
 * The coordinator (this process) loads model and data, tokenises, forks `jobs` workers (they
 * inherit everything by copy-on-write), and only then opens the store. A study takes as many cores
 * as it has jobs: one a worker, and when fewer runs are left than that, the cores of idle workers
 * go to the runs still at work as threads, also in the middle of a run (the bits do not depend on
 * it). A number of threads that was asked for stays as it is. Runs are handed out one at a time
 * over pipes; each result is committed before the next run goes to that worker. A worker that dies
 * has its run marked crashed and retried once; Ctrl-C or SIGTERM ends with EK_E_INTERRUPTED and
 * nothing lost; the same call continues.
 */
#ifndef EK_STUDY_STUDY_H
#define EK_STUDY_STUDY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "data/dataset.h"
#include "model/model.h"
#include "study/spec.h"
#include "study/store.h"
#include "text/tokenizer.h"

/* What a study needs in memory, loaded and checked once. Token sets are shared by all arms that
 * tokenise alike. */
typedef struct {
    const ek_spec *spec; /* borrowed, must outlive it */
    ek_model model;
    ek_tokenizer *tokenizer;
    ek_dataset data;
    double baseline;
    int32_t majority_label;
    struct ek_arm_tokens { /* [spec->arm_count], entries may share sets */
        const ek_token_set *train, *validation, *validation_2;
    } * arm_tokens;
    ek_study_facts facts;
    void *storage; /* private: the distinct token sets */
} ek_study_inputs;

ek_status ek_study_load(ek_study_inputs *inputs, const ek_spec *spec, ek_error *err);
void ek_study_unload(ek_study_inputs *inputs); /* an all-zero one is fine */
/* The input of one planned run. */
void ek_study_run_input(const ek_study_inputs *inputs, size_t planned, ek_run_input *input);

typedef struct {
    size_t total, done, failed, diverged, crashed, running;
    const ek_run_row *last; /* the run that just finished, or NULL */
    double eta_seconds;     /* NaN while unknown */
    double fraction;        /* of all steps of all runs */
} ek_study_progress;

/* How a study uses the machine. */
typedef struct {
    int workers, threads; /* processes, and threads of each at the start (some may have one more) */
    int cores;            /* shared out among the workers that have a run; 0: threads are fixed */
    bool pinned;          /* one worker on each core that this process may use */
} ek_study_layout;
/* jobs and threads as in ek_study_control. Workers beyond `runs` are not started. */
ek_study_layout ek_study_lay_out(size_t runs, int jobs, int threads);

typedef struct {
    int jobs;    /* 0: one a usable core; with threads, as many as that leaves room for */
    int threads; /* of each worker, for good; 0: one, and those of idle workers */
    /* Called about twice a second and after every run, in the coordinator. */
    void (*progress)(void *user, const ek_study_progress *progress);
    void *user;
} ek_study_control;

/* Runs what the store of dir does not have yet. EK_E_UNFINISHED when a run crashed twice,
 * EK_E_INTERRUPTED after a signal (ek_study_interrupt). */
ek_status ek_study_run(const ek_study_inputs *inputs, const char *dir,
                       const ek_study_control *control, ek_error *err);

/* Async-signal-safe: asks the study (or a run in this process) to stop. cli/ calls it from its
 * handlers. */
void ek_study_interrupt(void);
bool ek_study_interrupted(void);

/* Runs one planned run in this process, storing it if store is not NULL. result may keep weights
 * (see ek_run_input). It is the last run on these inputs: the model's weights become the run's. */
ek_status ek_study_run_one(ek_study_inputs *inputs, size_t planned, int threads, bool keep_weights,
                           ek_store *store, ek_run_result *result,
                           void (*progress)(void *user, int64_t step, int64_t total), void *user,
                           ek_error *err);

/* Rebuilds the spec of a stored study (study.yaml in store.db) and finds run `id` in it, for
 * `train --run DIR:ID` and `verify`. */
ek_status ek_study_find_run(const char *dir, int64_t id, ek_spec *spec, size_t *planned,
                            char stored_hash[65], ek_error *err);

#endif
