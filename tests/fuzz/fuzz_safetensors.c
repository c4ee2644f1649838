/* fuzz_safetensors.c - the weight file reader on arbitrary bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "model/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ek_error err;
    ek_safetensors file;
    if (ek_safetensors_parse(&file, "fuzz", data, size, &err) != EK_OK) {
        return 0;
    }
    for (size_t i = 0; i < file.count; i++) {
        float *out = malloc(file.tensors[i].count * sizeof *out + 1);
        if (out) {
            ek_tensor_to_f32(out, &file.tensors[i], "fuzz", &err);
        }
        free(out);
    }
    ek_safetensors_close(&file);
    return 0;
}
