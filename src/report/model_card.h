/* model_card.h - README.md beside a kept model: front matter that Hugging Face's hub reads, and
 * what a reader should know: data, recipe, seeds, the spread over seeds, how to make it again.
 *
 * Scores in it are percent with one decimal. "mean ± SD" needs two runs or more of the same group;
 * a single run says so. Paths are reduced to their last part: a card is published.
 */
#ifndef EK_REPORT_MODEL_CARD_H
#define EK_REPORT_MODEL_CARD_H

#include <stdint.h>

#include "base/status.h"
#include "study/study.h"

/* The stored study that the run is from. */
typedef struct {
    const char *dir;
    int64_t run;
    const char *weights_hash; /* that the study has for it */
} ek_model_card_study;

/* Writes dir/README.md, over whatever is there. study NULL: a run of its own. The card of run 0 of
 * inputs->spec. */
ek_status ek_model_card_write(const ek_study_inputs *inputs, const ek_run_result *result,
                              const ek_model_card_study *study, const char *dir, ek_error *err);

#endif
