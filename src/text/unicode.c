#include "text/unicode.h"

uint32_t ek_utf8_previous(const char **at)
{
    do {
        *at -= 1;
    } while (((unsigned char)**at & 0xC0) == 0x80);
    const char *start = *at;
    return ek_utf8_next(&start);
}

char *ek_utf8_put(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xC0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *out++ = (char)(0xE0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    } else {
        *out++ = (char)(0xF0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3F));
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    }
    return out;
}

size_t ek_utf8_count(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return count;
}

/* The value of the range that holds c, or 0. */
static uint32_t range_value(const ek__unicode_range *ranges, size_t count, uint32_t c)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c > ranges[middle].last) {
            low = middle + 1;
        } else if (c < ranges[middle].first) {
            high = middle;
        } else {
            return ranges[middle].value;
        }
    }
    return 0;
}

bool ek_unicode_is_word(uint32_t c)
{
    return range_value(ek__unicode_words, ek__unicode_words_count, c) != 0;
}

unsigned ek_unicode_combining_class(uint32_t c)
{
    return range_value(ek__unicode_combining, ek__unicode_combining_count, c);
}

int ek_unicode_lower(uint32_t out[2], uint32_t c)
{
    if (c ==
        0x130) { /* capital I with dot above, the one unconditional mapping to two characters */
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    out[0] = ek__unicode_lower(c);
    return 1;
}

/* Hangul syllables: The Unicode Standard, section 3.12. */
enum {
    HANGUL_FIRST = 0xAC00,
    HANGUL_LAST = 0xD7A3,
    LEADING = 0x1100,
    VOWEL = 0x1161,
    TRAILING = 0x11A7,
    VOWELS = 21,
    TRAILINGS = 28,
};

int ek_unicode_strip(uint32_t out[EK_UNICODE_STRIPPED_MAX], bool *starter, uint32_t c)
{
    if (c >= HANGUL_FIRST && c <= HANGUL_LAST) {
        uint32_t index = c - HANGUL_FIRST;
        out[0] = LEADING + index / (VOWELS * TRAILINGS);
        out[1] = VOWEL + index / TRAILINGS % VOWELS;
        out[2] = TRAILING + index % TRAILINGS;
        return out[2] == TRAILING ? 2 : 3;
    }
    unsigned place = ek__unicode_strip(c);
    if (place == EK_UNICODE_STAYS) {
        out[0] = c;
        return 1;
    }
    if (place == EK_UNICODE_DROPPED_MARK || place == EK_UNICODE_DROPPED_STARTER) {
        *starter = place == EK_UNICODE_DROPPED_STARTER;
        return 0;
    }
    int count = 0;
    for (bool last = false; !last; place++) {
        last = (ek__unicode_stripped[place] & EK_UNICODE_LAST) != 0;
        out[count++] = ek__unicode_stripped[place] & ~EK_UNICODE_LAST;
    }
    return count;
}
