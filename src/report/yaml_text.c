#include "report/yaml_text.h"

#include <string.h>

static size_t sequence_length(unsigned char first)
{
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static uint32_t decode(const unsigned char *at, size_t length)
{
    uint32_t code = length == 1 ? at[0] : at[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        code = code << 6 | (at[i] & 0x3f);
    }
    return code;
}

/* YAML's printable characters, less those that editors and readers take for line ends. */
static int is_plain(uint32_t code)
{
    return (code >= 0x20 && code < 0x7f) || (code >= 0xa0 && code != 0x2028 && code != 0x2029 &&
                                             code != 0xfeff && (code & 0xfffe) != 0xfffe);
}

void ek_buf_yaml_string(ek_buf *out, const char *text)
{
    size_t left = strlen(text);
    ek_buf_putc(out, '"');
    while (left > 0) {
        const unsigned char *at = (const unsigned char *)text;
        size_t length = sequence_length(*at);
        if (length > left || ek_utf8_check(text, length) != length) {
            ek_buf_puts(out, "\xef\xbf\xbd");
            length = 1;
        } else {
            uint32_t code = decode(at, length);
            if (code == '"' || code == '\\') {
                ek_buf_printf(out, "\\%c", (int)code);
            } else if (is_plain(code)) {
                ek_buf_append(out, text, length);
            } else {
                ek_buf_printf(out, code > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)code);
            }
        }
        text += length;
        left -= length;
    }
    ek_buf_putc(out, '"');
}
