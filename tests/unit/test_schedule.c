/* Step counts of the paper, and the learning rate's formulas against libm where they need it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "train/schedule.h"

static ek_recipe recipe_of(const char *name)
{
    ek_error err = {0};
    ek_recipe recipe;
    assert_int_equal(ek_option_defaults(&ek_recipe_options, &recipe, &err), EK_OK);
    assert_int_equal(ek_recipe_apply(&recipe, name, &err), EK_OK);
    return recipe;
}

static ek_schedule schedule_of(const ek_recipe *recipe, int64_t examples)
{
    ek_error err = {0};
    ek_schedule schedule;
    assert_int_equal(ek_schedule_init(&schedule, recipe, examples, &err), EK_OK);
    return schedule;
}

/* Section 3 and appendix of the paper: steps at batch size 16. */
static void steps_of_the_paper(void **state)
{
    (void)state;
    static const struct {
        int64_t examples, steps_3, steps_20;
    } cases[] = {{2490, 468, 3120}, {3668, 690, 4600}, {8551, 1605, 10700}, {1000, 189, 1260}};
    ek_recipe devlin = recipe_of("devlin"), stable = recipe_of("stable");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ek_schedule three = schedule_of(&devlin, cases[i].examples);
        ek_schedule twenty = schedule_of(&stable, cases[i].examples);
        assert_int_equal(three.total_steps, cases[i].steps_3);
        assert_int_equal(twenty.total_steps, cases[i].steps_20);
        assert_int_equal(three.warmup_steps, cases[i].steps_3 / 10);
    }
}

static void linear_with_warmup(void **state)
{
    (void)state;
    ek_recipe recipe = recipe_of("devlin");
    ek_schedule schedule = schedule_of(&recipe, 2490);
    assert_true(ek_schedule_rate(&schedule, 0) == 0);
    assert_true(fabs(ek_schedule_rate(&schedule, 23) - 2e-5 * 23 / 46) < 1e-20);
    assert_true(ek_schedule_rate(&schedule, 46) == 2e-5);
    assert_true(fabs(ek_schedule_rate(&schedule, 467) - 2e-5 / 422) < 1e-20);
    assert_true(ek_schedule_rate(&schedule, 468) == 0);
}

static void rounding_of_the_warmup(void **state)
{
    (void)state;
    ek_recipe recipe = recipe_of("devlin");
    recipe.max_steps = 25;
    assert_int_equal(schedule_of(&recipe, 100).warmup_steps, 2);
    recipe.warmup_rounding = EK_WARMUP_CEIL;
    assert_int_equal(schedule_of(&recipe, 100).warmup_steps, 3);
    recipe.warmup_steps = 7;
    assert_int_equal(schedule_of(&recipe, 100).warmup_steps, 7);
    assert_int_equal(schedule_of(&recipe, 100).total_steps, 25);
}

static void other_shapes(void **state)
{
    (void)state;
    ek_recipe recipe = recipe_of("stable");
    recipe.max_steps = 1000;
    for (int64_t s = 100; s < 1000; s += 37) {
        double progress = (double)(s - 100) / 900;
        recipe.lr_scheduler = EK_SCHEDULE_COSINE;
        ek_schedule cosine = schedule_of(&recipe, 100);
        assert_true(fabs(ek_schedule_rate(&cosine, s) -
                         2e-5 * 0.5 * (1 + cos(acos(-1) * progress))) < 1e-19);
        recipe.lr_scheduler = EK_SCHEDULE_POLYNOMIAL;
        recipe.lr_power = 2;
        ek_schedule polynomial = schedule_of(&recipe, 100);
        assert_true(fabs(ek_schedule_rate(&polynomial, s) -
                         ((2e-5 - 1e-7) * pow(1 - progress, 2) + 1e-7)) < 1e-19);
        recipe.lr_scheduler = EK_SCHEDULE_CONSTANT;
        ek_schedule constant = schedule_of(&recipe, 100);
        assert_true(ek_schedule_rate(&constant, s) == 2e-5);
    }
}

static void accumulation_shortens_the_epoch(void **state)
{
    (void)state;
    ek_recipe recipe = recipe_of("devlin");
    recipe.batch_size = 8;
    recipe.gradient_accumulation_steps = 2;
    ek_schedule schedule = schedule_of(&recipe, 100); /* 13 micro-batches, 7 windows */
    assert_int_equal(schedule.batches_per_epoch, 13);
    assert_int_equal(schedule.steps_per_epoch, 7);
    assert_int_equal(schedule.total_steps, 21);
}

static void nothing_to_train_on(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_schedule schedule;
    ek_recipe recipe = recipe_of("devlin");
    assert_int_equal(ek_schedule_init(&schedule, &recipe, 0, &err), EK_E_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_of_the_paper),
        cmocka_unit_test(linear_with_warmup),
        cmocka_unit_test(rounding_of_the_warmup),
        cmocka_unit_test(other_shapes),
        cmocka_unit_test(accumulation_shortens_the_epoch),
        cmocka_unit_test(nothing_to_train_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
