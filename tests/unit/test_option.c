/* Options: every type, range and choice; names in all spellings; every allocation failing in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/option.h"
#include "base/random.h"
#include "comma_locale.h"
#include "temp_folder.h"

typedef struct {
    bool shuffle;
    int64_t batch_size;
    double learning_rate;
    double eps;
    double cap;
    char *model;
    char *output;
    int schedule;
    bool secret;
} settings;

static const ek_option rows[] = {
    {"shuffle", NULL, 0, EK_OPTION_FLAG, EK_OPTION_RESULT, offsetof(settings, shuffle), "true", 0,
     0, NULL, "Data", NULL, "shuffle the examples"},
    {"batch_size", "per_device_train_batch_size,train_batch_size", 'b', EK_OPTION_INT,
     EK_OPTION_RESULT, offsetof(settings, batch_size), "16", 1, 65536, NULL, "Training", "N",
     "examples a step"},
    {"learning_rate", "lr,peak_lr", 0, EK_OPTION_DOUBLE, EK_OPTION_RESULT,
     offsetof(settings, learning_rate), "2e-5", 0, 1, NULL, "Training", "LR", "peak learning rate"},
    {"eps", NULL, 0, EK_OPTION_DOUBLE, 0, offsetof(settings, eps), NULL, 0, 0, NULL, "Training",
     "X", "no default, no range"},
    {"cap", NULL, 0, EK_OPTION_DOUBLE, 0, offsetof(settings, cap), "inf", 0, (double)INFINITY, NULL,
     "Training", "X", "open range"},
    {"model", NULL, 'm', EK_OPTION_STRING, 0, offsetof(settings, model), NULL, 0, 0, NULL, "Model",
     "DIR", "the model"},
    {"output", NULL, 'o', EK_OPTION_STRING, 0, offsetof(settings, output), "out", 0, 0, NULL,
     "Model", "DIR", "where to"},
    {"lr_scheduler", "lr_scheduler_type", 0, EK_OPTION_CHOICE, 0, offsetof(settings, schedule),
     "linear", 0, 0, "constant,constant_with_warmup,linear,cosine", "Training", "NAME", "schedule"},
    {"secret", NULL, 0, EK_OPTION_FLAG, EK_OPTION_HIDDEN, offsetof(settings, secret), NULL, 0, 0,
     NULL, "Data", NULL, "not shown"},
};
static const ek_option_table table = {rows, sizeof rows / sizeof rows[0]};

static const ek_option *row_of(const char *name)
{
    const ek_option *row = ek_option_find(&table, name);
    if (row == NULL) {
        fail_msg("no option %s", name);
    }
    return row;
}

static void check_get(const settings *s, const char *name, const char *want)
{
    ek_buf text = {0};
    bool set = ek_option_get(row_of(name), s, &text);
    assert_int_equal(set, want != NULL);
    assert_string_equal(ek_buf_text(&text), want == NULL ? "" : want);
    ek_buf_deinit(&text);
}

static void set(settings *s, const char *name, const char *text)
{
    ek_error err = {0};
    if (ek_option_set(row_of(name), s, text, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
}

static void refuse(settings *s, const char *name, const char *text, const char *want)
{
    ek_error err = {0};
    assert_int_equal(ek_option_set(row_of(name), s, text, &err), EK_E_USAGE);
    assert_string_equal(err.message, want);
}

static void defaults(void **state)
{
    (void)state;
    settings s;
    memset(&s, 0xA5, sizeof s);
    ek_error err = {0};
    assert_int_equal(ek_option_defaults(&table, &s, &err), EK_OK);
    assert_true(s.shuffle && s.batch_size == 16 && s.learning_rate == 2e-5 && isnan(s.eps));
    assert_true(s.model == NULL && s.schedule == 2 && !s.secret && isinf(s.cap));
    assert_string_equal(s.output, "out");
    check_get(&s, "shuffle", "true");
    check_get(&s, "batch_size", "16");
    check_get(&s, "learning_rate", "2e-05");
    check_get(&s, "eps", NULL);
    check_get(&s, "cap", "inf");
    check_get(&s, "model", NULL);
    check_get(&s, "output", "out");
    check_get(&s, "lr_scheduler", "linear");
    ek_option_release(&table, &s);
    assert_null(s.output);
    ek_option_release(&table, &s);

    ek_option broken = rows[1];
    broken.standard = "many";
    const ek_option two[] = {rows[6], broken};
    const ek_option_table bad = {two, 2};
    assert_int_equal(ek_option_defaults(&bad, &s, &err), EK_E_USAGE);
    assert_null(s.output); /* what was set before is released */
}

static void values(void **state)
{
    (void)state;
    settings s;
    ek_error err = {0};
    assert_int_equal(ek_option_defaults(&table, &s, &err), EK_OK);
    set(&s, "shuffle", "off");
    assert_false(s.shuffle);
    refuse(&s, "shuffle", "maybe", "--shuffle: 'maybe' is not true or false");
    set(&s, "batch_size", "65536");
    assert_int_equal(s.batch_size, 65536);
    refuse(&s, "batch_size", "0", "--batch-size: '0' is not an integer from 1 to 65536");
    refuse(&s, "batch_size", "8.5", "--batch-size: '8.5' is not an integer from 1 to 65536");
    refuse(&s, "batch_size", "", "--batch-size: '' is not an integer from 1 to 65536");
    assert_int_equal(s.batch_size, 65536); /* a refused value changes nothing */
    set(&s, "learning_rate", "1");
    set(&s, "learning_rate", "0");
    assert_true(s.learning_rate == 0.0);
    refuse(&s, "learning_rate", "-1e-5", "--learning-rate: '-1e-5' is not a number from 0 to 1");
    refuse(&s, "learning_rate", "nan", "--learning-rate: 'nan' is not a number from 0 to 1");
    refuse(&s, "learning_rate", "2e-5x", "--learning-rate: '2e-5x' is not a number from 0 to 1");
    set(&s, "eps", "-1e300"); /* no range */
    refuse(&s, "eps", "nan", "--eps: 'nan' is not a number");
    refuse(&s, "cap", "-1", "--cap: '-1' is not a number from 0 to inf");
    set(&s, "model", "a b");
    set(&s, "model", "");
    check_get(&s, "model", "");
    set(&s, "model", "again");
    set(&s, "model", s.model); /* a field set to itself */
    check_get(&s, "model", "again");
    set(&s, "lr_scheduler", "constant-with_warmup");
    assert_int_equal(s.schedule, 1);
    check_get(&s, "lr_scheduler", "constant_with_warmup");
    refuse(&s, "lr_scheduler", "cosin",
           "--lr-scheduler: 'cosin' is not one of constant,constant_with_warmup,linear,cosine; did "
           "you mean cosine?");
    refuse(&s, "lr_scheduler", "polynomial",
           "--lr-scheduler: 'polynomial' is not one of "
           "constant,constant_with_warmup,linear,cosine");
    refuse(&s, "lr_scheduler", "const",
           "--lr-scheduler: 'const' is not one of constant,constant_with_warmup,linear,cosine");
    s.schedule = 99;
    check_get(&s, "lr_scheduler", NULL);
    ek_option_release(&table, &s);
}

static void names(void **state)
{
    (void)state;
    assert_ptr_equal(ek_option_find(&table, "batch-size"), &rows[1]);
    assert_ptr_equal(ek_option_find(&table, "batch_size"), &rows[1]);
    assert_ptr_equal(ek_option_find(&table, "per-device_train-batch_size"), &rows[1]);
    assert_ptr_equal(ek_option_find(&table, "train_batch_size"), &rows[1]);
    assert_ptr_equal(ek_option_find(&table, "lr"), &rows[2]);
    assert_null(ek_option_find(&table, "batch"));
    assert_null(ek_option_find(&table, "batch_sizes"));
    assert_null(ek_option_find(&table, "lr,peak_lr"));
    assert_null(ek_option_find(&table, ""));
    assert_string_equal(ek_option_origin_name(EK_ORIGIN_DEFAULT), "default");
    assert_string_equal(ek_option_origin_name(EK_ORIGIN_FLAG), "flag");
}

static void check_unknown(const char *name, const char *want)
{
    static const ek_option other_rows[] = {
        {"seed", NULL, 0, EK_OPTION_INT, 0, 0, "0", 0, 0, NULL, "Run", "N", "the seed"},
    };
    static const ek_option_table other = {other_rows, 1};
    const ek_option_table *const tables[] = {&table, &other};
    ek_error err = {0};
    assert_int_equal(ek_option_unknown(tables, 2, name, &err), EK_E_USAGE);
    assert_string_equal(err.message, want);
}

static void unknown_names(void **state)
{
    (void)state;
    check_unknown("lerning-rate", "unknown option --lerning-rate; did you mean --learning-rate?");
    check_unknown("--lerning_rate", "unknown option --lerning_rate; did you mean --learning-rate?");
    check_unknown("seeed", "unknown option --seeed; did you mean --seed?");
    check_unknown("per_device_train_batchsize",
                  "unknown option --per_device_train_batchsize; did you mean --batch-size?");
    check_unknown("momentum", "unknown option --momentum");
    check_unknown("secrets", "unknown option --secrets"); /* hidden ones are not given away */
    check_unknown("", "unknown option --");
    char long_name[3000];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    ek_error err = {0};
    const ek_option_table *const tables[] = {&table};
    assert_int_equal(ek_option_unknown(tables, 1, long_name, &err), EK_E_USAGE);
    assert_null(ek_option_find(&table, long_name));
}

static void doubles_round_trip(void **state)
{
    (void)state;
    settings s = {0}, back = {0};
    for (uint32_t i = 0; i < 5000; i++) {
        ek_philox_block block = ek_philox(11, 12, i, 0, 0, 0);
        memcpy(&s.eps, block.v, sizeof s.eps);
        if (isnan(s.eps)) {
            continue;
        }
        ek_buf text = {0};
        assert_true(ek_option_get(&rows[3], &s, &text));
        set(&back, "eps", text.data);
        assert_memory_equal(&s.eps, &back.eps, sizeof s.eps);
        ek_buf_deinit(&text);
    }
}

static void copies(void **state)
{
    (void)state;
    settings s, copy;
    ek_error err = {0};
    assert_int_equal(ek_option_defaults(&table, &s, &err), EK_OK);
    set(&s, "model", "m");
    set(&s, "batch_size", "3");
    set(&s, "lr_scheduler", "cosine");
    set(&s, "shuffle", "no");
    memset(&copy, 0xA5, sizeof copy);
    assert_int_equal(ek_option_copy(&table, &copy, &s, &err), EK_OK);
    assert_ptr_not_equal(copy.model, s.model);
    ek_option_release(&table, &s);
    assert_string_equal(copy.model, "m");
    assert_string_equal(copy.output, "out");
    assert_true(copy.batch_size == 3 && copy.schedule == 3 && !copy.shuffle && isnan(copy.eps));
    ek_option_release(&table, &copy);
}

static void without_memory(void **state)
{
    (void)state;
    settings s, copy;
    ek_error err = {0};
    ek_mem_fail_after(1);
    assert_int_equal(ek_option_defaults(&table, &s, &err), EK_E_MEMORY);
    ek_mem_fail_after(0);
    assert_null(s.output);
    assert_int_equal(ek_option_defaults(&table, &s, &err), EK_OK);
    set(&s, "model", "kept");
    ek_mem_fail_after(1);
    assert_int_equal(ek_option_set(row_of("model"), &s, "new", &err), EK_E_MEMORY);
    ek_mem_fail_after(0);
    check_get(&s, "model", "kept");
    for (long n = 1; n <= 2; n++) {
        ek_mem_fail_after(n);
        assert_int_equal(ek_option_copy(&table, &copy, &s, &err), EK_E_MEMORY);
        ek_mem_fail_after(0);
        assert_null(copy.model);
        assert_null(copy.output);
    }
    ek_buf text = {0};
    ek_mem_fail_after(1);
    ek_option_get(row_of("batch_size"), &s, &text);
    ek_mem_fail_after(0);
    assert_int_equal(ek_buf_status(&text, &err), EK_E_MEMORY);
    ek_buf_deinit(&text);
    ek_option_release(&table, &s);
}

static void locale_does_not_matter(void **state)
{
    (void)state;
    if (!comma_locale_enter(temp_folder)) {
        comma_locale_leave();
        skip(); /* neither such a locale nor localedef on this machine */
    }
    settings s;
    ek_error err = {0};
    assert_int_equal(ek_option_defaults(&table, &s, &err), EK_OK);
    assert_true(s.learning_rate == 2e-5);
    set(&s, "learning_rate", "0.125");
    check_get(&s, "learning_rate", "0.125");
    refuse(&s, "learning_rate", "0,5", "--learning-rate: '0,5' is not a number from 0 to 1");
    ek_option_release(&table, &s);
    comma_locale_leave();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(values),
        cmocka_unit_test(names),
        cmocka_unit_test(unknown_names),
        cmocka_unit_test(doubles_round_trip),
        cmocka_unit_test(copies),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(locale_does_not_matter),
    };
    return cmocka_run_group_tests(tests, temp_folder_make, temp_folder_remove);
}
