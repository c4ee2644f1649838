/* early_rule.h - which runs will fail, from a few numbers of their beginning: one feature against
 * one threshold (a decision stump), and how good that is on seeds it was not learned from.
 *
 * Why a stump: a study has some tens of runs, of which some fail; more than one threshold would be
 * fitted to chance, and nobody could say what it looks at.
 *
 * Criterion, in this order, over every threshold midway between two neighbouring values of a
 * feature and both directions:
 *   1. least cost: EK_EARLY_FALSE_ALARM for a run that succeeded but is called doomed, 1 for one
 *      that failed but is not (a false alarm costs a good model, a miss only time);
 *   2. largest gap between the two neighbours, as a share of the feature's range;
 *   3. the earlier feature, then the lower threshold.
 * A rule must be cheaper than calling no run doomed, else there is none. NaN is a missing value: it
 * is never called doomed. The result depends on the runs as a set, not on their order.
 */
#ifndef EK_STATS_EARLY_RULE_H
#define EK_STATS_EARLY_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum {
    EK_EARLY_FALSE_ALARM = 2, /* cost, in missed failures */
    EK_EARLY_RUNS_MIN = 3,    /* failed ones, and successful ones, below which nothing is learned */
};

typedef struct {
    bool found;
    size_t feature;
    bool above; /* doomed: value > threshold; else value <= threshold */
    double threshold;
    double gap;                  /* between the two neighbours, share of the feature's range */
    size_t false_alarms, misses; /* on the runs it was learned from: flattering */
} ek_early_rule;

/* The runs of one group. */
typedef struct {
    const double *features; /* [runs][feature_count], NaN: missing; not infinite */
    size_t feature_count;
    const uint8_t *failed; /* [runs] */
    const uint32_t *seeds; /* [runs]; runs of a seed are left out together */
    size_t runs;
} ek_early_runs;

/* What a rule says of runs against what became of them. Precision: share of the doomed that failed;
 * recall: share of the failed that were called doomed; both with Wilson intervals (95 %), NaN where
 * there is nothing to divide by. */
typedef struct {
    size_t hits, false_alarms, misses, passes; /* doomed and failed, doomed and ok, let run and
                                                * failed, let run and ok */
    double precision, precision_low, precision_high;
    double recall, recall_low, recall_high;
} ek_early_check;

bool ek_early_rule_says(const ek_early_rule *rule, const double *features /* [feature_count] */);
/* rule->found is false with fewer than EK_EARLY_RUNS_MIN failed or successful runs, or when no
 * threshold is worth it. EK_E_MEMORY. */
ek_status ek_early_rule_learn(ek_early_rule *rule, const ek_early_runs *runs, ek_error *err);
/* Leave-one-seed-out: for every seed a rule is learned from the runs of all others (any number of
 * failed ones; the minimum holds for all runs together) and asked about its own. The folds share
 * runs, so the intervals, which take answers for independent, are a little too narrow. */
ek_status ek_early_rule_cross_validate(ek_early_check *check, const ek_early_runs *runs,
                                       ek_error *err);
/* The same table for a rule and runs that it was not learned from. */
void ek_early_rule_test(ek_early_check *check, const ek_early_rule *rule,
                        const ek_early_runs *runs);
/* Fills precision, recall and their intervals from the four counts. */
void ek_early_check_rates(ek_early_check *check);

#endif
