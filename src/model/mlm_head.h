/* mlm_head.h - head of masked-language modelling and its loss, on the rows of masked tokens.
 *
 * As BertForMaskedLM: t = LayerNorm(act(W_t h + b_t)); logits = W_e t + b_d with the table of word
 * embeddings W_e; cross-entropy over the vocabulary. There is no dropout. Always fp32.
 *
 * Logits of a whole batch would be the largest array of a run, so nobody keeps them: the loss goes
 * through the rows in blocks, and computes in each the logits, the losses and what backward needs
 * of them. Sums over rows run in the order of the rows, so the size of a block is not in the bits.
 *
 *     ek_mlm_head_forward(&head, compute, hidden, weights, rows);
 *     ek_mlm_head_loss(&head, compute, gradients, weights, labels, rows, divisor);
 *     ... head.row_loss [rows] ...
 *     ek_mlm_head_backward(&head, compute, gradients, hidden, weights, rows);
 *     ... head.dhidden [rows, H] ...
 */
#ifndef EK_MODEL_MLM_HEAD_H
#define EK_MODEL_MLM_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "kernel/kernel.h"
#include "model/config.h"
#include "model/params.h"

typedef struct {
    const ek_model_config *config;
    const ek_param_offsets *offsets;
    int32_t max_rows;
    float *dhidden;                          /* [rows, H] written by ek_mlm_head_backward */
    float *row_loss;                         /* [rows] written by ek_mlm_head_loss */
    float *pre, *z, *mean, *rstd, *features; /* saved: before act, after, LayerNorm's, t */
    float *dfeatures;                        /* [rows, H] */
    float *logits;                           /* [a block of rows, vocab_size] */
} ek_mlm_head;

/* config and offsets (of a table built with num_labels 0) must outlive it. train false: no room for
 * the gradients. */
void ek_mlm_head_plan(ek_mlm_head *head, ek_arena *arena, const ek_model_config *config,
                      const ek_param_offsets *offsets, int32_t max_rows, bool train);
/* hidden [rows, H] -> head->features. */
void ek_mlm_head_forward(ek_mlm_head *head, ek_compute *compute, const float *hidden,
                         const float *weights, int32_t rows);
/* row_loss from labels [rows], ids in the vocabulary. gradients not NULL: the decoder's += (bias
 * and table of word embeddings), of the sum of the losses over `divisor`. */
void ek_mlm_head_loss(ek_mlm_head *head, ek_compute *compute, float *gradients,
                      const float *weights, const int32_t *labels, int32_t rows, float divisor);
/* After a loss with gradients: those of the transform +=; head->dhidden is overwritten. */
void ek_mlm_head_backward(ek_mlm_head *head, ek_compute *compute, float *gradients,
                          const float *hidden, const float *weights, int32_t rows);

#endif
