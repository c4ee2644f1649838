/* vec_scalar.h - 16 float lanes in plain C: the specification of the other vec_<isa>.h.
 *
 * The bodies (elementary.inc, gemm.inc, ops.inc, attention.inc) are written once against these
 * operations and compiled for each instruction set. Every operation is one correctly rounded IEEE
 * operation a lane, so equal bits follow; only v_fold fixes an order. fmaf is exact without FMA
 * hardware too, only slow there.
 */
#ifndef EK_KERNEL_VEC_H
#define EK_KERNEL_VEC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    float l[16];
} v16;
typedef struct {
    int32_t l[16];
} v16i;
typedef struct {
    uint64_t l[8];
} v8u;

#define EACH(result, expression)                                                                   \
    for (int i = 0; i < 16; i++) {                                                                 \
        (result).l[i] = (expression);                                                              \
    }                                                                                              \
    return result

static inline v16 v_load(const float *p)
{
    v16 r;
    memcpy(&r, p, sizeof r);
    return r;
}
/* The first n lanes from memory, n <= 16, the others 0; nothing beyond them is read. */
static inline v16 v_load_n(const float *p, int64_t n)
{
    v16 r = {{0}};
    memcpy(&r, p, (size_t)(n < 16 ? n : 16) * sizeof(float));
    return r;
}
static inline void v_store(float *p, v16 a)
{
    memcpy(p, &a, sizeof a);
}
static inline void v_store_n(float *p, v16 a, int64_t n)
{
    memcpy(p, &a, (size_t)(n < 16 ? n : 16) * sizeof(float));
}
static inline v16 v_set1(float x)
{
    v16 r;
    EACH(r, x);
}
static inline v16 v_zero(void)
{
    return (v16){{0}};
}
static inline v16 v_add(v16 a, v16 b)
{
    EACH(a, a.l[i] + b.l[i]);
}
static inline v16 v_sub(v16 a, v16 b)
{
    EACH(a, a.l[i] - b.l[i]);
}
static inline v16 v_mul(v16 a, v16 b)
{
    EACH(a, a.l[i] * b.l[i]);
}
static inline v16 v_div(v16 a, v16 b)
{
    EACH(a, a.l[i] / b.l[i]);
}
/* a * b + c, rounded once. */
static inline v16 v_fma(v16 a, v16 b, v16 c)
{
    EACH(a, fmaf(a.l[i], b.l[i], c.l[i]));
}
static inline v16 v_sqrt(v16 a)
{
    EACH(a, sqrtf(a.l[i]));
}
/* Compare and select with the data second: a NaN in x comes out (docs/numerics.md, rule 7). */
static inline v16 v_max(v16 limit, v16 x)
{
    EACH(x, limit.l[i] > x.l[i] ? limit.l[i] : x.l[i]);
}
static inline v16 v_min(v16 limit, v16 x)
{
    EACH(x, limit.l[i] < x.l[i] ? limit.l[i] : x.l[i]);
}
static inline v16 v_if_lt(v16 a, v16 b, v16 yes, v16 no)
{
    EACH(no, a.l[i] < b.l[i] ? yes.l[i] : no.l[i]);
}
/* Lanes 0 .. n-1 of a, the others of other. */
static inline v16 v_first(v16 a, int64_t n, v16 other)
{
    EACH(other, i < n ? a.l[i] : other.l[i]);
}
static inline v16i v_bits(v16 a)
{
    v16i r;
    memcpy(&r, &a, sizeof r);
    return r;
}
static inline v16 v_float(v16i a)
{
    v16 r;
    memcpy(&r, &a, sizeof r);
    return r;
}
static inline v16i vi_set1(int32_t x)
{
    v16i r;
    EACH(r, x);
}
/* Lanes wrap around, as unsigned numbers do. */
static inline v16i vi_add(v16i a, v16i b)
{
    EACH(a, (int32_t)((uint32_t)a.l[i] + (uint32_t)b.l[i]));
}
static inline v16i vi_sub(v16i a, v16i b)
{
    EACH(a, (int32_t)((uint32_t)a.l[i] - (uint32_t)b.l[i]));
}
static inline v16i vi_and(v16i a, v16i b)
{
    EACH(a, a.l[i] & b.l[i]);
}
static inline v16i vi_or(v16i a, v16i b)
{
    EACH(a, a.l[i] | b.l[i]);
}
static inline v16i vi_shl(v16i a, int n)
{
    EACH(a, (int32_t)((uint32_t)a.l[i] << n));
}
/* Arithmetic: copies of the sign come in. */
static inline v16i vi_shr(v16i a, int n)
{
    EACH(a, a.l[i] >> n);
}
static inline v16 v_from_int(v16i a)
{
    v16 r;
    EACH(r, (float)a.l[i]);
}
/* Lanes 1, 0, 3, 2, ... */
static inline v16 v_swap_pairs(v16 a)
{
    v16 r;
    EACH(r, a.l[i ^ 1]);
}
/* Where EK_V_DENORMAL_FLAG is defined, a header also has v_denormal_clear and v_denormal_met (the
 * processor's sticky flag that an operand was denormal), and v_settle: its operand is computed
 * before what follows and used by nothing before it. */
/* ---- 64-bit lanes, for random bits ---- */
static inline v8u vu_set1(uint32_t x)
{
    v8u r;
    for (int i = 0; i < 8; i++) {
        r.l[i] = x;
    }
    return r;
}
/* Lane i is first + i, modulo 2^32. */
static inline v8u vu_count(uint32_t first)
{
    v8u r;
    for (uint32_t i = 0; i < 8; i++) {
        r.l[i] = (uint32_t)(first + i);
    }
    return r;
}
/* The whole product of the low halves; here and below high halves of operands do not matter. */
static inline v8u vu_multiply(v8u a, v8u b)
{
    for (int i = 0; i < 8; i++) {
        a.l[i] = (a.l[i] & 0xFFFFFFFFu) * (b.l[i] & 0xFFFFFFFFu);
    }
    return a;
}
/* In the low half; the high one may be anything. */
static inline v8u vu_high(v8u a)
{
    for (int i = 0; i < 8; i++) {
        a.l[i] >>= 32;
    }
    return a;
}
static inline v8u vu_xor(v8u a, v8u b)
{
    for (int i = 0; i < 8; i++) {
        a.l[i] ^= b.l[i];
    }
    return a;
}
/* bits[8 i + 2 w] and [.. + 1] are the low and the high half of word w (the low half of lane i). */
static inline void vu_store_words(uint16_t bits[64], const v8u words[4])
{
    for (int i = 0; i < 8; i++) {
        for (int w = 0; w < 4; w++) {
            bits[8 * i + 2 * w] = (uint16_t)(words[w].l[i] & 0xFFFF);
            bits[8 * i + 2 * w + 1] = (uint16_t)(words[w].l[i] >> 16 & 0xFFFF);
        }
    }
}
/* x where the lane's bits are at least the threshold (1 .. 65535), +0 elsewhere. */
static inline v16 v_keep(const uint16_t bits[16], int32_t threshold, v16 x)
{
    EACH(x, bits[i] >= threshold ? x.l[i] : 0.0f);
}

/* Folds lanes +8, +4, +2, +1 (rule 3). */
static inline float v_fold(v16 a)
{
    for (int half = 8; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) {
            a.l[i] += a.l[i + half];
        }
    }
    return a.l[0];
}
static inline float v_fold_max(v16 a)
{
    for (int half = 8; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) {
            a.l[i] = a.l[i] > a.l[i + half] ? a.l[i] : a.l[i + half];
        }
    }
    return a.l[0];
}
/* r[i] lane j becomes r[j] lane i. */
static inline void v_transpose(v16 r[16])
{
    for (int i = 0; i < 16; i++) {
        for (int j = 0; j < i; j++) {
            float held = r[i].l[j];
            r[i].l[j] = r[j].l[i];
            r[j].l[i] = held;
        }
    }
}
#undef EACH
#endif
