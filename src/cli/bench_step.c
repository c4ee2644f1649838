/* Whole training steps: of a random model of a known shape, or of the user's model and data. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "cli/bench.h"
#include "model/model.h"
#include "train/measure.h"

/* Lengths of the examples of a batch of 16: 1,024 tokens, spread as sentence pairs are. */
static const int32_t lengths[] = {16, 28, 36, 42, 48, 54, 60, 64, 64, 68, 74, 80, 88, 94, 100, 108};
enum { BATCH = sizeof lengths / sizeof *lengths, BATCHES = 40, VOCAB = 30522 };

/* A training set of such batches; small ids are more frequent, as in text. */
static ek_status make_tokens(ek_token_set *set, ek_error *err)
{
    size_t tokens = 0, count = BATCH * BATCHES, at = 0;
    for (int32_t i = 0; i < BATCH; i++) {
        tokens += (size_t)lengths[i] * BATCHES;
    }
    *set = (ek_token_set){.count = count, .token_count = tokens, .max_length = lengths[BATCH - 1]};
    set->examples = ek_calloc(count, sizeof *set->examples);
    set->labels = ek_calloc(count, sizeof *set->labels);
    set->targets = ek_calloc(count, sizeof *set->targets);
    set->scores = ek_calloc(count, sizeof *set->scores);
    set->storage = ek_calloc(tokens, sizeof *set->storage);
    if (!set->examples || !set->labels || !set->targets || !set->scores || !set->storage) {
        ek_token_set_free(set);
        return ek_error_set(err, EK_E_MEMORY, "no memory for the benchmark's examples");
    }
    for (size_t i = 0; i < count; i++) {
        set->examples[i] =
            (ek_tokens){.input_ids = set->storage + at, .length = lengths[i % BATCH]};
        set->labels[i] = (int32_t)(i % 2);
        for (int32_t p = 0; p < lengths[i % BATCH]; p++, at++) {
            double u = ek_random_uniform(1, EK_STREAM_RESAMPLE, 9, 0, at);
            set->storage[at] = (int32_t)(u * u * u * VOCAB);
        }
    }
    return EK_OK;
}

static const ek_model_config *config_of(const ek_bench_shape *shape, ek_model_config *config)
{
    *config = (ek_model_config){
        .model_type = "bert",
        .vocab_size = VOCAB,
        .hidden_size = shape->hidden_size,
        .num_hidden_layers = shape->num_hidden_layers,
        .num_attention_heads = shape->num_attention_heads,
        .intermediate_size = shape->intermediate_size,
        .max_position_embeddings = 512,
        .type_vocab_size = 2,
        .hidden_act = EK_ACTIVATION_GELU,
        .hidden_dropout_prob = 0.1,
        .attention_probs_dropout_prob = 0.1,
        .classifier_dropout = (double)NAN,
        .initializer_range = 0.02,
        .layer_norm_eps = 1e-12,
    };
    return config;
}

static ek_status add_step_rows(ek_bench *bench, const char *shape, const ek_run_input *input,
                               int which, const ek_measurement *m, ek_error *err)
{
    double others = m->seconds, steps = (double)m->steps;
    ek_bench_row row = {.section = "step",
                        .rows = m->profile.tokens / (m->steps > 0 ? m->steps : 1),
                        .precision = (ek_precision)input->recipe->precision,
                        .threads = which == 0 ? 1 : bench->threads_max,
                        .unit = "ms"};
    double peak = 1e9 * bench->peak_flops[input->recipe->precision][which];
    if (peak == 0) {
        peak = (double)NAN; /* and so is every share */
    }
    for (int op = 0; op < EK_OP_COUNT; op++) {
        others -= m->profile.ops[op].seconds;
    }
    snprintf(row.name, sizeof row.name, "step");
    row.value = 1e3 * m->seconds_median;
    row.share = m->share_median;
    EK_TRY(ek_bench_add(bench, shape, row, err));
    for (int op = 0; op < EK_OP_COUNT; op++) {
        double seconds = m->profile.ops[op].seconds;
        snprintf(row.name, sizeof row.name, "%s", ek_op_name((ek_op)op));
        row.value = 1e3 * seconds / steps;
        row.share =
            m->profile.ops[op].flops > 0 ? m->profile.ops[op].flops / seconds / peak : (double)NAN;
        EK_TRY(ek_bench_add(bench, shape, row, err));
    }
    snprintf(row.name, sizeof row.name, "between the operations");
    row.value = 1e3 * others / steps;
    row.share = (double)NAN;
    return ek_bench_add(bench, shape, row, err);
}

/* What the optimizer would take if every row moved in every step: all parameters, and the word
 * embeddings alone. Compare with the three rows of adamw above. */
static ek_status add_dense_rows(ek_bench *bench, const char *shape, const ek_params *params,
                                const ek_recipe *recipe, int which, ek_compute *compute,
                                ek_error *err)
{
    enum { TURNS = 5 };
    ek_adamw_constants constants = ek_adamw_typical;
    constants.variant = (ek_adamw_variant)recipe->adam_variant;
    const size_t counts[2] = {params->total_count, params->rows[0].count};
    ek_arena arena;
    float *arrays[4];
    EK_TRY(ek_arena_init(&arena, 4 * (counts[0] * sizeof(float) + EK_ARENA_ALIGN), err));
    for (int i = 0; i < 4; i++) {
        arrays[i] = ek_arena_alloc(&arena, counts[0], sizeof(float));
    }
    ek_status status = EK_OK;
    for (int part = 0; part < 2 && status == EK_OK; part++) {
        double best = INFINITY;
        for (int turn = 0; turn < TURNS; turn++) {
            double started = ek_clock_seconds();
            ek_adamw_update(compute, arrays[0], arrays[1], arrays[2], arrays[3],
                            (int64_t)counts[part], &constants);
            double seconds = ek_clock_seconds() - started;
            best = seconds < best ? seconds : best;
        }
        ek_bench_row row = {.section = "step",
                            .precision = (ek_precision)recipe->precision,
                            .threads = which == 0 ? 1 : bench->threads_max,
                            .value = 1e3 * best,
                            .unit = "ms",
                            .share = (double)NAN};
        snprintf(row.name, sizeof row.name,
                 part == 0 ? "(dense adamw: all)" : "(dense adamw: embeddings)");
        status = ek_bench_add(bench, shape, row, err);
    }
    ek_arena_deinit(&arena);
    return status;
}

ek_status ek_bench_steps_of(ek_bench *bench, const char *name, const ek_run_input *input,
                            int64_t steps, ek_error *err)
{
    for (int which = 0; which < (bench->threads_max > 1 ? 2 : 1); which++) {
        ek_compute *compute;
        ek_measurement measured = {0};
        bool measured_peak = bench->peak_flops[input->recipe->precision][which] > 0;
        char what[80];
        snprintf(what, sizeof what, "steps, %s, %s, %d thread%s", name,
                 ek_precision_name((ek_precision)input->recipe->precision),
                 which == 0 ? 1 : bench->threads_max, which == 0 ? "" : "s");
        bench->tell(what);
        EK_TRY(ek_compute_new(&compute, which == 0 ? 1 : bench->threads_max, err));
        ek_status status = ek_measure_steps(&measured, input, compute, 3, steps, 60, measured_peak,
                                            bench->stop, err);
        if (status == EK_OK) {
            status = add_step_rows(bench, name, input, which, &measured, err);
        }
        if (status == EK_OK) {
            status = add_dense_rows(bench, name, &input->model->params, input->recipe, which,
                                    compute, err);
        }
        ek_compute_free(compute);
        EK_TRY(status);
    }
    return EK_OK;
}

static ek_status random_steps(ek_bench *bench, const ek_bench_shape *shape, const ek_model *model,
                              const ek_token_set *tokens, int64_t steps, ek_error *err)
{
    static const char *const metrics[] = {"accuracy", NULL};
    ek_recipe recipe;
    EK_TRY(ek_option_defaults(&ek_recipe_options, &recipe, err));
    recipe.max_steps = EK_MEASURE_STEPS_MAX;
    recipe.shuffle = false;
    recipe.eval_steps = 0;
    const ek_run_input input = {.model = model,
                                .train = tokens,
                                .validation = tokens,
                                .problem = EK_PROBLEM_CLASSIFICATION,
                                .metrics = metrics,
                                .reported = "accuracy",
                                .recipe = &recipe,
                                .seeds = {1, 1, 1, 1, 1}};
    for (int p = 0; p < EK_PRECISION_COUNT; p++) {
        recipe.precision = p;
        if (ek_bench_wants(bench, (ek_precision)p)) {
            EK_TRY(ek_bench_steps_of(bench, shape->name, &input, steps, err));
        }
    }
    return EK_OK;
}

ek_status ek_bench_step(ek_bench *bench, const ek_bench_shape *shape, int64_t steps, ek_error *err)
{
    ek_model model;
    ek_model_config config;
    ek_token_set tokens;
    EK_TRY(make_tokens(&tokens, err));
    ek_status status = ek_model_random(&model, config_of(shape, &config), 2, err);
    if (status == EK_OK) {
        status = random_steps(bench, shape, &model, &tokens, steps, err);
        ek_model_close(&model);
    }
    ek_token_set_free(&tokens);
    return status;
}
