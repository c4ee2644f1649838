/* The state behind ek_compute: which kernels, how many threads, which buffers. */
#include "kernel/compute.h"

#include <float.h>

enum { LENGTH_PLANNED = 512, HEAD_SIZE_PLANNED = 128 };

static size_t panel_floats(int64_t columns, int64_t depth)
{
    return (size_t)(ek__ceil_div(columns, EK__TILE_COLUMNS_MAX) * EK__TILE_COLUMNS_MAX * depth);
}

/* columns: of the widest product. */
static void lay_out(ek_compute *compute, ek_arena *arena, int threads, int64_t columns)
{
    columns = columns < EK__GEMM_NC ? columns : EK__GEMM_NC;
    if (columns < threads * EK__TILE_COLUMNS_MAX) { /* each thread needs a panel of its own */
        columns = threads * EK__TILE_COLUMNS_MAX;
    }
    compute->packed_b = ek_arena_alloc(arena, panel_floats(columns, EK__GEMM_KC), sizeof(float));
    compute->chunk_sums = ek_arena_alloc(arena, EK__SLAB_CHUNKS, sizeof(float));
    compute->chunks = ek_arena_alloc(arena, EK__SLAB_CHUNKS, sizeof(int64_t));
    compute->packed_a = ek_arena_alloc(arena, (size_t)threads, sizeof(float *));
    compute->heads = ek_arena_alloc(arena, (size_t)threads, sizeof *compute->heads);
    for (int t = 0; t < threads; t++) {
        float *block = ek_arena_alloc(arena, EK__GEMM_MC * EK__GEMM_KC, sizeof(float));
        if (compute->packed_a) {
            compute->packed_a[t] = block;
        }
    }
}

/* Tiles may read (and not use) a tile of rows beyond the last, and 16 bits beyond a row's. */
static void lay_out_heads(ek_compute *compute, ek_arena *arena, int threads, int32_t length,
                          int32_t head_size)
{
    size_t rows = (size_t)length + EK__TILE_ROWS_MAX;
    size_t width = ((size_t)head_size + 15) / 16 * 16, pitch = ((size_t)length + 15) / 16 * 16 + 16;
    size_t bits = EK__HEAD_ROWS_MAX * (((size_t)length + 7) / 8 * 8) + 64;
    for (int t = 0; t < threads; t++) {
        ek__head_scratch scratch = {
            .q = ek_arena_alloc(arena, rows * width, sizeof(float)),
            .kv = ek_arena_alloc(arena, rows * width, sizeof(float)),
            .dout = ek_arena_alloc(arena, rows * width, sizeof(float)),
            .columns = ek_arena_alloc(arena, (size_t)head_size * pitch, sizeof(float)),
            .scores = ek_arena_alloc(arena, rows * pitch, sizeof(float)),
            .dropped = ek_arena_alloc(arena, rows * pitch, sizeof(float)),
            .bits = ek_arena_alloc(arena, bits, sizeof(uint16_t)),
        };
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
#if defined(__aarch64__)
    case EK_ISA_NEON:
        return &ek__kernels_neon;
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
    lay_out_heads(compute, &plan, compute->max_threads, max_length, head_size);
    EK_TRY(ek_arena_reserve(&arena, plan.used_bytes, err));
    lay_out_heads(compute, &arena, compute->max_threads, max_length, head_size);
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

static ek_status new_compute(ek_compute **out, ek_isa isa, int threads, ek_error *err)
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
    ek_compute *compute = ek_calloc(1, sizeof *compute);
    if (!compute) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the kernels' state");
    }
    compute->kernels = table_of(isa);
    compute->threads = compute->max_threads = threads;
    ek_compute measured = {0};
    ek_arena plan = ek_arena_measure();
    lay_out(&measured, &plan, threads, EK__GEMM_NC);
    ek_status status = ek_arena_reserve(&compute->arena, plan.used_bytes, err);
    if (status == EK_OK) {
        lay_out(compute, &compute->arena, threads, EK__GEMM_NC);
        status = ek_compute_reserve_length(compute, LENGTH_PLANNED, HEAD_SIZE_PLANNED, err);
    }
    if (status != EK_OK) {
        ek_compute_free(compute);
        return status;
    }
    *out = compute;
    return EK_OK;
}

ek_status ek_compute_new(ek_compute **out, int threads, ek_error *err)
{
    ek_isa isa;
    *out = NULL;
    EK_TRY(ek_isa_choose(&isa, err));
    return new_compute(out, isa, threads, err);
}

ek_status ek_compute_new_reference(ek_compute **out, ek_error *err)
{
    return new_compute(out, EK_ISA_SCALAR, 1, err);
}

void ek_compute_free(ek_compute *compute)
{
    if (compute) {
        ek_arena_deinit(&compute->arena);
        ek_arena_deinit(&compute->heads_arena);
        ek_free(compute);
    }
}

size_t ek_compute_bytes(int threads, int32_t max_length, int32_t head_size, int64_t columns)
{
    ek_compute measured = {0};
    ek_arena plan = ek_arena_measure();
    lay_out(&measured, &plan, threads, columns);
    lay_out_heads(&measured, &plan, threads, max_length, head_size);
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

void ek_compute_set_threads(ek_compute *compute, int threads)
{
    threads = threads < 1 ? 1 : threads;
    compute->threads = threads < compute->max_threads ? threads : compute->max_threads;
}
