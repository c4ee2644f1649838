/* spec.h - what a study is: model, data, arms (recipes x grid), seeds; and its runs in order.
 *
 * A spec is built from settings (command line) and, optionally, a study file; precedence is flag >
 * arm and grid > study file > recipe > default, and every value remembers its origin. Two specs
 * with the same canonical text (ek_spec_yaml) are the same study.
 *
 *     ek_spec spec = {0};
 *     ek_spec_build(&spec, "study.yaml" or NULL, &flags, &err);
 *     for (size_t r = 0; r < spec.run_count; r++) { spec.runs[r].arm, .seeds ... }
 *     ek_spec_free(&spec);
 */
#ifndef EK_STUDY_SPEC_H
#define EK_STUDY_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/option.h"
#include "data/dataset.h"
#include "study/doomed_rule.h"
#include "study/settings.h"
#include "train/recipe.h"
#include "train/run.h"

/* Settings of a study that are neither data (ek_source) nor recipe: an option table like them. */
typedef struct {
    char *model;  /* directory */
    char *recipe; /* "devlin,stable": built-in names, one arm each */
    char *seeds;  /* "1..25": all five seeds alike (split_seed stays 1 unless given) */
    char *init_seed, *order_seed, *dropout_seed; /* lists: a product of those given */
    int64_t subset_seed, split_seed;             /* -1 for subset_seed: follows the run's seed */
    char *stop_doomed; /* "1..10": seeds to learn from which runs are doomed; NULL: none is */
} ek_study_options;
extern const ek_option_table ek_study_option_table;

typedef struct {
    char *group; /* unique: "devlin", "devlin learning_rate=3e-05", or the study file's name */
    char *recipe_name;         /* built-in recipe it starts from */
    ek_settings settings;      /* what this arm sets on top of the recipe and the study */
    ek_recipe recipe;          /* resolved */
    ek_option_origin *origins; /* [ek_recipe_options.count] */
    ek_doomed_rule doomed;     /* of a stored run that is made again (ek_study_find_run) */
} ek_arm;

typedef struct {
    uint32_t arm;
    uint32_t seed; /* the number users know the run by (of a product: the init seed) */
    ek_seeds seeds;
    bool learns; /* its seed is in stop_doomed: never stopped early, others wait for it */
} ek_planned_run;

typedef struct {
    char *name; /* "study:" of the file, else the folder's name or "study" */
    ek_study_options options;
    ek_source source;
    ek_arm *arms;
    size_t arm_count;
    ek_planned_run *runs; /* seed by seed, arms inside: a study that is cut short stays balanced */
    size_t run_count;
} ek_spec;

/* file NULL: flags alone. Unknown keys are EK_E_USAGE (flags) or EK_E_DATA (file, with line), with
 * the nearest name. Relative paths in a study file are relative to the current folder, as on the
 * command line. */
ek_status ek_spec_build(ek_spec *spec, const char *file, const ek_settings *flags, ek_error *err);
void ek_spec_free(ek_spec *spec); /* an all-zero one is fine */
/* The resolved study as YAML that ek_spec_build reads back to the same runs. */
ek_status ek_spec_yaml(const ek_spec *spec, ek_buf *out, ek_error *err);

#endif
