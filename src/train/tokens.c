#include "train/tokens.h"

#include <string.h>

#include "base/mem.h"

static ek_status allocate(ek_token_set *set, size_t count, ek_error *err)
{
    set->count = count;
    set->examples = ek_calloc(count, sizeof *set->examples);
    set->labels = ek_calloc(count, sizeof *set->labels);
    set->targets = ek_calloc(count, sizeof *set->targets);
    set->scores = ek_calloc(count, sizeof *set->scores);
    if (!set->examples || !set->labels || !set->targets || !set->scores) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for %zu tokenised examples", count);
    }
    return EK_OK;
}

/* The ids of all examples live in one block that grows while they are made, so examples hold
 * offsets until it has its final place. */
struct id_block {
    int32_t *ids, *types;
    size_t count, capacity;
};

static ek_status append_ids(struct id_block *block, const ek_encoding *encoding, ek_error *err)
{
    size_t needed = block->count + encoding->count;
    if (needed > block->capacity) {
        size_t capacity = needed * 2;
        int32_t *ids = ek_realloc(block->ids, capacity, sizeof *ids);
        if (ids) {
            block->ids = ids;
        }
        int32_t *types = ek_realloc(block->types, capacity, sizeof *types);
        if (types) {
            block->types = types;
        }
        if (!ids || !types) {
            return ek_error_set(err, EK_E_MEMORY, "no memory for %zu token ids", capacity);
        }
        block->capacity = capacity;
    }
    memcpy(block->ids + block->count, encoding->input_ids, encoding->count * sizeof(int32_t));
    memcpy(block->types + block->count, encoding->token_type_ids,
           encoding->count * sizeof(int32_t));
    block->count = needed;
    return EK_OK;
}

static ek_status check_ids(const ek_encoding *encoding, const ek_model_config *config, size_t line,
                           ek_error *err)
{
    if (encoding->count > (size_t)config->max_position_embeddings) {
        return ek_error_set(err, EK_E_DATA,
                            "line %zu has %zu tokens, the model has %d positions; lower "
                            "--max-seq-length",
                            line, encoding->count, config->max_position_embeddings);
    }
    for (size_t i = 0; i < encoding->count; i++) {
        int32_t id = encoding->input_ids[i];
        if (id < 0 || id >= config->vocab_size) {
            return ek_error_set(err, EK_E_MODEL,
                                "the tokenizer gives id %d, but the model's vocab_size is %d: "
                                "tokenizer and model do not belong together",
                                id, config->vocab_size);
        }
        if (encoding->token_type_ids[i] >= config->type_vocab_size) {
            return ek_error_set(err, EK_E_MODEL,
                                "pairs need 2 segment types, the model's type_vocab_size is %d; "
                                "use --segment-ids paper",
                                config->type_vocab_size);
        }
    }
    return EK_OK;
}

ek_status ek_token_set_build(ek_token_set *set, const ek_tokenizer *tokenizer,
                             const ek_dataset *data, ek_split_kind split_kind,
                             const ek_recipe *recipe, const ek_model_config *config, ek_error *err)
{
    *set = (ek_token_set){0};
    if (recipe->max_seq_length > config->max_position_embeddings) {
        return ek_error_set(
            err, EK_E_USAGE,
            "max_seq_length %lld is above the model's max_position_embeddings %d; lower "
            "--max-seq-length",
            (long long)recipe->max_seq_length, config->max_position_embeddings);
    }
    const ek_split *split = &data->split[split_kind];
    ek_encode_options options = ek_encode_default_options((int)recipe->max_seq_length);
    options.truncation = (ek_truncation)recipe->truncation;
    bool paper_segments = recipe->segment_ids == EK_SEGMENT_IDS_PAPER;
    struct id_block block = {0};
    ek_encoding encoding = {0};
    ek_status status;
    EK_GOTO(status, allocate(set, split->count, err), done);
    for (size_t i = 0; i < split->count; i++) {
        const ek_example *example = &split->examples[i];
        EK_GOTO(status,
                ek_tokenizer_encode(tokenizer, &options, example->text, example->text_length,
                                    example->pair, example->pair_length, &encoding, err),
                done);
        if (paper_segments) {
            memset(encoding.token_type_ids, 0, encoding.count * sizeof(int32_t));
        }
        EK_GOTO(status, check_ids(&encoding, config, example->line, err), done);
        EK_GOTO(status, append_ids(&block, &encoding, err), done);
        set->examples[i].length = (int32_t)encoding.count;
        set->labels[i] = example->label;
        set->scores[i] = example->score;
        set->targets[i] = (float)example->score;
        set->truncated_count += encoding.full_count > encoding.count;
        set->unknown_count += encoding.unknown_count;
        set->token_count += encoding.count;
        if (set->max_length < set->examples[i].length) {
            set->max_length = set->examples[i].length;
        }
    }
    size_t offset = 0;
    for (size_t i = 0; i < split->count; i++) {
        set->examples[i].input_ids = block.ids + offset;
        set->examples[i].token_type_ids = paper_segments ? NULL : block.types + offset;
        offset += (size_t)set->examples[i].length;
    }
    set->storage = block.ids;
    set->type_storage = block.types;
    block = (struct id_block){0};
done:
    ek_encoding_deinit(&encoding);
    ek_free(block.ids);
    ek_free(block.types);
    if (status != EK_OK) {
        ek_token_set_free(set);
    }
    return status;
}

void ek_token_set_free(ek_token_set *set)
{
    ek_free(set->examples);
    ek_free(set->labels);
    ek_free(set->targets);
    ek_free(set->scores);
    ek_free(set->storage);
    ek_free(set->type_storage);
    *set = (ek_token_set){0};
}
