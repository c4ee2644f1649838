#include "text/template.h"

#include <string.h>

ek_template ek_template_bert(int32_t cls_id, int32_t sep_id, int with_pair)
{
    ek_template form = {
        .pieces = {{EK_PIECE_SPECIAL, cls_id, 0},
                   {EK_PIECE_TEXT, 0, 0},
                   {EK_PIECE_SPECIAL, sep_id, 0},
                   {EK_PIECE_PAIR, 0, 1},
                   {EK_PIECE_SPECIAL, sep_id, 1}},
        .count = with_pair ? 5 : 3,
    };
    return form;
}

size_t ek_template_special_count(const ek_template *form)
{
    size_t count = 0;
    for (size_t i = 0; i < form->count; i++) {
        count += form->pieces[i].kind == EK_PIECE_SPECIAL;
    }
    return count;
}

void ek_truncate_longest_first(size_t *text, size_t *pair, size_t budget, ek_truncation rule)
{
    if (*text + *pair <= budget) {
        return;
    }
    int text_is_longer = *text > *pair;
    size_t *longer = text_is_longer ? text : pair;
    size_t *shorter = text_is_longer ? pair : text;
    if (*shorter <= budget && budget - *shorter >= *shorter) {
        *longer = budget - *shorter; /* the shorter one fits beside it: only the longer is cut */
        return;
    }
    size_t half = budget / 2;
    if (rule == EK_TRUNCATION_FAST) {
        *shorter = half;
        *longer = budget - half;
    } else {
        *pair = half; /* once equal, the second loses first */
        *text = budget - half;
    }
}

size_t ek_template_apply(const ek_template *form, int32_t *input_ids, int32_t *token_type_ids,
                         const int32_t *text_ids, size_t text, const int32_t *pair_ids, size_t pair)
{
    size_t count = 0;
    for (size_t i = 0; i < form->count; i++) {
        const ek_template_piece *piece = &form->pieces[i];
        const int32_t *ids = piece->kind == EK_PIECE_TEXT   ? text_ids
                             : piece->kind == EK_PIECE_PAIR ? pair_ids
                                                            : &piece->id;
        size_t length = piece->kind == EK_PIECE_TEXT   ? text
                        : piece->kind == EK_PIECE_PAIR ? pair
                                                       : 1;
        if (length > 0) {
            memcpy(input_ids + count, ids, length * sizeof *ids);
        }
        for (size_t k = 0; k < length; k++) {
            token_type_ids[count + k] = piece->type_id;
        }
        count += length;
    }
    return count;
}
