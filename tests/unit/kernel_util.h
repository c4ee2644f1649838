/* kernel_util.h - what the tests of the kernels share: inputs, variants, tapes, tolerances.
 *
 * Inputs come from a counter, not from libm or rand(): they are the same everywhere, so that hashes
 * of results can be committed. Arrays end at a page that may not be touched, which finds reads and
 * writes beyond the end that masked vector instructions hide from the sanitizers.
 */
#ifndef KERNEL_UTIL_H
#define KERNEL_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/kernel.h"

#define SHARED static inline __attribute__((unused))

/* ---- arrays ---- */

enum { ARRAYS_MAX = 4096 };
static struct {
    void *start;
    size_t size;
} arrays[ARRAYS_MAX];
static int array_count;

/* count items of size bytes, zeroed, ending at a forbidden page; free_arrays releases all. */
SHARED void *new_array(int64_t count, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = (size_t)(count > 0 ? count : 1) * size;
    size_t whole = (bytes + page - 1) / page * page;
    assert_true(array_count < ARRAYS_MAX);
    unsigned char *start =
        mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(start != MAP_FAILED);
    assert_int_equal(mprotect(start + whole, page, PROT_NONE), 0);
    arrays[array_count].start = start;
    arrays[array_count].size = whole + page;
    array_count++;
    return start + whole - bytes;
}

SHARED void free_arrays(void)
{
    while (array_count > 0) {
        array_count--;
        munmap(arrays[array_count].start, arrays[array_count].size);
    }
}

/* ---- inputs ---- */

enum kind {
    PLAIN,   /* multiples of 2^-15 in [-2, 2) */
    SPECIAL, /* a few NaN, infinities, zeros and the ends of the range among them */
    TINY,    /* subnormal numbers and their neighbourhood, some of ordinary size */
    WIDE,    /* 2^-60 .. 2^60 */
    KIND_COUNT,
};

struct source {
    uint64_t state;
    enum kind kind;
};

SHARED uint32_t next_u32(struct source *source)
{
    source->state = source->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(source->state >> 32);
}

/* 0 .. bound - 1 */
SHARED int64_t below(struct source *source, int64_t bound)
{
    return (int64_t)(next_u32(source) % (uint64_t)bound);
}

SHARED int64_t between(struct source *source, int64_t low, int64_t high)
{
    return low + below(source, high - low + 1);
}

SHARED float float_of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

SHARED uint32_t bits_of_float(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

SHARED float next_float(struct source *source)
{
    static const uint32_t specials[] = {
        0x7FC00000, 0x7F800000, 0xFF800000, 0x00000000, 0x80000000, 0x00000001, 0x80000001,
        0x007FFFFF, 0x00800000, 0x7F7FFFFF, 0xFF7FFFFF, 0x3F800000, 0x42B17218, 0xC2AEAC50,
    };
    uint32_t bits = next_u32(source);
    switch (source->kind) {
    case SPECIAL:
        if (below(source, 64) == 0) {
            return float_of_bits(specials[below(source, sizeof specials / sizeof *specials)]);
        }
        break;
    case TINY:
        if (below(source, 2) == 0) {
            return float_of_bits((bits & 0x807FFFFF) | (uint32_t)below(source, 4) << 23);
        }
        break;
    case WIDE:
        return float_of_bits((bits & 0x807FFFFF) | (uint32_t)between(source, 67, 187) << 23);
    case PLAIN:
    case KIND_COUNT:
        break;
    }
    return (float)((int32_t)(bits >> 15) - 65536) / 32768.0f;
}

/* count new values. */
SHARED float *some_floats(struct source *source, int64_t count)
{
    float *x = new_array(count, sizeof *x);
    for (int64_t i = 0; i < count; i++) {
        x[i] = next_float(source);
    }
    return x;
}

SHARED float *same_floats(const float *x, int64_t count)
{
    float *copy = new_array(count, sizeof *copy);
    memcpy(copy, x, (size_t)count * sizeof *copy);
    return copy;
}

/* Rows of examples one after another: what a packed batch is. */
SHARED ek_rows some_rows(struct source *source, int64_t count)
{
    uint32_t *example = new_array(count, sizeof *example);
    uint32_t *position = new_array(count, sizeof *position);
    for (int64_t i = 0; i < count; i++) {
        bool next = i == 0 || below(source, 5) == 0;
        example[i] = i == 0 ? 0 : example[i - 1] + next;
        position[i] = next ? 0 : position[i - 1] + 1;
    }
    return (ek_rows){example, position, count};
}

/* ---- variants ---- */

/* NULL where this machine lacks the instruction set. */
SHARED ek_compute *open_variant(ek_isa isa, int threads)
{
    ek_compute *compute;
    ek_error err = {0};
    if (!ek_isa_available(isa)) {
        return NULL;
    }
    setenv("EK_ISA", ek_isa_name(isa), 1);
    if (ek_compute_new(&compute, threads, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(ek_compute_isa(compute), isa);
    assert_int_equal(ek_compute_threads(compute), threads);
    return compute;
}

/* The instruction sets this machine can test; the plain C of EK_ISA_SCALAR is always one. */
SHARED int available_isas(ek_isa isas[EK_ISA_COUNT])
{
    int count = 0;
    for (int isa = 0; isa < EK_ISA_COUNT; isa++) {
        if (ek_isa_available((ek_isa)isa)) {
            isas[count++] = (ek_isa)isa;
        } else {
            print_message("[  SKIPPED ] %s: not on this machine\n", ek_isa_name((ek_isa)isa));
        }
    }
    return count;
}

/* ---- comparing ---- */

/* The bits of x; every NaN is the same one (numerics, rule 7). */
SHARED uint32_t canonical(float x)
{
    return isnan(x) ? 0x7FC00000u : bits_of_float(x);
}

SHARED void assert_same_floats(const char *what, const float *expected, const float *found,
                               int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (canonical(expected[i]) != canonical(found[i])) {
            fail_msg("%s[%lld]: expected %.9g (%08x), found %.9g (%08x)", what, (long long)i,
                     (double)expected[i], canonical(expected[i]), (double)found[i],
                     canonical(found[i]));
        }
    }
}

SHARED void assert_near(const char *what, int64_t index, double expected, double found,
                        double tolerance)
{
    if (!(fabs(expected - found) <= tolerance)) {
        fail_msg("%s[%lld]: expected %.12g, found %.12g, tolerance %.3g", what, (long long)index,
                 expected, found, tolerance);
    }
}

#define UNIT_ROUNDOFF 5.9604644775390625e-8 /* 2^-24: the relative error of one operation */

/* The derivative of a function of one number of an array, by central differences in double. */
typedef double scalar_function(const void *context);
SHARED double central_difference(double *x, scalar_function *function, const void *context)
{
    const double step = 1e-5; /* error about step^2 / 6 + 1e-16 / step: 3e-11 */
    double saved = *x;
    *x = saved + step;
    double above = function(context);
    *x = saved - step;
    double beneath = function(context);
    *x = saved;
    return (above - beneath) / (2 * step);
}

#endif
