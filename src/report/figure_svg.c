/* Drawings read tag by tag: what is known is written again, everything else is left out. */
#include "report/figure_svg.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { MOST_DEPTH = 64, MOST_ATTRIBUTES = 40 };

typedef struct {
    const char *text;
    size_t length;
} span;

typedef struct {
    span name;
    span keys[MOST_ATTRIBUTES], values[MOST_ATTRIBUTES];
    size_t count;
    bool closing, empty;
} tag;

typedef struct {
    const char *at, *id;
    ek_buf *out;
    struct {
        span name;
        size_t start, inside; /* in out: where the tag begins, where its content does */
    } open[MOST_DEPTH];
    size_t depth;
    size_t skipping; /* depth inside an element that is left out */
    bool in_text;
} cleaner;

static bool is(span s, const char *text)
{
    return s.length == strlen(text) && memcmp(s.text, text, s.length) == 0;
}

static bool is_one_of(span s, const char *const *names)
{
    for (; *names; names++) {
        if (is(s, *names)) {
            return true;
        }
    }
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* ---- reading --------------------------------------------------------------------------------- */

static void skip_spaces(const char **at)
{
    while (is_space(**at)) {
        ++*at;
    }
}

static span read_name(const char **at)
{
    size_t length = strcspn(*at, " \t\r\n=/><\"'");
    span name = {*at, length};
    *at += length;
    return name;
}

static bool read_attribute(const char **at, tag *t)
{
    span key = read_name(at);
    skip_spaces(at);
    if (key.length == 0 || **at != '=' || t->count == MOST_ATTRIBUTES) {
        return false;
    }
    ++*at;
    skip_spaces(at);
    char quote = **at;
    const char *end = quote == '"' || quote == '\'' ? strchr(*at + 1, quote) : NULL;
    if (!end) {
        return false;
    }
    t->keys[t->count] = key;
    t->values[t->count++] = (span){*at + 1, (size_t)(end - *at - 1)};
    *at = end + 1;
    return true;
}

/* At '<' of a tag. */
static bool read_tag(const char **at, tag *t)
{
    t->count = 0;
    t->empty = false;
    ++*at;
    t->closing = **at == '/';
    *at += t->closing;
    t->name = read_name(at);
    if (t->name.length == 0) {
        return false;
    }
    for (;;) {
        skip_spaces(at);
        if (**at == '>') {
            ++*at;
            return true;
        }
        if (at[0][0] == '/' && at[0][1] == '>') {
            t->empty = true;
            *at += 2;
            return true;
        }
        if (t->closing || !read_attribute(at, t)) {
            return false;
        }
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Length of the entity at s, 0 when the ampersand stands for itself. */
static size_t entity_length(span s)
{
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t length = strlen(known[i]);
        if (s.length >= length && memcmp(s.text, known[i], length) == 0) {
            return length;
        }
    }
    return 0;
}

/* keep_entities: the text is XML already. */
static void put_escaped(ek_buf *out, span s, bool keep_entities)
{
    for (size_t i = 0; i < s.length; i++) {
        char c = s.text[i];
        size_t entity =
            keep_entities && c == '&' ? entity_length((span){s.text + i, s.length - i}) : 0;
        if (entity > 0) {
            ek_buf_append(out, s.text + i, entity);
            i += entity - 1;
        } else if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'') {
            ek_buf_puts(out, c == '&'   ? "&amp;"
                             : c == '<' ? "&lt;"
                             : c == '>' ? "&gt;"
                             : c == '"' ? "&quot;"
                                        : "&#39;");
        } else if ((unsigned char)c >= 0x20 || is_space(c)) {
            ek_buf_putc(out, c);
        }
    }
}

/* The value is "rgb(n,n,n)" or its like, spaces aside, or the colour's name. */
static bool is_color(span value, const char *name, const char *rgb, const char *hex)
{
    char text[32];
    size_t length = 0;
    for (size_t i = 0; i < value.length && length + 1 < sizeof text; i++) {
        if (!is_space(value.text[i])) {
            text[length++] = value.text[i];
        }
    }
    text[length] = '\0';
    return strcasecmp(text, name) == 0 || strcasecmp(text, rgb) == 0 || strcasecmp(text, hex) == 0;
}

static bool is_black(span value)
{
    return is_color(value, "black", "rgb(0,0,0)", "#000000");
}

static bool is_white(span value)
{
    return is_color(value, "white", "rgb(255,255,255)", "#ffffff");
}

/* "#name" into "#id-name"; false for every other reference. */
static bool put_reference(cleaner *c, span value)
{
    if (value.length < 2 || value.text[0] != '#') {
        return false;
    }
    ek_buf_printf(c->out, " href=\"#%s-", c->id);
    put_escaped(c->out, (span){value.text + 1, value.length - 1}, true);
    ek_buf_putc(c->out, '"');
    return true;
}

/* Values of shapes hold numbers, words, colours and transforms: no reference to anything else. */
static bool is_plain(span value)
{
    for (size_t i = 0; i < value.length; i++) {
        char c = value.text[i];
        bool control = (unsigned char)c < 0x20 && !is_space(c);
        bool is_url = value.length - i >= 4 && strncasecmp(value.text + i, "url(", 4) == 0;
        if (control || is_url || strchr(":;<>&\"'\\@{}", c)) {
            return false;
        }
    }
    return true;
}

static void put_pair(cleaner *c, span key, const char *value, size_t length)
{
    ek_buf_putc(c->out, ' ');
    ek_buf_append(c->out, key.text, key.length);
    ek_buf_puts(c->out, "=\"");
    put_escaped(c->out, (span){value, length}, true);
    ek_buf_putc(c->out, '"');
}

static void put_attribute(cleaner *c, span key, span value)
{
    static const char *const known[] = {"d",
                                        "x",
                                        "y",
                                        "x1",
                                        "y1",
                                        "x2",
                                        "y2",
                                        "dx",
                                        "dy",
                                        "cx",
                                        "cy",
                                        "r",
                                        "rx",
                                        "ry",
                                        "width",
                                        "height",
                                        "points",
                                        "transform",
                                        "fill",
                                        "fill-opacity",
                                        "fill-rule",
                                        "stroke",
                                        "stroke-width",
                                        "stroke-opacity",
                                        "stroke-dasharray",
                                        "stroke-linecap",
                                        "stroke-linejoin",
                                        "stroke-miterlimit",
                                        "shape-rendering",
                                        "opacity",
                                        "color",
                                        "font-size",
                                        "font-weight",
                                        "font-style",
                                        "text-anchor",
                                        NULL};
    if (is(key, "id")) {
        ek_buf_printf(c->out, " id=\"%s-", c->id);
        put_escaped(c->out, value, true);
        ek_buf_putc(c->out, '"');
    } else if (is(key, "href") || is(key, "xlink:href")) {
        put_reference(c, value);
    } else if (is_one_of(key, known) && is_plain(value)) {
        if (is(key, "color") && (is_black(value) || is_white(value))) {
            return; /* the page's own */
        }
        if ((is(key, "fill") || is(key, "stroke")) && is_black(value)) {
            put_pair(c, key, "currentColor", 12);
        } else if (is(key, "fill") && is_white(value)) {
            put_pair(c, key, "none", 4);
        } else {
            put_pair(c, key, value.text, value.length);
        }
    }
}

static bool is_gridline(const tag *t)
{
    for (size_t i = 0; i < t->count; i++) {
        if (is(t->keys[i], "class") && is(t->values[i], "gridline")) {
            return true;
        }
    }
    return false;
}

static void put_tag(cleaner *c, const tag *t)
{
    static const char *const of_lines[] = {"stroke", "stroke-dasharray", "stroke-opacity", NULL};
    bool grid = is_gridline(t);
    ek_buf_putc(c->out, '<');
    ek_buf_append(c->out, t->name.text, t->name.length);
    for (size_t i = 0; i < t->count; i++) {
        if (!grid || !is_one_of(t->keys[i], of_lines)) {
            put_attribute(c, t->keys[i], t->values[i]);
        }
    }
    if (grid) {
        ek_buf_puts(c->out, " stroke=\"currentColor\" stroke-opacity=\"0.15\"");
    }
    ek_buf_puts(c->out, t->empty ? "/>" : ">");
}

static void put_head(const char *id, span view_box, const char *title, const char *alt, ek_buf *out)
{
    ek_buf_puts(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"");
    put_escaped(out, view_box, true);
    ek_buf_printf(out,
                  "\" width=\"100%%\" preserveAspectRatio=\"xMidYMid meet\" role=\"img\" "
                  "aria-labelledby=\"%s-title %s-desc\"><title id=\"%s-title\">",
                  id, id, id);
    put_escaped(out, (span){title, strlen(title)}, false);
    ek_buf_printf(out, "</title><desc id=\"%s-desc\">", id);
    put_escaped(out, (span){alt, strlen(alt)}, false);
    ek_buf_puts(out, "</desc>");
}

/* ---- the walk -------------------------------------------------------------------------------- */

static ek_status broken(ek_error *err, const char *what)
{
    return ek_error_set(err, EK_E_DATA, "gnuplot's drawing cannot be read: %s", what);
}

static bool is_known_element(span name)
{
    static const char *const known[] = {"g",       "path",     "rect", "circle", "ellipse",
                                        "polygon", "polyline", "line", "use",    "defs",
                                        "text",    "tspan",    NULL};
    return is_one_of(name, known);
}

static ek_status close_tag(cleaner *c, const tag *t, ek_error *err)
{
    if (c->depth == 0) {
        return broken(err, "a tag is closed that was never opened");
    }
    c->depth--;
    span name = c->open[c->depth].name;
    if (name.length != t->name.length || memcmp(name.text, t->name.text, name.length) != 0) {
        return broken(err, "tags do not match");
    }
    if (c->skipping > 0) {
        c->skipping--;
        return EK_OK;
    }
    if (is(name, "text")) {
        c->in_text = false;
    }
    if (is(name, "g") && c->out->length == c->open[c->depth].inside && !c->out->failed) {
        c->out->length = c->open[c->depth].start; /* gnuplot leaves many empty groups */
        c->out->data[c->out->length] = '\0';
        return EK_OK;
    }
    ek_buf_puts(c->out, "</");
    ek_buf_append(c->out, name.text, name.length);
    ek_buf_puts(c->out, ">");
    return EK_OK;
}

static ek_status open_tag(cleaner *c, const tag *t, ek_error *err)
{
    bool skip = c->skipping > 0 || !is_known_element(t->name);
    size_t start = c->out->length;
    if (!skip) {
        put_tag(c, t);
    }
    if (t->empty) {
        return EK_OK;
    }
    if (c->depth == MOST_DEPTH) {
        return broken(err, "it is nested too deep");
    }
    c->open[c->depth].name = t->name;
    c->open[c->depth].start = start;
    c->open[c->depth++].inside = c->out->length;
    c->skipping += skip;
    c->in_text = c->in_text || (!skip && is(t->name, "text"));
    return EK_OK;
}

/* Past <?...?>, <!--...--> and <!...>; NULL when it does not end. */
static const char *skip_declaration(const char *at)
{
    bool comment = strncmp(at, "<!--", 4) == 0;
    const char *end = strstr(at, comment ? "-->" : at[1] == '?' ? "?>" : ">");
    return end ? end + (comment ? 3 : at[1] == '?' ? 2 : 1) : NULL;
}

/* The content of the root, up to its closing tag. */
static ek_status walk(cleaner *c, ek_error *err)
{
    for (;;) {
        size_t length = strcspn(c->at, "<");
        if (c->in_text && c->skipping == 0) {
            put_escaped(c->out, (span){c->at, length}, true);
        }
        c->at += length;
        if (*c->at == '\0') {
            return broken(err, "it ends in the middle");
        }
        tag t;
        if (c->at[1] == '!' || c->at[1] == '?') {
            c->at = skip_declaration(c->at);
            if (!c->at) {
                return broken(err, "a declaration does not end");
            }
            continue;
        }
        if (!read_tag(&c->at, &t)) {
            return broken(err, "a tag is not well formed");
        }
        if (t.closing && c->depth == 0 && is(t.name, "svg")) {
            return EK_OK;
        }
        EK_TRY(t.closing ? close_tag(c, &t, err) : open_tag(c, &t, err));
    }
}

static bool read_root(const char **at, tag *root)
{
    for (;;) {
        *at += strcspn(*at, "<");
        if (**at == '\0') {
            return false;
        }
        if (at[0][1] == '!' || at[0][1] == '?') {
            *at = skip_declaration(*at);
            if (!*at) {
                return false;
            }
        } else {
            return read_tag(at, root) && is(root->name, "svg") && !root->empty && !root->closing;
        }
    }
}

static bool find_view_box(const tag *root, span *out)
{
    for (size_t i = 0; i < root->count; i++) {
        if (is(root->keys[i], "viewBox") && is_plain(root->values[i])) {
            *out = root->values[i];
            return true;
        }
    }
    return false;
}

ek_status ek__svg_clean(const char *svg, const char *id, const char *title, const char *alt,
                        ek_buf *out, ek_error *err)
{
    tag root;
    span view_box;
    cleaner c = {.at = svg, .id = id, .out = out};
    if (!read_root(&c.at, &root) || !find_view_box(&root, &view_box)) {
        return broken(err, "it does not begin with an svg element that has a viewBox");
    }
    put_head(id, view_box, title, alt, out);
    EK_TRY(walk(&c, err));
    ek_buf_puts(out, "</svg>\n");
    return ek_buf_status(out, err);
}
