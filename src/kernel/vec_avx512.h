/* vec_avx512.h - 16 float lanes in one AVX-512 register. See vec_scalar.h for what each means. */
#ifndef EK_KERNEL_VEC_H
#define EK_KERNEL_VEC_H

#include <immintrin.h>
#include <stdint.h>

#include "kernel/vec_mxcsr.h"

typedef __m512 v16;
typedef __m512i v16i;
typedef __m512i v8u;

static inline __mmask16 lanes_mask(int64_t n)
{
    return n >= 16 ? (__mmask16)0xFFFF : (__mmask16)((1u << n) - 1u);
}
static inline v16 v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
static inline v16 v_load_n(const float *p, int64_t n)
{
    if (__builtin_constant_p(n) && n >= 16) { /* without a mask */
        return v_load(p);
    }
    return _mm512_maskz_loadu_ps(lanes_mask(n), p);
}
static inline void v_store(float *p, v16 a)
{
    _mm512_storeu_ps(p, a);
}
static inline void v_store_n(float *p, v16 a, int64_t n)
{
    if (__builtin_constant_p(n) && n >= 16) {
        v_store(p, a);
        return;
    }
    _mm512_mask_storeu_ps(p, lanes_mask(n), a);
}
static inline v16 v_set1(float x)
{
    return _mm512_set1_ps(x);
}
static inline v16 v_zero(void)
{
    return _mm512_setzero_ps();
}
static inline v16 v_add(v16 a, v16 b)
{
    return _mm512_add_ps(a, b);
}
static inline v16 v_sub(v16 a, v16 b)
{
    return _mm512_sub_ps(a, b);
}
static inline v16 v_mul(v16 a, v16 b)
{
    return _mm512_mul_ps(a, b);
}
static inline v16 v_div(v16 a, v16 b)
{
    return _mm512_div_ps(a, b);
}
static inline v16 v_fma(v16 a, v16 b, v16 c)
{
    return _mm512_fmadd_ps(a, b, c);
}
static inline v16 v_sqrt(v16 a)
{
    return _mm512_sqrt_ps(a);
}
static inline v16 v_max(v16 limit, v16 x)
{
    return _mm512_max_ps(limit, x);
}
static inline v16 v_min(v16 limit, v16 x)
{
    return _mm512_min_ps(limit, x);
}
static inline v16 v_if_lt(v16 a, v16 b, v16 yes, v16 no)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}
static inline v16 v_first(v16 a, int64_t n, v16 other)
{
    if (__builtin_constant_p(n) && n >= 16) {
        return a;
    }
    return _mm512_mask_blend_ps(lanes_mask(n), other, a);
}
static inline v16i v_bits(v16 a)
{
    return _mm512_castps_si512(a);
}
static inline v16 v_float(v16i a)
{
    return _mm512_castsi512_ps(a);
}
static inline v16i vi_set1(int32_t x)
{
    return _mm512_set1_epi32(x);
}
static inline v16i vi_add(v16i a, v16i b)
{
    return _mm512_add_epi32(a, b);
}
static inline v16i vi_sub(v16i a, v16i b)
{
    return _mm512_sub_epi32(a, b);
}
static inline v16i vi_and(v16i a, v16i b)
{
    return _mm512_and_si512(a, b);
}
static inline v16i vi_or(v16i a, v16i b)
{
    return _mm512_or_si512(a, b);
}
/* x * 2^n, n whole: rounds once. */
#define EK_V_SCALE   _mm512_scalef_ps
#define vi_shl(a, n) _mm512_slli_epi32(a, n)
#define vi_shr(a, n) _mm512_srai_epi32(a, n)
static inline v16 v_from_int(v16i a)
{
    return _mm512_cvtepi32_ps(a);
}
static inline v16 v_swap_pairs(v16 a)
{
    return _mm512_permute_ps(a, 0xB1);
}
static inline void v_settle(v16 *a)
{
    __asm__ volatile("" : "+v"(*a));
}

static inline v8u vu_set1(uint32_t x)
{
    return _mm512_set1_epi64(x);
}
static inline v8u vu_count(uint32_t first)
{
    return _mm512_add_epi32(_mm512_set1_epi64(first), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline v8u vu_multiply(v8u a, v8u b)
{
    return _mm512_mul_epu32(a, b);
}
static inline v8u vu_high(v8u a) /* a shuffle: shifts have the multiplication's port */
{
    return _mm512_shuffle_epi32(a, _MM_PERM_DDBB);
}
static inline v8u vu_xor(v8u a, v8u b)
{
    return _mm512_xor_si512(a, b);
}
static inline void vu_store_words(uint16_t bits[64], const v8u words[4])
{
    const __m512i low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    const __m512i high = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
    /* words 0 and 1, words 2 and 3 of a block side by side, then these pairs in order */
    __m512i a = _mm512_mask_blend_epi32(0xAAAA, words[0], _mm512_slli_epi64(words[1], 32));
    __m512i b = _mm512_mask_blend_epi32(0xAAAA, words[2], _mm512_slli_epi64(words[3], 32));
    _mm512_storeu_si512(bits, _mm512_permutex2var_epi64(a, low, b));
    _mm512_storeu_si512(bits + 32, _mm512_permutex2var_epi64(a, high, b));
}
static inline v16 v_keep(const uint16_t bits[16], int32_t threshold, v16 x)
{
    __m256i half = _mm256_loadu_si256((const __m256i *)(const void *)bits);
    __mmask16 keep = _mm256_cmpge_epu16_mask(half, _mm256_set1_epi16((short)threshold));
    return _mm512_maskz_mov_ps(keep, x);
}

/* Folds lanes +8, +4, +2, +1. */
static inline float v_fold(v16 a)
{
    __m256 h = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_shuffle_ps(q, q, 1)));
}
static inline float v_fold_max(v16 a)
{
    __m256 h = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_shuffle_ps(q, q, 1)));
}
/* A 16 x 16 transposition: 4 x 4 blocks by unpacking singles and pairs, then blocks by shuffling
 * quarters of registers twice. */
static inline void v_transpose(v16 r[16])
{
    __m512 t[16];
    for (int i = 0; i < 16; i += 4) {
        __m512 a = _mm512_unpacklo_ps(r[i], r[i + 1]), b = _mm512_unpackhi_ps(r[i], r[i + 1]);
        __m512 c = _mm512_unpacklo_ps(r[i + 2], r[i + 3]);
        __m512 d = _mm512_unpackhi_ps(r[i + 2], r[i + 3]);
        t[i] = _mm512_shuffle_ps(a, c, 0x44);
        t[i + 1] = _mm512_shuffle_ps(a, c, 0xEE);
        t[i + 2] = _mm512_shuffle_ps(b, d, 0x44);
        t[i + 3] = _mm512_shuffle_ps(b, d, 0xEE);
    }
    /* t[4 g + c], quarter q: rows 4 g .. 4 g + 3 of column 4 q + c */
    for (int c = 0; c < 4; c++) {
        __m512 a = _mm512_shuffle_f32x4(t[c], t[c + 4], 0x88);
        __m512 b = _mm512_shuffle_f32x4(t[c + 8], t[c + 12], 0x88);
        __m512 d = _mm512_shuffle_f32x4(t[c], t[c + 4], 0xDD);
        __m512 e = _mm512_shuffle_f32x4(t[c + 8], t[c + 12], 0xDD);
        r[c] = _mm512_shuffle_f32x4(a, b, 0x88);
        r[c + 8] = _mm512_shuffle_f32x4(a, b, 0xDD);
        r[c + 4] = _mm512_shuffle_f32x4(d, e, 0x88);
        r[c + 12] = _mm512_shuffle_f32x4(d, e, 0xDD);
    }
}
#endif
