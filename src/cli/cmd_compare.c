/* compare: two groups of a study, or two columns of numbers. */
#include "cli/cli.h"
#include "cli/gates.h"
#include "cli/progress.h"
#include "cli/two_groups.h"
#include "report/group_compare.h"

static ek_status print_comparison(const ek_cli *cli, const ek_group_comparison *c, ek_error *err)
{
    ek_buf out = {0};
    ek_table_style style = ek_progress_style();
    if (cli->json) {
        ek_group_comparison_json(c, &out);
    } else {
        ek_group_comparison_text(c, &style, &out);
    }
    ek_status status = ek_cli_print(&out, err);
    ek_buf_deinit(&out);
    return status == EK_OK && cli->fail_if ? ek_gate_comparison(cli->fail_if, c, err) : status;
}

static ek_status compare_files(const ek_cli *cli, ek_error *err)
{
    ek_score_column a = {0}, b = {0};
    const char *name_a, *name_b;
    ek_status status;
    if (cli->argument_count != 2) {
        return ek_error_set(err, EK_E_USAGE,
                            "usage: evenkeel compare --csv A.csv B.csv; found %zu arguments",
                            cli->argument_count);
    }
    EK_GOTO(status, ek_score_column_read(&a, cli, cli->arguments[0], err), done);
    EK_GOTO(status, ek_score_column_read(&b, cli, cli->arguments[1], err), done);
    bool paired = ek_score_columns_pair(&a, &b);
    ek_group_scores scores_a = {a.scores, a.failed, a.n}, scores_b = {b.scores, b.failed, b.n};
    ek_score_column_names(cli, &name_a, &name_b);
    ek_group_comparison c = ek_list_compare(&scores_a, name_a, &scores_b, name_b, paired);
    status = print_comparison(cli, &c, err);
done:
    ek_score_column_free(&a);
    ek_score_column_free(&b);
    return status;
}

static ek_status compare_groups(const ek_cli *cli, ek_store *store, ek_error *err)
{
    ek_group_table table;
    EK_TRY(ek_group_table_load(&table, store, err));
    const char *a = NULL, *b = NULL;
    ek_status status = ek_cli_two_groups(cli, &table, &a, &b, err);
    ek_group_comparison comparison;
    if (status == EK_OK) {
        status = ek_group_compare(&comparison, &table, store, a, b, err);
    }
    if (status == EK_OK) {
        status = print_comparison(cli, &comparison, err);
    }
    ek_group_table_free(&table);
    return status;
}

ek_status ek_cmd_compare(ek_cli *cli, ek_error *err)
{
    ek_store *store;
    if (cli->csv) {
        return compare_files(cli, err);
    }
    EK_TRY(ek_store_open_read(&store, cli->arguments[0], err));
    ek_status status = compare_groups(cli, store, err);
    ek_store_close(store);
    return status;
}
