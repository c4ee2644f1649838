/* Attention head by head: products of gemm.c, and softmax and dropout of ops.inc between them. */
#include <math.h>

#include "kernel/compute.h"

struct attention {
    const ek_attention_shape *shape;
    const ek_dropout *dropout;
    const float *q, *k, *v, *dout;
    float *out, *probs, *dq, *dk, *dv;
    const float *saved_probs;
    int64_t ldq, ldkv, ldo;
    float scale;
};

/* Sizes and places of one (example, head). */
struct head {
    int64_t queries, keys, query_row, key_row, column;
    size_t probs;
    uint32_t example;
    int32_t index;
    const uint32_t *query_position;
};

static struct head head_of(const struct attention *a, int64_t unit)
{
    const ek_attention_shape *shape = a->shape;
    int32_t example = (int32_t)(unit / shape->head_count);
    int32_t index = (int32_t)(unit % shape->head_count);
    struct head head = {
        .queries = shape->query_offsets[example + 1] - shape->query_offsets[example],
        .keys = shape->offsets[example + 1] - shape->offsets[example],
        .query_row = shape->query_offsets[example],
        .key_row = shape->offsets[example],
        .column = (int64_t)index * shape->head_size,
        .example = shape->example_index[example],
        .index = index,
        .query_position = shape->query_position + shape->query_offsets[example],
    };
    head.probs =
        shape->prob_offsets[example] + (size_t)index * (size_t)head.queries * (size_t)head.keys;
    return head;
}

/* C[m,n] = op(A) op(B) with the sizes of a head. */
static void head_product(const ek_compute *compute, struct ek__head_scratch *scratch, float *c,
                         int64_t ldc, const float *a, int64_t lda, bool trans_a, const float *b,
                         int64_t ldb, bool trans_b, int64_t m, int64_t n, int64_t k)
{
    ek_gemm_args args = {.m = m,
                         .n = n,
                         .k = k,
                         .a = a,
                         .lda = lda,
                         .trans_a = trans_a,
                         .b = b,
                         .ldb = ldb,
                         .trans_b = trans_b,
                         .c = c,
                         .ldc = ldc};
    ek__gemm_serial(compute, &args, scratch->packed_a, scratch->packed_b);
}

static void head_forward(const ek_compute *compute, struct ek__head_scratch *scratch,
                         const struct attention *a, int64_t unit)
{
    struct head h = head_of(a, unit);
    int64_t size = a->shape->head_size;
    const float *q = a->q + h.query_row * a->ldq + h.column;
    const float *k = a->k + h.key_row * a->ldkv + h.column;
    const float *v = a->v + h.key_row * a->ldkv + h.column;
    float *probs = a->probs + h.probs, *dropped = scratch->first;
    head_product(compute, scratch, probs, h.keys, q, a->ldq, false, k, a->ldkv, true, h.queries,
                 h.keys, size);
    compute->kernels->attention_probs(probs, dropped, h.queries, h.keys, a->scale, a->dropout,
                                      h.example, h.index, h.query_position);
    head_product(compute, scratch, a->out + h.query_row * a->ldo + h.column, a->ldo, dropped,
                 h.keys, false, v, a->ldkv, false, h.queries, size, h.keys);
}

static void head_backward(const ek_compute *compute, struct ek__head_scratch *scratch,
                          const struct attention *a, int64_t unit)
{
    struct head h = head_of(a, unit);
    int64_t size = a->shape->head_size;
    const float *q = a->q + h.query_row * a->ldq + h.column;
    const float *k = a->k + h.key_row * a->ldkv + h.column;
    const float *v = a->v + h.key_row * a->ldkv + h.column;
    const float *dout = a->dout + h.query_row * a->ldo + h.column;
    const float *probs = a->saved_probs + h.probs;
    float *dscores = scratch->first, *dropped = scratch->second;
    compute->kernels->attention_drop(dropped, probs, h.queries, h.keys, a->dropout, h.example,
                                     h.index, h.query_position);
    head_product(compute, scratch, a->dv + h.key_row * a->ldkv + h.column, a->ldkv, dropped, h.keys,
                 true, dout, a->ldo, false, h.keys, size, h.queries);
    head_product(compute, scratch, dscores, h.keys, dout, a->ldo, false, v, a->ldkv, true,
                 h.queries, h.keys, size);
    compute->kernels->attention_dscores(dscores, probs, h.queries, h.keys, a->scale, a->dropout,
                                        h.example, h.index, h.query_position);
    head_product(compute, scratch, a->dq + h.query_row * a->ldq + h.column, a->ldq, dscores, h.keys,
                 false, k, a->ldkv, false, h.queries, size, h.keys);
    head_product(compute, scratch, a->dk + h.key_row * a->ldkv + h.column, a->ldkv, dscores, h.keys,
                 true, q, a->ldq, false, h.keys, size, h.queries);
}

typedef void head_function(const ek_compute *compute, struct ek__head_scratch *scratch,
                           const struct attention *a, int64_t unit);

/* Heads differ in length, so threads take them one at a time: which thread it is does not matter.
 */
static void each_head(ek_compute *compute, const struct attention *a, head_function *function)
{
    int64_t units = (int64_t)a->shape->example_count * a->shape->head_count;
    if (compute->threads == 1 || units == 1) {
        for (int64_t unit = 0; unit < units; unit++) {
            function(compute, &compute->heads[0], a, unit);
        }
        return;
    }
#pragma omp parallel for schedule(dynamic) num_threads(compute->threads)
    for (int64_t unit = 0; unit < units; unit++) {
        function(compute, &compute->heads[omp_get_thread_num()], a, unit);
    }
}

/* Of `products` matrix products a head. */
static double flops_of(const ek_attention_shape *shape, int products)
{
    double flops = 0;
    for (int32_t e = 0; e < shape->example_count; e++) {
        double queries = shape->query_offsets[e + 1] - shape->query_offsets[e];
        double keys = shape->offsets[e + 1] - shape->offsets[e];
        flops += 2.0 * products * queries * keys * shape->head_size * shape->head_count;
    }
    return flops;
}

static float attention_scale(const ek_attention_shape *shape)
{
    return (float)(1.0 / sqrt((double)shape->head_size));
}

void ek_attention_forward(ek_compute *compute, float *out, int64_t ldo, float *probs,
                          const float *q, int64_t ldq, const float *k, const float *v, int64_t ldkv,
                          const ek_attention_shape *shape, const ek_dropout *dropout)
{
    struct attention a = {.shape = shape,
                          .dropout = dropout,
                          .q = q,
                          .k = k,
                          .v = v,
                          .out = out,
                          .probs = probs,
                          .ldq = ldq,
                          .ldkv = ldkv,
                          .ldo = ldo,
                          .scale = attention_scale(shape)};
    double started = ek__op_start(compute);
    each_head(compute, &a, head_forward);
    ek__op_end(compute, EK_OP_ATTENTION_FORWARD, started, flops_of(shape, 2));
}

void ek_attention_backward(ek_compute *compute, float *dq, float *dk, float *dv, const float *dout,
                           int64_t ldo, const float *probs, const float *q, int64_t ldq,
                           const float *k, const float *v, int64_t ldkv,
                           const ek_attention_shape *shape, const ek_dropout *dropout)
{
    struct attention a = {.shape = shape,
                          .dropout = dropout,
                          .q = q,
                          .k = k,
                          .v = v,
                          .dout = dout,
                          .saved_probs = probs,
                          .dq = dq,
                          .dk = dk,
                          .dv = dv,
                          .ldq = ldq,
                          .ldkv = ldkv,
                          .ldo = ldo,
                          .scale = attention_scale(shape)};
    double started = ek__op_start(compute);
    each_head(compute, &a, head_backward);
    ek__op_end(compute, EK_OP_ATTENTION_BACKWARD, started, flops_of(shape, 4));
}
