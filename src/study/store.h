/* store.h - store.db: every run of a study, every number, in one SQLite file.
 *
 * Tables (docs/store.md): studies, groups, runs, config, metrics, predictions, environment.
 * Status (queued, running, done, crashed, interrupted) says how the process ended, outcome (ok,
 * failed, diverged, doomed) whether it learned. SQLite has no NaN: a non-finite value is stored as
 * NULL with its kind ("nan", "inf", "-inf") and bits in columns beside it.
 *
 * Only the coordinator opens the store, after its workers are started. A finished run is written in
 * one transaction: after a crash at any point a run is either whole or absent. A lock file
 * (DIR/store.lock, flock) keeps a second writer out and names it; readers need no lock.
 */
#ifndef EK_STUDY_STORE_H
#define EK_STUDY_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "study/spec.h"
#include "train/run.h"

typedef struct ek_store ek_store;

/* A study with stop_doomed has the second one: a version that does not know of doomed runs would
 * take them for successful ones. */
enum { EK_STORE_SCHEMA = 1, EK_STORE_SCHEMA_DOOMED = 2 };

typedef enum {
    EK_RUN_QUEUED,
    EK_RUN_RUNNING,
    EK_RUN_DONE,
    EK_RUN_CRASHED,
    EK_RUN_INTERRUPTED
} ek_run_status;
const char *ek_run_status_name(ek_run_status status);

/* Facts about the data and the model that every run of a study shares. */
typedef struct {
    char model_hash[65], data_hash[65];
    char *task; /* name, or "classification" / "regression" */
    const char *reported;
    const char *split; /* "validation" */
    double baseline;
    int32_t label_count;
    char **label_names;
    size_t train_count, validation_count;
    char *notes;
    /* [validation_count] the true labels (-1: none) or scores, borrowed; NULL when read back. */
    const int32_t *labels;
    const double *scores;
} ek_study_facts;
void ek_study_facts_free(ek_study_facts *facts);

/* Creates or opens dir/store.db for writing (dir is made). An older or newer schema is refused with
 * what to do. A second writer: EK_E_USAGE naming the process id and start time. */
ek_status ek_store_open(ek_store **out, const char *dir, ek_error *err);
ek_status ek_store_open_read(ek_store **out, const char *dir, ek_error *err);
/* A store in memory: train without -o. */
ek_status ek_store_open_memory(ek_store **out, ek_error *err);
void ek_store_close(ek_store *store); /* NULL is fine */
/* Whether a process has dir's store open for writing: its lock is held. A dead one holds none. */
bool ek_store_is_written(const char *dir);

/* First call: records the study, its groups and queued runs. Later calls: new seeds and groups are
 * added; a changed value of an existing group, of stop_doomed, of the model's or the data's hash is
 * EK_E_USAGE with a diff, one line a value (jobs and threads may differ). Runs left "running" by a
 * dead coordinator become "interrupted" and are queued again. */
ek_status ek_store_register(ek_store *store, const ek_spec *spec, const ek_study_facts *facts,
                            ek_error *err);

/* Facts of a stored study. Strings belong to the caller (ek_study_facts_free). */
ek_status ek_store_facts(ek_store *store, ek_study_facts *facts, ek_error *err);

typedef struct {
    int64_t id; /* the number in "run" of --json, and in STUDY:RUN */
    char *group, *recipe;
    uint32_t seed;
    ek_seeds seeds;
    ek_run_status status;
    ek_outcome outcome; /* meaningful when done */
    double score;       /* NaN unless done */
    double best_score;
    int64_t best_step, total_steps;
    char weights_hash[65];  /* "" unless done */
    double seconds;         /* training and evaluation */
    int64_t nonfinite_step; /* first step with a number that was not finite, -1: none */
    int64_t trained_tokens;
    char started[32], finished[32]; /* UTC, "" unless known */
    char *reason;                   /* why it is crashed or interrupted, "" otherwise */
} ek_run_row;
/* All runs by id. *out by ek_run_rows_free. */
ek_status ek_store_runs(ek_store *store, ek_run_row **out, size_t *count, ek_error *err);
void ek_run_rows_free(ek_run_row *rows, size_t count);
/* What a stored run was made from, as settings that ek_spec_build turns into exactly that one run.
 */
ek_status ek_store_run_settings(ek_store *store, int64_t id, ek_settings *settings, ek_error *err);
/* The resolved settings of a group as a JSON object, and one of its values (NULL: no such key). */
ek_status ek_store_group_settings(ek_store *store, const char *group, ek_buf *json, ek_error *err);
ek_status ek_store_group_value(ek_store *store, const char *group, const char *key, ek_buf *value,
                               ek_error *err);
/* Records how and where this invocation runs. */
ek_status ek_store_environment(ek_store *store, const char *isa, int jobs, int threads,
                               ek_error *err);
/* The id of a planned run of the registered spec. */
ek_status ek_store_run_id(ek_store *store, const ek_spec *spec, size_t planned, int64_t *id,
                          ek_run_status *status, ek_error *err);

/* One logged number. */
typedef struct {
    const char *name;
    int64_t step;
    double value;
} ek_metric_row;

ek_status ek_store_run_started(ek_store *store, int64_t id, ek_error *err);
/* Everything of a finished run in one transaction. */
ek_status ek_store_run_finished(ek_store *store, int64_t id, const ek_run_result *result,
                                const ek_metric_row *metrics, size_t metric_count, ek_error *err);
/* status crashed or interrupted, with a reason. */
ek_status ek_store_run_ended(ek_store *store, int64_t id, ek_run_status status, const char *reason,
                             ek_error *err);

/* Calls visit for every metric whose name matches glob (NULL: all), by run id, name, step. */
typedef struct {
    int64_t run;
    const char *group, *recipe;
    uint32_t seed;
    int64_t step;
    const char *name;
    double value; /* non-finite values restored from their bits */
} ek_metric_record;
ek_status ek_store_metrics(ek_store *store, const char *glob,
                           void (*visit)(void *user, const ek_metric_record *record), void *user,
                           ek_error *err);

/* One logged series of a run, by ascending step, non-finite values restored; count 0 when the run
 * logged no such name. *steps and *values by ek_free. */
ek_status ek_store_series(ek_store *store, int64_t run, const char *name, int64_t **steps,
                          double **values, size_t *count, ek_error *err);
/* Names of everything a run logged, ascending; each and the array by ek_free. */
ek_status ek_store_metric_names(ek_store *store, int64_t run, char ***names, size_t *count,
                                ek_error *err);

/* What the done runs of a group say about the validation examples, as matrices row by row. */
typedef struct {
    size_t run_count, example_count;
    int32_t label_count;  /* 1 for regression: probs is then the score, labels are 0 */
    int64_t *runs;        /* [run_count] ids, ascending */
    int32_t *labels;      /* [run_count][example_count] */
    double *probs;        /* [run_count][example_count][label_count] */
    int32_t *truth;       /* [example_count], -1: none */
    double *truth_scores; /* [example_count], of a regression; NaN: none */
} ek_stored_predictions;
/* The first most_runs done runs (by id). Runs whose predictions are not whole are left out. */
ek_status ek_store_predictions(ek_store *store, const char *group, size_t most_runs,
                               ek_stored_predictions *out, ek_error *err);
void ek_stored_predictions_free(ek_stored_predictions *predictions);

/* Calls visit for every stored setting, by key; group NULL: those of the whole study. */
ek_status ek_store_config(ek_store *store, const char *group,
                          void (*visit)(void *user, const char *key, const char *value,
                                        const char *origin),
                          void *user, ek_error *err);

/* The study's own row and where it ran. */
typedef struct {
    char *name, *created, *yaml; /* the resolved study file */
    struct ek_environment {
        char *started, *version, *compiler, *isa, *cpu, *os;
        int64_t jobs, threads;
    } * environments; /* one an invocation */
    size_t environment_count;
} ek_study_record;
ek_status ek_store_record(ek_store *store, ek_study_record *record, ek_error *err);
void ek_study_record_free(ek_study_record *record);

#endif
