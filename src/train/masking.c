#include "train/masking.h"

#include <stdbool.h>

#include "base/random.h"

/* Shares of 2^32: of tokens chosen, of chosen ones that become [MASK], and that or a random id. */
#define CHOSEN      644245094u  /* 0.15 */
#define MASKED      3435973837u /* 0.8 */
#define NOT_CHANGED 3865470566u /* 0.9 and above */

static ek_philox_block draw_at(uint32_t seed, uint32_t epoch, uint32_t block, int32_t position)
{
    return ek_philox(seed, EK_STREAM_MASK, epoch, block, (uint32_t)position, 0);
}

/* What the model sees in place of a chosen token. */
static int32_t hidden_by(int32_t id, const ek_philox_block *draw, const ek_mask_vocab *vocab)
{
    if (draw->v[1] < MASKED) {
        return vocab->mask_id;
    }
    if (draw->v[1] >= NOT_CHANGED) {
        return id;
    }
    /* The high word of a 64-bit fraction times the size: a bias below 2^-40. */
    uint64_t size = (uint64_t)vocab->vocab_size;
    return (int32_t)((draw->v[2] * size + (draw->v[3] * size >> 32)) >> 32);
}

int32_t ek_mask_block(int32_t *ids, int32_t *labels, const ek_tokens *block,
                      const ek_mask_vocab *vocab, uint32_t seed, uint32_t epoch,
                      uint32_t block_index)
{
    int32_t count = 0, nearest = 1;
    uint32_t least = UINT32_MAX;
    for (int32_t p = 0; p < block->length; p++) {
        bool special = p == 0 || p == block->length - 1;
        ek_philox_block draw = draw_at(seed, epoch, block_index, p);
        bool chosen = !special && draw.v[0] < CHOSEN;
        if (!special && draw.v[0] < least) {
            least = draw.v[0];
            nearest = p;
        }
        if (ids) {
            int32_t id = block->input_ids[p];
            ids[p] = chosen ? hidden_by(id, &draw, vocab) : id;
            labels[p] = chosen ? id : EK_UNMASKED;
        }
        count += chosen;
    }
    if (count == 0) {
        if (ids) {
            int32_t id = block->input_ids[nearest];
            ek_philox_block draw = draw_at(seed, epoch, block_index, nearest);
            ids[nearest] = hidden_by(id, &draw, vocab);
            labels[nearest] = id;
        }
        count = 1;
    }
    return count;
}
