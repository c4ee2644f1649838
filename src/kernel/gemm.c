/* The matrix product over threads: blocks of depth, and who computes which panels. The register
 * tile and the packing are in gemm.inc. */
#include "kernel/compute.h"

const char *ek_precision_name(ek_precision precision)
{
    return precision == EK_PRECISION_BF16 ? "bf16" : "fp32";
}

/* By columns each thread packs all of A for itself but its own part of B only, and waits for
 * nobody. By rows they pack B together. The way that leaves the smaller part, in 1/16 of the whole,
 * to the thread with the most panels. */
static bool split_by_rows(const ek_compute *compute, const ek_gemm_args *args, int64_t threads)
{
    int64_t row_panels = ek__ceil_div(args->m, compute->kernels->tile_rows);
    int64_t column_panels = ek__ceil_div(args->n, compute->kernels->tile_columns);
    return 16 * ek__ceil_div(row_panels, threads) / row_panels <
           16 * ek__ceil_div(column_panels, threads) / column_panels;
}

/* This thread's part of a product; all threads of the team call it. packed_b is shared. */
static void gemm_part(const ek_compute *compute, const ek_gemm_args *args, float *packed_a,
                      float *packed_b, int64_t thread, int64_t threads, bool by_rows)
{
    const ek__kernels *k = compute->kernels;
    const int64_t deepest =
        args->precision == EK_PRECISION_BF16 ? k->bf16_products * EK__GEMM_KC : EK__GEMM_KC;
    const int64_t row_panels = ek__ceil_div(args->m, k->tile_rows);
    const int64_t r0 = by_rows ? row_panels * thread / threads : 0;
    const int64_t r1 = by_rows ? row_panels * (thread + 1) / threads : row_panels;
    /* Panels of B that are used once are packed just before and need not be kept. */
    const bool keep = by_rows || args->m > EK__GEMM_MC;
    for (int64_t column = 0; column < args->n; column += EK__GEMM_NC) {
        int64_t columns = args->n - column < EK__GEMM_NC ? args->n - column : EK__GEMM_NC;
        int64_t panels = ek__ceil_div(columns, k->tile_columns);
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

void ek__gemm_serial(const ek_compute *compute, const ek_gemm_args *args, float *packed_a,
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
    double started = ek__op_start(compute);
    if (compute->threads == 1 || args->m * args->n * args->k < 64 * EK__WORTH_SPLITTING) {
        ek__gemm_serial(compute, args, compute->packed_a[0], compute->packed_b);
    } else {
        gemm_parallel(compute, args);
    }
    ek__op_end(compute,
               args->trans_b   ? EK_OP_GEMM_FORWARD
               : args->trans_a ? EK_OP_GEMM_WEIGHT
                               : EK_OP_GEMM_INPUT,
               started, 2.0 * (double)args->m * (double)args->n * (double)args->k);
}
