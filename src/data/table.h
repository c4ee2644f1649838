/* table.h - rows and columns from a file: CSV (RFC 4180), TSV (no quoting), JSONL.
 *
 * The whole file is in memory once; fields point into it (CSV fields with doubled quotes and JSON
 * strings are decoded in place or into the table's own memory). Everything is checked: UTF-8
 * (optional BOM skipped), the same number of fields in every row, closed quotes, size limits.
 * Errors are EK_E_DATA with file, line, column or byte, what was found and what to do.
 */
#ifndef EK_DATA_TABLE_H
#define EK_DATA_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef enum {
    EK_FORMAT_AUTO, /* by file name: .csv .tsv .tab .jsonl .json(l); anything else is an error */
    EK_FORMAT_CSV,
    EK_FORMAT_TSV,
    EK_FORMAT_JSONL,
} ek_table_format;

typedef struct {
    const char *text; /* not terminated; text NULL: the key was absent or null (JSONL) */
    size_t length;
} ek_field;

typedef struct {
    char *path;
    ek_table_format format;
    size_t column_count;
    char **columns; /* [column_count] names; "0", "1", ... when the file has no header */
    size_t row_count;
    ek_field *fields;         /* [row_count][column_count] */
    size_t *lines;            /* [row_count] 1-based line on which the row starts */
    size_t skipped_row_count; /* rows left out by skip_ragged */
    void *storage;            /* private */
} ek_table;

typedef struct {
    ek_table_format format;
    bool no_header;   /* TSV only: CoLA has none */
    bool skip_ragged; /* count rows with a wrong number of fields instead of failing (QQP) */
    size_t max_rows;  /* stop after so many; 0: all */
} ek_table_options;

/* JSONL: columns are the union of keys in order of first appearance; numbers and booleans keep
 * their source text as the field. path "-" reads standard input (format must then be given). */
ek_status ek_table_open(ek_table *table, const char *path, const ek_table_options *options,
                        ek_error *err);
void ek_table_close(ek_table *table); /* an all-zero table is fine */

/* Index of a column, or EK_E_DATA listing the columns there are and the nearest name. */
ek_status ek_table_column(const ek_table *table, const char *name, size_t *out, ek_error *err);
static inline ek_field ek_table_field(const ek_table *table, size_t row, size_t column)
{
    return table->fields[row * table->column_count + column];
}

#endif
