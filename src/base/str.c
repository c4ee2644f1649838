#include "base/str.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

/* ---- the growable string ---- */

void ek_buf_deinit(ek_buf *buf)
{
    ek_free(buf->data);
    *buf = (ek_buf){0};
}

void ek_buf_clear(ek_buf *buf)
{
    buf->length = 0;
    buf->failed = false;
    if (buf->data != NULL) {
        buf->data[0] = '\0';
    }
}

/* Room for extra bytes and the terminator. */
static bool reserve(ek_buf *buf, size_t extra)
{
    if (buf->failed) {
        return false;
    }
    size_t need;
    if (!ek_add_size(&need, buf->length, extra) || !ek_add_size(&need, need, 1)) {
        buf->failed = true;
        return false;
    }
    if (need <= buf->capacity) {
        return true;
    }
    size_t capacity = buf->capacity < 64 ? 64 : buf->capacity;
    while (capacity < need) {
        capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
    }
    char *data = ek_realloc(buf->data, capacity, 1);
    if (data == NULL) {
        buf->failed = true;
        return false;
    }
    data[buf->length] = '\0';
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void ek_buf_append(ek_buf *buf, const void *bytes, size_t count)
{
    if (!reserve(buf, count)) {
        return;
    }
    if (count > 0) {
        memcpy(buf->data + buf->length, bytes, count);
    }
    buf->length += count;
    buf->data[buf->length] = '\0';
}

void ek_buf_puts(ek_buf *buf, const char *text)
{
    ek_buf_append(buf, text, strlen(text));
}

void ek_buf_putc(ek_buf *buf, char c)
{
    ek_buf_append(buf, &c, 1);
}

/* The C locale as an object: number texts must not depend on LC_NUMERIC. The C library keeps this
 * one in static memory; should it fail, (locale_t)0 leaves the current locale in force. */
static locale_t c_locale(void)
{
    static locale_t locale;
    if (locale == (locale_t)0) {
        locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    }
    return locale;
}

void ek_buf_printf(ek_buf *buf, const char *format, ...)
{
    locale_t before = uselocale(c_locale());
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int count = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (count < 0) {
        buf->failed = true;
    } else if (reserve(buf, (size_t)count)) {
        vsnprintf(buf->data + buf->length, (size_t)count + 1, format, again);
        buf->length += (size_t)count;
    }
    va_end(again);
    uselocale(before);
}

const char *ek_buf_text(const ek_buf *buf)
{
    return buf->data == NULL ? "" : buf->data;
}

char *ek_buf_take(ek_buf *buf)
{
    char *text = NULL;
    if (reserve(buf, 0)) {
        text = buf->data;
        buf->data = NULL;
    }
    ek_buf_deinit(buf);
    return text;
}

ek_status ek_buf_status(const ek_buf *buf, ek_error *err)
{
    if (buf->failed) {
        return ek_error_set(err, EK_E_MEMORY, "out of memory for a text of %zu bytes or more",
                            buf->length);
    }
    return EK_OK;
}

/* ---- UTF-8 ---- */

/* Length of the valid sequence at text (1 to 4), or 0. Unicode 15, table 3-7. */
static size_t utf8_sequence(const unsigned char *text, size_t length)
{
    unsigned char first = text[0];
    if (first < 0x80) {
        return 1;
    }
    size_t count = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || count > length) {
        return 0;
    }
    /* The second byte's range excludes overlong forms, surrogates and what lies past 10FFFF. */
    unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (text[1] < low || text[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < count; i++) {
        if (text[i] < 0x80 || text[i] > 0xBF) {
            return 0;
        }
    }
    return count;
}

size_t ek_utf8_check(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t at = 0;
    while (at < length) {
        size_t count = utf8_sequence(bytes + at, length - at);
        if (count == 0) {
            break;
        }
        at += count;
    }
    return at;
}

/* ---- JSON and CSV fields ---- */

void ek_buf_json_string(ek_buf *buf, const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    ek_buf_putc(buf, '"');
    for (size_t at = 0; at < length;) {
        size_t count = utf8_sequence(bytes + at, length - at);
        unsigned char c = bytes[at];
        if (count == 0) {
            ek_buf_puts(buf, "\xEF\xBF\xBD");
            count = 1;
        } else if (c == '"' || c == '\\') {
            ek_buf_putc(buf, '\\');
            ek_buf_putc(buf, (char)c);
        } else if (c == '\n') {
            ek_buf_puts(buf, "\\n");
        } else if (c == '\t') {
            ek_buf_puts(buf, "\\t");
        } else if (c == '\r') {
            ek_buf_puts(buf, "\\r");
        } else if (c < 0x20) {
            ek_buf_printf(buf, "\\u%04x", c);
        } else {
            ek_buf_append(buf, bytes + at, count);
        }
        at += count;
    }
    ek_buf_putc(buf, '"');
}

void ek_buf_json_double(ek_buf *buf, double value)
{
    char text[32];
    ek_buf_puts(buf, isfinite(value) ? ek_format_double(text, value) : "null");
}

void ek_buf_csv_field(ek_buf *buf, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        ek_buf_puts(buf, text);
        return;
    }
    ek_buf_putc(buf, '"');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"') {
            ek_buf_putc(buf, '"');
        }
        ek_buf_putc(buf, *c);
    }
    ek_buf_putc(buf, '"');
}

/* ---- numbers ---- */

bool ek_parse_double(const char *text, double *out)
{
    const char *digits = text + (*text == '+' || *text == '-');
    bool word = strcasecmp(digits, "nan") == 0 || strcasecmp(digits, "inf") == 0 ||
                strcasecmp(digits, "infinity") == 0;
    /* strtod would also take spaces, hexadecimal and nan(...). */
    if (!word && (*digits == '\0' || strspn(digits, "0123456789+-.eE") != strlen(digits))) {
        return false;
    }
    char *end;
    double value = strtod_l(text, &end, c_locale());
    if (end == text || *end != '\0' || (!word && isinf(value))) {
        return false;
    }
    *out = value;
    return true;
}

bool ek_parse_i64(const char *text, int64_t *out)
{
    const char *digits = text + (*text == '+' || *text == '-');
    if (*digits == '\0' || strspn(digits, "0123456789") != strlen(digits)) {
        return false;
    }
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno == ERANGE) {
        return false;
    }
    *out = value;
    return true;
}

bool ek_parse_bool(const char *text, bool *out)
{
    static const char *const words[][2] = {
        {"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (int value = 0; value < 2; value++) {
            if (strcasecmp(text, words[i][value]) == 0) {
                *out = value != 0;
                return true;
            }
        }
    }
    return false;
}

const char *ek_format_double(char buffer[32], double value)
{
    if (!isfinite(value)) {
        strcpy(buffer, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
        return buffer;
    }
    locale_t before = uselocale(c_locale());
    /* The fewest digits that read back; 17 always do. */
    int digits = 1;
    for (;; digits++) {
        snprintf(buffer, 32, "%.*e", digits - 1, value);
        if (digits == 17 || strtod(buffer, NULL) == value) {
            break;
        }
    }
    /* Plain notation where people expect it, as %g and Python do. */
    int exponent = atoi(strchr(buffer, 'e') + 1);
    if (exponent >= -4 && exponent < 16) {
        int decimals = digits - 1 - exponent;
        snprintf(buffer, 32, "%.*f", decimals > 0 ? decimals : 0, value);
    }
    uselocale(before);
    return buffer;
}

/* ---- names ---- */

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t ek_edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 255 };
    size_t a_length = strlen(a), b_length = strlen(b);
    if (a_length > LONGEST || b_length > LONGEST) {
        return strcmp(a, b) == 0 ? 0 : a_length > b_length ? a_length : b_length;
    }
    /* Optimal string alignment: three rows of the table, row i is for the first i bytes of a. */
    size_t rows[3][LONGEST + 1];
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            best = min_size(best, min_size(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = min_size(best, above2[j - 2] + 1);
            }
            row[j] = best;
        }
    }
    return rows[a_length % 3][b_length];
}

const char *ek_nearest(const char *name, const char *const *names, size_t count)
{
    /* A typing mistake touches a quarter of a word at most, and never all of it. */
    size_t length = strlen(name);
    size_t limit = 1 + length / 4;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t distance = ek_edit_distance(name, names[i]);
        if (distance <= limit && distance < length) {
            nearest = names[i];
            limit = distance == 0 ? 0 : distance - 1; /* later ones must be better */
            if (distance == 0) {
                break;
            }
        }
    }
    return nearest;
}

bool ek_glob_match(const char *pattern, const char *text)
{
    /* On a mismatch the last star swallows one byte more: linear memory, no recursion. */
    const char *star = NULL, *resume = NULL;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            resume = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

/* ---- lists of integers ---- */

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Reads an integer at *at and moves past it and the spaces around it. */
static bool scan_i64(const char **at, int64_t *out)
{
    const char *start = *at + strspn(*at, " ");
    const char *digits = start + (*start == '-');
    size_t count = strspn(digits, "0123456789");
    if (count == 0) {
        return false;
    }
    errno = 0;
    *out = strtoll(start, NULL, 10);
    *at = digits + count;
    *at += strspn(*at, " ");
    return errno != ERANGE;
}

static ek_status check_duplicates(const int64_t *values, size_t count, const char *text,
                                  ek_error *err)
{
    int64_t *sorted = ek_calloc(count, sizeof *sorted);
    if (sorted == NULL) {
        return ek_error_set(err, EK_E_MEMORY, "out of memory for a list of %zu numbers", count);
    }
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_i64);
    ek_status status = EK_OK;
    for (size_t i = 1; i < count && status == EK_OK; i++) {
        if (sorted[i] == sorted[i - 1]) {
            status = ek_error_set(err, EK_E_USAGE, "'%s': %lld is there twice", text,
                                  (long long)sorted[i]);
        }
    }
    ek_free(sorted);
    return status;
}

ek_status ek_parse_list(const char *text, int64_t min, int64_t max, size_t max_count, int64_t **out,
                        size_t *count, ek_error *err)
{
    int64_t *values = NULL;
    size_t used = 0, capacity = 0;
    ek_status status = EK_OK;
    const char *at = text;
    for (;;) {
        int64_t first, last;
        bool valid = scan_i64(&at, &first);
        last = first;
        if (valid && strncmp(at, "..", 2) == 0) {
            at += 2;
            valid = scan_i64(&at, &last);
        }
        if (!valid || (*at != ',' && *at != '\0')) {
            status = ek_error_set(err, EK_E_USAGE,
                                  "'%s' is not a list of integers such as 1..25 or 1,2,5", text);
            goto done;
        }
        if (first > last) {
            status = ek_error_set(err, EK_E_USAGE, "'%s': the range %lld..%lld runs backwards",
                                  text, (long long)first, (long long)last);
            goto done;
        }
        if (first < min || last > max) {
            status = ek_error_set(err, EK_E_USAGE, "'%s': %lld is not between %lld and %lld", text,
                                  (long long)(first < min ? first : last), (long long)min,
                                  (long long)max);
            goto done;
        }
        uint64_t more = (uint64_t)last - (uint64_t)first; /* one less than the range's length */
        if (used >= max_count || more >= max_count - used) {
            status =
                ek_error_set(err, EK_E_USAGE, "'%s' has more than %zu numbers", text, max_count);
            goto done;
        }
        size_t need = used + (size_t)more + 1;
        if (need > capacity) {
            size_t wanted = capacity > need / 2 ? capacity * 2 : need;
            int64_t *grown = ek_realloc(values, wanted, sizeof *values);
            if (grown == NULL) {
                status =
                    ek_error_set(err, EK_E_MEMORY, "out of memory for a list of %zu numbers", need);
                goto done;
            }
            values = grown;
            capacity = wanted;
        }
        for (uint64_t i = 0; i <= more; i++) {
            values[used++] = first + (int64_t)i;
        }
        if (*at == '\0') {
            break;
        }
        at++;
    }
    EK_GOTO(status, check_duplicates(values, used, text, err), done);
    *out = values;
    *count = used;
    return EK_OK;
done:
    ek_free(values);
    return status;
}
