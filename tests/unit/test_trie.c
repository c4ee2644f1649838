/* Strings to numbers: exact and longest matches, growth, and against a plain search. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "text/trie.h"

static void small(void **state)
{
    (void)state;
    static const ek_trie_entry entries[] = {
        {"a", 1, 0}, {"abc", 3, 1}, {"##a", 3, 2}, {"\xC3\xA9", 2, 3}, {"abc", 3, 4}};
    ek_trie trie = {0};
    ek_error err = {0};
    assert_int_equal(ek_trie_init(&trie, entries, 5, &err), EK_OK);
    assert_int_equal(ek_trie_find(&trie, "a", 1), 0);
    assert_int_equal(ek_trie_find(&trie, "ab", 2), -1);
    assert_int_equal(ek_trie_find(&trie, "abc", 3), 1); /* the first of two */
    assert_int_equal(ek_trie_find(&trie, "abcd", 4), -1);
    assert_int_equal(ek_trie_find(&trie, "", 0), -1);
    assert_int_equal(ek_trie_find(&trie, "\0", 1), -1);
    size_t matched = 0;
    assert_int_equal(ek_trie_longest(&trie, EK_TRIE_ROOT, "abcabc", 6, &matched), 1);
    assert_int_equal(matched, 3);
    assert_int_equal(ek_trie_longest(&trie, EK_TRIE_ROOT, "abx", 3, &matched), 0);
    assert_int_equal(matched, 1);
    assert_int_equal(ek_trie_longest(&trie, EK_TRIE_ROOT, "b", 1, &matched), -1);
    assert_int_equal(ek_trie_longest(&trie, EK_TRIE_ROOT, "\0a", 2, &matched), -1);
    uint32_t node = ek_trie_walk(&trie, "##", 2);
    assert_int_not_equal(node, EK_TRIE_ROOT);
    assert_int_equal(ek_trie_longest(&trie, node, "ab", 2, &matched), 2);
    assert_int_equal(ek_trie_walk(&trie, "x", 1), EK_TRIE_ROOT);
    ek_trie_deinit(&trie);
    ek_trie_deinit(&trie);
}

static void empty(void **state)
{
    (void)state;
    ek_trie trie = {0};
    assert_int_equal(ek_trie_init(&trie, NULL, 0, NULL), EK_OK);
    assert_int_equal(ek_trie_find(&trie, "a", 1), -1);
    ek_trie_deinit(&trie);
    static const ek_trie_entry entry = {"", 0, 5};
    assert_int_equal(ek_trie_init(&trie, &entry, 1, NULL), EK_OK);
    assert_int_equal(ek_trie_find(&trie, "", 0), 5);
    size_t matched = 0;
    assert_int_equal(ek_trie_longest(&trie, EK_TRIE_ROOT, "a", 1, &matched), -1);
    ek_trie_deinit(&trie);
}

/* Random words of few letters: many share beginnings. */
static void against_plain_search(void **state)
{
    (void)state;
    enum { COUNT = 4000, LENGTH = 12 };
    static char words[COUNT][LENGTH + 1];
    static ek_trie_entry entries[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        size_t length = 1 + ek_random_below(1, EK_STREAM_SPLIT, i, 0, 0, LENGTH);
        for (size_t k = 0; k < length; k++) {
            words[i][k] = (char)('a' + ek_random_below(1, EK_STREAM_SPLIT, i, 1, k, 3));
        }
        entries[i] = (ek_trie_entry){words[i], length, (int32_t)i};
    }
    ek_trie trie = {0};
    ek_error err = {0};
    assert_int_equal(ek_trie_init(&trie, entries, COUNT / 2, &err), EK_OK);
    for (size_t i = 0; i < COUNT; i++) { /* the second half is asked for, not entered */
        size_t best = 0, matched = 0;
        int32_t want = -1;
        for (size_t k = 0; k < COUNT / 2; k++) {
            size_t length = entries[k].length;
            if (length > best && length <= entries[i].length &&
                memcmp(words[i], words[k], length) == 0) {
                best = length;
                want = (int32_t)k;
            }
        }
        int32_t got = ek_trie_longest(&trie, EK_TRIE_ROOT, words[i], entries[i].length, &matched);
        assert_int_equal(got, want);
        assert_int_equal(matched, best);
    }
    ek_trie_deinit(&trie);
}

static void without_memory(void **state)
{
    (void)state;
    static const ek_trie_entry entry = {"a", 1, 0};
    ek_trie trie = {0};
    ek_error err = {0};
    ek_mem_fail_after(1);
    assert_int_equal(ek_trie_init(&trie, &entry, 1, &err), EK_E_MEMORY);
    ek_mem_fail_after(0);
    ek_trie_deinit(&trie);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small),
        cmocka_unit_test(empty),
        cmocka_unit_test(against_plain_search),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
