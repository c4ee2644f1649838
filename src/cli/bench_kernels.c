/* Peaks of the machine, matrix products, and the kernels between them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "cli/bench.h"

static const ek_bench_shape shapes[] = {
    {"bert-tiny", 128, 512, 2, 2},
    {"minilm", 384, 1536, 6, 12},
    {"bert-base", 768, 3072, 12, 12},
    {"bert-large", 1024, 4096, 24, 16},
};

const ek_bench_shape *ek_bench_shape_find(const char *name)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (strcmp(shapes[i].name, name) == 0) {
            return &shapes[i];
        }
    }
    return NULL;
}

ek_status ek_bench_add(ek_bench *bench, const char *shape, ek_bench_row row, ek_error *err)
{
    snprintf(row.shape, sizeof row.shape, "%s", shape ? shape : "");
    if (bench->count == bench->capacity) {
        size_t capacity = 2 * bench->capacity + 64;
        ek_bench_row *grown = ek_realloc(bench->rows, capacity, sizeof *grown);
        if (!grown) {
            return ek_error_set(err, EK_E_MEMORY, "no memory for the measurements");
        }
        bench->rows = grown;
        bench->capacity = capacity;
    }
    bench->rows[bench->count++] = row;
    return EK_OK;
}

bool ek_bench_wants(const ek_bench *bench, ek_precision precision)
{
    return bench->precision < 0 || bench->precision == (int)precision;
}

/* of the peak, which is NaN where the machine was not measured */
static double share_of(double rate, double peak)
{
    return peak > 0 ? rate / peak : (double)NAN;
}

void ek_bench_free(ek_bench *bench)
{
    ek_free(bench->rows);
    bench->rows = NULL;
    bench->count = bench->capacity = 0;
}

/* ---- timing ---------------------------------------------------------------------------------- */

enum { SAMPLES_MAX = 400, SAMPLES_MIN = 5 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median seconds of a call, over at least SAMPLES_MIN calls and bench->seconds. With peak, a burst
 * of products of that precision stands before each call, and *share becomes the median share of
 * it that flops a call are. */
static double timed(const ek_bench *bench, void (*call)(void *user, int64_t turn), void *user,
                    ek_compute *peak, ek_precision precision, double flops, double *share)
{
    double samples[SAMPLES_MAX], shares[SAMPLES_MAX], began = ek_clock_seconds();
    int count = 0;
    call(user, 0); /* warms caches and threads */
    while (count < SAMPLES_MAX &&
           (count < SAMPLES_MIN || ek_clock_seconds() - began < bench->seconds)) {
        double rate = peak ? ek_peak_burst(peak, precision) : (double)NAN;
        double started = ek_clock_seconds();
        call(user, count + 1);
        samples[count] = ek_clock_seconds() - started;
        shares[count] = flops / samples[count] / rate;
        count++;
    }
    qsort(samples, (size_t)count, sizeof *samples, ascending);
    qsort(shares, (size_t)count, sizeof *shares, ascending);
    *share = shares[count / 2];
    return samples[count / 2];
}

static int thread_counts(const ek_bench *bench)
{
    return bench->threads_max > 1 ? 2 : 1;
}

/* One thread, then all. */
static int threads_of(const ek_bench *bench, int which)
{
    return which == 0 ? 1 : bench->threads_max;
}

static bool stopped(const ek_bench *bench)
{
    return bench->stop && bench->stop();
}

static void fill(float *x, int64_t count, uint32_t which)
{
    ek_random_normal_f32(x, (size_t)count, 0, 0.5, 1, EK_STREAM_RESAMPLE, which, 0);
}

/* ---- the machine ----------------------------------------------------------------------------- */

static ek_status machine_on(ek_bench *bench, int which, ek_error *err)
{
    ek_compute *compute;
    int threads = threads_of(bench, which);
    ek_bench_row row = {.section = "machine", .threads = threads, .share = (double)NAN};
    EK_TRY(ek_compute_new(&compute, threads, err));
    ek_status status = EK_OK;
    for (int p = 0; p < EK_PRECISION_COUNT && status == EK_OK; p++) {
        double peak = ek_peak_flops(compute, (ek_precision)p) / 1e9;
        bench->peak_flops[p][which] = peak;
        row.precision = (ek_precision)p;
        row.value = peak;
        row.unit = "GFLOP/s";
        snprintf(row.name, sizeof row.name, "peak");
        status = ek_bench_add(bench, NULL, row, err);
    }
    for (int t = 0; t < EK_TRAFFIC_COUNT && status == EK_OK; t++) {
        double rate;
        status = ek_peak_bytes(&rate, compute, (ek_traffic)t, 24000000, err);
        row.precision = EK_PRECISION_FP32;
        row.value = rate / 1e9;
        row.unit = "GB/s";
        snprintf(row.name, sizeof row.name, "memory %s", ek_traffic_name((ek_traffic)t));
        bench->peak_bytes[which] = row.value; /* AdamW's, the last */
        if (status == EK_OK) {
            status = ek_bench_add(bench, NULL, row, err);
        }
    }
    ek_compute_free(compute);
    return status;
}

ek_status ek_bench_machine(ek_bench *bench, ek_error *err)
{
    for (int which = 0; which < thread_counts(bench); which++) {
        EK_TRY(machine_on(bench, which, err));
    }
    return EK_OK;
}

/* ---- matrix products ------------------------------------------------------------------------- */

enum form { FORWARD, INPUT, WEIGHT, FORM_COUNT };
static const char *const form_names[FORM_COUNT] = {"forward", "input", "weight"};

struct product {
    ek_compute *compute;
    ek_gemm_args args;
    const float *weights; /* `copies` matrices, one a turn, so that none is in a cache */
    int64_t copies, stride;
};

/* y = x W^T of a layer with weight [n, k] and m rows, or one of its gradients. */
static ek_gemm_args product_of(enum form form, int64_t m, int64_t n, int64_t k, const float *x,
                               const float *weight, const float *dy, float *out)
{
    switch (form) {
    case FORWARD:
        return (ek_gemm_args){.m = m,
                              .n = n,
                              .k = k,
                              .a = x,
                              .lda = k,
                              .b = weight,
                              .ldb = k,
                              .trans_b = true,
                              .c = out,
                              .ldc = n};
    case INPUT:
        return (ek_gemm_args){
            .m = m, .n = k, .k = n, .a = dy, .lda = n, .b = weight, .ldb = k, .c = out, .ldc = k};
    default:
        return (ek_gemm_args){.m = n,
                              .n = k,
                              .k = m,
                              .a = dy,
                              .lda = n,
                              .trans_a = true,
                              .b = x,
                              .ldb = k,
                              .c = out,
                              .ldc = k};
    }
}

static void multiply(void *user, int64_t turn)
{
    struct product *product = user;
    ek_gemm_args args = product->args;
    if (product->copies > 1) {
        args.b = product->weights + turn % product->copies * product->stride;
    }
    ek_gemm(product->compute, &args);
}

/* The corner of a product by plain C: the same bits are due. */
static ek_status check_product(const struct product *product, ek_error *err)
{
    enum { ROWS = 3, COLUMNS = 40 };
    float expected[ROWS * COLUMNS] = {0};
    ek_gemm_args corner = product->args;
    ek_compute *reference;
    corner.m = ROWS;
    corner.n = COLUMNS;
    corner.c = expected;
    corner.ldc = COLUMNS;
    EK_TRY(ek_compute_new_reference(&reference, err));
    ek_gemm(reference, &corner);
    ek_compute_free(reference);
    multiply((void *)(uintptr_t)product, 0);
    for (int i = 0; i < ROWS; i++) {
        const float *row = product->args.c + i * product->args.ldc;
        if (memcmp(row, expected + i * COLUMNS, COLUMNS * sizeof *row) != 0) {
            return ek_error_set(err, EK_E_FAILED,
                                "a product of %lld x %lld x %lld differs from plain C in row %d: "
                                "please report this machine (%s)",
                                (long long)product->args.m, (long long)product->args.n,
                                (long long)product->args.k, i, ek_cpu_name());
        }
    }
    return EK_OK;
}

struct operands {
    ek_arena arena;
    float *x, *dy, *weights, *out;
    int64_t copies;
};

/* Enough copies of the weight that none stays in a cache of 64 MB. */
static ek_status operands_init(struct operands *o, int64_t m, int64_t n, int64_t k, bool cold,
                               ek_error *err)
{
    int64_t largest = n * k > m * n ? n * k : m * n;
    largest = largest > m * k ? largest : m * k;
    o->copies = cold ? 25000000 / (n * k) + 2 : 1;
    size_t floats = (size_t)(m * k + m * n + o->copies * n * k + largest);
    EK_TRY(ek_arena_init(&o->arena, floats * sizeof(float) + 4 * EK_ARENA_ALIGN, err));
    o->x = ek_arena_alloc(&o->arena, (size_t)(m * k), sizeof(float));
    o->dy = ek_arena_alloc(&o->arena, (size_t)(m * n), sizeof(float));
    o->weights = ek_arena_alloc(&o->arena, (size_t)(o->copies * n * k), sizeof(float));
    o->out = ek_arena_alloc(&o->arena, (size_t)largest, sizeof(float));
    fill(o->x, m * k, 1);
    fill(o->dy, m * n, 2);
    fill(o->weights, n * k, 3);
    for (int64_t c = 1; c < o->copies; c++) {
        memcpy(o->weights + c * n * k, o->weights, (size_t)(n * k) * sizeof(float));
    }
    return EK_OK;
}

static ek_status gemm_case(ek_bench *bench, const ek_bench_shape *shape, int64_t m, int64_t n,
                           int64_t k, bool cold, int which, ek_error *err)
{
    struct operands o = {0};
    ek_compute *compute;
    EK_TRY(ek_compute_new(&compute, threads_of(bench, which), err));
    ek_status status = operands_init(&o, m, n, k, cold, err);
    for (int f = 0; f < FORM_COUNT && status == EK_OK; f++) {
        if (cold && f == WEIGHT) {
            continue; /* no weight is read */
        }
        for (int p = 0; p < EK_PRECISION_COUNT && status == EK_OK && !stopped(bench); p++) {
            if (!ek_bench_wants(bench, (ek_precision)p)) {
                continue;
            }
            struct product product = {
                .compute = compute,
                .args = product_of((enum form)f, m, n, k, o.x, o.weights, o.dy, o.out),
                .weights = o.weights,
                .copies = o.copies,
                .stride = n * k,
            };
            product.args.precision = (ek_precision)p;
            status = check_product(&product, err);
            double flops = 2.0 * (double)(m * n * k), share = (double)NAN;
            double rate =
                flops / 1e9 /
                timed(bench, multiply, &product, bench->peak_flops[p][which] > 0 ? compute : NULL,
                      (ek_precision)p, flops, &share);
            ek_bench_row row = {.section = "gemm",
                                .rows = m,
                                .precision = (ek_precision)p,
                                .threads = threads_of(bench, which),
                                .value = rate,
                                .unit = "GFLOP/s",
                                .share = share};
            snprintf(row.name, sizeof row.name, "%s %lldx%lld%s", form_names[f], (long long)n,
                     (long long)k, cold ? " cold" : "");
            if (status == EK_OK) {
                status = ek_bench_add(bench, shape->name, row, err);
            }
        }
    }
    ek_arena_deinit(&o.arena);
    ek_compute_free(compute);
    return status;
}

ek_status ek_bench_gemm(ek_bench *bench, const ek_bench_shape *shape, ek_error *err)
{
    static const int64_t row_counts[] = {176, 512, 1024, 2048};
    const int64_t h = shape->hidden_size, wide = shape->intermediate_size;
    const int64_t layers[][2] = {{h, h}, {wide, h}, {h, wide}};
    for (int which = 0; which < thread_counts(bench); which++) {
        for (size_t r = 0; r < 4; r++) {
            char what[64];
            snprintf(what, sizeof what, "products, %s, %lld rows", shape->name,
                     (long long)row_counts[r]);
            bench->tell(what);
            for (size_t l = 0; l < 3 && !stopped(bench); l++) {
                EK_TRY(gemm_case(bench, shape, row_counts[r], layers[l][0], layers[l][1],
                                 row_counts[r] == 176, which, err));
            }
        }
    }
    return EK_OK;
}

/* ---- the other kernels ----------------------------------------------------------------------- */

enum { BENCH_ROWS = 1024, BENCH_LENGTH = 64, BENCH_EXAMPLES = BENCH_ROWS / BENCH_LENGTH };

/* Operands of every kernel on a batch of 16 examples of 64 tokens. */
struct kernels {
    ek_compute *compute;
    int64_t h, wide, heads;
    float *x, *y, *z, *wide_x, *wide_y, *mean, *rstd, *gamma, *beta, *dx, *dgamma, *dbeta, *dbias,
        *qkv, *dqkv;
    float *probs, *w, *m, *v, *g, *table;
    uint32_t *example, *position, *query_position;
    int32_t *ids, *sorted, *zeros, offsets[BENCH_EXAMPLES + 1];
    size_t prob_offsets[BENCH_EXAMPLES + 1];
    ek_rows rows;
    ek_attention_shape attention;
    ek_dropout dropout, attention_dropout;
};

enum { ADAMW_COUNT = 4000000, TABLE_ROWS = 30522 };

static void lay_out(struct kernels *k, ek_arena *arena)
{
    size_t t = BENCH_ROWS, h = (size_t)k->h, f = sizeof(float);
    k->x = ek_arena_alloc(arena, t * h, f);
    k->y = ek_arena_alloc(arena, t * h, f);
    k->z = ek_arena_alloc(arena, t * h, f);
    k->wide_x = ek_arena_alloc(arena, t * (size_t)k->wide, f);
    k->wide_y = ek_arena_alloc(arena, t * (size_t)k->wide, f);
    k->mean = ek_arena_alloc(arena, t, f);
    k->rstd = ek_arena_alloc(arena, t, f);
    k->gamma = ek_arena_alloc(arena, h, f);
    k->beta = ek_arena_alloc(arena, h, f);
    k->dgamma = ek_arena_alloc(arena, h, f);
    k->dbeta = ek_arena_alloc(arena, h, f);
    k->dx = ek_arena_alloc(arena, t * h, f);
    k->dbias = ek_arena_alloc(arena, (size_t)k->wide, f);
    k->qkv = ek_arena_alloc(arena, 3 * t * h, f);
    k->dqkv = ek_arena_alloc(arena, 3 * t * h, f);
    k->probs = ek_arena_alloc(arena, t * BENCH_LENGTH * (size_t)k->heads, f);
    k->w = ek_arena_alloc(arena, ADAMW_COUNT, f);
    k->m = ek_arena_alloc(arena, ADAMW_COUNT, f);
    k->v = ek_arena_alloc(arena, ADAMW_COUNT, f);
    k->g = ek_arena_alloc(arena, ADAMW_COUNT, f);
    k->table = ek_arena_alloc(arena, TABLE_ROWS * h, f);
    k->example = ek_arena_alloc(arena, t, sizeof(uint32_t));
    k->position = ek_arena_alloc(arena, t, sizeof(uint32_t));
    k->ids = ek_arena_alloc(arena, t, sizeof(int32_t));
    k->sorted = ek_arena_alloc(arena, t, sizeof(int32_t));
    k->zeros = ek_arena_alloc(arena, t, sizeof(int32_t));
}

static void fill_all(struct kernels *k)
{
    fill(k->x, BENCH_ROWS * k->h, 1);
    fill(k->y, BENCH_ROWS * k->h, 2);
    fill(k->wide_x, BENCH_ROWS * k->wide, 3);
    fill(k->qkv, 3 * BENCH_ROWS * k->h, 4);
    fill(k->g, ADAMW_COUNT, 5);
    fill(k->w, ADAMW_COUNT, 6);
    fill(k->gamma, k->h, 7);
    fill(k->table, TABLE_ROWS * k->h, 8);
    for (int32_t t = 0; t < BENCH_ROWS; t++) {
        k->example[t] = (uint32_t)(t / BENCH_LENGTH);
        k->position[t] = (uint32_t)(t % BENCH_LENGTH);
        k->ids[t] = t * 29; /* ascending, so already sorted */
        k->sorted[t] = t;
    }
    for (int32_t e = 0; e <= BENCH_EXAMPLES; e++) {
        k->offsets[e] = e * BENCH_LENGTH;
        k->prob_offsets[e] = (size_t)e * BENCH_LENGTH * BENCH_LENGTH * (size_t)k->heads;
    }
    k->rows = (ek_rows){k->example, k->position, BENCH_ROWS};
    k->dropout = ek_dropout_make(0.1, 1, 1, 1);
    k->attention_dropout = ek_dropout_make(0.1, 1, 1, 2);
    k->attention = (ek_attention_shape){
        .example_count = BENCH_EXAMPLES,
        .head_count = (int32_t)k->heads,
        .head_size = (int32_t)(k->h / k->heads),
        .offsets = k->offsets,
        .query_offsets = k->offsets,
        .query_position = k->position,
        .example_index = k->example, /* the first BENCH_EXAMPLES need only be numbers */
        .prob_offsets = k->prob_offsets,
    };
}

#define CALL(name)                                                                                 \
    static void name(void *user, int64_t turn)                                                     \
    {                                                                                              \
        struct kernels *k = user;                                                                  \
        (void)turn;
#define END }

CALL(call_attention_forward)
ek_attention_forward(k->compute, k->z, k->h, k->probs, k->qkv, 3 * k->h, k->qkv + k->h,
                     k->qkv + 2 * k->h, 3 * k->h, &k->attention, &k->attention_dropout);
END CALL(call_attention_backward)
    ek_attention_backward(k->compute, k->dqkv, k->dqkv + k->h, k->dqkv + 2 * k->h, k->y, k->h,
                          k->probs, k->qkv, 3 * k->h, k->qkv + k->h, k->qkv + 2 * k->h, 3 * k->h,
                          &k->attention, &k->attention_dropout);
END CALL(call_layernorm_forward)
    ek_residual_layernorm_forward(k->compute, k->y, k->z, k->mean, k->rstd, k->x, k->y, &k->dropout,
                                  &k->rows, k->gamma, k->beta, k->h, 1e-12f);
END CALL(call_layernorm_backward)
    ek_residual_layernorm_backward(k->compute, k->y, k->dx, k->dgamma, k->dbeta, k->dbias, k->x,
                                   k->z, k->mean, k->rstd, &k->dropout, &k->rows, k->gamma, k->h);
END CALL(call_dropout) ek_dropout_apply(k->compute, k->y, k->x, &k->dropout, &k->rows, k->h);
END CALL(call_gelu_forward) ek_activation_forward(k->compute, k->wide_y, k->wide_x,
                                                  BENCH_ROWS * k->wide, EK_ACTIVATION_GELU);
END CALL(call_gelu_backward)
    ek_activation_backward(k->compute, k->wide_y, k->dbias, k->wide_y, k->wide_x, BENCH_ROWS,
                           k->wide, EK_ACTIVATION_GELU);
END CALL(call_bias) ek_bias_backward(k->compute, k->dbias, k->wide_x, BENCH_ROWS, k->wide);
END CALL(call_embedding_forward)
    ek_embedding_forward(k->compute, k->z, k->table, k->table, k->table, k->ids, k->zeros, k->ids,
                         BENCH_ROWS, k->h);
END CALL(call_embedding_backward)
    ek_embedding_backward(k->compute, k->table, k->x, k->ids, k->sorted, BENCH_ROWS, k->h, -1);
END CALL(call_norm) ek_sum_squares(k->compute, k->g, ADAMW_COUNT);
END CALL(call_adamw)
    ek_adamw_update(k->compute, k->w, k->m, k->v, k->g, ADAMW_COUNT, &ek_adamw_typical);
END

    /* elements: of one call, per row of the batch or alone; bytes: read and written per element. */
    static const struct kernel_row {
    const char *name;
    void (*call)(void *user, int64_t turn);
    enum { HIDDEN, WIDE, SCORES, FIXED } elements;
    double bytes;
} kernel_table[] = {
    {"attention forward", call_attention_forward, SCORES, 0},
    {"attention backward", call_attention_backward, SCORES, 0},
    {"dropout + residual + layernorm", call_layernorm_forward, HIDDEN, 16},
    {"layernorm + dropout + bias backward", call_layernorm_backward, HIDDEN, 16},
    {"dropout", call_dropout, HIDDEN, 8},
    {"gelu forward", call_gelu_forward, WIDE, 8},
    {"gelu + bias backward", call_gelu_backward, WIDE, 12},
    {"bias gradient", call_bias, WIDE, 4},
    {"embedding forward", call_embedding_forward, HIDDEN, 16},
    {"embedding backward", call_embedding_backward, HIDDEN, 12},
    {"gradient norm", call_norm, FIXED, 4},
    {"adamw", call_adamw, FIXED, 28},
};

static ek_status kernel_case(ek_bench *bench, const ek_bench_shape *shape, struct kernels *k,
                             const struct kernel_row *row, int which, ek_error *err)
{
    double elements = ADAMW_COUNT;
    if (row->elements == SCORES) {
        elements = (double)(BENCH_ROWS * BENCH_LENGTH * k->heads);
    } else if (row->elements != FIXED) {
        elements = (double)BENCH_ROWS * (double)(row->elements == HIDDEN ? k->h : k->wide);
    }
    double unused, seconds = timed(bench, row->call, k, NULL, EK_PRECISION_FP32, 0, &unused);
    ek_bench_row out = {.section = "kernel",
                        .rows = row->elements == FIXED ? 0 : BENCH_ROWS,
                        .threads = threads_of(bench, which),
                        .value = 1e9 * seconds / elements,
                        .unit = "ns/element",
                        .share = (double)NAN};
    if (row->bytes > 0) { /* of memory: more than 1 where operands stay in caches */
        out.share = share_of(row->bytes * elements / seconds / 1e9, bench->peak_bytes[which]);
    }
    snprintf(out.name, sizeof out.name, "%s", row->name);
    return ek_bench_add(bench, shape->name, out, err);
}

/* The same call in plain C on the same operands: what the fast one must equal. */
static ek_status check_attention(struct kernels *k, ek_error *err)
{
    ek_compute *fast = k->compute, *reference;
    size_t count = (size_t)(BENCH_ROWS * k->h), row_bytes = (size_t)k->h * sizeof(float);
    float *kept = ek_calloc(count, sizeof *kept);
    if (!kept) {
        return ek_error_set(err, EK_E_MEMORY, "no memory to check the kernels");
    }
    ek_status status = ek_compute_new_reference(&reference, err);
    if (status == EK_OK) {
        call_attention_forward(k, 0);
        memcpy(kept, k->z, count * sizeof *kept);
        k->compute = reference;
        k->attention.example_count = 1; /* plain C is slow */
        call_attention_forward(k, 0);
        k->attention.example_count = BENCH_EXAMPLES;
        k->compute = fast;
        ek_compute_free(reference);
        if (memcmp(kept, k->z, BENCH_LENGTH * row_bytes) != 0) {
            status = ek_error_set(err, EK_E_FAILED,
                                  "attention differs from plain C: please report this machine (%s)",
                                  ek_cpu_name());
        }
    }
    ek_free(kept);
    return status;
}

ek_status ek_bench_kernels(ek_bench *bench, const ek_bench_shape *shape, ek_error *err)
{
    struct kernels k = {.h = shape->hidden_size,
                        .wide = shape->intermediate_size,
                        .heads = shape->num_attention_heads};
    ek_arena arena = ek_arena_measure();
    lay_out(&k, &arena);
    EK_TRY(ek_arena_init(&arena, arena.used_bytes, err));
    lay_out(&k, &arena);
    fill_all(&k);
    ek_status status = EK_OK;
    for (int which = 0; which < thread_counts(bench) && status == EK_OK; which++) {
        bench->tell("kernels");
        status = ek_compute_new(&k.compute, threads_of(bench, which), err);
        if (status == EK_OK) {
            status = check_attention(&k, err);
            for (size_t i = 0; i < sizeof kernel_table / sizeof *kernel_table && status == EK_OK &&
                               !stopped(bench);
                 i++) {
                status = kernel_case(bench, shape, &k, &kernel_table[i], which, err);
            }
            ek_compute_free(k.compute);
        }
    }
    ek_arena_deinit(&arena);
    return status;
}
