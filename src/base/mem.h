/* mem.h - memory: checked allocation, and arenas planned before they are filled.
 *
 * Every allocation of the program passes here, so that a test can make the n-th one fail and sizes
 * from files cannot overflow. The large memory of a run lives in an arena: the same layout function
 * runs twice, first on a measuring arena (which only counts), then on a real one of that size:
 *
 *     ek_arena plan = ek_arena_measure();
 *     lay_out(&plan, &unused, sizes);              // plan.used_bytes is now what is needed
 *     EK_TRY(ek_arena_init(&arena, plan.used_bytes, err));
 *     lay_out(&arena, &buffers, sizes);            // cannot fail
 *     ...
 *     ek_arena_deinit(&arena);
 */
#ifndef EK_BASE_MEM_H
#define EK_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* count * size zeroed bytes, or NULL (overflow, or no memory). count * size == 0 gives a unique
 * non-NULL pointer. Release with ek_free. */
void *ek_calloc(size_t count, size_t size);
/* Grows or shrinks to count * size bytes; on failure NULL, and old stays valid. */
void *ek_realloc(void *old, size_t count, size_t size);
/* NULL is fine. */
void ek_free(void *pointer);
/* Copies of strings; NULL without memory. ek_strndup always terminates. */
char *ek_strdup(const char *text);
char *ek_strndup(const char *text, size_t length);

/* a * b and a + b, false on overflow (then *out is untouched). */
bool ek_mul_size(size_t *out, size_t a, size_t b);
bool ek_add_size(size_t *out, size_t a, size_t b);

/* For tests: the n-th allocation from now (1 = the next) fails, once; 0 switches this off. */
void ek_mem_fail_after(long n);

#define EK_ARENA_ALIGN 64

typedef struct {
    unsigned char *base; /* NULL while measuring */
    size_t size_bytes;
    size_t used_bytes; /* SIZE_MAX once a measuring arena has overflowed */
    bool reserved;     /* by ek_arena_reserve */
    void *block;       /* private: what base lies in, NULL when reserved */
} ek_arena;

ek_arena ek_arena_measure(void);
/* Zeroed, 64-byte aligned memory, all of it resident at once: a plan that does not fit fails before
 * the first step. EK_E_MEMORY names the size. */
ek_status ek_arena_init(ek_arena *arena, size_t size_bytes, ek_error *err);
/* The same as address space: a page becomes resident when it is first written. For buffers of
 * threads that may never come. */
ek_status ek_arena_reserve(ek_arena *arena, size_t size_bytes, ek_error *err);
void ek_arena_deinit(ek_arena *arena); /* an all-zero arena is fine */
/* count * size bytes, 64-byte aligned. NULL while measuring, and when the arena is full (which a
 * layout run on its own measured size never is). */
void *ek_arena_alloc(ek_arena *arena, size_t count, size_t size);

/* Bytes of this process that are in memory now, and at most so far (VmRSS and VmHWM of
 * /proc/self/status); 0 where the system does not say. */
size_t ek_mem_resident(void);
size_t ek_mem_peak(void);

#endif
