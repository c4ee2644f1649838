/* fuzz_tsv.c - the TSV reader on arbitrary bytes. */
#include "../fuzz/table_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_table(data, size, EK_FORMAT_TSV);
}
