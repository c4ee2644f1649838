/* bench.h - what `evenkeel bench` measures, as rows that the text, CSV and JSON printers share.
 *
 * A row is one number with its share of a peak of the same run. Every kernel is checked against
 * plain C before it is timed: a wrong one is an error, not a row.
 */
#ifndef EK_CLI_BENCH_H
#define EK_CLI_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "kernel/kernel.h"
#include "kernel/profile.h"
#include "train/run.h"

typedef struct {
    const char *section; /* "machine", "gemm", "kernel", "step", "tokens" */
    char shape[32];      /* "minilm", the task, or "" */
    char name[64];
    int64_t rows; /* tokens, or 0 */
    ek_precision precision;
    int threads;
    double value;
    const char *unit; /* "GFLOP/s", "GB/s", "ms", ... */
    double share;     /* of the peak, in [0, 1]; NaN: there is none */
} ek_bench_row;

/* The widths of a model whose products are measured. */
typedef struct {
    const char *name;
    int32_t hidden_size, intermediate_size, num_hidden_layers, num_attention_heads;
} ek_bench_shape;

typedef struct {
    ek_bench_row *rows;
    size_t count, capacity;
    const char *isa;
    int threads_max;
    int precision;  /* ek_precision, or -1: both */
    double seconds; /* of one number, at least */
    /* GFLOP/s on 1 and on threads_max threads; 0: not measured, and no row has a share. */
    double peak_flops[EK_PRECISION_COUNT][2];
    double peak_bytes[2];           /* GB/s that AdamW's stream reaches, likewise */
    bool (*stop)(void);             /* Ctrl-C */
    void (*tell)(const char *what); /* progress */
} ek_bench;

/* shape NULL: "". */
ek_status ek_bench_add(ek_bench *bench, const char *shape, ek_bench_row row, ek_error *err);
void ek_bench_free(ek_bench *bench);
bool ek_bench_wants(const ek_bench *bench, ek_precision precision);
const ek_bench_shape *ek_bench_shape_find(const char *name);

/* bench_kernels.c: peaks (always first), matrix products, and the other kernels. */
ek_status ek_bench_machine(ek_bench *bench, ek_error *err);
ek_status ek_bench_gemm(ek_bench *bench, const ek_bench_shape *shape, ek_error *err);
ek_status ek_bench_kernels(ek_bench *bench, const ek_bench_shape *shape, ek_error *err);
/* bench_step.c: whole training steps of a model of that shape with random weights. */
ek_status ek_bench_step(ek_bench *bench, const ek_bench_shape *shape, int64_t steps, ek_error *err);
/* The same of any run; rows get `name` as their shape. Both thread counts, one precision. */
ek_status ek_bench_steps_of(ek_bench *bench, const char *name, const ek_run_input *input,
                            int64_t steps, ek_error *err);

#endif
