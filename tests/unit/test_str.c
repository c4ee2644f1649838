/* Texts: growth, JSON and CSV fields, numbers in any locale, lists, UTF-8, names, globs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"
#include "comma_locale.h"
#include "temp_folder.h"
#include "../fuzz/fuzz_text.c"
#include "replay_corpus.h"

static void buffers_grow(void **state)
{
    (void)state;
    ek_buf buf = {0};
    assert_string_equal(ek_buf_text(&buf), "");
    for (int i = 0; i < 1000; i++) {
        ek_buf_printf(&buf, "%d,", i);
        assert_int_equal(strlen(buf.data), buf.length);
    }
    ek_buf_append(&buf, "a\0b", 3);
    assert_int_equal(buf.data[buf.length - 2], 0);
    ek_buf_clear(&buf);
    assert_string_equal(ek_buf_text(&buf), "");
    ek_buf_puts(&buf, "x");
    ek_buf_putc(&buf, 'y');
    char *text = ek_buf_take(&buf);
    assert_string_equal(text, "xy");
    assert_null(buf.data);
    ek_free(text);
    text = ek_buf_take(&buf);
    assert_string_equal(text, "");
    ek_free(text);
    ek_buf_deinit(&buf);
}

static void failure_sticks(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_buf buf = {0};
    ek_buf_puts(&buf, "kept");
    ek_mem_fail_after(1);
    for (int i = 0; i < 100; i++) {
        ek_buf_puts(&buf, "xxxxxxxxxx");
    }
    ek_mem_fail_after(0);
    assert_true(buf.failed);
    assert_int_equal(ek_buf_status(&buf, &err), EK_E_MEMORY);
    assert_memory_equal(buf.data, "kept", 4);
    assert_null(ek_buf_take(&buf));
    assert_int_equal(ek_buf_status(&buf, &err), EK_OK); /* empty again */
    ek_mem_fail_after(1);
    assert_null(ek_buf_take(&buf));
    ek_mem_fail_after(0);
    ek_buf_append(&buf, "", SIZE_MAX);
    assert_true(buf.failed);
    ek_buf_deinit(&buf);
}

static void check_json(const char *text, size_t length, const char *want)
{
    ek_buf buf = {0};
    ek_buf_json_string(&buf, text, length);
    assert_string_equal(ek_buf_text(&buf), want);
    ek_buf_deinit(&buf);
}

static void json_fields(void **state)
{
    (void)state;
    check_json("", 0, "\"\"");
    check_json("a\"b\\c/\n\r\t\x01\x7f", 11, "\"a\\\"b\\\\c/\\n\\r\\t\\u0001\x7f\"");
    check_json("\0z", 2, "\"\\u0000z\"");
    check_json("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", 9,
               "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"");
    check_json("a\xC3", 2, "\"a\xEF\xBF\xBD\"");
    check_json("\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
    ek_buf buf = {0};
    ek_buf_json_double(&buf, 0.1);
    ek_buf_putc(&buf, ' ');
    ek_buf_json_double(&buf, (double)NAN);
    ek_buf_putc(&buf, ' ');
    ek_buf_json_double(&buf, -(double)INFINITY);
    assert_string_equal(ek_buf_text(&buf), "0.1 null null");
    ek_buf_deinit(&buf);
}

static void csv_fields(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"plain text", "plain text"},
        {"a,b", "\"a,b\""},
        {"say \"hi\"", "\"say \"\"hi\"\"\""},
        {"a\nb", "\"a\nb\""},
        {"a\rb", "\"a\rb\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ek_buf buf = {0};
        ek_buf_csv_field(&buf, cases[i][0]);
        assert_string_equal(ek_buf_text(&buf), cases[i][1]);
        ek_buf_deinit(&buf);
    }
}

static void numbers_are_whole_texts(void **state)
{
    (void)state;
    double d = 0.0;
    static const char *const good[] = {"0",   "-1",  "+2.5",     "1e-5",  "1E+3",
                                       ".5",  "5.",  "4e-324",   "nan",   "-inf",
                                       "Inf", "NaN", "infinity", "1e-400"};
    static const char *const bad[] = {"",       " 1",    "1 ",  "0x10", "1e",    "1.2.3",
                                      "1,5",    "e5",    "--1", "+-1",  "1e999", "-1e999",
                                      "nan(1)", "infin", ".",   "1f"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(ek_parse_double(good[i], &d));
        assert_true(isnan(d) || d == strtod(good[i], NULL));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        d = 17.0;
        if (ek_parse_double(bad[i], &d)) {
            fail_msg("'%s' was taken for a number", bad[i]);
        }
        assert_true(d == 17.0);
    }
    int64_t n = 0;
    assert_true(ek_parse_i64("-9223372036854775808", &n) && n == INT64_MIN);
    assert_true(ek_parse_i64("9223372036854775807", &n) && n == INT64_MAX);
    assert_true(ek_parse_i64("+007", &n) && n == 7);
    static const char *const not_integers[] = {
        "",    "-",   "9223372036854775808", "1.0", " 1", "1 ", "a",
        "0x1", "1e3", "-9223372036854775809"};
    for (size_t i = 0; i < sizeof not_integers / sizeof not_integers[0]; i++) {
        n = 17;
        assert_false(ek_parse_i64(not_integers[i], &n));
        assert_int_equal(n, 17);
    }
    bool b = false;
    assert_true(ek_parse_bool("true", &b) && b);
    assert_true(ek_parse_bool("No", &b) && !b);
    assert_true(ek_parse_bool("ON", &b) && b);
    assert_true(ek_parse_bool("0", &b) && !b);
    assert_false(ek_parse_bool("", &b) || ek_parse_bool("2", &b) || ek_parse_bool("tru", &b));
}

static void check_round_trip(double value)
{
    char text[32];
    double back;
    assert_true(ek_parse_double(ek_format_double(text, value), &back));
    assert_true(memcmp(&back, &value, sizeof value) == 0);
    assert_true(strlen(text) < 26);
}

static void doubles_round_trip(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {2e-5, "2e-05"}, {0.1, "0.1"},       {3.0, "3"},         {20.0, "20"},
        {1e5, "100000"}, {0.0, "0"},         {-0.0, "-0"},       {-1.5, "-1.5"},
        {1e16, "1e+16"}, {0.0001, "0.0001"}, {5e-324, "5e-324"}, {1.0 / 3, "0.3333333333333333"},
    };
    char text[32];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(ek_format_double(text, cases[i].value), cases[i].text);
        check_round_trip(cases[i].value);
    }
    assert_string_equal(ek_format_double(text, (double)NAN), "nan");
    assert_string_equal(ek_format_double(text, -(double)INFINITY), "-inf");
    check_round_trip(1.7976931348623157e308);
    check_round_trip(2.2250738585072014e-308);
    for (uint32_t i = 0; i < 20000; i++) {
        ek_philox_block block = ek_philox(1, 2, i, 0, 0, 0);
        double value;
        memcpy(&value, block.v, sizeof value);
        if (isfinite(value)) {
            check_round_trip(value);
        }
        check_round_trip((double)block.v[2] / 1000.0);
    }
}

static void locale_does_not_matter(void **state)
{
    (void)state;
    if (!comma_locale_enter(temp_folder)) {
        comma_locale_leave();
        skip(); /* neither such a locale nor localedef on this machine */
    }
    char text[32];
    double value;
    ek_buf buf = {0};
    assert_true(ek_parse_double("2.5e-3", &value) && value == 2.5e-3);
    assert_string_equal(ek_format_double(text, 0.125), "0.125");
    ek_buf_printf(&buf, "%.2f", 0.25);
    assert_string_equal(ek_buf_text(&buf), "0.25");
    snprintf(text, sizeof text, "%.1f", 1.5);
    assert_string_equal(text, "1,5"); /* the locale was left alone */
    ek_buf_deinit(&buf);
    comma_locale_leave();
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(ek_edit_distance("", ""), 0);
    assert_int_equal(ek_edit_distance("", "abc"), 3);
    assert_int_equal(ek_edit_distance("kitten", "sitting"), 3);
    assert_int_equal(ek_edit_distance("lerning", "learning"), 1);
    assert_int_equal(ek_edit_distance("sede", "seed"), 1); /* a swap */
    assert_int_equal(ek_edit_distance("ca", "abc"), 3);    /* no edits inside a swap */
    char long_text[400];
    memset(long_text, 'a', 399);
    long_text[399] = '\0';
    assert_int_equal(ek_edit_distance(long_text, "a"), 399);
    assert_int_equal(ek_edit_distance(long_text, long_text), 0);
    static const char *const names[] = {"learning_rate", "batch_size", "seed", "seeds"};
    assert_string_equal(ek_nearest("lerning_rate", names, 4), "learning_rate");
    assert_string_equal(ek_nearest("seeds", names, 4), "seeds");
    assert_string_equal(ek_nearest("sed", names, 4), "seed");
    assert_string_equal(ek_nearest("btach_sise", names, 4), "batch_size");
    assert_null(ek_nearest("momentum", names, 4));
    assert_null(ek_nearest("x", names, 4));
    assert_null(ek_nearest("", names, 4));
}

static void check_list(const char *text, const char *want)
{
    ek_error err = {0};
    int64_t *values = NULL;
    size_t count = 0;
    ek_buf got = {0};
    if (ek_parse_list(text, -10, 1000000, 1000, &values, &count, &err) != EK_OK) {
        fail_msg("'%s': %s", text, err.message);
    }
    for (size_t i = 0; i < count; i++) {
        ek_buf_printf(&got, "%s%lld", i > 0 ? " " : "", (long long)values[i]);
    }
    assert_string_equal(ek_buf_text(&got), want);
    ek_buf_deinit(&got);
    ek_free(values);
}

static void lists(void **state)
{
    (void)state;
    check_list("1", "1");
    check_list("1..5", "1 2 3 4 5");
    check_list("1,2,5", "1 2 5");
    check_list("3..5,9", "3 4 5 9");
    check_list("-2..1", "-2 -1 0 1");
    check_list(" 9 , 1 .. 2 ", "9 1 2");
    static const char *const bad[][2] = {
        {"", "not a list"},
        {"1,", "not a list"},
        {",1", "not a list"},
        {"a", "not a list"},
        {"1..", "not a list"},
        {"1...3", "not a list"},
        {"1-5", "not a list"},
        {"1 2", "not a list"},
        {"1..2..3", "not a list"},
        {"5..1", "backwards"},
        {"1,2,1", "1 is there twice"},
        {"1..3,2", "2 is there twice"},
        {"-11", "-11 is not between"},
        {"1000001", "1000001 is not between"},
        {"1..100000", "more than 1000"},
        {"1..1000,1001", "more than 1000"},
        {"99999999999999999999", "not a list"},
        {"-9223372036854775808..9223372036854775807", "not between"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ek_error err = {0};
        int64_t *values = NULL;
        size_t count = 0;
        assert_int_equal(ek_parse_list(bad[i][0], -10, 1000000, 1000, &values, &count, &err),
                         EK_E_USAGE);
        if (strstr(err.message, bad[i][1]) == NULL) {
            fail_msg("'%s' gave: %s", bad[i][0], err.message);
        }
        assert_null(values);
    }
    /* The whole 64-bit range does not overflow anything. */
    ek_error err = {0};
    int64_t *values = NULL;
    size_t count = 0;
    assert_int_equal(ek_parse_list("-9223372036854775808..9223372036854775807", INT64_MIN,
                                   INT64_MAX, SIZE_MAX, &values, &count, &err),
                     EK_E_USAGE);
    for (long n = 1;; n++) {
        ek_mem_fail_after(n);
        ek_status status = ek_parse_list("1..3,7,9..20", 0, 99, 50, &values, &count, &err);
        ek_mem_fail_after(0);
        if (status == EK_OK) {
            assert_true(n > 2);
            break;
        }
        assert_int_equal(status, EK_E_MEMORY);
    }
    assert_int_equal(count, 16);
    ek_free(values);
}

static size_t reference_check(const unsigned char *s, size_t n)
{
    /* By decoding: the code point must be what its length is for. */
    size_t at = 0;
    while (at < n) {
        unsigned c = s[at];
        size_t count = c < 0x80             ? 1
                       : (c & 0xE0) == 0xC0 ? 2
                       : (c & 0xF0) == 0xE0 ? 3
                       : (c & 0xF8) == 0xF0 ? 4
                                            : 0;
        if (count == 0 || at + count > n) {
            return at;
        }
        uint32_t code = count == 1 ? c : c & (0x7Fu >> count);
        for (size_t i = 1; i < count; i++) {
            if ((s[at + i] & 0xC0) != 0x80) {
                return at;
            }
            code = code << 6 | (s[at + i] & 0x3Fu);
        }
        static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
        if (code < smallest[count] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
            return at;
        }
        at += count;
    }
    return at;
}

static void utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length, valid;
    } cases[] = {
        {"", 0, 0},
        {"ascii", 5, 5},
        {"a\0b", 3, 3},
        {"\xC0\x80", 2, 0},         /* overlong NUL */
        {"\xC1\xBF", 2, 0},         /* overlong */
        {"x\xE0\x9F\xBF", 4, 1},    /* overlong */
        {"\xF0\x8F\xBF\xBF", 4, 0}, /* overlong */
        {"\xED\x9F\xBF", 3, 3},     /* U+D7FF */
        {"\xED\xA0\x80", 3, 0},     /* surrogate */
        {"\xEE\x80\x80", 3, 3},     /* U+E000 */
        {"\xF4\x8F\xBF\xBF", 4, 4}, /* U+10FFFF */
        {"\xF4\x90\x80\x80", 4, 0}, /* past the end */
        {"\xF5\x80\x80\x80", 4, 0},
        {"ok\xE2\x82", 4, 2}, /* cut */
        {"ok\x80", 3, 2},     /* stray continuation */
        {"\xFF", 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ek_utf8_check(cases[i].text, cases[i].length), cases[i].valid);
    }
    /* All beginnings of two bytes, and random ones of four. */
    for (uint32_t i = 0; i < 65536 * 4; i++) {
        ek_philox_block block = ek_philox(3, 4, i, 0, 0, 0);
        unsigned char s[4] = {(unsigned char)(i >> 8), (unsigned char)i,
                              (unsigned char)(0x80 | (block.v[0] & 0x7F)),
                              (unsigned char)(block.v[1] & 0xBF)};
        assert_int_equal(ek_utf8_check((char *)s, 4), reference_check(s, 4));
        assert_int_equal(ek_utf8_check((char *)s, 3), reference_check(s, 3));
    }
}

static void globs(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "abc", true},
        {"a*c", "abbc", true},
        {"a*c", "abcd", false},
        {"?", "a", true},
        {"?", "", false},
        {"a?c", "abc", true},
        {"**a**", "bab", true},
        {"*ab", "aab", true},
        {"*a*b*", "xaxbx", true},
        {"*a*b*", "xbxax", false},
        {"grad_norm/*", "grad_norm/bert.pooler", true},
        {"train_loss", "train_los", false},
        {"[a]", "a", false},
        {"abc*", "ab", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ek_glob_match(cases[i].pattern, cases[i].text), cases[i].matches);
    }
}

static void corpus(void **state)
{
    (void)state;
    assert_true(replay_corpus(EK_TEST_DIR "/fuzz/corpus/text") >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_grow),
        cmocka_unit_test(failure_sticks),
        cmocka_unit_test(json_fields),
        cmocka_unit_test(csv_fields),
        cmocka_unit_test(numbers_are_whole_texts),
        cmocka_unit_test(doubles_round_trip),
        cmocka_unit_test(locale_does_not_matter),
        cmocka_unit_test(distances),
        cmocka_unit_test(lists),
        cmocka_unit_test(utf8),
        cmocka_unit_test(globs),
        cmocka_unit_test(corpus),
    };
    return cmocka_run_group_tests(tests, temp_folder_make, temp_folder_remove);
}
