#include "base/clock.h"

#include <stdio.h>
#include <time.h>

double ek_clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

const char *ek_clock_utc(char buffer[32])
{
    time_t now = time(NULL);
    struct tm parts;
    if (gmtime_r(&now, &parts) == NULL || strftime(buffer, 32, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        snprintf(buffer, 32, "1970-01-01T00:00:00Z");
    }
    return buffer;
}

const char *ek_format_duration(char buffer[32], double seconds)
{
    /* Not a number, negative, or more than a century: there is nothing to say. */
    if (!(seconds >= 0.0 && seconds < 3.2e9)) {
        snprintf(buffer, 32, "?");
        return buffer;
    }
    long long whole = (long long)(seconds + 0.5);
    if (whole < 60) {
        snprintf(buffer, 32, "%lld s", whole);
    } else if (whole < 3600) {
        snprintf(buffer, 32, "%lld:%02lld min", whole / 60, whole % 60);
    } else {
        snprintf(buffer, 32, "%lld:%02lld h", whole / 3600, whole % 3600 / 60);
    }
    return buffer;
}
