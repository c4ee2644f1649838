#include "report/doomed_note.h"

#include <math.h>
#include <string.h>

double ek_doomed_spared(const ek_doomed_group *group, double *at_most)
{
    const ek_early_check *check = &group->rule.check;
    double stopped = (double)group->stopped;
    *at_most = stopped * (1 - check->precision_low);
    return stopped * (1 - check->precision);
}

double ek_doomed_mean_at_most(const ek_doomed_group *group)
{
    double n = (double)group->runs, stopped = (double)group->stopped;
    return (group->mean * n - group->doomed_sum + stopped * group->mean_ok) / n;
}

static void note_of_stopped(const ek_doomed_group *group, double scale, int decimals, ek_buf *out)
{
    const ek_doomed_rule *rule = &group->rule;
    char text[96];
    double at_most, spared = ek_doomed_spared(group, &at_most),
                    mean = ek_doomed_mean_at_most(group);
    ek_doomed_rule_text(rule, text);
    ek_buf_printf(out,
                  "%zu run%s stopped at step %lld of %lld by the rule %s, learned from %zu runs of "
                  "named seeds; counted as failed, with the score of that step. Cross-validated "
                  "precision %.2f [%.2f, %.2f]: about %.1f of them (at most %.1f) might have "
                  "succeeded",
                  group->stopped, group->stopped == 1 ? " was" : "s were", (long long)rule->step,
                  (long long)rule->total_steps, text, rule->runs, rule->check.precision,
                  rule->check.precision_low, rule->check.precision_high, spared, at_most);
    if (isfinite(mean)) {
        ek_buf_printf(out,
                      "; with all of them at the mean of the successful runs the mean would be at "
                      "most %.*f instead of %.*f",
                      decimals, scale * mean, decimals, scale * group->mean);
    }
    ek_buf_puts(out, ".");
}

void ek_doomed_note(const ek_doomed_group *group, const char *name, double scale, int decimals,
                    ek_buf *out)
{
    char text[96], reason[200];
    if (!group->rule.known) {
        return;
    }
    ek_buf_printf(out, "%.60s: ", name);
    if (group->stopped > 0) {
        note_of_stopped(group, scale, decimals, out);
    } else if (group->rule.trusted) {
        ek_doomed_rule_text(&group->rule, text);
        ek_buf_printf(out, "no run was stopped early; the rule was %s at step %lld.", text,
                      (long long)group->rule.step);
    } else {
        ek_doomed_reason(&group->rule, reason);
        ek_buf_printf(out, "no run was stopped early: %s.", reason);
    }
}

static void number(ek_buf *out, const char *key, double value)
{
    ek_buf_printf(out, ",\"%s\":", key);
    ek_buf_json_double(out, value);
}

void ek_doomed_check_json(const ek_early_check *check, ek_buf *out)
{
    ek_buf_printf(out, "\"hits\":%zu,\"false_alarms\":%zu,\"misses\":%zu,\"passes\":%zu",
                  check->hits, check->false_alarms, check->misses, check->passes);
    number(out, "precision", check->precision);
    number(out, "precision_low", check->precision_low);
    number(out, "precision_high", check->precision_high);
    number(out, "recall", check->recall);
    number(out, "recall_low", check->recall_low);
    number(out, "recall_high", check->recall_high);
}

void ek_doomed_json(const ek_doomed_group *group, ek_buf *out)
{
    const ek_doomed_rule *rule = &group->rule;
    char text[200];
    if (!rule->known) {
        ek_buf_puts(out, "null");
        return;
    }
    ek_buf_printf(out, "{\"stopped\":%zu,\"trusted\":%s,\"step\":%lld,\"total_steps\":%lld,",
                  group->stopped, rule->trusted ? "true" : "false", (long long)rule->step,
                  (long long)rule->total_steps);
    ek_buf_printf(out, "\"learned_from\":%zu,\"learned_failed\":%zu,\"feature\":", rule->runs,
                  rule->failed);
    if (rule->rule.found) {
        ek_buf_printf(out, "\"%s\",\"above\":%s", ek_doomed_feature_name(rule->rule.feature),
                      rule->rule.above ? "true" : "false");
        number(out, "threshold", rule->rule.threshold);
    } else {
        ek_buf_puts(out, "null,\"above\":null,\"threshold\":null");
    }
    ek_buf_puts(out, ",\"reason\":");
    ek_doomed_reason(rule, text);
    ek_buf_json_string(out, text, strlen(text));
    ek_buf_puts(out, ",\"cross_validation\":{");
    ek_doomed_check_json(&rule->check, out);
    double at_most, spared = ek_doomed_spared(group, &at_most);
    ek_buf_puts(out, "}");
    number(out, "spared", group->stopped > 0 ? spared : 0);
    number(out, "spared_at_most", group->stopped > 0 ? at_most : 0);
    number(out, "mean_at_most", ek_doomed_mean_at_most(group));
    ek_buf_puts(out, "}");
}
