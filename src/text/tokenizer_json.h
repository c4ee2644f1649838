/* tokenizer_json.h - reads tokenizer.json of the `tokenizers` library, version "1.0".
 *
 * Supported: WordPiece with BertNormalizer, BertPreTokenizer and TemplateProcessing or
 * BertProcessing. The sections truncation, padding and decoder do not touch ids and are passed
 * over. Anything else is EK_E_MODEL with the key, what was found and what is supported.
 */
#ifndef EK_TEXT_TOKENIZER_JSON_H
#define EK_TEXT_TOKENIZER_JSON_H

#include "base/status.h"
#include "text/tokenizer_parts.h"

ek_status ek__tokenizer_load_json(ek_tokenizer *tokenizer, const char *path, ek_error *err);
/* The same from memory; where names the source in errors. */
ek_status ek__tokenizer_parse_json(ek_tokenizer *tokenizer, const char *text, size_t length,
                                   const char *where, ek_error *err);

#endif
