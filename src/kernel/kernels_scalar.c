/* kernels_scalar.c - the kernels for plain C: the specification. Only this file is compiled with
 * its flags. */
#include "kernel/kernel_table.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "kernel/vec_scalar.h"

#if defined(__clang__)
#define EK_UNROLL _Pragma("clang loop unroll(full)")
#else
#define EK_UNROLL _Pragma("GCC unroll 16")
#endif
enum { TILE_ROWS = 4, TILE_VECTORS = 1 };
enum { ABREAST = 1 };
#include "kernel/elementary.inc"
#include "kernel/bf16.inc"
#include "kernel/gemm.inc"
#include "kernel/ops.inc"
#include "kernel/attention.inc"

#define EK_KERNELS     ek__kernels_scalar
#define EK_KERNELS_ISA EK_ISA_SCALAR
#include "kernel/kernel_table.inc"
