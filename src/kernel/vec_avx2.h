/* vec_avx2.h - 16 float lanes in two AVX registers. See vec_scalar.h for what each means. */
#ifndef EK_KERNEL_VEC_H
#define EK_KERNEL_VEC_H

#include <immintrin.h>
#include <stdint.h>

#include "kernel/vec_mxcsr.h"

typedef struct {
    __m256 a, b; /* lanes 0-7, 8-15 */
} v16;
typedef struct {
    __m256i a, b;
} v16i;
typedef v16i v8u;

#define BOTH(op, x, y)  ((v16){op((x).a, (y).a), op((x).b, (y).b)})
#define BOTHI(op, x, y) ((v16i){op((x).a, (y).a), op((x).b, (y).b)})

/* Sign bits set in the first n of 8 lanes. */
static inline __m256i lanes_mask(int64_t n)
{
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n > 8 ? 8 : (int)n), index);
}
static inline v16 v_load(const float *p)
{
    return (v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
static inline v16 v_load_n(const float *p, int64_t n)
{
    if (n >= 16) {
        return v_load(p);
    }
    return (v16){_mm256_maskload_ps(p, lanes_mask(n)),
                 n > 8 ? _mm256_maskload_ps(p + 8, lanes_mask(n - 8)) : _mm256_setzero_ps()};
}
static inline void v_store(float *p, v16 x)
{
    _mm256_storeu_ps(p, x.a);
    _mm256_storeu_ps(p + 8, x.b);
}
static inline void v_store_n(float *p, v16 x, int64_t n)
{
    if (n >= 16) {
        v_store(p, x);
        return;
    }
    _mm256_maskstore_ps(p, lanes_mask(n), x.a);
    if (n > 8) {
        _mm256_maskstore_ps(p + 8, lanes_mask(n - 8), x.b);
    }
}
static inline v16 v_set1(float x)
{
    return (v16){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
static inline v16 v_zero(void)
{
    return (v16){_mm256_setzero_ps(), _mm256_setzero_ps()};
}
static inline v16 v_add(v16 x, v16 y)
{
    return BOTH(_mm256_add_ps, x, y);
}
static inline v16 v_sub(v16 x, v16 y)
{
    return BOTH(_mm256_sub_ps, x, y);
}
static inline v16 v_mul(v16 x, v16 y)
{
    return BOTH(_mm256_mul_ps, x, y);
}
static inline v16 v_div(v16 x, v16 y)
{
    return BOTH(_mm256_div_ps, x, y);
}
static inline v16 v_fma(v16 x, v16 y, v16 z)
{
    return (v16){_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
static inline v16 v_sqrt(v16 x)
{
    return (v16){_mm256_sqrt_ps(x.a), _mm256_sqrt_ps(x.b)};
}
static inline v16 v_max(v16 limit, v16 x)
{
    return BOTH(_mm256_max_ps, limit, x);
}
static inline v16 v_min(v16 limit, v16 x)
{
    return BOTH(_mm256_min_ps, limit, x);
}
static inline v16 v_if_lt(v16 x, v16 y, v16 yes, v16 no)
{
    return (v16){_mm256_blendv_ps(no.a, yes.a, _mm256_cmp_ps(x.a, y.a, _CMP_LT_OQ)),
                 _mm256_blendv_ps(no.b, yes.b, _mm256_cmp_ps(x.b, y.b, _CMP_LT_OQ))};
}
static inline v16 v_first(v16 x, int64_t n, v16 other)
{
    if (__builtin_constant_p(n) && n >= 16) {
        return x;
    }
    return (v16){_mm256_blendv_ps(other.a, x.a, _mm256_castsi256_ps(lanes_mask(n))),
                 _mm256_blendv_ps(other.b, x.b, _mm256_castsi256_ps(lanes_mask(n - 8)))};
}
static inline v16i v_bits(v16 x)
{
    return (v16i){_mm256_castps_si256(x.a), _mm256_castps_si256(x.b)};
}
static inline v16 v_float(v16i x)
{
    return (v16){_mm256_castsi256_ps(x.a), _mm256_castsi256_ps(x.b)};
}
static inline v16i vi_set1(int32_t x)
{
    return (v16i){_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}
static inline v16i vi_add(v16i x, v16i y)
{
    return BOTHI(_mm256_add_epi32, x, y);
}
static inline v16i vi_sub(v16i x, v16i y)
{
    return BOTHI(_mm256_sub_epi32, x, y);
}
static inline v16i vi_and(v16i x, v16i y)
{
    return BOTHI(_mm256_and_si256, x, y);
}
static inline v16i vi_or(v16i x, v16i y)
{
    return BOTHI(_mm256_or_si256, x, y);
}
static inline v16i vi_shl(v16i x, int n)
{
    return (v16i){_mm256_slli_epi32(x.a, n), _mm256_slli_epi32(x.b, n)};
}
static inline v16i vi_shr(v16i x, int n)
{
    return (v16i){_mm256_srai_epi32(x.a, n), _mm256_srai_epi32(x.b, n)};
}
static inline v16 v_from_int(v16i x)
{
    return (v16){_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)};
}
static inline v16 v_swap_pairs(v16 x)
{
    return (v16){_mm256_permute_ps(x.a, 0xB1), _mm256_permute_ps(x.b, 0xB1)};
}
static inline void v_settle(v16 *x)
{
    __asm__ volatile("" : "+x"(x->a), "+x"(x->b));
}

static inline v8u vu_set1(uint32_t x)
{
    return (v8u){_mm256_set1_epi64x(x), _mm256_set1_epi64x(x)};
}
static inline v8u vu_count(uint32_t first)
{
    __m256i start = _mm256_set1_epi64x(first);
    return (v8u){_mm256_add_epi32(start, _mm256_setr_epi64x(0, 1, 2, 3)),
                 _mm256_add_epi32(start, _mm256_setr_epi64x(4, 5, 6, 7))};
}
static inline v8u vu_multiply(v8u x, v8u y)
{
    return BOTHI(_mm256_mul_epu32, x, y);
}
static inline v8u vu_high(v8u x)
{
    return (v8u){_mm256_srli_epi64(x.a, 32), _mm256_srli_epi64(x.b, 32)};
}
static inline v8u vu_xor(v8u x, v8u y)
{
    return BOTHI(_mm256_xor_si256, x, y);
}
/* Four blocks: words 0 and 1, words 2 and 3 of a block side by side, then these pairs in order. */
static inline void store_words_4(uint16_t bits[32], __m256i w0, __m256i w1, __m256i w2, __m256i w3)
{
    __m256i x = _mm256_blend_epi32(w0, _mm256_slli_epi64(w1, 32), 0xAA);
    __m256i y = _mm256_blend_epi32(w2, _mm256_slli_epi64(w3, 32), 0xAA);
    __m256i even = _mm256_unpacklo_epi64(x, y), odd = _mm256_unpackhi_epi64(x, y);
    __m256i *out = (__m256i *)(void *)bits;
    _mm256_storeu_si256(out, _mm256_permute2x128_si256(even, odd, 0x20));
    _mm256_storeu_si256(out + 1, _mm256_permute2x128_si256(even, odd, 0x31));
}
static inline void vu_store_words(uint16_t bits[64], const v8u w[4])
{
    store_words_4(bits, w[0].a, w[1].a, w[2].a, w[3].a);
    store_words_4(bits + 32, w[0].b, w[1].b, w[2].b, w[3].b);
}
/* 8 lanes of v_keep. */
static inline __m256 keep_8(const uint16_t *bits, int32_t threshold, __m256 x)
{
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)bits));
    __m256i keep = _mm256_cmpgt_epi32(wide, _mm256_set1_epi32(threshold - 1));
    return _mm256_and_ps(x, _mm256_castsi256_ps(keep));
}
static inline v16 v_keep(const uint16_t bits[16], int32_t threshold, v16 x)
{
    return (v16){keep_8(bits, threshold, x.a), keep_8(bits + 8, threshold, x.b)};
}
static inline float v_fold(v16 x)
{
    __m256 h = _mm256_add_ps(x.a, x.b);
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_shuffle_ps(q, q, 1)));
}
static inline float v_fold_max(v16 x)
{
    __m256 h = _mm256_max_ps(x.a, x.b);
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_shuffle_ps(q, q, 1)));
}
/* An 8 x 8 transposition in three rounds: pairs of rows, pairs of pairs, halves. */
static inline void transpose_8(__m256 r[8])
{
    __m256 t[8], u[8];
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        u[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        u[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xEE);
        u[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        u[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
    }
}
static inline void v_transpose(v16 r[16])
{
    __m256 quarter[4][8]; /* top left, top right, bottom left, bottom right */
    for (int i = 0; i < 8; i++) {
        quarter[0][i] = r[i].a;
        quarter[1][i] = r[i].b;
        quarter[2][i] = r[i + 8].a;
        quarter[3][i] = r[i + 8].b;
    }
    for (int q = 0; q < 4; q++) {
        transpose_8(quarter[q]);
    }
    for (int i = 0; i < 8; i++) {
        r[i] = (v16){quarter[0][i], quarter[2][i]};
        r[i + 8] = (v16){quarter[1][i], quarter[3][i]};
    }
}
#undef BOTH
#undef BOTHI
#endif
