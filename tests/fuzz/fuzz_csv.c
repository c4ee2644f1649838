/* fuzz_csv.c - the CSV reader on arbitrary bytes, by way of a file in memory. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "data/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        return 0;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ek_error err;
    ek_table table;
    const ek_table_options options = {.format = EK_FORMAT_CSV};
    if (ek_table_open(&table, path, &options, &err) == EK_OK) {
        size_t total = 0; /* every byte of every field must be readable */
        for (size_t i = 0; i < table.row_count * table.column_count; i++) {
            for (size_t k = 0; k < table.fields[i].length; k++) {
                total += (unsigned char)table.fields[i].text[k];
            }
        }
        close(fd);
        ek_table_close(&table);
        return total == SIZE_MAX;
    }
    close(fd);
    return 0;
}
