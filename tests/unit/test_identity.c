/* The hash of a model's files, made beside its use: the bytes of all files in their order, whoever
 * waits for it, and no thread left behind by who does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "model/model.h"
#include "temp_folder.h"

#define MODEL EK_TEST_DIR "/golden/tiny_bert"

static void put(const char *name, const void *bytes, size_t count)
{
    ek_error err = {0};
    assert_int_equal(ek_file_write(temp_path(name), bytes, count, &err), EK_OK);
}

static void copy(const char *from, const char *name)
{
    ek_error err = {0};
    char *source = ek_path_join(MODEL, from);
    assert_int_equal(ek_file_copy(source, temp_path(name), &err), EK_OK);
    ek_free(source);
}

/* Of the configuration as it is written without spaces and of files in this order. */
static void expected_hash(const char *const *names, size_t count, char hex[65])
{
    ek_error err = {0};
    json_t *config;
    ek_sha256 hash;
    ek_sha256_init(&hash);
    assert_int_equal(ek_json_load(&config, MODEL "/config.json", 1 << 20, EK_E_MODEL, &err), EK_OK);
    char *text = json_dumps(config, JSON_SORT_KEYS | JSON_COMPACT);
    assert_non_null(text);
    ek_sha256_update(&hash, text, strlen(text));
    ek_free(text);
    json_decref(config);
    for (size_t i = 0; i < count; i++) {
        ek_map map;
        assert_int_equal(ek_map_open(&map, temp_path(names[i]), &err), EK_OK);
        ek_sha256_update(&hash, map.data, map.size_bytes);
        ek_map_close(&map);
    }
    ek_sha256_hex(&hash, hex);
}

static void open_it(ek_model *model, bool identify)
{
    ek_error err = {0};
    const ek_model_options options = {.num_labels = 2, .identify = identify};
    assert_int_equal(ek_model_open(model, temp_folder, &options, &err), EK_OK);
}

static void one_file(void **state)
{
    (void)state;
    const char *const names[] = {"model.safetensors"};
    char expected[65];
    ek_model model;
    copy("config.json", "config.json");
    copy("model.safetensors", "model.safetensors");
    expected_hash(names, 1, expected);
    open_it(&model, true);
    ek_model_identify(&model);
    assert_string_equal(model.hash, expected);
    ek_model_identify(&model); /* once more changes nothing */
    assert_string_equal(model.hash, expected);
    ek_model_close(&model);
}

/* The first of the index has no tensors, and a name that would be sorted last. */
static void shards_in_the_order_of_the_index(void **state)
{
    (void)state;
    static const char empty[] = "\2\0\0\0\0\0\0\0{}";
    static const char index[] =
        "{\"weight_map\":{\"a\":\"z.safetensors\",\"b\":\"a.safetensors\"}}";
    const char *const names[] = {"z.safetensors", "a.safetensors"};
    char expected[65];
    ek_model model;
    unlink(temp_path("model.safetensors"));
    copy("model.safetensors", "a.safetensors");
    put("z.safetensors", empty, sizeof empty - 1);
    put("model.safetensors.index.json", index, sizeof index - 1);
    expected_hash(names, 2, expected);
    open_it(&model, true);
    ek_model_identify(&model);
    assert_string_equal(model.hash, expected);
    ek_model_close(&model);
    unlink(temp_path("model.safetensors.index.json"));
    copy("model.safetensors", "model.safetensors");
}

static void nobody_has_to_wait(void **state)
{
    (void)state;
    ek_model model;
    open_it(&model, true);
    ek_model_close(&model);
    open_it(&model, false);
    ek_model_identify(&model);
    assert_string_equal(model.hash, "");
    ek_model_close(&model);
}

/* An error after the thread has begun: the files have no classifier to keep. */
static void errors_end_the_thread(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_model model;
    const ek_model_options options = {.num_labels = 3, .keep_head = true, .identify = true};
    assert_int_equal(ek_model_open(&model, temp_folder, &options, &err), EK_E_MODEL);
    assert_non_null(strstr(err.message, "classifier"));
    assert_null(model.identity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_file),
        cmocka_unit_test(shards_in_the_order_of_the_index),
        cmocka_unit_test(nobody_has_to_wait),
        cmocka_unit_test(errors_end_the_thread),
    };
    return cmocka_run_group_tests(tests, temp_folder_make, temp_folder_remove);
}
