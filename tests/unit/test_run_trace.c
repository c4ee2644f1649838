/* Traces read back from a store: layers out of tensors, answers, settings, and what is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "probe/study_explanation.h"

enum { EXAMPLES = 10, STEPS = 12, MOST_METRICS = 200 };

static void add_flag(ek_settings *flags, const char *key, const char *value)
{
    ek_error err = {0};
    assert_int_equal(ek_settings_add(flags, key, value, EK_ORIGIN_FLAG, key, &err), EK_OK);
}

static size_t add_metric(ek_metric_row *rows, size_t n, const char *name, int64_t step,
                         double value)
{
    rows[n] = (ek_metric_row){.name = name, .step = step, .value = value};
    return n + 1;
}

/* Seed 1 fails, seed 2 diverges at step 6, seed 3 learns. Only the first arm logs gradients. */
static void finish_run(ek_store *store, const ek_spec *spec, size_t planned)
{
    ek_error err = {0};
    int64_t id;
    ek_run_status status;
    ek_metric_row rows[MOST_METRICS];
    size_t n = 0;
    uint32_t arm = spec->runs[planned].arm, seed = spec->runs[planned].seed;
    ek_run_result result = {.outcome = seed == 1   ? EK_OUTCOME_FAILED
                                       : seed == 2 ? EK_OUTCOME_DIVERGED
                                                   : EK_OUTCOME_OK,
                            .score = seed == 3 ? 0.9 : 0.6,
                            .total_steps = STEPS,
                            .nonfinite_step = seed == 2 ? 6 : -1};
    for (int64_t step = 2; step <= STEPS; step += 2) {
        bool lost = seed == 2 && step >= 6;
        n = add_metric(rows, n, "train_loss", step, lost ? (double)NAN : 0.7);
        n = add_metric(rows, n, "learning_rate", step, 1e-5 * (double)step);
        n = add_metric(rows, n, "grad_norm", step, lost ? (double)INFINITY : 2);
        if (arm > 0) {
            continue;
        }
        n = add_metric(rows, n, "grad_norm/bert.encoder.layer.0.output.dense.weight", step,
                       lost ? (double)NAN : 3);
        n = add_metric(rows, n, "grad_norm/bert.encoder.layer.0.output.dense.bias", step, 4);
        n = add_metric(rows, n, "grad_norm/bert.encoder.layer.1.output.dense.bias", step, 5);
        n = add_metric(rows, n, "grad_norm/bert.embeddings.LayerNorm.weight", step, 6);
        n = add_metric(rows, n, "grad_norm/bert.pooler.dense.weight", step, 7);
        n = add_metric(rows, n, "grad_norm/classifier.bias", step, 8);
        n = add_metric(rows, n, "grad_norm/something.else", step, 1000);
    }
    n = add_metric(rows, n, "eval_accuracy", STEPS, result.score);
    n = add_metric(rows, n, "eval_loss", STEPS, 0.65);
    assert_int_equal(ek_predictions_init(&result.predictions, EXAMPLES, 2, &err), EK_OK);
    for (size_t i = 0; i < EXAMPLES; i++) {
        result.predictions.labels[i] = seed == 1 ? 1 : i >= 3;
    }
    assert_int_equal(ek_store_run_id(store, spec, planned, &id, &status, &err), EK_OK);
    assert_int_equal(ek_store_run_started(store, id, &err), EK_OK);
    if (ek_store_run_finished(store, id, &result, rows, n, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    ek_predictions_free(&result.predictions);
}

/* Two arms of three seeds, the last run of all still queued. Four examples are of class 0. */
static ek_store *make_study(void)
{
    ek_error err = {0};
    ek_settings flags = {0};
    ek_spec spec = {0};
    ek_store *store;
    int32_t labels[EXAMPLES] = {0, 0, 0, 0, 1, 1, 1, 1, 1, 1};
    double scores[EXAMPLES] = {0};
    char task[] = "classification", no[] = "no", yes[] = "yes", notes[] = "";
    char *label_names[] = {no, yes};
    const ek_study_facts facts = {.task = task,
                                  .reported = "accuracy",
                                  .split = "validation",
                                  .baseline = 0.6,
                                  .label_count = 2,
                                  .label_names = label_names,
                                  .train_count = 100,
                                  .validation_count = EXAMPLES,
                                  .notes = notes,
                                  .labels = labels,
                                  .scores = scores};
    add_flag(&flags, "model", "m");
    add_flag(&flags, "recipe", "devlin,stable");
    add_flag(&flags, "seeds", "1..3");
    add_flag(&flags, "train_file", "a.csv");
    add_flag(&flags, "validation_file", "b.csv");
    if (ek_spec_build(&spec, NULL, &flags, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    ek_settings_free(&flags);
    assert_int_equal(ek_store_open_memory(&store, &err), EK_OK);
    if (ek_store_register(store, &spec, &facts, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    for (size_t i = 0; i + 1 < spec.run_count; i++) {
        finish_run(store, &spec, i);
    }
    ek_spec_free(&spec);
    return store;
}

static ek_trace *find(ek_traces *t, const char *group, uint32_t seed)
{
    for (size_t i = 0; i < t->run_count; i++) {
        if (t->runs[i].seed == seed && strcmp(t->groups[t->runs[i].group].name, group) == 0) {
            return &t->runs[i];
        }
    }
    fail_msg("no run %s/%u", group, seed);
    return NULL;
}

static void test_traces(void **state)
{
    (void)state;
    ek_store *store = make_study();
    ek_traces t;
    ek_error err = {0};
    if (ek_traces_load(&t, store, NULL, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(t.run_count, 6);
    assert_int_equal(t.group_count, 2);
    assert_int_equal(t.groups[0].runs, 3);
    assert_int_equal(t.groups[0].failed, 2);
    assert_int_equal(t.groups[1].runs, 2);
    assert_int_equal(t.groups[1].unfinished, 1);
    assert_true(ek_trace_setting(&t.groups[0], "bias_correction") == 0);
    assert_true(ek_trace_setting(&t.groups[1], "num_train_epochs") == 20);
    assert_true(isnan(ek_trace_setting(&t.groups[0], "lr_scheduler"))); /* a word */
    assert_true(isnan(ek_trace_setting(&t.groups[0], "nothing")));
    assert_string_equal(ek_trace_setting_text(&t.groups[0], "lr_scheduler"), "linear");
    assert_int_equal(t.truth_count, EXAMPLES);
    assert_int_equal(t.label_counts[0], 4);

    const ek_trace *run = find(&t, "devlin", 1);
    assert_int_equal(run->loss.count, STEPS / 2);
    assert_int_equal(run->loss.steps[5], STEPS);
    assert_true(run->eval_score.count == 1 && run->eval_score.values[0] == 0.6);
    assert_int_equal(run->answers.classes, 1);
    assert_int_equal(run->answers.top_count, EXAMPLES);
    const ek_trace_gradients *g = &run->gradients;
    assert_int_equal(g->encoder_layers, 2);
    assert_int_equal(g->places, 5);
    assert_int_equal(g->count, STEPS / 2);
    static const double wanted[5] = {6, 5, 5, 7, 8}; /* layer 1: the root of 3 * 3 + 4 * 4 */
    for (size_t place = 0; place < 5; place++) {
        assert_true(g->logged[place] && fabs(g->norms[place * g->count] - wanted[place]) < 1e-12);
    }
    run = find(&t, "devlin", 2);
    assert_int_equal(run->nonfinite_tensors, 1);
    assert_int_equal(run->tensors, 7);
    assert_true(isnan(run->gradients.norms[run->gradients.count + 2])); /* layer 1 at step 6 */
    assert_int_equal(run->answers.top_count, 7);
    run = find(&t, "stable", 1);
    assert_int_equal(run->gradients.places, 0);
    assert_int_equal(find(&t, "stable", 3)->status, EK_RUN_QUEUED);
    ek_traces_free(&t);
    ek_store_close(store);
}

/* Whichever allocation fails, the error says so and nothing is left behind (sanitizers look). */
static void test_without_memory(void **state)
{
    (void)state;
    ek_store *store = make_study();
    const bool show[6] = {true, true, true, true, true, true};
    size_t refused = 0;
    ek_status status = EK_E_MEMORY;
    for (long n = 1; status != EK_OK; n += 1 + n / 20) {
        ek_study_explanation x = {0};
        ek_buf out = {0};
        ek_error err = {0};
        ek_mem_fail_after(n);
        status = ek_study_explanation_load(&x, store, NULL, &err);
        if (status == EK_OK) {
            status = ek_study_explanation_json(&x, show, &out, &err);
        }
        ek_mem_fail_after(0);
        assert_true(status == EK_OK || status == EK_E_MEMORY);
        refused += status == EK_E_MEMORY;
        ek_buf_deinit(&out);
        ek_study_explanation_free(&x);
    }
    assert_true(refused > 20);
    ek_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_traces),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
