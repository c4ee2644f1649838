#include "study/kept_model.h"

#include <stdio.h>

#include "base/file.h"
#include "base/str.h"

ek_status ek_kept_model_write(const ek_study_inputs *inputs, const ek_run_result *result,
                              const char *dir, ek_error *err)
{
    const ek_planned_run *run = &inputs->spec->runs[0];
    char seeds[160], score[32];
    snprintf(seeds, sizeof seeds, "init %u, order %u, dropout %u, subset %u, split %u",
             run->seeds.init, run->seeds.order, run->seeds.dropout, run->seeds.subset,
             run->seeds.split);
    ek_format_double(score, result->score);
    const char *const metadata[] = {"evenkeel_version",
                                    EK_VERSION,
                                    "evenkeel_recipe",
                                    inputs->spec->arms[run->arm].recipe_name,
                                    "evenkeel_seeds",
                                    seeds,
                                    "evenkeel_score",
                                    score,
                                    "evenkeel_weights",
                                    result->weights_hash,
                                    NULL};
    EK_TRY(ek_make_dirs(dir, err));
    EK_TRY(ek_model_save(&inputs->model, result->weights, dir,
                         (const char *const *)inputs->data.label_names,
                         inputs->data.problem == EK_PROBLEM_REGRESSION, metadata, err));
    return ek_tokenizer_copy_files(inputs->model.dir, dir, err);
}
