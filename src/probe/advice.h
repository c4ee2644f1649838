/* advice.h - the smallest change of settings that a study supports for one of its groups.
 *
 * First choice: another group of the study in which significantly fewer runs failed (Fisher's exact
 * test, Holm-corrected over the groups it was tried on, 0.05); of several the one that differs in
 * the fewest settings. Without one: what the settings suggest, by the remedy of the commonest
 * cause, and the text says that no group of the study shows it. Rules: docs/explain.md.
 */
#ifndef EK_PROBE_ADVICE_H
#define EK_PROBE_ADVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "probe/evidence.h"
#include "probe/explanation.h"

typedef struct {
    size_t group;
    bool compared;     /* it rests on another group of the study: `other` */
    size_t other;      /* the best other group, significant or not; group_count: there is none */
    double p;          /* of it against group, corrected; NaN: there is none */
    size_t tried;      /* groups it was chosen from */
    size_t difference; /* settings in which it differs */
    ek_buf flags;      /* "--bias-correction --num-train-epochs 20", or "" */
    ek_buf text;       /* sentences, one a line */
} ek_advice;

/* remedy: of the commonest cause of the group's failed runs; cited: one of these, for the numbers.
 * ek_advice_free in any case. */
ek_status ek_advice_of(ek_advice *advice, const ek_traces *traces, size_t group, ek_remedy remedy,
                       const ek_evidence *cited, ek_error *err);
void ek_advice_free(ek_advice *advice);

#endif
