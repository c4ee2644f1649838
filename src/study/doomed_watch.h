/* doomed_watch.h - stands between a run and its sink, and stops the run when its group's rule says
 * so; private to study/.
 *
 *     ek_doomed_watch watch;
 *     ek__doomed_watch_begin(&watch, &rule, &own_sink, &input, &sink);
 *     ek_run_execute(&result, &input, compute, &sink, &err);
 *     ek__doomed_watch_end(&watch);
 */
#ifndef EK_STUDY_DOOMED_WATCH_H
#define EK_STUDY_DOOMED_WATCH_H

#include "study/doomed.h"
#include "study/worker.h"

typedef struct {
    ek_doomed_rule rule;
    ek_run_sink own;
    ek_metric_list metrics; /* that the rule may look at, up to its step */
    bool failed;            /* no memory for one */
} ek_doomed_watch;

/* Sets input->early and *sink. A rule that is not trusted (all zero: none) leaves the run alone. */
void ek__doomed_watch_begin(ek_doomed_watch *watch, const ek_doomed_rule *rule,
                            const ek_run_sink *own, ek_run_input *input, ek_run_sink *sink);
void ek__doomed_watch_end(ek_doomed_watch *watch);

#endif
