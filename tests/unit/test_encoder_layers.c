/* The output of a layer inside a deep encoder is that of an encoder that ends there: the same bits,
 * though one computes all rows and the other only those of [CLS]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "model/encoder.h"
#include "model/model.h"

enum { EXAMPLES = 5, LAYERS = 4, HIDDEN = 32, MOST = 64 };

static int32_t ids[EXAMPLES][12];

static void fill(ek_batch *batch)
{
    ek_tokens examples[EXAMPLES];
    for (int e = 0; e < EXAMPLES; e++) {
        examples[e] = (ek_tokens){.input_ids = ids[e], .length = 4 + 2 * (e % 4)};
        for (int t = 0; t < examples[e].length; t++) {
            ids[e][t] = (e * 7 + t * 3) % 50;
        }
    }
    ek_batch_fill(batch, examples, EXAMPLES, 0);
}

typedef struct {
    ek_arena arena;
    ek_batch batch;
    ek_encoder encoder;
} room;

static void plan(room *r, const ek_model_config *config, const ek_param_offsets *offsets,
                 bool train)
{
    ek_error err = {0};
    const ek_encoder_limits limits = {.max_examples = EXAMPLES,
                                      .max_tokens = MOST,
                                      .max_length = 12,
                                      .max_wanted = EXAMPLES,
                                      .train = train,
                                      .precision = EK_PRECISION_FP32};
    r->arena = ek_arena_measure();
    for (int real = 0; real < 2; real++) {
        size_t bytes = r->arena.used_bytes;
        if (real) {
            assert_int_equal(ek_arena_init(&r->arena, bytes, &err), EK_OK);
        }
        ek_batch_plan(&r->batch, &r->arena, EXAMPLES, MOST);
        ek_encoder_plan(&r->encoder, &r->arena, config, offsets, &limits);
    }
    fill(&r->batch);
}

static void same_as_a_shorter_encoder(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_model model = {0};
    ek_compute *compute;
    const ek_model_config config = {.model_type = "bert",
                                    .vocab_size = 50,
                                    .hidden_size = HIDDEN,
                                    .num_hidden_layers = LAYERS,
                                    .num_attention_heads = 2,
                                    .intermediate_size = 48,
                                    .max_position_embeddings = 16,
                                    .type_vocab_size = 2,
                                    .hidden_act = EK_ACTIVATION_GELU,
                                    .initializer_range = 0.3,
                                    .layer_norm_eps = 1e-12};
    assert_int_equal(ek_model_random(&model, &config, 2, &err), EK_OK);
    float *weights = ek_calloc(model.params.total_count, sizeof *weights);
    ek_model_init_run(&model, weights, 3);
    assert_int_equal(ek_compute_new(&compute, 1, &err), EK_OK);
    room deep, shallow;
    const ek_encoder_options options = {.addend_layer = -1};
    plan(&deep, &model.config, &model.offsets, true);
    ek_encoder_forward(&deep.encoder, compute, weights, &deep.batch, &options);
    float before[EXAMPLES * HIDDEN] = {0};
    for (int32_t layers = 1; layers <= LAYERS; layers++) {
        ek_model_config cut = model.config;
        cut.num_hidden_layers = layers;
        plan(&shallow, &cut, &model.offsets, false);
        ek_encoder_forward(&shallow.encoder, compute, weights, &shallow.batch, &options);
        assert_int_equal(shallow.encoder.wanted_count, EXAMPLES);
        assert_int_not_equal(memcmp(before, shallow.encoder.hidden, sizeof before), 0);
        memcpy(before, shallow.encoder.hidden, sizeof before);
        const float *output = ek_encoder_layer_output(&deep.encoder, layers - 1);
        for (int e = 0; e < EXAMPLES; e++) {
            int row = layers < LAYERS ? deep.batch.offsets[e] : e;
            assert_memory_equal(output + row * HIDDEN, before + e * HIDDEN, HIDDEN * sizeof(float));
        }
        ek_arena_deinit(&shallow.arena);
    }
    ek_arena_deinit(&deep.arena);
    ek_compute_free(compute);
    ek_free(weights);
    ek_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_as_a_shorter_encoder)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
