/* unicode.h - characters: UTF-8 there and back, and their properties as the tokenizers see them.
 *
 * Which version of Unicode answers which question: scripts/make_unicode_tables.py. Nothing here
 * owns memory or fails; text is valid UTF-8 (base/str.h checks it).
 */
#ifndef EK_TEXT_UNICODE_H
#define EK_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/unicode_tables.h"

#define EK_UTF8_MAX_BYTES 4

/* The character at *at, which moves behind it. The text is valid and not at its end. */
static inline uint32_t ek_utf8_next(const char **at)
{
    const unsigned char *s = (const unsigned char *)*at;
    if (s[0] < 0x80) {
        *at += 1;
        return s[0];
    }
    if (s[0] < 0xE0) {
        *at += 2;
        return (uint32_t)(s[0] & 0x1F) << 6 | (s[1] & 0x3Fu);
    }
    if (s[0] < 0xF0) {
        *at += 3;
        return (uint32_t)(s[0] & 0x0F) << 12 | (uint32_t)(s[1] & 0x3F) << 6 | (s[2] & 0x3Fu);
    }
    *at += 4;
    return (uint32_t)(s[0] & 0x07) << 18 | (uint32_t)(s[1] & 0x3F) << 12 |
           (uint32_t)(s[2] & 0x3F) << 6 | (s[3] & 0x3Fu);
}

/* The character that ends before *at, which moves to its start. *at is not the text's start. */
uint32_t ek_utf8_previous(const char **at);
/* Writes c (1 to 4 bytes) and returns the end. */
char *ek_utf8_put(char *out, uint32_t c);
/* Characters in length bytes. */
size_t ek_utf8_count(const char *text, size_t length);

/* White_Space. */
static inline bool ek_unicode_is_space(uint32_t c)
{
    return (ek__unicode_flags(c) & EK_UNICODE_SPACE) != 0;
}
/* \w: letters, marks, decimal digits, connectors, joiners. */
bool ek_unicode_is_word(uint32_t c);
/* The combining class of a character with EK_UNICODE_REORDERED, else 0. */
unsigned ek_unicode_combining_class(uint32_t c);

/* Full lower case without context (no final sigma): writes 1 or 2 characters, returns how many. */
int ek_unicode_lower(uint32_t out[2], uint32_t c);

#define EK_UNICODE_STRIPPED_MAX 4
/* Canonical decomposition of c without its nonspacing marks: writes up to
 * EK_UNICODE_STRIPPED_MAX characters, returns how many. When that is 0, *starter says whether what
 * was dropped has combining class 0. */
int ek_unicode_strip(uint32_t out[EK_UNICODE_STRIPPED_MAX], bool *starter, uint32_t c);

#endif
