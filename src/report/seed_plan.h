/* seed_plan.h - how many seeds a comparison needs, from a pilot: text and JSON.
 *
 *     ek_seed_plan plan;
 *     ek_seed_plan_pair(&plan, &a, "devlin", &b, "stable", EK_POWER_TARGETS, 0.8);
 *     ek_seed_plan_text(&plan, &style, &out);
 *
 * Two groups: power over the number of runs of each question, and the fewest runs that reach the
 * wanted power (stats/power.h). One group: how wide the intervals of its mean and SD will be. Both
 * say what the pilot was and what it cannot tell.
 */
#ifndef EK_REPORT_SEED_PLAN_H
#define EK_REPORT_SEED_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "report/group_table.h"
#include "report/verdict.h"
#include "stats/power.h"

enum { EK_SEED_PLAN_ROWS = 6, EK_SEED_PLAN_FEW = 10 };    /* fewer runs in a pilot: a warning */
extern const size_t ek_seed_plan_runs[EK_SEED_PLAN_ROWS]; /* 5, 10, 15, 25, 50, 100 */

typedef struct {
    size_t n, failed;
    double mean, sd;
} ek_seed_plan_side;

typedef struct {
    const char *a, *b; /* names, borrowed; b is NULL for one group */
    ek_seed_plan_side pilot_a, pilot_b;
    ek_score_unit unit;
    double wanted; /* power */
    struct {
        bool asked, answered;
        ek_power power[EK_SEED_PLAN_ROWS];
        size_t runs; /* 0: none up to EK_POWER_MOST */
        ek_power reached;
    } questions[EK_POWER_TARGETS];
    ek_half_widths half_widths[EK_SEED_PLAN_ROWS]; /* of one group */
} ek_seed_plan;

/* target: one question, or EK_POWER_TARGETS for all. wanted in (0, 1). The unit is that of the
 * scores as they are; set it to ek_percent for a study's. */
void ek_seed_plan_pair(ek_seed_plan *out, const ek_group_scores *a, const char *name_a,
                       const ek_group_scores *b, const char *name_b, ek_power_target target,
                       double wanted);
void ek_seed_plan_one(ek_seed_plan *out, const ek_group_scores *a, const char *name);

void ek_seed_plan_text(const ek_seed_plan *plan, const ek_table_style *style, ek_buf *out);
/* {"a":{"group":..,"n":..,"failed":..,"mean":..,"sd":..},"b":{..},"power":0.8,
 *  "questions":{"sd":{"test":..,"answered":true,"runs":12,"runs_power":..,"rows":[{"n":5,"power":..,
 *  "se":..},..]},..},"warnings":[..],"assumptions":[..]}; runs is null for none. One group:
 * "rows":[{"n":..,"mean_half_width":..,"sd_half_width":..}] in place of power and questions. */
void ek_seed_plan_json(const ek_seed_plan *plan, ek_buf *out);

#endif
