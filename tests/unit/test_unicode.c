/* Characters: UTF-8 there and back, and every code point through normalizer and words, against the
 * Rust library's results. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/sha256.h"
#include "base/str.h"
#include "golden_lines.h"
#include "text/bert_normalizer.h"
#include "text/bert_words.h"
#include "text/unicode.h"

static bool is_scalar(uint32_t c)
{
    return c < 0xD800 || (c >= 0xE000 && c < 0x110000);
}

static void utf8_round_trip(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        if (!is_scalar(c)) {
            continue;
        }
        char text[EK_UTF8_MAX_BYTES + 2] = "x";
        char *end = ek_utf8_put(text + 1, c);
        size_t length = (size_t)(end - text);
        assert_int_equal(ek_utf8_check(text, length), length);
        assert_int_equal(ek_utf8_count(text, length), 2);
        const char *at = text + 1;
        assert_int_equal(ek_utf8_next(&at), c);
        assert_ptr_equal(at, end);
        assert_int_equal(ek_utf8_previous(&at), c);
        assert_ptr_equal(at, text + 1);
    }
}

static void properties(void **state)
{
    (void)state;
    assert_true(ek_unicode_is_space(' ') && ek_unicode_is_space('\n') && ek_unicode_is_space(0x85));
    assert_false(ek_unicode_is_space(0x200B) || ek_unicode_is_space(0x1C));
    assert_true(ek_unicode_is_word('_') && ek_unicode_is_word(0xE9) && ek_unicode_is_word(0x330) &&
                ek_unicode_is_word(0x200D) && ek_unicode_is_word(0x323AF));
    assert_false(ek_unicode_is_word('-') || ek_unicode_is_word(0x3000) ||
                 ek_unicode_is_word(0xB2) || ek_unicode_is_word(0x10FFFF));
    assert_int_equal(ek_unicode_combining_class(0x302E), 224);
    assert_int_equal(ek_unicode_combining_class('a'), 0);

    uint32_t lower[2];
    assert_int_equal(ek_unicode_lower(lower, 0x130), 2);
    assert_true(lower[0] == 'i' && lower[1] == 0x307);
    assert_int_equal(ek_unicode_lower(lower, 0x3A3), 1); /* sigma: no final form */
    assert_int_equal(lower[0], 0x3C3);
    assert_int_equal(ek_unicode_lower(lower, 0x1E9E), 1);
    assert_int_equal(lower[0], 0xDF);

    uint32_t parts[EK_UNICODE_STRIPPED_MAX];
    bool starter = false;
    assert_int_equal(ek_unicode_strip(parts, &starter, 0x1EA5), 1); /* a with two marks */
    assert_int_equal(parts[0], 'a');
    assert_int_equal(ek_unicode_strip(parts, &starter, 0xD55C), 3); /* Hangul */
    assert_true(parts[0] == 0x1112 && parts[1] == 0x1161 && parts[2] == 0x11AB);
    assert_int_equal(ek_unicode_strip(parts, &starter, 0xAC00), 2);
    assert_int_equal(ek_unicode_strip(parts, &starter, 0x301), 0);
    assert_false(starter);
    assert_int_equal(ek_unicode_strip(parts, &starter, 0x900), 0);
    assert_true(starter);
}

static ek_bert_normalizer normalizer_of(const char *bits)
{
    assert_int_equal(strlen(bits), 4);
    return ek_bert_normalizer_make(bits[0] == '1', bits[1] == '1', bits[2] == '1', bits[3] == '1');
}

/* Adds the words of "a" c "b" to a hash; they stay within the bound of the normalizer. */
static void hash_words(ek_sha256 *hash, const ek_bert_normalizer *normalizer, uint32_t c)
{
    char text[EK_UTF8_MAX_BYTES + 2] = "a";
    char *end = ek_utf8_put(text + 1, c);
    *end++ = 'b';
    char normal[6 * sizeof text];
    size_t bound;
    assert_true(ek_bert_normalizer_bound(&bound, (size_t)(end - text)));
    size_t length = ek_bert_normalizer_apply(normalizer, normal, text, (size_t)(end - text));
    assert_in_range(length, 2, bound / 2);
    ek_bert_words words = ek_bert_words_begin(normal, length);
    while (ek_bert_words_next(&words)) {
        ek_sha256_update(hash, words.word, words.length);
        ek_sha256_update(hash, "", 1);
    }
    ek_sha256_update(hash, "\n", 1);
}

static void every_code_point(void **state)
{
    (void)state;
    int blocks = 0;
    golden_open();
    while (golden_next("block")) {
        ek_bert_normalizer normalizer = normalizer_of(golden_field());
        const char *number = golden_field();
        uint32_t first = (uint32_t)strtoul(number, NULL, 16);
        const char *expected = golden_field();
        ek_sha256 hash;
        char hex[65];
        ek_sha256_init(&hash);
        for (uint32_t c = first; c < first + 4096; c++) {
            if (is_scalar(c)) {
                hash_words(&hash, &normalizer, c);
            }
        }
        ek_sha256_hex(&hash, hex);
        hex[strlen(expected)] = '\0';
        if (strcmp(hex, expected) != 0) {
            fail_msg("the block at U+%04X differs", first);
        }
        blocks++;
    }
    golden_close();
    assert_int_equal(blocks, 4 * 272);
}

static void normalised_texts(void **state)
{
    (void)state;
    int count = 0;
    ek_buf text = {0}, expected = {0};
    golden_open();
    while (golden_next("normal")) {
        ek_bert_normalizer normalizer = normalizer_of(golden_field());
        golden_text(&text);
        golden_text(&expected);
        size_t bound;
        assert_true(ek_bert_normalizer_bound(&bound, text.length));
        char *normal = malloc(bound);
        assert_non_null(normal);
        size_t length = ek_bert_normalizer_apply(&normalizer, normal, text.data, text.length);
        assert_int_equal(length, expected.length);
        assert_memory_equal(normal, ek_buf_text(&expected), length);
        free(normal);
        count++;
    }
    golden_close();
    ek_buf_deinit(&text);
    ek_buf_deinit(&expected);
    assert_true(count >= 100);
}

/* A long run of marks in the wrong order costs one pass a class, not one a mark. */
static void long_run_of_marks(void **state)
{
    (void)state;
    enum { MARKS = 300000 };
    ek_bert_normalizer normalizer = ek_bert_normalizer_make(true, true, true, true);
    size_t bound, length = 3 * (size_t)MARKS;
    assert_true(ek_bert_normalizer_bound(&bound, length));
    char *text = malloc(length), *normal = malloc(bound);
    assert_true(text != NULL && normal != NULL);
    char *end = text;
    for (int i = 0; i < MARKS; i++) {
        end = ek_utf8_put(end, i % 2 == 0 ? 0x302E : 0xA953); /* classes 224 and 9 */
    }
    assert_int_equal(ek_bert_normalizer_apply(&normalizer, normal, text, length), length);
    const char *at = normal;
    for (int i = 0; i < MARKS; i++) {
        assert_int_equal(ek_utf8_next(&at), i < MARKS / 2 ? 0xA953 : 0x302E);
    }
    free(text);
    free(normal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_round_trip),   cmocka_unit_test(properties),
        cmocka_unit_test(every_code_point),  cmocka_unit_test(normalised_texts),
        cmocka_unit_test(long_run_of_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
