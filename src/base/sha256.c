#include "base/sha256.h"

#include <stdbool.h>
#include <string.h>

/* FIPS 180-4, 4.2.2: the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* 5.3.3: those of the square roots of the first 8 primes. */
static const uint32_t initial_state[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static uint32_t rotate_right(uint32_t x, int count)
{
    return x >> count | x << (32 - count);
}

/* 6.2.2: one block of 64 bytes. */
static void compress(uint32_t state[8], const unsigned char *block)
{
    uint32_t w[64];
    for (int t = 0; t < 16; t++) {
        const unsigned char *b = block + 4 * t;
        w[t] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    }
    for (int t = 16; t < 64; t++) {
        uint32_t x = w[t - 15], y = w[t - 2];
        uint32_t s0 = rotate_right(x, 7) ^ rotate_right(x, 18) ^ x >> 3;
        uint32_t s1 = rotate_right(y, 17) ^ rotate_right(y, 19) ^ y >> 10;
        w[t] = s1 + w[t - 7] + s0 + w[t - 16];
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int t = 0; t < 64; t++) {
        uint32_t s1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
        uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + round_constants[t] + w[t];
        uint32_t s0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
        uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    uint32_t sums[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; i++) {
        state[i] += sums[i];
    }
}

void ek_sha256_init(ek_sha256 *hash)
{
    memset(hash, 0, sizeof *hash);
    memcpy(hash->state, initial_state, sizeof initial_state);
}

void ek_sha256_update(ek_sha256 *hash, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    while (count > 0) {
        size_t filled = (size_t)(hash->count_bytes % 64);
        if (filled == 0 && count >= 64) {
            compress(hash->state, at); /* whole blocks need no copy */
            hash->count_bytes += 64;
            at += 64;
            count -= 64;
            continue;
        }
        size_t take = count < 64 - filled ? count : 64 - filled;
        memcpy(hash->block + filled, at, take);
        hash->count_bytes += take;
        at += take;
        count -= take;
        if (filled + take == 64) {
            compress(hash->state, hash->block);
        }
    }
}

void ek_sha256_f32(ek_sha256 *hash, const float *values, size_t count)
{
    unsigned char bytes[4096];
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        bool is_nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
        bits = is_nan ? 0x7FC00000u : bits;
        for (int k = 0; k < 4; k++) {
            bytes[used++] = (unsigned char)(bits >> (8 * k));
        }
        if (used == sizeof bytes) {
            ek_sha256_update(hash, bytes, used);
            used = 0;
        }
    }
    ek_sha256_update(hash, bytes, used);
}

void ek_sha256_hex(ek_sha256 *hash, char hex[65])
{
    static const unsigned char padding[64] = {0x80};
    uint64_t count_bits = hash->count_bytes * 8;
    size_t filled = (size_t)(hash->count_bytes % 64);
    ek_sha256_update(hash, padding, filled < 56 ? 56 - filled : 120 - filled);
    unsigned char length[8];
    for (int i = 0; i < 8; i++) {
        length[i] = (unsigned char)(count_bits >> (56 - 8 * i));
    }
    ek_sha256_update(hash, length, sizeof length);

    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 64; i++) {
        hex[i] = digits[hash->state[i / 8] >> (28 - 4 * (i % 8)) & 0xF];
    }
    hex[64] = '\0';
}
