#include "report/lines.h"

#include <string.h>

void ek_lines_wrap(ek_buf *out, const char *first, const char *indent, const char *text)
{
    ek_lines_wrap_to(out, first, indent, text, EK_LINES_WIDTH);
}

void ek_lines_wrap_to(ek_buf *out, const char *first, const char *indent, const char *text,
                      size_t width)
{
    const char *lead = first;
    while (*text) {
        size_t length = strcspn(text, "\n"), room = width - strlen(lead);
        if (length > room) {
            length = room;
            while (length > 0 && text[length] != ' ') {
                length--;
            }
            length = length > 0 ? length : strcspn(text, " \n");
        }
        ek_buf_printf(out, "%s%.*s\n", lead, (int)length, text);
        lead = text[length] == '\n' ? first : indent;
        text += length + (text[length] != '\0');
    }
}

void ek_lines_json(ek_buf *out, const char *key, const char *lines)
{
    ek_buf_printf(out, ",\"%s\":[", key);
    for (const char *at = lines; *at;) {
        size_t length = strcspn(at, "\n");
        ek_buf_puts(out, at == lines ? "" : ",");
        ek_buf_json_string(out, at, length);
        at += length + (at[length] == '\n');
    }
    ek_buf_putc(out, ']');
}
