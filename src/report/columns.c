#include "report/columns.h"

#include <string.h>

#include "text/unicode.h"

/* East Asian Width W and F, by block: an approximation that errs in rare characters only. */
static const struct {
    uint32_t first, last;
} wide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xAC00, 0xD7A3},
            {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
            {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};

static int width_of(uint32_t c)
{
    uint32_t stripped[EK_UNICODE_STRIPPED_MAX];
    bool starter;
    if (c < 0x300) {
        return 1;
    }
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        if (c >= wide[i].first && c <= wide[i].last) {
            return 2;
        }
    }
    bool nothing = (ek__unicode_flags(c) & EK_UNICODE_CONTROL) != 0 ||
                   ek_unicode_strip(stripped, &starter, c) == 0;
    return nothing ? 0 : 1;
}

/* One character of a text that may be anything. */
struct glyph {
    const char *bytes;
    size_t length;
    int width;
};

/* The character at *at, which moves behind it; false at the end. */
static bool next_glyph(struct glyph *glyph, const char **at, const char *end, bool ascii)
{
    if (*at == end) {
        return false;
    }
    const char *start = *at;
    unsigned char lead = (unsigned char)*start;
    size_t wanted = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    bool valid = wanted <= (size_t)(end - start) && ek_utf8_check(start, wanted) == wanted;
    *glyph = (struct glyph){"?", 1, 1};
    if (!valid) {
        *at = start + 1;
        return true;
    }
    uint32_t c = ek_utf8_next(at);
    if (c >= 0x20 && (c < 0x7F || (c >= 0xA0 && !ascii))) {
        *glyph = (struct glyph){start, wanted, width_of(c)};
    }
    return true;
}

int ek_columns_of(const char *text, bool ascii)
{
    const char *at = text, *end = text + strlen(text);
    struct glyph glyph;
    int columns = 0;
    while (next_glyph(&glyph, &at, end, ascii)) {
        columns += glyph.width;
    }
    return columns;
}

void ek_columns_put(ek_buf *out, const char *text, int width, bool ascii)
{
    const char *at = text, *end = text + strlen(text);
    struct glyph glyph;
    bool cut = ek_columns_of(text, ascii) > width;
    int room = cut ? width - 1 : width, used = 0;
    while (next_glyph(&glyph, &at, end, ascii) && used + glyph.width <= room) {
        ek_buf_append(out, glyph.bytes, glyph.length);
        used += glyph.width;
    }
    if (cut && width > 0) {
        ek_buf_puts(out, ascii ? "~" : "…");
        used++;
    }
    for (; used < width; used++) {
        ek_buf_putc(out, ' ');
    }
}

void ek_columns_clip(ek_buf *out, const char *line, size_t length, int width)
{
    const char *at = line, *end = line + length;
    struct glyph glyph;
    bool colored = false;
    int used = 0;
    while (at < end) {
        if (*at == '\033') { /* to the letter that ends the sequence */
            const char *letter = memchr(at, 'm', (size_t)(end - at));
            size_t bytes = letter ? (size_t)(letter + 1 - at) : (size_t)(end - at);
            colored = !(bytes >= 4 && memcmp(at, "\033[0m", 4) == 0);
            ek_buf_append(out, at, bytes);
            at += bytes;
            continue;
        }
        next_glyph(&glyph, &at, end, false);
        if (used + glyph.width > width) {
            break;
        }
        ek_buf_append(out, glyph.bytes, glyph.length);
        used += glyph.width;
    }
    if (colored) {
        ek_buf_puts(out, "\033[0m");
    }
}
