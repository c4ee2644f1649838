#include "kernel/profile.h"

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
        "adamw catch-up",
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

double ek_peak_flops(ek_compute *compute, ek_precision precision)
{
    const ek__kernels *k = compute->kernels;
    enum { ITERATIONS = 400000 };
    double flops = 2.0 * (precision == EK_PRECISION_BF16 ? 2 : 1) * k->tile_rows * k->tile_columns *
                   ITERATIONS * compute->threads;
    double best = 0;
    for (int repetition = 0; repetition < 5; repetition++) {
        double started = ek_clock_seconds();
        EK_SPLIT(compute, compute->threads, true,
                 compute->chunk_sums[begin % EK__SLAB_CHUNKS] =
                     k->peak(ITERATIONS, precision == EK_PRECISION_BF16));
        double rate = flops / (ek_clock_seconds() - started);
        best = rate > best ? rate : best;
    }
    return best;
}
