/* runs.h - the runs of a study that a probe looks at, with their weights.
 *
 * A study keeps no weights: any run can be made again, bit for bit, and a probe does that for those
 * it needs. They stay in DIR/models/run-<id> (Hugging Face's layout, 4 bytes a parameter), so that
 * the next probe finds them; deleting the folder loses nothing. Whatever is read there is checked
 * against the hash in the store, and made again where it differs.
 *
 *     ek_probe_runs runs;
 *     ek_probe_runs_open(&runs, "my-study", ids, count, &err);
 *     ek_probe_runs_make(&runs, &progress, &err);
 *     ek_probe_runs_weights(&runs, 0, weights, &err);
 *     ek_probe_runs_close(&runs);
 */
#ifndef EK_PROBE_RUNS_H
#define EK_PROBE_RUNS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "study/spec.h"
#include "study/study.h"

typedef struct {
    int64_t id;
    char *group;
    uint32_t seed, init_seed;
    ek_outcome outcome;
    double score;
    int64_t total_steps;
    char weights_hash[65];
} ek_probe_run;

typedef struct {
    char *dir;
    ek_probe_run *runs; /* [count] in the order asked for, else by id */
    size_t count;
    /* Of the first run: the pre-trained model as the study starts from it (inputs.model.weights;
     * nobody trains in them), data and token sets. Runs of one study share all but the recipe. */
    ek_spec spec;
    ek_study_inputs inputs;
} ek_probe_runs;

/* How far a probe is: `what` is being done, and which share of it. Called some times a second. */
typedef struct {
    void (*say)(void *user, const char *what, double fraction);
    void *user;
    int jobs; /* cores to use; 0: all usable ones */
} ek_probe_control;

/* ids NULL: all done runs of the study. EK_E_USAGE for an id that the study does not have, or that
 * is not done (the message lists those that are). */
ek_status ek_probe_runs_list(ek_probe_runs *runs, const char *dir, const int64_t *ids, size_t count,
                             ek_error *err); /* the runs alone: spec and inputs stay empty */
ek_status ek_probe_runs_open(ek_probe_runs *runs, const char *dir, const int64_t *ids, size_t count,
                             ek_error *err);
void ek_probe_runs_close(ek_probe_runs *runs); /* an all-zero one is fine */

/* Makes every model that is not in DIR/models yet. EK_E_FAILED when a run comes out with other
 * weights than the store has: then nothing of it is kept. */
ek_status ek_probe_runs_make(ek_probe_runs *runs, const ek_probe_control *control, ek_error *err);
/* weights [inputs.model.params.total_count] = those of run `index`, after ek_probe_runs_make. */
ek_status ek_probe_runs_weights(const ek_probe_runs *runs, size_t index, float *weights,
                                ek_error *err);
/* "DIR/models/run-<id>", by ek_free; NULL without memory. */
char *ek_probe_model_dir(const char *dir, int64_t id);

#endif
