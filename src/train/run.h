/* run.h - one run: fine-tune a copy of the model's weights once and say what came out.
 *
 * The result is a function of (model, token sets, recipe, seeds) and of nothing else: not of
 * threads, instruction set, worker or time (docs/numerics.md).
 *
 *     ek_run_input input = {...};
 *     ek_run_result result = {0};
 *     ek_run_execute(&result, &input, compute, &sink, &err);
 *     ... result.score, result.outcome, result.weights_hash ...
 *     ek_run_result_free(&result);
 *
 * Metrics reach the sink as they happen. Every logging_steps, at the last step and at the first one
 * that is not finite: train_loss (mean since the last time), learning_rate, grad_norm (before
 * clipping). With log_gradients then also
 *   grad_norm_clipped         after clipping
 *   grad_norm/<parameter>     of each tensor, before clipping
 *   update_ratio/<parameter>  L2 norm of the step's change over that of the tensor before it; of
 *                             the word embeddings only the rows of the step's tokens
 *   pooler_saturation         share of the pooler's outputs beyond +-EK_RUN_SATURATED (a head
 *                             gradient times 1 - tanh^2 < 0.02 is all that passes there)
 *   output_entropy            mean over the step's examples, nats (classification)
 * Evaluations: eval_loss, eval_<metric>; with eval_train at the end train_eval_loss and
 * train_eval_<metric>, the training examples without dropout. Non-finite values are passed on as
 * they are, never hidden.
 *
 * problem EK_PROBLEM_MASKED_LM (a model opened with masked_lm, token sets of blocks): the loss is
 * the mean over the masked tokens of a step's window, masks are fresh in every epoch (by the order
 * seed) and the same in every evaluation (EK_RUN_MASK_SEED), metrics and reported are "perplexity",
 * and no predictions are kept. The decoder gives every word embedding a gradient: none is lazy.
 */
#ifndef EK_TRAIN_RUN_H
#define EK_TRAIN_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/status.h"
#include "kernel/kernel.h"
#include "model/model.h"
#include "train/evaluate.h"
#include "train/recipe.h"
#include "train/schedule.h"
#include "train/tokens.h"

/* Named seeds; each drives its own effect only. split_seed acts where the data is loaded. */
typedef struct {
    uint32_t init, order, dropout, subset, split; /* order: of masked-LM also the masks */
} ek_seeds;

/* Beyond it a tanh passes less than a fiftieth of its gradient. */
#define EK_RUN_SATURATED 0.99f

/* The masks of evaluations, as `eval --mask-seed 1` has them. */
enum { EK_RUN_MASK_SEED = 1 };

/* How the process ended is the run's status (study/store.h); whether it learned is its outcome.
 * failed: final score not above the majority class's in the reported metric (paper, section 3);
 * diverged: a loss, gradient norm or final logit was not finite;
 * doomed: input.early ended it before its last step, whatever its numbers were by then. It counts
 * as failed. */
typedef enum {
    EK_OUTCOME_OK,
    EK_OUTCOME_FAILED,
    EK_OUTCOME_DIVERGED,
    EK_OUTCOME_DOOMED
} ek_outcome;
const char *ek_outcome_name(ek_outcome outcome); /* "ok", "failed", "diverged", "doomed" */

/* Asked once, after step `step` and all that is logged at it: *doomed ends the run there, with an
 * evaluation of what it has become. All zero: nobody is asked. */
typedef struct {
    int64_t step;
    ek_status (*says)(void *user, bool *doomed, ek_error *err);
    void *user;
} ek_early_stop;

typedef struct {
    const ek_model *model;            /* opened with the task's num_labels */
    const ek_token_set *train;        /* all of it; the subset is drawn by the run */
    const ek_token_set *validation;   /* reported */
    const ek_token_set *validation_2; /* MNLI mismatched; metrics named eval2_<metric>; or NULL */
    ek_problem problem;
    const char *const *metrics; /* NULL-terminated (EK_TASK_METRICS_MAX) */
    const char *reported;
    double baseline; /* ek_dataset_baseline of the validation split */
    const ek_recipe *recipe;
    ek_seeds seeds;
    ek_early_stop early;
    bool keep_weights; /* result.weights is wanted */
    /* model->weights when this is the last run on the model: it trains in them, which saves a copy.
     * NULL: in memory of its own. */
    float *weights;
} ek_run_input;

typedef struct {
    void *user;
    /* step: optimizer steps made so far. */
    void (*metric)(void *user, const char *name, int64_t step, double value);
    void (*progress)(void *user, int64_t step, int64_t total_steps);
    bool (*stop)(void *user); /* asked after every step; true ends with EK_E_INTERRUPTED */
} ek_run_sink;                /* any function may be NULL */

typedef struct {
    ek_outcome outcome;
    double score;      /* reported metric of the reported checkpoint */
    double best_score; /* best of all evaluations: optimistic, never the score of "last" */
    int64_t best_step, total_steps; /* total_steps: of the plan, also when it is doomed */
    int64_t nonfinite_step;         /* first step with a non-finite loss or norm; -1: none */
    double train_seconds, eval_seconds;
    int64_t trained_tokens;
    char weights_hash[65];      /* of the reported checkpoint's weights */
    ek_predictions predictions; /* of the reported checkpoint on validation */
    float *weights; /* [total_count] with keep_weights, else NULL; may be input.weights */
    ek_arena arena; /* private: the run's memory, when weights are kept in it */
} ek_run_result;

/* Memory that a run adds to what is loaded, from the tables, for the plan: the arena it will
 * allocate, the kernels' buffers for so many threads, and predictions. */
size_t ek_run_bytes(const ek_run_input *input, int threads);
/* EK_E_INTERRUPTED when sink->stop said so. */
ek_status ek_run_execute(ek_run_result *result, const ek_run_input *input, ek_compute *compute,
                         const ek_run_sink *sink, ek_error *err);
void ek_run_result_free(ek_run_result *result); /* an all-zero one is fine */

#endif
