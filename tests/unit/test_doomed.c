/* What the rule for doomed runs looks at: values worked out by hand, the step of the decision, and
 * that nothing but the numbers up to it counts, in whatever order they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "study/doomed.h"

static void decision_step(void **state)
{
    (void)state;
    assert_int_equal(ek_doomed_step(189, 10), 20); /* 28.35 */
    assert_int_equal(ek_doomed_step(200, 10), 30); /* exactly 15 % */
    assert_int_equal(ek_doomed_step(199, 10), 20); /* 29.85 */
    assert_int_equal(ek_doomed_step(48, 10), 0);   /* nothing is logged by then */
    assert_int_equal(ek_doomed_step(48, 1), 7);
    assert_int_equal(ek_doomed_step(1000, 0), 0);    /* nothing is logged at all */
    for (int64_t total = 1; total < 3000; total++) { /* never after 15 % */
        assert_true(100 * ek_doomed_step(total, 7) <= 15 * total);
        assert_true(100 * (ek_doomed_step(total, 7) + 7) > 15 * total);
    }
}

#define LAYER(n) "grad_norm/bert.encoder.layer." #n ".output.dense.weight"
static const ek_metric_row logged[] = {
    {"grad_norm", 10, 1},
    {"grad_norm", 20, 10},
    {"grad_norm", 30, 100},
    {"train_loss", 10, 0.8},
    {"train_loss", 20, 0.6},
    {"train_loss", 30, 0.4},
    {"pooler_saturation", 10, 0.1},
    {"pooler_saturation", 20, 0.2},
    {"pooler_saturation", 30, 0.4},
    {"output_entropy", 10, 0.7},
    {"output_entropy", 20, 0.5},
    {"output_entropy", 30, 0.1},
    {LAYER(0), 10, 3},
    {LAYER(1), 10, 4},
    {LAYER(2), 10, 1000},
    {LAYER(3), 10, 30},
    {"grad_norm/bert.encoder.layer.0.attention.self.query.weight", 10, 0},
    {"grad_norm/classifier.weight", 10, 1e6}, /* no layer of the encoder */
    {"learning_rate", 10, 1e9},
    /* after the decision */
    {"grad_norm", 40, 1e9},
    {"train_loss", 40, (double)NAN},
    {LAYER(0), 40, 1e9},
    {LAYER(7), 40, 1e9},
};
enum { LOGGED = sizeof logged / sizeof *logged };

static void compute(double out[EK_DOOMED_FEATURES], const ek_metric_row *rows, size_t count)
{
    ek_error err = {0};
    assert_int_equal(ek_doomed_features(out, rows, count, 30, 200, &err), EK_OK);
}

static void near_to(double a, double b)
{
    assert_true(fabs(a - b) < 1e-12); /* a few operations on numbers near 1 */
}

static void known_values(void **state)
{
    (void)state;
    double f[EK_DOOMED_FEATURES];
    compute(f, logged, LOGGED);
    near_to(f[EK_DOOMED_GRAD_NORM], 1);           /* of 0, 1, 2 */
    near_to(f[EK_DOOMED_GRAD_NORM_SLOPE], 20);    /* a decade in 10 of 200 steps */
    near_to(f[EK_DOOMED_LOSS_CHANGE], 0.5 - 0.8); /* the middle one is in the later half */
    near_to(f[EK_DOOMED_LOSS_LAST], 0.4);
    near_to(f[EK_DOOMED_POOLER_SATURATION], 0.3);
    near_to(f[EK_DOOMED_OUTPUT_ENTROPY], 0.3);
    near_to(f[EK_DOOMED_BOTTOM_NORM], log10(5)); /* layers 0 and 1 of 4: 3, 4 and 0 */
    near_to(f[EK_DOOMED_BOTTOM_TOP], -1);        /* 3 over 30 */
}

static void order_does_not_matter(void **state)
{
    (void)state;
    double straight[EK_DOOMED_FEATURES], mixed[EK_DOOMED_FEATURES];
    ek_metric_row other[LOGGED + 1];
    for (size_t i = 0; i < LOGGED; i++) {
        other[i] = logged[(7 * i + 5) % LOGGED]; /* 7 and 23 have no common divisor */
    }
    compute(straight, logged, LOGGED);
    compute(mixed, other, LOGGED);
    assert_memory_equal(straight, mixed, sizeof mixed);
    /* Of a number that was logged twice the later one counts, as in the store. */
    memcpy(other, logged, sizeof logged);
    other[LOGGED] = (ek_metric_row){"train_loss", 30, 0.2};
    compute(mixed, other, LOGGED + 1);
    near_to(mixed[EK_DOOMED_LOSS_LAST], 0.2);
}

static void what_is_not_there_is_missing(void **state)
{
    (void)state;
    double f[EK_DOOMED_FEATURES];
    const ek_metric_row one[] = {{"grad_norm", 10, 10}, {"train_loss", 10, 0.5}};
    compute(f, one, 2);
    near_to(f[EK_DOOMED_GRAD_NORM], 1);
    near_to(f[EK_DOOMED_LOSS_LAST], 0.5);
    assert_true(isnan(f[EK_DOOMED_GRAD_NORM_SLOPE]) && isnan(f[EK_DOOMED_LOSS_CHANGE]));
    assert_true(isnan(f[EK_DOOMED_BOTTOM_NORM]) && isnan(f[EK_DOOMED_OUTPUT_ENTROPY]));
    /* A number that is not finite, or has no logarithm, makes its features missing, not infinite.
     */
    const ek_metric_row bad[] = {{"grad_norm", 10, 0},
                                 {"grad_norm", 20, 1},
                                 {"train_loss", 10, (double)INFINITY},
                                 {"train_loss", 20, 1}};
    compute(f, bad, 4);
    assert_true(isnan(f[EK_DOOMED_GRAD_NORM]) && isnan(f[EK_DOOMED_GRAD_NORM_SLOPE]));
    assert_true(isnan(f[EK_DOOMED_LOSS_CHANGE]));
    near_to(f[EK_DOOMED_LOSS_LAST], 1);
    compute(f, NULL, 0);
    for (size_t i = 0; i < EK_DOOMED_FEATURES; i++) {
        assert_true(isnan(f[i]));
    }
}

static void only_some_names_count(void **state)
{
    (void)state;
    assert_true(ek_doomed_looks_at("grad_norm") && ek_doomed_looks_at("output_entropy"));
    assert_true(ek_doomed_looks_at("grad_norm/roberta.encoder.layer.11.output.dense.bias"));
    assert_false(ek_doomed_looks_at("grad_norm_clipped"));
    assert_false(ek_doomed_looks_at("grad_norm/classifier.weight"));
    assert_false(ek_doomed_looks_at("grad_norm/bert.encoder.layer."));
    assert_false(ek_doomed_looks_at("update_ratio/bert.encoder.layer.0.output.dense.weight"));
    assert_false(ek_doomed_looks_at("eval_accuracy"));
}

/* Trust: four calls, all right, are the least; one wrong of ten is still enough, of nine not. */
static void trust(void **state)
{
    (void)state;
    const struct {
        size_t failed, ok, odd; /* odd: successful runs that look like failed ones */
        bool trusted;
    } cases[] = {{3, 9, 0, false}, {4, 9, 0, true}, {12, 12, 1, true}, {7, 12, 1, false}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        double features[64][EK_DOOMED_FEATURES];
        uint8_t failed[64];
        uint32_t seeds[64];
        ek_doomed_runs runs = {&features[0][0], failed, seeds, NULL, 0, 0, 20, 200};
        for (size_t i = 0; i < cases[c].failed + cases[c].ok; i++) {
            failed[i] = i < cases[c].failed;
            seeds[i] = (uint32_t)i;
            bool looks = i < cases[c].failed + cases[c].odd;
            for (size_t f = 0; f < EK_DOOMED_FEATURES; f++) {
                features[i][f] = f == EK_DOOMED_LOSS_LAST ? (looks ? 2 : 1) : (double)NAN;
            }
            runs.count++;
        }
        ek_doomed_rule rule;
        ek_error err = {0};
        char reason[200];
        assert_int_equal(ek_doomed_learn(&rule, &runs, &err), EK_OK);
        ek_doomed_reason(&rule, reason);
        assert_true(rule.known && rule.rule.found);
        assert_int_equal(rule.trusted, cases[c].trusted);
        assert_int_equal(reason[0] == '\0', cases[c].trusted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decision_step),         cmocka_unit_test(known_values),
        cmocka_unit_test(order_does_not_matter), cmocka_unit_test(what_is_not_there_is_missing),
        cmocka_unit_test(only_some_names_count), cmocka_unit_test(trust),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
