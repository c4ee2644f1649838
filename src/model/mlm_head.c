#include "model/mlm_head.h"

/* Rows whose logits are in memory at once: 16 MB with BERT's vocabulary, and the table of word
 * embeddings is packed once for as many rows. */
enum { BLOCK_ROWS = 128 };

void ek_mlm_head_plan(ek_mlm_head *head, ek_arena *arena, const ek_model_config *config,
                      const ek_param_offsets *offsets, int32_t max_rows, bool train)
{
    size_t rows = (size_t)max_rows, block = rows < BLOCK_ROWS ? rows : BLOCK_ROWS;
    size_t h = (size_t)config->hidden_size * sizeof(float);
    *head = (ek_mlm_head){.config = config, .offsets = offsets, .max_rows = max_rows};
    head->row_loss = ek_arena_alloc(arena, rows, sizeof(float));
    head->pre = ek_arena_alloc(arena, rows, h);
    head->z = ek_arena_alloc(arena, rows, h);
    head->mean = ek_arena_alloc(arena, rows, sizeof(float));
    head->rstd = ek_arena_alloc(arena, rows, sizeof(float));
    head->features = ek_arena_alloc(arena, rows, h);
    head->logits = ek_arena_alloc(arena, block, (size_t)config->vocab_size * sizeof(float));
    if (train) {
        head->dhidden = ek_arena_alloc(arena, rows, h);
        head->dfeatures = ek_arena_alloc(arena, rows, h);
    }
}

/* y [rows, n] = x [rows, k] weight^T + bias */
static void linear(ek_compute *compute, float *y, const float *x, const float *weight,
                   const float *bias, int64_t rows, int64_t n, int64_t k)
{
    ek_gemm(compute, &(ek_gemm_args){.m = rows,
                                     .n = n,
                                     .k = k,
                                     .a = x,
                                     .lda = k,
                                     .b = weight,
                                     .ldb = k,
                                     .trans_b = true,
                                     .c = y,
                                     .ldc = n,
                                     .bias = bias});
}

/* dx = dy weight; dweight += dy^T x. */
static void linear_backward(ek_compute *compute, float *dx, float *dweight, const float *dy,
                            const float *x, const float *weight, int64_t rows, int64_t n, int64_t k)
{
    ek_gemm(compute, &(ek_gemm_args){.m = rows,
                                     .n = k,
                                     .k = n,
                                     .a = dy,
                                     .lda = n,
                                     .b = weight,
                                     .ldb = k,
                                     .c = dx,
                                     .ldc = k});
    ek_gemm(compute, &(ek_gemm_args){.m = n,
                                     .n = k,
                                     .k = rows,
                                     .a = dy,
                                     .lda = n,
                                     .trans_a = true,
                                     .b = x,
                                     .ldb = k,
                                     .c = dweight,
                                     .ldc = k,
                                     .accumulate = true});
}

void ek_mlm_head_forward(ek_mlm_head *head, ek_compute *compute, const float *hidden,
                         const float *weights, int32_t rows)
{
    const ek_param_offsets *o = head->offsets;
    const ek_dropout none = {0};
    const ek_rows all = {.count = rows}; /* which tokens they are matters to dropout only */
    int64_t h = head->config->hidden_size;
    linear(compute, head->pre, hidden, weights + o->transform_weight, weights + o->transform_bias,
           rows, h, h);
    ek_activation_forward(compute, head->z, head->pre, rows * h, head->config->hidden_act);
    ek_residual_layernorm_forward(compute, head->features, head->z, head->mean, head->rstd, head->z,
                                  NULL, &none, &all, weights + o->transform_norm_weight,
                                  weights + o->transform_norm_bias, h,
                                  (float)head->config->layer_norm_eps);
}

void ek_mlm_head_loss(ek_mlm_head *head, ek_compute *compute, float *gradients,
                      const float *weights, const int32_t *labels, int32_t rows, float divisor)
{
    const ek_param_offsets *o = head->offsets;
    int64_t h = head->config->hidden_size, vocab = head->config->vocab_size;
    for (int32_t first = 0; first < rows; first += BLOCK_ROWS) {
        int32_t count = rows - first < BLOCK_ROWS ? rows - first : BLOCK_ROWS;
        const float *features = head->features + first * h;
        linear(compute, head->logits, features, weights + o->word, weights + o->decoder_bias, count,
               vocab, h);
        ek_cross_entropy(compute, head->row_loss + first, gradients ? head->logits : NULL,
                         head->logits, labels + first, count, vocab, divisor);
        if (gradients) {
            linear_backward(compute, head->dfeatures + first * h, gradients + o->word, head->logits,
                            features, weights + o->word, count, vocab, h);
            ek_bias_backward(compute, gradients + o->decoder_bias, head->logits, count, vocab);
        }
    }
}

void ek_mlm_head_backward(ek_mlm_head *head, ek_compute *compute, float *gradients,
                          const float *hidden, const float *weights, int32_t rows)
{
    const ek_param_offsets *o = head->offsets;
    int64_t h = head->config->hidden_size;
    float *d = head->dfeatures;
    ek_layernorm_backward(compute, d, gradients + o->transform_norm_weight,
                          gradients + o->transform_norm_bias, d, head->z, head->mean, head->rstd,
                          weights + o->transform_norm_weight, rows, h);
    ek_activation_backward(compute, d, gradients + o->transform_bias, d, head->pre, rows, h,
                           head->config->hidden_act);
    linear_backward(compute, head->dhidden, gradients + o->transform_weight, d, hidden,
                    weights + o->transform_weight, rows, h, h);
}
