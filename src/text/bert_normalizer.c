#include "text/bert_normalizer.h"

#include <string.h>

#include "base/mem.h"
#include "text/unicode.h"

#define DROPPED 255

/* Where the output stands. Marks with a combining class that follow one another are put in the
 * order of their classes (NFD); run_start is where such a run begins. */
typedef struct {
    const ek_bert_normalizer *normalizer;
    char *end;
    char *run_start;
    unsigned last_class; /* of the run's last mark; 0: no run */
    bool disordered;
} writer;

ek_bert_normalizer ek_bert_normalizer_make(bool clean_text, bool handle_chinese_chars,
                                           bool strip_accents, bool lowercase)
{
    ek_bert_normalizer normalizer = {
        .clean_text = clean_text,
        .handle_chinese_chars = handle_chinese_chars,
        .strip_accents = strip_accents,
        .lowercase = lowercase,
    };
    for (uint32_t c = 0; c < 128; c++) {
        uint32_t to = c;
        if (clean_text && (ek__unicode_flags(c) & EK_UNICODE_CONTROL) != 0) {
            to = DROPPED;
        } else if (clean_text && ek_unicode_is_space(c)) {
            to = ' ';
        } else if (lowercase) {
            to = ek__unicode_lower(c);
        }
        normalizer.ascii[c] = (uint8_t)to;
    }
    return normalizer;
}

bool ek_bert_normalizer_bound(size_t *out, size_t length)
{
    /* A character grows to three times its bytes at most (Hangul: 3 to 9; U+1D160: 4 to 12), and
     * ordering a run needs that much again behind it. */
    return ek_mul_size(out, length, 6);
}

/* The blocks that BERT calls Chinese. 2B920 is the library's: CJK extension E begins at 2B820. */
static bool is_chinese(uint32_t c)
{
    return c >= 0x3400 && ((c >= 0x4E00 && c <= 0x9FFF) || c <= 0x4DBF ||
                           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
                           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
                           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F));
}

/* Sorts the run's marks by class, equal ones as they stand. One pass a class, of which there are a
 * handful, so that a long run in a hostile text costs no more than a long text. */
static void order_run(writer *out)
{
    size_t length = (size_t)(out->end - out->run_start);
    char *sorted = out->end; /* ek_bert_normalizer_bound leaves room */
    char *to = sorted;
    for (unsigned class = 0; (size_t)(to - sorted) < length;) {
        unsigned next = UINT32_MAX;
        for (const char *at = out->run_start; at < out->end;) {
            const char *start = at;
            unsigned its = ek_unicode_combining_class(ek_utf8_next(&at));
            if (its == class) {
                memcpy(to, start, (size_t)(at - start));
                to += at - start;
            } else if (its > class && its < next) {
                next = its;
            }
        }
        class = next;
    }
    memcpy(out->run_start, sorted, length);
}

static void end_run(writer *out)
{
    if (out->disordered) {
        order_run(out);
    }
    out->last_class = 0;
    out->disordered = false;
}

/* Adds a character after decomposition. */
static void put(writer *out, uint32_t c)
{
    unsigned class = 0;
    if (out->normalizer->strip_accents && (ek__unicode_flags(c) & EK_UNICODE_REORDERED) != 0) {
        class = ek_unicode_combining_class(c);
    }
    if (class == 0) {
        end_run(out);
    } else {
        if (out->last_class == 0) {
            out->run_start = out->end;
        }
        out->disordered |= class < out->last_class;
        out->last_class = class;
    }
    uint32_t lower[2] = {c};
    int count = out->normalizer->lowercase ? ek_unicode_lower(lower, c) : 1;
    for (int i = 0; i < count; i++) {
        out->end = ek_utf8_put(out->end, lower[i]);
    }
}

/* Adds a character of the text that is not ASCII. */
static void add(writer *out, uint32_t c)
{
    const ek_bert_normalizer *normalizer = out->normalizer;
    if (normalizer->clean_text) {
        unsigned flags = ek__unicode_flags(c);
        if ((flags & EK_UNICODE_CONTROL) != 0) {
            return;
        }
        c = (flags & EK_UNICODE_SPACE) != 0 ? ' ' : c;
    }
    bool chinese = normalizer->handle_chinese_chars && is_chinese(c);
    if (chinese) {
        put(out, ' ');
    }
    uint32_t parts[EK_UNICODE_STRIPPED_MAX] = {c};
    int count = 1;
    bool starter = false;
    if (normalizer->strip_accents) {
        count = ek_unicode_strip(parts, &starter, c);
    }
    if (starter) {
        end_run(out);
    }
    for (int i = 0; i < count; i++) {
        put(out, parts[i]);
    }
    if (chinese) {
        put(out, ' ');
    }
}

size_t ek_bert_normalizer_apply(const ek_bert_normalizer *normalizer, char *out, const char *text,
                                size_t length)
{
    writer to = {.normalizer = normalizer, .end = out};
    const char *at = text;
    const char *end = text + length;
    while (at < end) {
        unsigned char byte = (unsigned char)*at;
        if (byte >= 0x80) {
            add(&to, ek_utf8_next(&at));
            continue;
        }
        at++;
        unsigned char mapped = normalizer->ascii[byte];
        if (mapped != DROPPED) {
            if (to.last_class != 0) {
                end_run(&to);
            }
            *to.end++ = (char)mapped;
        }
    }
    end_run(&to);
    return (size_t)(to.end - out);
}
