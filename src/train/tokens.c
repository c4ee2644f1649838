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

static ek_status check_vocabulary(const ek_encoding *encoding, const ek_model_config *config,
                                  ek_error *err)
{
    for (size_t i = 0; i < encoding->count; i++) {
        int32_t id = encoding->input_ids[i];
        if (id < 0 || id >= config->vocab_size) {
            return ek_error_set(err, EK_E_MODEL,
                                "the tokenizer gives id %d, but the model's vocab_size is %d: "
                                "tokenizer and model do not belong together",
                                id, config->vocab_size);
        }
    }
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
    EK_TRY(check_vocabulary(encoding, config, err));
    for (size_t i = 0; i < encoding->count; i++) {
        if (encoding->token_type_ids[i] >= config->type_vocab_size) {
            return ek_error_set(err, EK_E_MODEL,
                                "pairs need 2 segment types, the model's type_vocab_size is %d; "
                                "use --segment-ids paper",
                                config->type_vocab_size);
        }
    }
    return EK_OK;
}

static ek_status check_max_length(const ek_recipe *recipe, const ek_model_config *config,
                                  ek_error *err)
{
    return recipe->max_seq_length <= config->max_position_embeddings
               ? EK_OK
               : ek_error_set(err, EK_E_USAGE,
                              "max_seq_length %lld is above the model's max_position_embeddings "
                              "%d; lower --max-seq-length",
                              (long long)recipe->max_seq_length, config->max_position_embeddings);
}

ek_status ek_token_set_build(ek_token_set *set, const ek_tokenizer *tokenizer,
                             const ek_dataset *data, ek_split_kind split_kind,
                             const ek_recipe *recipe, const ek_model_config *config, ek_error *err)
{
    *set = (ek_token_set){0};
    EK_TRY(check_max_length(recipe, config, err));
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

/* ---- blocks of running text ------------------------------------------------------------------ */

/* The ids of all texts of the split, without special tokens. */
static ek_status append_text(struct id_block *text, ek_token_set *set,
                             const ek_tokenizer *tokenizer, const ek_split *split,
                             const ek_model_config *config, ek_error *err)
{
    ek_encode_options options = ek_encode_default_options(0);
    options.special_in_text = false;
    ek_encoding encoding = {0};
    ek_status status = EK_OK;
    for (size_t i = 0; i < split->count && status == EK_OK; i++) {
        const ek_example *example = &split->examples[i];
        status = ek_tokenizer_encode(tokenizer, &options, example->text, example->text_length, NULL,
                                     0, &encoding, err);
        if (status != EK_OK || encoding.count <= 2) {
            continue; /* an empty line */
        }
        ek_encoding inner = encoding;
        inner.input_ids++;
        inner.token_type_ids++;
        inner.count -= 2;
        status = check_vocabulary(&inner, config, err);
        if (status == EK_OK) {
            status = append_ids(text, &inner, err);
        }
        set->unknown_count += encoding.unknown_count;
    }
    ek_encoding_deinit(&encoding);
    return status;
}

static ek_status special_id(const ek_tokenizer *tokenizer, const ek_model_config *config,
                            const char *token, int32_t *id, ek_error *err)
{
    *id = ek_tokenizer_id(tokenizer, token);
    return *id >= 0 && *id < config->vocab_size
               ? EK_OK
               : ek_error_set(err, EK_E_MODEL,
                              "the tokenizer has no %s inside the model's vocabulary: masked-"
                              "language modelling needs it",
                              token);
}

static ek_status cut_blocks(ek_token_set *set, const struct id_block *text, int32_t inner,
                            int32_t cls, int32_t sep, ek_error *err)
{
    size_t count = (text->count + (size_t)inner - 1) / (size_t)inner;
    EK_TRY(allocate(set, count, err));
    set->token_count = text->count + 2 * count;
    set->storage = ek_calloc(set->token_count, sizeof *set->storage);
    if (!set->storage) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for %zu token ids", set->token_count);
    }
    int32_t *at = set->storage;
    for (size_t i = 0; i < count; i++) {
        size_t first = i * (size_t)inner, left = text->count - first;
        int32_t length = left < (size_t)inner ? (int32_t)left : inner;
        set->examples[i] = (ek_tokens){.input_ids = at, .length = length + 2};
        set->labels[i] = -1;
        *at++ = cls;
        memcpy(at, text->ids + first, (size_t)length * sizeof *at);
        at += length;
        *at++ = sep;
        if (set->max_length < length + 2) {
            set->max_length = length + 2;
        }
    }
    return EK_OK;
}

ek_status ek_token_set_build_blocks(ek_token_set *set, const ek_tokenizer *tokenizer,
                                    const ek_dataset *data, ek_split_kind split,
                                    const ek_recipe *recipe, const ek_model_config *config,
                                    ek_error *err)
{
    *set = (ek_token_set){0};
    EK_TRY(check_max_length(recipe, config, err));
    struct id_block text = {0};
    int32_t cls, sep;
    ek_status status;
    EK_GOTO(status, special_id(tokenizer, config, "[CLS]", &cls, err), done);
    EK_GOTO(status, special_id(tokenizer, config, "[SEP]", &sep, err), done);
    EK_GOTO(status, special_id(tokenizer, config, "[MASK]", &set->mask.mask_id, err), done);
    size_t ids = ek_tokenizer_vocab_size(tokenizer);
    if (ids > (size_t)config->vocab_size) {
        status = ek_error_set(err, EK_E_MODEL,
                              "the tokenizer has %zu tokens, the model's vocab_size is %d: random "
                              "tokens of a mask would have no embedding",
                              ids, config->vocab_size);
        goto done;
    }
    set->mask.vocab_size = (int32_t)ids;
    EK_GOTO(status, append_text(&text, set, tokenizer, &data->split[split], config, err), done);
    if (text.count == 0) {
        status = ek_error_set(err, EK_E_DATA, "the text has no tokens");
        goto done;
    }
    EK_GOTO(status, cut_blocks(set, &text, (int32_t)recipe->max_seq_length - 2, cls, sep, err),
            done);
done:
    ek_free(text.ids);
    ek_free(text.types);
    if (status != EK_OK) {
        ek_token_set_free(set);
    }
    return status;
}

ek_status ek_token_set_select(ek_token_set *set, const ek_token_set *from, const uint32_t *index,
                              size_t count, ek_error *err)
{
    *set = (ek_token_set){.mask = from->mask};
    ek_status status = allocate(set, count, err);
    if (status != EK_OK) {
        ek_token_set_free(set);
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        int32_t length = from->examples[index[i]].length;
        set->examples[i] = from->examples[index[i]];
        set->labels[i] = from->labels[index[i]];
        set->targets[i] = from->targets[index[i]];
        set->scores[i] = from->scores[index[i]];
        set->token_count += (size_t)length;
        set->max_length = length > set->max_length ? length : set->max_length;
    }
    return EK_OK;
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
