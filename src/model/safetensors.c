#include "model/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

enum { HEADER_BYTES_MAX = 100000000, TENSORS_MAX = 1 << 20 };

/* Every dtype of the format with whole bytes; those that are not read are known for their size. */
static const struct {
    const char *name;
    uint64_t bytes;
    ek_dtype dtype;
} dtypes[] = {
    {"F32", 4, EK_DTYPE_F32},       {"F16", 2, EK_DTYPE_F16},       {"BF16", 2, EK_DTYPE_BF16},
    {"BOOL", 1, EK_DTYPE_OTHER},    {"U8", 1, EK_DTYPE_OTHER},      {"I8", 1, EK_DTYPE_OTHER},
    {"F8_E4M3", 1, EK_DTYPE_OTHER}, {"F8_E5M2", 1, EK_DTYPE_OTHER}, {"F8_E8M0", 1, EK_DTYPE_OTHER},
    {"I16", 2, EK_DTYPE_OTHER},     {"U16", 2, EK_DTYPE_OTHER},     {"I32", 4, EK_DTYPE_OTHER},
    {"U32", 4, EK_DTYPE_OTHER},     {"I64", 8, EK_DTYPE_OTHER},     {"U64", 8, EK_DTYPE_OTHER},
    {"F64", 8, EK_DTYPE_OTHER},     {"C64", 8, EK_DTYPE_OTHER},
};

#define BAD(...) ek_error_set(err, EK_E_MODEL, __VA_ARGS__)

static ek_status read_dtype(ek_tensor *tensor, uint64_t *bytes, const json_t *entry,
                            const char *where, ek_error *err)
{
    const char *name = json_string_value(json_object_get(entry, "dtype"));
    for (size_t i = 0; name && i < sizeof dtypes / sizeof *dtypes; i++) {
        if (strcmp(dtypes[i].name, name) == 0) {
            tensor->dtype = dtypes[i].dtype;
            tensor->dtype_name = dtypes[i].name;
            *bytes = dtypes[i].bytes;
            return EK_OK;
        }
    }
    return BAD("%s: tensor '%.80s' has dtype '%.20s', which is not supported", where, tensor->name,
               name ? name : "(none)");
}

static ek_status read_shape(ek_tensor *tensor, const json_t *entry, const char *where,
                            ek_error *err)
{
    const json_t *shape = json_object_get(entry, "shape");
    size_t rank = json_array_size(shape);
    if (!json_is_array(shape) || rank > EK_TENSOR_RANK_MAX) {
        return BAD("%s: tensor '%.80s': shape must be an array of at most %d numbers", where,
                   tensor->name, EK_TENSOR_RANK_MAX);
    }
    tensor->rank = (int32_t)rank;
    tensor->count = 1;
    for (size_t i = 0; i < rank; i++) {
        const json_t *size = json_array_get(shape, i);
        json_int_t value = json_integer_value(size);
        if (!json_is_integer(size) || value < 0) {
            return BAD("%s: tensor '%.80s': a shape holds whole numbers from 0", where,
                       tensor->name);
        }
        tensor->shape[i] = value;
        if (__builtin_mul_overflow(tensor->count, (uint64_t)value, &tensor->count)) {
            return BAD("%s: tensor '%.80s': the shape's product overflows", where, tensor->name);
        }
    }
    return EK_OK;
}

static ek_status read_entry(ek_tensor *tensor, const json_t *entry, const unsigned char *data,
                            uint64_t data_bytes, const char *where, ek_error *err)
{
    uint64_t item_bytes = 0, bytes;
    if (!json_is_object(entry)) {
        return BAD("%s: tensor '%.80s': expected an object with dtype, shape, data_offsets", where,
                   tensor->name);
    }
    EK_TRY(read_dtype(tensor, &item_bytes, entry, where, err));
    EK_TRY(read_shape(tensor, entry, where, err));
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *begin_json = json_array_get(offsets, 0), *end_json = json_array_get(offsets, 1);
    json_int_t begin = json_integer_value(begin_json), end = json_integer_value(end_json);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin_json) ||
        !json_is_integer(end_json) || begin < 0 || end < begin || (uint64_t)end > data_bytes) {
        return BAD("%s: tensor '%.80s': data_offsets must be [begin, end] inside the %llu bytes of "
                   "data",
                   where, tensor->name, (unsigned long long)data_bytes);
    }
    if (__builtin_mul_overflow(tensor->count, item_bytes, &bytes) ||
        bytes != (uint64_t)(end - begin)) {
        return BAD("%s: tensor '%.80s': %llu elements of %s do not fill data_offsets [%lld, %lld]",
                   where, tensor->name, (unsigned long long)tensor->count, tensor->dtype_name,
                   (long long)begin, (long long)end);
    }
    tensor->data = data + begin;
    tensor->size_bytes = (size_t)bytes;
    return EK_OK;
}

static ek_status check_metadata(const json_t *metadata, const char *where, ek_error *err)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata)) {
        return BAD("%s: __metadata__ must be an object", where);
    }
    json_object_foreach((json_t *)(uintptr_t)metadata, key, value)
    {
        if (!json_is_string(value)) {
            return BAD("%s: __metadata__ '%.80s' must be a string", where, key);
        }
    }
    return EK_OK;
}

static int by_data(const void *a, const void *b)
{
    const ek_tensor *x = a, *y = b;
    if (x->data != y->data) {
        return x->data < y->data ? -1 : 1;
    }
    return (x->size_bytes > y->size_bytes) - (x->size_bytes < y->size_bytes);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ek_tensor *)a)->name, ((const ek_tensor *)b)->name);
}

/* Tensors follow each other from the first byte to the last: no hole, no overlap. */
static ek_status check_contiguous(ek_safetensors *file, const unsigned char *data,
                                  uint64_t data_bytes, const char *where, ek_error *err)
{
    qsort(file->tensors, file->count, sizeof *file->tensors, by_data);
    const unsigned char *expected = data;
    for (size_t i = 0; i < file->count; i++) {
        if (file->tensors[i].data != expected) {
            return BAD("%s: tensor '%.80s' begins at byte %lld of the data, expected %lld: a hole "
                       "or an overlap",
                       where, file->tensors[i].name, (long long)(file->tensors[i].data - data),
                       (long long)(expected - data));
        }
        expected += file->tensors[i].size_bytes;
    }
    if ((uint64_t)(expected - data) != data_bytes) {
        return BAD("%s: the tensors end at byte %lld of the data, the file has %llu: truncated or "
                   "with something behind",
                   where, (long long)(expected - data), (unsigned long long)data_bytes);
    }
    return EK_OK;
}

static ek_status read_header(ek_safetensors *file, json_t *header, const unsigned char *data,
                             uint64_t data_bytes, const char *where, ek_error *err)
{
    size_t entries = json_object_size(header);
    if (!json_is_object(header) || entries > TENSORS_MAX) {
        return BAD("%s: the header must be an object of at most %d tensors", where, TENSORS_MAX);
    }
    file->tensors = ek_calloc(entries, sizeof *file->tensors);
    if (!file->tensors) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for %zu tensors", entries);
    }
    const char *key;
    json_t *value;
    json_object_foreach(header, key, value)
    {
        if (strcmp(key, "__metadata__") == 0) {
            EK_TRY(check_metadata(value, where, err));
            continue;
        }
        ek_tensor *tensor = &file->tensors[file->count++];
        tensor->name = key;
        EK_TRY(read_entry(tensor, value, data, data_bytes, where, err));
    }
    EK_TRY(check_contiguous(file, data, data_bytes, where, err));
    qsort(file->tensors, file->count, sizeof *file->tensors, by_name);
    return EK_OK;
}

ek_status ek_safetensors_parse(ek_safetensors *file, const char *where, const void *bytes,
                               size_t size_bytes, ek_error *err)
{
    *file = (ek_safetensors){0};
    const unsigned char *raw = bytes;
    uint64_t length = 0;
    if (size_bytes < 10) {
        return BAD("%s: %zu bytes are too few for a safetensors file", where, size_bytes);
    }
    for (int i = 7; i >= 0; i--) {
        length = length << 8 | raw[i];
    }
    if (length > HEADER_BYTES_MAX || length > size_bytes - 8) {
        return BAD("%s: the header claims %llu bytes, the file has %zu: not a safetensors file, or "
                   "truncated",
                   where, (unsigned long long)length, size_bytes);
    }
    if (raw[8] != '{') {
        return BAD("%s: the header does not begin with '{': not a safetensors file", where);
    }
    json_t *header;
    EK_TRY(ek_json_parse(&header, (const char *)raw + 8, (size_t)length, where, EK_E_MODEL, err));
    file->storage = header; /* tensors borrow their names from it */
    ek_status status =
        read_header(file, header, raw + 8 + length, size_bytes - 8 - (size_t)length, where, err);
    if (status != EK_OK) {
        ek_safetensors_close(file);
    }
    return status;
}

ek_status ek_safetensors_open(ek_safetensors *file, const char *path, ek_error *err)
{
    *file = (ek_safetensors){0};
    ek_map map;
    ek_status status = ek_map_open(&map, path, err);
    if (status != EK_OK) {
        return status;
    }
    status = ek_safetensors_parse(file, path, map.data, map.size_bytes, err);
    if (status != EK_OK) {
        ek_map_close(&map);
        return status;
    }
    file->map = map;
    file->path = ek_strdup(path);
    if (!file->path) {
        ek_safetensors_close(file);
        return ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    }
    return EK_OK;
}

void ek_safetensors_close(ek_safetensors *file)
{
    ek_free(file->tensors);
    json_decref(file->storage);
    ek_map_close(&file->map);
    ek_free(file->path);
    *file = (ek_safetensors){0};
}

const ek_tensor *ek_safetensors_find(const ek_safetensors *file, const char *name)
{
    ek_tensor key = {.name = name};
    return file->count ? bsearch(&key, file->tensors, file->count, sizeof key, by_name) : NULL;
}

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE half to float, exactly: subnormals are normalised, infinities and NaN payloads kept. */
static float half_to_float(uint32_t half)
{
    uint32_t sign = (half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3FF;
    if (exponent == 31) {
        return from_bits(sign | 0x7F800000 | fraction << 13);
    }
    if (exponent == 0) {
        float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

ek_status ek_tensor_to_f32(float *out, const ek_tensor *tensor, const char *where, ek_error *err)
{
    const unsigned char *p = tensor->data;
    switch (tensor->dtype) {
    case EK_DTYPE_F32: /* byte by byte: the data need not be aligned */
        for (uint64_t i = 0; i < tensor->count; i++, p += 4) {
            out[i] = from_bits((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
                               (uint32_t)p[3] << 24);
        }
        return EK_OK;
    case EK_DTYPE_BF16:
        for (uint64_t i = 0; i < tensor->count; i++, p += 2) {
            out[i] = from_bits((uint32_t)p[0] << 16 | (uint32_t)p[1] << 24);
        }
        return EK_OK;
    case EK_DTYPE_F16:
        for (uint64_t i = 0; i < tensor->count; i++, p += 2) {
            out[i] = half_to_float((uint32_t)p[0] | (uint32_t)p[1] << 8);
        }
        return EK_OK;
    case EK_DTYPE_OTHER:
        break;
    }
    return BAD("%s: tensor '%.80s' is %s; weights must be F32, F16 or BF16", where, tensor->name,
               tensor->dtype_name);
}

/* ---- writing --------------------------------------------------------------------------------- */

static int out_by_name(const void *a, const void *b)
{
    return strcmp((*(const ek_tensor_out *const *)a)->name,
                  (*(const ek_tensor_out *const *)b)->name);
}

static uint64_t out_count(const ek_tensor_out *tensor)
{
    uint64_t count = 1;
    for (int32_t i = 0; i < tensor->rank; i++) {
        count *= (uint64_t)tensor->shape[i];
    }
    return count;
}

static void write_header(ek_buf *header, const ek_tensor_out *const *sorted, size_t count,
                         const char *const *metadata)
{
    ek_buf_puts(header, "{\"__metadata__\":{\"format\":\"pt\"");
    for (; metadata && metadata[0]; metadata += 2) {
        ek_buf_putc(header, ',');
        ek_buf_json_string(header, metadata[0], strlen(metadata[0]));
        ek_buf_putc(header, ':');
        ek_buf_json_string(header, metadata[1], strlen(metadata[1]));
    }
    ek_buf_putc(header, '}');
    uint64_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        const ek_tensor_out *tensor = sorted[i];
        ek_buf_putc(header, ',');
        ek_buf_json_string(header, tensor->name, strlen(tensor->name));
        ek_buf_puts(header, ":{\"dtype\":\"F32\",\"shape\":[");
        for (int32_t d = 0; d < tensor->rank; d++) {
            ek_buf_printf(header, "%s%lld", d ? "," : "", (long long)tensor->shape[d]);
        }
        uint64_t end = offset + 4 * out_count(tensor);
        ek_buf_printf(header, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)offset,
                      (unsigned long long)end);
        offset = end;
    }
    ek_buf_putc(header, '}');
    while (header->length % 8 != 0 && !header->failed) {
        ek_buf_putc(header, ' ');
    }
}

/* Streams header and values into an open file; false on an error of the system. */
static bool write_stream(FILE *stream, const ek_buf *header, const ek_tensor_out *const *sorted,
                         size_t count)
{
    unsigned char length[8];
    for (int i = 0; i < 8; i++) {
        length[i] = (unsigned char)((uint64_t)header->length >> (8 * i));
    }
    bool good = fwrite(length, 1, 8, stream) == 8 &&
                fwrite(header->data, 1, header->length, stream) == header->length;
    for (size_t i = 0; good && i < count; i++) {
        /* The format is little-endian, as every machine this program runs on. */
        size_t values = (size_t)out_count(sorted[i]);
        good = fwrite(sorted[i]->values, sizeof(float), values, stream) == values;
    }
    return good && fflush(stream) == 0 && fsync(fileno(stream)) == 0;
}

ek_status ek_safetensors_write(const char *path, const ek_tensor_out *tensors, size_t count,
                               const char *const *metadata, ek_error *err)
{
    const ek_tensor_out **sorted = ek_calloc(count, sizeof *sorted);
    ek_buf header = {0}, temporary = {0};
    ek_status status = EK_OK;
    if (!sorted) {
        return ek_error_set(err, EK_E_MEMORY, "no memory to write %zu tensors", count);
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &tensors[i];
    }
    qsort(sorted, count, sizeof *sorted, out_by_name);
    write_header(&header, sorted, count, metadata);
    ek_buf_printf(&temporary, "%s.tmp.%ld", path, (long)getpid());
    status = ek_buf_status(&header, err);
    status = status == EK_OK ? ek_buf_status(&temporary, err) : status;
    if (status == EK_OK) {
        FILE *stream = fopen(temporary.data, "wb");
        bool good = stream && write_stream(stream, &header, sorted, count);
        good = stream && fclose(stream) == 0 && good && rename(temporary.data, path) == 0;
        if (!good) {
            status = ek_error_set(err, EK_E_IO,
                                  "%s: cannot write the weights (disk full, or no "
                                  "permission?)",
                                  path);
            unlink(temporary.data);
        }
    }
    ek_buf_deinit(&header);
    ek_buf_deinit(&temporary);
    ek_free(sorted);
    return status;
}
