/* vocab.h - tokens and their ids, both ways.
 *
 *     ek_vocab vocab = {0};
 *     ek_vocab_add(&vocab, "[PAD]", 5, 0, "vocab.txt, line 1", &err); ...
 *     ek_vocab_finish(&vocab, "vocab.txt", &err);      // now it can be asked
 *     ek_vocab_deinit(&vocab);
 *
 * The vocabulary owns its tokens. After ek_vocab_finish it is immutable.
 */
#ifndef EK_TEXT_VOCAB_H
#define EK_TEXT_VOCAB_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"
#include "text/trie.h"

#define EK_VOCAB_MAX_IDS (1 << 20)

typedef struct {
    ek_buf pool;          /* the tokens, each with a NUL behind it */
    ek_trie_entry *by_id; /* [capacity] text NULL where there is no token */
    size_t *place;        /* [capacity] where in pool it begins, until ek_vocab_finish */
    size_t capacity;
    size_t count;    /* of tokens */
    size_t id_limit; /* one more than the largest id */
    ek_trie trie;
} ek_vocab;

/* Adds a token with an id below EK_VOCAB_MAX_IDS that is free. Errors are EK_E_MODEL and begin with
 * where. */
ek_status ek_vocab_add(ek_vocab *vocab, const char *token, size_t length, int64_t id,
                       const char *where, ek_error *err);
/* Builds the index. A token that occurs twice is an error that names where and both ids. */
ek_status ek_vocab_finish(ek_vocab *vocab, const char *where, ek_error *err);
void ek_vocab_deinit(ek_vocab *vocab); /* an all-zero vocabulary is fine */

/* -1 if it is not in the vocabulary. */
int32_t ek_vocab_id(const ek_vocab *vocab, const char *token, size_t length);
/* Valid until ek_vocab_deinit; NULL if there is none. */
const char *ek_vocab_token(const ek_vocab *vocab, int32_t id);

#endif
