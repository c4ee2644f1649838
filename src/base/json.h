/* json.h - jansson with the house's rules: duplicate keys refused, depth and size bounded, UTF-8
 * strict, errors with file, line and column. This header is the only one that names jansson.
 *
 * The top is an object or an array; nesting ends at jansson's 2,048 levels; "\u0000" is refused,
 * since texts are C strings. Integers beyond 64 bits are read as reals (tokenizer_config.json has
 * them), which ek_json_get_int refuses.
 *
 * Ownership is jansson's: a json_t from ek_json_parse is released with json_decref. jansson
 * allocates through base/mem.h from the first parse on.
 */
#ifndef EK_BASE_JSON_H
#define EK_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* Parses length bytes; where names the source in errors, whose code is `code`. */
ek_status ek_json_parse(json_t **out, const char *text, size_t length, const char *where,
                        ek_status code, ek_error *err);
/* Reads and parses a file of at most max_bytes. Every error but EK_E_MEMORY has the code `code`. */
ek_status ek_json_load(json_t **out, const char *path, size_t max_bytes, ek_status code,
                       ek_error *err);

/* Typed members of an object: absent (or null) leaves *out as it is; a wrong type or a value
 * outside [min, max] is an error that names where and key. */
ek_status ek_json_get_int(const json_t *object, const char *key, int64_t min, int64_t max,
                          int64_t *out, const char *where, ek_status code, ek_error *err);
ek_status ek_json_get_double(const json_t *object, const char *key, double min, double max,
                             double *out, const char *where, ek_status code, ek_error *err);
ek_status ek_json_get_bool(const json_t *object, const char *key, bool *out, const char *where,
                           ek_status code, ek_error *err);
/* Borrowed from object. */
ek_status ek_json_get_string(const json_t *object, const char *key, const char **out,
                             const char *where, ek_status code, ek_error *err);

#endif
