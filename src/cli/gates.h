/* gates.h - --fail-if on the numbers that a verb has just printed (report/gate.h). */
#ifndef EK_CLI_GATES_H
#define EK_CLI_GATES_H

#include "report/group_compare.h"
#include "report/group_table.h"

/* Names: a.NAME and b.NAME of the two summaries, NAME alone of the comparison, else of b. */
ek_status ek_gate_comparison(const char *condition, const ek_group_comparison *c, ek_error *err);
/* NAME of each group; the first group that does not pass is named. */
ek_status ek_gate_groups(const char *condition, const ek_group_table *table, ek_error *err);

#endif
