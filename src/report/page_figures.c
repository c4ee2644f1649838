/* The figures of the page: drawing, caption, data. */
#include <string.h>

#include "report/page_parts.h"

enum { ROWS_SHOWN = 200 };

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; *text; text++) {
        count += *text == '\n' || text[1] == '\0';
    }
    return count;
}

/* One line of a .tsv as a row; returns the start of the next. */
static const char *put_line(ek_buf *out, const char *line, const char *cell)
{
    ek_buf_puts(out, "<tr>");
    for (;;) {
        size_t length = strcspn(line, "\t\n");
        ek_buf_printf(out, "<%s>", cell);
        ek_html_text_n(out, line, length);
        ek_buf_printf(out, "</%.2s>", cell);
        line += length;
        if (*line != '\t') {
            break;
        }
        line++;
    }
    ek_buf_puts(out, "</tr>\n");
    return line + (*line == '\n');
}

static void put_data(const ek_figure *figure, ek_buf *out)
{
    size_t lines = count_lines(figure->tsv), rows = lines > 0 ? lines - 1 : 0;
    const char *line = figure->tsv;
    ek_buf_puts(out, "<details><summary>Data of the figure</summary>\n");
    ek_buf_printf(out, "<p class=\"files\">%zu row%s", rows, rows == 1 ? "" : "s");
    if (rows > ROWS_SHOWN) {
        ek_buf_printf(out, "; the first %d are shown, all are", ROWS_SHOWN);
    }
    ek_buf_printf(out, " in <code>figures/%s.tsv</code></p>\n", figure->id);
    if (*line) {
        ek__page_scroll_open(out, figure->title);
        ek_buf_puts(out, "<table class=\"numbers data\">\n<thead>");
        line = put_line(out, line, "th scope=\"col\"");
        ek_buf_puts(out, "</thead>\n<tbody>\n");
        for (size_t i = 0; i < ROWS_SHOWN && *line; i++) {
            line = put_line(out, line, "td");
        }
        ek_buf_puts(out, "</tbody>\n</table>\n");
        ek__page_scroll_close(out);
    }
    ek_buf_puts(out, "</details>\n");
}

static void put_figure(const ek_figure *figure, ek_buf *out)
{
    ek_buf_printf(out, "<figure id=\"figure-%s\">\n<h3>", figure->id);
    ek_html_text(out, figure->title);
    ek_buf_puts(out, "</h3>\n");
    if (figure->svg) {
        ek_buf_puts(out, "<div class=\"drawing\">\n"); /* the drawing has its text inside */
        ek_buf_puts(out, figure->svg);
        ek_buf_puts(out, "</div>\n");
    }
    ek_buf_puts(out, "<figcaption>");
    ek_html_text(out, figure->caption);
    ek_buf_printf(out,
                  " <span class=\"files\">Drawn by <code>figures/%s.gp</code> from "
                  "<code>figures/%s.tsv</code>.</span></figcaption>\n",
                  figure->id, figure->id);
    put_data(figure, out);
    ek_buf_puts(out, "</figure>\n");
}

void ek__page_figures(const ek_figure_set *figures, ek_buf *out)
{
    if (figures->count == 0 && !figures->warnings) {
        return;
    }
    ek_buf_printf(out,
                  "<section id=\"figures\" aria-labelledby=\"figures-title\">\n"
                  "<h2 id=\"figures-title\">%zu figure%s, with the numbers behind %s</h2>\n",
                  figures->count, figures->count == 1 ? "" : "s",
                  figures->count == 1 ? "it" : "them");
    if (figures->warnings) {
        ek_buf_puts(out, "<ul class=\"warnings\">\n");
        for (const char *line = figures->warnings; *line;) {
            size_t length = strcspn(line, "\n");
            ek_buf_puts(out, "<li>");
            ek_html_text_n(out, line, length);
            ek_buf_puts(out, "</li>\n");
            line += length + (line[length] == '\n');
        }
        ek_buf_puts(out, "</ul>\n");
    }
    if (!figures->gnuplot) {
        ek_buf_puts(out, "<p class=\"warnings\">gnuplot is not installed, so there are tables "
                         "only: <code>apt-get install gnuplot-nox</code>, then make the report "
                         "again.</p>\n");
    }
    for (size_t i = 0; i < figures->count; i++) {
        put_figure(&figures->items[i], out);
    }
    ek_buf_puts(out, "</section>\n");
}
