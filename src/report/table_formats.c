#include "report/table_formats.h"

#include <math.h>
#include <string.h>

#include "report/disagreement.h"
#include "report/markup.h"

typedef void put_text(ek_buf *out, const char *text);

/* Each line of text as one line of a list. */
static void put_lines(ek_buf *out, const char *lines, const char *before, put_text *put)
{
    ek_buf line = {0};
    while (*lines) {
        size_t length = strcspn(lines, "\n");
        ek_buf_clear(&line);
        ek_buf_append(&line, lines, length);
        ek_buf_puts(out, before);
        put(out, ek_buf_text(&line));
        ek_buf_putc(out, '\n');
        lines += length + (lines[length] == '\n');
    }
    ek_buf_deinit(&line);
}

/* A number with its interval through the format's own escaping ("[" is markup). */
static void put_estimate(const ek_findings *findings, ek_buf *out, double value, double low,
                         double high, put_text *put)
{
    ek_buf text = {0};
    ek_findings_score(findings, &text, value);
    ek_findings_interval(findings, &text, low, high);
    put(out, ek_buf_text(&text));
    ek_buf_deinit(&text);
}

static void put_failed(ek_buf *out, const ek_summary *s, put_text *put)
{
    ek_buf text = {0};
    ek_buf_printf(&text, "%zu/%zu", s->failed, s->n);
    if (s->n > 0) {
        ek_buf_printf(&text, " [%.0f, %.0f] %%", 100 * s->failed_low, 100 * s->failed_high);
    }
    put(out, ek_buf_text(&text));
    ek_buf_deinit(&text);
}

/* The cells of a group from n to max, with sep between. */
static void put_cells(const ek_findings *findings, size_t i, const char *sep, ek_buf *out,
                      put_text *put)
{
    const ek_summary *s = &findings->table.rows[i].summary;
    ek_buf_printf(out, "%s%zu%s", sep, s->n, sep);
    put_failed(out, s, put);
    ek_buf_puts(out, sep);
    put_estimate(findings, out, s->mean, s->mean_low, s->mean_high, put);
    ek_buf_puts(out, sep);
    put_estimate(findings, out, s->sd, s->sd_low, s->sd_high, put);
    ek_buf_puts(out, sep);
    ek_findings_score(findings, out, s->median);
    ek_buf_puts(out, sep);
    ek_findings_score(findings, out, s->q1);
    ek_buf_puts(out, " to ");
    ek_findings_score(findings, out, s->q3);
    ek_buf_puts(out, sep);
    ek_findings_score(findings, out, s->min);
    ek_buf_puts(out, sep);
    ek_findings_score(findings, out, s->max);
}

/* ---- Markdown -------------------------------------------------------------------------------- */

static void markdown_run(const ek_findings *findings, const ek_run_row *run, ek_buf *out)
{
    bool done = run->status == EK_RUN_DONE;
    ek_buf_printf(out, "| %lld | ", (long long)run->id);
    ek_markdown_text(out, run->group);
    ek_buf_printf(out, " | %u | ", run->seed);
    ek_findings_score(findings, out, run->score);
    ek_buf_puts(out, " | ");
    ek_findings_score(findings, out, done ? run->best_score : (double)NAN);
    ek_buf_printf(out, " | %s | %s | ", done ? ek_outcome_name(run->outcome) : "-",
                  ek_run_status_name(run->status));
    if (done) {
        ek_buf_printf(out, "%lld | ", (long long)ek_group_table_steps(&findings->table, run));
    } else {
        ek_buf_puts(out, "- | ");
    }
    if (run->nonfinite_step >= 0) {
        ek_buf_printf(out, "%lld | ", (long long)run->nonfinite_step);
    } else {
        ek_buf_puts(out, "- | ");
    }
    ek_buf_printf(out, "%.12s |\n", *run->weights_hash ? run->weights_hash : "-");
}

void ek_findings_markdown(const ek_findings *findings, ek_buf *out)
{
    ek_buf text = {0};
    ek_buf_puts(out, "# ");
    ek_markdown_text(out, findings->record.name);
    ek_findings_subject(findings, &text);
    ek_buf_puts(out, "\n\n");
    ek_markdown_text(out, ek_buf_text(&text));
    ek_buf_puts(out, "\n\n");
    for (size_t i = 0; i < findings->comparison_count; i++) {
        ek_buf_puts(out, "> ");
        ek_markdown_text(out, findings->comparisons[i].text);
        ek_buf_puts(out, i + 1 < findings->comparison_count ? "\n>\n" : "\n\n");
    }
    if (*findings->warnings) {
        put_lines(out, findings->warnings, "- warning: ", ek_markdown_text);
        ek_buf_puts(out, "\n");
    }
    ek_buf_puts(out, "| group | n | failed [95 %] | mean [95 %] | SD [95 %] | median | IQR | min | "
                     "max |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    for (size_t i = 0; i < findings->table.count; i++) {
        ek_buf_puts(out, "| ");
        ek_markdown_text(out, findings->table.rows[i].group);
        put_cells(findings, i, " | ", out, ek_markdown_text);
        ek_buf_puts(out, " |\n");
    }
    ek_buf_puts(out, "\n");
    ek_buf_clear(&text);
    ek_findings_notes(findings, &text);
    put_lines(out, ek_buf_text(&text), "- ", ek_markdown_text);
    ek_buf_puts(out, "\n| run | group | seed | score | best | outcome | status | steps | first "
                     "non-finite step | weights |\n|--:|---|--:|--:|--:|---|---|--:|--:|---|\n");
    for (size_t i = 0; i < findings->table.run_count; i++) {
        markdown_run(findings, &findings->table.runs[i], out);
    }
    ek_buf_deinit(&text);
}

/* ---- LaTeX ----------------------------------------------------------------------------------- */

void ek_findings_latex(const ek_findings *findings, ek_buf *out)
{
    ek_buf text = {0};
    ek_findings_subject(findings, &text);
    ek_buf_puts(
        out,
        "% needs \\usepackage{booktabs,textcomp} and \\usepackage[T1]{fontenc}\n"
        "\\begin{table}\n\\centering\n\\footnotesize\n\\setlength{\\tabcolsep}{4pt}\n\\caption{");
    ek_latex_text(out, ek_buf_text(&text));
    ek_buf_puts(out, ". ");
    ek_buf_clear(&text);
    ek_findings_notes(findings, &text);
    put_lines(out, ek_buf_text(&text), "", ek_latex_text);
    ek_buf_puts(out, "}\n\\begin{tabular}{lrrrrrrrr}\n\\toprule\ngroup & $n$ & failed [95\\,\\%] "
                     "& mean [95\\,\\%] & SD [95\\,\\%] & median & IQR & min & max "
                     "\\\\\n\\midrule\n");
    for (size_t i = 0; i < findings->table.count; i++) {
        ek_latex_text(out, findings->table.rows[i].group);
        put_cells(findings, i, " & ", out, ek_latex_text);
        ek_buf_puts(out, " \\\\\n");
    }
    ek_buf_puts(out, "\\bottomrule\n\\end{tabular}\n\\end{table}\n");
    ek_buf_deinit(&text);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

ek_status ek_findings_json(const ek_findings *findings, ek_store *store, ek_buf *out, ek_error *err)
{
    /* The table is one object: more members go before its closing brace. */
    ek_group_table_json_open(&findings->table, out);
    ek_buf_puts(out, ",\"comparisons\":[");
    for (size_t i = 0; i < findings->comparison_count; i++) {
        ek_buf_puts(out, i ? "," : "");
        ek_group_comparison_json(&findings->comparisons[i].numbers, out);
    }
    ek_buf_puts(out, "],\"disagreement\":[");
    for (size_t i = 0; i < findings->table.count; i++) {
        const char *group = findings->table.rows[i].group;
        ek_group_disagreement d;
        EK_TRY(ek_group_disagreement_load(&d, store, group, err));
        ek_buf_puts(out, i ? "," : "");
        ek_group_disagreement_json(&d, group, out);
        ek_group_disagreement_free(&d);
    }
    ek_buf_puts(out, "]}\n");
    return ek_buf_status(out, err);
}
