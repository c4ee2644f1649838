/* Conditions of --fail-if: what they mean, and what is said of those that mean nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "report/gate.h"

static bool look(void *user, const char *name, double *value)
{
    (void)user;
    *value = strcmp(name, "one") == 0 ? 1.0 : strcmp(name, "half") == 0 ? 0.5 : (double)NAN;
    return strcmp(name, "one") == 0 || strcmp(name, "half") == 0 || strcmp(name, "none") == 0;
}

static ek_status check(const char *condition, ek_error *err)
{
    static const char *const names[] = {"one", "half", "none"};
    *err = (ek_error){0};
    return ek_gate_check(condition, look, NULL, names, 3, err);
}

static void expect(const char *condition, ek_status wanted, const char *text)
{
    ek_error err;
    ek_status status = check(condition, &err);
    if (status != wanted || !strstr(err.message, text)) {
        fail_msg("'%s' gave %d: %s", condition, (int)status, err.message);
    }
}

static void test_operators(void **state)
{
    (void)state;
    expect("one > 0.5", EK_E_GATE, "one > 0.5 (one is 1)");
    expect("one>=1", EK_E_GATE, "");
    expect("one < 1", EK_OK, "");
    expect("one <= half", EK_OK, "");
    expect("half == 5e-1", EK_E_GATE, "");
    expect("half != 0.5", EK_OK, "");
    expect("-1 < half", EK_E_GATE, "");
}

static void test_and_binds_tighter(void **state)
{
    (void)state;
    expect("one > 0 or one > 0 and one < 0", EK_E_GATE, "");
    expect("one < 0 and one > 0 or one > 0", EK_E_GATE, "");
    expect("one < 0 or one > 0 and half > 1", EK_OK, "");
}

static void test_undefined_does_not_pass(void **state)
{
    (void)state;
    expect("none > 1", EK_E_GATE, "none is not defined");
    expect("none < 1", EK_E_GATE, "not defined");
    expect("none < 1 and one > 2", EK_OK, "");
}

static void test_errors(void **state)
{
    (void)state;
    expect("", EK_E_USAGE, "a name or a number");
    expect("one", EK_E_USAGE, "one of > >= < <= == !=");
    expect("one > ", EK_E_USAGE, "a name or a number");
    expect("one > 1 or", EK_E_USAGE, "a name or a number");
    expect("one > 1 two", EK_E_USAGE, "'and', 'or' or the end");
    expect("one > 1 andy > 2", EK_E_USAGE, "'and', 'or' or the end");
    expect("halv > 1", EK_E_USAGE, "did you mean 'half'");
    expect("one = 1", EK_E_USAGE, "one of");
    expect("`id` > 1", EK_E_USAGE, "a name or a number");
    char long_name[600];
    memset(long_name, 'x', sizeof long_name);
    memcpy(long_name + sizeof long_name - 5, " > 1", 5);
    expect(long_name, EK_E_USAGE, "a name or a number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_and_binds_tighter),
        cmocka_unit_test(test_undefined_does_not_pass),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
