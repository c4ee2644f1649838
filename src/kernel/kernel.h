/* kernel.h - the arithmetic of training, the same bits on every machine.
 *
 * Each operation is specified by plain C (the scalar variant) and equals it bit for bit in every
 * faster variant, for any number of threads; docs/numerics.md is the contract, the comments below
 * fix each formula's roundings. fma(a, b, c) rounds once; everything else rounds after each
 * operation, float throughout unless "double" is said.
 *
 * An ek_compute holds the chosen instruction set, the thread count and the packing buffers:
 *
 *     ek_compute *compute;
 *     ek_compute_new(&compute, threads, &err);        // EK_ISA, see base/cpu.h
 *     ek_gemm(compute, &(ek_gemm_args){...});
 *     ek_compute_free(compute);
 *
 * No operation allocates, prints or fails. Matrices are row-major; leading dimensions (ld*) count
 * floats. Pointers need no alignment; outputs do not overlap inputs unless "in place" is said.
 * Argument order: outputs, saved for backward, inputs, parameters, sizes. Gradients of parameters
 * are added to (+=), gradients of activations are overwritten (=).
 *
 * Structure: gemm.c, attention.c and operations.c split the work over threads and call the
 * variant's functions on ranges; compute.c holds the state, profile.c the clock. vec_<isa>.h wraps
 * 16 float lanes; elementary.inc, ops.inc, gemm.inc and attention.inc are written once against them
 * and compiled as kernels_<isa>.c; each exports one table, ek__kernels_<isa>.
 */
#ifndef EK_KERNEL_KERNEL_H
#define EK_KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/status.h"

typedef struct ek_compute ek_compute;

/* 1 to 1,024 threads. With threads > 1 the process must not fork after its first operation: the
 * child would wait for OpenMP's threads for ever. With threads == 1 OpenMP is never entered.
 * EK_E_FAILED where the process flushes denormals to zero (numerics, rule 8). */
ek_status ek_compute_new(ek_compute **out, int threads, ek_error *err);
/* Plain C on one thread, whatever EK_ISA says: what the others are checked against. */
ek_status ek_compute_new_reference(ek_compute **out, ek_error *err);
void ek_compute_free(ek_compute *compute); /* NULL is fine */
/* Memory that so many threads fill when the longest example has max_length tokens and the widest
 * product so many columns, for the plan. What ek_compute_new reserves beyond it stays untouched. */
size_t ek_compute_bytes(int threads, int32_t max_length, int32_t head_size, int64_t columns);
ek_isa ek_compute_isa(const ek_compute *compute);
int ek_compute_threads(const ek_compute *compute);
/* From the next operation on as many threads work, at most those of ek_compute_new; the bits stay.
 * Call it between operations. 1: OpenMP is not entered (again). */
void ek_compute_set_threads(ek_compute *compute, int threads);

/* ---- matrix product --------------------------------------------------------------------------
 * C[m,n] = start; for k = 0..K-1 in order: C = fma(A[m,k], B[k,n], C); then C = C + bias[n].
 * start is C itself when accumulate is set, else 0 (C is not read then).
 *   forward          Y = X W^T : a = X [m,k],  b = W stored [n,k]      (trans_b)
 *   input gradient   dX = dY W : a = dY [m,k], b = W stored [k,n]
 *   weight gradient  dW += dY^T X : a = dY stored [k,m] (trans_a), b = X stored [k,n], accumulate
 * bf16: A and B are rounded to bfloat16 (nearest even, denormals to zeros of their sign, NaN quiet)
 * and k runs in pairs (0, 1), (2, 3), ..., an odd last one with +0: C = fma(A[m,k+1], B[k+1,n], C),
 * then C = fma(A[m,k], B[k,n], C), the first C and every result without denormals (zeros of their
 * sign). The bias is added in fp32.
 */
typedef enum { EK_PRECISION_FP32, EK_PRECISION_BF16, EK_PRECISION_COUNT } ek_precision;
const char *ek_precision_name(ek_precision precision); /* "fp32", "bf16" */
typedef struct {
    int64_t m, n, k;
    ek_precision precision;
    const float *a;
    int64_t lda;
    bool trans_a; /* a is stored [k][m] */
    const float *b;
    int64_t ldb;
    bool trans_b; /* b is stored [n][k] */
    float *c;
    int64_t ldc;
    bool accumulate;
    const float *bias; /* [n] or NULL */
} ek_gemm_args;
void ek_gemm(ek_compute *compute, const ek_gemm_args *args);

/* dbias[n] += dy[0][n], dy[1][n], ... in row order. */
void ek_bias_backward(ek_compute *compute, float *dbias, const float *dy, int64_t rows,
                      int64_t width);

/* ---- dropout ---------------------------------------------------------------------------------
 * Element e of (step, site, example) is kept iff u16(e) >= threshold, where u16(e) is half e % 2 of
 * word (e / 2) % 4 of ek_philox(seed, EK_STREAM_DROPOUT, step, site, example, e / 8) (low half for
 * even e). Kept values are multiplied by scale = 65536 / (65536 - threshold) rounded to float,
 * others (NaN too) become +0. For hidden states e = position * round_up(width, 8) + column; for
 * attention e = (head * length + query) * round_up(length, 8) + key, query and key being positions
 * in the example. e is counted in 64 bits and e / 8 must fit 32: e < 2^35, which 16 heads reach at
 * 46,000 tokens. threshold 0: the values are copied, nothing is multiplied.
 */
typedef struct {
    uint32_t seed, step, site, threshold;
    float scale;
} ek_dropout;
/* probability in [0, 1): threshold = round(probability * 65536), at most 65535. */
ek_dropout ek_dropout_make(double probability, uint32_t seed, uint32_t step, uint32_t site);

/* Which (example, position) each row of a matrix is. */
typedef struct {
    const uint32_t *example;  /* [count] the example's index in the optimizer step */
    const uint32_t *position; /* [count] the token's position in its example */
    int64_t count;
} ek_rows;

/* y = drop(x); y may be x. The backward pass is the same call on the gradient. */
void ek_dropout_apply(ek_compute *compute, float *y, const float *x, const ek_dropout *dropout,
                      const ek_rows *rows, int64_t width);

/* ---- layer normalisation ---------------------------------------------------------------------
 * z = residual + drop(x) (z = drop(x) when residual is NULL). Row sums: 16 lanes, lane = column
 * mod 16, folded +8 +4 +2 +1. mean = sum(z) / width; var = sum((z-mean)^2, by fma) / width;
 * rstd = 1 / sqrt(var + eps); y = fma((z - mean) * rstd, gamma, beta).
 * Saved for backward: z, mean[rows], rstd[rows]. z may be x. width counts floats of a row.
 */
void ek_residual_layernorm_forward(ek_compute *compute, float *y, float *z, float *mean,
                                   float *rstd, const float *x, const float *residual,
                                   const ek_dropout *dropout, const ek_rows *rows,
                                   const float *gamma, const float *beta, int64_t width, float eps);
/* dz = rstd * (g - fma(xhat, sum(g * xhat, by fma), sum(g)) / width) with xhat = (z - mean) * rstd
 * and g = dy * gamma; dgamma = fma(dy, xhat, dgamma) and dbeta += dy in row order. dz may be dy and
 * is the gradient of residual; that of x is drop(dz), see below. */
void ek_layernorm_backward(ek_compute *compute, float *dz, float *dgamma, float *dbeta,
                           const float *dy, const float *z, const float *mean, const float *rstd,
                           const float *gamma, int64_t rows, int64_t width);
/* ek_layernorm_backward, and dx = drop(dz), and dbias[n] += dx[0][n], dx[1][n], ... in row order,
 * of the layer that made x. dx is none of the others. */
void ek_residual_layernorm_backward(ek_compute *compute, float *dz, float *dx, float *dgamma,
                                    float *dbeta, float *dbias, const float *dy, const float *z,
                                    const float *mean, const float *rstd, const ek_dropout *dropout,
                                    const ek_rows *rows, const float *gamma, int64_t width);

/* ---- activations ----------------------------------------------------------------------------- */
typedef enum {
    EK_ACTIVATION_GELU,      /* x/2 (1 + erf(x/sqrt 2)): Hugging Face "gelu" */
    EK_ACTIVATION_GELU_TANH, /* "gelu_new", "gelu_pytorch_tanh" */
    EK_ACTIVATION_RELU,
    EK_ACTIVATION_TANH,
    EK_ACTIVATION_COUNT
} ek_activation;
void ek_activation_forward(ek_compute *compute, float *y, const float *x, int64_t count,
                           ek_activation activation);
/* dx = dy * f'(x), from the saved input x [rows, width]; dx may be dy. dbias[n] += dx[0][n],
 * dx[1][n], ... in row order, of the layer that made x. Every operation below is rounded, fma once.
 *
 * GELU: e = erf(x * 0.707106781f), y = fma(x/2, e, x/2),
 * f' = fma(x, phi, fma(1/2, e, 1/2)), phi = 0.398942280f * exp((x * x) * (-1/2)).
 *
 * GELU_TANH: t = tanh(0.797884561f * fma(0.044715f, (x * x) * x, x)), y = fma(x/2, t, x/2),
 * f' = fma(x/2, (1 - t * t) * s, fma(1/2, t, 1/2)), s = 0.797884561f * fma(0.134145f, x * x, 1).
 *
 * RELU: y = max(0, x); f' = 1 for x > 0, NaN for NaN, else 0.
 *
 * TANH: f' = 1 - t * t, t = tanh(x). */
void ek_activation_backward(ek_compute *compute, float *dx, float *dbias, const float *dy,
                            const float *x, int64_t rows, int64_t width, ek_activation activation);

/* ---- attention -------------------------------------------------------------------------------
 * Per (example, head), without padding. With scale = 1 / sqrt(head_size) rounded to float:
 *   s[i,j] = (q_i . k_j, fma over the head's columns in order) * scale
 *   p[i,j] = exp(s - max_j s) / sum_j, max and sum by 16 lanes (lane = j mod 16)
 *   o_i = 0, then fma(drop(p)[i,j], v_j, o_i) in order of j.
 * Backward: dv_j, dk_j sum over i in order, dq_i over j in order; dp = drop(do_i . v_j);
 *   ds = p * (dp - sum_j(dp * p, by fma, 16 lanes)) * scale.
 * Rows of q, out, dq, dout are the queries that are wanted; k, v, dk, dv have a row a token.
 */
typedef struct {
    int32_t example_count, head_count, head_size;
    const int32_t *offsets;         /* [example_count + 1] first token of each example in k, v */
    const int32_t *query_offsets;   /* [example_count + 1] first query row of each example */
    const uint32_t *query_position; /* [query_offsets[example_count]] position in its example */
    const uint32_t *example_index;  /* [example_count] the example's index in the step */
    const size_t *prob_offsets;     /* [example_count + 1] in floats: example e holds
                                     * head_count * queries * length floats from prob_offsets[e] */
} ek_attention_shape;
/* probs is saved for backward: p before dropout, with the sign set where dropout drops it. ldq,
 * ldkv, ldo: leading dimensions; column head * head_size is the head's first. */
void ek_attention_forward(ek_compute *compute, float *out, int64_t ldo, float *probs,
                          const float *q, int64_t ldq, const float *k, const float *v, int64_t ldkv,
                          const ek_attention_shape *shape, const ek_dropout *dropout);
/* dq, dk, dv are overwritten and have the leading dimensions of q, k, v. */
void ek_attention_backward(ek_compute *compute, float *dq, float *dk, float *dv, const float *dout,
                           int64_t ldo, const float *probs, const float *q, int64_t ldq,
                           const float *k, const float *v, int64_t ldkv,
                           const ek_attention_shape *shape, const ek_dropout *dropout);
/* Scratch is per thread and sized by the longest example; ek_compute_new plans for 512 keys, a
 * longer maximum is asked for once, before the first step. */
ek_status ek_compute_reserve_length(ek_compute *compute, int32_t max_length, int32_t head_size,
                                    ek_error *err);

/* ---- embeddings ------------------------------------------------------------------------------ */
/* z[t] = (word[input_ids[t]] + type[token_type_ids[t]]) + position[position_ids[t]]; type NULL:
 * no segment embeddings. Indices are checked by the caller. */
void ek_embedding_forward(ek_compute *compute, float *z, const float *word, const float *type,
                          const float *position, const int32_t *input_ids,
                          const int32_t *token_type_ids, const int32_t *position_ids,
                          int64_t tokens, int64_t width);
/* dtable[ids[t]] += dz[t] for t = sorted[0], sorted[1], ...: sorted lists the tokens by id, equal
 * ids in packed order. Rows with id == skip_id get nothing (RoBERTa's padding row; -1: none). */
void ek_embedding_backward(ek_compute *compute, float *dtable, const float *dz, const int32_t *ids,
                           const int32_t *sorted, int64_t tokens, int64_t width, int32_t skip_id);

/* ---- rows gathered and scattered ([CLS] rows and lists of rows) ------------------------------ */
void ek_rows_gather(ek_compute *compute, float *y, const float *x, const int32_t *index,
                    int64_t count, int64_t width);
/* y[index[r]] += x[r], r in order; indices are distinct. */
void ek_rows_scatter_add(ek_compute *compute, float *y, const float *x, const int32_t *index,
                         int64_t count, int64_t width);

/* ---- losses ---------------------------------------------------------------------------------- */
/* p = softmax of each row: e = exp(l - max), p = e / sum(e), max and sum by 16 lanes; probs may be
 * logits. A NaN or an infinite largest logit makes the whole row NaN. */
void ek_softmax_forward(ek_compute *compute, float *probs, const float *logits, int64_t rows,
                        int64_t classes);
/* row_loss[r] = log(sum exp(l - max)) - (l[label] - max); dlogits = (p - onehot) / divisor with p
 * of ek_softmax_forward; sum and max by 16 lanes. dlogits may be NULL (evaluation) or logits.
 * labels in [0, classes). */
void ek_cross_entropy(ek_compute *compute, float *row_loss, float *dlogits, const float *logits,
                      const int32_t *labels, int64_t rows, int64_t classes, float divisor);
/* row_loss = d * d; dx = 2 d / divisor with d = x - target. dx may be NULL or x. */
void ek_squared_error(ek_compute *compute, float *row_loss, float *dx, const float *x,
                      const float *target, int64_t rows, float divisor);

/* ---- whole-parameter operations -------------------------------------------------------------- */
/* Sum of squares: chunks of 4,096 elements, each by 16 lanes of fma and a fold (float), chunks
 * added in order in double. */
double ek_sum_squares(ek_compute *compute, const float *x, int64_t count);
/* y += x */
void ek_add(ek_compute *compute, float *y, const float *x, int64_t count);
void ek_zero(ek_compute *compute, float *x, int64_t count);

/* Where epsilon goes and when decay comes (facts: Adam's formulas of the paper):
 *   MOSBACH: w = fma(-step_size, m / (sqrt(v) + eps), w); then w = fma(-decay, w, w)
 *   TORCH:   w = w * (1 - decay); then w = fma(-step_size, m / (sqrt(v) / sqrt_bc2 + eps), w) */
typedef enum { EK_ADAMW_MOSBACH, EK_ADAMW_TORCH } ek_adamw_variant;
typedef struct {
    ek_adamw_variant variant;
    float clip; /* the gradient is multiplied by it first: g = g * clip (1: unchanged) */
    float beta1, one_minus_beta1; /* m = fma(beta1, m, one_minus_beta1 * g) */
    float beta2, one_minus_beta2; /* v = fma(beta2, v, one_minus_beta2 * (g * g)) */
    float eps;
    float step_size; /* MOSBACH: lr * sqrt(1-b2^t)/(1-b1^t) (or lr); TORCH: lr / (1-b1^t) (or lr) */
    float sqrt_bc2;  /* TORCH: sqrt(1 - b2^t) (or 1) */
    float decay;     /* lr * weight_decay, 0 for groups without decay */
} ek_adamw_constants;
/* One pass: m, v, w updated in place. m and v below FLT_MIN in magnitude (subnormal, or -0) become
 * +0 before w uses them. 1 - decay is rounded. */
void ek_adamw_update(ek_compute *compute, float *w, float *m, float *v, const float *g,
                     int64_t count, const ek_adamw_constants *constants);

/* ---- rows of a table that most steps do not touch: exact lazy AdamW ----
 * A table of `width` floats a row whose gradient is +0 outside the listed rows (ascending,
 * distinct). Each function has the same bits as its dense counterpart over the whole table. */
/* Sum of squares of the whole table of `count` floats. */
double ek_sum_squares_rows(ek_compute *compute, const float *x, int64_t count, const int32_t *rows,
                           int64_t row_count, int64_t width);
/* ek_adamw_update on the listed rows. */
void ek_adamw_update_rows(ek_compute *compute, float *w, float *m, float *v, const float *g,
                          const int32_t *rows, int64_t row_count, int64_t width,
                          const ek_adamw_constants *constants);
/* What changes from one update to the next. */
typedef struct {
    float step_size, sqrt_bc2, decay;
} ek_adamw_rates;
/* Brings rows up to date: row r gets the updates made[r] .. updates - 1 with a gradient of +0, one
 * after another with rates[made[r]] ..., and made[r] = updates. Where moved[r] is 0 the row's m and
 * v are all +0: they are not read, and only the decay acts. constants give the variant, betas and
 * eps. rows NULL: all of row_count rows. */
void ek_adamw_replay(ek_compute *compute, float *w, float *m, float *v, const int32_t *rows,
                     int64_t row_count, int64_t width, int32_t *made, const uint8_t *moved,
                     int32_t updates, const ek_adamw_constants *constants,
                     const ek_adamw_rates *rates);

/* ---- elementary functions, for tests and for the few values outside arrays ------------------- */
/* NaN in gives NaN out. Largest errors over all 2^32 floats, measured against libm's double
 * functions by tests/unit/test_kernel_elementary.c: exp 1.02 ULP (subnormal results included: it
 * underflows gradually), log 0.84, erf 1.18, tanh 1.34. erf and tanh are odd and keep the sign of
 * zero; log of a negative number is NaN, of +-0 -inf. */
float ek_expf(float x);
float ek_logf(float x);
float ek_erff(float x);
float ek_tanhf(float x);

#endif
