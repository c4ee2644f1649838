/* CRC-32C against the published examples of RFC 3720, appendix B.4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.h"

static void published_examples(void **state)
{
    unsigned char bytes[32];
    (void)state;
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(ek_crc32c(bytes, 32), 0x8a9136aau);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(ek_crc32c(bytes, 32), 0x62a8ab43u);
    for (int i = 0; i < 32; i++) {
        bytes[i] = (unsigned char)i;
    }
    assert_int_equal(ek_crc32c(bytes, 32), 0x46dd794eu);
    for (int i = 0; i < 32; i++) {
        bytes[i] = (unsigned char)(31 - i);
    }
    assert_int_equal(ek_crc32c(bytes, 32), 0x113fdb5cu);
    assert_int_equal(ek_crc32c("123456789", 9), 0xe3069283u);
    assert_int_equal(ek_crc32c("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(published_examples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
