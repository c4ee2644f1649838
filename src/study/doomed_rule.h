/* doomed_rule.h - the rule of a group that says which of its runs are doomed, as plain data: what
 * is stored with the group, and all that a run needs to be stopped in the same way again. What it
 * means and how it is learned: doomed.h.
 */
#ifndef EK_STUDY_DOOMED_RULE_H
#define EK_STUDY_DOOMED_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stats/early_rule.h"

typedef struct {
    bool known;           /* it was learned (or found not to be learnable): never learned again */
    bool trusted;         /* runs are stopped by it */
    ek_early_rule rule;   /* .feature: an ek_doomed_feature */
    ek_early_check check; /* leave-one-seed-out over the runs it was learned from */
    int64_t step;         /* the decision is made after this one; 0: nothing is logged by then */
    int64_t total_steps;
    size_t runs, failed; /* that it was learned from */
} ek_doomed_rule;

#endif
