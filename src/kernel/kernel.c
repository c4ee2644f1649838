/* The public operations: what is checked once, how work is split over threads, and the buffers.
 *
 * With one thread no OpenMP region is entered at all: worker processes are forked, and a fork after
 * a region deadlocks the child. Splitting never changes bits: whole tiles, rows, columns or heads
 * go to a thread, and every sum has its own fixed order. */
#include "kernel/kernel.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "base/mem.h"
#include "kernel/kernel_table.h"

struct ek_compute {
    const ek__kernels *kernels;
    int threads;
    ek_arena arena;       /* the buffers below */
    float *packed_b;      /* shared by the threads of a product */
    float **packed_a;     /* [threads] */
    float *chunk_sums;    /* [SLAB_CHUNKS] of ek_sum_squares */
    int64_t *chunks;      /* [SLAB_CHUNKS] of ek_sum_squares_rows */
    ek_arena heads_arena; /* attention's scratch, grown by ek_compute_reserve_length */
    int32_t max_length, head_size;
    struct head_scratch {
        float *first, *second;      /* [length, length] */
        float *packed_a, *packed_b; /* a product of one head */
    } * heads;                      /* [threads] */
};

enum { SLAB_CHUNKS = 4096, LENGTH_PLANNED = 512, HEAD_SIZE_PLANNED = 128 };

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static size_t panel_floats(int64_t columns, int64_t depth)
{
    return (size_t)(ceil_div(columns, EK__TILE_COLUMNS_MAX) * EK__TILE_COLUMNS_MAX * depth);
}

static void lay_out(ek_compute *compute, ek_arena *arena, int threads)
{
    compute->packed_b =
        ek_arena_alloc(arena, panel_floats(EK__GEMM_NC, EK__GEMM_KC), sizeof(float));
    compute->chunk_sums = ek_arena_alloc(arena, SLAB_CHUNKS, sizeof(float));
    compute->chunks = ek_arena_alloc(arena, SLAB_CHUNKS, sizeof(int64_t));
    compute->packed_a = ek_arena_alloc(arena, (size_t)threads, sizeof(float *));
    compute->heads = ek_arena_alloc(arena, (size_t)threads, sizeof *compute->heads);
    for (int t = 0; t < threads; t++) {
        float *block = ek_arena_alloc(arena, EK__GEMM_A_LANES * EK__GEMM_KC, sizeof(float));
        if (compute->packed_a) {
            compute->packed_a[t] = block;
        }
    }
}

static void lay_out_heads(ek_compute *compute, ek_arena *arena, int threads, int32_t length,
                          int32_t head_size)
{
    size_t square = (size_t)length * (size_t)length;
    /* The deepest and widest operand of a head's products is the longer of length and head_size. */
    int64_t side = length > head_size ? length : head_size;
    int64_t depth = side < EK__GEMM_KC ? side : EK__GEMM_KC;
    for (int t = 0; t < threads; t++) {
        struct head_scratch scratch;
        scratch.first = ek_arena_alloc(arena, square, sizeof(float));
        scratch.second = ek_arena_alloc(arena, square, sizeof(float));
        scratch.packed_a = ek_arena_alloc(arena, EK__GEMM_A_LANES * (size_t)depth, sizeof(float));
        scratch.packed_b = ek_arena_alloc(
            arena, panel_floats(side < EK__GEMM_NC ? side : EK__GEMM_NC, depth), sizeof(float));
        if (arena->base) {
            compute->heads[t] = scratch;
        }
    }
}

static const ek__kernels *table_of(ek_isa isa)
{
    switch (isa) {
#if defined(__x86_64__)
    case EK_ISA_AVX2:
        return &ek__kernels_avx2;
    case EK_ISA_AVX512:
        return &ek__kernels_avx512;
    case EK_ISA_AVX512_BF16:
        return &ek__kernels_avx512_bf16;
#endif
    default: /* plain C serves every machine that has no table of its own */
        return &ek__kernels_scalar;
    }
}

ek_status ek_compute_reserve_length(ek_compute *compute, int32_t max_length, int32_t head_size,
                                    ek_error *err)
{
    if (max_length <= compute->max_length && head_size <= compute->head_size) {
        return EK_OK;
    }
    max_length = max_length > compute->max_length ? max_length : compute->max_length;
    head_size = head_size > compute->head_size ? head_size : compute->head_size;
    ek_arena plan = ek_arena_measure(), arena;
    lay_out_heads(compute, &plan, compute->threads, max_length, head_size);
    EK_TRY(ek_arena_init(&arena, plan.used_bytes, err));
    lay_out_heads(compute, &arena, compute->threads, max_length, head_size);
    ek_arena_deinit(&compute->heads_arena);
    compute->heads_arena = arena;
    compute->max_length = max_length;
    compute->head_size = head_size;
    return EK_OK;
}

/* Flush-to-zero would change bits (numerics, rule 8). Threads inherit the mode of their creator. */
static bool keeps_denormals(void)
{
    volatile float smallest = FLT_MIN;
    volatile float half = smallest * 0.5f; /* flushed as a result? */
    return half * 2.0f == FLT_MIN;         /* or as an operand? */
}

ek_status ek_compute_new(ek_compute **out, int threads, ek_error *err)
{
    *out = NULL;
    if (!keeps_denormals()) {
        return ek_error_set(err, EK_E_FAILED,
                            "this process flushes denormal numbers to zero, which changes results; "
                            "preload no library that is built with fast-math");
    }
    if (threads < 1 || threads > 1024) {
        return ek_error_set(err, EK_E_USAGE, "threads must be 1 to 1024, found %d", threads);
    }
    ek_isa isa;
    EK_TRY(ek_isa_choose(&isa, err));
    ek_compute *compute = ek_calloc(1, sizeof *compute);
    if (!compute) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the kernels' state");
    }
    compute->kernels = table_of(isa);
    compute->threads = threads;
    ek_compute measured = {0};
    ek_arena plan = ek_arena_measure();
    lay_out(&measured, &plan, threads);
    ek_status status = ek_arena_init(&compute->arena, plan.used_bytes, err);
    if (status == EK_OK) {
        lay_out(compute, &compute->arena, threads);
        status = ek_compute_reserve_length(compute, LENGTH_PLANNED, HEAD_SIZE_PLANNED, err);
    }
    if (status != EK_OK) {
        ek_compute_free(compute);
        return status;
    }
    *out = compute;
    return EK_OK;
}

void ek_compute_free(ek_compute *compute)
{
    if (compute) {
        ek_arena_deinit(&compute->arena);
        ek_arena_deinit(&compute->heads_arena);
        ek_free(compute);
    }
}

size_t ek_compute_bytes(int threads)
{
    ek_compute measured = {0};
    ek_arena plan = ek_arena_measure();
    lay_out(&measured, &plan, threads);
    lay_out_heads(&measured, &plan, threads, LENGTH_PLANNED, HEAD_SIZE_PLANNED);
    return plan.used_bytes;
}

ek_isa ek_compute_isa(const ek_compute *compute)
{
    return compute->kernels->isa;
}

int ek_compute_threads(const ek_compute *compute)
{
    return compute->threads;
}

/* Runs the body, the last argument, with [begin, end) set to this thread's share of count units;
 * small work stays on one thread. Units are what must not be cut: rows, columns in sixteens,
 * chunks. */
#define EK_SPLIT(compute, count, worth_it, ...)                                                    \
    do {                                                                                           \
        int64_t split_count_ = (count);                                                            \
        if ((compute)->threads == 1 || !(worth_it)) {                                              \
            int64_t begin = 0, end = split_count_;                                                 \
            (void)begin;                                                                           \
            (void)end;                                                                             \
            __VA_ARGS__;                                                                           \
        } else {                                                                                   \
            _Pragma("omp parallel num_threads((compute)->threads)")                                \
            {                                                                                      \
                int64_t t_ = omp_get_thread_num(), n_ = omp_get_num_threads();                     \
                int64_t begin = split_count_ * t_ / n_, end = split_count_ * (t_ + 1) / n_;        \
                if (begin < end) {                                                                 \
                    __VA_ARGS__;                                                                   \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    } while (0)

enum { WORTH_SPLITTING = 16384 }; /* elements below which a region costs more than it saves */

/* ---- matrix product -------------------------------------------------------------------------- */

/* By columns each thread packs all of A for itself but its own part of B only, and waits for
 * nobody. By rows they pack B together. The way that leaves the smaller part, in 1/16 of the whole,
 * to the thread with the most panels. */
static bool split_by_rows(const ek_compute *compute, const ek_gemm_args *args, int64_t threads)
{
    int64_t row_panels = ceil_div(args->m, compute->kernels->tile_rows);
    int64_t column_panels = ceil_div(args->n, compute->kernels->tile_columns);
    return 16 * ceil_div(row_panels, threads) / row_panels <
           16 * ceil_div(column_panels, threads) / column_panels;
}

/* This thread's part of a product; all threads of the team call it. packed_b is shared. */
static void gemm_part(const ek_compute *compute, const ek_gemm_args *args, float *packed_a,
                      float *packed_b, int64_t thread, int64_t threads, bool by_rows)
{
    const ek__kernels *k = compute->kernels;
    const int64_t deepest = args->precision == EK_PRECISION_BF16 ? 2 * EK__GEMM_KC : EK__GEMM_KC;
    const int64_t row_panels = ceil_div(args->m, k->tile_rows);
    const int64_t r0 = by_rows ? row_panels * thread / threads : 0;
    const int64_t r1 = by_rows ? row_panels * (thread + 1) / threads : row_panels;
    /* Panels of B that are used once are packed just before and need not be kept. */
    const bool keep = by_rows || args->m > EK__GEMM_MC;
    for (int64_t column = 0; column < args->n; column += EK__GEMM_NC) {
        int64_t columns = args->n - column < EK__GEMM_NC ? args->n - column : EK__GEMM_NC;
        int64_t panels = ceil_div(columns, k->tile_columns);
        int64_t p0 = panels * thread / threads, p1 = panels * (thread + 1) / threads;
        for (int64_t k0 = 0; k0 < args->k; k0 += deepest) {
            int64_t depth = args->k - k0 < deepest ? args->k - k0 : deepest;
            ek__gemm_block block = {column, columns, k0, depth};
            if (keep) {
                k->gemm_pack_b(packed_b, args, &block, p0, p1);
            }
            if (by_rows) {
#pragma omp barrier
                k->gemm_multiply(args, packed_a, packed_b, &block, r0, r1, 0, panels);
#pragma omp barrier
            } else {
                k->gemm_multiply(args, packed_a, keep ? packed_b : NULL, &block, r0, r1, p0, p1);
            }
        }
    }
}

static void gemm_serial(const ek_compute *compute, const ek_gemm_args *args, float *packed_a,
                        float *packed_b)
{
    gemm_part(compute, args, packed_a, packed_b, 0, 1, false);
}

static void gemm_parallel(const ek_compute *compute, const ek_gemm_args *args)
{
    bool by_rows = split_by_rows(compute, args, compute->threads);
#pragma omp parallel num_threads(compute->threads)
    {
        int64_t thread = omp_get_thread_num();
        gemm_part(compute, args, compute->packed_a[thread], compute->packed_b, thread,
                  omp_get_num_threads(), by_rows);
    }
}

/* K = 0, where no tile is computed. */
static void empty_sum(const ek_gemm_args *args)
{
    for (int64_t i = 0; i < args->m; i++) {
        float *row = args->c + i * args->ldc;
        for (int64_t j = 0; j < args->n; j++) {
            float start = args->accumulate ? row[j] : 0.0f;
            row[j] = args->bias ? start + args->bias[j] : start;
        }
    }
}

void ek_gemm(ek_compute *compute, const ek_gemm_args *args)
{
    if (args->m <= 0 || args->n <= 0) {
        return;
    }
    if (args->k <= 0) {
        empty_sum(args);
        return;
    }
    if (compute->threads == 1 || args->m * args->n * args->k < 64 * WORTH_SPLITTING) {
        gemm_serial(compute, args, compute->packed_a[0], compute->packed_b);
    } else {
        gemm_parallel(compute, args);
    }
}

void ek_bias_backward(ek_compute *compute, float *dbias, const float *dy, int64_t rows,
                      int64_t width)
{
    EK_SPLIT(compute, ceil_div(width, 16), rows * width >= WORTH_SPLITTING,
             compute->kernels->bias_backward(dbias, dy, rows, width, begin * 16,
                                             end * 16 < width ? end * 16 : width));
}

/* ---- dropout, normalisation, activations ----------------------------------------------------- */

ek_dropout ek_dropout_make(double probability, uint32_t seed, uint32_t step, uint32_t site)
{
    double threshold = floor(probability * 65536 + 0.5);
    if (!(threshold > 0)) {
        threshold = 0;
    }
    if (threshold > 65535) {
        threshold = 65535;
    }
    return (ek_dropout){seed, step, site, (uint32_t)threshold,
                        (float)(65536.0 / (65536.0 - threshold))};
}

void ek_dropout_apply(ek_compute *compute, float *y, const float *x, const ek_dropout *dropout,
                      const ek_rows *rows, int64_t width)
{
    EK_SPLIT(compute, rows->count, rows->count * width >= WORTH_SPLITTING,
             compute->kernels->dropout_rows(y, x, dropout, rows, width, begin, end));
}

void ek_residual_layernorm_forward(ek_compute *compute, float *y, float *z, float *mean,
                                   float *rstd, const float *x, const float *residual,
                                   const ek_dropout *dropout, const ek_rows *rows,
                                   const float *gamma, const float *beta, int64_t width, float eps)
{
    EK_SPLIT(compute, rows->count, rows->count * width >= WORTH_SPLITTING,
             compute->kernels->residual_layernorm_rows(y, z, mean, rstd, x, residual, dropout, rows,
                                                       gamma, beta, width, eps, begin, end));
}

void ek_layernorm_backward(ek_compute *compute, float *dz, float *dgamma, float *dbeta,
                           const float *dy, const float *z, const float *mean, const float *rstd,
                           const float *gamma, int64_t rows, int64_t width)
{
    bool worth = rows * width >= WORTH_SPLITTING;
    /* First the parameters: dz may overwrite dy. */
    EK_SPLIT(compute, ceil_div(width, 16), worth,
             compute->kernels->layernorm_params(dgamma, dbeta, dy, z, mean, rstd, rows, width,
                                                begin * 16, end * 16 < width ? end * 16 : width));
    EK_SPLIT(compute, rows, worth,
             compute->kernels->layernorm_input(dz, dy, z, mean, rstd, gamma, width, begin, end));
}

void ek_activation_forward(ek_compute *compute, float *y, const float *x, int64_t count,
                           ek_activation activation)
{
    EK_SPLIT(compute, count, count >= WORTH_SPLITTING,
             compute->kernels->activation_forward(y + begin, x + begin, end - begin, activation));
}

void ek_activation_backward(ek_compute *compute, float *dx, const float *dy, const float *x,
                            int64_t count, ek_activation activation)
{
    EK_SPLIT(compute, count, count >= WORTH_SPLITTING,
             compute->kernels->activation_backward(dx + begin, dy + begin, x + begin, end - begin,
                                                   activation));
}

/* ---- attention ------------------------------------------------------------------------------- */

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
static void head_product(const ek_compute *compute, struct head_scratch *scratch, float *c,
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
    gemm_serial(compute, &args, scratch->packed_a, scratch->packed_b);
}

static void head_forward(const ek_compute *compute, struct head_scratch *scratch,
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

static void head_backward(const ek_compute *compute, struct head_scratch *scratch,
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

typedef void head_function(const ek_compute *compute, struct head_scratch *scratch,
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
    each_head(compute, &a, head_forward);
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
    each_head(compute, &a, head_backward);
}

/* ---- embeddings and rows --------------------------------------------------------------------- */

void ek_embedding_forward(ek_compute *compute, float *z, const float *word, const float *type,
                          const float *position, const int32_t *input_ids,
                          const int32_t *token_type_ids, const int32_t *position_ids,
                          int64_t tokens, int64_t width)
{
    EK_SPLIT(compute, tokens, tokens * width >= WORTH_SPLITTING,
             compute->kernels->embedding_rows(z, word, type, position, input_ids, token_type_ids,
                                              position_ids, width, begin, end));
}

void ek_embedding_backward(ek_compute *compute, float *dtable, const float *dz, const int32_t *ids,
                           const int32_t *sorted, int64_t tokens, int64_t width, int32_t skip_id)
{
    EK_SPLIT(compute, tokens, tokens * width >= WORTH_SPLITTING, {
        /* A row belongs to the thread in whose share its first occurrence stands. */
        while (begin > 0 && begin < end && ids[sorted[begin]] == ids[sorted[begin - 1]]) {
            begin++;
        }
        while (begin < end && end < tokens && ids[sorted[end]] == ids[sorted[end - 1]]) {
            end++;
        }
        for (int64_t i = begin; i < end; i++) {
            int32_t id = ids[sorted[i]];
            if (id != skip_id) {
                compute->kernels->add(dtable + id * width, dz + sorted[i] * width, width);
            }
        }
    });
}

void ek_rows_gather(ek_compute *compute, float *y, const float *x, const int32_t *index,
                    int64_t count, int64_t width)
{
    (void)compute;
    for (int64_t r = 0; r < count; r++) {
        memcpy(y + r * width, x + index[r] * width, (size_t)width * sizeof *y);
    }
}

void ek_rows_scatter_add(ek_compute *compute, float *y, const float *x, const int32_t *index,
                         int64_t count, int64_t width)
{
    for (int64_t r = 0; r < count; r++) {
        compute->kernels->add(y + index[r] * width, x + r * width, width);
    }
}

/* ---- losses ---------------------------------------------------------------------------------- */

void ek_softmax_forward(ek_compute *compute, float *probs, const float *logits, int64_t rows,
                        int64_t classes)
{
    EK_SPLIT(compute, rows, rows * classes >= WORTH_SPLITTING,
             compute->kernels->softmax_rows(probs, logits, classes, begin, end));
}

void ek_cross_entropy(ek_compute *compute, float *row_loss, float *dlogits, const float *logits,
                      const int32_t *labels, int64_t rows, int64_t classes, float divisor)
{
    EK_SPLIT(compute, rows, rows * classes >= WORTH_SPLITTING,
             compute->kernels->cross_entropy_rows(row_loss, dlogits, logits, labels, classes,
                                                  divisor, begin, end));
}

void ek_squared_error(ek_compute *compute, float *row_loss, float *dx, const float *x,
                      const float *target, int64_t rows, float divisor)
{
    (void)compute;
    for (int64_t r = 0; r < rows; r++) {
        float difference = x[r] - target[r];
        row_loss[r] = difference * difference;
        if (dx) {
            dx[r] = 2.0f * difference / divisor;
        }
    }
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* *sum += the squares of `count` chunks, in order. */
static void add_chunks(ek_compute *compute, double *sum, const float *x, int64_t total,
                       const int64_t *chunks, int64_t count)
{
    EK_SPLIT(compute, count, count >= 8, {
        for (int64_t i = begin; i < end; i++) {
            int64_t first = chunks[i] * EK__SQUARES_CHUNK, left = total - first;
            compute->chunk_sums[i] = compute->kernels->squares_chunk(
                x + first, left < EK__SQUARES_CHUNK ? left : EK__SQUARES_CHUNK);
        }
    });
    for (int64_t i = 0; i < count; i++) {
        *sum += (double)compute->chunk_sums[i];
    }
}

double ek_sum_squares(ek_compute *compute, const float *x, int64_t count)
{
    double sum = 0;
    int64_t chunks = ceil_div(count, EK__SQUARES_CHUNK), listed = 0;
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
        compute->chunks[listed++] = chunk;
        if (listed == SLAB_CHUNKS || chunk + 1 == chunks) {
            add_chunks(compute, &sum, x, count, compute->chunks, listed);
            listed = 0;
        }
    }
    return sum;
}

/* A chunk without a listed row adds +0, so only the others are computed. */
double ek_sum_squares_rows(ek_compute *compute, const float *x, int64_t count, const int32_t *rows,
                           int64_t row_count, int64_t width)
{
    double sum = 0;
    int64_t listed = 0, next = 0; /* first chunk that is not listed yet */
    for (int64_t r = 0; r < row_count; r++) {
        int64_t first = rows[r] * width / EK__SQUARES_CHUNK;
        int64_t last = ((rows[r] + 1) * width - 1) / EK__SQUARES_CHUNK;
        for (int64_t chunk = first > next ? first : next; chunk <= last; chunk++) {
            compute->chunks[listed++] = chunk;
            next = chunk + 1;
            if (listed == SLAB_CHUNKS) {
                add_chunks(compute, &sum, x, count, compute->chunks, listed);
                listed = 0;
            }
        }
    }
    add_chunks(compute, &sum, x, count, compute->chunks, listed);
    return sum;
}

void ek_add(ek_compute *compute, float *y, const float *x, int64_t count)
{
    EK_SPLIT(compute, count, count >= WORTH_SPLITTING,
             compute->kernels->add(y + begin, x + begin, end - begin));
}

void ek_zero(ek_compute *compute, float *x, int64_t count)
{
    EK_SPLIT(compute, count, count >= WORTH_SPLITTING,
             memset(x + begin, 0, (size_t)(end - begin) * sizeof *x));
}

void ek_adamw_update(ek_compute *compute, float *w, float *m, float *v, const float *g,
                     int64_t count, const ek_adamw_constants *constants)
{
    EK_SPLIT(compute, count, count >= WORTH_SPLITTING,
             compute->kernels->adamw(w + begin, m + begin, v + begin, g + begin, end - begin,
                                     constants));
}

void ek_adamw_update_rows(ek_compute *compute, float *w, float *m, float *v, const float *g,
                          const int32_t *rows, int64_t row_count, int64_t width,
                          const ek_adamw_constants *constants)
{
    EK_SPLIT(compute, row_count, row_count * width >= WORTH_SPLITTING, {
        for (int64_t r = begin; r < end; r++) {
            int64_t at = rows[r] * width;
            compute->kernels->adamw(w + at, m + at, v + at, g + at, width, constants);
        }
    });
}

void ek_adamw_replay(ek_compute *compute, float *w, float *m, float *v, const int32_t *rows,
                     int64_t row_count, int64_t width, int32_t *made, const uint8_t *moved,
                     int32_t updates, const ek_adamw_constants *constants,
                     const ek_adamw_rates *rates)
{
    EK_SPLIT(compute, row_count, row_count * width >= WORTH_SPLITTING, {
        for (int64_t r = begin; r < end; r++) {
            int32_t row = rows ? rows[r] : (int32_t)r;
            int64_t at = row * width;
            if (made[row] == updates) {
                continue;
            }
            if (moved[row]) {
                compute->kernels->adamw_replay(w + at, m + at, v + at, width, constants, rates,
                                               made[row], updates);
            } else {
                compute->kernels->decay_replay(w + at, width, constants->variant, rates, made[row],
                                               updates);
            }
            made[row] = updates;
        }
    });
}

/* ---- elementary functions -------------------------------------------------------------------- */

static float one_value(float x, int which)
{
    float y;
    ek__kernels_scalar.elementary(&y, &x, 1, which);
    return y;
}

float ek_expf(float x)
{
    return one_value(x, 0);
}

float ek_logf(float x)
{
    return one_value(x, 1);
}

float ek_erff(float x)
{
    return one_value(x, 2);
}

float ek_tanhf(float x)
{
    return one_value(x, 3);
}
