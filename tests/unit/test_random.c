/* Random numbers: published answers, the derivations from them, and their distributions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/sha256.h"

/* Random123's known answers for philox4x32-10. */
static void known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint32_t *c = cases[i].counter;
        ek_philox_block block = ek_philox(cases[i].key[0], cases[i].key[1], c[0], c[1], c[2], c[3]);
        assert_memory_equal(block.v, cases[i].want, sizeof block.v);
    }
}

static void derivations(void **state)
{
    (void)state;
    uint64_t element = 0x123456789ABCDEFu;
    ek_philox_block block =
        ek_philox(5, EK_STREAM_SPLIT, 6, 7, (uint32_t)element, (uint32_t)(element >> 32));
    uint64_t bits = (uint64_t)block.v[1] << 32 | block.v[0];
    assert_true(ek_random_uniform(5, EK_STREAM_SPLIT, 6, 7, element) ==
                (double)(bits >> 11) / 9007199254740992.0);
    /* With a power of two for its bound, Lemire's number is the top bits. */
    for (int shift = 0; shift < 64; shift++) {
        uint64_t want = shift == 0 ? 0 : bits >> (64 - shift);
        assert_true(ek_random_below(5, EK_STREAM_SPLIT, 6, 7, element, (uint64_t)1 << shift) ==
                    want);
    }
    /* Every word of the address matters, the high half of the element too. */
    double u = ek_random_uniform(5, EK_STREAM_SPLIT, 6, 7, 8);
    assert_true(u != ek_random_uniform(4, EK_STREAM_SPLIT, 6, 7, 8));
    assert_true(u != ek_random_uniform(5, EK_STREAM_INIT, 6, 7, 8));
    assert_true(u != ek_random_uniform(5, EK_STREAM_SPLIT, 7, 7, 8));
    assert_true(u != ek_random_uniform(5, EK_STREAM_SPLIT, 6, 6, 8));
    assert_true(u != ek_random_uniform(5, EK_STREAM_SPLIT, 6, 7, 8 | (uint64_t)1 << 32));
}

/* Half of the draws are refused here: the retries must be there, uniform and fresh. */
static void retries(void **state)
{
    (void)state;
    const uint64_t bound = ((uint64_t)1 << 63) + 1;
    int counts[16] = {0};
    int fresh = 0;
    enum { DRAWS = 16000 };
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint64_t x = ek_random_below(1, EK_STREAM_SEARCH, 2, 3, i, bound);
        assert_true(x < bound);
        counts[x >> 59 > 15 ? 15 : x >> 59]++;
        ek_philox_block first =
            ek_philox(1, EK_STREAM_SEARCH, 2, 3, (uint32_t)i, (uint32_t)(i >> 32));
        uint64_t bits = (uint64_t)first.v[1] << 32 | first.v[0];
        fresh += x != bits / 2 && x != bits / 2 + 1; /* bits * bound / 2^64 */
    }
    assert_true(fresh > DRAWS * 0.45 && fresh < DRAWS * 0.55);
    double chi2 = 0.0;
    for (int k = 0; k < 16; k++) {
        chi2 += (counts[k] - DRAWS / 16.0) * (counts[k] - DRAWS / 16.0) / (DRAWS / 16.0);
    }
    assert_true(chi2 < 44.3); /* 15 degrees of freedom, p = 1e-4; the draws are fixed */
}

static void uniform_is_uniform(void **state)
{
    (void)state;
    enum { DRAWS = 200000, BINS = 64 };
    static int counts[BINS];
    double sum = 0.0, lag = 0.0, before = 0.5;
    for (uint64_t i = 0; i < DRAWS; i++) {
        double u = ek_random_uniform(7, EK_STREAM_SUBSET, 0, 0, i);
        assert_true(u >= 0.0 && u < 1.0);
        counts[(int)(u * BINS)]++;
        sum += u;
        lag += (u - 0.5) * (before - 0.5);
        before = u;
    }
    double chi2 = 0.0, expected = (double)DRAWS / BINS;
    for (int k = 0; k < BINS; k++) {
        chi2 += (counts[k] - expected) * (counts[k] - expected) / expected;
    }
    /* Four standard errors; chi2 with 63 degrees of freedom at p = 1e-4. */
    assert_true(fabs(sum / DRAWS - 0.5) < 4 * sqrt(1.0 / 12 / DRAWS));
    assert_true(fabs(lag / DRAWS) < 4 * (1.0 / 12) / sqrt(DRAWS));
    assert_true(chi2 < 114.8);
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void normal_is_normal(void **state)
{
    (void)state;
    enum { DRAWS = 100000 };
    static float x[DRAWS];
    const double mean = 0.25, std = 0.02;
    ek_random_normal_f32(x, DRAWS, mean, std, 3, EK_STREAM_INIT, 4, 5);
    double m1 = 0.0, m2 = 0.0, m3 = 0.0, m4 = 0.0, pairs = 0.0;
    for (size_t i = 0; i < DRAWS; i++) {
        double z = ((double)x[i] - mean) / std;
        assert_true(fabs(z) < 8.6); /* sqrt(2 * 53 ln 2) is the largest there can be */
        m1 += z;
        m2 += z * z;
        m3 += z * z * z;
        m4 += z * z * z * z;
        pairs += i % 2 == 1 ? z * (((double)x[i - 1] - mean) / std) : 0.0;
    }
    /* Four standard errors of each moment of a normal sample. */
    assert_true(fabs(m1 / DRAWS) < 4 * sqrt(1.0 / DRAWS));
    assert_true(fabs(m2 / DRAWS - 1.0) < 4 * sqrt(2.0 / DRAWS));
    assert_true(fabs(m3 / DRAWS) < 4 * sqrt(15.0 / DRAWS));
    assert_true(fabs(m4 / DRAWS - 3.0) < 4 * sqrt(96.0 / DRAWS));
    assert_true(fabs(pairs / (DRAWS / 2.0)) < 4 * sqrt(2.0 / DRAWS));
    /* Kolmogorov and Smirnov at p = 1e-4: 2.23 / sqrt(n). */
    qsort(x, DRAWS, sizeof x[0], compare_floats);
    double largest = 0.0;
    for (size_t i = 0; i < DRAWS; i++) {
        double cdf = 0.5 * erfc(-((double)x[i] - mean) / std / sqrt(2.0));
        largest = fmax(largest, fabs(cdf - (double)i / DRAWS));
        largest = fmax(largest, fabs(cdf - (double)(i + 1) / DRAWS));
    }
    assert_true(largest < 2.23 / sqrt(DRAWS));
}

static void elements_do_not_depend_on_count(void **state)
{
    (void)state;
    float all[101];
    ek_random_normal_f32(all, 101, 0.0, 1.0, 9, EK_STREAM_INIT, 1, 2);
    for (size_t count = 0; count <= 101; count++) {
        float some[102];
        some[count] = 77.0f;
        ek_random_normal_f32(some, count, 0.0, 1.0, 9, EK_STREAM_INIT, 1, 2);
        assert_memory_equal(some, all, count * sizeof some[0]);
        assert_true(some[count] == 77.0f); /* nothing is written behind the end */
    }
}

static void permutations(void **state)
{
    (void)state;
    enum { COUNT = 1000, ROUNDS = 24000 };
    static uint32_t p[COUNT];
    static unsigned char seen[COUNT];
    ek_random_permutation(p, COUNT, 1, EK_STREAM_ORDER, 2, 0);
    size_t fixed = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_true(p[i] < COUNT && !seen[p[i]]);
        seen[p[i]] = 1;
        fixed += p[i] == i;
    }
    assert_true(fixed < 10); /* 1 on average */
    ek_random_permutation(p, 0, 1, EK_STREAM_ORDER, 2, 0);
    ek_random_permutation(p, 1, 1, EK_STREAM_ORDER, 2, 0);
    assert_int_equal(p[0], 0);

    /* All 24 orders of four are equally frequent: chi2, 23 degrees of freedom, p = 1e-4. */
    int counts[256] = {0};
    double chi2 = 0.0;
    int kinds = 0;
    for (uint32_t r = 0; r < ROUNDS; r++) {
        ek_random_permutation(p, 4, 5, EK_STREAM_ORDER, r, 0);
        counts[p[0] << 6 | p[1] << 4 | p[2] << 2 | p[3]]++;
    }
    for (int k = 0; k < 256; k++) {
        double expected = ROUNDS / 24.0;
        kinds += counts[k] > 0;
        chi2 += counts[k] > 0 ? (counts[k] - expected) * (counts[k] - expected) / expected : 0.0;
    }
    assert_int_equal(kinds, 24);
    assert_true(chi2 < 55.7);
}

/* The numbers are part of the numeric contract: any change of a bit changes every run. */
static void bits_never_change(void **state)
{
    (void)state;
    static float x[4096];
    uint32_t p[257];
    char hex[65];
    ek_sha256 hash;
    ek_sha256_init(&hash);
    ek_random_normal_f32(x, 4096, 0.0, 0.02, 42, EK_STREAM_INIT, 3, 0);
    ek_sha256_f32(&hash, x, 4096);
    ek_random_permutation(p, 257, 42, EK_STREAM_ORDER, 1, 0);
    for (size_t i = 0; i < 257; i++) {
        x[i] = (float)p[i];
    }
    ek_sha256_f32(&hash, x, 257);
    ek_sha256_hex(&hash, hex);
    assert_string_equal(hex, "86f760a251a5e583429128c50a7b42148bf019f1771e512f1f0e2e850a92f816");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),    cmocka_unit_test(derivations),
        cmocka_unit_test(retries),          cmocka_unit_test(uniform_is_uniform),
        cmocka_unit_test(normal_is_normal), cmocka_unit_test(elements_do_not_depend_on_count),
        cmocka_unit_test(permutations),     cmocka_unit_test(bits_never_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
