/* Masks: their shares, what they leave alone, and that they are a function of what they are drawn
 * for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/masking.h"

enum { LENGTH = 128, BLOCKS = 2000, MASK = 103, VOCAB = 1000 };
static const ek_mask_vocab vocab = {MASK, VOCAB};
static int32_t text[LENGTH];

static int set_up(void **state)
{
    (void)state;
    for (int32_t p = 0; p < LENGTH; p++) {
        text[p] = 200 + 5 * p; /* no id that a mask means, each its own */
    }
    return 0;
}

/* |share - expected| within 5 standard deviations of a binomial share: the seed is fixed, so this
 * fails only when the shares are wrong. */
static void check_share(const char *what, int64_t hits, int64_t of, double expected)
{
    double share = (double)hits / (double)of, sd = sqrt(expected * (1 - expected) / (double)of);
    if (fabs(share - expected) > 5 * sd) {
        fail_msg("%s: %f of %lld, expected %f", what, share, (long long)of, expected);
    }
}

static void shares(void **state)
{
    (void)state;
    const ek_tokens block = {text, NULL, LENGTH};
    int32_t ids[LENGTH], labels[LENGTH];
    int64_t chosen = 0, masked = 0, kept = 0, by_position[LENGTH] = {0}, high = 0, random = 0;
    for (uint32_t b = 0; b < BLOCKS; b++) {
        int32_t count = ek_mask_block(ids, labels, &block, &vocab, 1, EK_MASK_FIXED, b), seen = 0;
        assert_int_equal(count, ek_mask_block(NULL, NULL, &block, &vocab, 1, EK_MASK_FIXED, b));
        for (int32_t p = 0; p < LENGTH; p++) {
            if (labels[p] == EK_UNMASKED) {
                assert_int_equal(ids[p], text[p]);
                continue;
            }
            assert_int_equal(labels[p], text[p]);
            assert_in_range(ids[p], 0, VOCAB - 1);
            by_position[p]++;
            seen++;
            masked += ids[p] == MASK;
            kept += ids[p] == text[p];
            if (ids[p] != MASK && ids[p] != text[p]) {
                random++;
                high += ids[p] >= VOCAB / 2;
            }
        }
        assert_int_equal(seen, count);
        chosen += count;
    }
    assert_int_equal(by_position[0] + by_position[LENGTH - 1], 0); /* [CLS] and [SEP] */
    check_share("chosen", chosen, (int64_t)BLOCKS * (LENGTH - 2), 0.15);
    check_share("[MASK]", masked, chosen, 0.8 + 0.1 / VOCAB);
    check_share("kept", kept, chosen, 0.1 + 0.1 / VOCAB);
    check_share("upper half of the vocabulary", high, random, 0.5);
    for (int32_t p = 1; p < LENGTH - 1; p++) {
        check_share("a position", by_position[p], BLOCKS, 0.15);
    }
}

static int32_t common(uint32_t seed, uint32_t epoch, uint32_t block_index, const int32_t *labels)
{
    const ek_tokens block = {text, NULL, LENGTH};
    int32_t ids[LENGTH], other[LENGTH], same = 0;
    ek_mask_block(ids, other, &block, &vocab, seed, epoch, block_index);
    for (int32_t p = 0; p < LENGTH; p++) {
        same += labels[p] != EK_UNMASKED && other[p] != EK_UNMASKED;
    }
    return same;
}

/* Another seed, epoch or block: other masks, which share 15 % of their tokens by chance. */
static void what_moves_them(void **state)
{
    (void)state;
    const ek_tokens block = {text, NULL, LENGTH};
    int32_t ids[LENGTH], labels[LENGTH];
    int32_t count = ek_mask_block(ids, labels, &block, &vocab, 3, EK_MASK_EPOCH, 9);
    assert_int_equal(common(3, EK_MASK_EPOCH, 9, labels), count);
    assert_true(common(4, EK_MASK_EPOCH, 9, labels) < count / 2);
    assert_true(common(3, EK_MASK_EPOCH + 1, 9, labels) < count / 2);
    assert_true(common(3, EK_MASK_FIXED, 9, labels) < count / 2);
    assert_true(common(3, EK_MASK_EPOCH, 10, labels) < count / 2);
    /* A token's mask does not depend on what stands behind it. */
    const ek_tokens shorter = {text, NULL, LENGTH / 2};
    int32_t short_ids[LENGTH], short_labels[LENGTH];
    ek_mask_block(short_ids, short_labels, &shorter, &vocab, 3, EK_MASK_EPOCH, 9);
    assert_memory_equal(labels, short_labels, (LENGTH / 2 - 1) * sizeof *labels);
    assert_memory_equal(ids, short_ids, (LENGTH / 2 - 1) * sizeof *ids);
}

/* Even a block of one token has it masked: every block has a loss. */
static void never_empty(void **state)
{
    (void)state;
    for (int32_t length = 3; length < 8; length++) {
        const ek_tokens block = {text, NULL, length};
        for (uint32_t b = 0; b < 500; b++) {
            int32_t ids[8], labels[8], seen = 0;
            int32_t count = ek_mask_block(ids, labels, &block, &vocab, 1, EK_MASK_FIXED, b);
            for (int32_t p = 0; p < length; p++) {
                seen += labels[p] != EK_UNMASKED;
                assert_true(labels[p] == EK_UNMASKED || labels[p] == text[p]);
            }
            assert_true(count >= 1);
            assert_int_equal(count, seen);
            assert_int_equal(labels[0], EK_UNMASKED);
            assert_int_equal(labels[length - 1], EK_UNMASKED);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares),
        cmocka_unit_test(what_moves_them),
        cmocka_unit_test(never_empty),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
