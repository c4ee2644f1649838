#include "text/bert_words.h"

#include "text/unicode.h"

ek_bert_words ek_bert_words_begin(const char *text, size_t length)
{
    return (ek_bert_words){.at = text, .end = text + length};
}

bool ek_bert_words_next(ek_bert_words *words)
{
    const char *word = words->at; /* where the word under way begins */
    const char *at = words->at;
    while (at < words->end) {
        const char *start = at;
        unsigned flags = ek__unicode_flags(ek_utf8_next(&at));
        if ((flags & (EK_UNICODE_SPACE | EK_UNICODE_PUNCTUATION)) == 0) {
            continue;
        }
        if (start > word) { /* the word ends before this character, which comes again */
            at = start;
            break;
        }
        if ((flags & EK_UNICODE_PUNCTUATION) != 0) {
            break;
        }
        word = at;
    }
    words->word = word;
    words->length = (size_t)(at - word);
    words->at = at;
    return words->length > 0;
}
