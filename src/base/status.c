#include "base/status.h"

#include <stdio.h>
#include <string.h>

int ek_status_exit_code(ek_status status)
{
    switch (status) {
#define EK_STATUS_EXIT(name, exit_code, text)                                                      \
    case name:                                                                                     \
        return exit_code;
        EK_STATUS_TABLE(EK_STATUS_EXIT)
#undef EK_STATUS_EXIT
    }
    return 1;
}

const char *ek_status_text(ek_status status)
{
    switch (status) {
#define EK_STATUS_TEXT(name, exit_code, text)                                                      \
    case name:                                                                                     \
        return text;
        EK_STATUS_TABLE(EK_STATUS_TEXT)
#undef EK_STATUS_TEXT
    }
    return "unknown status";
}

/* Formats through a copy, because an argument may be err->message itself. */
__attribute__((format(printf, 2, 0))) static void format_message(char message[1024],
                                                                 const char *format, va_list args)
{
    if (vsnprintf(message, 1024, format, args) < 0) {
        strcpy(message, "(message could not be formatted)");
    }
}

ek_status ek_error_set(ek_error *err, ek_status code, const char *format, ...)
{
    if (err != NULL) {
        char message[sizeof err->message];
        va_list args;
        va_start(args, format);
        format_message(message, format, args);
        va_end(args);
        err->code = code;
        memcpy(err->message, message, sizeof message);
    }
    return code;
}

/* Adds as much of text as there is room for. */
static void append_text(char message[1024], const char *text)
{
    size_t used = strlen(message), count = strlen(text), room = 1023 - used;
    if (count > room) {
        count = room;
    }
    memcpy(message + used, text, count);
    message[used + count] = '\0';
}

ek_status ek_error_prefix(ek_error *err, const char *format, ...)
{
    if (err == NULL) {
        return EK_E_FAILED;
    }
    char prefix[sizeof err->message];
    va_list args;
    va_start(args, format);
    format_message(prefix, format, args);
    va_end(args);

    append_text(prefix, ": ");
    append_text(prefix, err->message);
    memcpy(err->message, prefix, sizeof prefix);
    return err->code;
}
