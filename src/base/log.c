#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static ek_log_sink current_sink;
static void *current_user;

void ek_log_set_sink(ek_log_sink sink, void *user)
{
    current_sink = sink;
    current_user = user;
}

void ek_log_write(ek_log_level level, const char *format, ...)
{
    if (current_sink == NULL) {
        return;
    }
    char message[2048]; /* longer ones are cut: a message is for people */
    va_list args;
    va_start(args, format);
    int length = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (length >= 0) {
        current_sink(current_user, level, message);
    }
}
