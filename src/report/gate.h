/* gate.h - a condition on a study's numbers that fails a continuous-integration job.
 *
 *     failed_frac > 0.1
 *     b.mean < 0.6 or sd_ratio > 1 and brown_forsythe_p < 0.05
 *
 * NAME OP NUMBER (or NAME), OP one of > >= < <= == !=, joined by `and` (binds tighter) and `or`.
 * Names are those of --json (report/numbers.h). A number that is not defined (the SD of one run)
 * meets no expectation: the gate fails.
 */
#ifndef EK_REPORT_GATE_H
#define EK_REPORT_GATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* Where names get their values: false for a name that is none. */
typedef bool ek_gate_lookup(void *user, const char *name, double *value);

/* EK_OK when the condition does not hold, EK_E_GATE (what held, with its numbers) when it does or
 * cannot be decided, EK_E_USAGE when it is no condition; `names`: those to suggest from. */
ek_status ek_gate_check(const char *condition, ek_gate_lookup *lookup, void *user,
                        const char *const *names, size_t name_count, ek_error *err);

#endif
