/* gradients.h - gradient norms of a run by layer and kind of tensor (paper, figures 4 and 10).
 *
 * A study that logged them (--log-gradients) has them in its store. A run that did not is made
 * again with logging on, which changes none of its bits; what it logs then is kept as a store of
 * its own in DIR/probe/gradients/run-<id>, so that this happens once.
 */
#ifndef EK_PROBE_GRADIENTS_H
#define EK_PROBE_GRADIENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "model/params.h"
#include "probe/runs.h"

/* L2 norms before clipping: the root of the sum of the squares of the tensors' norms. */
typedef struct {
    int64_t *steps; /* [step_count] */
    size_t step_count;
    int32_t layers; /* L, of the encoder */
    /* [step_count][L + 2][EK_GROUP_COUNT]: row 0 the embeddings, 1 .. L the encoder from the input
     * on, L + 1 the heads. NaN where a group has no tensor in a layer. */
    double *norms;
} ek_gradients;

/* Makes runs whose gradients were not logged again, in worker processes. */
ek_status ek_gradients_make(const char *dir, const ek_probe_run *runs, size_t count,
                            const ek_probe_control *control, ek_error *err);
/* After ek_gradients_make. */
ek_status ek_gradients_load(ek_gradients *gradients, const char *dir, const ek_probe_run *run,
                            ek_error *err);
void ek_gradients_free(ek_gradients *gradients); /* an all-zero one is fine */

double ek_gradients_norm(const ek_gradients *gradients, size_t step, int32_t row,
                         ek_param_group group);
/* Of all groups of a row. */
double ek_gradients_row(const ek_gradients *gradients, size_t step, int32_t row);

#endif
