#include "report/markup.h"

#include <stdbool.h>
#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* Bytes of the character at text (length > 0), or 0 when there is no valid one. */
static size_t character(const char *text, size_t length)
{
    unsigned char lead = (unsigned char)text[0];
    size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    return size <= length && ek_utf8_check(text, size) == size ? size : 0;
}

/* Control characters other than tab and line end, and those that turn the direction of writing. */
static bool harmful(const char *text, size_t size)
{
    const unsigned char *u = (const unsigned char *)text;
    if (size == 1) {
        return (u[0] < 0x20 && u[0] != '\n' && u[0] != '\t') || u[0] == 0x7F;
    }
    if (size == 2) {
        return u[0] == 0xC2 && u[1] < 0xA0; /* U+0080..009F */
    }
    if (size == 3 && u[0] == 0xE2) {
        return (u[1] == 0x80 && (u[2] == 0x8E || u[2] == 0x8F || (u[2] >= 0xA8 && u[2] <= 0xAE))) ||
               (u[1] == 0x81 && u[2] >= 0xA6 && u[2] <= 0xA9);
    }
    return size == 3 && u[0] == 0xEF && u[1] == 0xBB && u[2] == 0xBF;
}

/* What stands for the byte of ASCII c[0]; NULL: itself. It may depend on the next byte, c[1] (NUL
 * where the text ends), and on being the first. */
typedef const char *escape(const char c[2], bool first);

static char byte_after(const char *text, size_t i, size_t length)
{
    return i + 1 < length ? text[i + 1] : '\0';
}

static void put_text(ek_buf *out, const char *text, size_t length, escape *escaped)
{
    for (size_t i = 0; i < length;) {
        size_t size = character(text + i, length - i);
        const char *instead = NULL;
        if (size == 0 || harmful(text + i, size)) {
            instead = REPLACEMENT;
        } else if (size == 1) {
            const char pair[2] = {text[i], byte_after(text, i, length)};
            instead = escaped(pair, i == 0);
        }
        if (instead) {
            ek_buf_puts(out, instead);
        } else {
            ek_buf_append(out, text + i, size);
        }
        i += size ? size : 1;
    }
}

static const char *html_escape(const char c[2], bool first)
{
    (void)first;
    switch (c[0]) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void ek_html_text_n(ek_buf *out, const char *text, size_t length)
{
    put_text(out, text, length, html_escape);
}

void ek_html_text(ek_buf *out, const char *text)
{
    ek_html_text_n(out, text, strlen(text));
}

static const char *markdown_escape(const char c[2], bool first)
{
    (void)first;
    switch (c[0]) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '\n':
    case '\t':
        return " ";
    case '\\':
        return "\\\\";
    case '`':
        return "\\`";
    case '*':
        return "\\*";
    case '_':
        return "\\_";
    case '[':
        return "\\[";
    case ']':
        return "\\]";
    case '|':
        return "\\|";
    case '#':
        return "\\#";
    case '~':
        return "\\~";
    case '$':
        return "\\$";
    case '!':
        return "\\!";
    case '@':
        return "&#64;"; /* no mention of a user */
    case ':':
        return c[1] == '/' ? "&#58;" : NULL; /* no link made of a bare address */
    default:
        return NULL;
    }
}

void ek_markdown_text(ek_buf *out, const char *text)
{
    put_text(out, text, strlen(text), markdown_escape);
}

static const char *latex_escape(const char c[2], bool first)
{
    switch (c[0]) {
    case '\\':
        return "\\textbackslash{}";
    case '{':
        return "\\{";
    case '}':
        return "\\}";
    case '$':
        return "\\$";
    case '&':
        return "\\&";
    case '#':
        return "\\#";
    case '%':
        return "\\%";
    case '_':
        return "\\_";
    case '^':
        return "\\textasciicircum{}";
    case '~':
        return "\\textasciitilde{}";
    case '<':
        return "\\textless{}";
    case '>':
        return "\\textgreater{}";
    case '|':
        return "\\textbar{}";
    case '"':
        return "\\textquotedbl{}";
    case '\'': /* pairs of these would become another sign */
        return c[1] == '\'' ? "\\textquotesingle{}" : NULL;
    case ',':
        return c[1] == ',' ? "{,}" : NULL;
    case '-':
        return c[1] == '-' ? "{-}" : NULL;
    case '`':
        return "\\textasciigrave{}";
    case '[': /* after the end of a row it would be a length, an asterisk a command's */
        return first ? "{[}" : NULL;
    case '*':
        return first ? "{*}" : NULL;
    case '\n':
    case '\t':
        return " ";
    default:
        return NULL;
    }
}

void ek_latex_text(ek_buf *out, const char *text)
{
    put_text(out, text, strlen(text), latex_escape);
}

void ek_shell_word(ek_buf *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./:,=+@%-";
    if (*text && strspn(text, plain) == strlen(text)) {
        ek_buf_puts(out, text);
        return;
    }
    ek_buf_putc(out, '\'');
    for (; *text; text++) {
        ek_buf_puts(out, *text == '\'' ? "'\\''" : (const char[]){*text, '\0'});
    }
    ek_buf_putc(out, '\'');
}

/* Length of a home's path at text, or 0. */
static size_t home_at(const char *text)
{
    static const char *const parents[] = {"/home/", "/Users/"};
    size_t end = 0;
    for (size_t i = 0; i < 2; i++) {
        size_t length = strlen(parents[i]);
        size_t name =
            strncmp(text, parents[i], length) == 0 ? strcspn(text + length, "/\"' \n:,") : 0;
        end = name > 0 ? length + name : end;
    }
    if (end == 0 && strncmp(text, "/root", 5) == 0) {
        end = 5;
    }
    return end > 0 && (text[end] == '\0' || strchr("/\"' \n:,", text[end])) ? end : 0;
}

void ek_without_homes(ek_buf *out, const char *text)
{
    for (const char *at = text; *at;) {
        /* A path begins where no other character of a path precedes. */
        bool begins = at == text || strchr(" \"'=:,[\n", at[-1]) != NULL;
        size_t home = begins ? home_at(at) : 0;
        ek_buf_puts(out, home ? "~" : (const char[]){*at, '\0'});
        at += home ? home : 1;
    }
}
