#include "data/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

enum { COLUMNS_MAX = 1000, ROWS_MAX = 1 << 30 };
#define FILE_BYTES_MAX ((size_t)4 << 30)

/* What a table owns beside its arrays: the file's text, decoded in place (CSV, TSV), or the decoded
 * strings of JSONL. */
struct storage {
    ek_buf text;
    char **blocks; /* JSONL: one decoded string each */
    size_t block_count, block_capacity;
};

/* A reader at work: where it stands, and the fields of the row it is in. */
struct reader {
    ek_table *table;
    const ek_table_options *options;
    struct storage *storage;
    char *at, *end;
    size_t line; /* 1-based, of `at` */
    size_t row_capacity, field_capacity, field_count;
    ek_error *err;
};

#define BAD(...) ek_error_set(reader->err, EK_E_DATA, __VA_ARGS__)

/* At most 40 bytes of a field for a message, control characters escaped. */
static const char *excerpt(char out[200], const char *text, size_t length)
{
    size_t used = 0, shown = length < 40 ? length : 40;
    while (shown < length && shown > 36 && ((unsigned char)text[shown] & 0xC0) == 0x80) {
        shown--; /* not in the middle of a character */
    }
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)text[i];
        used += (size_t)(c < 32 || c == 127 ? snprintf(out + used, 8, "\\x%02x", c)
                                            : snprintf(out + used, 8, "%c", c));
    }
    snprintf(out + used, 8, "%s", shown < length ? "..." : "");
    return out;
}

static ek_status add_field(struct reader *reader, const char *text, size_t length)
{
    if (reader->field_count == reader->field_capacity) {
        size_t capacity = reader->field_capacity * 2 + 1024;
        ek_field *grown = ek_realloc(reader->table->fields, capacity, sizeof *grown);
        if (!grown) {
            return ek_error_set(reader->err, EK_E_MEMORY, "no memory for %zu fields", capacity);
        }
        reader->table->fields = grown;
        reader->field_capacity = capacity;
    }
    reader->table->fields[reader->field_count++] = (ek_field){text, length};
    return EK_OK;
}

static ek_status add_row(struct reader *reader, size_t line)
{
    ek_table *table = reader->table;
    if (table->row_count >= ROWS_MAX) {
        return BAD("%s: more than %d rows", table->path, ROWS_MAX);
    }
    if (table->row_count == reader->row_capacity) {
        size_t capacity = reader->row_capacity * 2 + 256;
        size_t *grown = ek_realloc(table->lines, capacity, sizeof *grown);
        if (!grown) {
            return ek_error_set(reader->err, EK_E_MEMORY, "no memory for %zu rows", capacity);
        }
        table->lines = grown;
        reader->row_capacity = capacity;
    }
    table->lines[table->row_count++] = line;
    return EK_OK;
}

static ek_status add_column(struct reader *reader, const char *name, size_t length, size_t line)
{
    ek_table *table = reader->table;
    char text[200];
    if (table->column_count == COLUMNS_MAX) {
        return BAD("%s: more than %d columns", table->path, COLUMNS_MAX);
    }
    char **grown = ek_realloc(table->columns, table->column_count + 1, sizeof *grown);
    if (!grown ||
        !(table->columns = grown, grown[table->column_count] = ek_strndup(name, length))) {
        return ek_error_set(reader->err, EK_E_MEMORY, "no memory for a column name");
    }
    table->column_count++;
    for (size_t i = 0; i + 1 < table->column_count; i++) {
        if (strcmp(grown[i], grown[table->column_count - 1]) == 0) {
            return BAD("%s, line %zu: column '%s' occurs twice in the header", table->path, line,
                       excerpt(text, name, length));
        }
    }
    return EK_OK;
}

/* ---- CSV and TSV: rows of fields ------------------------------------------------------------- */

/* Ends a line at `at`: steps over CR LF or LF. */
static void end_line(struct reader *reader)
{
    if (reader->at < reader->end && *reader->at == '\r') {
        reader->at++;
    }
    if (reader->at < reader->end && *reader->at == '\n') {
        reader->at++;
        reader->line++;
    }
}

static bool at_line_end(const struct reader *reader)
{
    const char *at = reader->at;
    return at == reader->end || *at == '\n' ||
           (*at == '\r' && (at + 1 == reader->end || at[1] == '\n'));
}

/* A quoted field, decoded in place: "" becomes ". */
static ek_status quoted_field(struct reader *reader, size_t column)
{
    size_t opened = reader->line;
    char *start = ++reader->at, *to = start;
    for (;; reader->at++) {
        if (reader->at == reader->end) {
            return BAD(
                "%s, line %zu, column %zu: a quoted field is never closed; double the quotes "
                "inside a field, or save the file as TSV",
                reader->table->path, opened, column + 1);
        }
        if (*reader->at == '"') {
            if (reader->at + 1 < reader->end && reader->at[1] == '"') {
                reader->at++;
            } else {
                break;
            }
        }
        reader->line += *reader->at == '\n';
        *to++ = *reader->at;
    }
    reader->at++;
    if (!at_line_end(reader) && *reader->at != ',') {
        return BAD("%s, line %zu, column %zu: a quote is closed in the middle of a field; double "
                   "the quotes inside it",
                   reader->table->path, reader->line, column + 1);
    }
    return add_field(reader, start, (size_t)(to - start));
}

static ek_status plain_field(struct reader *reader, char separator, size_t column)
{
    char *start = reader->at;
    while (!at_line_end(reader) && *reader->at != separator) {
        if (separator == ',' && *reader->at == '"') {
            return BAD("%s, line %zu, column %zu: a quote inside a field that does not begin with "
                       "one; quote the whole field and double the quotes inside (RFC 4180)",
                       reader->table->path, reader->line, column + 1);
        }
        reader->at++;
    }
    return add_field(reader, start, (size_t)(reader->at - start));
}

/* The fields of one row onto the end of fields; *count says how many. */
static ek_status read_row(struct reader *reader, char separator, size_t *count)
{
    size_t first = reader->field_count;
    for (size_t column = 0;; column++) {
        bool quoted = separator == ',' && reader->at < reader->end && *reader->at == '"';
        EK_TRY(quoted ? quoted_field(reader, column) : plain_field(reader, separator, column));
        if (at_line_end(reader)) {
            break;
        }
        reader->at++; /* the separator */
    }
    end_line(reader);
    *count = reader->field_count - first;
    return EK_OK;
}

static ek_status read_header(struct reader *reader, char separator)
{
    size_t line = reader->line, count;
    EK_TRY(read_row(reader, separator, &count));
    for (size_t i = 0; i < count; i++) {
        char number[24];
        const ek_field *field = &reader->table->fields[i];
        int length = snprintf(number, sizeof number, "%zu", i);
        EK_TRY(reader->options->no_header ? add_column(reader, number, (size_t)length, line)
                                          : add_column(reader, field->text, field->length, line));
    }
    if (!reader->options->no_header) {
        reader->field_count = 0;
        return EK_OK;
    }
    return add_row(reader, line);
}

static ek_status read_separated(struct reader *reader, char separator)
{
    ek_table *table = reader->table;
    EK_TRY(read_header(reader, separator));
    while (reader->at < reader->end) {
        if (reader->options->max_rows > 0 && table->row_count >= reader->options->max_rows) {
            break;
        }
        size_t line = reader->line, first = reader->field_count, count;
        if (at_line_end(reader)) { /* an empty line is no row, unless there is one column */
            if (table->column_count > 1) {
                end_line(reader);
                continue;
            }
        }
        EK_TRY(read_row(reader, separator, &count));
        if (count == table->column_count) {
            EK_TRY(add_row(reader, line));
        } else if (reader->options->skip_ragged) {
            reader->field_count = first;
            table->skipped_row_count++;
        } else {
            return BAD("%s, line %zu: %zu fields, but the %s has %zu%s", table->path, line, count,
                       reader->options->no_header ? "first row" : "header", table->column_count,
                       separator == '\t' ? "; TSV has no quoting: a tab always separates" : "");
        }
    }
    return EK_OK;
}

/* ---- JSONL ----------------------------------------------------------------------------------- */

/* Keeps a copy of text for the table's life. */
static ek_status keep_text(struct reader *reader, const char *text, size_t length, ek_field *field)
{
    struct storage *storage = reader->storage;
    if (storage->block_count == storage->block_capacity) {
        size_t capacity = storage->block_capacity * 2 + 256;
        char **grown = ek_realloc(storage->blocks, capacity, sizeof *grown);
        if (!grown) {
            return ek_error_set(reader->err, EK_E_MEMORY, "no memory for %zu values", capacity);
        }
        storage->blocks = grown;
        storage->block_capacity = capacity;
    }
    char *copy = ek_strndup(text, length);
    if (!copy) {
        return ek_error_set(reader->err, EK_E_MEMORY, "no memory for a value");
    }
    storage->blocks[storage->block_count++] = copy;
    *field = (ek_field){copy, length};
    return EK_OK;
}

static ek_status json_field(struct reader *reader, const json_t *value, const char *key,
                            size_t line, ek_field *field)
{
    *field = (ek_field){NULL, 0};
    if (!value || json_is_null(value)) { /* no such key in this line, or null */
        return EK_OK;
    }
    if (json_is_string(value)) {
        return keep_text(reader, json_string_value(value), json_string_length(value), field);
    }
    char text[32] = "";
    if (json_is_boolean(value)) {
        strcpy(text, json_is_true(value) ? "true" : "false");
    } else if (json_is_integer(value)) {
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        ek_format_double(text, json_real_value(value));
    } else {
        return BAD("%s, line %zu: '%.40s' is an array or an object; expected a text or a number",
                   reader->table->path, line, key);
    }
    return keep_text(reader, text, strlen(text), field);
}

static ek_status parse_line(struct reader *reader, json_t **object)
{
    char *start = reader->at, *stop = memchr(start, '\n', (size_t)(reader->end - start));
    char where[512];
    stop = stop ? stop : reader->end;
    snprintf(where, sizeof where, "%.400s, line %zu", reader->table->path, reader->line);
    EK_TRY(ek_json_parse(object, start, (size_t)(stop - start), where, EK_E_DATA, reader->err));
    if (!json_is_object(*object)) {
        json_decref(*object);
        return BAD("%s: expected a JSON object like {\"text\": ..., \"label\": ...}", where);
    }
    reader->at = stop;
    return EK_OK;
}

static bool blank_line(const struct reader *reader)
{
    for (const char *p = reader->at; p < reader->end && *p != '\n'; p++) {
        if (*p != ' ' && *p != '\t' && *p != '\r') {
            return false;
        }
    }
    return true;
}

/* Calls visit for each line's object. */
static ek_status each_object(struct reader *reader,
                             ek_status (*visit)(struct reader *reader, json_t *object))
{
    size_t rows = 0;
    while (reader->at < reader->end) {
        if (blank_line(reader)) {
            char *stop = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
            reader->at = stop ? stop : reader->end;
        } else {
            if (reader->options->max_rows > 0 && rows++ >= reader->options->max_rows) {
                return EK_OK;
            }
            json_t *object;
            EK_TRY(parse_line(reader, &object));
            ek_status status = visit(reader, object);
            json_decref(object);
            EK_TRY(status);
        }
        if (reader->at < reader->end) {
            reader->at++;
            reader->line++;
        }
    }
    return EK_OK;
}

static ek_status collect_keys(struct reader *reader, json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        bool known = false;
        for (size_t i = 0; i < reader->table->column_count && !known; i++) {
            known = strcmp(reader->table->columns[i], key) == 0;
        }
        if (!known) {
            EK_TRY(add_column(reader, key, strlen(key), reader->line));
        }
    }
    return EK_OK;
}

static ek_status collect_values(struct reader *reader, json_t *object)
{
    for (size_t i = 0; i < reader->table->column_count; i++) {
        const char *key = reader->table->columns[i];
        ek_field field;
        EK_TRY(json_field(reader, json_object_get(object, key), key, reader->line, &field));
        EK_TRY(add_field(reader, field.text, field.length));
    }
    return add_row(reader, reader->line);
}

static ek_status read_jsonl(struct reader *reader)
{
    char *start = reader->at;
    EK_TRY(each_object(reader, collect_keys)); /* columns first: rows may lack keys */
    reader->at = start;
    reader->line = 1;
    return each_object(reader, collect_values);
}

/* ---- opening --------------------------------------------------------------------------------- */

static ek_status choose_format(ek_table *table, const ek_table_options *options, ek_error *err)
{
    static const struct {
        const char *ending;
        ek_table_format format;
    } endings[] = {{".csv", EK_FORMAT_CSV},
                   {".tsv", EK_FORMAT_TSV},
                   {".tab", EK_FORMAT_TSV},
                   {".jsonl", EK_FORMAT_JSONL},
                   {".json", EK_FORMAT_JSONL}};
    table->format = options->format;
    const char *dot = strrchr(ek_path_base(table->path), '.');
    for (size_t i = 0;
         table->format == EK_FORMAT_AUTO && dot && i < sizeof endings / sizeof *endings; i++) {
        if (strcasecmp(dot, endings[i].ending) == 0) {
            table->format = endings[i].format;
        }
    }
    if (table->format == EK_FORMAT_AUTO) {
        return ek_error_set(err, EK_E_DATA,
                            "%s: the name must end in .csv, .tsv or .jsonl, so that the format is "
                            "known",
                            table->path);
    }
    return EK_OK;
}

static ek_status check_text(struct reader *reader)
{
    const char *text = reader->at;
    size_t length = (size_t)(reader->end - text), bad = ek_utf8_check(text, length);
    const char *zero = memchr(text, 0, length);
    if (zero && (size_t)(zero - text) < bad) {
        bad = (size_t)(zero - text);
    }
    if (bad == length) {
        return EK_OK;
    }
    size_t line = 1, line_start = 0;
    for (size_t i = 0; i < bad; i++) {
        if (text[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    }
    return BAD("%s, line %zu, byte %zu: 0x%02x is not valid UTF-8 text; convert the file, for "
               "example with: iconv -f latin1 -t utf-8",
               reader->table->path, line, bad - line_start + 1, (unsigned char)text[bad]);
}

static ek_status read_table(struct reader *reader)
{
    ek_table *table = reader->table;
    EK_TRY(choose_format(table, reader->options, reader->err));
    ek_status status =
        ek_file_read(table->path, FILE_BYTES_MAX, &reader->storage->text, reader->err);
    if (status != EK_OK) {
        if (status == EK_E_IO) {
            reader->err->code = EK_E_DATA;
            return EK_E_DATA;
        }
        return status;
    }
    reader->at = reader->storage->text.data;
    reader->end = reader->at ? reader->at + reader->storage->text.length : NULL;
    reader->line = 1;
    if (reader->at && reader->end - reader->at >= 3 && memcmp(reader->at, "\xEF\xBB\xBF", 3) == 0) {
        reader->at += 3;
    }
    if (reader->at == reader->end) {
        return BAD("%s is empty", table->path);
    }
    EK_TRY(check_text(reader));
    switch (table->format) {
    case EK_FORMAT_CSV:
        EK_TRY(read_separated(reader, ','));
        break;
    case EK_FORMAT_TSV:
        EK_TRY(read_separated(reader, '\t'));
        break;
    default:
        EK_TRY(read_jsonl(reader));
    }
    if (table->row_count == 0) {
        return BAD("%s has no rows%s", table->path,
                   table->format == EK_FORMAT_JSONL ? "" : " below its header");
    }
    return EK_OK;
}

ek_status ek_table_open(ek_table *table, const char *path, const ek_table_options *options,
                        ek_error *err)
{
    *table = (ek_table){0};
    struct storage *storage = ek_calloc(1, sizeof *storage);
    table->storage = storage;
    table->path = ek_strdup(path);
    struct reader reader = {.table = table, .options = options, .storage = storage, .err = err};
    ek_status status = storage && table->path
                           ? read_table(&reader)
                           : ek_error_set(err, EK_E_MEMORY, "no memory to read %s", path);
    if (status != EK_OK) {
        ek_table_close(table);
    }
    return status;
}

void ek_table_close(ek_table *table)
{
    struct storage *storage = table->storage;
    if (storage) {
        ek_buf_deinit(&storage->text);
        for (size_t i = 0; i < storage->block_count; i++) {
            ek_free(storage->blocks[i]);
        }
        ek_free(storage->blocks);
        ek_free(storage);
    }
    for (size_t i = 0; i < table->column_count; i++) {
        ek_free(table->columns[i]);
    }
    ek_free(table->columns);
    ek_free(table->fields);
    ek_free(table->lines);
    ek_free(table->path);
    *table = (ek_table){0};
}

ek_status ek_table_column(const ek_table *table, const char *name, size_t *out, ek_error *err)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (strcmp(table->columns[i], name) == 0) {
            *out = i;
            return EK_OK;
        }
    }
    const char *near = ek_nearest(name, (const char *const *)table->columns, table->column_count);
    ek_buf names = {0};
    for (size_t i = 0; i < table->column_count && i < 20; i++) {
        ek_buf_printf(&names, "%s%.60s", i ? ", " : "", table->columns[i]);
    }
    ek_error_set(err, EK_E_DATA, "%s, line 1: there is no column '%.60s'%s%s%s; columns: %s",
                 table->path, name, near ? "; did you mean '" : "", near ? near : "",
                 near ? "'?" : "", ek_buf_text(&names));
    ek_buf_deinit(&names);
    return EK_E_DATA;
}
