#include "cli/progress.h"

#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

static struct {
    bool quiet, verbose, terminal, bar_shown;
    double last_line, started;
} screen;

static int terminal_width(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

double ek_progress_interval(double elapsed)
{
    return fmin(60, fmax(10, elapsed / 20));
}

void ek_progress_clear(void)
{
    if (screen.bar_shown) {
        fputs("\r\033[K", stderr);
        screen.bar_shown = false;
    }
}

void ek_progress_say(const char *format, ...)
{
    if (screen.quiet) {
        return;
    }
    va_list args;
    ek_progress_clear();
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static void on_log(void *user, ek_log_level level, const char *message)
{
    (void)user;
    if (level == EK_LOG_WARN) {
        ek_progress_say("warning: %s", message);
    } else if (level == EK_LOG_INFO || screen.verbose) {
        ek_progress_say("%s", message);
    }
}

void ek_progress_start(bool quiet, bool verbose)
{
    const char *term = getenv("TERM");
    setlocale(LC_CTYPE, "");
    screen.quiet = quiet;
    screen.verbose = verbose;
    screen.terminal = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
    screen.started = ek_clock_seconds();
    ek_log_set_sink(on_log, NULL);
}

ek_table_style ek_progress_style(void)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    bool terminal = isatty(STDOUT_FILENO) && !(term && strcmp(term, "dumb") == 0);
    return (ek_table_style){
        .color = terminal && !(no_color && *no_color),
        .ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0,
        .width = terminal ? terminal_width(STDOUT_FILENO) : 0,
    };
}

/* "[#####.....]" of the given share, and a text behind it. */
static void draw_bar(double fraction, const char *text)
{
    enum { CELLS = 24 };
    char bar[CELLS + 1];
    int filled = (int)(fraction * CELLS);
    for (int i = 0; i < CELLS; i++) {
        bar[i] = i < filled ? '#' : '.';
    }
    bar[CELLS] = '\0';
    fprintf(stderr, "\r[%s] %.*s\033[K", bar, terminal_width(STDERR_FILENO) - CELLS - 4, text);
    fflush(stderr);
    screen.bar_shown = true;
}

/* The bar on a terminal; elsewhere a line now and then. */
static void show(double fraction, const char *text, bool due)
{
    double now = ek_clock_seconds();
    if (screen.quiet) {
        return;
    }
    if (screen.terminal) {
        if (due || now - screen.last_line > 0.2) {
            screen.last_line = now;
            draw_bar(fraction, text);
        }
    } else if (now - screen.last_line > ek_progress_interval(now - screen.started)) {
        screen.last_line = now;
        fprintf(stderr, "%s\n", text);
    }
}

void ek_progress_study(void *user, const ek_study_progress *p)
{
    (void)user;
    char text[200], left[32] = "";
    if (p->last && !screen.quiet) {
        ek_progress_clear();
        fprintf(stderr, "%3zu/%zu  %-28s seed %-4u score %6.2f  %s  (%s)\n", p->done, p->total,
                p->last->group, p->last->seed, 100 * p->last->score,
                ek_outcome_name(p->last->outcome), ek_format_duration(left, p->last->seconds));
        screen.last_line = ek_clock_seconds();
    }
    left[0] = '\0';
    if (!isnan(p->eta_seconds)) {
        ek_format_duration(left, p->eta_seconds);
    }
    snprintf(text, sizeof text, "%3.0f %%  %zu of %zu runs done, %zu running%s%s%s",
             100 * p->fraction, p->done, p->total, p->running, left[0] ? ", " : "", left,
             left[0] ? " left" : "");
    if (p->done < p->total) {
        show(p->fraction, text, p->last != NULL);
    }
}

void ek_progress_probe(void *user, const char *what, double fraction)
{
    (void)user;
    char text[160], left[32];
    double seconds = ek_clock_seconds() - screen.started;
    ek_format_duration(left, seconds * (1 - fraction) / fraction);
    snprintf(text, sizeof text, "%3.0f %%  %s, %s left", 100 * fraction, what, left);
    if (fraction > 0 && fraction < 1) {
        show(fraction, text, false);
    }
}

void ek_progress_run(void *user, int64_t step, int64_t total)
{
    (void)user;
    char text[120], left[32];
    double seconds = ek_clock_seconds() - screen.started;
    double fraction = (double)step / (double)total;
    ek_format_duration(left, seconds * (1 - fraction) / fraction);
    snprintf(text, sizeof text, "%3.0f %%  step %lld of %lld, %s left", 100 * fraction,
             (long long)step, (long long)total, left);
    show(fraction, text, false);
}
