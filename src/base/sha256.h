/* sha256.h - SHA-256 (FIPS 180-4, by OpenSSL's libcrypto): identity of data, models, and final
 * weights.
 *
 * ek_sha256_f32 hashes floats as little-endian bits with every NaN as 7fc00000 (docs/numerics.md,
 * rule 7), so that a hash does not depend on a NaN's payload.
 */
#ifndef EK_BASE_SHA256_H
#define EK_BASE_SHA256_H

#include <stddef.h>

/* The plain calls, whose state needs no memory of its own; OpenSSL 3 would rather have EVP used. */
#define OPENSSL_API_COMPAT 10100
#include <openssl/sha.h>

typedef struct {
    SHA256_CTX context; /* private */
} ek_sha256;

void ek_sha256_init(ek_sha256 *hash);
void ek_sha256_update(ek_sha256 *hash, const void *bytes, size_t count);
void ek_sha256_f32(ek_sha256 *hash, const float *values, size_t count);
/* 64 lower-case hexadecimal digits and a NUL. */
void ek_sha256_hex(ek_sha256 *hash, char hex[65]);

#endif
