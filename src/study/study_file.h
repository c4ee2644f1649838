/* study_file.h - a study file (YAML) as settings, arms, grid and seeds; used by spec.c.
 *
 * Strict: unknown node kinds, duplicate keys, aliases and oversized files are errors with their
 * line. Values stay text: the option's row decides what they mean, not YAML's guess ("no", 1e-5).
 */
#ifndef EK_STUDY_STUDY_FILE_H
#define EK_STUDY_STUDY_FILE_H

#include "base/status.h"
#include "study/settings.h"

typedef struct {
    char *name;           /* the arm's */
    char *recipe;         /* built-in it starts from; NULL: the default one */
    ek_settings settings; /* origin EK_ORIGIN_ARM */
} ek_file_arm;

typedef struct {
    char *key;
    char **values;
    size_t count;
    char *where;
} ek_file_grid;

typedef struct {
    char *path;
    char *study;          /* its name, or NULL */
    ek_settings settings; /* top-level scalars, origin EK_ORIGIN_FILE; seeds as lists of text under
                           * "seeds", "init_seed", "order_seed", "dropout_seed" */
    ek_file_arm *arms;
    size_t arm_count;
    ek_file_grid *grid;
    size_t grid_count;
} ek_study_file;

/* EK_E_DATA with file and line. */
ek_status ek_study_file_load(ek_study_file *file, const char *path, ek_error *err);
ek_status ek_study_file_parse(ek_study_file *file, const char *path, const char *text,
                              size_t length, ek_error *err);
void ek_study_file_free(ek_study_file *file);

#endif
