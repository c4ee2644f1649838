/* status.h - how functions say that something went wrong.
 *
 * A function that can fail returns an ek_status and fills the caller's ek_error: what was found,
 * what was expected, what to do, and where (file, line or tensor). Libraries return; only cli/
 * prints and exits. The exit code of the program is a property of the status (ek_status_exit_code).
 *
 *     ek_error err = {0};
 *     if (ek_file_read(path, limit, &buf, &err) != EK_OK) { ... err.message ... }
 *
 * An ek_error holds no heap memory: it can be copied, dropped and sent through a pipe.
 */
#ifndef EK_BASE_STATUS_H
#define EK_BASE_STATUS_H

#include <stdarg.h>

/* name, exit code, what it means */
#define EK_STATUS_TABLE(X)                                                                         \
    X(EK_OK, 0, "done")                                                                            \
    X(EK_E_FAILED, 1, "failed")                                                                    \
    X(EK_E_USAGE, 2, "wrong usage")                                                                \
    X(EK_E_DATA, 3, "data or study file")                                                          \
    X(EK_E_MODEL, 4, "model file")                                                                 \
    X(EK_E_UNFINISHED, 5, "some runs did not finish")                                              \
    X(EK_E_GATE, 6, "a gate was not met")                                                          \
    X(EK_E_INTERRUPTED, 75, "interrupted, can be resumed")                                         \
    X(EK_E_IO, 1, "input or output")                                                               \
    X(EK_E_MEMORY, 1, "out of memory")

typedef enum {
#define EK_STATUS_ENUM(name, exit_code, text) name,
    EK_STATUS_TABLE(EK_STATUS_ENUM)
#undef EK_STATUS_ENUM
} ek_status;

typedef struct {
    ek_status code;
    char message[1024]; /* a sentence for the user; truncated, always terminated */
} ek_error;

/* Exit code of the program for a status (design: contracts of the command line). */
int ek_status_exit_code(ek_status status);
/* "data or study file" ...; never NULL. */
const char *ek_status_text(ek_status status);

/* Fills *err (which may be NULL) and returns code, so that it can stand in a return statement. */
ek_status ek_error_set(ek_error *err, ek_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the message, to add where it happened on the way up. Returns err->code. */
ek_status ek_error_prefix(ek_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Returns from the calling function when expr is not EK_OK. Only where nothing needs freeing. */
#define EK_TRY(expr)                                                                               \
    do {                                                                                           \
        ek_status ek_try_status_ = (expr);                                                         \
        if (ek_try_status_ != EK_OK) {                                                             \
            return ek_try_status_;                                                                 \
        }                                                                                          \
    } while (0)

/* Jumps to label with status set when expr is not EK_OK: for functions that own something. */
#define EK_GOTO(status, expr, label)                                                               \
    do {                                                                                           \
        (status) = (expr);                                                                         \
        if ((status) != EK_OK) {                                                                   \
            goto label;                                                                            \
        }                                                                                          \
    } while (0)

#endif
