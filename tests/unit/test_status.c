/* Errors are cut, never overrun; codes and texts follow the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"

static void codes_and_texts(void **state)
{
    (void)state;
    assert_int_equal(ek_status_exit_code(EK_OK), 0);
    assert_int_equal(ek_status_exit_code(EK_E_FAILED), 1);
    assert_int_equal(ek_status_exit_code(EK_E_USAGE), 2);
    assert_int_equal(ek_status_exit_code(EK_E_DATA), 3);
    assert_int_equal(ek_status_exit_code(EK_E_MODEL), 4);
    assert_int_equal(ek_status_exit_code(EK_E_UNFINISHED), 5);
    assert_int_equal(ek_status_exit_code(EK_E_GATE), 6);
    assert_int_equal(ek_status_exit_code(EK_E_INTERRUPTED), 75);
    assert_int_equal(ek_status_exit_code(EK_E_IO), 1);
    assert_int_equal(ek_status_exit_code(EK_E_MEMORY), 1);
    assert_int_equal(ek_status_exit_code((ek_status)999), 1);
    assert_string_equal(ek_status_text(EK_E_DATA), "data or study file");
    assert_non_null(ek_status_text((ek_status)999));
}

static void set_and_prefix(void **state)
{
    (void)state;
    ek_error err = {0};
    assert_int_equal(ek_error_set(&err, EK_E_DATA, "line %d is empty", 7), EK_E_DATA);
    assert_int_equal(ek_error_prefix(&err, "%s", "a.tsv"), EK_E_DATA);
    assert_string_equal(err.message, "a.tsv: line 7 is empty");
    /* The message may be an argument of its own replacement. */
    ek_error_set(&err, EK_E_IO, "%s (again)", err.message);
    assert_string_equal(err.message, "a.tsv: line 7 is empty (again)");
    assert_int_equal(ek_error_set(NULL, EK_E_IO, "nobody reads this"), EK_E_IO);
    assert_int_equal(ek_error_prefix(NULL, "nobody"), EK_E_FAILED);
}

static void long_messages_are_cut(void **state)
{
    (void)state;
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ek_error err = {0};
    ek_error_set(&err, EK_E_IO, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    ek_error_prefix(&err, "where");
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_memory_equal(err.message, "where: xxx", 10);
    for (size_t left = 0; left < 5; left++) {
        ek_error_set(&err, EK_E_IO, "what");
        ek_error_prefix(&err, "%s", text + sizeof text - sizeof err.message + left);
        size_t length = sizeof err.message - 1;
        assert_int_equal(strlen(err.message), length);
        assert_memory_equal(err.message + length - left, ": wha", left);
    }
}

static ek_status tries(ek_status status)
{
    EK_TRY(status);
    return EK_E_GATE;
}

static void macros(void **state)
{
    (void)state;
    assert_int_equal(tries(EK_OK), EK_E_GATE);
    assert_int_equal(tries(EK_E_DATA), EK_E_DATA);
    ek_status status = EK_OK;
    EK_GOTO(status, EK_OK, done);
    EK_GOTO(status, EK_E_MODEL, done);
    fail();
done:
    assert_int_equal(status, EK_E_MODEL);
}

typedef struct {
    int count;
    ek_log_level level;
    char text[4096];
} heard;

static void listen(void *user, ek_log_level level, const char *message)
{
    heard *h = user;
    h->count++;
    h->level = level;
    strcpy(h->text, message);
}

static void log_reaches_its_sink(void **state)
{
    (void)state;
    heard h = {0};
    ek_warn("nobody listens");
    ek_log_set_sink(listen, &h);
    ek_warn("%d is odd", 3);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.level, EK_LOG_WARN);
    assert_string_equal(h.text, "3 is odd");
    ek_info("%3000d", 1);
    assert_int_equal(h.level, EK_LOG_INFO);
    assert_int_equal(strlen(h.text), 2047);
    ek_log_set_sink(NULL, NULL);
    ek_debug("nobody listens again");
    assert_int_equal(h.count, 2);
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {
        {0.0, "0 s"},       {42.4, "42 s"},         {59.6, "1:00 min"}, {187.0, "3:07 min"},
        {7500.0, "2:05 h"}, {360000.0, "100:00 h"}, {-1.0, "?"},        {1e300, "?"},
    };
    char buffer[32];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(ek_format_duration(buffer, cases[i].seconds), cases[i].text);
    }
    assert_int_equal(strlen(ek_clock_utc(buffer)), 20);
    assert_int_equal(buffer[10], 'T');
    assert_int_equal(buffer[19], 'Z');
    double before = ek_clock_seconds();
    assert_true(ek_clock_seconds() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_and_texts),       cmocka_unit_test(set_and_prefix),
        cmocka_unit_test(long_messages_are_cut), cmocka_unit_test(macros),
        cmocka_unit_test(log_reaches_its_sink),  cmocka_unit_test(durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
