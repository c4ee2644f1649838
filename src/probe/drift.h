/* drift.h - how far runs have moved from the pre-trained model, and how alike they came out.
 *
 * Of weights, part by part (embeddings, each layer, pooler): the L2 norm of w - w0, and that over
 * the L2 norm of w0. A pooler that the checkpoint lacks has no w0: NaN. The classifier never has
 * one.
 *
 * Of representations, layer by layer, between every two runs: linear CKA of the layer's output on
 * [CLS], without dropout, over the validation examples (at most EK_DRIFT_EXAMPLES of them, evenly
 * spaced); stats/cka.h has the formulas of both variants. The output of the embeddings on [CLS] is
 * the same vector for every example, so there is no similarity to tell: NaN. So has a layer whose
 * output does not depend on the example, which failed runs can have.
 */
#ifndef EK_PROBE_DRIFT_H
#define EK_PROBE_DRIFT_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"
#include "probe/runs.h"

enum {
    EK_DRIFT_EXAMPLES = 512,
    EK_DRIFT_RUNS = 200, /* at once: 19,900 pairs */
};

typedef struct {
    const ek_probe_runs *runs; /* borrowed */
    int32_t layers;            /* L */
    size_t examples;
    double *distance, *relative; /* [runs->count][L + 2]: embeddings, layers, pooler */
    double *cka, *unbiased;      /* [pairs][L + 1] by ek_drift_pair: embeddings, layers */
} ek_drift;

/* The place of a pair of runs, a < b. */
size_t ek_drift_pair(size_t a, size_t b);

/* runs: opened and made. EK_E_USAGE for more than EK_DRIFT_RUNS runs. */
ek_status ek_drift_measure(ek_drift *drift, const ek_probe_runs *runs,
                           const ek_probe_control *control, ek_error *err);
void ek_drift_free(ek_drift *drift); /* an all-zero one is fine */
/* The document of DIR/probe/drift.json (docs/probes.md). */
void ek_drift_json(const ek_drift *drift, ek_buf *out);

#endif
