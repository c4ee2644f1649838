/* str.h - a growable byte string, and the few string helpers that every room needs.
 *
 * An ek_buf belongs to its owner: ek_buf_deinit frees it. It is always terminated, so data may be
 * read as a C string when it holds no NUL. Out of memory sets failed, further calls do nothing, and
 * the owner checks once at the end (ek_buf_status).
 */
#ifndef EK_BASE_STR_H
#define EK_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct {
    char *data; /* NULL only when nothing was ever added: use ek_buf_text */
    size_t length;
    size_t capacity;
    bool failed;
} ek_buf;

void ek_buf_deinit(ek_buf *buf);
void ek_buf_clear(ek_buf *buf);
void ek_buf_append(ek_buf *buf, const void *bytes, size_t count);
void ek_buf_puts(ek_buf *buf, const char *text);
void ek_buf_putc(ek_buf *buf, char c);
void ek_buf_printf(ek_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds text as a JSON string with its quotes (invalid UTF-8 becomes U+FFFD). */
void ek_buf_json_string(ek_buf *buf, const char *text, size_t length);
/* Adds a double so that it reads back to the same bits; NaN and infinity as null (JSON). */
void ek_buf_json_double(ek_buf *buf, double value);
/* Adds a CSV field, quoted only when needed (RFC 4180). */
void ek_buf_csv_field(ek_buf *buf, const char *text);
const char *ek_buf_text(const ek_buf *buf); /* never NULL */
/* Hands the string to the caller (ek_free), leaving the buffer empty. NULL when failed. */
char *ek_buf_take(ek_buf *buf);
ek_status ek_buf_status(const ek_buf *buf, ek_error *err);

/* Whole-text number parsing: true only if all of text is one number in range. C locale always. */
bool ek_parse_double(const char *text, double *out); /* accepts 1e-5, nan, inf; no hex */
bool ek_parse_i64(const char *text, int64_t *out);
bool ek_parse_bool(const char *text, bool *out); /* true/false, yes/no, on/off, 1/0 */

/* Shortest decimal that reads back to the same double: 2e-05, 0.1, 3. Writes at most 32 bytes. */
const char *ek_format_double(char buffer[32], double value);

/* Edits (insert, delete, replace, swap) to make b of a; for "did you mean". */
size_t ek_edit_distance(const char *a, const char *b);
/* The nearest of count names if it is near enough to be a typing mistake, else NULL. */
const char *ek_nearest(const char *name, const char *const *names, size_t count);

/* Integer lists and ranges: "1..25", "1,2,5", "3..5,9". Duplicates are an error. *out by ek_free.
 */
ek_status ek_parse_list(const char *text, int64_t min, int64_t max, size_t max_count, int64_t **out,
                        size_t *count, ek_error *err);

/* Offset of the first byte that is not valid UTF-8 (no surrogates, no overlong), or length. */
size_t ek_utf8_check(const char *text, size_t length);

/* Glob with * and ? (no classes), for `metrics --name`. */
bool ek_glob_match(const char *pattern, const char *text);

#endif
