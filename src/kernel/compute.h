/* compute.h - inside of the kernels: the state behind ek_compute, and how work is split and timed.
 *
 * With one thread no OpenMP region is entered at all: worker processes are forked, and a fork after
 * a region deadlocks the child. Splitting never changes bits: whole tiles, rows, columns or heads
 * go to a thread, and every sum has its own fixed order.
 */
#ifndef EK_KERNEL_COMPUTE_H
#define EK_KERNEL_COMPUTE_H

#include <omp.h>

#include "base/mem.h"
#include "kernel/kernel.h"
#include "kernel/kernel_table.h"
#include "kernel/profile.h"

enum { EK__SLAB_CHUNKS = 4096 };

struct ek_compute {
    const ek__kernels *kernels;
    int threads, max_threads;
    ek_profile *profile;  /* NULL: nothing is timed */
    ek_arena arena;       /* the buffers below */
    float *packed_b;      /* shared by the threads of a product */
    float **packed_a;     /* [max_threads] */
    float *chunk_sums;    /* [EK__SLAB_CHUNKS] of ek_sum_squares */
    int64_t *chunks;      /* [EK__SLAB_CHUNKS] of ek_sum_squares_rows */
    ek_arena heads_arena; /* attention's scratch, grown by ek_compute_reserve_length */
    int32_t max_length, head_size;
    ek__head_scratch *heads; /* [max_threads] */
};

static inline int64_t ek__ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Columns of packed_b that are one thread's, where each packs for itself. */
static inline int64_t ek__columns_of_thread(int threads)
{
    int64_t columns = EK__GEMM_NC / threads / EK__TILE_COLUMNS_MAX * EK__TILE_COLUMNS_MAX;
    return columns > 0 ? columns : EK__TILE_COLUMNS_MAX;
}

/* Around an operation: nothing happens without a profile. flops: multiplications and additions of
 * its matrix products. */
double ek__op_start(const ek_compute *compute);
void ek__op_end(ek_compute *compute, ek_op op, double started, double flops);

/* Runs the body, the last argument, with [begin, end) set to this thread's share of count units;
 * small work stays on one thread. Units are what must not be cut: rows, columns in sixteens,
 * chunks.
 */
#define EK_SHARE(compute, count, worth_it, ...)                                                    \
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

/* The same as an operation of its own: its time is added to op's. */
#define EK_SPLIT(compute, op, count, worth_it, ...)                                                \
    do {                                                                                           \
        double started_ = ek__op_start(compute);                                                   \
        EK_SHARE(compute, count, worth_it, __VA_ARGS__);                                           \
        ek__op_end(compute, op, started_, 0);                                                      \
    } while (0)

enum { EK__WORTH_SPLITTING = 16384 }; /* elements below which a region costs more than it saves */

#endif
