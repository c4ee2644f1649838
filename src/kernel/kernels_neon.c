/* kernels_neon.c - the kernels for NEON, which AArch64 always has, fused multiply-adds included. */
#include "kernel/kernel_table.h"

#if defined(__aarch64__)

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "kernel/vec_neon.h"

#if defined(__clang__)
#define EK_UNROLL _Pragma("clang loop unroll(full)")
#else
#define EK_UNROLL _Pragma("GCC unroll 16")
#endif
/* Of 32 registers 24 hold sums, 4 a row of B and at least one a value of A. */
enum { TILE_ROWS = 6, TILE_VECTORS = 1 };
enum { ABREAST = 1 };
#include "kernel/elementary.inc"
#include "kernel/bf16.inc"
#include "kernel/gemm.inc"
#include "kernel/ops.inc"
#include "kernel/attention.inc"

#define EK_KERNELS     ek__kernels_neon
#define EK_KERNELS_ISA EK_ISA_NEON
#include "kernel/kernel_table.inc"

#endif
