/* vec_mxcsr.h - x86's sticky flag for denormal operands; included by vec_avx2.h and vec_avx512.h.
 *
 * DE, bit 1 of MXCSR, is set by every instruction that meets a denormal operand (Intel SDM volume
 * 1, 11.5.2.4) and stays. It is read and cleared, never a mode: no result depends on it.
 */
#ifndef EK_KERNEL_VEC_MXCSR_H
#define EK_KERNEL_VEC_MXCSR_H

#include <stdbool.h>
#include <stdint.h>

#define EK_V_DENORMAL_FLAG

static inline void v_denormal_clear(void)
{
    uint32_t mxcsr;
    __asm__ volatile("vstmxcsr %0" : "=m"(mxcsr));
    if (mxcsr & 2) {
        mxcsr &= ~2u;
        __asm__ volatile("vldmxcsr %0" : : "m"(mxcsr));
    }
}
static inline bool v_denormal_met(void)
{
    uint32_t mxcsr;
    __asm__ volatile("vstmxcsr %0" : "=m"(mxcsr));
    return (mxcsr & 2) != 0;
}

#endif
