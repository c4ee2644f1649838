/* kept_model.h - the model of a run as a folder that others load: Hugging Face's layout. */
#ifndef EK_STUDY_KEPT_MODEL_H
#define EK_STUDY_KEPT_MODEL_H

#include "base/status.h"
#include "study/study.h"
#include "train/run.h"

/* Writes config.json, model.safetensors (with the run's recipe, seeds, score and hash as metadata)
 * and the tokenizer's files into dir, which is made. inputs: of the one run that result is of;
 * result holds its weights. */
ek_status ek_kept_model_write(const ek_study_inputs *inputs, const ek_run_result *result,
                              const char *dir, ek_error *err);

#endif
