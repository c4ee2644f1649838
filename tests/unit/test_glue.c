/* GLUE's own files, where EK_DATA names them: rows, majority baselines, label order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"

/* Sizes and baselines: appendix of the paper (exact values from the label counts). */
static const struct {
    const char *task;
    size_t train, validation;
    double baseline;
    const char *first_label;
} expected[] = {
    {"rte", 2490, 277, 146.0 / 277, "entailment"},
    {"mrpc", 3668, 408, 2 * 279.0 / (2 * 279 + 129), "0"},
    {"cola", 8551, 1043, 0, "0"},
    {"sst2", 67349, 872, 444.0 / 872, "0"},
    {"STS-B", 5749, 1500, 0, "score"},
    {"wnli", 635, 71, 40.0 / 71, "0"},
};

static void sizes_and_baselines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        ek_error err = {0};
        ek_source source;
        ek_dataset data;
        int32_t majority;
        assert_int_equal(ek_option_defaults(&ek_source_options, &source, &err), EK_OK);
        assert_int_equal(ek_option_set(ek_option_find(&ek_source_options, "task"), &source,
                                       expected[i].task, &err),
                         EK_OK);
        assert_int_equal(ek_option_set(ek_option_find(&ek_source_options, "data"), &source,
                                       getenv("EK_DATA"), &err),
                         EK_OK);
        if (ek_dataset_load(&data, &source, 1, &err) != EK_OK) {
            fail_msg("%s", err.message);
        }
        assert_int_equal(data.split[EK_SPLIT_TRAIN].count, expected[i].train);
        assert_int_equal(data.split[EK_SPLIT_VALIDATION].count, expected[i].validation);
        assert_string_equal(data.label_names[0], expected[i].first_label);
        double baseline = ek_dataset_baseline(&data, EK_SPLIT_VALIDATION, &majority);
        assert_true(fabs(baseline - expected[i].baseline) < 1e-12);
        ek_dataset_free(&data);
        ek_option_release(&ek_source_options, &source);
    }
}

int main(void)
{
    if (!getenv("EK_DATA")) {
        print_message("EK_DATA is not set: skipped\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes_and_baselines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
