/* vec_neon.h - 16 float lanes in four NEON registers. See vec_scalar.h for what each means.
 *
 * FPCR stays as Linux starts a process: round to nearest, denormals kept (ek_compute_new looks).
 */
#ifndef EK_KERNEL_VEC_H
#define EK_KERNEL_VEC_H

#include <arm_neon.h>
#include <stdint.h>

typedef struct {
    float32x4_t a, b, c, d; /* lanes 0-3, 4-7, 8-11, 12-15 */
} v16;
typedef struct {
    int32x4_t a, b, c, d;
} v16i;
typedef struct {
    uint64x2_t a, b, c, d; /* lanes 0-1, 2-3, 4-5, 6-7 */
} v8u;

#define ALL(op, x)     op((x).a), op((x).b), op((x).c), op((x).d)
#define ALL2(op, x, y) op((x).a, (y).a), op((x).b, (y).b), op((x).c, (y).c), op((x).d, (y).d)

static inline v16 v_load(const float *p)
{
    return (v16){vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)};
}
/* The first n lanes of four, n <= 3. There are no masked loads and stores: each lane is named. */
static inline float32x4_t load_few(const float *p, int64_t n)
{
    float32x4_t x = vdupq_n_f32(0.0f);
    if (n >= 2) {
        x = vcombine_f32(vld1_f32(p), vget_low_f32(x));
        return n >= 3 ? vld1q_lane_f32(p + 2, x, 2) : x;
    }
    return n == 1 ? vld1q_lane_f32(p, x, 0) : x;
}
static inline void store_few(float *p, float32x4_t x, int64_t n)
{
    if (n >= 2) {
        vst1_f32(p, vget_low_f32(x));
        if (n >= 3) {
            vst1q_lane_f32(p + 2, x, 2);
        }
    } else if (n == 1) {
        vst1q_lane_f32(p, x, 0);
    }
}
static inline v16 v_load_n(const float *p, int64_t n)
{
    if (n >= 16) {
        return v_load(p);
    }
    const float32x4_t none = vdupq_n_f32(0.0f);
    v16 x = {none, none, none, none};
    if (n < 4) {
        x.a = load_few(p, n);
        return x;
    }
    x.a = vld1q_f32(p);
    if (n < 8) {
        x.b = load_few(p + 4, n - 4);
        return x;
    }
    x.b = vld1q_f32(p + 4);
    if (n < 12) {
        x.c = load_few(p + 8, n - 8);
        return x;
    }
    x.c = vld1q_f32(p + 8);
    x.d = load_few(p + 12, n - 12);
    return x;
}
static inline void v_store(float *p, v16 x)
{
    vst1q_f32(p, x.a);
    vst1q_f32(p + 4, x.b);
    vst1q_f32(p + 8, x.c);
    vst1q_f32(p + 12, x.d);
}
static inline void v_store_n(float *p, v16 x, int64_t n)
{
    if (n >= 16) {
        v_store(p, x);
        return;
    }
    if (n < 4) {
        store_few(p, x.a, n);
        return;
    }
    vst1q_f32(p, x.a);
    if (n < 8) {
        store_few(p + 4, x.b, n - 4);
        return;
    }
    vst1q_f32(p + 4, x.b);
    if (n < 12) {
        store_few(p + 8, x.c, n - 8);
        return;
    }
    vst1q_f32(p + 8, x.c);
    store_few(p + 12, x.d, n - 12);
}
static inline v16 v_set1(float x)
{
    const float32x4_t all = vdupq_n_f32(x);
    return (v16){all, all, all, all};
}
static inline v16 v_zero(void)
{
    return v_set1(0.0f);
}
static inline v16 v_add(v16 x, v16 y)
{
    return (v16){ALL2(vaddq_f32, x, y)};
}
static inline v16 v_sub(v16 x, v16 y)
{
    return (v16){ALL2(vsubq_f32, x, y)};
}
static inline v16 v_mul(v16 x, v16 y)
{
    return (v16){ALL2(vmulq_f32, x, y)};
}
static inline v16 v_div(v16 x, v16 y)
{
    return (v16){ALL2(vdivq_f32, x, y)};
}
/* vfmaq takes the addend first. */
static inline v16 v_fma(v16 x, v16 y, v16 z)
{
    return (v16){vfmaq_f32(z.a, x.a, y.a), vfmaq_f32(z.b, x.b, y.b), vfmaq_f32(z.c, x.c, y.c),
                 vfmaq_f32(z.d, x.d, y.d)};
}
static inline v16 v_sqrt(v16 x)
{
    return (v16){ALL(vsqrtq_f32, x)};
}
/* Not vmaxq and vminq: they order zeros of both signs, and a limit that is NaN would come out. */
static inline float32x4_t larger_4(float32x4_t limit, float32x4_t x)
{
    return vbslq_f32(vcgtq_f32(limit, x), limit, x);
}
static inline float32x4_t smaller_4(float32x4_t limit, float32x4_t x)
{
    return vbslq_f32(vcltq_f32(limit, x), limit, x);
}
static inline v16 v_max(v16 limit, v16 x)
{
    return (v16){ALL2(larger_4, limit, x)};
}
static inline v16 v_min(v16 limit, v16 x)
{
    return (v16){ALL2(smaller_4, limit, x)};
}
static inline v16 v_if_lt(v16 x, v16 y, v16 yes, v16 no)
{
    return (v16){
        vbslq_f32(vcltq_f32(x.a, y.a), yes.a, no.a), vbslq_f32(vcltq_f32(x.b, y.b), yes.b, no.b),
        vbslq_f32(vcltq_f32(x.c, y.c), yes.c, no.c), vbslq_f32(vcltq_f32(x.d, y.d), yes.d, no.d)};
}
/* Four lanes of v_first; index: their numbers. */
static inline float32x4_t first_4(float32x4_t x, int32x4_t index, int32x4_t n, float32x4_t other)
{
    return vbslq_f32(vcltq_s32(index, n), x, other);
}
static inline v16 v_first(v16 x, int64_t n, v16 other)
{
    if (__builtin_constant_p(n) && n >= 16) {
        return x;
    }
    if (n >= 16) {
        return x;
    }
    static const int32_t lanes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const int32x4_t count = vdupq_n_s32((int32_t)n);
    return (v16){first_4(x.a, vld1q_s32(lanes), count, other.a),
                 first_4(x.b, vld1q_s32(lanes + 4), count, other.b),
                 first_4(x.c, vld1q_s32(lanes + 8), count, other.c),
                 first_4(x.d, vld1q_s32(lanes + 12), count, other.d)};
}
static inline v16i v_bits(v16 x)
{
    return (v16i){ALL(vreinterpretq_s32_f32, x)};
}
static inline v16 v_float(v16i x)
{
    return (v16){ALL(vreinterpretq_f32_s32, x)};
}
static inline v16i vi_set1(int32_t x)
{
    const int32x4_t all = vdupq_n_s32(x);
    return (v16i){all, all, all, all};
}
static inline v16i vi_add(v16i x, v16i y)
{
    return (v16i){ALL2(vaddq_s32, x, y)};
}
static inline v16i vi_sub(v16i x, v16i y)
{
    return (v16i){ALL2(vsubq_s32, x, y)};
}
static inline v16i vi_and(v16i x, v16i y)
{
    return (v16i){ALL2(vandq_s32, x, y)};
}
static inline v16i vi_or(v16i x, v16i y)
{
    return (v16i){ALL2(vorrq_s32, x, y)};
}
/* Operators on vectors: they become shifts by a constant where n is one, which vshlq_n and vshrq_n
 * demand even where nothing is inlined. */
static inline int32x4_t shl_4(int32x4_t x, uint32x4_t n)
{
    return vreinterpretq_s32_u32(vreinterpretq_u32_s32(x) << n);
}
static inline v16i vi_shl(v16i x, int n)
{
    const uint32x4_t by = vdupq_n_u32((uint32_t)n);
    return (v16i){shl_4(x.a, by), shl_4(x.b, by), shl_4(x.c, by), shl_4(x.d, by)};
}
static inline v16i vi_shr(v16i x, int n)
{
    const int32x4_t by = vdupq_n_s32(n);
    return (v16i){x.a >> by, x.b >> by, x.c >> by, x.d >> by};
}
static inline v16 v_from_int(v16i x)
{
    return (v16){ALL(vcvtq_f32_s32, x)};
}
static inline v16 v_swap_pairs(v16 x)
{
    return (v16){ALL(vrev64q_f32, x)};
}

static inline v8u vu_set1(uint32_t x)
{
    const uint64x2_t all = vdupq_n_u64(x);
    return (v8u){all, all, all, all};
}
/* Two lanes of vu_count: an addition in 32 bits wraps around there. */
static inline uint64x2_t count_2(uint32_t first)
{
    const uint32x4_t step = {0, 0, 1, 0};
    return vreinterpretq_u64_u32(vaddq_u32(vreinterpretq_u32_u64(vdupq_n_u64(first)), step));
}
static inline v8u vu_count(uint32_t first)
{
    return (v8u){count_2(first), count_2(first + 2), count_2(first + 4), count_2(first + 6)};
}
static inline uint64x2_t multiply_2(uint64x2_t x, uint64x2_t y)
{
    return vmull_u32(vmovn_u64(x), vmovn_u64(y));
}
static inline v8u vu_multiply(v8u x, v8u y)
{
    return (v8u){ALL2(multiply_2, x, y)};
}
static inline v8u vu_high(v8u x)
{
    return (v8u){vshrq_n_u64(x.a, 32), vshrq_n_u64(x.b, 32), vshrq_n_u64(x.c, 32),
                 vshrq_n_u64(x.d, 32)};
}
static inline v8u vu_xor(v8u x, v8u y)
{
    return (v8u){ALL2(veorq_u64, x, y)};
}
/* The low halves of four lanes. */
static inline uint32x4_t low_4(uint64x2_t x, uint64x2_t y)
{
    return vuzp1q_u32(vreinterpretq_u32_u64(x), vreinterpretq_u32_u64(y));
}
static inline void vu_store_words(uint16_t bits[64], const v8u w[4])
{
    uint32x4x4_t first = {{low_4(w[0].a, w[0].b), low_4(w[1].a, w[1].b), low_4(w[2].a, w[2].b),
                           low_4(w[3].a, w[3].b)}};
    uint32x4x4_t second = {{low_4(w[0].c, w[0].d), low_4(w[1].c, w[1].d), low_4(w[2].c, w[2].d),
                            low_4(w[3].c, w[3].d)}};
    uint32_t *out = (uint32_t *)(void *)bits; /* interleaved: the words of a block side by side */
    vst4q_u32(out, first);
    vst4q_u32(out + 16, second);
}
/* Four lanes of v_keep; keep: all bits of a lane or none. */
static inline float32x4_t keep_4(int16x4_t keep, float32x4_t x)
{
    return vreinterpretq_f32_s32(vandq_s32(vmovl_s16(keep), vreinterpretq_s32_f32(x)));
}
static inline v16 v_keep(const uint16_t bits[16], int32_t threshold, v16 x)
{
    const uint16x8_t limit = vdupq_n_u16((uint16_t)threshold);
    int16x8_t low = vreinterpretq_s16_u16(vcgeq_u16(vld1q_u16(bits), limit));
    int16x8_t high = vreinterpretq_s16_u16(vcgeq_u16(vld1q_u16(bits + 8), limit));
    return (v16){keep_4(vget_low_s16(low), x.a), keep_4(vget_high_s16(low), x.b),
                 keep_4(vget_low_s16(high), x.c), keep_4(vget_high_s16(high), x.d)};
}
/* +8, +4, then within a register +2, +1: no vaddvq, whose order is another. */
static inline float v_fold(v16 x)
{
    float32x4_t q = vaddq_f32(vaddq_f32(x.a, x.c), vaddq_f32(x.b, x.d));
    float32x2_t h = vadd_f32(vget_low_f32(q), vget_high_f32(q));
    return vget_lane_f32(h, 0) + vget_lane_f32(h, 1);
}
static inline float v_fold_max(v16 x)
{
    float32x4_t q = larger_4(larger_4(x.a, x.c), larger_4(x.b, x.d));
    float32x2_t low = vget_low_f32(q), high = vget_high_f32(q);
    float32x2_t h = vbsl_f32(vcgt_f32(low, high), low, high);
    float first = vget_lane_f32(h, 0), second = vget_lane_f32(h, 1);
    return first > second ? first : second;
}
/* A 4 x 4 transposition: pairs of lanes, then pairs of pairs. */
static inline void transpose_4(float32x4_t *r0, float32x4_t *r1, float32x4_t *r2, float32x4_t *r3)
{
    float64x2_t even = vreinterpretq_f64_f32(vtrn1q_f32(*r0, *r1));
    float64x2_t odd = vreinterpretq_f64_f32(vtrn2q_f32(*r0, *r1));
    float64x2_t even2 = vreinterpretq_f64_f32(vtrn1q_f32(*r2, *r3));
    float64x2_t odd2 = vreinterpretq_f64_f32(vtrn2q_f32(*r2, *r3));
    *r0 = vreinterpretq_f32_f64(vtrn1q_f64(even, even2));
    *r1 = vreinterpretq_f32_f64(vtrn1q_f64(odd, odd2));
    *r2 = vreinterpretq_f32_f64(vtrn2q_f64(even, even2));
    *r3 = vreinterpretq_f32_f64(vtrn2q_f64(odd, odd2));
}
/* Each of the 16 blocks of 4 x 4 is transposed, and blocks change places across the diagonal. */
static inline void v_transpose(v16 r[16])
{
    v16 t[16];
    for (int i = 0; i < 16; i++) {
        t[i] = r[i];
    }
    for (int i = 0; i < 16; i += 4) {
        transpose_4(&t[i].a, &t[i + 1].a, &t[i + 2].a, &t[i + 3].a);
        transpose_4(&t[i].b, &t[i + 1].b, &t[i + 2].b, &t[i + 3].b);
        transpose_4(&t[i].c, &t[i + 1].c, &t[i + 2].c, &t[i + 3].c);
        transpose_4(&t[i].d, &t[i + 1].d, &t[i + 2].d, &t[i + 3].d);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = (v16){t[i].a, t[i + 4].a, t[i + 8].a, t[i + 12].a};
        r[i + 4] = (v16){t[i].b, t[i + 4].b, t[i + 8].b, t[i + 12].b};
        r[i + 8] = (v16){t[i].c, t[i + 4].c, t[i + 8].c, t[i + 12].c};
        r[i + 12] = (v16){t[i].d, t[i + 4].d, t[i + 8].d, t[i + 12].d};
    }
}
#undef ALL
#undef ALL2
#endif
