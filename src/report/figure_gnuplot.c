#include "report/figure_gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

extern char **environ;

typedef struct {
    char text[2048]; /* the first bytes of what it wrote */
    size_t length;
    int code;
    bool late;
} outcome;

/* gnuplot repeats the command and points at a column before it says "file" line 12: what is wrong.
 */
static const char *message_of(outcome *o)
{
    o->text[o->length] = '\0';
    char *message = o->text + strspn(o->text, "\n\r \t");
    for (char *at = message; (at = strchr(at, '\n')) != NULL; at++) {
        if (*message != '"' && at[1] == '"') {
            message = at + 1;
        }
    }
    message[strcspn(message, "\n")] = '\0';
    return *message ? message : "it did not say why";
}

static void read_some(int fd, outcome *o)
{
    char chunk[1024];
    ssize_t got = read(fd, chunk, sizeof chunk);
    size_t room = sizeof o->text - 1 - o->length;
    if (got > 0) {
        size_t kept = (size_t)got < room ? (size_t)got : room;
        memcpy(o->text + o->length, chunk, kept);
        o->length += kept;
    }
}

/* Reads until the process has ended, and ends it when it is late. */
static void wait_for(pid_t pid, int fd, double limit_seconds, outcome *o)
{
    double end = ek_clock_seconds() + limit_seconds;
    int status = 0;
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int events = poll(&ready, 1, 20);
        if (events > 0 && (ready.revents & POLLIN)) {
            read_some(fd, o);
        } else if (events > 0) {
            poll(NULL, 0, 2); /* it closed its end and is about to go */
        }
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid || (ended < 0 && errno != EINTR)) {
            break;
        }
        if (ek_clock_seconds() > end) {
            o->late = true;
            kill(pid, SIGKILL);
            while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
            }
            break;
        }
    }
    struct pollfd rest = {.fd = fd, .events = POLLIN};
    while (poll(&rest, 1, 0) > 0 && (rest.revents & POLLIN) && o->length < sizeof o->text - 1) {
        read_some(fd, o);
    }
    o->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Nothing to read, nothing written but its complaints. */
static int spawn_in(pid_t *pid, const char *dir, char *const *argv, const int fds[2])
{
    posix_spawn_file_actions_t actions;
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0) {
        return code;
    }
    code = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    code = code ? code : posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    code = code ? code : posix_spawn_file_actions_adddup2(&actions, fds[1], 2);
    code = code ? code : posix_spawn_file_actions_addchdir_np(&actions, dir);
    code = code ? code : posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

static ek_status run(const char *dir, char *const *argv, double limit_seconds, bool *found,
                     ek_error *err)
{
    int fds[2];
    pid_t pid;
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return ek_error_set(err, EK_E_IO, "no pipe for gnuplot: %s", strerror(errno));
    }
    int code = spawn_in(&pid, dir, argv, fds);
    close(fds[1]);
    outcome o = {.code = 0};
    if (code == 0) {
        wait_for(pid, fds[0], limit_seconds, &o);
    }
    close(fds[0]);
    *found = code == 0;
    if (code != 0) {
        return code == ENOENT || code == EACCES || code == ENOTDIR
                   ? EK_OK
                   : ek_error_set(err, EK_E_IO, "cannot start gnuplot: %s", strerror(code));
    }
    if (o.late) {
        return ek_error_set(err, EK_E_IO, "gnuplot took more than %.0f s for the figures in %s",
                            limit_seconds, dir);
    }
    if (o.code != 0) {
        return ek_error_set(err, EK_E_IO, "gnuplot could not draw the figures in %s: %s", dir,
                            message_of(&o));
    }
    return EK_OK;
}

ek_status ek__gnuplot_run(const char *dir, const char *const *scripts, size_t count, bool pdf,
                          double limit_seconds, bool *found, ek_error *err)
{
    /* -d: nobody's own settings, the same drawing everywhere */
    static char name[] = "gnuplot", plain[] = "-d", run_option[] = "-e", as_pdf[] = "format='pdf'";
    *found = true;
    char **argv = ek_calloc(count + 5, sizeof *argv);
    if (!argv) {
        return ek_error_set(err, EK_E_MEMORY, "no memory to run gnuplot");
    }
    size_t used = 0;
    argv[used++] = name;
    argv[used++] = plain;
    if (pdf) {
        argv[used++] = run_option;
        argv[used++] = as_pdf;
    }
    for (size_t i = 0; i < count; i++) {
        argv[used++] = (char *)(uintptr_t)scripts[i]; /* exec's arguments are not const */
    }
    ek_status status = run(dir, argv, limit_seconds, found, err);
    ek_free(argv);
    return status;
}
