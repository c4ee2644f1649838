#include "model/batch.h"

#include <stdbool.h>
#include <string.h>

void ek_batch_plan(ek_batch *batch, ek_arena *arena, int32_t max_examples, int32_t max_tokens)
{
    size_t examples = (size_t)max_examples, tokens = (size_t)max_tokens, word = sizeof(int32_t);
    *batch = (ek_batch){.max_examples = max_examples, .max_tokens = max_tokens};
    batch->input_ids = ek_arena_alloc(arena, tokens, word);
    batch->token_type_ids = ek_arena_alloc(arena, tokens, word);
    batch->position_ids = ek_arena_alloc(arena, tokens, word);
    batch->offsets = ek_arena_alloc(arena, examples + 1, word);
    batch->example_index = ek_arena_alloc(arena, examples, word);
    batch->row_example = ek_arena_alloc(arena, tokens, word);
    batch->row_position = ek_arena_alloc(arena, tokens, word);
    batch->by_input_id = ek_arena_alloc(arena, tokens, word);
    batch->by_token_type = ek_arena_alloc(arena, tokens, word);
    batch->by_position = ek_arena_alloc(arena, tokens, word);
    batch->distinct_ids = ek_arena_alloc(arena, tokens, word);
    batch->scratch = ek_arena_alloc(arena, tokens, word);
}

/* Token indices sorted by their id; equal ids stay in packed order. A bottom-up merge sort: stable,
 * without allocation, and a batch has only some thousand tokens. */
static void sort_by(int32_t *sorted, const int32_t *ids, int32_t count, int32_t *scratch)
{
    for (int32_t i = 0; i < count; i++) {
        sorted[i] = i;
    }
    int32_t *from = sorted, *to = scratch;
    for (int64_t width = 1; width < count; width *= 2) {
        for (int64_t first = 0; first < count; first += 2 * width) {
            int64_t middle = first + width < count ? first + width : count;
            int64_t end = first + 2 * width < count ? first + 2 * width : count;
            int64_t a = first, b = middle;
            for (int64_t i = first; i < end; i++) {
                bool take_a = a < middle && (b >= end || ids[from[a]] <= ids[from[b]]);
                to[i] = take_a ? from[a++] : from[b++];
            }
        }
        int32_t *held = from;
        from = to;
        to = held;
    }
    if (from != sorted) {
        memcpy(sorted, from, (size_t)count * sizeof *sorted);
    }
}

void ek_batch_fill(ek_batch *batch, const ek_tokens *examples, int32_t example_count,
                   uint32_t first_index)
{
    int32_t token = 0;
    batch->example_count = example_count;
    batch->max_length = 0;
    for (int32_t e = 0; e < example_count; e++) {
        const ek_tokens *example = &examples[e];
        batch->offsets[e] = token;
        batch->example_index[e] = first_index + (uint32_t)e;
        if (example->length > batch->max_length) {
            batch->max_length = example->length;
        }
        for (int32_t p = 0; p < example->length; p++, token++) {
            batch->input_ids[token] = example->input_ids[p];
            batch->token_type_ids[token] = example->token_type_ids ? example->token_type_ids[p] : 0;
            batch->position_ids[token] = p;
            batch->row_example[token] = first_index + (uint32_t)e;
            batch->row_position[token] = (uint32_t)p;
        }
    }
    batch->offsets[example_count] = token;
    batch->token_count = token;
    sort_by(batch->by_input_id, batch->input_ids, token, batch->scratch);
    sort_by(batch->by_token_type, batch->token_type_ids, token, batch->scratch);
    sort_by(batch->by_position, batch->position_ids, token, batch->scratch);
    batch->distinct_count = 0;
    for (int32_t i = 0; i < token; i++) {
        int32_t id = batch->input_ids[batch->by_input_id[i]];
        if (i == 0 || id != batch->distinct_ids[batch->distinct_count - 1]) {
            batch->distinct_ids[batch->distinct_count++] = id;
        }
    }
}
