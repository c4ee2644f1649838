/* Subsets, orders and splits: complete, fair, and each driven by its own seed only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "data/sampling.h"

static void subsets_are_ascending_and_fair(void **state)
{
    (void)state;
    enum { COUNT = 20, WANTED = 7, SEEDS = 4000 };
    int hits[COUNT] = {0};
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        uint32_t out[WANTED];
        ek_sample_subset(out, COUNT, WANTED, seed);
        for (int i = 0; i < WANTED; i++) {
            assert_true(out[i] < COUNT);
            assert_true(i == 0 || out[i] > out[i - 1]);
            hits[out[i]]++;
        }
    }
    /* Binomial(4000, 7/20): standard deviation 30; six of them for twenty counts. */
    for (int i = 0; i < COUNT; i++) {
        assert_true(fabs(hits[i] - SEEDS * 0.35) < 180);
    }
}

static void a_subset_of_everything(void **state)
{
    (void)state;
    uint32_t out[5];
    ek_sample_subset(out, 5, 9, 3);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(out[i], i);
    }
}

static void epochs_are_permutations(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    uint32_t a[COUNT], b[COUNT], again[COUNT];
    uint8_t seen[COUNT] = {0};
    ek_sample_epoch(a, COUNT, 1, 0);
    ek_sample_epoch(b, COUNT, 1, 1);
    ek_sample_epoch(again, COUNT, 1, 0);
    assert_memory_equal(a, again, sizeof a);
    assert_memory_not_equal(a, b, sizeof a);
    ek_sample_epoch(b, COUNT, 2, 0);
    assert_memory_not_equal(a, b, sizeof a);
    for (int i = 0; i < COUNT; i++) {
        seen[a[i]]++;
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(seen[i], 1);
    }
}

static void splits_are_stratified(void **state)
{
    (void)state;
    enum { COUNT = 113 };
    int32_t labels[COUNT];
    uint8_t drawn[COUNT], other[COUNT];
    int sizes[3] = {0}, marked[3] = {0};
    for (int i = 0; i < COUNT; i++) {
        labels[i] = i < 2 ? 2 : i % 5 == 0; /* class 2 has two examples */
        sizes[labels[i]]++;
    }
    ek_sample_split(drawn, labels, COUNT, 3, 0.2, 1);
    for (int i = 0; i < COUNT; i++) {
        marked[labels[i]] += drawn[i];
    }
    assert_int_equal(marked[0], (int)floor(0.2 * sizes[0] + 0.5));
    assert_int_equal(marked[1], (int)floor(0.2 * sizes[1] + 0.5));
    assert_int_equal(marked[2], 1);
    ek_sample_split(other, labels, COUNT, 3, 0.2, 2);
    assert_memory_not_equal(drawn, other, COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subsets_are_ascending_and_fair),
        cmocka_unit_test(a_subset_of_everything),
        cmocka_unit_test(epochs_are_permutations),
        cmocka_unit_test(splits_are_stratified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
