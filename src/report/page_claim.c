/* The first section of the page: what can be claimed, and the table that it rests on. */
#include <math.h>
#include <string.h>

#include "report/page_parts.h"

enum { COMPARISONS_OPEN = 3 };

/* ---- headline -------------------------------------------------------------------------------- */

/* Where the claim of a verdict ends and its numbers begin: the first ": " after both names. */
static size_t claim_length(const char *text, const char *a, const char *b)
{
    const char *names[2] = {a, b}, *from = text;
    for (int i = 0; i < 2; i++) {
        const char *at = strstr(text, names[i]);
        from = at && at + strlen(names[i]) > from ? at + strlen(names[i]) : from;
    }
    const char *colon = strstr(from, ": ");
    return colon ? (size_t)(colon - text) : 0;
}

static bool too_few(const ek_comparison *c)
{
    return c->a.n < EK_VERDICT_FEWEST_RUNS || c->b.n < EK_VERDICT_FEWEST_RUNS;
}

static void put_one_headline(const ek_findings *findings, ek_buf *out)
{
    const ek_findings_comparison *item = &findings->comparisons[0];
    const char *a = findings->table.rows[0].group, *b = findings->table.rows[item->group].group;
    size_t length = claim_length(item->text, a, b);
    if (too_few(&item->numbers.numbers) || length == 0) {
        ek_buf_puts(out, "No claim: too few finished runs to compare");
    } else {
        ek_html_text_n(out, item->text, length);
    }
}

static void put_headline(const ek_findings *findings, ek_buf *out)
{
    const ek_group_row *first = findings->table.rows;
    if (findings->comparison_count == 1) {
        put_one_headline(findings, out);
    } else if (findings->comparison_count > 1) {
        size_t better = 0;
        for (size_t i = 0; i < findings->comparison_count; i++) {
            const ek_verdict *v = &findings->comparisons[i].numbers.verdict;
            better += v->spread == EK_VERDICT_B ? v->failures != EK_VERDICT_A
                                                : v->failures == EK_VERDICT_B;
        }
        if (better > 0) {
            ek_buf_printf(out, "%zu of %zu groups %s shown to be more stable than ", better,
                          findings->comparison_count, better == 1 ? "is" : "are");
        } else {
            ek_buf_printf(out, "None of %zu groups is shown to be more stable than ",
                          findings->comparison_count);
        }
        ek_html_text(out, first->group);
    } else if (findings->done > 0) {
        ek_html_text(out, first->group);
        ek_buf_printf(out, ": %zu of %zu runs failed", first->summary.failed, first->summary.n);
    } else {
        ek_buf_puts(out, "No run has finished yet");
    }
}

/* ---- one comparison: three questions --------------------------------------------------------- */

static void put_answer(const ek_findings *findings, const ek_findings_comparison *item,
                       ek_verdict_side side, double p, const char *question, const char *claim,
                       ek_buf *out)
{
    size_t winner = side == EK_VERDICT_B ? item->group : 0;
    ek_buf_printf(out, "<div class=\"answer%s\"><dt>%s</dt>\n<dd><strong>",
                  side >= EK_VERDICT_A ? " shown" : "", question);
    if (side >= EK_VERDICT_A) {
        ek_html_text(out, findings->table.rows[winner].group);
        ek_buf_printf(out, " %s", claim);
    } else {
        ek_buf_puts(out, side == EK_VERDICT_UNCLEAR ? "No difference is shown" : "No test");
    }
    ek_buf_puts(out, "</strong>");
    if (!isnan(p)) {
        char text[16];
        ek_buf_puts(out, " <span class=\"p\">");
        ek_html_text(out, ek_p_text(text, p));
        ek_buf_puts(out, "</span>");
    }
}

static void put_ratio(ek_buf *out, const ek_estimate *e)
{
    if (isfinite(e->value)) {
        ek_buf_printf(out, "; ratio %.2f", e->value);
        if (!isnan(e->low) && !isnan(e->high)) {
            ek_buf_printf(out, " [%.2f, %.2f]", e->low, e->high);
        }
    }
}

/* The noise of the examples beside that of the seeds: the table knows only the latter. */
static void put_examples_noise(const ek_group_comparison *c, const char *reported, ek_buf *out)
{
    static const char *const over[] = {"the seeds", "the examples of the split", "both"};
    const ek_estimate *const e[] = {&c->examples.seeds, &c->examples.examples, &c->examples.both};
    if (!c->has_examples) {
        return;
    }
    ek_buf_puts(out, "<p class=\"notes\">Difference of accuracy");
    if (strcmp(reported, "accuracy") != 0) {
        ek_buf_printf(out, " (not of %s, the metric of the table)", reported);
    }
    ek_buf_printf(out, " %+.1f points, 95 %% interval over ", 100 * e[0]->value);
    for (int i = 0; i < 3; i++) {
        ek_buf_printf(out, "%s%s [%+.1f, %+.1f]", i ? ", over " : "", over[i], 100 * e[i]->low,
                      100 * e[i]->high);
    }
    ek_buf_puts(out, " (multi-bootstrap, percentile).</p>\n");
}

static void put_comparison(const ek_findings *findings, const ek_findings_comparison *item,
                           ek_buf *out)
{
    const ek_comparison *c = &item->numbers.numbers;
    const ek_verdict *v = &item->numbers.verdict;
    ek_buf_puts(out, "<dl class=\"answers\">\n");
    put_answer(findings, item, v->spread, v->spread_p, "Spread", "spreads less", out);
    ek_buf_puts(out, "<span class=\"numbers\">SD ");
    ek_findings_score(findings, out, c->b.sd);
    ek_buf_puts(out, " against ");
    ek_findings_score(findings, out, c->a.sd);
    put_ratio(out, &c->sd_ratio);
    ek_buf_puts(out, "</span></dd></div>\n");
    put_answer(findings, item, v->failures, v->failures_p, "Failures", "fails less often", out);
    ek_buf_printf(out, "<span class=\"numbers\">%zu/%zu against %zu/%zu", c->b.failed, c->b.n,
                  c->a.failed, c->a.n);
    if (isfinite(c->failed_difference)) {
        ek_buf_printf(out, "; difference %+.0f points [%+.0f, %+.0f]", 100 * c->failed_difference,
                      100 * c->failed_difference_low, 100 * c->failed_difference_high);
    }
    ek_buf_puts(out, "</span></dd></div>\n");
    put_answer(findings, item, v->level, v->level_p, "Level", "scores higher", out);
    ek_buf_puts(out, "<span class=\"numbers\">mean ");
    ek_findings_score(findings, out, c->b.mean);
    ek_buf_puts(out, " against ");
    ek_findings_score(findings, out, c->a.mean);
    if (isfinite(c->mean_difference.value)) {
        const ek_estimate *e = &c->mean_difference;
        int decimals = findings->unit.decimals;
        double scale = findings->unit.scale;
        ek_buf_printf(out, "; difference %+.*f", decimals, scale * e->value);
        if (isfinite(e->low) && isfinite(e->high)) {
            ek_buf_printf(out, " [%+.*f, %+.*f]", decimals, scale * e->low, decimals,
                          scale * e->high);
        }
    }
    ek_buf_puts(out, "</span></dd></div>\n</dl>\n");
    put_examples_noise(&item->numbers, findings->table.facts.reported, out);
}

/* How much of the text of a lone comparison stands in the headline already. */
static size_t said_length(const ek_findings *findings)
{
    if (findings->comparison_count != 1 || too_few(&findings->comparisons[0].numbers.numbers)) {
        return 0;
    }
    const char *text = findings->comparisons[0].text;
    size_t length =
        claim_length(text, findings->table.rows[0].group, findings->table.rows[1].group);
    return length > 0 ? length + 2 : 0;
}

static void put_comparisons(const ek_findings *findings, ek_buf *out)
{
    for (size_t i = 0; i < findings->comparison_count; i++) {
        if (i == COMPARISONS_OPEN) {
            ek_buf_printf(out, "<details class=\"more\"><summary>%zu more comparisons</summary>\n",
                          findings->comparison_count - i);
        }
        ek_buf_puts(out, "<p class=\"lead\">");
        ek_html_text(out, findings->comparisons[i].text + said_length(findings));
        ek_buf_puts(out, "</p>\n");
        put_comparison(findings, &findings->comparisons[i], out);
    }
    if (findings->comparison_count > COMPARISONS_OPEN) {
        ek_buf_puts(out, "</details>\n");
    }
}

/* A group alone has no comparison: its own numbers lead. */
static void put_alone(const ek_findings *findings, ek_buf *out)
{
    const ek_summary *s = &findings->table.rows[0].summary;
    if (s->n == 0) {
        return;
    }
    ek_buf_puts(out, "<p class=\"lead\">Mean ");
    ek_findings_score(findings, out, s->mean);
    ek_findings_interval(findings, out, s->mean_low, s->mean_high);
    if (isfinite(s->sd)) {
        ek_buf_puts(out, ", SD ");
        ek_findings_score(findings, out, s->sd);
        ek_findings_interval(findings, out, s->sd_low, s->sd_high);
    }
    ek_buf_puts(out, "; from ");
    ek_findings_score(findings, out, s->min);
    ek_buf_puts(out, " to ");
    ek_findings_score(findings, out, s->max);
    ek_buf_puts(out, ".</p>\n");
}

/* ---- the table ------------------------------------------------------------------------------- */

static void put_cell(const ek_findings *findings, ek_buf *out, double value)
{
    ek_buf_puts(out, "<td>");
    ek_findings_score(findings, out, value);
    ek_buf_puts(out, "</td>");
}

static void put_estimate(const ek_findings *findings, ek_buf *out, double value, double low,
                         double high)
{
    ek_buf_puts(out, "<td>");
    ek_findings_score(findings, out, value);
    ek_buf_puts(out, "<span class=\"interval\">");
    ek_findings_interval(findings, out, low, high);
    ek_buf_puts(out, "</span></td>");
}

static void put_row(const ek_findings *findings, size_t i, ek_buf *out)
{
    const ek_group_row *row = &findings->table.rows[i];
    const ek_summary *s = &row->summary;
    ek_buf_puts(out, "<tr><th scope=\"row\">");
    ek_html_text(out, row->group);
    ek_buf_printf(out, "</th><td>%zu</td><td>", s->n);
    if (s->failed > 0) {
        ek_buf_printf(out, "<span class=\"bad\">▼ %zu/%zu</span>", s->failed, s->n);
    } else {
        ek_buf_printf(out, "%zu/%zu", s->failed, s->n);
    }
    if (s->n > 0) {
        ek_buf_printf(out, "<span class=\"interval\"> [%.0f, %.0f] %%</span>", 100 * s->failed_low,
                      100 * s->failed_high);
    }
    ek_buf_puts(out, "</td>");
    put_estimate(findings, out, s->mean, s->mean_low, s->mean_high);
    put_estimate(findings, out, s->sd, s->sd_low, s->sd_high);
    put_cell(findings, out, s->median);
    ek_buf_puts(out, "<td>");
    ek_findings_score(findings, out, s->q1);
    if (s->n > 0) {
        ek_buf_puts(out, " to ");
        ek_findings_score(findings, out, s->q3);
    }
    ek_buf_puts(out, "</td>");
    put_cell(findings, out, s->min);
    put_cell(findings, out, s->max);
    ek_buf_puts(out, "<td class=\"strip\">");
    ek__page_strip(findings, i, out);
    ek_buf_puts(out, "</td></tr>\n");
}

static void put_table(const ek_findings *findings, ek_buf *out)
{
    ek_buf subject = {0};
    ek_findings_subject(findings, &subject);
    ek__page_scroll_open(out, "Summary of the groups");
    ek_buf_puts(out, "<table class=\"numbers summary\">\n<caption><span>");
    ek_html_text(out, ek_buf_text(&subject));
    ek_buf_printf(out, "%s; baseline ", findings->unit.scale == 100.0 ? ", percent" : "");
    ek_findings_score(findings, out, findings->table.facts.baseline);
    ek_buf_puts(out,
                "</span></caption>\n<thead><tr><th scope=\"col\">group</th><th scope=\"col\">n</th>"
                "<th scope=\"col\">failed [95 %]</th><th scope=\"col\">mean [95 %]</th>"
                "<th scope=\"col\">SD [95 %]</th><th scope=\"col\">median</th>"
                "<th scope=\"col\">IQR</th><th scope=\"col\">min</th><th scope=\"col\">max"
                "</th><th scope=\"col\" class=\"strip\">every run</th></tr></thead>\n"
                "<tbody>\n");
    for (size_t i = 0; i < findings->table.count; i++) {
        put_row(findings, i, out);
    }
    ek_buf_puts(out, "</tbody>\n</table>\n");
    ek__page_scroll_close(out);
    ek_buf_deinit(&subject);
}

static void put_lines(ek_buf *out, const char *class, const char *lines)
{
    if (!*lines) {
        return;
    }
    ek_buf_printf(out, "<ul class=\"%s\">\n", class);
    while (*lines) {
        size_t length = strcspn(lines, "\n");
        ek_buf_puts(out, "<li>");
        ek_html_text_n(out, lines, length);
        ek_buf_puts(out, "</li>\n");
        lines += length + (lines[length] == '\n');
    }
    ek_buf_puts(out, "</ul>\n");
}

void ek__page_claim(const ek_findings *findings, ek_buf *out)
{
    ek_buf notes = {0};
    ek_findings_notes(findings, &notes);
    ek_buf_puts(out, "<section id=\"claim\" aria-labelledby=\"claim-title\">\n"
                     "<h2 id=\"claim-title\" class=\"headline\">");
    if (findings->table.count > 0) {
        put_headline(findings, out);
    } else {
        ek_buf_puts(out, "This study has no runs");
    }
    ek_buf_puts(out, "</h2>\n");
    if (findings->table.count == 1) {
        put_alone(findings, out);
    }
    put_comparisons(findings, out);
    put_lines(out, "warnings", findings->warnings);
    put_table(findings, out);
    ek_buf_puts(out, "<h3>How to read the table</h3>\n");
    ek_buf_puts(&notes,
                "Every run: a dot is a run, a triangle one that failed, the line their mean, "
                "the dashed line the majority baseline.\n");
    put_lines(out, "notes", ek_buf_text(&notes));
    ek_buf_puts(out, "</section>\n");
    ek_buf_deinit(&notes);
}
