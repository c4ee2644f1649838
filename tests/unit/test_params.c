/* Names of parameters and where they stand: the table and the reader of names agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "model/params.h"

static void check_table(int32_t num_labels)
{
    ek_error err = {0};
    ek_params params;
    ek_param_offsets offsets;
    const ek_model_config config = {.vocab_size = 10,
                                    .hidden_size = 4,
                                    .num_hidden_layers = 12,
                                    .num_attention_heads = 2,
                                    .intermediate_size = 8,
                                    .max_position_embeddings = 6,
                                    .type_vocab_size = 2};
    assert_int_equal(ek_params_build(&params, &offsets, &config, num_labels, &err), EK_OK);
    for (size_t i = 0; i < params.count; i++) {
        const ek_param *row = &params.rows[i];
        int32_t layer = 77;
        ek_param_group group = EK_GROUP_COUNT;
        assert_true(ek_param_place(row->name, &layer, &group));
        assert_int_equal(group, row->group);
        assert_int_equal(layer, row->is_head ? INT32_MAX : row->layer);
        if (strncmp(row->name, "bert.", 5) == 0) { /* without prefix, and with another family's */
            char other[128];
            snprintf(other, sizeof other, "roberta.%s", row->name + 5);
            assert_true(ek_param_place(row->name + 5, &layer, &group));
            assert_int_equal(group, row->group);
            assert_true(ek_param_place(other, &layer, &group));
            assert_int_equal(group, row->group);
        }
    }
    ek_params_free(&params, &offsets);
}

static void the_table_and_the_reader_agree(void **state)
{
    (void)state;
    check_table(3);
    check_table(0);
}

static void what_is_no_parameter(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",
        ".",
        "bert.",
        "grad_norm",
        "encoder.layer.",
        "encoder.layer.x.output.dense.weight",
        "encoder.layer.-1.output.dense.weight",
        "encoder.layer.99999999999.output.dense.weight",
        "encoder.layer.1",
        "encoder.layer.1output.dense.weight",
        "output.dense.weight",                     /* of no layer */
        "bert.encoder.layer.0.pooler.dense.weight" /* in a layer */
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int32_t layer;
        ek_param_group group;
        assert_false(ek_param_place(names[i], &layer, &group));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_and_the_reader_agree),
        cmocka_unit_test(what_is_no_parameter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
