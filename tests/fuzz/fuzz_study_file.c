/* fuzz_study_file.c - the study file reader on arbitrary bytes. */
#include <stddef.h>
#include <stdint.h>

#include "study/study_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ek_error err;
    ek_study_file file;
    if (size < 1 << 16 &&
        ek_study_file_parse(&file, "fuzz.yaml", (const char *)data, size, &err) == EK_OK) {
        ek_study_file_free(&file);
    }
    return 0;
}
