#include "study/settings.h"

#include <string.h>

#include "base/mem.h"

ek_status ek_settings_add(ek_settings *settings, const char *key, const char *value,
                          ek_option_origin origin, const char *where, ek_error *err)
{
    if (settings->count == settings->capacity) {
        size_t capacity = settings->capacity * 2 + 16;
        ek_setting *grown = ek_realloc(settings->items, capacity, sizeof *grown);
        if (!grown) {
            return ek_error_set(err, EK_E_MEMORY, "no memory for a setting");
        }
        settings->items = grown;
        settings->capacity = capacity;
    }
    ek_setting *item = &settings->items[settings->count++];
    *item = (ek_setting){ek_strdup(key), ek_strdup(value), origin, ek_strdup(where)};
    return item->key && item->value && item->where
               ? EK_OK
               : ek_error_set(err, EK_E_MEMORY, "no memory for a setting");
}

const ek_setting *ek_settings_find(const ek_settings *settings, const char *key)
{
    for (size_t i = settings->count; i > 0; i--) {
        if (strcmp(settings->items[i - 1].key, key) == 0) {
            return &settings->items[i - 1];
        }
    }
    return NULL;
}

void ek_settings_free(ek_settings *settings)
{
    for (size_t i = 0; i < settings->count; i++) {
        ek_free(settings->items[i].key);
        ek_free(settings->items[i].value);
        ek_free(settings->items[i].where);
    }
    ek_free(settings->items);
    *settings = (ek_settings){0};
}
