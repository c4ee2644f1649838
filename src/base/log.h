/* log.h - messages for people, on their way to wherever cli/ wants them.
 *
 * Libraries never print: they call ek_log_write. The program installs one sink (ek_log_set_sink);
 * without one, messages are dropped. Safe to call from worker processes (each has its own sink,
 * which writes to the pipe to its coordinator); not meant for threads inside a kernel.
 */
#ifndef EK_BASE_LOG_H
#define EK_BASE_LOG_H

typedef enum { EK_LOG_DEBUG, EK_LOG_INFO, EK_LOG_WARN } ek_log_level;

typedef void (*ek_log_sink)(void *user, ek_log_level level, const char *message);

void ek_log_set_sink(ek_log_sink sink, void *user);
void ek_log_write(ek_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define ek_debug(...) ek_log_write(EK_LOG_DEBUG, __VA_ARGS__)
#define ek_info(...)  ek_log_write(EK_LOG_INFO, __VA_ARGS__)
#define ek_warn(...)  ek_log_write(EK_LOG_WARN, __VA_ARGS__)

#endif
