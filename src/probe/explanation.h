/* explanation.h - what the evidence of a run supports: one cause out of a table, and sentences.
 *
 * The table is the rule book of docs/explain.md: the first cause whose condition holds is the
 * run's; the last one, not_clear, always holds. A condition needs at least two numbers of different
 * series. Sentences name the numbers they rest on and stand one a line.
 *
 *     const ek_cause *cause = ek_cause_of(&evidence);
 *     ek_explain_run(&evidence, &traces, &sentences);
 */
#ifndef EK_PROBE_EXPLANATION_H
#define EK_PROBE_EXPLANATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "probe/evidence.h"

/* What a change would have to act on; advice.h goes by it. */
typedef enum {
    EK_REMEDY_NONE,           /* nothing is supported */
    EK_REMEDY_STEPS,          /* smaller steps: bias correction, warm-up, rate */
    EK_REMEDY_RATE,           /* a smaller learning rate */
    EK_REMEDY_CLIPPING,       /* smaller steps, clipping first */
    EK_REMEDY_LONGER,         /* more updates */
    EK_REMEDY_GROUP,          /* the whole group: more updates, or another checkpoint */
    EK_REMEDY_GENERALISATION, /* more examples; not the optimiser */
} ek_remedy;

typedef struct {
    const char *id;      /* "never_learned_vanishing": stable, for programs */
    const char *title;   /* "never learned, lower layers' gradients vanished" */
    const char *summary; /* of several runs: "never learned, gradients vanished" */
    ek_remedy remedy;
    bool (*holds)(const ek_evidence *evidence);
} ek_cause;
/* All causes in the order in which they are tried. */
const ek_cause *ek_cause_table(size_t *count);
/* The cause of a run that failed or diverged; never NULL. */
const ek_cause *ek_cause_of(const ek_evidence *evidence);

/* Sentences, one a line, on why: answers and score, loss, gradients, rate, clipping, and what was
 * not logged. Names of a store are made fit for a terminal. */
void ek_explain_run(const ek_evidence *evidence, const ek_traces *traces, ek_buf *out);

/* text without control characters and broken UTF-8, at most 60 bytes. */
void ek_explain_name(ek_buf *out, const char *text);
/* "52.7": a score as the other verbs print it, in percent unless it is an error. */
void ek_explain_score(ek_buf *out, const ek_traces *traces, double score);
/* " (p 0.048)" without brackets: "p 0.048", "p < 0.001". */
void ek_explain_p(ek_buf *out, double p);

#endif
