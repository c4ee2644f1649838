/* explain: why runs of a study failed or diverged, from what its store holds. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "probe/study_explanation.h"
#include "report/lines.h"

enum { WIDTH = 80 };

/* ---- which runs ------------------------------------------------------------------------------ */

static ek_status unknown_run(const ek_traces *t, int64_t id, ek_error *err)
{
    ek_buf ids = {0};
    for (size_t i = 0; i < t->run_count;) {
        size_t last = i;
        while (last + 1 < t->run_count && t->runs[last + 1].run == t->runs[last].run + 1) {
            last++;
        }
        ek_buf_printf(&ids, "%s%lld", ids.length ? ", " : "", (long long)t->runs[i].run);
        if (last > i) {
            ek_buf_printf(&ids, "%s%lld", last == i + 1 ? ", " : "..",
                          (long long)t->runs[last].run);
        }
        i = last + 1;
    }
    ek_error_set(err, EK_E_USAGE, "--runs: the study has no run %lld; it has %.600s", (long long)id,
                 t->run_count > 0 ? ek_buf_text(&ids) : "none");
    ek_buf_deinit(&ids);
    return EK_E_USAGE;
}

/* show[run_count]: those of --runs, else those that failed. */
static ek_status choose_runs(const ek_cli *cli, const ek_study_explanation *x, bool *show,
                             ek_error *err)
{
    const ek_traces *t = &x->traces;
    int64_t *ids = NULL;
    size_t count = 0;
    for (size_t i = 0; !cli->runs && i < t->run_count; i++) {
        show[i] = x->runs[i].cause != NULL;
    }
    EK_TRY(ek_cli_runs(cli, &ids, &count, err));
    ek_status status = EK_OK;
    for (size_t k = 0; status == EK_OK && k < count; k++) {
        size_t i = 0;
        while (i < t->run_count && t->runs[i].run != ids[k]) {
            i++;
        }
        if (i == t->run_count) {
            status = unknown_run(t, ids[k], err);
        } else {
            show[i] = true;
        }
    }
    ek_free(ids);
    return status;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* Sentences, one a line, as one wrapped paragraph. */
static void put_paragraph(ek_buf *out, const char *first, const char *indent, const char *sentences)
{
    ek_buf joined = {0};
    for (const char *at = sentences; *at; at++) {
        ek_buf_putc(&joined, *at == '\n' ? ' ' : *at);
    }
    if (joined.length > 0 && joined.data[joined.length - 1] == ' ') {
        joined.data[--joined.length] = '\0';
    }
    ek_lines_wrap_to(out, first, indent, ek_buf_text(&joined), WIDTH);
    out->failed = out->failed || joined.failed;
    ek_buf_deinit(&joined);
}

static void put_run(ek_buf *out, const ek_study_explanation *x, size_t i)
{
    const ek_trace *run = &x->traces.runs[i];
    const ek_explained_run *r = &x->runs[i];
    ek_buf text = {0}, head = {0};
    ek_buf_printf(&head, "run %lld  ", (long long)run->run);
    ek_explain_name(&head, x->traces.groups[run->group].name);
    ek_buf_printf(&head, ", seed %u: ", run->seed);
    if (run->status != EK_RUN_DONE) {
        ek_buf_printf(&head, "%s, nothing to explain yet", ek_run_status_name(run->status));
    } else if (!r->cause) {
        ek_buf_puts(&head, "did not fail");
    } else {
        ek_buf_printf(&head, "%s; %s", ek_outcome_name(run->outcome), r->cause->title);
    }
    ek_lines_wrap_to(out, " ", "   ", ek_buf_text(&head), WIDTH);
    out->failed = out->failed || head.failed;
    ek_buf_deinit(&head);
    if (run->status != EK_RUN_DONE) {
        ek_buf_putc(out, '\n');
        return;
    }
    ek_explain_run(&r->evidence, &x->traces, &text);
    put_paragraph(out, "   ", "   ", ek_buf_text(&text));
    ek_buf_putc(out, '\n');
    out->failed = out->failed || text.failed;
    ek_buf_deinit(&text);
}

static void put_group(ek_buf *out, const ek_study_explanation *x, size_t g)
{
    const ek_explained_group *group = &x->groups[g];
    const ek_trace_group *trace = &x->traces.groups[g];
    size_t count, said = 0;
    const ek_cause *causes = ek_cause_table(&count);
    ek_buf line = {0};
    ek_explain_name(&line, trace->name);
    ek_buf_printf(&line, ": %zu of %zu runs failed", trace->failed, trace->runs);
    if (trace->runs > 0) {
        ek_buf_printf(&line, ", %.0f %% [%.0f, %.0f]",
                      100 * (double)trace->failed / (double)trace->runs, 100 * group->failed_low,
                      100 * group->failed_high);
    }
    for (size_t c = 0; c < count; c++) {
        if (group->causes[c] > 0) {
            ek_buf_printf(&line, "%s %zu %s", said++ ? "," : ":", group->causes[c],
                          causes[c].summary);
        }
    }
    if (trace->unfinished > 0) {
        ek_buf_printf(&line, "%s %zu not finished", said ? ";" : ",", trace->unfinished);
    }
    ek_lines_wrap_to(out, "   ", "     ", ek_buf_text(&line), WIDTH);
    out->failed = out->failed || line.failed;
    ek_buf_deinit(&line);
}

static void put_number(char text[16], double value)
{
    if (isnan(value)) {
        snprintf(text, 16, "-");
    } else if (value != 0 && fabs(value) < 0.001) {
        snprintf(text, 16, "%.1e", value);
    } else {
        snprintf(text, 16, "%.3g", value);
    }
}

static void put_contrasts(ek_buf *out, const ek_study_explanation *x)
{
    char failed[48], ok[48];
    ek_buf_printf(out, "\n   %-38s %12s %12s\n", "what runs had", "failed", "successful");
    for (size_t i = 0; i < x->contrast_count; i++) {
        const ek_contrast *c = &x->contrasts[i];
        snprintf(failed, sizeof failed, "%zu of %zu", c->failed_yes, c->failed_known);
        snprintf(ok, sizeof ok, "%zu of %zu", c->ok_yes, c->ok_known);
        ek_buf_printf(out, "   %-38s %12s %12s", c->name, c->failed_known > 0 ? failed : "-",
                      c->ok_known > 0 ? ok : "-");
        if (c->p < 0.05) {
            ek_buf_puts(out, "  ");
            ek_explain_p(out, c->p);
        }
        ek_buf_putc(out, '\n');
    }
    for (size_t i = 0; i < x->number_count; i++) {
        const ek_contrast_number *c = &x->numbers[i];
        put_number(failed, c->failed);
        put_number(ok, c->ok);
        ek_buf_printf(out, "   %-38s %12s %12s\n", c->name, failed, ok);
    }
    ek_buf note = {0};
    ek_buf_puts(&note, "Medians of numbers");
    for (size_t g = 0, said = 0; x->mixed && g < x->traces.group_count; g++) {
        const ek_trace_group *group = &x->traces.groups[g];
        if (group->failed > 0 && group->failed < group->runs) {
            ek_buf_puts(&note, said++ ? ", "
                                      : ", of the groups in which some runs failed and some "
                                        "did not: ");
            ek_explain_name(&note, group->name);
        }
    }
    ek_buf_puts(&note, ". p: Fisher's exact test, uncorrected.");
    ek_lines_wrap_to(out, "   ", "   ", ek_buf_text(&note), WIDTH);
    out->failed = out->failed || note.failed;
    ek_buf_deinit(&note);
}

static void put_advice(ek_buf *out, const ek_study_explanation *x)
{
    ek_buf_putc(out, '\n');
    for (size_t g = 0; g < x->traces.group_count; g++) {
        const ek_explained_group *group = &x->groups[g];
        if (!group->commonest) {
            continue;
        }
        ek_buf lead = {0};
        ek_explain_name(&lead, x->traces.groups[g].name);
        ek_buf_printf(&lead, "%s: %s",
                      g == x->advised && x->traces.group_count > 1 ? " (first)" : "",
                      ek_buf_text(&group->advice.text));
        put_paragraph(out, " advice for ", "   ", ek_buf_text(&lead));
        if (group->advice.flags.length > 0) {
            ek_buf_printf(out, "   smallest change: %s\n", ek_buf_text(&group->advice.flags));
        }
        out->failed = out->failed || lead.failed;
        ek_buf_deinit(&lead);
    }
}

static void put_study(ek_buf *out, const ek_study_explanation *x)
{
    ek_buf_printf(out, " study  %zu of %zu finished runs failed", x->failed, x->done);
    ek_buf_puts(out, " (share with its 95 % Wilson interval)\n");
    for (size_t g = 0; g < x->traces.group_count; g++) {
        put_group(out, x, g);
    }
    if (x->failed > 0) {
        put_contrasts(out, x);
        put_advice(out, x);
    }
}

static void put_text(ek_buf *out, const ek_study_explanation *x, const bool *show)
{
    for (size_t i = 0; i < x->traces.run_count; i++) {
        if (show[i]) {
            put_run(out, x, i);
        }
    }
    if (x->done == 0) {
        ek_buf_puts(out, " No run is finished: there is nothing to explain yet.\n");
    } else if (x->failed == 0) {
        ek_buf_printf(out, " None of the %zu finished runs failed: there is nothing to explain.\n",
                      x->done);
    } else {
        put_study(out, x);
    }
}

static ek_status explain(const ek_cli *cli, const ek_study_explanation *x, ek_error *err)
{
    bool *show = ek_calloc(x->traces.run_count, sizeof *show);
    ek_buf out = {0};
    if (!show) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the runs");
    }
    ek_status status = choose_runs(cli, x, show, err);
    if (status == EK_OK && cli->json) {
        status = ek_study_explanation_json(x, show, &out, err);
    } else if (status == EK_OK) {
        put_text(&out, x, show);
    }
    if (status == EK_OK) {
        status = ek_cli_print(&out, err);
    }
    ek_buf_deinit(&out);
    ek_free(show);
    return status;
}

ek_status ek_cmd_explain(ek_cli *cli, ek_error *err)
{
    ek_store *store;
    ek_study_explanation x = {0};
    EK_TRY(ek_store_open_read(&store, cli->arguments[0], err));
    ek_status status = ek_study_explanation_load(&x, store, cli->arguments[0], err);
    ek_store_close(store);
    if (status == EK_OK) {
        status = explain(cli, &x, err);
    }
    ek_study_explanation_free(&x);
    return status;
}
