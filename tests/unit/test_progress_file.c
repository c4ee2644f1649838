/* progress.json: what is written is read again; a file that may be anything is refused in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "study/progress_file.h"
#include "temp_folder.h"

static const ek_live_run runs[] = {
    {7, "stable", 3, 120, 2000, 0.25, NAN, 12.5},
    {8, "größer \"quoted\"", UINT32_MAX, 0, 1, INFINITY, -0.5, 0},
};
static const ek_live live = {.total = 20,
                             .done = 5,
                             .failed = 2,
                             .crashed = 1,
                             .fraction = 0.3125,
                             .eta_seconds = NAN,
                             .runs = (ek_live_run *)(uintptr_t)runs,
                             .run_count = 2};

static void there_and_back(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_live back;
    assert_int_equal(ek_progress_file_read(&back, temp_folder, &err), EK_E_IO);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(ek_progress_file_write(temp_folder, &live, &err), EK_OK);
    }
    assert_int_equal(ek_progress_file_read(&back, temp_folder, &err), EK_OK);
    assert_int_equal(back.pid, getpid());
    assert_true(back.started > 0 && back.updated >= back.started);
    assert_int_equal(back.total, 20);
    assert_int_equal(back.done, 5);
    assert_int_equal(back.failed, 2);
    assert_int_equal(back.crashed, 1);
    assert_true(back.fraction == 0.3125 && isnan(back.eta_seconds));
    assert_int_equal(back.run_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(back.runs[i].run, runs[i].run);
        assert_string_equal(back.runs[i].group, runs[i].group);
        assert_int_equal(back.runs[i].seed, runs[i].seed);
        assert_int_equal(back.runs[i].step, runs[i].step);
        assert_int_equal(back.runs[i].total_steps, runs[i].total_steps);
        assert_true(back.runs[i].seconds == runs[i].seconds);
    }
    assert_true(back.runs[0].loss == 0.25 && isnan(back.runs[0].score));
    assert_true(isnan(back.runs[1].loss) && back.runs[1].score == -0.5); /* JSON has no infinity */
    ek_live_free(&back);
    ek_progress_file_remove(temp_folder);
    assert_false(ek_file_exists(temp_path("progress.json")));
    ek_progress_file_remove(temp_folder); /* once more is fine */
}

static void refuse(const char *text, size_t length)
{
    ek_error err = {0};
    ek_live back;
    assert_int_equal(ek_file_replace(temp_path("progress.json"), text, length, &err), EK_OK);
    ek_status status = ek_progress_file_read(&back, temp_folder, &err);
    if (status != EK_E_DATA) {
        fail_msg("status %d for %.60s", (int)status, text);
    }
    assert_true(err.message[0] != '\0' && back.runs == NULL && back.run_count == 0);
}

static void hostile(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{\"total\":-1}",
        "{\"total\":1.5}",
        "{\"total\":\"3\"}",
        "{\"total\":1,\"done\":2}",
        "{\"total\":3,\"done\":1,\"failed\":2}",
        "{\"total\":3,\"done\":2,\"crashed\":2}",
        "{\"total\":1,\"total\":1}",
        "{\"total\":9223372036854775807}",
        "{\"pid\":99999999999}",
        "{\"fraction\":1.01}",
        "{\"fraction\":-1}",
        "{\"eta_seconds\":1e300}",
        "{\"eta_seconds\":-1}",
        "{\"total\":9,\"runs\":[1]}",
        "{\"total\":9,\"runs\":[{}]}",
        "{\"total\":9,\"runs\":[{\"total_steps\":0}]}",
        "{\"total\":9,\"runs\":[{\"total_steps\":5,\"step\":6}]}",
        "{\"total\":9,\"runs\":[{\"total_steps\":5,\"seed\":4294967296}]}",
        "{\"total\":9,\"runs\":[{\"total_steps\":5,\"group\":5}]}",
        "{\"total\":9,\"runs\":[{\"total_steps\":5,\"loss\":\"nan\"}]}",
        "{\"total\":0,\"runs\":[{\"total_steps\":5}]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        refuse(texts[i], strlen(texts[i]));
    }
    ek_buf many = {0};
    ek_buf_puts(&many, "{\"total\":100000,\"runs\":[{\"total_steps\":5}");
    for (int i = 0; i < 5000; i++) {
        ek_buf_puts(&many, ",{\"total_steps\":5}");
    }
    ek_buf_puts(&many, "]}");
    refuse(many.data, many.length);
    while (many.length <= 4 << 20) { /* larger than anything that is read */
        ek_buf_puts(&many, "                                                                ");
    }
    refuse(many.data, many.length);
    ek_buf_deinit(&many);
}

static void no_memory(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_live back;
    assert_int_equal(ek_progress_file_write(temp_folder, &live, &err), EK_OK);
    ek_status status = EK_E_MEMORY;
    long n = 1;
    for (; n < 1000 && status != EK_OK; n++) {
        ek_mem_fail_after(n);
        status = ek_progress_file_read(&back, temp_folder, &err);
        ek_mem_fail_after(0);
        assert_true(status == EK_OK || status == EK_E_MEMORY);
    }
    assert_true(n > 3 && status == EK_OK);
    ek_live_free(&back);
    status = EK_E_MEMORY;
    for (n = 1; n < 100 && status != EK_OK; n++) {
        ek_mem_fail_after(n);
        status = ek_progress_file_write(temp_folder, &live, &err);
        ek_mem_fail_after(0);
    }
    assert_true(n > 2 && status == EK_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(hostile),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, temp_folder_make, temp_folder_remove);
}
