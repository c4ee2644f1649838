/* profile.h - where the time of a step goes: seconds, calls and FLOPs by kind of operation.
 *
 *     ek_profile profile = {0};
 *     ek_compute_set_profile(compute, &profile);   // every operation now adds to it
 *     ... steps ...
 *     ek_compute_set_profile(compute, NULL);
 */
#ifndef EK_KERNEL_PROFILE_H
#define EK_KERNEL_PROFILE_H

#include <stdint.h>

#include "kernel/kernel.h"

typedef enum {
    EK_OP_GEMM_FORWARD,
    EK_OP_GEMM_INPUT,  /* gradient of the input */
    EK_OP_GEMM_WEIGHT, /* gradient of the weights */
    EK_OP_ATTENTION_FORWARD,
    EK_OP_ATTENTION_BACKWARD,
    EK_OP_LAYERNORM_FORWARD,  /* with dropout and the residual */
    EK_OP_LAYERNORM_BACKWARD, /* with dropout and the bias before it */
    EK_OP_ACTIVATION_FORWARD,
    EK_OP_ACTIVATION_BACKWARD, /* with the bias before it */
    EK_OP_DROPOUT,             /* that stands alone: embeddings, classifier */
    EK_OP_BIAS,                /* gradients of the other biases: query, key and value, heads */
    EK_OP_EMBEDDING,
    EK_OP_LOSS,
    EK_OP_NORM,
    EK_OP_ADAMW,
    EK_OP_ADAMW_ROWS,   /* word embeddings with a gradient */
    EK_OP_ADAMW_REPLAY, /* word embeddings brought up to date */
    EK_OP_COPY,         /* zeroing, adding, gathering */
    EK_OP_COUNT
} ek_op;

const char *ek_op_name(ek_op op); /* "gemm forward", ... */

typedef struct {
    struct {
        double seconds, flops; /* flops: of matrix products only */
        int64_t calls;
    } ops[EK_OP_COUNT];
    int64_t tokens; /* that were embedded */
} ek_profile;

/* The profile stays the caller's; NULL ends it. */
void ek_compute_set_profile(ek_compute *compute, ek_profile *profile);

/* ---- what the machine can do at most ---- */

/* FLOPs a second of the register tile alone, operands in registers, on all threads. Where bf16 is
 * emulated its peak is that of fp32: each pair takes two fused multiply-adds. */
double ek_peak_flops(ek_compute *compute, ek_precision precision);
/* The same from one burst of about a millisecond. The speed of a core changes from second to second
 * (power limits, neighbours on a shared host): a share of the peak is honest only against a burst
 * that stands beside what it is compared with. */
double ek_peak_burst(ek_compute *compute, ek_precision precision);

/* Constants as an update in the middle of a run has them: what measurements of AdamW use. */
extern const ek_adamw_constants ek_adamw_typical;

typedef enum { EK_TRAFFIC_READ, EK_TRAFFIC_COPY, EK_TRAFFIC_ADAMW, EK_TRAFFIC_COUNT } ek_traffic;
const char *ek_traffic_name(ek_traffic traffic); /* "read", "copy", "adamw" */
/* Bytes a second over arrays of count floats (choose them larger than the caches; four arrays are
 * allocated), on all threads. Counted are the loads and stores of the program: 4 bytes a float
 * for read, 8 for copy, 28 for AdamW. */
ek_status ek_peak_bytes(double *rate, ek_compute *compute, ek_traffic traffic, int64_t count,
                        ek_error *err);

#endif
