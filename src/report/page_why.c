/* Why runs failed: what explain says (docs/explain.md), for readers of the page. */
#include <math.h>
#include <stdio.h>

#include "report/page_parts.h"

enum { MOST_RUNS = 50 };

/* Sentences that stand one a line, as one paragraph. */
static void put_sentences(ek_buf *out, const char *sentences)
{
    ek_buf text = {0};
    for (const char *at = sentences; *at; at++) {
        ek_buf_putc(&text, *at == '\n' ? ' ' : *at);
    }
    ek_buf_puts(out, "<p>");
    ek_html_text(out, ek_buf_text(&text));
    ek_buf_puts(out, "</p>\n");
    out->failed = out->failed || text.failed;
    ek_buf_deinit(&text);
}

static void put_group(const ek_study_explanation *why, size_t g, ek_buf *out)
{
    const ek_trace_group *group = &why->traces.groups[g];
    const ek_explained_group *explained = &why->groups[g];
    size_t count, said = 0;
    const ek_cause *causes = ek_cause_table(&count);
    ek_buf_puts(out, "<h3>");
    ek_html_text(out, group->name);
    ek_buf_printf(out, ": %zu of %zu runs failed</h3>\n<p>", group->failed, group->runs);
    for (size_t c = 0; c < count; c++) {
        if (explained->causes[c] > 0) {
            ek_buf_printf(out, "%s%zu %s", said++ ? ", " : "Likely causes: ", explained->causes[c],
                          causes[c].summary);
        }
    }
    ek_buf_puts(out, ".</p>\n");
    put_sentences(out, ek_buf_text(&explained->advice.text));
}

static void put_number(ek_buf *out, double value)
{
    if (isnan(value)) {
        ek_buf_puts(out, "<td>-</td>");
    } else {
        ek_buf_printf(out, value != 0 && fabs(value) < 0.001 ? "<td>%.1e</td>" : "<td>%.3g</td>",
                      value);
    }
}

static void put_contrasts(const ek_study_explanation *why, ek_buf *out)
{
    ek__page_scroll_open(out, "What failed and successful runs had");
    ek_buf_puts(out, "<table class=\"summary\">\n<caption>What runs had");
    ek_buf_puts(out, why->mixed ? ", in the groups in which some failed and some did not" : "");
    ek_buf_puts(out, "; numbers are medians, p is Fisher&#39;s, uncorrected</caption>\n<thead><tr>"
                     "<th scope=\"col\"></th><th scope=\"col\">failed</th><th scope=\"col\">"
                     "successful</th><th scope=\"col\">p</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < why->contrast_count; i++) {
        const ek_contrast *c = &why->contrasts[i];
        ek_buf_puts(out, "<tr><th scope=\"row\">");
        ek_html_text(out, c->name);
        ek_buf_printf(out, "</th><td>%zu of %zu</td><td>%zu of %zu</td>", c->failed_yes,
                      c->failed_known, c->ok_yes, c->ok_known);
        put_number(out, c->p);
        ek_buf_puts(out, "</tr>\n");
    }
    for (size_t i = 0; i < why->number_count; i++) {
        const ek_contrast_number *c = &why->numbers[i];
        ek_buf_puts(out, "<tr><th scope=\"row\">");
        ek_html_text(out, c->name);
        ek_buf_puts(out, "</th>");
        put_number(out, c->failed);
        put_number(out, c->ok);
        ek_buf_puts(out, "<td></td></tr>\n");
    }
    ek_buf_puts(out, "</tbody></table>\n");
    ek__page_scroll_close(out);
}

static void put_runs(const ek_study_explanation *why, ek_buf *out)
{
    size_t shown = 0;
    ek_buf_printf(out, "<details>\n<summary>%zu failed run%s, one by one</summary>\n", why->failed,
                  why->failed == 1 ? "" : "s");
    for (size_t i = 0; i < why->traces.run_count; i++) {
        const ek_trace *run = &why->traces.runs[i];
        if (!why->runs[i].cause) {
            continue;
        }
        if (++shown > MOST_RUNS) {
            ek_buf_printf(out,
                          "<p>These are the first %d; <code>evenkeel explain</code> has all.</p>\n",
                          MOST_RUNS);
            break;
        }
        ek_buf sentences = {0};
        ek_buf_printf(out, "<h4>Run %lld, ", (long long)run->run);
        ek_html_text(out, why->traces.groups[run->group].name);
        ek_buf_printf(out, ", seed %u: %s</h4>\n", run->seed, why->runs[i].cause->title);
        ek_explain_run(&why->runs[i].evidence, &why->traces, &sentences);
        put_sentences(out, ek_buf_text(&sentences));
        out->failed = out->failed || sentences.failed;
        ek_buf_deinit(&sentences);
    }
    ek_buf_puts(out, "</details>\n");
}

void ek__page_why(const ek_study_explanation *why, ek_buf *out)
{
    ek_buf_puts(out, "<section id=\"why\" aria-labelledby=\"why-title\">\n"
                     "<h2 id=\"why-title\">Why runs failed</h2>\n"
                     "<p class=\"notes\">The likely cause by what was logged, held against the "
                     "successful runs; it says what went along with a failure. Only a group with "
                     "one setting changed can show that it was the reason.</p>\n");
    for (size_t g = 0; g < why->traces.group_count; g++) {
        if (why->groups[g].commonest) {
            put_group(why, g, out);
        }
    }
    put_contrasts(why, out);
    put_runs(why, out);
    ek_buf_puts(out, "</section>\n");
}
