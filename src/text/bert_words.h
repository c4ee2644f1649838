/* bert_words.h - BertPreTokenizer of the Rust `tokenizers` library: normalised text into words.
 *
 * White space ends a word and belongs to none; each punctuation character is a word of its own.
 * Only walks over the caller's text, which is valid UTF-8.
 *
 *     ek_bert_words words = ek_bert_words_begin(text, length);
 *     while (ek_bert_words_next(&words)) { ... words.word[0 .. words.length) ... }
 */
#ifndef EK_TEXT_BERT_WORDS_H
#define EK_TEXT_BERT_WORDS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *word;
    size_t length; /* in bytes, at least 1 */
    const char *at, *end;
} ek_bert_words;

ek_bert_words ek_bert_words_begin(const char *text, size_t length);
bool ek_bert_words_next(ek_bert_words *words);

#endif
