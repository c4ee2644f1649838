/* Attention head by head over threads; a head is attention.inc's. */
#include <math.h>

#include "kernel/compute.h"

/* Head `unit`, from the arrays of all heads. */
static ek__head head_of(const ek__head *all, const ek_attention_shape *shape, int64_t unit)
{
    int32_t example = (int32_t)(unit / shape->head_count);
    int32_t index = (int32_t)(unit % shape->head_count);
    int64_t query = shape->query_offsets[example], key = shape->offsets[example];
    int64_t column = (int64_t)index * shape->head_size;
    ek__head h = *all;
    h.queries = shape->query_offsets[example + 1] - query;
    h.keys = shape->offsets[example + 1] - key;
    h.example = shape->example_index[example];
    h.index = index;
    h.query_position = shape->query_position + query;
    size_t probs =
        shape->prob_offsets[example] + (size_t)index * (size_t)h.queries * (size_t)h.keys;
    h.q += query * h.ldq + column;
    h.k += key * h.ldkv + column;
    h.v += key * h.ldkv + column;
    if (h.dout) {
        h.saved_probs += probs;
        h.dout += query * h.ldo + column;
        h.dq += query * h.ldq + column;
        h.dk += key * h.ldkv + column;
        h.dv += key * h.ldkv + column;
    } else {
        h.probs += probs;
        h.out += query * h.ldo + column;
    }
    return h;
}

static void one_head(const ek_compute *compute, const ek__head_scratch *scratch,
                     const ek__head *head)
{
    if (head->dout) {
        compute->kernels->head_backward(head, scratch);
    } else {
        compute->kernels->head_forward(head, scratch);
    }
}

/* Heads differ in length, so threads take them one at a time: which thread it is does not matter.
 * One thread alone knows which head is its next. */
static void each_head(ek_compute *compute, const ek__head *all, const ek_attention_shape *shape)
{
    int64_t units = (int64_t)shape->example_count * shape->head_count;
    if (compute->threads == 1 || units == 1) {
        ek__head head, next = {0};
        for (int64_t unit = 0; unit < units; unit++) {
            head = unit > 0 ? next : head_of(all, shape, unit);
            if (unit + 1 < units) {
                next = head_of(all, shape, unit + 1);
                head.next = &next;
            }
            one_head(compute, &compute->heads[0], &head);
        }
        return;
    }
#pragma omp parallel for schedule(dynamic) num_threads(compute->threads)
    for (int64_t unit = 0; unit < units; unit++) {
        ek__head head = head_of(all, shape, unit);
        one_head(compute, &compute->heads[omp_get_thread_num()], &head);
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

/* The arrays that forward and backward both read. */
static ek__head all_heads(const ek_attention_shape *shape, const ek_dropout *dropout,
                          const float *q, int64_t ldq, const float *k, const float *v, int64_t ldkv,
                          int64_t ldo)
{
    return (ek__head){.size = shape->head_size,
                      .dropout = dropout,
                      .q = q,
                      .k = k,
                      .v = v,
                      .ldq = ldq,
                      .ldkv = ldkv,
                      .ldo = ldo,
                      .scale = (float)(1.0 / sqrt((double)shape->head_size))};
}

void ek_attention_forward(ek_compute *compute, float *out, int64_t ldo, float *probs,
                          const float *q, int64_t ldq, const float *k, const float *v, int64_t ldkv,
                          const ek_attention_shape *shape, const ek_dropout *dropout)
{
    ek__head all = all_heads(shape, dropout, q, ldq, k, v, ldkv, ldo);
    all.out = out;
    all.probs = probs;
    double started = ek__op_start(compute);
    each_head(compute, &all, shape);
    ek__op_end(compute, EK_OP_ATTENTION_FORWARD, started, flops_of(shape, 2));
}

void ek_attention_backward(ek_compute *compute, float *dq, float *dk, float *dv, const float *dout,
                           int64_t ldo, const float *probs, const float *q, int64_t ldq,
                           const float *k, const float *v, int64_t ldkv,
                           const ek_attention_shape *shape, const ek_dropout *dropout)
{
    ek__head all = all_heads(shape, dropout, q, ldq, k, v, ldkv, ldo);
    all.dout = dout;
    all.saved_probs = probs;
    all.dq = dq;
    all.dk = dk;
    all.dv = dv;
    double started = ek__op_start(compute);
    each_head(compute, &all, shape);
    ek__op_end(compute, EK_OP_ATTENTION_BACKWARD, started, flops_of(shape, 4));
}
