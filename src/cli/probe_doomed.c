/* probe doomed: what a rule learned from a finished study would have stopped, and how often it
 * would have been right. Nothing is trained and nothing is written. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "cli/probe.h"
#include "probe/explanation.h"
#include "report/doomed_note.h"
#include "report/group_table.h"

/* One group: the rule, how it does on seeds it was not learned from, and on those that were never
 * meant to teach it. */
struct found {
    ek_doomed_rule rule;
    ek_doomed_runs runs, others;
    ek_early_check others_check;
};

static ek_status find(struct found *found, ek_store *store, const char *group, const int64_t *seeds,
                      size_t seed_count, ek_error *err)
{
    *found = (struct found){0};
    EK_TRY(ek_doomed_runs_read(&found->runs, store, group, seeds, seed_count, true, err));
    if (seeds) {
        EK_TRY(ek_doomed_runs_read(&found->others, store, group, seeds, seed_count, false, err));
    }
    EK_TRY(ek_doomed_learn(&found->rule, &found->runs, err));
    ek_early_runs others = ek_doomed_early_runs(&found->others);
    ek_early_rule_test(&found->others_check, &found->rule.rule, &others);
    return EK_OK;
}

static void release(struct found *found)
{
    ek_doomed_runs_free(&found->runs);
    ek_doomed_runs_free(&found->others);
}

/* Share of the steps of these runs that would not have been made. */
static double saved(const ek_early_check *c, const ek_doomed_rule *rule)
{
    double stopped = (double)(c->hits + c->false_alarms);
    double runs = stopped + (double)(c->misses + c->passes);
    return runs > 0 && rule->total_steps > 0
               ? stopped / runs * (double)(rule->total_steps - rule->step) /
                     (double)rule->total_steps
               : 0;
}

static void rate_text(ek_buf *out, const char *name, double rate, double low, double high, size_t k,
                      size_t n)
{
    if (isnan(rate)) {
        ek_buf_printf(out, " %s - (0 of 0)", name);
    } else {
        ek_buf_printf(out, " %s %.2f [%.2f, %.2f] (%zu of %zu)", name, rate, low, high, k, n);
    }
}

static void check_text(ek_buf *out, const char *title, const ek_early_check *c,
                       const ek_doomed_rule *rule)
{
    ek_buf_printf(out,
                  "  %s\n                     failed  succeeded\n"
                  "    called doomed   %7zu %10zu\n    let run         %7zu %10zu\n   ",
                  title, c->hits, c->false_alarms, c->misses, c->passes);
    rate_text(out, "precision", c->precision, c->precision_low, c->precision_high, c->hits,
              c->hits + c->false_alarms);
    ek_buf_putc(out, ',');
    rate_text(out, "recall", c->recall, c->recall_low, c->recall_high, c->hits,
              c->hits + c->misses);
    ek_buf_printf(out, "\n    %.1f %% of these runs' steps saved\n", 100 * saved(c, rule));
}

static void group_text(ek_buf *out, const char *group, const struct found *found, bool listed)
{
    const ek_doomed_rule *rule = &found->rule;
    char text[96], reason[200];
    ek_doomed_rule_text(rule, text);
    ek_doomed_reason(rule, reason);
    ek_explain_name(out, group);
    ek_buf_printf(out, ": %zu runs to learn from, %zu of them failed\n", rule->runs, rule->failed);
    if (rule->rule.found) {
        ek_buf_printf(out,
                      "  doomed when, at step %lld of %lld (%.1f %%), %s\n  %s: %s\n"
                      "  on the runs it was learned from: %zu false alarms, %zu misses\n",
                      (long long)rule->step, (long long)rule->total_steps,
                      100.0 * (double)rule->step / (double)rule->total_steps, text,
                      ek_doomed_feature_name(rule->rule.feature),
                      ek_doomed_feature_text(rule->rule.feature), rule->rule.false_alarms,
                      rule->rule.misses);
        check_text(out, "by cross-validation over seeds (each seed judged by the others)",
                   &rule->check, rule);
    }
    if (rule->rule.found && listed) {
        check_text(out, "on the seeds that are not in --learn-from", &found->others_check, rule);
    }
    if (found->runs.stopped + found->others.stopped > 0) {
        ek_buf_printf(out,
                      "  %zu runs were stopped as doomed: what they would have become is not "
                      "known, so they are left out\n",
                      found->runs.stopped + found->others.stopped);
    }
    ek_buf_printf(out, "  --stop-doomed would %s%s\n\n",
                  rule->trusted ? "stop runs by it" : "stop nothing: ", reason);
}

static void check_object(ek_buf *out, const ek_early_check *check, const ek_doomed_rule *rule)
{
    ek_buf_putc(out, '{');
    ek_doomed_check_json(check, out);
    ek_buf_puts(out, ",\"steps_saved\":");
    ek_buf_json_double(out, saved(check, rule));
    ek_buf_putc(out, '}');
}

static void features_json(ek_buf *out, const ek_doomed_runs *runs)
{
    for (size_t i = 0; i < runs->count; i++) {
        ek_buf_printf(out, "%s\n{\"run\":%lld,\"seed\":%u,\"failed\":%s", i ? "," : "",
                      (long long)runs->ids[i], runs->seeds[i], runs->failed[i] ? "true" : "false");
        for (size_t f = 0; f < EK_DOOMED_FEATURES; f++) {
            ek_buf_printf(out, ",\"%s\":", ek_doomed_feature_name(f));
            ek_buf_json_double(out, runs->features[i * EK_DOOMED_FEATURES + f]);
        }
        ek_buf_putc(out, '}');
    }
}

static void group_json(ek_buf *out, const char *group, const struct found *found, bool listed)
{
    const ek_doomed_rule *rule = &found->rule;
    char reason[200];
    ek_doomed_reason(rule, reason);
    ek_buf_puts(out, "{\"group\":");
    ek_buf_json_string(out, group, strlen(group));
    ek_buf_printf(out,
                  ",\"runs\":%zu,\"failed\":%zu,\"step\":%lld,\"total_steps\":%lld,\"feature\":",
                  rule->runs, rule->failed, (long long)rule->step, (long long)rule->total_steps);
    if (rule->rule.found) {
        ek_buf_printf(
            out, "\"%s\",\"above\":%s,\"threshold\":", ek_doomed_feature_name(rule->rule.feature),
            rule->rule.above ? "true" : "false");
        ek_buf_json_double(out, rule->rule.threshold);
    } else {
        ek_buf_puts(out, "null,\"above\":null,\"threshold\":null");
    }
    ek_buf_printf(out, ",\"training_false_alarms\":%zu,\"training_misses\":%zu",
                  rule->rule.false_alarms, rule->rule.misses);
    ek_buf_printf(out, ",\"trusted\":%s,\"reason\":", rule->trusted ? "true" : "false");
    ek_buf_json_string(out, reason, strlen(reason));
    ek_buf_puts(out, ",\"cross_validation\":");
    check_object(out, &rule->check, rule);
    ek_buf_puts(out, ",\"others\":");
    if (listed) {
        check_object(out, &found->others_check, rule);
    } else {
        ek_buf_puts(out, "null");
    }
    ek_buf_puts(out, ",\"features\":[");
    features_json(out, &found->runs);
    ek_buf_puts(out, "]}");
}

static ek_status tell_groups(const ek_cli *cli, ek_store *store, const ek_group_table *table,
                             const int64_t *seeds, size_t seed_count, ek_error *err)
{
    ek_buf out = {0};
    ek_status status = EK_OK;
    ek_buf_puts(&out, cli->json ? "{\"probe\":\"doomed\",\"groups\":[" : "");
    for (size_t i = 0; i < table->count && status == EK_OK; i++) {
        struct found found;
        status = find(&found, store, table->rows[i].group, seeds, seed_count, err);
        if (status == EK_OK && cli->json) {
            ek_buf_puts(&out, i ? ",\n" : "\n");
            group_json(&out, table->rows[i].group, &found, seeds != NULL);
        } else if (status == EK_OK) {
            group_text(&out, table->rows[i].group, &found, seeds != NULL);
        }
        release(&found);
    }
    ek_buf_puts(&out, cli->json ? "]}\n" : "");
    if (status == EK_OK) {
        status = ek_cli_print(&out, err);
    }
    ek_buf_deinit(&out);
    return status;
}

ek_status ek_cli_probe_doomed(const ek_probe_call *call, ek_error *err)
{
    ek_cli *cli = call->cli;
    int64_t *seeds = NULL;
    size_t seed_count = 0;
    ek_store *store;
    ek_group_table table;
    if (cli->learn_from) {
        ek_status status =
            ek_parse_list(cli->learn_from, 0, 4294967295, 100000, &seeds, &seed_count, err);
        EK_TRY(status == EK_OK ? EK_OK : ek_error_prefix(err, "--learn-from"));
    }
    ek_status status = ek_store_open_read(&store, call->dir, err);
    if (status == EK_OK) {
        status = ek_group_table_load(&table, store, err);
        if (status == EK_OK) {
            status = tell_groups(cli, store, &table, seeds, seed_count, err);
            ek_group_table_free(&table);
        }
        ek_store_close(store);
    }
    ek_free(seeds);
    return status;
}
