/* optimizer.h - global-norm clipping and AdamW over a parameter table.
 *
 * The update's formulas and their roundings are in kernel/kernel.h; the constants of a step are
 * computed here in double (b^t as a running product) and rounded once. References: Loshchilov &
 * Hutter 2019 (AdamW); Mosbach et al. 2021, section 5 and their adamw.py for variant "mosbach".
 */
#ifndef EK_TRAIN_OPTIMIZER_H
#define EK_TRAIN_OPTIMIZER_H

#include <stdint.h>

#include "base/mem.h"
#include "kernel/kernel.h"
#include "model/params.h"
#include "train/recipe.h"

typedef struct {
    const ek_params *params;
    const ek_recipe *recipe;
    float *m, *v;                    /* [total_count] */
    int64_t t;                       /* updates made */
    double beta1_power, beta2_power; /* beta^t */
} ek_optimizer;

void ek_optimizer_plan(ek_optimizer *optimizer, ek_arena *arena, const ek_params *params,
                       const ek_recipe *recipe);
/* L2 norm of the whole gradient; tensor_norms [params->count] or NULL gets each tensor's. */
double ek_optimizer_norm(ek_optimizer *optimizer, ek_compute *compute, const float *gradients,
                         double *tensor_norms);
/* One update with learning rate `rate`; norm as above decides the clipping factor
 * max_grad_norm / (norm + 1e-6), at most 1. */
void ek_optimizer_step(ek_optimizer *optimizer, ek_compute *compute, float *weights,
                       const float *gradients, double rate, double norm);

#endif
