/* The machine: instruction sets that can be chosen, cores that may be used, cgroup quotas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/file.h"
#include "temp_folder.h"

static void names(void **state)
{
    (void)state;
    assert_string_equal(ek_isa_name(EK_ISA_SCALAR), "scalar");
    assert_string_equal(ek_isa_name(EK_ISA_AVX2), "avx2");
    assert_string_equal(ek_isa_name(EK_ISA_AVX512), "avx512");
    assert_string_equal(ek_isa_name(EK_ISA_AVX512_BF16), "avx512_bf16");
    assert_string_equal(ek_isa_name(EK_ISA_NEON), "neon");
    assert_true(strlen(ek_cpu_name()) > 0);
    assert_ptr_equal(ek_cpu_name(), ek_cpu_name());
    assert_null(strchr(ek_cpu_name(), '\n'));
    print_message("%s, %d cores\n", ek_cpu_name(), ek_cpu_count());
}

/* The kernel's own list of flags must say the same. */
static void agrees_with_proc_cpuinfo(void **state)
{
    (void)state;
#if !defined(__x86_64__)
    skip();
#else
    ek_buf text = {0};
    if (ek_file_read("/proc/cpuinfo", 1 << 24, &text, NULL) != EK_OK) {
        skip();
    }
    char *flags = strstr(ek_buf_text(&text), "\nflags");
    if (flags == NULL) {
        skip();
    }
    flags++;
    flags[strcspn(flags, "\n")] = ' ';
    char *end = strchr(flags, '\n');
    if (end != NULL) {
        *end = '\0';
    }
    bool avx2 = strstr(flags, " avx2 ") != NULL && strstr(flags, " fma ") != NULL &&
                strstr(flags, " f16c ") != NULL;
    bool avx512 = avx2 && strstr(flags, " avx512f ") != NULL &&
                  strstr(flags, " avx512bw ") != NULL && strstr(flags, " avx512dq ") != NULL &&
                  strstr(flags, " avx512vl ") != NULL;
    assert_int_equal(ek_isa_available(EK_ISA_AVX2), avx2);
    assert_int_equal(ek_isa_available(EK_ISA_AVX512), avx512);
    assert_int_equal(ek_isa_available(EK_ISA_AVX512_BF16),
                     avx512 && strstr(flags, " avx512_bf16 ") != NULL);
    assert_false(ek_isa_available(EK_ISA_NEON));
    ek_buf_deinit(&text);
#endif
}

static void choice(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_isa best = EK_ISA_COUNT, isa;
    assert_true(ek_isa_available(EK_ISA_SCALAR));
    unsetenv("EK_ISA");
    assert_int_equal(ek_isa_choose(&best, &err), EK_OK);
    assert_true(ek_isa_available(best));
    for (int i = 0; i < EK_ISA_COUNT; i++) {
        setenv("EK_ISA", ek_isa_name((ek_isa)i), 1);
        if (ek_isa_available((ek_isa)i)) {
            assert_true(best >= (ek_isa)i);
            assert_int_equal(ek_isa_choose(&isa, &err), EK_OK);
            assert_int_equal(isa, i);
        } else {
            assert_int_equal(ek_isa_choose(&isa, &err), EK_E_USAGE);
            assert_non_null(strstr(err.message, ek_isa_name((ek_isa)i)));
            assert_non_null(strstr(err.message, "this machine has scalar"));
        }
    }
    setenv("EK_ISA", "sse9", 1);
    assert_int_equal(ek_isa_choose(&isa, &err), EK_E_USAGE);
    setenv("EK_ISA", "", 1);
    assert_int_equal(ek_isa_choose(&isa, &err), EK_OK);
    assert_int_equal(isa, best);
    unsetenv("EK_ISA");
}

static void pinning(void **state)
{
    (void)state;
    int count = ek_cpu_count();
    assert_true(count >= 1);
    pid_t child = fork(); /* the mask belongs to the process */
    if (child == 0) {
        ek_cpu_mask all = ek_cpu_mask_read();
        bool good = !ek_cpu_pin(-1) && !ek_cpu_pin(1 << 30) && ek_cpu_pin(0);
        cpu_set_t mask;
        CPU_ZERO(&mask);
        good = good && sched_getaffinity(0, sizeof mask, &mask) == 0 && CPU_COUNT(&mask) == 1;
        good = good && ek_cpu_count() == 1 && ek_cpu_pin(0) && !ek_cpu_pin(1);
        /* Taken back, all cores are there again. */
        good = good && all.count >= count && ek_cpu_mask_apply(&all) && ek_cpu_count() == count;
        ek_cpu_mask_free(&all);
        _exit(good && !ek_cpu_mask_apply(&all) ? 0 : 1);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    assert_int_equal(ek_cpu_count(), count);
}

static void put(const char *folder, const char *name, const char *text)
{
    ek_error err = {0};
    char *path = ek_path_join(temp_path(folder), name);
    if (ek_make_dirs(temp_path(folder), &err) != EK_OK ||
        ek_file_write(path, text, strlen(text), &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    free(path);
}

static int quota(const char *mount)
{
    return ek__cpu_quota(temp_path("groups"), temp_path(mount));
}

static void quotas_of_version_2(void **state)
{
    (void)state;
    assert_int_equal(quota("v2"), INT32_MAX); /* no file at all */
    put(".", "groups", "0::/jobs/one\n");
    assert_int_equal(quota("v2"), INT32_MAX); /* not mounted here */
    put("v2", "cpu.max", "800000 100000\n");
    assert_int_equal(quota("v2"), 8);
    put("v2/jobs", "cpu.max", "max 100000\n");
    assert_int_equal(quota("v2"), 8);
    put("v2/jobs/one", "cpu.max", "250000 100000\n");
    assert_int_equal(quota("v2"), 3); /* rounded up */
    put("v2/jobs", "cpu.max", "50000 100000\n");
    assert_int_equal(quota("v2"), 1); /* the parent limits too */
    put("v2/jobs", "cpu.max", "rubbish\n");
    assert_int_equal(quota("v2"), 3);
    put("v2/jobs/one", "cpu.max", "100000 0\n");
    assert_int_equal(quota("v2"), 8);
    put("v2/jobs/one", "cpu.max", "");
    assert_int_equal(quota("v2"), 8);
    put(".", "groups", "0::/\n");
    assert_int_equal(quota("v2"), 8);
    put(".", "groups", "rubbish\n::\n:\n\n");
    assert_int_equal(quota("v2"), 8); /* "::" names version 2's root */
    put(".", "groups", "");
    assert_int_equal(quota("v2"), INT32_MAX);
}

static void quotas_of_version_1(void **state)
{
    (void)state;
    put(".", "groups", "5:cpuset:/jobs\n4:cpu,cpuacct:/jobs\n1:memory:/\n");
    put("v1/cpu/jobs", "cpu.cfs_quota_us", "-1\n");
    put("v1/cpu/jobs", "cpu.cfs_period_us", "100000\n");
    assert_int_equal(quota("v1"), INT32_MAX);
    put("v1/cpu/jobs", "cpu.cfs_quota_us", "400000\n");
    assert_int_equal(quota("v1"), 4);
    put("v1/cpu", "cpu.cfs_quota_us", "200000\n");
    assert_int_equal(quota("v1"), 4); /* no period beside it */
    put("v1/cpu", "cpu.cfs_period_us", "100000\n");
    assert_int_equal(quota("v1"), 2);
    put(".", "groups", "5:cpuset:/jobs\n1:memory:/\n");
    assert_int_equal(quota("v1"), INT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(agrees_with_proc_cpuinfo),
        cmocka_unit_test(choice),
        cmocka_unit_test(pinning),
        cmocka_unit_test(quotas_of_version_2),
        cmocka_unit_test(quotas_of_version_1),
    };
    return cmocka_run_group_tests(tests, temp_folder_make, temp_folder_remove);
}
