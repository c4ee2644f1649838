/* plan: how many seeds a comparison needs, from a pilot; how wide one group's intervals will be. */
#include "base/file.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/two_groups.h"
#include "report/group_compare.h"
#include "report/seed_plan.h"

/* --target: its choices are all and then the targets in their order. */
static ek_power_target target_of(const ek_cli *cli)
{
    return cli->target == 0 ? EK_POWER_TARGETS : (ek_power_target)(cli->target - 1);
}

static ek_status print_plan(const ek_cli *cli, const ek_seed_plan *plan, ek_error *err)
{
    ek_buf out = {0};
    ek_table_style style = ek_progress_style();
    if (cli->json) {
        ek_seed_plan_json(plan, &out);
    } else {
        ek_seed_plan_text(plan, &style, &out);
    }
    ek_status status = ek_cli_print(&out, err);
    ek_buf_deinit(&out);
    return status;
}

static ek_status plan_files(const ek_cli *cli, ek_error *err)
{
    ek_score_column a = {0}, b = {0};
    ek_seed_plan plan;
    ek_status status;
    if (cli->argument_count > 2) {
        return ek_error_set(err, EK_E_USAGE,
                            "usage: evenkeel plan --csv A.csv [B.csv]; found %zu arguments",
                            cli->argument_count);
    }
    EK_GOTO(status, ek_score_column_read(&a, cli, cli->arguments[0], err), done);
    ek_group_scores scores_a = {a.scores, a.failed, a.n};
    if (cli->argument_count == 1) {
        ek_seed_plan_one(&plan, &scores_a, ek_path_base(cli->arguments[0]));
    } else {
        const char *name_a, *name_b;
        EK_GOTO(status, ek_score_column_read(&b, cli, cli->arguments[1], err), done);
        ek_group_scores scores_b = {b.scores, b.failed, b.n};
        ek_score_column_names(cli, &name_a, &name_b);
        ek_seed_plan_pair(&plan, &scores_a, name_a, &scores_b, name_b, target_of(cli), cli->power);
    }
    status = print_plan(cli, &plan, err);
done:
    ek_score_column_free(&a);
    ek_score_column_free(&b);
    return status;
}

static ek_status plan_groups(const ek_cli *cli, const ek_group_table *table, ek_error *err)
{
    ek_group_runs left = {0}, right = {0};
    const char *a = NULL, *b = NULL;
    ek_seed_plan plan;
    ek_status status;
    if (cli->argument_count == 2) {
        a = cli->arguments[1];
    } else if (cli->argument_count == 1 && table->count == 1) {
        a = table->rows[0].group;
    } else {
        EK_TRY(ek_cli_two_groups(cli, table, &a, &b, err));
    }
    EK_GOTO(status, ek_group_runs_read(&left, table, a, err), done);
    ek_group_scores scores_a = {left.scores, left.failed, left.n};
    if (b) {
        EK_GOTO(status, ek_group_runs_read(&right, table, b, err), done);
        ek_group_scores scores_b = {right.scores, right.failed, right.n};
        ek_seed_plan_pair(&plan, &scores_a, a, &scores_b, b, target_of(cli), cli->power);
    } else {
        ek_seed_plan_one(&plan, &scores_a, a);
    }
    plan.unit = ek_percent;
    status = print_plan(cli, &plan, err);
done:
    ek_group_runs_free(&left);
    ek_group_runs_free(&right);
    return status;
}

ek_status ek_cmd_plan(ek_cli *cli, ek_error *err)
{
    ek_store *store;
    ek_group_table table;
    if (cli->csv) {
        return plan_files(cli, err);
    }
    EK_TRY(ek_store_open_read(&store, cli->arguments[0], err));
    ek_status status = ek_group_table_load(&table, store, err);
    if (status == EK_OK) {
        status = plan_groups(cli, &table, err);
        ek_group_table_free(&table);
    }
    ek_store_close(store);
    return status;
}
