/* The reader against hostile files, and writer and reader against each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/safetensors.h"
#include "temp_folder.h"

/* Bytes of a file with this header and so many bytes of data. */
static unsigned char *file_of(const char *header, size_t data_bytes, size_t *size)
{
    size_t length = strlen(header);
    unsigned char *bytes = calloc(8 + length + data_bytes, 1);
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(length >> (8 * i));
    }
    memcpy(bytes + 8, header, length);
    *size = 8 + length + data_bytes;
    return bytes;
}

static const struct {
    const char *header;
    size_t data_bytes;
    const char *complaint; /* NULL: good */
} files[] = {
    {"{}", 0, NULL},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, NULL},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}   ", 4, NULL},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, NULL},
    {"{\"a\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, NULL},
    {"[]", 0, "begin with '{'"},
    {"{\"a\":1}", 0, "object"},
    {"{\"a\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[0,1]}}", 1, "F4"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9, "end at byte 8"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, "do not fill"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,8]}}", 8, "whole numbers"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2.5],\"data_offsets\":[0,8]}}", 8, "whole numbers"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", 8,
     "overflows"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0,
     "do not fill"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
     4, "overlap"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
     12, "a hole"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
     8, "duplicate"},
    {"{\"__metadata__\":{\"format\":1}}", 0, "must be a string"},
    {"{\"a\":{\"dtype\":\"F32\"", 0, ""},
};

static void headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        ek_error err = {0};
        ek_safetensors file;
        size_t size;
        unsigned char *bytes = file_of(files[i].header, files[i].data_bytes, &size);
        ek_status status = ek_safetensors_parse(&file, "x.safetensors", bytes, size, &err);
        if (!files[i].complaint) {
            assert_int_equal(status, EK_OK);
            ek_safetensors_close(&file);
        } else {
            assert_int_equal(status, EK_E_MODEL);
            assert_non_null(strstr(err.message, "x.safetensors"));
            if (!strstr(err.message, files[i].complaint)) {
                fail_msg("no '%s' in: %s", files[i].complaint, err.message);
            }
        }
        free(bytes);
    }
}

static void truncated_files(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = file_of(files[1].header, 8, &size);
    for (size_t length = 0; length < size; length++) {
        ek_error err = {0};
        ek_safetensors file;
        unsigned char *copy = malloc(length ? length : 1); /* so that a sanitizer sees the end */
        memcpy(copy, bytes, length);
        assert_int_equal(ek_safetensors_parse(&file, "x", copy, length, &err), EK_E_MODEL);
        free(copy);
    }
    bytes[7] = 0xFF; /* a header of 2^63 bytes */
    ek_error err = {0};
    ek_safetensors file;
    assert_int_equal(ek_safetensors_parse(&file, "x", bytes, size, &err), EK_E_MODEL);
    free(bytes);
}

static void widening(void **state)
{
    (void)state;
    const uint16_t halves[] = {0x3C00, 0xC000, 0x0001, 0x03FF, 0x0400, 0x7BFF, 0x7C00, 0x8000};
    const float as_half[] = {1,        -2,       0x1p-24f,        0x1.ff8p-15f,
                             0x1p-14f, 65504.0f, (float)INFINITY, -0.0f};
    const uint16_t brains[] = {0x3F80, 0xC000, 0x0001};
    const float as_brain[] = {1, -2, 0x1p-133f};
    float out[8];
    ek_error err = {0};
    ek_tensor tensor = {.name = "t",
                        .dtype = EK_DTYPE_F16,
                        .dtype_name = "F16",
                        .count = 8,
                        .data = (const unsigned char *)halves};
    assert_int_equal(ek_tensor_to_f32(out, &tensor, "x", &err), EK_OK);
    assert_memory_equal(out, as_half, sizeof as_half);
    tensor.dtype = EK_DTYPE_BF16;
    tensor.count = 3;
    tensor.data = (const unsigned char *)brains;
    assert_int_equal(ek_tensor_to_f32(out, &tensor, "x", &err), EK_OK);
    assert_memory_equal(out, as_brain, sizeof as_brain);
    tensor.dtype = EK_DTYPE_OTHER;
    assert_int_equal(ek_tensor_to_f32(out, &tensor, "x", &err), EK_E_MODEL);
}

static void round_trip(void **state)
{
    (void)state;
    const char *path = temp_path("w.safetensors");
    const float a[6] = {1, 2, 3, 4, 5, (float)NAN}, b[1] = {7};
    const ek_tensor_out tensors[] = {{"b.second", 2, {2, 3}, a}, {"a.first", 1, {1}, b}};
    const char *const metadata[] = {"who \"am\" I", "me", NULL};
    ek_error err = {0};
    ek_safetensors file;
    assert_int_equal(ek_safetensors_write(path, tensors, 2, metadata, &err), EK_OK);
    assert_int_equal(ek_safetensors_open(&file, path, &err), EK_OK);
    assert_int_equal(file.count, 2);
    const ek_tensor *second = ek_safetensors_find(&file, "b.second");
    assert_non_null(second);
    assert_int_equal(second->shape[1], 3);
    float out[6];
    assert_int_equal(ek_tensor_to_f32(out, second, path, &err), EK_OK);
    assert_memory_equal(out, a, sizeof a);
    assert_null(ek_safetensors_find(&file, "c"));
    ek_safetensors_close(&file);
    assert_int_equal(ek_safetensors_write("/nowhere/w", tensors, 2, NULL, &err), EK_E_IO);
}

static void without_memory(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = file_of(files[1].header, 8, &size);
    ek_status status = EK_E_MEMORY;
    for (long n = 1; n < 200 && status != EK_OK; n++) {
        ek_error err = {0};
        ek_safetensors file;
        ek_mem_fail_after(n);
        status = ek_safetensors_parse(&file, "x", bytes, size, &err);
        ek_mem_fail_after(0);
        assert_true(status == EK_OK || status == EK_E_MEMORY);
        if (status == EK_OK) {
            ek_safetensors_close(&file);
        }
    }
    assert_int_equal(status, EK_OK);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers),    cmocka_unit_test(truncated_files), cmocka_unit_test(widening),
        cmocka_unit_test(round_trip), cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, temp_folder_make, temp_folder_remove);
}
