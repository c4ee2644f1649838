/* Special tokens around the texts, and both rules of cutting, against the libraries' lengths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden_lines.h"
#include "text/template.h"

static void cuts(void **state)
{
    (void)state;
    int fast = 0, slow = 0;
    golden_open();
    while (golden_next("cut")) {
        ek_truncation rule = *golden_field() == 's' ? EK_TRUNCATION_SLOW : EK_TRUNCATION_FAST;
        size_t budget = (size_t)golden_number();
        size_t first = (size_t)golden_number(), second = (size_t)golden_number();
        assert_string_equal(golden_field(), ":");
        ek_truncate_longest_first(&first, &second, budget, rule);
        assert_int_equal(first, golden_number());
        assert_int_equal(second, golden_number());
        *(rule == EK_TRUNCATION_SLOW ? &slow : &fast) += 1;
    }
    golden_close();
    assert_true(fast > 500 && slow > 50);
}

/* The slow rule as it is told: one token at a time from the longer, from the second of equals. */
static void one_at_a_time(void **state)
{
    (void)state;
    for (size_t budget = 0; budget < 20; budget++) {
        for (size_t shape = 0; shape < 24 * 24; shape++) {
            size_t text = shape / 24, pair = shape % 24;
            size_t cut_text = text, cut_pair = pair;
            while (cut_text + cut_pair > budget) {
                *(cut_text > cut_pair ? &cut_text : &cut_pair) -= 1;
            }
            ek_truncate_longest_first(&text, &pair, budget, EK_TRUNCATION_SLOW);
            assert_int_equal(text, cut_text);
            assert_int_equal(pair, cut_pair);
        }
    }
}

static void known_cuts(void **state)
{
    (void)state;
    static const size_t rows[][5] = {/* first, second, budget, kept, kept by the fast rule */
                                     {63, 63, 125, 62, 63},
                                     {70, 200, 125, 62, 63},
                                     {200, 70, 125, 63, 62}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t text = rows[i][0], pair = rows[i][1];
        ek_truncate_longest_first(&text, &pair, rows[i][2], EK_TRUNCATION_FAST);
        assert_int_equal(text, rows[i][3]);
        assert_int_equal(pair, rows[i][4]);
        text = rows[i][0];
        pair = rows[i][1];
        ek_truncate_longest_first(&text, &pair, rows[i][2], EK_TRUNCATION_SLOW);
        assert_int_equal(text, 63);
        assert_int_equal(pair, 62);
    }
}

static void frames(void **state)
{
    (void)state;
    static const int32_t text[] = {7, 8}, pair[] = {9};
    int32_t ids[8], types[8];
    ek_template form = ek_template_bert(1, 2, true);
    assert_int_equal(ek_template_special_count(&form), 3);
    static const int32_t want_ids[] = {1, 7, 8, 2, 9, 2}, want_types[] = {0, 0, 0, 0, 1, 1};
    assert_int_equal(ek_template_apply(&form, ids, types, text, 2, pair, 1), 6);
    assert_memory_equal(ids, want_ids, sizeof want_ids);
    assert_memory_equal(types, want_types, sizeof want_types);
    form = ek_template_bert(1, 2, false);
    assert_int_equal(ek_template_special_count(&form), 2);
    assert_int_equal(ek_template_apply(&form, ids, types, NULL, 0, NULL, 0), 2);
    assert_true(ids[0] == 1 && ids[1] == 2 && types[1] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts),
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(known_cuts),
        cmocka_unit_test(frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
