/* kernels_avx2.c - the kernels for AVX2 and FMA. Only this file is compiled with its flags. */
#include "kernel/kernel_table.h"

#if defined(__x86_64__)

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "kernel/vec_avx2.h"

#if defined(__clang__)
#define EK_UNROLL _Pragma("clang loop unroll(full)")
#else
#define EK_UNROLL _Pragma("GCC unroll 16")
#endif
enum { TILE_ROWS = 6, TILE_VECTORS = 1 };
enum { ABREAST = 2 };
#include "kernel/elementary.inc"
#include "kernel/bf16.inc"
#include "kernel/gemm.inc"
#include "kernel/ops.inc"
#include "kernel/attention.inc"

#define EK_KERNELS     ek__kernels_avx2
#define EK_KERNELS_ISA EK_ISA_AVX2
#include "kernel/kernel_table.inc"

#endif
