#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

/* jansson reports a failed allocation as whatever token it was reading: remember it here. */
static bool allocation_failed;

static void *json_allocate(size_t size)
{
    void *memory = ek_calloc(1, size);
    allocation_failed = allocation_failed || memory == NULL;
    return memory;
}

/* Writes a copy of text in which every integer of 19 digits or more is a real ("e0" behind it).
 *
 * Hugging Face's tokenizer_config.json says "model_max_length": 1000000000000000019884624838656,
 * which jansson refuses because it is not an int64. As a real it is read, and whoever asks for an
 * integer in a range is told. */
static void widen_integers(ek_buf *out, const char *text, size_t length)
{
    bool in_string = false;
    for (size_t at = 0; at < length;) {
        size_t start = at;
        char c = text[at++];
        if (in_string) {
            at += c == '\\' && at < length; /* the escaped character */
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            bool real = false;
            while (at < length && strchr("0123456789+-.eE", text[at]) != NULL && text[at] != '\0') {
                real = real || text[at] == '.' || text[at] == 'e' || text[at] == 'E';
                at++;
            }
            ek_buf_append(out, text + start, at - start);
            if (!real && at - start >= 19) {
                ek_buf_puts(out, "e0");
            }
            continue;
        }
        ek_buf_append(out, text + start, at - start);
    }
}

ek_status ek_json_parse(json_t **out, const char *text, size_t length, const char *where,
                        ek_status code, ek_error *err)
{
    json_set_alloc_funcs(json_allocate, ek_free);
    allocation_failed = false;
    json_error_t problem = {0};
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
    if (root == NULL && json_error_code(&problem) == json_error_numeric_overflow) {
        ek_buf wide = {0};
        widen_integers(&wide, text, length);
        ek_status status = ek_buf_status(&wide, err);
        if (status == EK_OK) {
            root = json_loadb(wide.data, wide.length, JSON_REJECT_DUPLICATES, &problem);
        }
        ek_buf_deinit(&wide);
        EK_TRY(status);
    }
    if (root == NULL) {
        if (allocation_failed) {
            return ek_error_set(err, EK_E_MEMORY, "%s: out of memory for JSON of %zu bytes", where,
                                length);
        }
        return ek_error_set(err, code, "%s, line %d, column %d: %s", where, problem.line,
                            problem.column, problem.text);
    }
    *out = root;
    return EK_OK;
}

ek_status ek_json_load(json_t **out, const char *path, size_t max_bytes, ek_status code,
                       ek_error *err)
{
    ek_buf text = {0};
    ek_status status = ek_file_read(path, max_bytes, &text, err);
    if (status == EK_OK) {
        status = ek_json_parse(out, ek_buf_text(&text), text.length, path, code, err);
    } else if (status != EK_E_MEMORY) {
        status = code;
        if (err != NULL) {
            err->code = code;
        }
    }
    ek_buf_deinit(&text);
    return status;
}

/* The member, NULL when absent or null. */
static const json_t *member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

/* "where: "key" is "abc"; expected ...". The value is quoted as JSON, shortened. */
static ek_status wrong_value(const json_t *value, const char *key, const char *expected,
                             const char *where, ek_status code, ek_error *err)
{
    char text[64] = "";
    size_t length = json_dumpb(value, text, sizeof text - 1,
                               JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
    if (length > sizeof text - 1) {
        length = sizeof text - 1; /* json_dumpb gives the length it would have liked */
        memcpy(text + length - 3, "...", 3);
    }
    text[length] = '\0';
    return ek_error_set(err, code, "%s: \"%s\" is %s; expected %s", where, key,
                        length == 0 ? "a value that cannot be shown" : text, expected);
}

ek_status ek_json_get_int(const json_t *object, const char *key, int64_t min, int64_t max,
                          int64_t *out, const char *where, ek_status code, ek_error *err)
{
    const json_t *value = member(object, key);
    if (value == NULL) {
        return EK_OK;
    }
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max) {
        char expected[96];
        snprintf(expected, sizeof expected, "an integer from %lld to %lld", (long long)min,
                 (long long)max);
        return wrong_value(value, key, expected, where, code, err);
    }
    *out = json_integer_value(value);
    return EK_OK;
}

ek_status ek_json_get_double(const json_t *object, const char *key, double min, double max,
                             double *out, const char *where, ek_status code, ek_error *err)
{
    const json_t *value = member(object, key);
    if (value == NULL) {
        return EK_OK;
    }
    double number = json_is_number(value) ? json_number_value(value) : (double)NAN;
    if (!(number >= min && number <= max)) {
        char expected[96], low[32], high[32];
        snprintf(expected, sizeof expected, "a number from %s to %s", ek_format_double(low, min),
                 ek_format_double(high, max));
        return wrong_value(value, key, expected, where, code, err);
    }
    *out = number;
    return EK_OK;
}

ek_status ek_json_get_bool(const json_t *object, const char *key, bool *out, const char *where,
                           ek_status code, ek_error *err)
{
    const json_t *value = member(object, key);
    if (value == NULL) {
        return EK_OK;
    }
    if (!json_is_boolean(value)) {
        return wrong_value(value, key, "true or false", where, code, err);
    }
    *out = json_is_true(value);
    return EK_OK;
}

ek_status ek_json_get_string(const json_t *object, const char *key, const char **out,
                             const char *where, ek_status code, ek_error *err)
{
    const json_t *value = member(object, key);
    if (value == NULL) {
        return EK_OK;
    }
    if (!json_is_string(value)) {
        return wrong_value(value, key, "a string", where, code, err);
    }
    *out = json_string_value(value);
    return EK_OK;
}
