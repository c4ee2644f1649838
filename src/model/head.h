/* head.h - pooler, classifier or regression head, and loss, on the [CLS] rows.
 *
 * pooled = tanh(W_p h + b_p); dropped = drop(pooled); logits = W_c dropped + b_c.
 * Classification: cross-entropy; regression (one output): squared error on the raw score.
 * Always fp32.
 */
#ifndef EK_MODEL_HEAD_H
#define EK_MODEL_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "kernel/kernel.h"
#include "model/batch.h"
#include "model/config.h"
#include "model/params.h"

typedef struct {
    const ek_model_config *config;
    const ek_param_offsets *offsets;
    int32_t max_examples, num_labels;
    float *logits;   /* [examples, num_labels] */
    float *dhidden;  /* [examples, H] written by ek_head_backward */
    float *row_loss; /* [examples] written by ek_head_loss */
    float *pre_pooled, *pooled, *dropped, *dlogits, *dpooled; /* saved and scratch */
    uint32_t *zeros;                                          /* [examples] position of [CLS] */
} ek_head;

typedef struct {
    bool dropout;
    double classifier_dropout;
    uint32_t dropout_seed, step;
} ek_head_options;

void ek_head_plan(ek_head *head, ek_arena *arena, const ek_model_config *config,
                  const ek_param_offsets *offsets, int32_t max_examples, int32_t num_labels);
/* hidden [example_count, H] -> head->logits. batch gives the examples' indices for dropout. */
void ek_head_forward(ek_head *head, ek_compute *compute, const float *hidden, const float *weights,
                     const ek_batch *batch, const ek_head_options *options);
/* row_loss and dlogits from labels [example_count] (classification) or targets (regression); the
 * other is NULL. divisor: examples of the whole optimizer step. with_gradient false: loss only. */
void ek_head_loss(ek_head *head, ek_compute *compute, const int32_t *labels, const float *targets,
                  int32_t example_count, float divisor, bool with_gradient);
/* gradients += ; head->dhidden is overwritten. */
void ek_head_backward(ek_head *head, ek_compute *compute, float *gradients, const float *hidden,
                      const float *weights, const ek_batch *batch, const ek_head_options *options);

#endif
