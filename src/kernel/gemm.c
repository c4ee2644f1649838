/* The matrix product over threads: blocks of depth, and who computes which panels. The register
 * tile and the packing are in gemm.inc. */
#include <stdatomic.h>

#include "kernel/compute.h"

const char *ek_precision_name(ek_precision precision)
{
    return precision == EK_PRECISION_BF16 ? "bf16" : "fp32";
}

/* By columns each thread packs all of A for itself but its own part of B only, and waits for
 * nobody: the way for few rows, where B is the larger part. By rows the threads pack B together and
 * none packs the same of A. With few rows too, where the columns leave the thread with the most
 * panels a larger part, in 1/16 of the whole. */
static bool split_by_rows(const ek_compute *compute, const ek_gemm_args *args, int64_t threads)
{
    int64_t row_panels = ek__ceil_div(args->m, compute->kernels->tile_rows);
    int64_t column_panels = ek__ceil_div(args->n, compute->kernels->tile_columns);
    return args->m > EK__GEMM_MC || 16 * ek__ceil_div(row_panels, threads) / row_panels <
                                        16 * ek__ceil_div(column_panels, threads) / column_panels;
}

static int64_t deepest_block(const ek_compute *compute, const ek_gemm_args *args)
{
    bool bf16 = args->precision == EK_PRECISION_BF16;
    return bf16 ? compute->kernels->bf16_products * EK__GEMM_KC : EK__GEMM_KC;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Columns [n0, n1) of a product by one thread; packed_b, its alone, has room for `room` columns. */
static void gemm_columns(const ek_compute *compute, const ek_gemm_args *args, float *packed_a,
                         float *packed_b, int64_t room, int64_t n0, int64_t n1)
{
    const ek__kernels *k = compute->kernels;
    const int64_t deepest = deepest_block(compute, args);
    const int64_t row_panels = ek__ceil_div(args->m, k->tile_rows);
    for (int64_t column = n0; column < n1; column += room) {
        int64_t columns = smaller(n1 - column, room);
        for (int64_t k0 = 0; k0 < args->k; k0 += deepest) {
            ek__gemm_block block = {column, columns, k0, smaller(args->k - k0, deepest)};
            k->gemm_multiply(args, packed_a, packed_b, &block, 0, row_panels, false);
        }
    }
}

/* The rows of a product; all threads of the team call it. They pack a block of B together and then
 * take some panels of rows at a time, from `next` on, until none is left: a thread whose core is
 * slow, or is somebody else's for a while, takes fewer. */
static void gemm_rows(const ek_compute *compute, const ek_gemm_args *args, float *packed_a,
                      float *packed_b, atomic_int_fast64_t *next, int64_t thread, int64_t threads)
{
    enum { PANELS = 4 };
    const ek__kernels *k = compute->kernels;
    const int64_t deepest = deepest_block(compute, args);
    const int64_t row_panels = ek__ceil_div(args->m, k->tile_rows);
    for (int64_t column = 0; column < args->n; column += EK__GEMM_NC) {
        int64_t columns = smaller(args->n - column, EK__GEMM_NC);
        int64_t panels = ek__ceil_div(columns, k->tile_columns);
        for (int64_t k0 = 0; k0 < args->k; k0 += deepest) {
            ek__gemm_block block = {column, columns, k0, smaller(args->k - k0, deepest)};
            if (thread == 0) {
                atomic_store(next, 0);
            }
            k->gemm_pack_b(packed_b, args, &block, panels * thread / threads,
                           panels * (thread + 1) / threads);
#pragma omp barrier
            for (int64_t row; (row = atomic_fetch_add(next, PANELS)) < row_panels;) {
                k->gemm_multiply(args, packed_a, packed_b, &block, row,
                                 smaller(row + PANELS, row_panels), true);
            }
#pragma omp barrier
        }
    }
}

static void gemm_parallel(const ek_compute *compute, const ek_gemm_args *args)
{
    bool by_rows = split_by_rows(compute, args, compute->threads);
    atomic_int_fast64_t next; /* panel of rows */
#pragma omp parallel num_threads(compute->threads)
    {
        int64_t thread = omp_get_thread_num(), threads = omp_get_num_threads();
        float *packed_a = compute->packed_a[thread];
        if (by_rows) {
            gemm_rows(compute, args, packed_a, compute->packed_b, &next, thread, threads);
        } else {
            int64_t width = compute->kernels->tile_columns;
            int64_t panels = ek__ceil_div(args->n, width);
            int64_t room = ek__columns_of_thread(compute->threads);
            gemm_columns(compute, args, packed_a, compute->packed_b + thread * room * EK__GEMM_KC,
                         room, panels * thread / threads * width,
                         smaller(panels * (thread + 1) / threads * width, args->n));
        }
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
        gemm_columns(compute, args, compute->packed_a[0], compute->packed_b, EK__GEMM_NC, 0,
                     args->n);
    } else {
        gemm_parallel(compute, args);
    }
    ek__op_end(compute,
               args->trans_b   ? EK_OP_GEMM_FORWARD
               : args->trans_a ? EK_OP_GEMM_WEIGHT
                               : EK_OP_GEMM_INPUT,
               started, 2.0 * (double)args->m * (double)args->n * (double)args->k);
}
