/* settings.h - an ordered list of key = value with where each came from.
 *
 * The command line and the study file both end up here; spec.h turns them into runs. Keys are
 * option names (underscores); values are text, parsed by the option's row.
 */
#ifndef EK_STUDY_SETTINGS_H
#define EK_STUDY_SETTINGS_H

#include <stddef.h>

#include "base/option.h"
#include "base/status.h"

typedef struct {
    char *key, *value;
    ek_option_origin origin;
    char *where; /* "--learning-rate", "study.yaml:12": for error messages */
} ek_setting;

typedef struct {
    ek_setting *items;
    size_t count, capacity;
} ek_settings;

ek_status ek_settings_add(ek_settings *settings, const char *key, const char *value,
                          ek_option_origin origin, const char *where, ek_error *err);
/* The last item of that key, or NULL. */
const ek_setting *ek_settings_find(const ek_settings *settings, const char *key);
void ek_settings_free(ek_settings *settings);

#endif
