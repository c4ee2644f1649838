/* One run on the tiny model: it learns, its seeds do what their names say, its bits hold still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/run.h"

enum { TRAIN = 96, VALIDATION = 64, LENGTH_MAX = 14 };
static const char *const metrics[EK_TASK_METRICS_MAX] = {"accuracy", "f1"};

static ek_model model;
static ek_compute *compute;
static ek_token_set train, validation;

/* Label 1 iff token 40 occurs: easy, but not linear in the positions. */
static void make_set(ek_token_set *set, size_t count, uint32_t salt)
{
    *set = (ek_token_set){.count = count, .max_length = LENGTH_MAX};
    set->examples = calloc(count, sizeof *set->examples);
    set->labels = calloc(count, sizeof *set->labels);
    set->targets = calloc(count, sizeof *set->targets);
    set->scores = calloc(count, sizeof *set->scores);
    set->storage = calloc(count * LENGTH_MAX, sizeof(int32_t));
    set->type_storage = calloc(count * LENGTH_MAX, sizeof(int32_t));
    for (size_t i = 0; i < count; i++) {
        int32_t *ids = set->storage + i * LENGTH_MAX;
        uint32_t draw = (uint32_t)(i * 2654435761u + salt * 40503u);
        int32_t length = 5 + (int32_t)(draw >> 8) % (LENGTH_MAX - 4);
        for (int32_t t = 0; t < length; t++) {
            draw = draw * 1664525u + 1013904223u;
            ids[t] = 5 + (int32_t)(draw >> 16) % 30;
        }
        set->labels[i] = (int32_t)(i % 3 != 0);
        if (set->labels[i]) {
            ids[1 + (int32_t)(draw >> 20) % (length - 1)] = 40;
        }
        set->targets[i] = (float)set->labels[i];
        set->scores[i] = set->labels[i];
        set->examples[i] = (ek_tokens){ids, set->type_storage + i * LENGTH_MAX, length};
    }
}

static ek_recipe quick_recipe(void)
{
    ek_error err = {0};
    ek_recipe recipe;
    assert_int_equal(ek_option_defaults(&ek_recipe_options, &recipe, &err), EK_OK);
    recipe.learning_rate = 3e-3;
    recipe.num_train_epochs = 3;
    return recipe;
}

static ek_run_input input_of(const ek_recipe *recipe)
{
    return (ek_run_input){.model = &model,
                          .train = &train,
                          .validation = &validation,
                          .problem = EK_PROBLEM_CLASSIFICATION,
                          .metrics = metrics,
                          .reported = "accuracy",
                          .baseline = 42.0 / 64,
                          .recipe = recipe,
                          .seeds = {1, 1, 1, 1, 1}};
}

static void hash_of(const ek_run_input *input, ek_compute *with, char hash[65])
{
    ek_error err = {0};
    ek_run_result result;
    assert_int_equal(ek_run_execute(&result, input, with, NULL, &err), EK_OK);
    memcpy(hash, result.weights_hash, 65);
    ek_run_result_free(&result);
}

static void it_learns(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_recipe recipe = quick_recipe();
    recipe.num_train_epochs = 40;
    ek_run_input input = input_of(&recipe);
    ek_run_result result;
    assert_int_equal(ek_run_execute(&result, &input, compute, NULL, &err), EK_OK);
    assert_int_equal(result.outcome, EK_OUTCOME_OK);
    assert_true(result.score > 0.85);
    assert_true(result.best_score >= result.score);
    assert_int_equal(result.total_steps, 40 * 6);
    ek_run_result_free(&result);
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_recipe recipe = quick_recipe();
    ek_run_input input = input_of(&recipe);
    char one[65], many[65];
    hash_of(&input, compute, one);
    for (int threads = 2; threads <= 4; threads++) {
        ek_compute *parallel;
        assert_int_equal(ek_compute_new(&parallel, threads, &err), EK_OK);
        hash_of(&input, parallel, many);
        assert_string_equal(one, many);
        ek_compute_free(parallel);
    }
}

static void change_threads(void *user, int64_t step, int64_t total)
{
    (void)total;
    ek_compute_set_threads(user, (int)(step % 5)); /* 0 and 4 are out of range */
}

/* Cores come and go while a run is at work. */
static void threads_may_change_between_steps(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_recipe recipe = quick_recipe();
    ek_run_input input = input_of(&recipe);
    ek_run_result result;
    ek_compute *parallel;
    char one[65];
    hash_of(&input, compute, one);
    assert_int_equal(ek_compute_new(&parallel, 3, &err), EK_OK);
    ek_compute_set_threads(parallel, 0);
    assert_int_equal(ek_compute_threads(parallel), 1);
    ek_compute_set_threads(parallel, 4);
    assert_int_equal(ek_compute_threads(parallel), 3);
    ek_run_sink sink = {.user = parallel, .progress = change_threads};
    assert_int_equal(ek_run_execute(&result, &input, parallel, &sink, &err), EK_OK);
    assert_string_equal(result.weights_hash, one);
    ek_run_result_free(&result);
    ek_compute_free(parallel);
}

/* The last run on a model may train in its weights. */
static void weights_may_be_the_models(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_recipe recipe = quick_recipe();
    ek_run_input input = input_of(&recipe);
    ek_run_result result;
    ek_model last;
    char one[65];
    hash_of(&input, compute, one);
    assert_int_equal(ek_model_open(&last, model.dir, &(ek_model_options){.num_labels = 2}, &err),
                     EK_OK);
    size_t bytes = ek_run_bytes(&input, 1);
    input.model = &last;
    input.weights = last.weights;
    input.keep_weights = true;
    assert_true(ek_run_bytes(&input, 1) + last.params.total_count * sizeof(float) <= bytes);
    assert_int_equal(ek_run_execute(&result, &input, compute, NULL, &err), EK_OK);
    assert_string_equal(result.weights_hash, one);
    assert_ptr_equal(result.weights, last.weights);
    ek_run_result_free(&result);
    ek_model_close(&last);
}

static int longer(const void *a, const void *b)
{
    return ((const ek_tokens *)b)->length - ((const ek_tokens *)a)->length;
}

/* The room for attention is that of the longest examples, and every batch of evaluation fits. */
static void squares_are_planned(void **state)
{
    (void)state;
    const ek_token_set *sets[] = {&train, &validation, NULL};
    ek_workspace work;
    for (int32_t batch_size = 1; batch_size <= 16; batch_size += 5) {
        ek_arena plan = ek_arena_measure();
        int64_t largest = 0;
        ek_workspace_plan(&work, &plan, &model.config, &model.offsets, 2, sets, 3, batch_size,
                          EK_PRECISION_FP32, true);
        const ek_encoder_limits *limits = &work.encoder.limits;
        for (int s = 0; s < 2; s++) {
            size_t count = sets[s]->count;
            ek_tokens *sorted = calloc(count, sizeof *sorted);
            memcpy(sorted, sets[s]->examples, count * sizeof *sorted);
            qsort(sorted, count, sizeof *sorted, longer);
            for (size_t first = 0; first < count;) {
                int64_t tokens = 0, squares = 0, examples = 0;
                while (first < count && examples < limits->max_examples &&
                       tokens + sorted[first].length <= limits->max_tokens) {
                    int64_t length = sorted[first++].length;
                    tokens += length;
                    squares += length * length;
                    examples++;
                }
                assert_true(examples > 0);
                assert_true(squares <= limits->max_squares);
                largest = squares > largest ? squares : largest;
            }
            free(sorted);
        }
        /* The last example counted may not fit any more. */
        assert_true(limits->max_squares <=
                    largest + (int64_t)limits->max_length * limits->max_length);
    }
}

static void each_seed_drives_its_own_effect(void **state)
{
    (void)state;
    ek_recipe recipe = quick_recipe();
    recipe.train_examples = 50;
    ek_run_input input = input_of(&recipe);
    char base[65], other[65];
    hash_of(&input, compute, base);
    hash_of(&input, compute, other);
    assert_string_equal(base, other);
    uint32_t *const seeds[] = {&input.seeds.init, &input.seeds.order, &input.seeds.dropout,
                               &input.seeds.subset};
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        *seeds[i] = 2;
        hash_of(&input, compute, other);
        assert_string_not_equal(base, other);
        *seeds[i] = 1;
    }
    /* Without their effect, seeds do nothing. */
    recipe.dropout = 0;
    recipe.shuffle = false;
    recipe.train_examples = 0;
    hash_of(&input, compute, base);
    input.seeds.order = input.seeds.dropout = input.seeds.subset = input.seeds.split = 7;
    hash_of(&input, compute, other);
    assert_string_equal(base, other);
}

static void accumulation_is_one_batch(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_recipe whole = quick_recipe(), halves = quick_recipe();
    whole.dropout = halves.dropout = 0.1; /* the masks are the same too */
    halves.batch_size = 8;
    halves.gradient_accumulation_steps = 2;
    ek_run_input a = input_of(&whole), b = input_of(&halves);
    ek_run_result x, y;
    a.keep_weights = b.keep_weights = true;
    assert_int_equal(ek_run_execute(&x, &a, compute, NULL, &err), EK_OK);
    assert_int_equal(ek_run_execute(&y, &b, compute, NULL, &err), EK_OK);
    assert_int_equal(x.total_steps, y.total_steps);
    /* Only the order of float sums differs; Adam's division amplifies it where gradients are near
     * zero, so the bound is on the mean distance after 18 steps of size up to 3e-3. */
    double distance = 0, size = 0;
    for (size_t i = 0; i < model.params.total_count; i++) {
        distance += fabs((double)x.weights[i] - (double)y.weights[i]);
        size += fabs((double)x.weights[i]);
    }
    assert_true(distance < 1e-4 * size);
    ek_run_result_free(&x);
    ek_run_result_free(&y);
}

struct log {
    int train_loss, rates, norms, tensor_norms, ratios, evaluations;
    int clipped, saturations, entropies, train_evaluations;
    double entropy, norm, clipped_norm, train_eval_loss;
    int64_t stop_at, last_step;
    double first_loss, last_loss, first_rate;
};

static void on_metric(void *user, const char *name, int64_t step, double value)
{
    struct log *log = user;
    (void)step;
    if (strcmp(name, "train_loss") == 0) {
        if (log->train_loss++ == 0) {
            log->first_loss = value;
        }
        log->last_loss = value;
    } else if (strcmp(name, "learning_rate") == 0) {
        if (log->rates++ == 0) {
            log->first_rate = value;
        }
    } else if (strcmp(name, "grad_norm") == 0) {
        log->norms++;
        log->norm = value;
    } else if (strcmp(name, "grad_norm_clipped") == 0) {
        log->clipped++;
        log->clipped_norm = value;
    } else if (strncmp(name, "update_ratio/", 13) == 0) {
        log->ratios++;
    } else if (strcmp(name, "pooler_saturation") == 0) {
        log->saturations++;
        assert_true(value >= 0 && value <= 1);
    } else if (strcmp(name, "output_entropy") == 0) {
        log->entropies++;
        log->entropy = value;
    } else if (strcmp(name, "train_eval_loss") == 0) {
        log->train_evaluations++;
        log->train_eval_loss = value;
    } else if (strncmp(name, "grad_norm/bert.", 15) == 0 ||
               strncmp(name, "grad_norm/classifier.", 21) == 0) {
        log->tensor_norms++;
    } else if (strcmp(name, "eval_accuracy") == 0) {
        log->evaluations++;
    }
}

static void on_progress(void *user, int64_t step, int64_t total)
{
    assert_true(step <= total);
    ((struct log *)user)->last_step = step;
}

static bool on_stop(void *user)
{
    struct log *log = user;
    return log->stop_at > 0 && log->last_step >= log->stop_at;
}

static void what_is_logged(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_recipe recipe = quick_recipe();
    recipe.logging_steps = 4;
    recipe.log_gradients = true;
    ek_run_input input = input_of(&recipe);
    struct log log = {0};
    ek_run_sink sink = {&log, on_metric, on_progress, on_stop};
    ek_run_result result;
    assert_int_equal(ek_run_execute(&result, &input, compute, &sink, &err), EK_OK);
    /* 18 steps: logged at 4, 8, 12, 16 and, being the last, 18. */
    assert_int_equal(log.train_loss, 5);
    assert_int_equal(log.rates, 5);
    assert_int_equal(log.norms, 5);
    assert_int_equal(log.tensor_norms, 5 * (int)model.params.count);
    assert_int_equal(log.ratios, log.tensor_norms);
    assert_int_equal(log.clipped, 5);
    assert_true(fabs(log.clipped_norm - fmin(log.norm, recipe.max_grad_norm)) < 1e-5);
    assert_int_equal(log.saturations, 5);
    assert_int_equal(log.entropies, 5);
    assert_true(log.entropy > 0 && log.entropy <= 0.6931471805599453 /* ln 2 */ + 1e-12);
    assert_int_equal(log.train_evaluations, 0);
    assert_int_equal(log.evaluations, 3);
    assert_true(log.last_loss < log.first_loss);
    ek_run_result_free(&result);

    /* Logging changes no bit; the training loss of a full pass is that of the trained weights. */
    char plain[65], watched[65];
    ek_recipe silent = quick_recipe();
    ek_run_input silent_input = input_of(&silent);
    hash_of(&silent_input, compute, plain);
    recipe.eval_train = true;
    log = (struct log){0};
    assert_int_equal(ek_run_execute(&result, &input, compute, &sink, &err), EK_OK);
    memcpy(watched, result.weights_hash, sizeof watched);
    assert_string_equal(plain, watched);
    assert_int_equal(log.train_evaluations, 1);
    ek_run_result_free(&result);
    ek_run_input on_train = input;
    on_train.validation = &train;
    assert_int_equal(ek_run_execute(&result, &on_train, compute, NULL, &err), EK_OK);
    assert_true(result.predictions.loss == log.train_eval_loss);
    ek_run_result_free(&result);

    /* A run that is told to stop says so. */
    log.stop_at = 3;
    assert_int_equal(ek_run_execute(&result, &input, compute, &sink, &err), EK_E_INTERRUPTED);
    assert_non_null(strstr(err.message, "step 3 of 18"));

    /* eval_steps 0: only at the end; 5: at 5, 10, 15 and the end. */
    struct log end_only = {0}, every_5 = {0};
    recipe.eval_steps = 0;
    sink.user = &end_only;
    assert_int_equal(ek_run_execute(&result, &input, compute, &sink, &err), EK_OK);
    assert_int_equal(end_only.evaluations, 1);
    ek_run_result_free(&result);
    recipe.eval_steps = 5;
    sink.user = &every_5;
    assert_int_equal(ek_run_execute(&result, &input, compute, &sink, &err), EK_OK);
    assert_int_equal(every_5.evaluations, 4);
    ek_run_result_free(&result);
}

static void evaluation_does_not_change_the_run(void **state)
{
    (void)state;
    ek_recipe recipe = quick_recipe();
    ek_run_input input = input_of(&recipe);
    char each_epoch[65], often[65], never[65];
    hash_of(&input, compute, each_epoch);
    recipe.eval_steps = 1;
    hash_of(&input, compute, often);
    recipe.eval_steps = 0;
    recipe.logging_steps = 0;
    hash_of(&input, compute, never);
    assert_string_equal(each_epoch, often);
    assert_string_equal(each_epoch, never);
}

static void best_is_not_last(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_recipe recipe = quick_recipe();
    recipe.num_train_epochs = 12;
    recipe.report_checkpoint = EK_CHECKPOINT_BEST;
    ek_run_input input = input_of(&recipe);
    ek_run_result best, shortened;
    assert_int_equal(ek_run_execute(&best, &input, compute, NULL, &err), EK_OK);
    assert_true(best.score == best.best_score);
    ek_run_result_free(&best);
    recipe.report_checkpoint = EK_CHECKPOINT_LAST;
    assert_int_equal(ek_run_execute(&shortened, &input, compute, NULL, &err), EK_OK);
    assert_true(shortened.score <= shortened.best_score);
    ek_run_result_free(&shortened);
}

static void failed_and_diverged(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_recipe recipe = quick_recipe();
    ek_run_input input = input_of(&recipe);
    ek_run_result result;
    recipe.learning_rate = 0; /* nothing is learned; a bar that luck cannot clear */
    input.baseline = 1;
    assert_int_equal(ek_run_execute(&result, &input, compute, NULL, &err), EK_OK);
    assert_int_equal(result.outcome, EK_OUTCOME_FAILED);
    assert_true(result.nonfinite_step < 0);
    ek_run_result_free(&result);

    recipe.learning_rate = 1e9;
    recipe.max_grad_norm = 0;
    recipe.weight_decay = 10; /* w is multiplied by 1 - 1e10 a step */
    assert_int_equal(ek_run_execute(&result, &input, compute, NULL, &err), EK_OK);
    assert_int_equal(result.outcome, EK_OUTCOME_DIVERGED);
    assert_true(result.nonfinite_step > 0);
    assert_false(isnan(result.score)); /* what its predictions give: class 0 everywhere */
    assert_true(fabs(result.score - 22.0 / 64) < 1e-12);
    ek_run_result_free(&result);
}

struct oracle {
    int asked;
    bool answer;
    ek_status status;
};

static ek_status ask(void *user, bool *doomed, ek_error *err)
{
    struct oracle *oracle = user;
    oracle->asked++;
    *doomed = oracle->answer;
    return oracle->status == EK_OK ? EK_OK : ek_error_set(err, oracle->status, "no answer");
}

/* Where the rate is constant, a run that is ended at step 7 is the run of 7 steps. */
static void ended_early(void **state)
{
    (void)state;
    ek_error err = {0};
    ek_recipe recipe = quick_recipe();
    recipe.lr_scheduler = EK_SCHEDULE_CONSTANT;
    recipe.warmup_ratio = 0;
    ek_run_input input = input_of(&recipe);
    ek_run_result early, whole;
    char untouched[65];
    struct oracle oracle = {.answer = true};
    hash_of(&input, compute, untouched);
    input.early = (ek_early_stop){7, ask, &oracle}; /* an epoch has 6 steps */
    input.baseline = 0;
    assert_int_equal(ek_run_execute(&early, &input, compute, NULL, &err), EK_OK);
    assert_int_equal(oracle.asked, 1);
    assert_int_equal(early.outcome, EK_OUTCOME_DOOMED); /* though above the baseline */
    assert_string_equal(ek_outcome_name(early.outcome), "doomed");
    assert_int_equal(early.total_steps, 18);
    recipe.max_steps = 7;
    input.early = (ek_early_stop){0};
    assert_int_equal(ek_run_execute(&whole, &input, compute, NULL, &err), EK_OK);
    assert_string_equal(early.weights_hash, whole.weights_hash);
    assert_true(early.score == whole.score);
    assert_memory_equal(early.predictions.logits, whole.predictions.logits,
                        VALIDATION * 2 * sizeof(float));
    ek_run_result_free(&early);
    ek_run_result_free(&whole);

    /* A no leaves the run as it is; a failure to answer is the run's. */
    recipe.max_steps = 0;
    oracle = (struct oracle){.answer = false};
    input.early = (ek_early_stop){7, ask, &oracle};
    char asked[65];
    hash_of(&input, compute, asked);
    assert_string_equal(asked, untouched);
    assert_int_equal(oracle.asked, 1);
    oracle.status = EK_E_MEMORY;
    assert_int_equal(ek_run_execute(&early, &input, compute, NULL, &err), EK_E_MEMORY);
}

static void without_memory(void **state)
{
    (void)state;
    ek_recipe recipe = quick_recipe();
    recipe.max_steps = 2;
    ek_run_input input = input_of(&recipe);
    bool finished = false;
    for (long n = 1; n < 200 && !finished; n++) {
        ek_error err = {0};
        ek_run_result result;
        ek_mem_fail_after(n);
        ek_status status = ek_run_execute(&result, &input, compute, NULL, &err);
        ek_mem_fail_after(0);
        assert_true(status == EK_OK || status == EK_E_MEMORY);
        finished = status == EK_OK && n > 20;
        if (status == EK_OK) {
            ek_run_result_free(&result);
        }
    }
    assert_true(finished);
}

static int setup(void **state)
{
    (void)state;
    ek_error err = {0};
    if (ek_model_open(&model, EK_TEST_DIR "/golden/tiny_bert", &(ek_model_options){.num_labels = 2},
                      &err) != EK_OK ||
        ek_compute_new(&compute, 1, &err) != EK_OK) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    make_set(&train, TRAIN, 1);
    make_set(&validation, VALIDATION, 2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ek_token_set_free(&train);
    ek_token_set_free(&validation);
    ek_compute_free(compute);
    ek_model_close(&model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(threads_may_change_between_steps),
        cmocka_unit_test(squares_are_planned),
        cmocka_unit_test(weights_may_be_the_models),
        cmocka_unit_test(each_seed_drives_its_own_effect),
        cmocka_unit_test(accumulation_is_one_batch),
        cmocka_unit_test(what_is_logged),
        cmocka_unit_test(evaluation_does_not_change_the_run),
        cmocka_unit_test(best_is_not_last),
        cmocka_unit_test(failed_and_diverged),
        cmocka_unit_test(ended_early),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
