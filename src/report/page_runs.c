/* Every run of the study as one row. Sorting and filtering are the script's (page.js); the rows are
 * here without it. */
#include <math.h>
#include <string.h>

#include "report/page_parts.h"

enum { HASH_SHOWN = 12 };

/* What a run came to, as its word and its mark. */
struct result {
    const char *word, *mark;
};

static struct result result_of(const ek_run_row *run)
{
    static const struct result results[] = {
        {"ok", "●"}, {"failed", "▼"}, {"diverged", "✕"}, {"doomed", "▽"}};
    return run->status == EK_RUN_DONE ? results[run->outcome] : (struct result){"unfinished", "○"};
}

static void put_seeds(const ek_run_row *run, ek_buf *out)
{
    const ek_seeds *s = &run->seeds;
    ek_buf_printf(out, "<td data-v=\"%u\">%u", run->seed, run->seed);
    if (s->init != run->seed || s->order != run->seed || s->dropout != run->seed ||
        s->subset != run->seed) {
        ek_buf_printf(out, " <span class=\"interval\">init %u order %u dropout %u subset %u</span>",
                      s->init, s->order, s->dropout, s->subset);
    }
    ek_buf_puts(out, "</td>");
}

static void put_score(const ek_findings *findings, double value, ek_buf *out)
{
    if (!isfinite(value)) {
        ek_buf_puts(out, "<td>-</td>");
        return;
    }
    ek_buf_printf(out, "<td data-v=\"%.9g\">%.*f</td>", value, findings->unit.decimals + 1,
                  findings->unit.scale * value);
}

static void put_count(bool known, int64_t value, ek_buf *out)
{
    if (known) {
        ek_buf_printf(out, "<td>%lld</td>", (long long)value);
    } else {
        ek_buf_puts(out, "<td>-</td>");
    }
}

static void put_run(const ek_findings *findings, const ek_run_row *run, ek_buf *out)
{
    bool done = run->status == EK_RUN_DONE;
    struct result result = result_of(run);
    ek_buf_printf(out, "<tr class=\"%s\"><td>%lld</td><td>", result.word, (long long)run->id);
    ek_html_text(out, run->group);
    ek_buf_puts(out, "</td>");
    put_seeds(run, out);
    put_score(findings, run->score, out);
    put_score(findings, done ? run->best_score : (double)NAN, out);
    ek_buf_printf(out, "<td><span class=\"mark\">%s</span> %s</td><td>%s", result.mark, result.word,
                  ek_run_status_name(run->status));
    if (run->reason && *run->reason) {
        ek_buf_puts(out, "<span class=\"interval\">: ");
        ek_html_text(out, run->reason);
        ek_buf_puts(out, "</span>");
    }
    ek_buf_puts(out, "</td>");
    put_count(done, ek_group_table_steps(&findings->table, run), out);
    put_count(run->nonfinite_step >= 0, run->nonfinite_step, out);
    if (done && isfinite(run->seconds)) {
        ek_buf_printf(out, "<td>%.1f</td>", run->seconds);
    } else {
        ek_buf_puts(out, "<td>-</td>");
    }
    ek_buf_puts(out, "<td><code>");
    ek_html_text_n(out, run->weights_hash, strnlen(run->weights_hash, HASH_SHOWN));
    ek_buf_puts(out, "</code></td></tr>\n");
}

static void put_option(ek_buf *out, const char *value)
{
    ek_buf_puts(out, "<option>");
    ek_html_text(out, value);
    ek_buf_puts(out, "</option>");
}

static void put_controls(const ek_findings *findings, ek_buf *out)
{
    ek_buf_puts(out, "<form class=\"controls\" id=\"run-controls\" hidden>\n"
                     "<label>Find <input type=\"search\" name=\"text\" autocomplete=\"off\" "
                     "placeholder=\"group, seed, hash\"></label>\n"
                     "<label>Group <select name=\"group\"><option value=\"\">all</option>");
    for (size_t i = 0; i < findings->table.count; i++) {
        put_option(out, findings->table.rows[i].group);
    }
    ek_buf_puts(out, "</select></label>\n<label>Outcome <select name=\"outcome\">"
                     "<option value=\"\">all</option><option>ok</option><option>failed</option>"
                     "<option>diverged</option><option>doomed</option><option>unfinished</option></"
                     "select></label>\n");
    ek_buf_printf(out, "<output id=\"run-count\" aria-live=\"polite\">%zu of %zu runs</output>\n",
                  findings->table.run_count, findings->table.run_count);
    ek_buf_puts(out, "</form>\n");
}

/* "10 runs: 6 learned, 4 failed". */
static void put_title(const ek_findings *findings, ek_buf *out)
{
    ek_buf_printf(out, "%zu run%s: %zu learned", findings->table.run_count,
                  findings->table.run_count == 1 ? "" : "s", findings->ok);
    if (findings->failed > 0) {
        ek_buf_printf(out, ", %zu failed", findings->failed);
    }
    if (findings->diverged > 0) {
        ek_buf_printf(out, ", %zu diverged", findings->diverged);
    }
    if (findings->doomed > 0) {
        ek_buf_printf(out, ", %zu stopped as doomed", findings->doomed);
    }
    if (findings->failed + findings->diverged + findings->doomed == 0 && findings->done > 0) {
        ek_buf_puts(out, ", none failed");
    }
    if (findings->unfinished > 0) {
        ek_buf_printf(out, ", %zu not finished", findings->unfinished);
    }
}

void ek__page_runs(const ek_findings *findings, ek_buf *out)
{
    static const char *const columns[] = {"run",      "group",      "seed",
                                          "score",    "best score", "outcome",
                                          "status",   "steps",      "first non-finite step",
                                          "time (s)", "weights"};
    ek_buf_puts(out, "<section id=\"runs\" aria-labelledby=\"runs-title\">\n"
                     "<h2 id=\"runs-title\">");
    put_title(findings, out);
    ek_buf_puts(out, "</h2>\n");
    put_controls(findings, out);
    ek__page_scroll_open(out, "Every run");
    ek_buf_puts(out, "<table class=\"numbers runs\" id=\"run-table\">\n<thead><tr>");
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        ek_buf_printf(out, "<th scope=\"col\">%s</th>", columns[i]);
    }
    ek_buf_puts(out, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < findings->table.run_count; i++) {
        put_run(findings, &findings->table.runs[i], out);
    }
    ek_buf_puts(out, "</tbody>\n</table>\n");
    ek__page_scroll_close(out);
    ek_buf_printf(out,
                  "<p class=\"notes\">Score: of the %s checkpoint. Best score: of the best "
                  "evaluation on the way. Weights: the first %d digits of the SHA-256 of the final "
                  "weights.</p>\n</section>\n",
                  findings->table.checkpoint, HASH_SHOWN);
}
