/* batch.h - a packed batch: the tokens of its examples one after another, no padding.
 *
 * Planned once for the largest batch (ek_batch_plan), then filled for every step without
 * allocation. Filling also sorts token indices by id, for the embedding gradient.
 */
#ifndef EK_MODEL_BATCH_H
#define EK_MODEL_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "kernel/kernel.h"

/* One tokenised example, borrowed. */
typedef struct {
    const int32_t *input_ids;      /* [length] */
    const int32_t *token_type_ids; /* [length], or NULL: all 0 (segment ids "paper") */
    int32_t length;                /* 1 .. max_position_embeddings */
} ek_tokens;

typedef struct {
    int32_t max_examples, max_tokens; /* capacity */
    int32_t example_count, token_count, max_length;
    int32_t *input_ids, *token_type_ids, *position_ids; /* [token_count] */
    int32_t *offsets;                                   /* [example_count + 1] */
    uint32_t *example_index; /* [example_count] index in the optimizer step: first_index + e */
    uint32_t *row_example, *row_position;               /* [token_count], for ek_rows */
    int32_t *by_input_id, *by_token_type, *by_position; /* [token_count] sorted token indices */
    int32_t *distinct_ids;                              /* [distinct_count] ascending */
    int32_t distinct_count;
    int32_t *scratch; /* private */
} ek_batch;

/* Lays the batch out in arena (measuring or real). */
void ek_batch_plan(ek_batch *batch, ek_arena *arena, int32_t max_examples, int32_t max_tokens);
/* Fills it. first_index: index of the first example in the optimizer step (accumulation windows
 * continue counting). Ids must be inside the vocabulary (train/tokens.h checks once). */
void ek_batch_fill(ek_batch *batch, const ek_tokens *examples, int32_t example_count,
                   uint32_t first_index);

#endif
