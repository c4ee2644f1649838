/* doomed_note.h - what a study with stop_doomed says about the runs that it stopped early: by which
 * rule, and what their results could have been. A run that was stopped counts as failed, but some
 * of them might have learned: what the rule's precision leaves open is said beside the table.
 */
#ifndef EK_REPORT_DOOMED_NOTE_H
#define EK_REPORT_DOOMED_NOTE_H

#include "base/str.h"
#include "study/doomed.h"

typedef struct {
    ek_doomed_rule rule;  /* rule.known is false without stop_doomed */
    size_t runs, stopped; /* done runs, and those of them that are doomed */
    double mean, mean_ok; /* of all their scores, and of those that did not fail (NaN: none) */
    double doomed_sum;    /* of the scores of the stopped ones */
} ek_doomed_group;

/* Stopped runs that might have succeeded: 1 - precision of them, and at most 1 - its lower end. */
double ek_doomed_spared(const ek_doomed_group *group, double *at_most);
/* The mean if every stopped run had come to the mean of the successful ones; NaN without any. */
double ek_doomed_mean_at_most(const ek_doomed_group *group);
/* The numbers that a run's score is multiplied with and written with: 100 and 1 for percent.
 * Nothing without a rule. One line, no newline at its end. */
void ek_doomed_note(const ek_doomed_group *group, const char *name, double scale, int decimals,
                    ek_buf *out);
/* An object, or null without stop_doomed. */
void ek_doomed_json(const ek_doomed_group *group, ek_buf *out);
/* Precision, recall and the four counts as members of an object, with a comma between them. */
void ek_doomed_check_json(const ek_early_check *check, ek_buf *out);

#endif
