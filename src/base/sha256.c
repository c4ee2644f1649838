#include "base/sha256.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

void ek_sha256_init(ek_sha256 *hash)
{
    SHA256_Init(&hash->context);
}

void ek_sha256_update(ek_sha256 *hash, const void *bytes, size_t count)
{
    SHA256_Update(&hash->context, bytes, count);
}

void ek_sha256_f32(ek_sha256 *hash, const float *values, size_t count)
{
    enum { TOGETHER = 1024 };
    uint32_t bits[TOGETHER];
    for (size_t done = 0; done < count;) {
        size_t part = count - done < TOGETHER ? count - done : TOGETHER;
        memcpy(bits, values + done, part * sizeof *bits);
        for (size_t i = 0; i < part; i++) {
            uint32_t canonical = (bits[i] & 0x7FFFFFFFu) > 0x7F800000u ? 0x7FC00000u : bits[i];
            bits[i] = htole32(canonical);
        }
        ek_sha256_update(hash, bits, part * sizeof *bits);
        done += part;
    }
}

void ek_sha256_hex(ek_sha256 *hash, char hex[65])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256_Final(digest, &hash->context);
    for (int i = 0; i < 64; i++) {
        hex[i] = digits[digest[i / 2] >> (i % 2 == 0 ? 4 : 0) & 0xF];
    }
    hex[64] = '\0';
}
