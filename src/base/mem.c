#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/thread.h"

/* Allocations left until one fails; 0: never. Allocation happens outside parallel regions only. */
static long fail_countdown;

void ek_mem_fail_after(long n)
{
    fail_countdown = n;
}

static bool must_fail(void)
{
    return fail_countdown > 0 && --fail_countdown == 0;
}

bool ek_mul_size(size_t *out, size_t a, size_t b)
{
    if (b != 0 && a > SIZE_MAX / b) {
        return false;
    }
    *out = a * b;
    return true;
}

bool ek_add_size(size_t *out, size_t a, size_t b)
{
    if (a > SIZE_MAX - b) {
        return false;
    }
    *out = a + b;
    return true;
}

void *ek_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (must_fail() || !ek_mul_size(&bytes, count, size)) {
        return NULL;
    }
    return calloc(1, bytes == 0 ? 1 : bytes);
}

void *ek_realloc(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (must_fail() || !ek_mul_size(&bytes, count, size)) {
        return NULL;
    }
    return realloc(old, bytes == 0 ? 1 : bytes);
}

void ek_free(void *pointer)
{
    free(pointer);
}

char *ek_strdup(const char *text)
{
    return ek_strndup(text, strlen(text));
}

char *ek_strndup(const char *text, size_t length)
{
    size_t bytes;
    if (!ek_add_size(&bytes, length, 1)) {
        return NULL;
    }
    char *copy = ek_calloc(bytes, 1);
    if (copy != NULL && length > 0) {
        memcpy(copy, text, length);
    }
    return copy;
}

ek_arena ek_arena_measure(void)
{
    return (ek_arena){0};
}

/* Rounds up to the alignment; false on overflow. */
static bool round_up(size_t *out, size_t bytes)
{
    size_t padded;
    if (!ek_add_size(&padded, bytes, EK_ARENA_ALIGN - 1)) {
        return false;
    }
    *out = padded & ~(size_t)(EK_ARENA_ALIGN - 1);
    return true;
}

/* The size to allocate: never 0, because base NULL would mean measuring. */
static ek_status arena_size(size_t *bytes, size_t size_bytes, ek_error *err)
{
    if (!round_up(bytes, size_bytes > 0 ? size_bytes : 1)) {
        return ek_error_set(err, EK_E_MEMORY, "the memory plan is larger than the address space");
    }
    return EK_OK;
}

static ek_status no_arena(size_t bytes, ek_error *err)
{
    return ek_error_set(err, EK_E_MEMORY, "cannot allocate %zu bytes (%.1f MiB)", bytes,
                        (double)bytes / (1024.0 * 1024.0));
}

struct span {
    unsigned char *base;
    size_t bytes;
};

/* Makes pages of a new block resident. The system hands them out zeroed: writing zeros into them
 * would cost as much time again. */
static void *make_resident(void *argument)
{
    const struct span *span = argument;
#if defined(MADV_POPULATE_WRITE)
    if (madvise(span->base, span->bytes, MADV_POPULATE_WRITE) == 0) {
        return NULL;
    }
#endif
    memset(span->base, 0, span->bytes);
    return NULL;
}

/* Both halves of much memory at once: one core alone does not write as fast as memory takes it. */
static void make_all_resident(unsigned char *base, size_t bytes, size_t page)
{
    const size_t much = (size_t)32 << 20;
    size_t half = bytes / 2 / page * page;
    struct span first = {base, half}, second = {base + half, bytes - half};
    pthread_t thread;
    bool helped = bytes >= much && ek_thread_start(&thread, make_resident, &second);
    make_resident(&first);
    if (helped) {
        pthread_join(thread, NULL);
    } else {
        make_resident(&second);
    }
}

ek_status ek_arena_init(ek_arena *arena, size_t size_bytes, ek_error *err)
{
    size_t bytes = 0;
    *arena = (ek_arena){0};
    EK_TRY(arena_size(&bytes, size_bytes, err));
    /* Large pages: every stream over the memory of a run would otherwise miss the TLB once in 4 KB.
     */
    const size_t huge = (size_t)2 << 20;
    const bool large = bytes >= huge;
    const size_t align = large ? huge : EK_ARENA_ALIGN;
    unsigned char *block =
        must_fail() || bytes > SIZE_MAX - 2 * huge ? NULL : calloc(1, bytes + align);
    if (block == NULL) {
        return no_arena(bytes, err);
    }
    unsigned char *base = block + (align - (uintptr_t)block % align) % align;
    if (large) {
#if defined(MADV_HUGEPAGE)
        madvise(base, bytes / huge * huge, MADV_HUGEPAGE); /* a wish: refused, nothing changes */
#endif
        make_all_resident(base, bytes, huge);
    }
    *arena = (ek_arena){.base = base, .size_bytes = bytes, .block = block};
    return EK_OK;
}

ek_status ek_arena_reserve(ek_arena *arena, size_t size_bytes, ek_error *err)
{
    size_t bytes = 0;
    *arena = (ek_arena){0};
    EK_TRY(arena_size(&bytes, size_bytes, err));
    void *base = must_fail() ? MAP_FAILED
                             : mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        return no_arena(bytes, err);
    }
    *arena = (ek_arena){.base = base, .size_bytes = bytes, .reserved = true};
    return EK_OK;
}

void ek_arena_deinit(ek_arena *arena)
{
    if (arena->reserved) {
        munmap(arena->base, arena->size_bytes);
    } else {
        free(arena->block);
    }
    *arena = (ek_arena){0};
}

void *ek_arena_alloc(ek_arena *arena, size_t count, size_t size)
{
    size_t bytes, end;
    bool fits = ek_mul_size(&bytes, count, size) && round_up(&bytes, bytes) &&
                ek_add_size(&end, arena->used_bytes, bytes);
    if (arena->base == NULL) {
        arena->used_bytes = fits ? end : SIZE_MAX;
        return NULL;
    }
    if (!fits || end > arena->size_bytes) {
        return NULL;
    }
    void *memory = arena->base + arena->used_bytes;
    arena->used_bytes = end;
    return memory;
}

/* The line "Name:   123 kB" of /proc/self/status in bytes. */
static size_t status_bytes(const char *name)
{
    char line[128];
    unsigned long long kilobytes = 0;
    size_t length = strlen(name);
    FILE *file = fopen("/proc/self/status", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, length) == 0 && line[length] == ':') {
            kilobytes = strtoull(line + length + 1, NULL, 10);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return (size_t)kilobytes * 1024;
}

size_t ek_mem_resident(void)
{
    return status_bytes("VmRSS");
}

size_t ek_mem_peak(void)
{
    return status_bytes("VmHWM");
}
