/* cpu.h - what this machine can do: instruction sets, cores that may be used, and their names.
 *
 * Detection asks CPUID and XGETBV (the operating system must save the registers too). EK_ISA
 * overrides the choice; asking for one that the machine lacks is EK_E_USAGE.
 */
#ifndef EK_BASE_CPU_H
#define EK_BASE_CPU_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef enum {
    EK_ISA_SCALAR,
    EK_ISA_AVX2,
    EK_ISA_AVX512,
    EK_ISA_AVX512_BF16, /* and the bfloat16 products of AVX512_BF16 */
    EK_ISA_NEON,
    EK_ISA_COUNT
} ek_isa;

const char *ek_isa_name(ek_isa isa); /* "scalar", "avx2", "avx512", "avx512_bf16", ... */
bool ek_isa_available(ek_isa isa);
/* The best available, or what EK_ISA names. */
ek_status ek_isa_choose(ek_isa *out, ek_error *err);
/* "AMD EPYC ..." from /proc/cpuinfo, or "unknown". Valid for the program's life. */
const char *ek_cpu_name(void);
/* Cores this process may use: affinity mask and cgroup quota (v1 and v2), at least 1. */
int ek_cpu_count(void);
/* The smallest CPU quota, in cores rounded up, of the groups that groups_file (/proc/self/cgroup)
 * names below mount (/sys/fs/cgroup); INT32_MAX when there is none. Apart for its test. */
int ek__cpu_quota(const char *groups_file, const char *mount);
/* Pins the calling process to the index-th core of its affinity mask; false if it cannot. */
bool ek_cpu_pin(int index);

/* The cores that the calling thread may run on, kept so that pinning can be taken back. */
typedef struct {
    void *cores; /* NULL: unknown */
    size_t size_bytes;
    int count; /* cores in it; ek_cpu_count() may be lower (quota) */
} ek_cpu_mask;
ek_cpu_mask ek_cpu_mask_read(void);
/* Gives the calling thread, and threads that it starts later, these cores; false if it cannot. */
bool ek_cpu_mask_apply(const ek_cpu_mask *mask);
void ek_cpu_mask_free(ek_cpu_mask *mask); /* an all-zero one is fine */

#endif
