/* table_target.h - one table format on arbitrary bytes, by way of a file in memory. */
#ifndef EK_FUZZ_TABLE_TARGET_H
#define EK_FUZZ_TABLE_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "data/table.h"

/* Reads every byte of every field, so that a sanitizer sees a field that reaches too far. */
static inline void read_fields(const ek_table *table)
{
    volatile unsigned char seen = 0;
    for (size_t i = 0; i < table->row_count * table->column_count; i++) {
        for (size_t k = 0; k < table->fields[i].length; k++) {
            seen ^= (unsigned char)table->fields[i].text[k];
        }
    }
    (void)seen;
}

static inline int fuzz_table(const uint8_t *data, size_t size, ek_table_format format)
{
    char path[64];
    ek_error err = {0};
    ek_table table;
    const ek_table_options options = {.format = format};
    int fd = memfd_create("fuzz", 0);
    if (fd < 0) {
        return 0;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (write(fd, data, size) == (ssize_t)size) {
        if (ek_table_open(&table, path, &options, &err) == EK_OK) {
            read_fields(&table);
            ek_table_close(&table);
        } else if (err.message[0] == '\0') {
            abort(); /* every refusal says why */
        }
    }
    close(fd);
    return 0;
}

#endif
