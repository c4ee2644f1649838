#include "train/optimizer.h"

#include <math.h>

void ek_optimizer_plan(ek_optimizer *optimizer, ek_arena *arena, const ek_params *params,
                       const ek_recipe *recipe)
{
    *optimizer =
        (ek_optimizer){.params = params, .recipe = recipe, .beta1_power = 1, .beta2_power = 1};
    optimizer->m = ek_arena_alloc(arena, params->total_count, sizeof(float));
    optimizer->v = ek_arena_alloc(arena, params->total_count, sizeof(float));
}

double ek_optimizer_norm(ek_optimizer *optimizer, ek_compute *compute, const float *gradients,
                         double *tensor_norms)
{
    const ek_params *params = optimizer->params;
    double total = 0;
    for (size_t i = 0; i < params->count; i++) {
        const ek_param *row = &params->rows[i];
        double squares = ek_sum_squares(compute, gradients + row->offset, (int64_t)row->count);
        if (tensor_norms) {
            tensor_norms[i] = sqrt(squares);
        }
        total += squares;
    }
    return sqrt(total);
}

/* The part of a step that all tensors share; decay is set per run of tensors. */
static ek_adamw_constants step_constants(const ek_optimizer *optimizer, double rate, double norm)
{
    const ek_recipe *recipe = optimizer->recipe;
    double clip = 1;
    if (recipe->max_grad_norm > 0) {
        clip = recipe->max_grad_norm / (norm + 1e-6);
        if (clip > 1) { /* a NaN norm stays NaN: nothing is hidden */
            clip = 1;
        }
    }
    double correction1 = 1, correction2 = 1; /* 1 - b1^t and sqrt(1 - b2^t) */
    if (recipe->bias_correction) {
        correction1 = 1 - optimizer->beta1_power;
        correction2 = sqrt(1 - optimizer->beta2_power);
    }
    bool torch_variant = recipe->adam_variant == EK_ADAMW_TORCH;
    double step_size = torch_variant ? rate / correction1 : rate * correction2 / correction1;
    return (ek_adamw_constants){
        .variant = (ek_adamw_variant)recipe->adam_variant,
        .clip = (float)clip,
        .beta1 = (float)recipe->adam_beta1,
        .one_minus_beta1 = (float)(1 - recipe->adam_beta1),
        .beta2 = (float)recipe->adam_beta2,
        .one_minus_beta2 = (float)(1 - recipe->adam_beta2),
        .eps = (float)recipe->adam_epsilon,
        .step_size = (float)step_size,
        .sqrt_bc2 = torch_variant ? (float)correction2 : 1.0f,
    };
}

void ek_optimizer_step(ek_optimizer *optimizer, ek_compute *compute, float *weights,
                       const float *gradients, double rate, double norm)
{
    const ek_params *params = optimizer->params;
    optimizer->t++;
    optimizer->beta1_power *= optimizer->recipe->adam_beta1;
    optimizer->beta2_power *= optimizer->recipe->adam_beta2;
    ek_adamw_constants constants = step_constants(optimizer, rate, norm);
    float decay = (float)(rate * optimizer->recipe->weight_decay);
    /* Neighbours that decay alike are updated as one range: the padding between them has zero
     * weight and zero gradient, and stays zero. */
    for (size_t first = 0; first < params->count;) {
        size_t next = first + 1;
        while (next < params->count && params->rows[next].decays == params->rows[first].decays) {
            next++;
        }
        size_t begin = params->rows[first].offset;
        size_t end = params->rows[next - 1].offset + params->rows[next - 1].count;
        constants.decay = params->rows[first].decays ? decay : 0.0f;
        ek_adamw_update(compute, weights + begin, optimizer->m + begin, optimizer->v + begin,
                        gradients + begin, (int64_t)(end - begin), &constants);
        first = next;
    }
}
