/* Allocation: overflow, failure on demand, arenas that measure themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"

/* AddressSanitizer would end the process where malloc returns NULL. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void sizes_do_not_overflow(void **state)
{
    (void)state;
    size_t out = 7;
    assert_true(ek_mul_size(&out, 3, 5));
    assert_int_equal(out, 15);
    assert_true(ek_mul_size(&out, SIZE_MAX, 1));
    assert_true(ek_mul_size(&out, SIZE_MAX, 0));
    assert_int_equal(out, 0);
    out = 7;
    assert_false(ek_mul_size(&out, SIZE_MAX / 2 + 1, 2));
    assert_false(ek_add_size(&out, SIZE_MAX, 1));
    assert_int_equal(out, 7);
    assert_true(ek_add_size(&out, SIZE_MAX - 1, 1));
    assert_null(ek_calloc(SIZE_MAX / 2, 3));
    assert_null(ek_realloc(NULL, SIZE_MAX / 2, 3));
    assert_null(ek_strndup("", SIZE_MAX));
}

static void allocations(void **state)
{
    (void)state;
    unsigned char *zeros = ek_calloc(100, 3);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(zeros[i], 0);
    }
    zeros[0] = 9;
    zeros = ek_realloc(zeros, 1000, 1);
    assert_int_equal(zeros[0], 9);
    ek_free(zeros);
    void *a = ek_calloc(0, 8), *b = ek_calloc(8, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    a = ek_realloc(a, 0, 8);
    assert_non_null(a);
    ek_free(a);
    ek_free(b);
    ek_free(NULL);
    char *copy = ek_strndup("abcdef", 3);
    assert_string_equal(copy, "abc");
    ek_free(copy);
    copy = ek_strdup("");
    assert_string_equal(copy, "");
    ek_free(copy);
}

static void the_nth_fails_once(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_arena arena;
    ek_mem_fail_after(3);
    char *first = ek_strdup("x");
    void *second = ek_calloc(1, 1);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(ek_realloc(second, 1, 100)); /* second stays valid */
    void *third = ek_realloc(second, 1, 100);
    assert_non_null(third);
    ek_mem_fail_after(1);
    assert_int_equal(ek_arena_init(&arena, 64, &err), EK_E_MEMORY);
    assert_null(arena.base);
    ek_mem_fail_after(1);
    ek_mem_fail_after(0);
    assert_int_equal(ek_arena_init(&arena, 64, &err), EK_OK);
    ek_arena_deinit(&arena);
    ek_free(first);
    ek_free(third);
}

typedef struct {
    float *weights;
    unsigned char *flags;
    double *sums;
} buffers;

static void lay_out(ek_arena *arena, buffers *b, size_t n)
{
    b->weights = ek_arena_alloc(arena, n, sizeof(float));
    b->flags = ek_arena_alloc(arena, n, 1);
    b->sums = ek_arena_alloc(arena, 1, sizeof(double));
}

static void arenas_fit_their_plan(void **state)
{
    (void)state;
    ek_error err = {0};
    for (size_t n = 0; n < 200; n++) {
        buffers b;
        ek_arena plan = ek_arena_measure(), arena;
        lay_out(&plan, &b, n);
        assert_null(b.weights);
        assert_int_equal(plan.used_bytes % EK_ARENA_ALIGN, 0);
        assert_int_equal(ek_arena_init(&arena, plan.used_bytes, &err), EK_OK);
        lay_out(&arena, &b, n);
        assert_int_equal(arena.used_bytes, plan.used_bytes);
        assert_int_equal((uintptr_t)b.weights % EK_ARENA_ALIGN, 0);
        assert_int_equal((uintptr_t)b.flags % EK_ARENA_ALIGN, 0);
        assert_int_equal((uintptr_t)b.sums % EK_ARENA_ALIGN, 0);
        assert_true((unsigned char *)(b.weights + n) <= b.flags);
        assert_true(b.flags + n <= (unsigned char *)b.sums);
        for (size_t i = 0; i < n; i++) {
            assert_true(b.weights[i] == 0.0f);
        }
        *b.sums = 1.0;
        assert_null(ek_arena_alloc(&arena, 1, 1));
        ek_arena_deinit(&arena);
    }
}

/* Reserved space is used like any other, and takes no memory before it is written. */
static void reserved_arenas_take_memory_when_written(void **state)
{
    (void)state;
    enum { BYTES = 256 << 20 };
    ek_error err = {0};
    ek_arena arena;
    size_t before = ek_mem_resident();
    assert_int_equal(ek_arena_reserve(&arena, BYTES, &err), EK_OK);
    char *bytes = ek_arena_alloc(&arena, BYTES, 1);
    assert_non_null(bytes);
    assert_null(ek_arena_alloc(&arena, 1, 1));
    assert_int_equal((uintptr_t)bytes % EK_ARENA_ALIGN, 0);
    assert_int_equal(bytes[0], 0);
    assert_int_equal(bytes[BYTES - 1], 0);
    bytes[BYTES / 2] = 1;
    assert_true(before > 0);
    assert_true(ek_mem_resident() < before + BYTES / 16);
    assert_true(ek_mem_peak() >= before);
    ek_arena_deinit(&arena);
    assert_null(arena.base);
    ek_mem_fail_after(1);
    assert_int_equal(ek_arena_reserve(&arena, 64, &err), EK_E_MEMORY);
    ek_arena_deinit(&arena);
    assert_int_equal(ek_arena_init(&arena, BYTES, &err), EK_OK);
    assert_true(ek_mem_resident() >= before + BYTES / 2);
    ek_arena_deinit(&arena);
}

/* Also where the memory of an arena is what an earlier one left behind. */
static void arenas_are_zero(void **state)
{
    (void)state;
    static const size_t sizes[] = {100, 5000, 100000, (4 << 20) + 64, (8 << 20), 40 << 20};
    ek_error err = {0};
    for (size_t i = 0; i < 3 * sizeof sizes / sizeof *sizes; i++) {
        size_t bytes = sizes[i / 3], set = 0;
        ek_arena arena;
        assert_int_equal(ek_arena_init(&arena, bytes, &err), EK_OK);
        unsigned char *memory = ek_arena_alloc(&arena, bytes, 1);
        assert_int_equal((uintptr_t)memory % EK_ARENA_ALIGN, 0);
        for (size_t b = 0; b < bytes; b++) {
            set += memory[b] != 0;
        }
        assert_int_equal(set, 0);
        memset(memory, 0xFF, bytes);
        ek_arena_deinit(&arena);
    }
}

static void arenas_refuse_what_cannot_be(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_arena plan = ek_arena_measure(), arena;
    ek_arena_alloc(&plan, SIZE_MAX / 2, 3);
    assert_true(plan.used_bytes == SIZE_MAX);
    ek_arena_alloc(&plan, 1, 1);
    assert_true(plan.used_bytes == SIZE_MAX); /* it stays */
    assert_int_equal(ek_arena_init(&arena, plan.used_bytes, &err), EK_E_MEMORY);
    assert_int_equal(ek_arena_init(&arena, SIZE_MAX / 4, &err), EK_E_MEMORY);
    assert_non_null(strstr(err.message, "4611686018427387904 bytes"));
    assert_int_equal(ek_arena_init(&arena, 64, &err), EK_OK);
    assert_null(ek_arena_alloc(&arena, SIZE_MAX, 2));
    assert_null(ek_arena_alloc(&arena, 65, 1));
    assert_non_null(ek_arena_alloc(&arena, 64, 1));
    ek_arena_deinit(&arena);
    ek_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_do_not_overflow),
        cmocka_unit_test(allocations),
        cmocka_unit_test(the_nth_fails_once),
        cmocka_unit_test(arenas_fit_their_plan),
        cmocka_unit_test(reserved_arenas_take_memory_when_written),
        cmocka_unit_test(arenas_are_zero),
        cmocka_unit_test(arenas_refuse_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
