/* progress.h - what people see while something long is running, on standard error.
 *
 * On a terminal one line that is redrawn; elsewhere a plain line at every finished run and, between
 * them, at most one in ten seconds, later in a minute. NO_COLOR, TERM=dumb and -q are honoured.
 */
#ifndef EK_CLI_PROGRESS_H
#define EK_CLI_PROGRESS_H

#include <stdbool.h>

#include "report/group_table.h"
#include "study/study.h"

/* Installs the sink of warnings. Call once, before anything logs. */
void ek_progress_start(bool quiet, bool verbose);
/* A line that stays, above the bar. */
void ek_progress_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Removes the bar, so that results can be printed. */
void ek_progress_clear(void);

/* For ek_study_control.progress and for single runs. */
void ek_progress_study(void *user, const ek_study_progress *progress);
void ek_progress_run(void *user, int64_t step, int64_t total);

/* For ek_probe_control.say. */
void ek_progress_probe(void *user, const char *what, double fraction);

/* Seconds between two lines of a log that has been growing for this long: 10, from three minutes on
 * more, from twenty on 60. */
double ek_progress_interval(double elapsed);

/* How tables should look on standard output. */
ek_table_style ek_progress_style(void);

#endif
