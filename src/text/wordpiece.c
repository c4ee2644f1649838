#include "text/wordpiece.h"

#include <string.h>

#include "text/bert_words.h"
#include "text/unicode.h"

ek_status ek_wordpiece_init(ek_wordpiece *wordpiece, const ek_vocab *vocab, const char *unk_token,
                            const char *prefix, size_t max_input_chars_per_word, const char *where,
                            ek_error *err)
{
    size_t prefix_length = strlen(prefix);
    uint32_t node = ek_trie_walk(&vocab->trie, prefix, prefix_length);
    *wordpiece = (ek_wordpiece){
        .vocab = vocab,
        .unknown_id = ek_vocab_id(vocab, unk_token, strlen(unk_token)),
        .max_input_chars_per_word = max_input_chars_per_word,
        .continuing_node = node,
        .continues = node != EK_TRIE_ROOT || prefix_length == 0,
    };
    if (wordpiece->unknown_id < 0) {
        return ek_error_set(err, EK_E_MODEL,
                            "%s: the unknown token \"%.64s\" is not in the vocabulary", where,
                            unk_token);
    }
    return EK_OK;
}

/* Writes the ids of one word and returns how many: at least 1, at most its bytes. */
static size_t encode_word(const ek_wordpiece *wordpiece, int32_t *ids, const char *word,
                          size_t length)
{
    size_t count = 0;
    size_t max_chars = wordpiece->max_input_chars_per_word;
    bool known = length <= max_chars || ek_utf8_count(word, length) <= max_chars;
    uint32_t node = EK_TRIE_ROOT;
    for (size_t at = 0; known && at < length;) {
        size_t matched = 0;
        ids[count] =
            ek_trie_longest(&wordpiece->vocab->trie, node, word + at, length - at, &matched);
        known = ids[count++] >= 0;
        at += matched;
        node = wordpiece->continuing_node;
        known = known && (at == length || wordpiece->continues);
    }
    if (!known) {
        ids[0] = wordpiece->unknown_id;
        return 1;
    }
    return count;
}

size_t ek_wordpiece_encode(const ek_wordpiece *wordpiece, int32_t *ids, const char *text,
                           size_t length)
{
    size_t count = 0;
    ek_bert_words words = ek_bert_words_begin(text, length);
    while (ek_bert_words_next(&words)) {
        count += encode_word(wordpiece, ids + count, words.word, words.length);
    }
    return count;
}
