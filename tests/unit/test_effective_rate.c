/* Adam's factor against the paper's figure 6 and plain arithmetic, and the control's sum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "probe/effective_rate.h"

static ek_recipe recipe_of(const char *name)
{
    ek_error err = {0};
    ek_recipe recipe;
    assert_int_equal(ek_option_defaults(&ek_recipe_options, &recipe, &err), EK_OK);
    assert_int_equal(ek_recipe_apply(&recipe, name, &err), EK_OK);
    return recipe;
}

static ek_effective_rate rate_of(const ek_recipe *recipe, int64_t examples)
{
    ek_error err = {0};
    ek_effective_rate rate;
    if (ek_effective_rate_init(&rate, recipe, examples, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    return rate;
}

static void check(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) {
        fail_msg("got %.9g, expected %.9g", got, want);
    }
}

/* Half a unit of the last digit that is known of each. */
static void factors_of_the_paper(void **state)
{
    (void)state;
    static const struct {
        double beta2;
        int64_t t;
        double factor;
    } known[] = {{.999, 1, .316},    {.999, 2, .235},   {.999, 12, .152},  {.999, 50, .222},
                 {.999, 100, .309},  {.999, 200, .426}, {.999, 468, .611}, {.999, 1000, .795},
                 {.999, 3120, .978}, {.98, 1, 1.414},   {.98, 14, .644},   {.98, 100, .931}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        check(ek_adam_factor(.9, known[i].beta2, known[i].t), known[i].factor, 0.0005);
    }
}

/* The powers as running products in the widest type: another way to the same numbers. */
static void factors_by_products(void **state)
{
    (void)state;
    static const double betas[][2] = {{.9, .999}, {.9, .98}, {0, .5}, {.99, .9999}};
    for (size_t i = 0; i < sizeof betas / sizeof *betas; i++) {
        long double first = 1, second = 1;
        for (int64_t t = 1; t <= 5000; t++) {
            first *= (long double)betas[i][0];
            second *= (long double)betas[i][1];
            double want = (double)(sqrtl(1 - second) / (1 - first));
            /* 1 - 0.9999 has lost 4 of 16 digits, and its root keeps the rest */
            check(ek_adam_factor(betas[i][0], betas[i][1], t), want, 1e-11 * want);
        }
    }
}

/* RTE, 3 and 20 epochs of 156 updates: where the effective rate peaks, and what is left of it. */
static void rte(void **state)
{
    (void)state;
    ek_recipe devlin = recipe_of("devlin"), stable = recipe_of("stable"), debiased = devlin;
    debiased.bias_correction = true;
    ek_effective_rate plain = rate_of(&devlin, 2490), three = rate_of(&debiased, 2490);
    ek_effective_rate twenty = rate_of(&stable, 2490);
    assert_int_equal(plain.schedule.total_steps, 468);
    assert_true(plain.peak == 2e-5);
    assert_int_equal(plain.peak_at, 47); /* of steps from 0: 46 */
    assert_int_equal(three.peak_at, 149);
    check(three.peak / 2e-5, .28, .005);
    check(three.area / plain.area, .376, .0005);
    assert_int_equal(three.least_at, 12);
    check(three.least_factor, .152, .0005);
    assert_int_equal(twenty.schedule.total_steps, 3120);
    check(twenty.peak / 2e-5, .61, .005);
    check(twenty.area / twenty.plain_area, .76, .005);
    /* both views of the same recipe */
    assert_true(plain.corrected_area == three.area && three.plain_area == plain.area);
    assert_true(ek_effective_rate_factor(&plain, 7) == 1);
    check(ek_effective_rate_at(&three, 200), 2e-5 * (468 - 199) / 422 * .42585, 1e-10);
}

/* Any schedule: the control's rates add up to those of the corrected recipe. */
static void control_has_the_same_sum(void **state)
{
    (void)state;
    for (int kind = EK_SCHEDULE_LINEAR; kind <= EK_SCHEDULE_POLYNOMIAL; kind++) {
        ek_recipe recipe = recipe_of("stable");
        recipe.max_steps = 300;
        recipe.lr_scheduler = kind;
        recipe.lr_end = 3e-6;
        recipe.lr_power = 2;
        ek_effective_rate rate = rate_of(&recipe, 0);
        double sum = 0, control = 0;
        for (int64_t t = 1; t <= 300; t++) {
            sum += ek_effective_rate_at(&rate, t);
            control += ek_effective_rate_control(&rate, t);
        }
        check(control, sum, 1e-12 * sum);
        check(rate.area, sum, 1e-12 * sum);
        assert_true(control < rate.plain_area);
        recipe.bias_correction = false;
        recipe.learning_rate = rate.control_rate;
        recipe.lr_end = rate.control_end;
        ek_effective_rate again = rate_of(&recipe, 0);
        check(again.area, sum, 1e-12 * sum);
    }
}

static void refuses(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_effective_rate rate;
    ek_recipe recipe = recipe_of("devlin");
    assert_int_equal(ek_effective_rate_init(&rate, &recipe, 0, &err), EK_E_DATA);
    recipe.max_steps = 10000001;
    assert_int_equal(ek_effective_rate_init(&rate, &recipe, 1, &err), EK_E_USAGE);
    recipe.max_steps = 1;
    assert_int_equal(ek_effective_rate_init(&rate, &recipe, 0, &err), EK_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factors_of_the_paper),
        cmocka_unit_test(factors_by_products),
        cmocka_unit_test(rte),
        cmocka_unit_test(control_has_the_same_sum),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
