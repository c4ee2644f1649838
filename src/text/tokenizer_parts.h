/* tokenizer_parts.h - what a tokenizer is made of; for the files that read one (tokenizer_json.c,
 * vocab_txt.c) and the one that runs it (tokenizer.c).
 *
 * A reader fills an all-zero tokenizer. Whatever it returns, tokenizer.c releases the parts.
 */
#ifndef EK_TEXT_TOKENIZER_PARTS_H
#define EK_TEXT_TOKENIZER_PARTS_H

#include "text/added_tokens.h"
#include "text/bert_normalizer.h"
#include "text/template.h"
#include "text/tokenizer.h"
#include "text/vocab.h"
#include "text/wordpiece.h"

#define EK_TOKENIZER_MAX_FILE_BYTES   ((size_t)64 << 20)
#define EK_TOKENIZER_MAX_ADDED_TOKENS 16384

struct ek_tokenizer {
    ek_vocab vocab;
    ek_added_tokens added;
    ek_bert_normalizer normalizer;
    ek_wordpiece wordpiece;
    ek_template single, pair;
};

#endif
