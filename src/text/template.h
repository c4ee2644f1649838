/* template.h - the special tokens around one text or a pair, and the cut that makes all fit.
 *
 * A template is what a post-processor of tokenizer.json says: a row of pieces, each a special token
 * or one of the texts, with its segment. Plain values, no memory to own.
 */
#ifndef EK_TEXT_TEMPLATE_H
#define EK_TEXT_TEMPLATE_H

#include <stddef.h>
#include <stdint.h>

#include "text/tokenizer.h"

#define EK_TEMPLATE_MAX_PIECES 16

typedef enum { EK_PIECE_SPECIAL, EK_PIECE_TEXT, EK_PIECE_PAIR } ek_piece_kind;

typedef struct {
    ek_piece_kind kind;
    int32_t id; /* of a special token */
    int32_t type_id;
} ek_template_piece;

typedef struct {
    ek_template_piece pieces[EK_TEMPLATE_MAX_PIECES];
    size_t count;
} ek_template;

/* [CLS] text [SEP], or [CLS] text [SEP] pair [SEP] with the pair's segment 1. */
ek_template ek_template_bert(int32_t cls_id, int32_t sep_id, int with_pair);
size_t ek_template_special_count(const ek_template *form);

/* longest_first: cuts the two lengths (pair 0 for a single text) so that together they are at most
 * budget. The fast rule keeps a text that fits into what the other leaves, else gives each half,
 * the odd token to the longer one (the second of equals). The slow rule takes one token at a time
 * from the longer, from the second of equals. */
void ek_truncate_longest_first(size_t *text, size_t *pair, size_t budget, ek_truncation rule);

/* Writes ids and segments [text + pair + special tokens] and returns how many. */
size_t ek_template_apply(const ek_template *form, int32_t *input_ids, int32_t *token_type_ids,
                         const int32_t *text_ids, size_t text, const int32_t *pair_ids,
                         size_t pair);

#endif
