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
#include "model/mlm_head.h"
#include "train/tokens.h"

typedef struct {
    size_t count;
    int32_t num_labels;
    float *logits;   /* [count, num_labels] */
    int32_t *labels; /* [count] argmax, lowest class on ties, 0 where logits are not finite */
    double *scores;  /* [count] regression: the output, 0 where it is not finite */
    double loss;     /* mean over examples, of masked-LM over masked tokens; NaN without labels */
    bool finite;     /* every logit (of masked-LM every loss) is finite */
    int64_t masked_count; /* masked-LM: tokens that the loss is of */
} ek_predictions;
ek_status ek_predictions_init(ek_predictions *predictions, size_t count, int32_t num_labels,
                              ek_error *err);
void ek_predictions_free(ek_predictions *predictions);

/* Probabilities of one example: softmax of its logits (regression: the score itself). */
void ek_predictions_probs(const ek_predictions *predictions, size_t example, double *probs);

/* Which masks a batch of masked-LM gets (train/masking.h). */
typedef struct {
    uint32_t seed, epoch;
} ek_mask_draw;

/* A batch with room for everything that its forward and backward passes need. num_labels 0 (as in
 * ek_params): the head is that of masked-LM, over the masked tokens; else the classifier's. */
typedef struct {
    ek_batch batch;
    ek_encoder encoder;
    ek_head head;
    ek_mlm_head mlm_head;
    bool masked_lm;    /* mlm_head is the one in use */
    ek_tokens *picked; /* [max_examples] scratch: the examples of a batch */
    int32_t *labels;   /* [max_examples] scratch */
    float *targets;    /* [max_examples] scratch */
    uint32_t *indices; /* [max_examples] scratch */
    /* masked-LM: ids and labels of all tokens, and the rows of the masked ones */
    int32_t *masked_ids, *token_labels, *wanted, *wanted_labels; /* [max_tokens] */
    int32_t row_count; /* rows with a loss in this batch: masked tokens, or examples */
} ek_workspace;
/* The largest batch of any batch_size examples of the sets (NULL ones are skipped). precision: of
 * the encoder's linear layers. */
void ek_workspace_plan(ek_workspace *workspace, ek_arena *arena, const ek_model_config *config,
                       const ek_param_offsets *offsets, int32_t num_labels,
                       const ek_token_set *const *sets, size_t set_count, int32_t batch_size,
                       ek_precision precision, bool train);

/* Asks the kernels for the scratch that the longest example needs: once, before the first step. */
ek_status ek_workspace_reserve(const ek_workspace *workspace, ek_compute *compute, ek_error *err);

/* Fills the batch with examples index[0 .. count) of the set; their indices in the step begin at
 * first_index. */
void ek_workspace_fill(ek_workspace *workspace, const ek_token_set *set, const uint32_t *index,
                       int32_t count, uint32_t first_index, ek_mask_draw draw);
/* Rows with a loss that these examples have: what a step divides by. */
int64_t ek_workspace_rows(const ek_workspace *workspace, const ek_token_set *set,
                          const uint32_t *index, int64_t count, ek_mask_draw draw);
/* Forward pass and losses of the filled batch (ek_workspace_row_loss [row_count]); and the backward
 * pass of their sum over divisor when gradients is not NULL. encoder_options->wanted is set here.
 */
void ek_workspace_pass(ek_workspace *workspace, ek_compute *compute, float *gradients,
                       const float *weights, ek_encoder_options *encoder_options,
                       const ek_head_options *head_options, ek_problem problem, float divisor);
const float *ek_workspace_row_loss(const ek_workspace *workspace);

/* mask_seed: of the masks of masked-LM, else not looked at. Masked-LM keeps no predictions: theirs
 * are made for 0 examples. */
ek_status ek_evaluate(ek_predictions *predictions, ek_workspace *workspace, ek_compute *compute,
                      const float *weights, const ek_token_set *set, ek_problem problem,
                      uint32_t mask_seed, ek_error *err);
/* Memory of the predictions on `count` examples and of making them while older ones are kept. */
size_t ek_evaluate_bytes(size_t count, int32_t num_labels);
/* A metric of the predictions by name (stats/metrics.h), or "perplexity", the exponential of the
 * loss. */
double ek_evaluate_metric(const char *name, const ek_predictions *predictions,
                          const ek_token_set *set);

#endif
