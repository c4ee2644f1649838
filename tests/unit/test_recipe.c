/* The recipes carry the paper's numbers, and settings that cannot be are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "kernel/kernel.h"
#include "train/recipe.h"

static ek_recipe recipe_of(const char *name)
{
    ek_error err = {0};
    ek_recipe recipe;
    assert_int_equal(ek_option_defaults(&ek_recipe_options, &recipe, &err), EK_OK);
    assert_int_equal(ek_recipe_apply(&recipe, name, &err), EK_OK);
    assert_int_equal(ek_recipe_check(&recipe, &err), EK_OK);
    return recipe;
}

static void paper_numbers(void **state)
{
    (void)state;
    ek_recipe stable = recipe_of("stable"), devlin = recipe_of("devlin");
    assert_true(stable.num_train_epochs == 20);
    assert_true(devlin.num_train_epochs == 3);
    assert_true(stable.bias_correction);
    assert_false(devlin.bias_correction);
    const ek_recipe *both[] = {&stable, &devlin};
    for (int i = 0; i < 2; i++) {
        assert_true(both[i]->learning_rate == 2e-5);
        assert_int_equal(both[i]->batch_size, 16);
        assert_true(both[i]->warmup_ratio == 0.1);
        assert_int_equal(both[i]->warmup_rounding, EK_WARMUP_FLOOR);
        assert_true(both[i]->weight_decay == 0.01);
        assert_true(both[i]->adam_epsilon == 1e-6);
        assert_true(both[i]->adam_beta1 == 0.9);
        assert_true(both[i]->adam_beta2 == 0.999);
        assert_true(both[i]->max_grad_norm == 1);
        assert_int_equal(both[i]->max_seq_length, 128);
        assert_int_equal(both[i]->adam_variant, EK_ADAMW_MOSBACH);
        assert_int_equal(both[i]->lr_scheduler, EK_SCHEDULE_LINEAR);
        assert_true(isnan(both[i]->dropout));
    }
}

static void trainer_defaults(void **state)
{
    (void)state;
    ek_recipe hf = recipe_of("hf");
    assert_true(hf.learning_rate == 5e-5);
    assert_int_equal(hf.batch_size, 8);
    assert_true(hf.warmup_ratio == 0);
    assert_true(hf.weight_decay == 0);
    assert_true(hf.adam_epsilon == 1e-8);
    assert_int_equal(hf.adam_variant, EK_ADAMW_TORCH);
    assert_true(hf.bias_correction);
}

static void unknown_names_are_explained(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_recipe recipe;
    assert_int_equal(ek_option_defaults(&ek_recipe_options, &recipe, &err), EK_OK);
    assert_int_equal(ek_recipe_apply(&recipe, "stabel", &err), EK_E_USAGE);
    assert_non_null(strstr(err.message, "stable"));
    assert_non_null(strstr(err.message, "stabel"));
}

static void contradictions_are_refused(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_recipe recipe = recipe_of("stable");
    recipe.log_gradients = true;
    recipe.logging_steps = 0;
    assert_int_equal(ek_recipe_check(&recipe, &err), EK_E_USAGE);
    assert_non_null(strstr(err.message, "logging_steps"));
    recipe = recipe_of("stable");
    recipe.lr_scheduler = EK_SCHEDULE_POLYNOMIAL;
    recipe.lr_end = 1;
    assert_int_equal(ek_recipe_check(&recipe, &err), EK_E_USAGE);
}

static void count_visits(void *user, const ek_option *row)
{
    assert_non_null(row);
    ++*(int *)user;
}

static void visiting_names_what_a_recipe_sets(void **state)
{
    (void)state;
    ek_error err = {0};
    int visits = 0;
    assert_int_equal(ek_recipe_visit("devlin", count_visits, &visits, &err), EK_OK);
    assert_int_equal(visits, 2);
}

static void other_peoples_names(void **state)
{
    (void)state;
    static const char *const names[] = {"per_device_train_batch_size", "lr-scheduler-type",
                                        "max_train_samples", "learning-rate"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_non_null(ek_option_find(&ek_recipe_options, names[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paper_numbers),
        cmocka_unit_test(trainer_defaults),
        cmocka_unit_test(unknown_names_are_explained),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(visiting_names_what_a_recipe_sets),
        cmocka_unit_test(other_peoples_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
