/* JSON: strictness, positions in errors, typed members, every allocation failing in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "comma_locale.h"
#include "temp_folder.h"
#include "../fuzz/fuzz_json.c"
#include "replay_corpus.h"

static json_t *parse(const char *text)
{
    json_t *root = NULL;
    ek_error err = {0};
    if (ek_json_parse(&root, text, strlen(text), "test", EK_E_MODEL, &err) != EK_OK) {
        fail_msg("%s: %s", text, err.message);
    }
    return root;
}

static void refuse(const char *text, size_t length, const char *want)
{
    json_t *root = NULL;
    ek_error err = {0};
    assert_int_equal(ek_json_parse(&root, text, length, "a.json", EK_E_MODEL, &err), EK_E_MODEL);
    assert_int_equal(err.code, EK_E_MODEL);
    assert_null(root);
    if (strstr(err.message, want) == NULL) {
        fail_msg("'%s' gave: %s", text, err.message);
    }
}

static void strictness(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", "a.json, line 1"},
        {"{\"a\": 1,\n \"a\": 2}", "a.json, line 2, column 4: duplicate object key"},
        {"{\"a\": 1,\n\n \"b\" 2}", "a.json, line 3, column 6"},
        {"{\"a\": 1} x", "a.json, line 1, column 10: end of file expected"},
        {"{\"a\": 01}", "line 1"},
        {"{\"a\": +1}", "line 1"},
        {"{\"a\": NaN}", "line 1"},
        {"{\"a\": 'b'}", "line 1"},
        {"[1,]", "line 1"},
        {"{\"a\": \"\xC0\x80\"}", "unable to decode byte"},
        {"{\"a\": \"\xED\xA0\x80\"}", "unable to decode byte"},
        {"{\"a\": \"\\ud800\"}", "invalid Unicode"},
        {"{\"a\": \"\\u0000\"}", "NUL"},
        {"{\"a\": 1e999}", "overflow"},
        {"12", "'[' or '{' expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refuse(cases[i].text, strlen(cases[i].text), cases[i].want);
    }
    refuse("{}\0", 3, "end of file expected");
    /* Deep nesting ends in an error, not in a stack overflow. */
    static char deep[200000];
    memset(deep, '[', sizeof deep);
    refuse(deep, sizeof deep, "depth");
}

static void wide_integers(void **state)
{
    (void)state;
    /* As in many tokenizer_config.json files. */
    json_t *root = parse("{\"s\": \"12345678901234567890, \\\"98765432109876543210\", "
                         "\"model_max_length\": 1000000000000000019884624838656, \"n\": 512, "
                         "\"m\": [-99999999999999999999, 1234567890123456789012.5]}");
    assert_true(json_real_value(json_object_get(root, "model_max_length")) == 1e30);
    assert_int_equal(json_integer_value(json_object_get(root, "n")), 512);
    assert_string_equal(json_string_value(json_object_get(root, "s")),
                        "12345678901234567890, \"98765432109876543210");
    json_t *m = json_object_get(root, "m");
    assert_true(json_real_value(json_array_get(m, 0)) == -99999999999999999999.0);
    assert_true(json_real_value(json_array_get(m, 1)) == 1234567890123456789012.5);
    int64_t length = 0;
    ek_error err = {0};
    assert_int_equal(
        ek_json_get_int(root, "model_max_length", 1, 1 << 20, &length, "t.json", EK_E_MODEL, &err),
        EK_E_MODEL);
    assert_string_equal(err.message,
                        "t.json: \"model_max_length\" is 1e30; expected an integer from 1 to "
                        "1048576");
    json_decref(root);
    refuse("{\"a\": 99999999999999999999, \"b\": }", 34, "a.json, line 1");
    refuse("{\"a\": 99999999999999999999", 26, "a.json, line 1");
    refuse("{\"a\": 99999999999999999999, \"b", 30, "a.json, line 1");
    refuse("{\"a\": 99999999999999999999, \"b\\", 31, "a.json, line 1");
}

static void members(void **state)
{
    (void)state;
    json_t *o =
        parse("{\"i\": 7, \"d\": 0.5, \"t\": true, \"s\": \"x\", \"null\": null, \"a\": []}");
    ek_error err = {0};
    int64_t i = -1;
    double d = -1.0;
    bool b = false;
    const char *s = "before";
    assert_int_equal(ek_json_get_int(o, "none", 0, 9, &i, "w", EK_E_DATA, &err), EK_OK);
    assert_int_equal(ek_json_get_int(o, "null", 0, 9, &i, "w", EK_E_DATA, &err), EK_OK);
    assert_int_equal(i, -1);
    assert_int_equal(ek_json_get_int(o, "i", 7, 7, &i, "w", EK_E_DATA, &err), EK_OK);
    assert_int_equal(i, 7);
    assert_int_equal(ek_json_get_int(o, "i", 8, 9, &i, "w", EK_E_DATA, &err), EK_E_DATA);
    assert_string_equal(err.message, "w: \"i\" is 7; expected an integer from 8 to 9");
    assert_int_equal(ek_json_get_int(o, "d", 0, 9, &i, "w", EK_E_DATA, &err), EK_E_DATA);
    assert_int_equal(ek_json_get_int(o, "t", 0, 9, &i, "w", EK_E_DATA, &err), EK_E_DATA);

    assert_int_equal(ek_json_get_double(o, "none", 0, 1, &d, "w", EK_E_DATA, &err), EK_OK);
    assert_true(d == -1.0);
    assert_int_equal(ek_json_get_double(o, "d", 0, 1, &d, "w", EK_E_DATA, &err), EK_OK);
    assert_true(d == 0.5);
    assert_int_equal(ek_json_get_double(o, "i", 0, 9, &d, "w", EK_E_DATA, &err), EK_OK);
    assert_true(d == 7.0);
    assert_int_equal(ek_json_get_double(o, "d", 1, 2, &d, "w", EK_E_DATA, &err), EK_E_DATA);
    assert_string_equal(err.message, "w: \"d\" is 0.5; expected a number from 1 to 2");
    assert_int_equal(ek_json_get_double(o, "s", 0, 1, &d, "w", EK_E_DATA, &err), EK_E_DATA);

    assert_int_equal(ek_json_get_bool(o, "none", &b, "w", EK_E_DATA, &err), EK_OK);
    assert_int_equal(ek_json_get_bool(o, "t", &b, "w", EK_E_DATA, &err), EK_OK);
    assert_true(b);
    assert_int_equal(ek_json_get_bool(o, "i", &b, "w", EK_E_DATA, &err), EK_E_DATA);
    assert_string_equal(err.message, "w: \"i\" is 7; expected true or false");

    assert_int_equal(ek_json_get_string(o, "null", &s, "w", EK_E_DATA, &err), EK_OK);
    assert_string_equal(s, "before");
    assert_int_equal(ek_json_get_string(o, "s", &s, "w", EK_E_DATA, &err), EK_OK);
    assert_string_equal(s, "x");
    assert_int_equal(ek_json_get_string(o, "a", &s, "w", EK_E_DATA, &err), EK_E_DATA);
    assert_string_equal(err.message, "w: \"a\" is []; expected a string");
    json_decref(o);

    /* A long value is shown shortened. */
    ek_buf text = {0};
    ek_buf_puts(&text, "{\"k\": \"");
    for (int n = 0; n < 500; n++) {
        ek_buf_puts(&text, "\xC3\xA4");
    }
    ek_buf_puts(&text, "\"}");
    o = parse(text.data);
    assert_int_equal(ek_json_get_bool(o, "k", &b, "w", EK_E_DATA, &err), EK_E_DATA);
    assert_non_null(strstr(err.message, "...; expected true or false"));
    assert_true(strlen(err.message) < 120);
    ek_buf_deinit(&text);
    json_decref(o);
}

static void files(void **state)
{
    (void)state;
    json_t *root = NULL;
    ek_error err = {0};
    const char *path = temp_path("a.json");
    assert_int_equal(ek_file_write(path, "{\"a\":\n tru}", 11, &err), EK_OK);
    assert_int_equal(ek_json_load(&root, path, 100, EK_E_MODEL, &err), EK_E_MODEL);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, "line 2"));
    assert_int_equal(ek_json_load(&root, path, 10, EK_E_MODEL, &err), EK_E_MODEL);
    assert_int_equal(err.code, EK_E_MODEL);
    assert_non_null(strstr(err.message, "larger than the 10 bytes"));
    assert_int_equal(ek_json_load(&root, temp_path("none"), 10, EK_E_DATA, &err), EK_E_DATA);
    assert_int_equal(ek_json_load(&root, temp_path("none"), 10, EK_E_DATA, NULL), EK_E_DATA);
    assert_null(root);
    assert_int_equal(ek_file_write(path, "{\"a\": 1}", 8, &err), EK_OK);
    assert_int_equal(ek_json_load(&root, path, 8, EK_E_MODEL, &err), EK_OK);
    assert_int_equal(json_integer_value(json_object_get(root, "a")), 1);
    json_decref(root);
}

static void without_memory(void **state)
{
    (void)state;
    static const char text[] = "{\"a\": [1, 2.5, \"text\", {\"b\": null}], \"c\": true, "
                               "\"d\": 99999999999999999999, \"a long key \\u00e4\": \"v\"}";
    const char *path = temp_path("memory.json");
    ek_error err = {0};
    assert_int_equal(ek_file_write(path, text, sizeof text - 1, &err), EK_OK);
    ek_status status = EK_E_MEMORY;
    long failures = 0;
    for (long n = 1; status != EK_OK; n++) {
        json_t *root = NULL;
        ek_mem_fail_after(n);
        status = ek_json_load(&root, path, 4096, EK_E_MODEL, &err);
        ek_mem_fail_after(0);
        if (status != EK_OK) {
            assert_int_equal(status, EK_E_MEMORY);
            assert_null(root);
            failures++;
        } else {
            assert_int_equal(json_object_size(root), 4);
            json_decref(root);
        }
        assert_true(n < 1000);
    }
    print_message("%ld allocations failed in turn\n", failures);
    assert_true(failures > 10);
}

static void locale_does_not_matter(void **state)
{
    (void)state;
    if (!comma_locale_enter(temp_folder)) {
        comma_locale_leave();
        skip(); /* neither such a locale nor localedef on this machine */
    }
    json_t *o = parse("{\"d\": 0.5}");
    double d = 0.0;
    ek_error err = {0};
    assert_int_equal(ek_json_get_double(o, "d", 0, 1, &d, "w", EK_E_DATA, &err), EK_OK);
    assert_true(d == 0.5);
    assert_int_equal(ek_json_get_double(o, "d", 1.5, 2, &d, "w", EK_E_DATA, &err), EK_E_DATA);
    assert_string_equal(err.message, "w: \"d\" is 0.5; expected a number from 1.5 to 2");
    json_decref(o);
    comma_locale_leave();
}

static void corpus(void **state)
{
    (void)state;
    assert_true(replay_corpus(EK_TEST_DIR "/fuzz/corpus/json") >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strictness),     cmocka_unit_test(wide_integers),
        cmocka_unit_test(members),        cmocka_unit_test(files),
        cmocka_unit_test(without_memory), cmocka_unit_test(locale_does_not_matter),
        cmocka_unit_test(corpus),
    };
    return cmocka_run_group_tests(tests, temp_folder_make, temp_folder_remove);
}
