/* bert_normalizer.h - BertNormalizer of the Rust `tokenizers` library.
 *
 * In this order: clean_text removes control characters and turns white space into spaces;
 * handle_chinese_chars puts spaces around ideographs; strip_accents decomposes (NFD) and drops
 * nonspacing marks; lowercase lowers each character alone. Immutable once made, no memory to own.
 */
#ifndef EK_TEXT_BERT_NORMALIZER_H
#define EK_TEXT_BERT_NORMALIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    bool clean_text;
    bool handle_chinese_chars;
    bool strip_accents;
    bool lowercase;
    uint8_t ascii[128]; /* what becomes of an ASCII character; 255: dropped */
} ek_bert_normalizer;

ek_bert_normalizer ek_bert_normalizer_make(bool clean_text, bool handle_chinese_chars,
                                           bool strip_accents, bool lowercase);

/* Bytes that ek_bert_normalizer_apply may touch for length bytes of text; false on overflow. */
bool ek_bert_normalizer_bound(size_t *out, size_t length);

/* Writes the normalised text (valid UTF-8 in, valid UTF-8 out, no terminator) and returns its
 * length in bytes. out has room for ek_bert_normalizer_bound bytes and is not text. */
size_t ek_bert_normalizer_apply(const ek_bert_normalizer *normalizer, char *out, const char *text,
                                size_t length);

#endif
