/* report: what a study found, as a page for people and as tables for papers and programs. */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "report/figure.h"
#include "report/findings.h"
#include "report/page.h"
#include "report/table_formats.h"
#include "study/study.h"

/* In the order of the option's choices. */
enum { FORMAT_HTML, FORMAT_MARKDOWN, FORMAT_LATEX, FORMAT_CSV, FORMAT_JSON };

/* The study's data, read again as the store says it was read; other content is refused. */
static ek_status load_texts(const char *dir, const ek_findings *findings, ek_dataset *data,
                            ek_error *err)
{
    ek_spec spec = {0};
    size_t planned;
    char hash[65];
    if (findings->table.run_count == 0) {
        return ek_error_set(err, EK_E_DATA, "%s has no runs, so no texts", dir);
    }
    EK_TRY(ek_study_find_run(dir, findings->table.runs[0].id, &spec, &planned, hash, err));
    ek_status status = ek_dataset_load(data, &spec.source, (uint32_t)spec.options.split_seed, err);
    if (status == EK_OK && strcmp(data->hash, findings->table.facts.data_hash) != 0) {
        status =
            ek_error_set(err, EK_E_DATA,
                         "the data is not what the study was trained on (SHA-256 %.12s..., the "
                         "store has %.12s...): texts cannot be shown; leave --include-text out",
                         data->hash, findings->table.facts.data_hash);
        ek_dataset_free(data);
    }
    ek_spec_free(&spec);
    return status;
}

static ek_status write_page(const ek_findings *findings, ek_store *store,
                            const ek_figure_set *figures, const ek_dataset *texts,
                            const char *study, const char *dir, ek_error *err)
{
    ek_study_explanation why = {0};
    ek_buf page = {0}, line = {0};
    char *path = ek_path_join(dir, "index.html");
    bool failed = findings->failed + findings->diverged + findings->doomed > 0;
    ek_status status = path ? EK_OK : ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    if (status == EK_OK && failed) {
        status = ek_study_explanation_load(&why, store, study, err);
    }
    if (status == EK_OK) {
        status = ek_page_html(findings, store, figures, failed ? &why : NULL, texts, &page, err);
    }
    if (status == EK_OK) {
        status = ek_file_write(path, page.data, page.length, err);
    }
    if (status == EK_OK) {
        ek_buf_printf(&line, "%s\n", path);
        status = ek_cli_print(&line, err);
    }
    ek_study_explanation_free(&why);
    ek_buf_deinit(&line);
    ek_buf_deinit(&page);
    ek_free(path);
    return status;
}

static ek_status report_html(const ek_cli *cli, const ek_findings *findings, ek_store *store,
                             ek_error *err)
{
    const char *study = cli->arguments[0];
    char *dir = cli->output ? ek_strdup(cli->output) : ek_path_join(study, "report");
    char *drawings = dir ? ek_path_join(dir, "figures") : NULL;
    ek_figure_set figures = {0};
    ek_dataset data = {0};
    const ek_figure_options options = {.pdf = cli->pdf};
    ek_status status = drawings ? EK_OK : ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    if (status == EK_OK && cli->include_text) {
        status = load_texts(study, findings, &data, err);
    }
    if (status == EK_OK) {
        status = ek_make_dirs(dir, err);
    }
    if (status == EK_OK) {
        status = ek_figures_make(&figures, &findings->table, store, study, drawings, &options, err);
    }
    for (const char *line = figures.warnings; status == EK_OK && line && *line;) {
        size_t length = strcspn(line, "\n");
        ek_progress_say("warning: %.*s", (int)length, line);
        line += length + (line[length] == '\n');
    }
    if (status == EK_OK && figures.count > 0 && !figures.gnuplot) {
        ek_progress_say("gnuplot is not installed: the report has tables instead of figures "
                        "(apt-get install gnuplot-nox)");
    }
    if (status == EK_OK) {
        status = write_page(findings, store, &figures, cli->include_text ? &data : NULL, study, dir,
                            err);
    }
    ek_figures_free(&figures);
    ek_dataset_free(&data);
    ek_free(drawings);
    ek_free(dir);
    return status;
}

static ek_status report_text(const ek_cli *cli, const ek_findings *findings, ek_store *store,
                             ek_error *err)
{
    ek_buf out = {0};
    ek_status status = EK_OK;
    if (cli->format == FORMAT_MARKDOWN) {
        ek_findings_markdown(findings, &out);
    } else if (cli->format == FORMAT_LATEX) {
        ek_findings_latex(findings, &out);
    } else if (cli->format == FORMAT_CSV) {
        ek_group_table_csv(&findings->table, &out);
    } else {
        status = ek_findings_json(findings, store, &out, err);
    }
    status = status == EK_OK ? ek_buf_status(&out, err) : status;
    if (status == EK_OK) {
        status = cli->output ? ek_file_write(cli->output, out.data, out.length, err)
                             : ek_cli_print(&out, err);
    }
    ek_buf_deinit(&out);
    return status;
}

ek_status ek_cmd_report(ek_cli *cli, ek_error *err)
{
    ek_store *store;
    ek_findings findings;
    if (cli->format != FORMAT_HTML && (cli->include_text || cli->pdf)) {
        return ek_error_set(err, EK_E_USAGE, "--%s belongs to --format html",
                            cli->pdf ? "pdf" : "include-text");
    }
    EK_TRY(ek_store_open_read(&store, cli->arguments[0], err));
    ek_status status = ek_findings_load(&findings, store, err);
    if (status == EK_OK) {
        status = cli->format == FORMAT_HTML ? report_html(cli, &findings, store, err)
                                            : report_text(cli, &findings, store, err);
        ek_findings_free(&findings);
    }
    ek_store_close(store);
    return status;
}
