/* unicode_tables.h - what the Rust `tokenizers` library knows of Unicode, as generated tables.
 *
 * unicode_tables.c is written by scripts/make_unicode_tables.py, which says which version of
 * Unicode answers which question. Constant data, no memory to own. Callers use unicode.h.
 */
#ifndef EK_TEXT_UNICODE_TABLES_H
#define EK_TEXT_UNICODE_TABLES_H

#include <stddef.h>
#include <stdint.h>

enum {
    EK_UNICODE_SPACE = 1,       /* White_Space */
    EK_UNICODE_CONTROL = 2,     /* what clean_text removes: U+0000, U+FFFD, Cc but \t\n\r, Cf, Co */
    EK_UNICODE_PUNCTUATION = 4, /* P*, and the ASCII symbols $ + < = > ^ ` | ~ */
    EK_UNICODE_REORDERED = 8,   /* a mark that accent stripping keeps, with a combining class */
};
/* c is below 0x110000 here and below. */
unsigned ek__unicode_flags(uint32_t c);

/* One lower-case character of each (U+0130 has two: unicode.h). */
uint32_t ek__unicode_lower(uint32_t c);

/* What is left of c after canonical decomposition without Mn: one of the three names, or where the
 * sequence begins in ek__unicode_stripped, whose last character carries EK_UNICODE_LAST. Hangul
 * syllables are not in the table. */
enum {
    EK_UNICODE_STAYS = 0,
    EK_UNICODE_DROPPED_MARK = 1,    /* combining class > 0 */
    EK_UNICODE_DROPPED_STARTER = 2, /* combining class 0: ends a run that is put in order */
};
#define EK_UNICODE_LAST 0x80000000u
unsigned ek__unicode_strip(uint32_t c);
extern const uint32_t ek__unicode_stripped[];

typedef struct {
    uint32_t first, last, value;
} ek__unicode_range;
/* Combining classes of the characters with EK_UNICODE_REORDERED, ascending. */
extern const ek__unicode_range ek__unicode_combining[];
extern const size_t ek__unicode_combining_count;
/* Word characters (\w: letters, marks, decimal digits, connectors, joiners), ascending. */
extern const ek__unicode_range ek__unicode_words[];
extern const size_t ek__unicode_words_count;

#endif
