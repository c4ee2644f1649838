/* Files: bounds, pipes, folders, atomic replacement, every allocation failing in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "temp_folder.h"

static void check_content(const char *path, const char *want)
{
    ek_buf text = {0};
    ek_error err = {0};
    if (ek_file_read(path, 1 << 24, &text, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(ek_buf_text(&text), want);
    ek_buf_deinit(&text);
}

static int entries(const char *path)
{
    int count = 0;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count - 2; /* . and .. */
}

static void write_then_read(void **state)
{
    (void)state;
    ek_error err = {0};
    const char *path = temp_path("a.txt");
    assert_false(ek_file_exists(path));
    assert_int_equal(ek_file_write(path, "one", 3, &err), EK_OK);
    assert_true(ek_file_exists(path));
    assert_false(ek_dir_exists(path));
    check_content(path, "one");
    assert_int_equal(ek_file_write(path, "", 0, &err), EK_OK);
    check_content(path, "");
    assert_int_equal(ek_file_replace(path, "unsynced", 8, &err), EK_OK);
    check_content(path, "unsynced");
    assert_int_equal(ek_file_write(path, "two", 3, &err), EK_OK);
    assert_int_equal(entries(temp_folder), 1); /* no temporary file is left */

    ek_buf text = {0};
    ek_buf_puts(&text, "before ");
    assert_int_equal(ek_file_read(path, 3, &text, &err), EK_OK);
    assert_string_equal(text.data, "before two"); /* it appends */
    assert_int_equal(ek_file_read(path, 2, &text, &err), EK_E_IO);
    assert_non_null(strstr(err.message, "larger than the 2 bytes"));
    assert_string_equal(text.data, "before two");
    ek_buf_deinit(&text);

    assert_int_equal(ek_file_copy(path, temp_path("b.txt"), &err), EK_OK);
    check_content(temp_path("b.txt"), "two");
    /* A relative path: the folder to sync is the current one. */
    char here[512];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(temp_folder), 0);
    assert_int_equal(ek_file_write("c.txt", "three", 5, &err), EK_OK);
    check_content("c.txt", "three");
    assert_int_equal(chdir(here), 0);
}

static void errors_say_what_and_where(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_buf text = {0};
    ek_map map;
    assert_int_equal(ek_file_read(temp_path("none"), 10, &text, &err), EK_E_IO);
    assert_non_null(strstr(err.message, temp_path("none")));
    assert_non_null(strstr(err.message, "No such file"));
    assert_int_equal(ek_file_read(temp_folder, 10, &text, &err), EK_E_IO);
    assert_non_null(strstr(err.message, "is a folder"));
    assert_int_equal(ek_map_open(&map, temp_folder, &err), EK_E_IO);
    assert_non_null(strstr(err.message, "is a folder"));
    assert_int_equal(ek_file_write(temp_folder, "x", 1, &err), EK_E_IO);
    assert_non_null(strstr(err.message, "is a folder"));
    assert_int_equal(ek_file_write(temp_path("no/such/folder"), "x", 1, &err), EK_E_IO);
    assert_non_null(strstr(err.message, "cannot create"));
    assert_int_equal(ek_file_copy(temp_path("none"), temp_path("d"), &err), EK_E_IO);
    assert_false(ek_file_exists(temp_path("d")));
    assert_int_equal(ek_map_open(&map, "/dev/null", &err), EK_E_IO);
    assert_null(map.data);
    assert_int_equal(ek_file_read(temp_path("none"), 10, &text, NULL), EK_E_IO);
    ek_buf_deinit(&text);
}

static void pipes_and_devices(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_buf text = {0};
    const char *path = temp_path("pipe");
    enum { COUNT = 200000 }; /* more than a pipe holds at once */
    assert_int_equal(mkfifo(path, 0600), 0);
    pid_t child = fork();
    if (child == 0) {
        ek_buf bytes = {0};
        for (int i = 0; i < COUNT; i++) {
            ek_buf_putc(&bytes, (char)('a' + i % 26));
        }
        ek_status status = ek_file_write(path, bytes.data, bytes.length, NULL);
        ek_buf_deinit(&bytes);
        _exit(status == EK_OK ? 0 : 1);
    }
    assert_int_equal(ek_file_read(path, COUNT, &text, &err), EK_OK);
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    assert_int_equal(text.length, COUNT);
    assert_int_equal(text.data[COUNT - 1], 'a' + (COUNT - 1) % 26);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISFIFO(info.st_mode)); /* it was not replaced by a file */
    ek_buf_clear(&text);
    assert_int_equal(ek_file_read("/dev/zero", 100000, &text, &err), EK_E_IO);
    assert_non_null(strstr(err.message, "larger than"));
    assert_int_equal(text.length, 0);
    assert_int_equal(ek_file_write("/dev/null", "x", 1, &err), EK_OK);
    assert_int_equal(unlink(path), 0);
    ek_buf_deinit(&text);
}

static void standard_input(void **state)
{
    (void)state;
    int ends[2], before = dup(STDIN_FILENO);
    ek_buf text = {0};
    ek_error err = {0};
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "typed", 5), 5);
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    assert_int_equal(ek_file_read("-", 100, &text, &err), EK_OK);
    assert_string_equal(ek_buf_text(&text), "typed");
    dup2(before, STDIN_FILENO);
    close(before);
    ek_buf_deinit(&text);
}

static void maps(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_map map = {0};
    ek_map_close(&map);
    assert_int_equal(ek_file_write(temp_path("m"), "mapped", 6, &err), EK_OK);
    assert_int_equal(ek_map_open(&map, temp_path("m"), &err), EK_OK);
    assert_int_equal(map.size_bytes, 6);
    assert_memory_equal(map.data, "mapped", 6);
    /* A replaced file leaves an old map whole. */
    assert_int_equal(ek_file_write(temp_path("m"), "", 0, &err), EK_OK);
    assert_memory_equal(map.data, "mapped", 6);
    ek_map_close(&map);
    assert_int_equal(ek_map_open(&map, temp_path("m"), &err), EK_OK);
    assert_int_equal(map.size_bytes, 0);
    assert_non_null(map.data);
    ek_map_close(&map);
    assert_null(map.data);
}

static void folders(void **state)
{
    (void)state;
    ek_error err = {0};
    assert_int_equal(ek_make_dirs(temp_path("x/y//z/"), &err), EK_OK);
    assert_true(ek_dir_exists(temp_path("x/y/z")));
    assert_int_equal(ek_make_dirs(temp_path("x/y/z"), &err), EK_OK); /* again */
    assert_int_equal(ek_make_dirs("/", &err), EK_OK);
    assert_int_equal(ek_make_dirs("", &err), EK_E_IO);
    assert_int_equal(ek_file_write(temp_path("x/file"), "", 0, &err), EK_OK);
    assert_int_equal(ek_make_dirs(temp_path("x/file"), &err), EK_E_IO);
    assert_int_equal(ek_make_dirs(temp_path("x/file/below"), &err), EK_E_IO);
    assert_non_null(strstr(err.message, "x/file/below"));
    assert_non_null(strstr(err.message, "File exists"));
}

static void check_join(const char *dir, const char *name, const char *want)
{
    char *path = ek_path_join(dir, name);
    assert_string_equal(path, want);
    ek_free(path);
}

static void paths(void **state)
{
    (void)state;
    check_join("a", "b", "a/b");
    check_join("a/", "b", "a/b");
    check_join("", "b", "b");
    check_join("/", "b", "/b");
    assert_string_equal(ek_path_base("a/b/c"), "c");
    assert_string_equal(ek_path_base("c"), "c");
    assert_string_equal(ek_path_base("a/"), "");
}

static void without_memory(void **state)
{
    (void)state;
    ek_error err = {0};
    const char *path = temp_path("memory");
    ek_buf text = {0};
    ek_status status = EK_E_MEMORY;
    assert_int_equal(ek_file_write(path, "old", 3, &err), EK_OK);
    int before = entries(temp_folder);
    for (long n = 1; status != EK_OK; n++) {
        ek_mem_fail_after(n);
        status = ek_file_write(path, "new", 3, &err);
        ek_mem_fail_after(0);
        assert_true(status == EK_OK || status == EK_E_MEMORY);
        assert_int_equal(entries(temp_folder), before);
        assert_true(n < 20);
    }
    ek_mem_fail_after(1);
    assert_int_equal(ek_file_read(path, 10, &text, &err), EK_E_MEMORY);
    ek_mem_fail_after(1);
    assert_int_equal(ek_make_dirs(temp_path("memory_folder"), &err), EK_E_MEMORY);
    ek_mem_fail_after(1);
    assert_null(ek_path_join("a", "b"));
    ek_mem_fail_after(0);
    ek_buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_then_read),
        cmocka_unit_test(errors_say_what_and_where),
        cmocka_unit_test(pipes_and_devices),
        cmocka_unit_test(standard_input),
        cmocka_unit_test(maps),
        cmocka_unit_test(folders),
        cmocka_unit_test(paths),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, temp_folder_make, temp_folder_remove);
}
