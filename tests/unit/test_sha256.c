/* SHA-256 against the examples of FIPS 180-4 (NIST's example values), in every way of cutting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/sha256.h"

static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

static void check(const void *bytes, size_t count, size_t piece, const char *want)
{
    char hex[65];
    ek_sha256 hash;
    ek_sha256_init(&hash);
    for (size_t at = 0; at < count; at += piece) {
        size_t take = count - at < piece ? count - at : piece;
        ek_sha256_update(&hash, (const char *)bytes + at, take);
    }
    ek_sha256_hex(&hash, hex);
    assert_string_equal(hex, want);
}

static void known_answers(void **state)
{
    (void)state;
    check("", 0, 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check("abc", 3, 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    for (size_t piece = 1; piece <= 57; piece++) {
        check(two_blocks, 56, piece,
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    }
    static char million[1000000];
    memset(million, 'a', sizeof million);
    static const size_t pieces[] = {1, 63, 64, 65, 1000, 1000000};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        check(million, sizeof million, pieces[i],
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
}

/* Every length around the block's end must equal itself fed byte by byte. */
static void lengths(void **state)
{
    (void)state;
    unsigned char bytes[200];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(i * 37);
    }
    char previous[65] = "";
    for (size_t n = 0; n <= sizeof bytes; n++) {
        char hex[65];
        ek_sha256 hash;
        ek_sha256_init(&hash);
        ek_sha256_update(&hash, bytes, n);
        ek_sha256_hex(&hash, hex);
        check(bytes, n, 1, hex);
        assert_string_not_equal(hex, previous);
        memcpy(previous, hex, sizeof hex);
    }
}

static void hash_floats(const float *values, size_t count, char hex[65])
{
    ek_sha256 hash;
    ek_sha256_init(&hash);
    ek_sha256_f32(&hash, values, count);
    ek_sha256_hex(&hash, hex);
}

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void floats(void **state)
{
    (void)state;
    const unsigned char bytes[] = {0x00, 0x00, 0x80, 0x3F, 0x00, 0x00, 0x00, 0x80,
                                   0x00, 0x00, 0xC0, 0x7F, 0x00, 0x00, 0x80, 0xFF};
    float values[] = {1.0f, -0.0f, (float)NAN, -(float)INFINITY};
    char hex[65], other[65];
    static const uint32_t nans[] = {0x7FC00000, 0xFFC00000, 0x7F800001, 0xFFFFFFFF, 0x7FC12345};
    hash_floats(values, 4, hex);
    check(bytes, sizeof bytes, sizeof bytes, hex);
    for (size_t i = 0; i < sizeof nans / sizeof nans[0]; i++) {
        values[2] = from_bits(nans[i]);
        hash_floats(values, 4, other);
        assert_string_equal(hex, other);
    }
    values[1] = 0.0f;
    hash_floats(values, 4, other);
    assert_string_not_equal(hex, other); /* the sign of zero counts */

    static float many[5000]; /* more than one inner buffer */
    ek_sha256 hash;
    ek_sha256_init(&hash);
    for (size_t i = 0; i < 5000; i++) {
        many[i] = (float)i * 0.37f;
        ek_sha256_f32(&hash, &many[i], 1);
    }
    ek_sha256_hex(&hash, other);
    hash_floats(many, 5000, hex);
    assert_string_equal(hex, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(lengths),
        cmocka_unit_test(floats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
