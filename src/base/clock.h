/* clock.h - time for people (progress, ETA, dates in the store). No number of a run depends on it.
 */
#ifndef EK_BASE_CLOCK_H
#define EK_BASE_CLOCK_H

double ek_clock_seconds(void);                                   /* monotonic */
const char *ek_clock_utc(char buffer[32]);                       /* "2026-01-31T23:59:59Z" */
const char *ek_format_duration(char buffer[32], double seconds); /* "42 s", "3:07 min", "2:05 h" */

#endif
