/* added_tokens.h - tokens that are found in the text before it is cut into words.
 *
 * "[SEP]" in a text is such a token. Those with normalized = false are looked for in the text as it
 * is, the others in the normalised text between them. Matching is leftmost, then longest;
 * single_word refuses a match beside a word character; lstrip and rstrip swallow white space.
 *
 *     ek_added_tokens_add(&added, &token, where, &err); ...
 *     ek_added_tokens_finish(&added, &normalizer, where, &err);
 *     ek_added_scan scan = ek_added_scan_begin(&added, false, true, text, length);
 *     while (ek_added_scan_next(&scan)) {
 *         ... ordinary text [scan.from, scan.to), then scan.token unless NULL ...
 *     }
 *
 * The set owns its tokens. After ek_added_tokens_finish it is immutable.
 */
#ifndef EK_TEXT_ADDED_TOKENS_H
#define EK_TEXT_ADDED_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "text/bert_normalizer.h"
#include "text/trie.h"

typedef struct {
    char *content;
    int32_t id;
    bool single_word, lstrip, rstrip, normalized, special;
} ek_added_token;

/* The contents to look for in one kind of text. */
typedef struct {
    ek_trie trie;     /* values are indices of tokens */
    bool begins[256]; /* bytes that begin a content */
    size_t count;
} ek_added_matcher;

typedef struct {
    ek_added_token *tokens;
    size_t count;
    size_t capacity;
    ek_added_matcher raw, normalized;
} ek_added_tokens;

/* Copies the token and its content, which is not empty. */
ek_status ek_added_tokens_add(ek_added_tokens *added, const ek_added_token *token,
                              const char *where, ek_error *err);
ek_status ek_added_tokens_finish(ek_added_tokens *added, const ek_bert_normalizer *normalizer,
                                 const char *where, ek_error *err);
void ek_added_tokens_deinit(ek_added_tokens *added); /* an all-zero set is fine */
/* By content or by id; NULL if there is none. */
const ek_added_token *ek_added_tokens_find(const ek_added_tokens *added, const char *content);
const ek_added_token *ek_added_tokens_find_id(const ek_added_tokens *added, int32_t id);

typedef struct {
    const char *from, *to;       /* ordinary text before the token, perhaps empty */
    const ek_added_token *token; /* NULL at the end of the text */
    const ek_added_tokens *added;
    const ek_added_matcher *matcher;
    bool special; /* false: special tokens are ordinary text */
    const char *text, *end;
    const char *at;   /* matching goes on here */
    const char *done; /* end of what was handed out */
    bool finished;
} ek_added_scan;
ek_added_scan ek_added_scan_begin(const ek_added_tokens *added, bool normalized, bool special,
                                  const char *text, size_t length);
bool ek_added_scan_next(ek_added_scan *scan);

#endif
