/* tokenizer.h - text to token ids, exactly as the Rust `tokenizers` library gives them.
 *
 * BERT's WordPiece with BertNormalizer and BertPreTokenizer, cased and uncased, read from
 * tokenizer.json or from vocab.txt (with tokenizer_config.json's do_lower_case, strip_accents and
 * tokenize_chinese_chars if there is one). Other families (byte-level BPE, Unigram) become further
 * implementations behind this interface: nothing outside text/ knows which one is at work.
 *
 *     ek_tokenizer_open(&tokenizer, model_dir, &err);
 *     ek_encoding encoding = {0};
 *     ek_tokenizer_encode(tokenizer, &options, text, length, pair, pair_length, &encoding, &err);
 *     ... encoding.input_ids[0 .. count) ...               // reuse it for the next text
 *     ek_encoding_deinit(&encoding);
 *     ek_tokenizer_close(tokenizer);
 *
 * A tokenizer is immutable after opening; encoding with it is safe from several threads.
 */
#ifndef EK_TEXT_TOKENIZER_H
#define EK_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct ek_tokenizer ek_tokenizer;

/* longest_first, as the fast (Rust) and the slow (Python, Google, the paper) tokenizers cut pairs;
 * single texts are cut alike by both. */
typedef enum { EK_TRUNCATION_FAST, EK_TRUNCATION_SLOW } ek_truncation;

typedef struct {
    int max_seq_length; /* with special tokens, which must fit (EK_E_USAGE); 0: never cut */
    ek_truncation truncation;
    bool special_in_text; /* "[SEP]" in the text becomes the special id, as in Hugging Face: the
                           * default. false: it is ordinary text */
} ek_encode_options;
ek_encode_options ek_encode_default_options(int max_seq_length);

typedef struct {
    int32_t *input_ids;      /* [count] */
    int32_t *token_type_ids; /* [count] 0 or 1 */
    size_t count;            /* with special tokens, without padding */
    size_t full_count;       /* what count would be without truncation */
    size_t unknown_count;    /* [UNK] ids among the count */
    size_t capacity;
    struct ek_encode_scratch *scratch; /* private: working memory, kept from text to text */
} ek_encoding;
void ek_encoding_deinit(ek_encoding *encoding);

/* dir holds tokenizer.json or vocab.txt (tokenizer.json wins, also over tokenizer_config.json: a
 * warning says where they disagree). Errors are EK_E_MODEL and name the
 * file, the key or line, and what is supported. */
ek_status ek_tokenizer_open(ek_tokenizer **out, const char *dir, ek_error *err);
void ek_tokenizer_close(ek_tokenizer *tokenizer); /* NULL is fine */

/* text and pair must be valid UTF-8 (data/ checks files; this call checks again: EK_E_DATA with the
 * byte offset); pair NULL for a single text. Overwrites *out, growing its arrays as needed. */
ek_status ek_tokenizer_encode(const ek_tokenizer *tokenizer, const ek_encode_options *options,
                              const char *text, size_t text_length, const char *pair,
                              size_t pair_length, ek_encoding *out, ek_error *err);

/* One more than the largest id, added tokens included: the rows an embedding needs. */
size_t ek_tokenizer_vocab_size(const ek_tokenizer *tokenizer);
/* The id of a token, -1 if it is not in the vocabulary. */
int32_t ek_tokenizer_id(const ek_tokenizer *tokenizer, const char *token);
/* The token of an id, borrowed; NULL if there is none. */
const char *ek_tokenizer_token(const ek_tokenizer *tokenizer, int32_t id);
bool ek_tokenizer_lowercases(const ek_tokenizer *tokenizer);

/* Copies the tokenizer's files (tokenizer.json, vocab.txt, tokenizer_config.json,
 * special_tokens_map.json, those that exist) so that a kept model is complete. */
ek_status ek_tokenizer_copy_files(const char *from_dir, const char *to_dir, ek_error *err);

#endif
