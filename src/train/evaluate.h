/* evaluate.h - a model's predictions on a token set, in the set's order.
 *
 * Examples are computed sorted by length, in batches that fit the workspace; the results do not
 * depend on it. Losses are summed in double in file order.
 */
#ifndef EK_TRAIN_EVALUATE_H
#define EK_TRAIN_EVALUATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "kernel/kernel.h"
#include "model/encoder.h"
#include "model/head.h"
#include "train/tokens.h"

typedef struct {
    size_t count;
    int32_t num_labels;
    float *logits;   /* [count, num_labels] */
    int32_t *labels; /* [count] argmax, lowest class on ties, 0 where logits are not finite */
    double *scores;  /* [count] regression: the output, 0 where it is not finite */
    double loss;     /* mean; NaN without labels */
    bool finite;     /* every logit is finite */
} ek_predictions;
ek_status ek_predictions_init(ek_predictions *predictions, size_t count, int32_t num_labels,
                              ek_error *err);
void ek_predictions_free(ek_predictions *predictions);

/* Probabilities of one example: softmax of its logits (regression: the score itself). */
void ek_predictions_probs(const ek_predictions *predictions, size_t example, double *probs);

/* A workspace for evaluation alone (eval, predict); runs use their own training workspace. */
typedef struct {
    ek_batch batch;
    ek_encoder encoder;
    ek_head head;
    ek_tokens *picked; /* [max_examples] scratch: the examples of a batch */
    int32_t *labels;   /* [max_examples] scratch */
    float *targets;    /* [max_examples] scratch */
} ek_workspace;
/* The largest batch of any batch_size examples of the sets (NULL ones are skipped). precision: of
 * the encoder's linear layers. */
void ek_workspace_plan(ek_workspace *workspace, ek_arena *arena, const ek_model_config *config,
                       const ek_param_offsets *offsets, int32_t num_labels,
                       const ek_token_set *const *sets, size_t set_count, int32_t batch_size,
                       ek_precision precision, bool train);

/* Asks the kernels for the scratch that the longest example needs: once, before the first step. */
ek_status ek_workspace_reserve(const ek_workspace *workspace, ek_compute *compute, ek_error *err);

ek_status ek_evaluate(ek_predictions *predictions, ek_workspace *workspace, ek_compute *compute,
                      const float *weights, const ek_token_set *set, ek_problem problem,
                      ek_error *err);
/* Memory of the predictions on `count` examples and of making them while older ones are kept. */
size_t ek_evaluate_bytes(size_t count, int32_t num_labels);
/* A metric of the predictions by name (stats/metrics.h). */
double ek_evaluate_metric(const char *name, const ek_predictions *predictions,
                          const ek_token_set *set);

#endif
