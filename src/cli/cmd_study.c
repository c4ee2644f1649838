/* study, metrics: many runs and every number that they logged. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/check_report.h"
#include "cli/cli.h"
#include "cli/gates.h"
#include "cli/progress.h"
#include "report/group_table.h"
#include "report/metric_text.h"
#include "report/strip_plot.h"
#include "study/doomed.h"
#include "study/study.h"

static ek_status print_table(const ek_cli *cli, ek_store *store, ek_error *err)
{
    ek_group_table table;
    ek_buf out = {0};
    EK_TRY(ek_group_table_load(&table, store, err));
    ek_table_style style = ek_progress_style();
    if (cli->json) {
        ek_group_table_json(&table, &out);
    } else if (cli->csv) {
        ek_group_table_csv(&table, &out);
    } else {
        ek_group_table_text(&table, &out, &style);
        ek_buf_putc(&out, '\n');
        ek_strip_plot_of_table(&table, &style, &out);
    }
    ek_status status = ek_cli_print(&out, err);
    ek_buf_deinit(&out);
    if (status == EK_OK && cli->fail_if) {
        status = ek_gate_groups(cli->fail_if, &table, err);
    }
    ek_group_table_free(&table);
    return status;
}

static ek_status print_stored(const ek_cli *cli, const char *dir, ek_error *err)
{
    ek_store *store;
    EK_TRY(ek_store_open_read(&store, dir, err));
    ek_status status = print_table(cli, store, err);
    ek_store_close(store);
    return status;
}

ek_status ek_cmd_study(ek_cli *cli, ek_error *err)
{
    ek_spec spec;
    ek_study_inputs inputs;
    EK_TRY(
        ek_spec_build(&spec, cli->argument_count ? cli->arguments[0] : NULL, &cli->settings, err));
    const char *dir = cli->output ? cli->output : spec.name;
    ek_status status = ek_cli_refuse_masked_lm("study", &spec.source, err);
    status = status == EK_OK ? ek_doomed_check_spec(&spec, err) : status;
    status = status == EK_OK ? ek_study_load(&inputs, &spec, err) : status;
    if (status == EK_OK && cli->dry_run) {
        status = ek_check_report(cli, &inputs, err);
        ek_study_unload(&inputs);
    } else if (status == EK_OK) {
        if (inputs.data.notes[0]) {
            ek_progress_say("%.*s", (int)strlen(inputs.data.notes) - 1, inputs.data.notes);
        }
        ek_progress_say("%zu runs: %zu group%s x %zu; the store is %s/store.db", spec.run_count,
                        spec.arm_count, spec.arm_count == 1 ? "" : "s",
                        spec.run_count / spec.arm_count, dir);
        ek_study_control control = {.jobs = (int)cli->jobs,
                                    .threads = ek_cli_threads(cli, 0),
                                    .progress = ek_progress_study};
        status = ek_study_run(&inputs, dir, &control, err);
        ek_study_unload(&inputs);
        if (status == EK_OK || status == EK_E_UNFINISHED) {
            ek_status printed = print_stored(cli, dir, status == EK_OK ? err : &(ek_error){0});
            status = status == EK_OK ? printed : status;
        }
    }
    ek_spec_free(&spec);
    return status;
}

/* ---- metrics --------------------------------------------------------------------------------- */

struct printing {
    ek_buf out;
    bool json;
    size_t count;
};

static void print_metric(void *user, const ek_metric_record *record)
{
    struct printing *printing = user;
    if (!printing->json) {
        ek_metric_csv(record, &printing->out);
        return;
    }
    ek_buf_puts(&printing->out, printing->count++ ? ",\n{" : "\n{");
    ek_metric_json(record, &printing->out);
    ek_buf_putc(&printing->out, '}');
}

ek_status ek_cmd_metrics(ek_cli *cli, ek_error *err)
{
    ek_store *store;
    struct printing printing = {.json = cli->json};
    EK_TRY(ek_store_open_read(&store, cli->arguments[0], err));
    ek_buf_puts(&printing.out, cli->json ? "[" : ek_metric_csv_header);
    ek_status status = ek_store_metrics(store, cli->name, print_metric, &printing, err);
    if (cli->json) {
        ek_buf_puts(&printing.out, "]\n");
    }
    if (status == EK_OK) {
        status = ek_cli_print(&printing.out, err);
    }
    ek_buf_deinit(&printing.out);
    ek_store_close(store);
    return status;
}
