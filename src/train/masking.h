/* masking.h - which tokens of a block are hidden in masked-language modelling, and by what.
 *
 * As BERT's pre-training: 15 % of the tokens between [CLS] and [SEP] are chosen, each for itself;
 * of those 80 % become [MASK], 10 % a random id, 10 % stay. What happens to a token is a function
 * of (seed, epoch, block, position) by the mask stream (docs/numerics.md), so that every model with
 * the same tokenizer is measured on the same masks. A block in which no token was chosen gets the
 * one whose draw was nearest to it: every block has something to learn from.
 */
#ifndef EK_TRAIN_MASKING_H
#define EK_TRAIN_MASKING_H

#include <stdint.h>

#include "model/batch.h"

enum { EK_UNMASKED = -100 }; /* the label of a token that was not chosen, as in Hugging Face */

/* epoch of a draw: evaluation uses EK_MASK_FIXED, epoch e (0-based) of a training run
 * EK_MASK_EPOCH + e: no training mask is one of the evaluation's. */
enum { EK_MASK_FIXED = 0, EK_MASK_EPOCH = 1 };

typedef struct {
    int32_t mask_id;    /* of [MASK] */
    int32_t vocab_size; /* random ids are below it: the tokenizer's, whatever the model's */
} ek_mask_vocab;

/* block: [CLS] tokens [SEP], at least 3 of them. ids, labels [block->length] are written: what the
 * model sees, and the token's id where it was chosen, else EK_UNMASKED. Returns how many were
 * chosen, at least 1. ids and labels may be NULL: counts only. */
int32_t ek_mask_block(int32_t *ids, int32_t *labels, const ek_tokens *block,
                      const ek_mask_vocab *vocab, uint32_t seed, uint32_t epoch,
                      uint32_t block_index);

#endif
