/* kernels_avx512.c - the kernels for AVX-512 F, BW, DQ and VL. Only this file is compiled with its
 * flags. */
#include "kernel/kernel_table.h"

#if defined(__x86_64__)

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "kernel/vec_avx512.h"

#if defined(__clang__)
#define EK_UNROLL _Pragma("clang loop unroll(full)")
#else
#define EK_UNROLL _Pragma("GCC unroll 16")
#endif
enum { TILE_ROWS = 14, TILE_VECTORS = 2 };
enum { ABREAST = 6 };
#include "kernel/elementary.inc"
#include "kernel/bf16.inc"
#include "kernel/gemm.inc"
#include "kernel/ops.inc"
#include "kernel/attention.inc"

#define EK_KERNELS     ek__kernels_avx512
#define EK_KERNELS_ISA EK_ISA_AVX512
#include "kernel/kernel_table.inc"

#endif
