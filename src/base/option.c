#include "base/option.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

const char *ek_option_origin_name(ek_option_origin origin)
{
    static const char *const names[] = {
        [EK_ORIGIN_DEFAULT] = "default", [EK_ORIGIN_RECIPE] = "recipe", [EK_ORIGIN_MODEL] = "model",
        [EK_ORIGIN_FILE] = "file",       [EK_ORIGIN_ARM] = "arm",       [EK_ORIGIN_FLAG] = "flag",
    };
    return names[origin];
}

/* ---- comma lists, and names in which '-' and '_' are the same ---- */

static char plain(char c)
{
    return c == '-' ? '_' : c;
}

/* The first length bytes of item against the whole of name. */
static bool same_name(const char *item, size_t length, const char *name)
{
    for (size_t i = 0; i < length; i++) {
        if (name[i] == '\0' || plain(item[i]) != plain(name[i])) {
            return false;
        }
    }
    return name[length] == '\0';
}

/* Steps through "a,b,c": true while there is an item, which starts at *item. Start with *next =
 * list (NULL is an empty list). */
static bool next_item(const char **next, const char **item, size_t *length)
{
    if (*next == NULL) {
        return false;
    }
    *item = *next;
    *length = strcspn(*item, ",");
    *next = (*item)[*length] == ',' ? *item + *length + 1 : NULL;
    return true;
}

/* Keeps in *best the name nearest to typed: item becomes the answer when it is near enough for a
 * typing mistake and nearer than what was found before. */
static bool is_nearer(const char *typed, const char *item, size_t length, size_t *best)
{
    char wanted[64], candidate[64];
    if (length >= sizeof candidate || strlen(typed) >= sizeof wanted) {
        return false; /* no option is that long */
    }
    size_t i = 0;
    for (; typed[i] != '\0'; i++) {
        wanted[i] = plain(typed[i]);
    }
    wanted[i] = '\0';
    for (i = 0; i < length; i++) {
        candidate[i] = plain(item[i]);
    }
    candidate[length] = '\0';
    const char *names[1] = {candidate};
    if (ek_nearest(wanted, names, 1) == NULL) {
        return false;
    }
    size_t distance = ek_edit_distance(wanted, candidate);
    if (distance >= *best) {
        return false;
    }
    *best = distance;
    return true;
}

/* An option's name as the command line shows it. */
static const char *dashed(char buffer[64], const char *name)
{
    size_t i = 0;
    for (; name[i] != '\0' && i < 63; i++) {
        buffer[i] = name[i] == '_' ? '-' : name[i];
    }
    buffer[i] = '\0';
    return buffer;
}

/* ---- the fields ---- */

static void *field(const ek_option *row, void *object)
{
    return (char *)object + row->offset;
}

static const void *field_of_const(const ek_option *row, const void *object)
{
    return (const char *)object + row->offset;
}

static char **string_field(const ek_option *row, void *object)
{
    return field(row, object);
}

static bool in_range(const ek_option *row, double value)
{
    return (row->min == 0.0 && row->max == 0.0) || (value >= row->min && value <= row->max);
}

/* Fills err with "--name: 'text' is not <what> from min to max". */
static ek_status bad_value(const ek_option *row, const char *text, const char *what, ek_error *err)
{
    char name[64], low[32], high[32];
    dashed(name, row->name);
    if (row->min == 0.0 && row->max == 0.0) {
        return ek_error_set(err, EK_E_USAGE, "--%s: '%s' is not %s", name, text, what);
    }
    return ek_error_set(err, EK_E_USAGE, "--%s: '%s' is not %s from %s to %s", name, text, what,
                        ek_format_double(low, row->min), ek_format_double(high, row->max));
}

static ek_status set_choice(const ek_option *row, int *out, const char *text, ek_error *err)
{
    const char *next = row->choices, *item;
    size_t length;
    for (int i = 0; next_item(&next, &item, &length); i++) {
        if (same_name(item, length, text)) {
            *out = i;
            return EK_OK;
        }
    }
    char name[64];
    dashed(name, row->name);
    const char *nearest = NULL;
    size_t nearest_length = 0, best = SIZE_MAX;
    next = row->choices;
    while (next_item(&next, &item, &length)) {
        if (is_nearer(text, item, length, &best)) {
            nearest = item;
            nearest_length = length;
        }
    }
    if (nearest != NULL) {
        return ek_error_set(err, EK_E_USAGE, "--%s: '%s' is not one of %s; did you mean %.*s?",
                            name, text, row->choices, (int)nearest_length, nearest);
    }
    return ek_error_set(err, EK_E_USAGE, "--%s: '%s' is not one of %s", name, text, row->choices);
}

static ek_status set_string(const ek_option *row, char **out, const char *text, ek_error *err)
{
    char *copy = ek_strdup(text); /* before the free: text may be the old value */
    if (copy == NULL) {
        char name[64];
        return ek_error_set(err, EK_E_MEMORY, "--%s: out of memory", dashed(name, row->name));
    }
    ek_free(*out);
    *out = copy;
    return EK_OK;
}

ek_status ek_option_set(const ek_option *row, void *object, const char *text, ek_error *err)
{
    void *out = field(row, object);
    switch (row->type) {
    case EK_OPTION_FLAG:
        if (!ek_parse_bool(text, out)) {
            return bad_value(row, text, "true or false", err);
        }
        return EK_OK;
    case EK_OPTION_INT: {
        int64_t value;
        if (!ek_parse_i64(text, &value) || !in_range(row, (double)value)) {
            return bad_value(row, text, "an integer", err);
        }
        *(int64_t *)out = value;
        return EK_OK;
    }
    case EK_OPTION_DOUBLE: {
        double value;
        /* NaN stands for "unset", so it cannot be a value. */
        if (!ek_parse_double(text, &value) || isnan(value) || !in_range(row, value)) {
            return bad_value(row, text, "a number", err);
        }
        *(double *)out = value;
        return EK_OK;
    }
    case EK_OPTION_STRING:
        return set_string(row, out, text, err);
    case EK_OPTION_CHOICE:
        return set_choice(row, out, text, err);
    }
    return ek_error_set(err, EK_E_FAILED, "option %s has the unknown type %d", row->name,
                        (int)row->type);
}

bool ek_option_get(const ek_option *row, const void *object, ek_buf *out)
{
    const void *value = field_of_const(row, object);
    switch (row->type) {
    case EK_OPTION_FLAG:
        ek_buf_puts(out, *(const bool *)value ? "true" : "false");
        return true;
    case EK_OPTION_INT:
        ek_buf_printf(out, "%lld", (long long)*(const int64_t *)value);
        return true;
    case EK_OPTION_DOUBLE: {
        char text[32];
        if (isnan(*(const double *)value)) {
            return false;
        }
        ek_buf_puts(out, ek_format_double(text, *(const double *)value));
        return true;
    }
    case EK_OPTION_STRING: {
        const char *text = *(char *const *)value;
        if (text == NULL) {
            return false;
        }
        ek_buf_puts(out, text);
        return true;
    }
    case EK_OPTION_CHOICE: {
        const char *next = row->choices, *item;
        size_t length;
        for (int i = 0; next_item(&next, &item, &length); i++) {
            if (i == *(const int *)value) {
                ek_buf_append(out, item, length);
                return true;
            }
        }
        return false;
    }
    }
    return false;
}

/* ---- whole structs ---- */

/* Strings NULL, doubles NaN, the rest 0: what a row without a default means. */
static void set_unset(const ek_option *row, void *object)
{
    void *out = field(row, object);
    switch (row->type) {
    case EK_OPTION_FLAG:
        *(bool *)out = false;
        break;
    case EK_OPTION_INT:
        *(int64_t *)out = 0;
        break;
    case EK_OPTION_DOUBLE:
        *(double *)out = (double)NAN;
        break;
    case EK_OPTION_STRING:
        *(char **)out = NULL;
        break;
    case EK_OPTION_CHOICE:
        *(int *)out = 0;
        break;
    }
}

ek_status ek_option_defaults(const ek_option_table *table, void *object, ek_error *err)
{
    for (size_t i = 0; i < table->count; i++) {
        set_unset(&table->rows[i], object);
    }
    for (size_t i = 0; i < table->count; i++) {
        const ek_option *row = &table->rows[i];
        ek_status status =
            row->standard == NULL ? EK_OK : ek_option_set(row, object, row->standard, err);
        if (status != EK_OK) {
            ek_option_release(table, object);
            return status;
        }
    }
    return EK_OK;
}

void ek_option_release(const ek_option_table *table, void *object)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].type == EK_OPTION_STRING) {
            char **text = string_field(&table->rows[i], object);
            ek_free(*text);
            *text = NULL;
        }
    }
}

static size_t field_size_bytes(ek_option_type type)
{
    static const size_t sizes[] = {
        [EK_OPTION_FLAG] = sizeof(bool),     [EK_OPTION_INT] = sizeof(int64_t),
        [EK_OPTION_DOUBLE] = sizeof(double), [EK_OPTION_STRING] = sizeof(char *),
        [EK_OPTION_CHOICE] = sizeof(int),
    };
    return sizes[type];
}

ek_status ek_option_copy(const ek_option_table *table, void *to, const void *from, ek_error *err)
{
    for (size_t i = 0; i < table->count; i++) {
        set_unset(&table->rows[i], to);
    }
    for (size_t i = 0; i < table->count; i++) {
        const ek_option *row = &table->rows[i];
        const void *value = field_of_const(row, from);
        if (row->type != EK_OPTION_STRING) {
            memcpy(field(row, to), value, field_size_bytes(row->type));
        } else if (*(char *const *)value != NULL) {
            ek_status status = set_string(row, field(row, to), *(char *const *)value, err);
            if (status != EK_OK) {
                ek_option_release(table, to);
                return status;
            }
        }
    }
    return EK_OK;
}

/* ---- names ---- */

const ek_option *ek_option_find(const ek_option_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        const ek_option *row = &table->rows[i];
        if (same_name(row->name, strlen(row->name), name)) {
            return row;
        }
        const char *next = row->aliases, *item;
        size_t length;
        while (next_item(&next, &item, &length)) {
            if (same_name(item, length, name)) {
                return row;
            }
        }
    }
    return NULL;
}

ek_status ek_option_unknown(const ek_option_table *const *tables, size_t table_count,
                            const char *name, ek_error *err)
{
    name += strspn(name, "-");
    const ek_option *nearest = NULL;
    size_t best = SIZE_MAX;
    for (size_t t = 0; t < table_count; t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            const ek_option *row = &tables[t]->rows[i];
            if ((row->flags & EK_OPTION_HIDDEN) != 0) {
                continue;
            }
            if (is_nearer(name, row->name, strlen(row->name), &best)) {
                nearest = row;
            }
            const char *next = row->aliases, *item;
            size_t length;
            while (next_item(&next, &item, &length)) {
                if (is_nearer(name, item, length, &best)) {
                    nearest = row;
                }
            }
        }
    }
    if (nearest == NULL) {
        return ek_error_set(err, EK_E_USAGE, "unknown option --%s", name);
    }
    char shown[64];
    return ek_error_set(err, EK_E_USAGE, "unknown option --%s; did you mean --%s?", name,
                        dashed(shown, nearest->name));
}
