/* random.h - counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011).
 *
 * A draw is a function of (seed, stream, counter) and of nothing else: not of how many numbers were
 * drawn before, by which thread or worker. docs/numerics.md, rule 10, says what the counters mean.
 * ek_philox is inline because kernels call it in their inner loops.
 */
#ifndef EK_BASE_RANDOM_H
#define EK_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* The streams. The numbers are part of the numeric contract: never renumber. */
typedef enum {
    EK_STREAM_INIT = 1,
    EK_STREAM_ORDER = 2,
    EK_STREAM_DROPOUT = 3,
    EK_STREAM_SUBSET = 4,
    EK_STREAM_SPLIT = 5,
    EK_STREAM_MASK = 6,
    EK_STREAM_RESAMPLE = 7,
    EK_STREAM_SEARCH = 8,
    EK_STREAM_TECHNIQUE = 9,
} ek_stream;

typedef struct {
    uint32_t v[4];
} ek_philox_block;

/* key = (seed, stream), counter = (c0, c1, c2, c3). */
static inline ek_philox_block ek_philox(uint32_t seed, uint32_t stream, uint32_t c0, uint32_t c1,
                                        uint32_t c2, uint32_t c3)
{
    uint32_t k0 = seed, k1 = stream;
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (ek_philox_block){{c0, c1, c2, c3}};
}

/* The functions below put an element of the sequence (seed, stream, a, b) at counter
 * (a, b, low half of element, high half of element). The counter is then full: the retries of
 * ek_random_below go into the upper half of the key's second word (stream | retry << 16), where no
 * stream number reaches. So no two of (a, b, element, retry) share a draw. What is not kept apart
 * is the kind of draw: give a uniform and an integer that must be independent different (a, b).
 */

/* A uniform double in [0, 1) with 53 bits: element of the sequence (seed, stream, a, b). */
double ek_random_uniform(uint32_t seed, ek_stream stream, uint32_t a, uint32_t b, uint64_t element);

/* Uniform integer in [0, bound), without bias (Lemire's method, arXiv 1805.10941). bound > 0. */
uint64_t ek_random_below(uint32_t seed, ek_stream stream, uint32_t a, uint32_t b, uint64_t element,
                         uint64_t bound);

/* Fills out[count] with N(mean, std) drawn for (seed, stream, a, b): Box-Muller in double by
 * realmath.h, rounded once to float. Elements 2 j and 2 j + 1 are the cosine and the sine of the
 * draw at element j of the sequence; element i does not depend on count. */
void ek_random_normal_f32(float *out, size_t count, double mean, double std, uint32_t seed,
                          ek_stream stream, uint32_t a, uint32_t b);

/* A permutation of 0..count-1 by Fisher-Yates, element i drawn by ek_random_below. */
void ek_random_permutation(uint32_t *out, uint32_t count, uint32_t seed, ek_stream stream,
                           uint32_t a, uint32_t b);

#endif
