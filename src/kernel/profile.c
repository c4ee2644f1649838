#include "kernel/profile.h"

#include <string.h>

#include "base/clock.h"
#include "kernel/compute.h"

const char *ek_op_name(ek_op op)
{
    static const char *const names[EK_OP_COUNT] = {
        "gemm forward",
        "gemm input gradient",
        "gemm weight gradient",
        "attention forward",
        "attention backward",
        "layernorm forward",
        "layernorm backward",
        "activation forward",
        "activation backward",
        "dropout",
        "bias gradient",
        "embedding",
        "head and loss",
        "gradient norm",
        "adamw",
        "adamw, touched rows",
        "adamw, catch-up",
        "copy and zero",
    };
    return names[op];
}

void ek_compute_set_profile(ek_compute *compute, ek_profile *profile)
{
    compute->profile = profile;
}

double ek__op_start(const ek_compute *compute)
{
    return compute->profile ? ek_clock_seconds() : 0;
}

void ek__op_end(ek_compute *compute, ek_op op, double started, double flops)
{
    if (compute->profile) {
        compute->profile->ops[op].seconds += ek_clock_seconds() - started;
        compute->profile->ops[op].flops += flops;
        compute->profile->ops[op].calls++;
    }
}

/* ---- peaks ---- */

enum { REPETITIONS = 7, BURST_ITERATIONS = 100000 };

double ek_peak_burst(ek_compute *compute, ek_precision precision)
{
    const ek__kernels *k = compute->kernels;
    const bool bf16 = precision == EK_PRECISION_BF16;
    ek_profile *profile = compute->profile;
    double flops = 2.0 * (bf16 ? k->bf16_products : 1) * k->tile_rows * k->tile_columns *
                   BURST_ITERATIONS * compute->threads;
    compute->profile = NULL; /* no operation of a step */
    double started = ek_clock_seconds();
    EK_SPLIT(compute, EK_OP_COPY, compute->threads, true,
             compute->chunk_sums[begin] = k->peak(BURST_ITERATIONS, bf16));
    double seconds = ek_clock_seconds() - started;
    compute->profile = profile;
    return flops / seconds;
}

double ek_peak_flops(ek_compute *compute, ek_precision precision)
{
    double best = 0;
    for (int repetition = 0; repetition < 4 * REPETITIONS; repetition++) {
        double rate = ek_peak_burst(compute, precision);
        best = rate > best ? rate : best;
    }
    return best;
}

static const struct {
    const char *name;
    double bytes; /* of an element */
} traffic_table[EK_TRAFFIC_COUNT] = {{"read", 4}, {"copy", 8}, {"adamw", 28}};

const char *ek_traffic_name(ek_traffic traffic)
{
    return traffic_table[traffic].name;
}

const ek_adamw_constants ek_adamw_typical = {
    .variant = EK_ADAMW_MOSBACH,
    .clip = 1,
    .beta1 = 0.9f,
    .one_minus_beta1 = 0.1f,
    .beta2 = 0.999f,
    .one_minus_beta2 = 0.001f,
    .eps = 1e-6f,
    .step_size = 1e-5f,
    .sqrt_bc2 = 1,
    .decay = 1e-7f,
};

static void move_once(ek_compute *compute, ek_traffic traffic, float *arrays[4], int64_t count)
{
    if (traffic == EK_TRAFFIC_READ) {
        ek_sum_squares(compute, arrays[0], count);
    } else if (traffic == EK_TRAFFIC_COPY) {
        EK_SPLIT(
            compute, EK_OP_COPY, count, true,
            memcpy(arrays[1] + begin, arrays[0] + begin, (size_t)(end - begin) * sizeof(float)));
    } else {
        ek_adamw_update(compute, arrays[0], arrays[1], arrays[2], arrays[3], count,
                        &ek_adamw_typical);
    }
}

ek_status ek_peak_bytes(double *rate, ek_compute *compute, ek_traffic traffic, int64_t count,
                        ek_error *err)
{
    ek_arena arena;
    float *arrays[4];
    *rate = 0;
    EK_TRY(ek_arena_init(&arena, 4 * ((size_t)count * sizeof(float) + EK_ARENA_ALIGN), err));
    for (int i = 0; i < 4; i++) {
        arrays[i] = ek_arena_alloc(&arena, (size_t)count, sizeof(float));
        for (int64_t j = 0; j < count; j++) { /* untouched pages would all be the same zeros */
            arrays[i][j] = 1e-3f * (float)(j % 1000);
        }
    }
    for (int repetition = 0; repetition < REPETITIONS; repetition++) {
        double started = ek_clock_seconds();
        move_once(compute, traffic, arrays, count);
        double now = traffic_table[traffic].bytes * (double)count / (ek_clock_seconds() - started);
        *rate = now > *rate ? now : *rate;
    }
    ek_arena_deinit(&arena);
    return EK_OK;
}
