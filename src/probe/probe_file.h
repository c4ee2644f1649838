/* probe_file.h - reads what the probes of a study left in DIR/probe/: forgetting.json,
 * surface.json, drift.json.
 *
 *     ek_forgetting_file file;
 *     bool found;
 *     EK_TRY(ek_forgetting_file_read(&file, dir, &found, err));   // not found: file is all zero
 *     ...
 *     ek_forgetting_file_free(&file);
 *
 * The files come from a folder that others may have written to, so nothing in them is believed:
 * sizes are bounded (EK_PROBE_*), every field that a reader gets has been checked, and everything
 * wrong is EK_E_DATA that names the file and the field. A number that was not finite when it was
 * written is null there and NaN here. Texts are whatever the file holds (valid UTF-8).
 */
#ifndef EK_PROBE_PROBE_FILE_H
#define EK_PROBE_PROBE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum {
    EK_PROBE_BYTES = 20 << 20, /* of a file; a surface of 401 x 401 points takes about 13 MiB */
    EK_PROBE_LAYERS = 1000,
    EK_PROBE_RUNS = 1000,
    EK_PROBE_PAIRS = EK_PROBE_RUNS * (EK_PROBE_RUNS - 1) / 2,
    EK_PROBE_POINTS = 401, /* of an axis of the plane */
    EK_PROBE_LINE = 10001, /* of the straight line */
};

/* A run as a probe named it. */
typedef struct {
    int64_t id;
    char *group;
    uint32_t seed;
    bool failed; /* or diverged, or stopped as doomed */
    double score;
} ek_probe_file_run;

typedef struct {
    ek_probe_file_run run;
    double *perplexity; /* [layers + 1], after replacing the top k layers */
} ek_forgetting_file_run;

typedef struct {
    size_t layers, blocks, masked_tokens;
    uint32_t mask_seed;
    char *text; /* what the perplexity was measured on */
    double pretrained_perplexity;
    ek_forgetting_file_run *runs;
    size_t run_count;
} ek_forgetting_file;

typedef struct {
    double a, b, loss, grad_norm;
} ek_surface_file_point;

typedef struct {
    double t, loss, grad_norm; /* t: 0 failed, 1 ok */
} ek_surface_file_line;

typedef struct {
    ek_probe_file_run failed_run, ok_run; /* score is NaN */
    size_t examples, points;
    double low, high; /* of both axes */
    char *head;       /* how the pre-trained point got its head */
    ek_surface_file_point pretrained, failed, ok;
    ek_surface_file_line *line; /* [line_count], t ascending from 0 to 1 */
    size_t line_count;
    double barrier;
    ek_surface_file_point *grid; /* [points * points], a outer, both ascending from low to high */
} ek_surface_file;

typedef struct {
    ek_probe_file_run run;
    double *distance, *relative; /* [layers + 2], from the pre-trained weights */
} ek_drift_file_run;

typedef struct {
    size_t a, b;      /* places in runs */
    double *values;   /* [layers + 1] linear CKA: embeddings, then layer by layer */
    double *unbiased; /* [layers + 1] its unbiased variant */
} ek_drift_file_pair;

typedef struct {
    size_t layers, examples;
    char **parts; /* [layers + 2]: embeddings, layers, pooler */
    ek_drift_file_run *runs;
    size_t run_count;
    ek_drift_file_pair *pairs;
    size_t pair_count;
} ek_drift_file;

/* dir: the study's folder. *found false and EK_OK when there is no such file. On an error there is
 * nothing to free. */
ek_status ek_forgetting_file_read(ek_forgetting_file *file, const char *dir, bool *found,
                                  ek_error *err);
ek_status ek_surface_file_read(ek_surface_file *file, const char *dir, bool *found, ek_error *err);
ek_status ek_drift_file_read(ek_drift_file *file, const char *dir, bool *found, ek_error *err);
/* All-zero ones are fine. */
void ek_forgetting_file_free(ek_forgetting_file *file);
void ek_surface_file_free(ek_surface_file *file);
void ek_drift_file_free(ek_drift_file *file);

/* "DIR/probe" or "DIR/probe/name" in new memory (ek_free); NULL without memory. */
char *ek_probe_path(const char *dir, const char *name);

#endif
