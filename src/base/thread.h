/* thread.h - a helper thread for what can be done beside something else.
 *
 * Whoever starts one joins it, on every path and before any fork. Allocation by mem.h stays with
 * one thread at a time.
 */
#ifndef EK_BASE_THREAD_H
#define EK_BASE_THREAD_H

#include <stdbool.h>

#include <pthread.h>

/* As pthread_create, with all signals blocked: they are for the thread that can be interrupted.
 * false when the system gives no thread; the caller then does the work itself. */
bool ek_thread_start(pthread_t *thread, void *(*work)(void *), void *argument);

#endif
