#include "base/random.h"

#include <math.h>

#include "base/realmath.h"

static uint64_t join(uint32_t high, uint32_t low)
{
    return (uint64_t)high << 32 | low;
}

/* The block of an element. retry goes into the upper half of the key's second word, where no stream
 * number reaches: all 64 bits of element stay free, and no retry meets another element's draw. */
static ek_philox_block element_block(uint32_t seed, ek_stream stream, uint32_t a, uint32_t b,
                                     uint64_t element, uint32_t retry)
{
    return ek_philox(seed, (uint32_t)stream | retry << 16, a, b, (uint32_t)element,
                     (uint32_t)(element >> 32));
}

/* The top 53 bits, in [0, 1). */
static double unit(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

double ek_random_uniform(uint32_t seed, ek_stream stream, uint32_t a, uint32_t b, uint64_t element)
{
    ek_philox_block block = element_block(seed, stream, a, b, element, 0);
    return unit(join(block.v[1], block.v[0]));
}

/* The 128-bit product of x and y from 32-bit halves. */
static void multiply(uint64_t x, uint64_t y, uint64_t *high, uint64_t *low)
{
    uint64_t x0 = (uint32_t)x, x1 = x >> 32, y0 = (uint32_t)y, y1 = y >> 32;
    uint64_t middle = x1 * y0 + (x0 * y0 >> 32);
    uint64_t middle2 = x0 * y1 + (uint32_t)middle;
    *high = x1 * y1 + (middle >> 32) + (middle2 >> 32);
    *low = x * y;
}

uint64_t ek_random_below(uint32_t seed, ek_stream stream, uint32_t a, uint32_t b, uint64_t element,
                         uint64_t bound)
{
    /* Lemire (2019): the high half of x * bound is uniform once those x whose low half lies below
     * 2^64 mod bound are refused. One draw in 2^64 / bound is refused, half of them at worst, so
     * the 2^16 retries that the key has room for are never used up (2^-65536). */
    uint64_t high = 0, low, refused = (0 - bound) % bound;
    for (uint32_t retry = 0; retry <= 0xFFFF; retry++) {
        ek_philox_block block = element_block(seed, stream, a, b, element, retry);
        multiply(join(block.v[1], block.v[0]), bound, &high, &low);
        if (low >= refused) {
            break;
        }
    }
    return high;
}

void ek_random_normal_f32(float *out, size_t count, double mean, double std, uint32_t seed,
                          ek_stream stream, uint32_t a, uint32_t b)
{
    for (size_t i = 0; i < count; i += 2) {
        /* Box and Muller (1958): one block gives the pair (i, i + 1). */
        ek_philox_block block = element_block(seed, stream, a, b, i / 2, 0);
        double u = unit(join(block.v[1], block.v[0])) + 0x1p-53; /* (0, 1]: log must be finite */
        double turns = unit(join(block.v[3], block.v[2]));
        double radius = sqrt(-2.0 * ek_log(u));
        out[i] = (float)(mean + std * (radius * ek_cos_2pi(turns)));
        if (i + 1 < count) {
            out[i + 1] = (float)(mean + std * (radius * ek_sin_2pi(turns)));
        }
    }
}

void ek_random_permutation(uint32_t *out, uint32_t count, uint32_t seed, ek_stream stream,
                           uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < count; i++) {
        out[i] = i;
    }
    for (uint32_t i = count; i > 1; i--) {
        uint32_t last = i - 1;
        uint32_t other = (uint32_t)ek_random_below(seed, stream, a, b, last, i);
        uint32_t held = out[last];
        out[last] = out[other];
        out[other] = held;
    }
}
