#include "study/doomed_watch.h"

static void watch_metric(void *user, const char *name, int64_t step, double value)
{
    ek_doomed_watch *watch = user;
    if (step <= watch->rule.step && ek_doomed_looks_at(name)) {
        watch->failed |= ek__metric_list_add(&watch->metrics, name, step, value) != EK_OK;
    }
    if (watch->own.metric) {
        watch->own.metric(watch->own.user, name, step, value);
    }
}

static void watch_progress(void *user, int64_t step, int64_t total)
{
    const ek_doomed_watch *watch = user;
    if (watch->own.progress) {
        watch->own.progress(watch->own.user, step, total);
    }
}

static bool watch_stop(void *user)
{
    const ek_doomed_watch *watch = user;
    return watch->own.stop && watch->own.stop(watch->own.user);
}

static ek_status ask_rule(void *user, bool *doomed, ek_error *err)
{
    ek_doomed_watch *watch = user;
    const ek_doomed_rule *rule = &watch->rule;
    double features[EK_DOOMED_FEATURES];
    if (watch->failed) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the metrics of a run");
    }
    EK_TRY(ek_doomed_features(features, watch->metrics.rows, watch->metrics.count, rule->step,
                              rule->total_steps, err));
    *doomed = ek_early_rule_says(&rule->rule, features);
    return EK_OK;
}

void ek__doomed_watch_begin(ek_doomed_watch *watch, const ek_doomed_rule *rule,
                            const ek_run_sink *own, ek_run_input *input, ek_run_sink *sink)
{
    *watch = (ek_doomed_watch){.rule = *rule, .own = *own};
    *sink = *own;
    if (rule->known && rule->trusted && rule->step > 0) {
        *sink = (ek_run_sink){watch, watch_metric, watch_progress, watch_stop};
        input->early = (ek_early_stop){rule->step, ask_rule, watch};
    }
}

void ek__doomed_watch_end(ek_doomed_watch *watch)
{
    ek__metric_list_clear(&watch->metrics);
}
