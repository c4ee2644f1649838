/* Dropout: which elements are kept, by ek_philox one at a time, and what the choice must not depend
 * on. */
#include "kernel_util.h"

#include "base/random.h"

/* kernel.h's definition, for one element. */
static bool kept(const ek_dropout *dropout, uint32_t example, uint64_t element)
{
    ek_philox_block block = ek_philox(dropout->seed, EK_STREAM_DROPOUT, dropout->step,
                                      dropout->site, example, (uint32_t)(element / 8));
    uint32_t word = block.v[element / 2 % 4];
    uint32_t bits = element % 2 ? word >> 16 : word & 0xFFFF;
    return bits >= dropout->threshold;
}

static uint64_t round_up_8(int64_t width)
{
    return ((uint64_t)width + 7) / 8 * 8;
}

static void hidden_states_follow_the_definition(void **state)
{
    (void)state;
    static const int64_t widths[] = {1, 7, 8, 9, 16, 17, 64, 100, 384, 1000, 1024, 1025, 3000};
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    for (int v = 0; v < isa_count; v++) {
        ek_compute *compute = open_variant(isas[v], 1);
        struct source source = {5, PLAIN};
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
            int64_t width = widths[w], count = 6;
            ek_rows rows = some_rows(&source, count);
            ek_dropout dropout = ek_dropout_make(0.3, next_u32(&source), 17, 4);
            const float *x = some_floats(&source, count * width);
            float *y = new_array(count * width, sizeof *y), *expected = new_array(count * width, 4);
            for (int64_t i = 0; i < count * width; i++) {
                uint64_t element =
                    rows.position[i / width] * round_up_8(width) + (uint64_t)(i % width);
                bool keep = kept(&dropout, rows.example[i / width], element);
                expected[i] = keep ? x[i] * dropout.scale : 0.0f;
            }
            ek_dropout_apply(compute, y, x, &dropout, &rows, width);
            assert_same_floats("dropped", expected, y, count * width);
            memcpy(y, x, (size_t)(count * width) * sizeof *y);
            ek_dropout_apply(compute, y, y, &dropout, &rows, width);
            assert_same_floats("dropped in place", expected, y, count * width);
            free_arrays();
        }
        ek_compute_free(compute);
    }
}

/* Positions far out: the element exceeds 32 bits, its eighth does not. */
static void elements_are_counted_in_64_bits(void **state)
{
    (void)state;
    enum { WIDTH = 1024 };
    ek_compute *compute = open_variant(EK_ISA_SCALAR, 1);
    const uint32_t example = 2, position = 30000000;
    ek_rows rows = {&example, &position, 1};
    ek_dropout dropout = ek_dropout_make(0.5, 1, 2, 3);
    float x[WIDTH], y[WIDTH];
    for (int i = 0; i < WIDTH; i++) {
        x[i] = 1;
    }
    ek_dropout_apply(compute, y, x, &dropout, &rows, WIDTH);
    for (int i = 0; i < WIDTH; i++) {
        assert_int_equal(y[i] != 0, kept(&dropout, 2, (uint64_t)position * WIDTH + (uint64_t)i));
    }
    ek_compute_free(compute);
}

/* Attention with equal scores and values of 1: each output is the number of kept keys, scaled. */
static void attention_follows_the_definition(void **state)
{
    (void)state;
    enum { LENGTH_MAX = 1100, HEADS = 2 };
    static const int32_t lengths[] = {1, 5, 11, 16, 24, 65, 128, 1100};
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    for (int v = 0; v < isa_count; v++) {
        ek_compute *compute = open_variant(isas[v], 1);
        ek_error err = {0};
        assert_int_equal(ek_compute_reserve_length(compute, LENGTH_MAX, 1, &err), EK_OK);
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            int32_t length = lengths[l], queries = 0;
            uint32_t positions[LENGTH_MAX];
            for (int32_t i = 0; i < length; i++) { /* runs of neighbours with gaps between */
                if (i % 7 != 3 && (length < 200 || i % 50 < 3)) {
                    positions[queries++] = (uint32_t)i;
                }
            }
            const int32_t offsets[] = {0, length}, query_offsets[] = {0, queries};
            const uint32_t example = 9;
            const size_t prob_offsets[] = {0, (size_t)HEADS * (size_t)queries * (size_t)length};
            ek_attention_shape shape = {1,         HEADS,    1,           offsets, query_offsets,
                                        positions, &example, prob_offsets};
            ek_dropout dropout = ek_dropout_make(0.25, 77, 5, 6);
            float *q = new_array(queries * HEADS, sizeof *q), *k = new_array(length * HEADS, 4);
            float *ones = new_array(length * HEADS, sizeof *ones);
            float *out = new_array(queries * HEADS, sizeof *out);
            float *probs = new_array((int64_t)prob_offsets[1], sizeof *probs);
            for (int32_t i = 0; i < length * HEADS; i++) {
                ones[i] = 1;
            }
            ek_attention_forward(compute, out, HEADS, probs, q, HEADS, k, ones, HEADS, &shape,
                                 &dropout);
            for (int32_t i = 0; i < queries * HEADS; i++) {
                uint64_t head = (uint64_t)(i % HEADS), row = positions[i / HEADS];
                float share = 1.0f / (float)length, expected = 0;
                for (int32_t j = 0; j < length; j++) {
                    uint64_t element =
                        (head * (uint64_t)length + row) * round_up_8(length) + (uint64_t)j;
                    if (kept(&dropout, example, element)) {
                        expected += share * dropout.scale;
                    }
                }
                assert_same_floats("kept share", &expected, &out[i], 1);
            }
            free_arrays();
        }
        ek_compute_free(compute);
    }
}

static void threshold_and_scale(void **state)
{
    (void)state;
    static const struct {
        double probability;
        uint32_t threshold;
    } cases[] = {{0, 0},    {0.1, 6554},      {0.5, 32768},
                 {1e-9, 0}, {0.99999, 65535}, {0.9999999, 65535}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ek_dropout dropout = ek_dropout_make(cases[i].probability, 1, 2, 3);
        assert_int_equal(dropout.threshold, cases[i].threshold);
        float scale = (float)(65536.0 / (65536.0 - cases[i].threshold));
        assert_same_floats("scale", &scale, &dropout.scale, 1);
    }
}

/* Off: copies, NaN payloads and all. On: a dropped NaN is gone, a kept one stays. */
static void no_dropout_copies_and_nan_is_kept_or_dropped(void **state)
{
    (void)state;
    enum { WIDTH = 200 };
    ek_compute *compute = open_variant(EK_ISA_SCALAR, 1);
    struct source source = {6, SPECIAL};
    ek_rows rows = some_rows(&source, 1);
    const float *x = some_floats(&source, WIDTH);
    float *y = new_array(WIDTH, sizeof *y), *nan = new_array(WIDTH, sizeof *nan);
    ek_dropout off = ek_dropout_make(0, 1, 2, 3), on = ek_dropout_make(0.5, 1, 2, 3);
    ek_dropout_apply(compute, y, x, &off, &rows, WIDTH);
    assert_memory_equal(x, y, WIDTH * sizeof *x);
    int lost = 0;
    for (int i = 0; i < WIDTH; i++) {
        nan[i] = NAN;
    }
    ek_dropout_apply(compute, y, nan, &on, &rows, WIDTH);
    for (int i = 0; i < WIDTH; i++) {
        assert_true(isnan(y[i]) || bits_of_float(y[i]) == 0);
        assert_int_equal(isnan(y[i]) != 0, kept(&on, rows.example[0], (uint64_t)i));
        lost += !isnan(y[i]);
    }
    assert_in_range(lost, 70, 130); /* 100 +- 4 standard deviations of 7 */
    free_arrays();
    ek_compute_free(compute);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hidden_states_follow_the_definition),
        cmocka_unit_test(elements_are_counted_in_64_bits),
        cmocka_unit_test(attention_follows_the_definition),
        cmocka_unit_test(threshold_and_scale),
        cmocka_unit_test(no_dropout_copies_and_nan_is_kept_or_dropped),
    };
    return cmocka_run_group_tests_name("kernel_dropout", tests, NULL, NULL);
}
