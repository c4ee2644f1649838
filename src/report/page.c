#include "report/page.h"

#include <string.h>

#include "base/sha256.h"
#include "report/embedded.h"
#include "report/page_parts.h"

void ek__page_scroll_open(ek_buf *out, const char *label)
{
    ek_buf_puts(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
    ek_html_text(out, label);
    ek_buf_puts(out, "\">\n");
}

void ek__page_scroll_close(ek_buf *out)
{
    ek_buf_puts(out, "</div>\n");
}

static int hex_value(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* SHA-256 of text in base64, as a Content-Security-Policy names a script. */
static void put_source_hash(ek_buf *out, const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    ek_sha256 hash;
    char hex[65];
    unsigned char bytes[33] = {0};
    ek_sha256_init(&hash);
    ek_sha256_update(&hash, text, strlen(text));
    ek_sha256_hex(&hash, hex);
    for (size_t i = 0; i < 32; i++) {
        bytes[i] = (unsigned char)(16 * hex_value(hex[2 * i]) + hex_value(hex[2 * i + 1]));
    }
    for (size_t i = 0; i < 33; i += 3) {
        unsigned bits = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8 | bytes[i + 2];
        ek_buf_putc(out, digits[bits >> 18]);
        ek_buf_putc(out, digits[bits >> 12 & 63]);
        ek_buf_putc(out, digits[bits >> 6 & 63]);
        ek_buf_putc(out, i == 30 ? '=' : digits[bits & 63]);
    }
}

static void put_head(const ek_findings *findings, ek_buf *out)
{
    ek_buf_puts(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                     "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action "
                     "'none'; script-src 'sha256-");
    put_source_hash(out, ek_embedded_page_js);
    ek_buf_puts(out, "'\">\n<meta name=\"viewport\" content=\"width=device-width, "
                     "initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n"
                     "<meta name=\"generator\" content=\"evenkeel " EK_VERSION "\">\n<title>");
    ek_html_text(out, findings->record.name);
    ek_buf_puts(out, " · stability report</title>\n<style>\n");
    ek_buf_puts(out, ek_embedded_page_css);
    ek_buf_puts(out, "</style>\n</head>\n");
}

static void put_header(const ek_findings *findings, const ek_figure_set *figures, bool why,
                       ek_buf *out)
{
    ek_buf subject = {0};
    ek_findings_subject(findings, &subject);
    ek_buf_puts(out, "<body>\n<a class=\"skip\" href=\"#claim\">Skip to the result</a>\n"
                     "<header class=\"top\">\n<p class=\"brand\">evenkeel <span>stability "
                     "report</span></p>\n<h1>");
    ek_html_text(out, findings->record.name);
    ek_buf_puts(out, "</h1>\n<p class=\"subject\">");
    ek_html_text(out, ek_buf_text(&subject));
    ek_buf_printf(out, " · %zu run%s in %zu group%s</p>\n", findings->table.run_count,
                  findings->table.run_count == 1 ? "" : "s", findings->table.count,
                  findings->table.count == 1 ? "" : "s");
    ek_buf_puts(out, "<nav aria-label=\"Sections\">\n<a href=\"#claim\">Result</a>\n");
    if (figures->count > 0 || figures->warnings) {
        ek_buf_puts(out, "<a href=\"#figures\">Figures</a>\n");
    }
    if (why) {
        ek_buf_puts(out, "<a href=\"#why\">Failures</a>\n");
    }
    ek_buf_puts(out, "<a href=\"#runs\">Runs</a>\n<a href=\"#examples\">Examples</a>\n"
                     "<a href=\"#repeat\">Repeat it</a>\n</nav>\n</header>\n<main>\n");
    ek_buf_deinit(&subject);
}

static void put_footer(const ek_findings *findings, ek_buf *out)
{
    const char *last = "";
    for (size_t i = 0; i < findings->table.run_count; i++) {
        const char *finished = findings->table.runs[i].finished;
        last = strcmp(finished, last) > 0 ? finished : last;
    }
    ek_buf_puts(out,
                "</main>\n<footer>\n<p>Made by evenkeel " EK_VERSION " from <code>store.db</code>");
    ek_buf_puts(out, "; study begun ");
    ek_html_text(out, findings->record.created);
    if (*last) {
        ek_buf_puts(out, ", last run finished ");
        ek_html_text(out, last);
    }
    ek_buf_puts(out, ". The page needs no network, and the same study gives the same "
                     "page.</p>\n</footer>\n<script>");
    ek_buf_puts(out, ek_embedded_page_js);
    ek_buf_puts(out, "</script>\n</body>\n</html>\n");
}

ek_status ek_page_html(const ek_findings *findings, ek_store *store, const ek_figure_set *figures,
                       const ek_study_explanation *why, const ek_dataset *texts, ek_buf *out,
                       ek_error *err)
{
    put_head(findings, out);
    put_header(findings, figures, why != NULL, out);
    ek__page_claim(findings, out);
    ek__page_figures(figures, out);
    if (why) {
        ek__page_why(why, out);
    }
    ek__page_runs(findings, out);
    EK_TRY(ek__page_examples(findings, store, texts, out, err));
    EK_TRY(ek__page_repeat(findings, store, out, err));
    put_footer(findings, out);
    return ek_buf_status(out, err);
}
