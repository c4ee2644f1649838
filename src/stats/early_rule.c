#include "stats/early_rule.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "stats/failure_rate.h"

struct value {
    double x;
    bool failed;
};

static int by_value(const void *a, const void *b)
{
    double x = ((const struct value *)a)->x, y = ((const struct value *)b)->x;
    return (x > y) - (x < y);
}

/* Runs that a rule is learned from: all but those of one seed. */
struct fold {
    const ek_early_runs *runs;
    bool leave_out;
    uint32_t seed;
    struct value *values; /* [runs->runs], scratch */
};

static bool takes_part(const struct fold *fold, size_t run)
{
    return !(fold->leave_out && fold->runs->seeds[run] == fold->seed);
}

static size_t cost_of(const ek_early_rule *rule)
{
    return (size_t)EK_EARLY_FALSE_ALARM * rule->false_alarms + rule->misses;
}

/* Candidates come by feature, then threshold: the earlier of two equal ones stays. */
static void offer(ek_early_rule *best, const ek_early_rule *candidate)
{
    size_t now = cost_of(candidate), before = cost_of(best);
    if (now < before || (best->found && now == before && candidate->gap > best->gap)) {
        *best = *candidate;
    }
}

/* The values of a feature that are there, ascending. */
static size_t sorted_values(const struct fold *fold, size_t feature)
{
    const ek_early_runs *runs = fold->runs;
    size_t n = 0;
    for (size_t r = 0; r < runs->runs; r++) {
        double x = runs->features[r * runs->feature_count + feature];
        if (takes_part(fold, r) && !isnan(x)) {
            fold->values[n++] = (struct value){x, runs->failed[r] != 0};
        }
    }
    qsort(fold->values, n, sizeof *fold->values, by_value);
    return n;
}

/* Midway, but below the upper neighbour also where rounding would reach it. */
static double midway(double low, double high)
{
    double middle = low + (high - low) / 2;
    return middle < high ? middle : low;
}

static void try_feature(ek_early_rule *best, const struct fold *fold, size_t feature,
                        size_t failed_all)
{
    size_t n = sorted_values(fold, feature), failed_known = 0;
    for (size_t i = 0; i < n; i++) {
        failed_known += fold->values[i].failed;
    }
    size_t failed_below = 0, ok_below = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        double low = fold->values[i].x, high = fold->values[i + 1].x;
        failed_below += fold->values[i].failed;
        ok_below += !fold->values[i].failed;
        if (!(low < high)) {
            continue;
        }
        ek_early_rule candidate = {.found = true,
                                   .feature = feature,
                                   .threshold = midway(low, high),
                                   .gap =
                                       (high - low) / (fold->values[n - 1].x - fold->values[0].x),
                                   .false_alarms = ok_below,
                                   .misses = failed_all - failed_below};
        offer(best, &candidate);
        candidate.above = true;
        candidate.false_alarms = n - failed_known - ok_below;
        candidate.misses = failed_all - (failed_known - failed_below);
        offer(best, &candidate);
    }
}

/* Without a minimum of runs: a fold has one failed run less than the whole. */
static void learn(ek_early_rule *rule, const struct fold *fold)
{
    size_t failed = 0;
    for (size_t r = 0; r < fold->runs->runs; r++) {
        failed += takes_part(fold, r) && fold->runs->failed[r];
    }
    *rule = (ek_early_rule){.misses = failed}; /* nobody is doomed: what a rule must beat */
    for (size_t f = 0; f < fold->runs->feature_count; f++) {
        try_feature(rule, fold, f, failed);
    }
}

static bool enough(const ek_early_runs *runs)
{
    size_t failed = 0;
    for (size_t r = 0; r < runs->runs; r++) {
        failed += runs->failed[r] != 0;
    }
    return failed >= EK_EARLY_RUNS_MIN && runs->runs - failed >= EK_EARLY_RUNS_MIN;
}

static ek_status begin_fold(struct fold *fold, const ek_early_runs *runs, ek_error *err)
{
    *fold = (struct fold){.runs = runs};
    fold->values = ek_calloc(runs->runs + 1, sizeof *fold->values);
    return fold->values ? EK_OK : ek_error_set(err, EK_E_MEMORY, "no memory to learn from runs");
}

ek_status ek_early_rule_learn(ek_early_rule *rule, const ek_early_runs *runs, ek_error *err)
{
    struct fold fold;
    *rule = (ek_early_rule){0};
    if (!enough(runs)) {
        return EK_OK;
    }
    EK_TRY(begin_fold(&fold, runs, err));
    learn(rule, &fold);
    ek_free(fold.values);
    return EK_OK;
}

bool ek_early_rule_says(const ek_early_rule *rule, const double *features)
{
    if (!rule->found || isnan(features[rule->feature])) {
        return false;
    }
    bool above = features[rule->feature] > rule->threshold;
    return above == rule->above;
}

static void count(ek_early_check *check, bool doomed, bool failed)
{
    check->hits += doomed && failed;
    check->false_alarms += doomed && !failed;
    check->misses += !doomed && failed;
    check->passes += !doomed && !failed;
}

void ek_early_check_rates(ek_early_check *check)
{
    size_t doomed = check->hits + check->false_alarms, failed = check->hits + check->misses;
    check->precision = doomed > 0 ? (double)check->hits / (double)doomed : (double)NAN;
    check->recall = failed > 0 ? (double)check->hits / (double)failed : (double)NAN;
    ek_wilson(check->hits, doomed, &check->precision_low, &check->precision_high);
    ek_wilson(check->hits, failed, &check->recall_low, &check->recall_high);
}

ek_status ek_early_rule_cross_validate(ek_early_check *check, const ek_early_runs *runs,
                                       ek_error *err)
{
    struct fold fold;
    bool any = enough(runs);
    *check = (ek_early_check){0};
    EK_TRY(begin_fold(&fold, runs, err));
    for (size_t r = 0; r < runs->runs; r++) {
        ek_early_rule rule = {0};
        fold.leave_out = true;
        fold.seed = runs->seeds[r];
        if (any) {
            learn(&rule, &fold);
        }
        count(check, ek_early_rule_says(&rule, &runs->features[r * runs->feature_count]),
              runs->failed[r] != 0);
    }
    ek_free(fold.values);
    ek_early_check_rates(check);
    return EK_OK;
}

void ek_early_rule_test(ek_early_check *check, const ek_early_rule *rule, const ek_early_runs *runs)
{
    *check = (ek_early_check){0};
    for (size_t r = 0; r < runs->runs; r++) {
        count(check, ek_early_rule_says(rule, &runs->features[r * runs->feature_count]),
              runs->failed[r] != 0);
    }
    ek_early_check_rates(check);
}
