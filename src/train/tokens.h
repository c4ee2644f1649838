/* tokens.h - a split of a dataset as token ids, made once and shared by all runs that use it.
 *
 * Plain arrays: this is where text/ and data/ end and model/ begins. Every id is checked against
 * the model's vocabulary and every length against its positions here, so that the model need not.
 */
#ifndef EK_TRAIN_TOKENS_H
#define EK_TRAIN_TOKENS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "data/dataset.h"
#include "model/batch.h"
#include "model/config.h"
#include "text/tokenizer.h"
#include "train/masking.h"
#include "train/recipe.h"

typedef struct {
    ek_tokens *examples; /* [count] */
    int32_t *labels;     /* [count] classification; -1 unlabelled */
    float *targets;      /* [count] regression */
    double *scores;      /* [count] the same in double, for the metrics */
    size_t count;
    size_t truncated_count;            /* examples that lost tokens */
    size_t unknown_count, token_count; /* [UNK] share; token_count with special tokens */
    int32_t max_length;
    ek_mask_vocab mask;              /* of blocks; else 0 */
    int32_t *storage, *type_storage; /* private: all ids, one after another */
} ek_token_set;

/* segment_ids "paper" leaves token_type_ids NULL. A max_seq_length above the model's positions is
 * an error that names both. */
ek_status ek_token_set_build(ek_token_set *set, const ek_tokenizer *tokenizer,
                             const ek_dataset *data, ek_split_kind split, const ek_recipe *recipe,
                             const ek_model_config *config, ek_error *err);
/* Running text for masked-language modelling: the tokens of all examples of the split, one after
 * another, in blocks of max_seq_length tokens with [CLS] before and [SEP] behind (Hugging Face's
 * run_mlm without line_by_line, but for these two and for the last, shorter block, which is kept).
 * Special tokens written in the text are ordinary text. labels are -1. max_seq_length is at least
 * 3, as its option row says. */
ek_status ek_token_set_build_blocks(ek_token_set *set, const ek_tokenizer *tokenizer,
                                    const ek_dataset *data, ek_split_kind split,
                                    const ek_recipe *recipe, const ek_model_config *config,
                                    ek_error *err);
/* The examples index[0 .. count) of another set, in that order; their ids are borrowed from it. */
ek_status ek_token_set_select(ek_token_set *set, const ek_token_set *from, const uint32_t *index,
                              size_t count, ek_error *err);
void ek_token_set_free(ek_token_set *set); /* an all-zero one is fine */

#endif
