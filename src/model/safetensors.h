/* safetensors.h - the file format: a checked reader over a mapped file, and a writer.
 *
 * The reader trusts nothing: header length, JSON, duplicate names, dtypes, shapes (64-bit
 * products), offsets (from 0, contiguous, no hole, no overlap, to the end of the file). Format:
 * README of huggingface/safetensors. Errors are EK_E_MODEL with file, tensor, what was found and
 * expected.
 */
#ifndef EK_MODEL_SAFETENSORS_H
#define EK_MODEL_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/status.h"

typedef enum { EK_DTYPE_F32, EK_DTYPE_F16, EK_DTYPE_BF16, EK_DTYPE_OTHER } ek_dtype;
enum { EK_TENSOR_RANK_MAX = 8 };

typedef struct {
    const char *name; /* owned by the file */
    const char *dtype_name;
    ek_dtype dtype;
    int32_t rank;
    int64_t shape[EK_TENSOR_RANK_MAX];
    uint64_t count;            /* elements */
    const unsigned char *data; /* into the map */
    size_t size_bytes;
} ek_tensor;

typedef struct {
    char *path;
    ek_map map;
    ek_tensor *tensors; /* sorted by name */
    size_t count;
    void *storage; /* private */
} ek_safetensors;

ek_status ek_safetensors_open(ek_safetensors *file, const char *path, ek_error *err);
/* The same checks on bytes in memory, which must outlive the result (fuzzing, tests). */
ek_status ek_safetensors_parse(ek_safetensors *file, const char *where, const void *bytes,
                               size_t size_bytes, ek_error *err);
void ek_safetensors_close(ek_safetensors *file); /* an all-zero one is fine */
const ek_tensor *ek_safetensors_find(const ek_safetensors *file, const char *name);
/* Converts to float: F32 copied, F16 and BF16 widened exactly. Other dtypes: EK_E_MODEL. */
ek_status ek_tensor_to_f32(float *out, const ek_tensor *tensor, const char *where, ek_error *err);

/* Writes F32 tensors (name, shape, values) sorted by name, __metadata__ {"format":"pt"} plus
 * key/value pairs of metadata (NULL-terminated list key, value, key, value, ...; may be NULL). */
typedef struct {
    const char *name;
    int32_t rank;
    int64_t shape[EK_TENSOR_RANK_MAX];
    const float *values;
} ek_tensor_out;
ek_status ek_safetensors_write(const char *path, const ek_tensor_out *tensors, size_t count,
                               const char *const *metadata, ek_error *err);

#endif
