#include "model/head.h"

#include "model/encoder.h"

void ek_head_plan(ek_head *head, ek_arena *arena, const ek_model_config *config,
                  const ek_param_offsets *offsets, int32_t max_examples, int32_t num_labels)
{
    size_t examples = (size_t)max_examples;
    size_t h = (size_t)config->hidden_size * sizeof(float);
    size_t labels = (size_t)num_labels * sizeof(float);
    *head = (ek_head){.config = config,
                      .offsets = offsets,
                      .max_examples = max_examples,
                      .num_labels = num_labels};
    head->logits = ek_arena_alloc(arena, examples, labels);
    head->dlogits = ek_arena_alloc(arena, examples, labels);
    head->row_loss = ek_arena_alloc(arena, examples, sizeof(float));
    head->dhidden = ek_arena_alloc(arena, examples, h);
    head->pre_pooled = ek_arena_alloc(arena, examples, h);
    head->pooled = ek_arena_alloc(arena, examples, h);
    head->dropped = ek_arena_alloc(arena, examples, h);
    head->dpooled = ek_arena_alloc(arena, examples, h);
    head->zeros = ek_arena_alloc(arena, examples, sizeof(uint32_t));
}

static ek_dropout dropout_of(const ek_head_options *options)
{
    return ek_dropout_make(options->dropout ? options->classifier_dropout : 0,
                           options->dropout_seed, options->step, EK_SITE_POOLED);
}

void ek_head_forward(ek_head *head, ek_compute *compute, const float *hidden, const float *weights,
                     const ek_batch *batch, const ek_head_options *options)
{
    const ek_param_offsets *o = head->offsets;
    int64_t rows = batch->example_count, h = head->config->hidden_size;
    ek_rows cls = {batch->example_index, head->zeros, rows};
    ek_gemm(compute, &(ek_gemm_args){.m = rows,
                                     .n = h,
                                     .k = h,
                                     .a = hidden,
                                     .lda = h,
                                     .b = weights + o->pooler_weight,
                                     .ldb = h,
                                     .trans_b = true,
                                     .c = head->pre_pooled,
                                     .ldc = h,
                                     .bias = weights + o->pooler_bias});
    ek_activation_forward(compute, head->pooled, head->pre_pooled, rows * h, EK_ACTIVATION_TANH);
    ek_dropout dropout = dropout_of(options);
    ek_dropout_apply(compute, head->dropped, head->pooled, &dropout, &cls, h);
    ek_gemm(compute, &(ek_gemm_args){.m = rows,
                                     .n = head->num_labels,
                                     .k = h,
                                     .a = head->dropped,
                                     .lda = h,
                                     .b = weights + o->classifier_weight,
                                     .ldb = h,
                                     .trans_b = true,
                                     .c = head->logits,
                                     .ldc = head->num_labels,
                                     .bias = weights + o->classifier_bias});
}

void ek_head_loss(ek_head *head, ek_compute *compute, const int32_t *labels, const float *targets,
                  int32_t example_count, float divisor, bool with_gradient)
{
    float *dlogits = with_gradient ? head->dlogits : NULL;
    if (targets) {
        ek_squared_error(compute, head->row_loss, dlogits, head->logits, targets, example_count,
                         divisor);
    } else {
        ek_cross_entropy(compute, head->row_loss, dlogits, head->logits, labels, example_count,
                         head->num_labels, divisor);
    }
}

void ek_head_backward(ek_head *head, ek_compute *compute, float *gradients, const float *hidden,
                      const float *weights, const ek_batch *batch, const ek_head_options *options)
{
    const ek_param_offsets *o = head->offsets;
    int64_t rows = batch->example_count, h = head->config->hidden_size, labels = head->num_labels;
    ek_rows cls = {batch->example_index, head->zeros, rows};
    ek_gemm(compute, &(ek_gemm_args){.m = labels,
                                     .n = h,
                                     .k = rows,
                                     .a = head->dlogits,
                                     .lda = labels,
                                     .trans_a = true,
                                     .b = head->dropped,
                                     .ldb = h,
                                     .c = gradients + o->classifier_weight,
                                     .ldc = h,
                                     .accumulate = true});
    ek_bias_backward(compute, gradients + o->classifier_bias, head->dlogits, rows, labels);
    ek_gemm(compute, &(ek_gemm_args){.m = rows,
                                     .n = h,
                                     .k = labels,
                                     .a = head->dlogits,
                                     .lda = labels,
                                     .b = weights + o->classifier_weight,
                                     .ldb = h,
                                     .c = head->dpooled,
                                     .ldc = h});
    ek_dropout dropout = dropout_of(options);
    ek_dropout_apply(compute, head->dpooled, head->dpooled, &dropout, &cls, h);
    ek_activation_backward(compute, head->dpooled, gradients + o->pooler_bias, head->dpooled,
                           head->pre_pooled, rows, h, EK_ACTIVATION_TANH);
    ek_gemm(compute, &(ek_gemm_args){.m = h,
                                     .n = h,
                                     .k = rows,
                                     .a = head->dpooled,
                                     .lda = h,
                                     .trans_a = true,
                                     .b = hidden,
                                     .ldb = h,
                                     .c = gradients + o->pooler_weight,
                                     .ldc = h,
                                     .accumulate = true});
    ek_gemm(compute, &(ek_gemm_args){.m = rows,
                                     .n = h,
                                     .k = h,
                                     .a = head->dpooled,
                                     .lda = h,
                                     .b = weights + o->pooler_weight,
                                     .ldb = h,
                                     .c = head->dhidden,
                                     .ldc = h});
}
