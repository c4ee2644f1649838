/* comma_locale.h - a locale with a decimal comma, for tests that numbers do not depend on it.
 *
 * comma_locale_enter() sets LC_NUMERIC to one that is installed, or to one that localedef makes in
 * a folder below folder; false if neither works. comma_locale_leave() goes back to "C". */
#ifndef EK_TEST_COMMA_LOCALE_H
#define EK_TEST_COMMA_LOCALE_H

#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool comma_locale_enter(const char *folder)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    bool set = false;
    for (int attempt = 0; attempt < 2 && !set; attempt++) {
        if (attempt == 1) {
            char command[512];
            snprintf(command, sizeof command,
                     "localedef -c -i de_DE -f ISO-8859-1 '%s/de_DE' >/dev/null 2>&1", folder);
            if (system(command) == -1) {
                return false;
            }
            setenv("LOCPATH", folder, 1);
        }
        for (size_t i = 0; i < sizeof names / sizeof names[0] && !set; i++) {
            set = setlocale(LC_NUMERIC, names[i]) != NULL;
        }
    }
    /* Is the trap set? */
    char text[16];
    snprintf(text, sizeof text, "%.1f", 1.5);
    return set && strcmp(text, "1,5") == 0;
}

static void comma_locale_leave(void)
{
    setlocale(LC_NUMERIC, "C");
}

#endif
