/* wordpiece.h - WordPiece: normalised text to ids.
 *
 * Each word (bert_words.h) is cut from the left into the longest pieces of the vocabulary, where
 * pieces after the first carry the prefix ("##"); a word that cannot be cut so, or of more than
 * max_input_chars_per_word characters, is the unknown token as a whole. The vocabulary is borrowed
 * and outlives the model.
 */
#ifndef EK_TEXT_WORDPIECE_H
#define EK_TEXT_WORDPIECE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "text/vocab.h"

typedef struct {
    const ek_vocab *vocab;
    int32_t unknown_id;
    size_t max_input_chars_per_word;
    /* Where pieces after the first begin in the vocabulary's trie: the node of the prefix. */
    uint32_t continuing_node;
    bool continues; /* false: no token begins with the prefix */
} ek_wordpiece;

/* unk_token must be in the vocabulary (EK_E_MODEL, beginning with where). */
ek_status ek_wordpiece_init(ek_wordpiece *wordpiece, const ek_vocab *vocab, const char *unk_token,
                            const char *prefix, size_t max_input_chars_per_word, const char *where,
                            ek_error *err);

/* Writes the ids of a normalised text (valid UTF-8), at most length of them, and returns how many.
 */
size_t ek_wordpiece_encode(const ek_wordpiece *wordpiece, int32_t *ids, const char *text,
                           size_t length);

#endif
