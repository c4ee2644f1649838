/* vocab_txt.h - reads vocab.txt, a token a line, and tokenizer_config.json beside it.
 *
 * Lines are read as Python reads them (\n, \r\n and \r end a line; the id is the line's number from
 * 0), and the rest is BertTokenizer of transformers: lower-casing, accents and Chinese characters
 * as tokenizer_config.json says (by default: lower case), "##", 100 characters a word,
 * [CLS] A [SEP] B [SEP]. Special tokens are found in the text if they are in the vocabulary.
 */
#ifndef EK_TEXT_VOCAB_TXT_H
#define EK_TEXT_VOCAB_TXT_H

#include "base/status.h"
#include "text/tokenizer_parts.h"

/* config_path NULL: the defaults. */
ek_status ek__tokenizer_load_vocab_txt(ek_tokenizer *tokenizer, const char *path,
                                       const char *config_path, ek_error *err);
/* The lines alone, from memory; where names the source in errors. */
ek_status ek__vocab_parse_txt(ek_vocab *vocab, const char *text, size_t length, const char *where,
                              ek_error *err);

#endif
