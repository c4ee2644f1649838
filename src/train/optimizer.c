#include "train/optimizer.h"

#include <math.h>
#include <string.h>

void ek_optimizer_plan(ek_optimizer *optimizer, ek_arena *arena, const ek_params *params,
                       const ek_recipe *recipe)
{
    *optimizer =
        (ek_optimizer){.params = params, .recipe = recipe, .beta1_power = 1, .beta2_power = 1};
    optimizer->m = ek_arena_alloc(arena, params->total_count, sizeof(float));
    optimizer->v = ek_arena_alloc(arena, params->total_count, sizeof(float));
}

void ek_optimizer_plan_lazy(ek_optimizer *optimizer, ek_arena *arena, const ek_param *table,
                            int64_t planned_updates)
{
    enum { LOGGED_MAX = 1 << 16 };
    size_t rows = (size_t)table->rows;
    ek_lazy_rows *lazy = &optimizer->lazy;
    lazy->table = table;
    lazy->capacity =
        planned_updates > 0 && planned_updates < LOGGED_MAX ? (int32_t)planned_updates : LOGGED_MAX;
    lazy->rates = ek_arena_alloc(arena, (size_t)lazy->capacity, sizeof *lazy->rates);
    lazy->made = ek_arena_alloc(arena, rows, sizeof *lazy->made);
    lazy->moved = ek_arena_alloc(arena, rows, sizeof *lazy->moved);
    lazy->touched = ek_arena_alloc(arena, rows, sizeof *lazy->touched);
    lazy->merged = ek_arena_alloc(arena, rows, sizeof *lazy->merged);
}

/* Pieces of a tensor that are copied before they are updated: they stay in the cache. */
enum { PIECE = 1 << 15 };

void ek_optimizer_plan_ratios(ek_optimizer *optimizer, ek_arena *arena)
{
    const ek_params *params = optimizer->params;
    size_t widest = PIECE; /* a row of a lazy table is never divided */
    for (size_t i = 0; i < params->count; i++) {
        size_t columns = (size_t)params->rows[i].columns;
        widest = params->rows[i].rank == 2 && columns > widest ? columns : widest;
    }
    optimizer->update_ratios = ek_arena_alloc(arena, params->count, sizeof(double));
    optimizer->before = ek_arena_alloc(arena, widest, sizeof(float));
}

/* The part of a step that does not change from one to the next. */
static ek_adamw_constants fixed_constants(const ek_recipe *recipe)
{
    return (ek_adamw_constants){
        .variant = (ek_adamw_variant)recipe->adam_variant,
        .beta1 = (float)recipe->adam_beta1,
        .one_minus_beta1 = (float)(1 - recipe->adam_beta1),
        .beta2 = (float)recipe->adam_beta2,
        .one_minus_beta2 = (float)(1 - recipe->adam_beta2),
        .eps = (float)recipe->adam_epsilon,
    };
}

void ek_optimizer_catch_up(ek_optimizer *optimizer, ek_compute *compute, float *weights,
                           const int32_t *rows, int64_t count)
{
    const ek_lazy_rows *lazy = &optimizer->lazy;
    if (!lazy->table) {
        return;
    }
    size_t at = lazy->table->offset;
    ek_adamw_constants constants = fixed_constants(optimizer->recipe);
    ek_adamw_replay(compute, weights + at, optimizer->m + at, optimizer->v + at, rows,
                    rows ? count : lazy->table->rows, lazy->table->columns, lazy->made, lazy->moved,
                    lazy->updates, &constants, lazy->rates);
}

void ek_optimizer_touch(ek_optimizer *optimizer, ek_compute *compute, float *weights,
                        const int32_t *rows, int64_t count)
{
    ek_lazy_rows *lazy = &optimizer->lazy;
    if (!lazy->table) {
        return;
    }
    ek_optimizer_catch_up(optimizer, compute, weights, rows, count);
    int32_t merged = 0, old = 0;
    for (int64_t i = 0; i < count || old < lazy->touched_count;) {
        bool take_old = i == count || (old < lazy->touched_count && lazy->touched[old] <= rows[i]);
        int32_t row = take_old ? lazy->touched[old++] : rows[i++];
        if (merged == 0 || lazy->merged[merged - 1] != row) {
            lazy->merged[merged++] = row;
        }
    }
    int32_t *held = lazy->touched;
    lazy->touched = lazy->merged;
    lazy->merged = held;
    lazy->touched_count = merged;
}

double ek_optimizer_norm(ek_optimizer *optimizer, ek_compute *compute, const float *gradients,
                         double *tensor_norms)
{
    const ek_params *params = optimizer->params;
    const ek_lazy_rows *lazy = &optimizer->lazy;
    double total = 0;
    for (size_t i = 0; i < params->count; i++) {
        const ek_param *row = &params->rows[i];
        const float *g = gradients + row->offset;
        double squares = row == lazy->table
                             ? ek_sum_squares_rows(compute, g, (int64_t)row->count, lazy->touched,
                                                   lazy->touched_count, row->columns)
                             : ek_sum_squares(compute, g, (int64_t)row->count);
        if (tensor_norms) {
            tensor_norms[i] = sqrt(squares);
        }
        total += squares;
    }
    return sqrt(total);
}

double ek_optimizer_clip(const ek_optimizer *optimizer, double norm)
{
    double most = optimizer->recipe->max_grad_norm;
    double clip = most > 0 ? most / (norm + 1e-6) : 1;
    return clip > 1 ? 1 : clip; /* a NaN norm stays NaN: nothing is hidden */
}

/* The part of a step that all tensors share; decay is set per run of tensors. */
static ek_adamw_constants step_constants(const ek_optimizer *optimizer, double rate, double norm)
{
    const ek_recipe *recipe = optimizer->recipe;
    double correction1 = 1, correction2 = 1; /* 1 - b1^t and sqrt(1 - b2^t) */
    if (recipe->bias_correction) {
        correction1 = 1 - optimizer->beta1_power;
        correction2 = sqrt(1 - optimizer->beta2_power);
    }
    bool torch_variant = recipe->adam_variant == EK_ADAMW_TORCH;
    double step_size = torch_variant ? rate / correction1 : rate * correction2 / correction1;
    ek_adamw_constants constants = fixed_constants(recipe);
    constants.clip = (float)ek_optimizer_clip(optimizer, norm);
    constants.step_size = (float)step_size;
    constants.sqrt_bc2 = torch_variant ? (float)correction2 : 1.0f;
    return constants;
}

/* Sums of squares of a tensor before a step and of what the step did to it. */
struct movement {
    double before, change;
};

/* now and optimizer->before hold `count` weights after and before the update. */
static void add_movement(struct movement *sum, const ek_optimizer *optimizer, ek_compute *compute,
                         const float *now, size_t count)
{
    float *before = optimizer->before;
    sum->before += ek_sum_squares(compute, before, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        before[i] = now[i] - before[i];
    }
    sum->change += ek_sum_squares(compute, before, (int64_t)count);
}

static void keep_ratio(ek_optimizer *optimizer, size_t param, const struct movement *sum)
{
    optimizer->update_ratios[param] =
        sum->before != 0 ? sqrt(sum->change) / sqrt(sum->before) : (double)NAN;
}

/* ek_adamw_update_rows on the touched rows; measured: piece by piece. */
static void update_rows(ek_optimizer *optimizer, ek_compute *compute, float *w, float *m, float *v,
                        const float *g, const ek_adamw_constants *constants, bool measured)
{
    const ek_lazy_rows *lazy = &optimizer->lazy;
    size_t columns = (size_t)lazy->table->columns;
    if (!measured) {
        ek_adamw_update_rows(compute, w, m, v, g, lazy->touched, lazy->touched_count,
                             lazy->table->columns, constants);
        return;
    }
    struct movement sum = {0};
    for (int32_t i = 0; i < lazy->touched_count; i++) {
        size_t at = (size_t)lazy->touched[i] * columns;
        memcpy(optimizer->before, w + at, columns * sizeof *w);
        ek_adamw_update_rows(compute, w, m, v, g, lazy->touched + i, 1, lazy->table->columns,
                             constants);
        add_movement(&sum, optimizer, compute, w + at, columns);
    }
    keep_ratio(optimizer, (size_t)(lazy->table - optimizer->params->rows), &sum);
}

/* The lazy table's part of an update, whose constants are logged for the rows that wait. */
static void step_lazy_rows(ek_optimizer *optimizer, ek_compute *compute, float *weights,
                           float *gradients, const ek_adamw_constants *constants, bool measured)
{
    ek_lazy_rows *lazy = &optimizer->lazy;
    size_t at = lazy->table->offset, columns = (size_t)lazy->table->columns;
    if (lazy->updates == lazy->capacity) {
        ek_optimizer_catch_up(optimizer, compute, weights, NULL, 0);
        memset(lazy->made, 0, (size_t)lazy->table->rows * sizeof *lazy->made);
        lazy->updates = 0;
    }
    lazy->rates[lazy->updates++] =
        (ek_adamw_rates){constants->step_size, constants->sqrt_bc2, constants->decay};
    update_rows(optimizer, compute, weights + at, optimizer->m + at, optimizer->v + at,
                gradients + at, constants, measured);
    for (int32_t i = 0; i < lazy->touched_count; i++) {
        int32_t row = lazy->touched[i];
        lazy->made[row] = lazy->updates;
        lazy->moved[row] = 1;
        memset(gradients + at + (size_t)row * columns, 0, columns * sizeof *gradients);
    }
    lazy->touched_count = 0;
}

/* A norm that is not finite makes a clipping factor which turns even gradients of zero into NaN:
 * this update moves every row. */
static void touch_all_rows(ek_optimizer *optimizer, ek_compute *compute, float *weights)
{
    ek_lazy_rows *lazy = &optimizer->lazy;
    ek_optimizer_catch_up(optimizer, compute, weights, NULL, 0);
    for (int32_t row = 0; row < lazy->table->rows; row++) {
        lazy->touched[row] = row;
    }
    lazy->touched_count = lazy->table->rows;
}

/* Updates the floats [at, end) of the block. */
static void update_range(ek_optimizer *optimizer, ek_compute *compute, float *weights,
                         const float *gradients, size_t at, size_t end,
                         const ek_adamw_constants *constants)
{
    ek_adamw_update(compute, weights + at, optimizer->m + at, optimizer->v + at, gradients + at,
                    (int64_t)(end - at), constants);
}

/* The same for the tensors [first, next) with the padding between them, one after another. */
static void update_measured(ek_optimizer *optimizer, ek_compute *compute, float *weights,
                            const float *gradients, size_t first, size_t next,
                            const ek_adamw_constants *constants)
{
    const ek_param *rows = optimizer->params->rows;
    for (size_t i = first; i < next; i++) {
        struct movement sum = {0};
        size_t end = i + 1 < next ? rows[i + 1].offset : rows[i].offset + rows[i].count;
        for (size_t at = rows[i].offset; at < end; at += PIECE) {
            size_t stop = end - at < PIECE ? end : at + PIECE;
            memcpy(optimizer->before, weights + at, (stop - at) * sizeof *weights);
            update_range(optimizer, compute, weights, gradients, at, stop, constants);
            add_movement(&sum, optimizer, compute, weights + at, stop - at);
        }
        keep_ratio(optimizer, i, &sum);
    }
}

static void step(ek_optimizer *optimizer, ek_compute *compute, float *weights, float *gradients,
                 double rate, double norm, bool measured)
{
    const ek_params *params = optimizer->params;
    const ek_lazy_rows *lazy = &optimizer->lazy;
    if (lazy->table && !isfinite(norm)) {
        touch_all_rows(optimizer, compute, weights);
    }
    optimizer->t++;
    optimizer->beta1_power *= optimizer->recipe->adam_beta1;
    optimizer->beta2_power *= optimizer->recipe->adam_beta2;
    ek_adamw_constants constants = step_constants(optimizer, rate, norm);
    float decay = (float)(rate * optimizer->recipe->weight_decay);
    /* Neighbours that decay alike are updated as one range: the padding between them has zero
     * weight and zero gradient, and stays zero. */
    for (size_t first = 0; first < params->count;) {
        constants.decay = params->rows[first].decays ? decay : 0.0f;
        if (&params->rows[first] == lazy->table) {
            step_lazy_rows(optimizer, compute, weights, gradients, &constants, measured);
            first++;
            continue;
        }
        size_t next = first + 1;
        while (next < params->count && params->rows[next].decays == params->rows[first].decays &&
               &params->rows[next] != lazy->table) {
            next++;
        }
        if (measured) {
            update_measured(optimizer, compute, weights, gradients, first, next, &constants);
        } else {
            size_t end = params->rows[next - 1].offset + params->rows[next - 1].count;
            update_range(optimizer, compute, weights, gradients, params->rows[first].offset, end,
                         &constants);
        }
        first = next;
    }
}

void ek_optimizer_step(ek_optimizer *optimizer, ek_compute *compute, float *weights,
                       float *gradients, double rate, double norm)
{
    step(optimizer, compute, weights, gradients, rate, norm, false);
}

void ek_optimizer_measure(ek_optimizer *optimizer, ek_compute *compute, float *weights,
                          float *gradients, double rate, double norm)
{
    step(optimizer, compute, weights, gradients, rate, norm, true);
}
