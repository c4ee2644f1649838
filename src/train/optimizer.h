/* optimizer.h - global-norm clipping and AdamW over a parameter table.
 *
 * The update's formulas and their roundings are in kernel/kernel.h; the constants of a step are
 * computed here in double (b^t as a running product) and rounded once. References: Loshchilov &
 * Hutter 2019 (AdamW); Mosbach et al. 2021, section 5 and their adamw.py for variant "mosbach".
 *
 * Lazy rows: most rows of the word embeddings have no gradient in a step, but dense AdamW moves
 * them all the same (their moments decay, their weights follow, weight decay acts). With
 * ek_optimizer_plan_lazy a row's missing updates are made when it is next needed, one after another
 * with the constants of their steps: the same bits as dense, in a fraction of the time. The legal
 * order of a step is then
 *
 *     ek_optimizer_touch(...)      for each micro-batch, before its forward pass
 *     forward, backward
 *     ek_optimizer_norm(...)
 *     ek_optimizer_step(...)
 *
 * and whoever else reads the weights asks for ek_optimizer_catch_up before.
 */
#ifndef EK_TRAIN_OPTIMIZER_H
#define EK_TRAIN_OPTIMIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "kernel/kernel.h"
#include "model/params.h"
#include "train/recipe.h"

/* Bookkeeping of lazy rows; private. */
typedef struct {
    const ek_param *table; /* NULL: no lazy rows, every step is dense */
    ek_adamw_rates *rates; /* [capacity] what each of the last updates used */
    int32_t capacity;      /* after so many updates all rows are brought up to date */
    int32_t updates;       /* since then */
    int32_t *made;         /* [table->rows] of these, how many a row has seen */
    uint8_t *moved;        /* [table->rows] the row had a gradient once: m and v may not be 0 */
    int32_t *touched;      /* [touched_count] rows of this step, ascending */
    int32_t *merged;       /* scratch of the same size */
    int32_t touched_count;
} ek_lazy_rows;

typedef struct {
    const ek_params *params;
    const ek_recipe *recipe;
    float *m, *v;                    /* [total_count] */
    int64_t t;                       /* updates made */
    double beta1_power, beta2_power; /* beta^t */
    ek_lazy_rows lazy;
    double *update_ratios; /* [params->count] with ek_optimizer_plan_ratios, else NULL */
    float *before;         /* scratch: a piece of the weights as they were */
} ek_optimizer;

void ek_optimizer_plan(ek_optimizer *optimizer, ek_arena *arena, const ek_params *params,
                       const ek_recipe *recipe);
/* After ek_optimizer_plan: the rows of `table` (a row of params) are updated lazily; about as many
 * updates as planned_updates are expected. The gradient of the table must be +0 before the first
 * step; ek_optimizer_step leaves it so. */
void ek_optimizer_plan_lazy(ek_optimizer *optimizer, ek_arena *arena, const ek_param *table,
                            int64_t planned_updates);

/* After ek_optimizer_plan: steps can say how far they move each tensor (ek_optimizer_measure). */
void ek_optimizer_plan_ratios(ek_optimizer *optimizer, ek_arena *arena);

/* rows [count], ascending and distinct, will be read and get a gradient in this step: brings them
 * up to date. Without lazy rows nothing happens. */
void ek_optimizer_touch(ek_optimizer *optimizer, ek_compute *compute, float *weights,
                        const int32_t *rows, int64_t count);
/* rows [count], ascending and distinct, will be read. rows NULL: all of them. */
void ek_optimizer_catch_up(ek_optimizer *optimizer, ek_compute *compute, float *weights,
                           const int32_t *rows, int64_t count);

/* L2 norm of the whole gradient; tensor_norms [params->count] or NULL gets each tensor's. */
double ek_optimizer_norm(ek_optimizer *optimizer, ek_compute *compute, const float *gradients,
                         double *tensor_norms);
/* The clipping factor that a step with this norm uses: max_grad_norm / (norm + 1e-6), at most 1;
 * 1 without clipping. A NaN norm makes it NaN. */
double ek_optimizer_clip(const ek_optimizer *optimizer, double norm);
/* One update with learning rate `rate`; norm as above decides the clipping factor. The gradient of
 * lazy rows is zeroed, nothing else of it is written. */
void ek_optimizer_step(ek_optimizer *optimizer, ek_compute *compute, float *weights,
                       float *gradients, double rate, double norm);
/* The same update, bit for bit, which also writes update_ratios: the L2 norm of each tensor's
 * change over the L2 norm that it had; NaN where that was 0. Of a lazy table only the rows of this
 * step are looked at, on both sides of the ratio: the others' updates are still to come. */
void ek_optimizer_measure(ek_optimizer *optimizer, ek_compute *compute, float *weights,
                          float *gradients, double rate, double norm);

#endif
