/* Causes, sentences and advice for runs whose right answer is known, one of them "not clear". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "probe/study_explanation.h"
#include "synthetic_study.h"

static ek_study_explanation explain(ek_traces t)
{
    ek_study_explanation x;
    ek_error err = {0};
    count_outcomes(&t);
    if (ek_study_explanation_of(&x, &t, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    return x;
}

static void check_cause(const ek_study_explanation *x, size_t run, const char *id)
{
    assert_non_null(x->runs[run].cause);
    assert_string_equal(x->runs[run].cause->id, id);
}

/* Sentences of a run, in one of four buffers that take turns. */
static const char *sentences(const ek_study_explanation *x, size_t run)
{
    static char texts[4][4000];
    static unsigned turn;
    ek_buf out = {0};
    char *text = texts[turn++ % 4];
    ek_explain_run(&x->runs[run].evidence, &x->traces, &out);
    snprintf(text, sizeof texts[0], "%s", ek_buf_text(&out));
    ek_buf_deinit(&out);
    return text;
}

static void check_says(const char *text, const char *wanted)
{
    if (!strstr(text, wanted)) {
        fail_msg("no '%s' in: %s", wanted, text);
    }
}

static void check_says_not(const char *text, const char *unwanted)
{
    if (strstr(text, unwanted)) {
        fail_msg("there is '%s' in: %s", unwanted, text);
    }
}

static const char *advice(const ek_study_explanation *x, size_t group)
{
    return ek_buf_text(&x->groups[group].advice.text);
}

static const char *flags(const ek_study_explanation *x, size_t group)
{
    return ek_buf_text(&x->groups[group].advice.flags);
}

static const ek_contrast *contrast(const ek_study_explanation *x, const char *key)
{
    for (size_t i = 0; i < x->contrast_count; i++) {
        if (strcmp(x->contrasts[i].key, key) == 0) {
            return &x->contrasts[i];
        }
    }
    fail_msg("no contrast %s", key);
    return NULL;
}

/* ---- causes ---------------------------------------------------------------------------------- */

static void test_never_learned(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 4);
    for (size_t i = 0; i < 3; i++) {
        stuck_run(&t.runs[i]);
    }
    set_gradients(&t.runs[0], vanishing);
    set_gradients(&t.runs[1], alive);
    set_gradients(&t.runs[3], alive);
    ek_study_explanation x = explain(t);
    check_cause(&x, 0, "never_learned_vanishing");
    check_cause(&x, 1, "never_learned_gradients_alive");
    check_cause(&x, 2, "never_learned_gradients_not_logged");
    assert_null(x.runs[3].cause);
    const char *text = sentences(&x, 0);
    check_says(text, "It answers only 'yes' (100 % of 100 examples, the majority class)");
    check_says(text, "accuracy 60.0, baseline 60.0; 1 successful run of a: 85.0.");
    check_says(text, "(a constant answer has 0.673, theirs 0.0");
    check_says(text, "Gradients of layers 1 to 2 of 3 fell for good below a tenth of those of 1 "
                     "successful run of a; that of layer 1 did from step 20 on");
    check_says(text, "times as large as with bias correction.");
    check_says(sentences(&x, 1), "it did not vanish.");
    check_says(sentences(&x, 2),
               "were not logged; 'evenkeel probe gradients' makes the runs again");
    ek_study_explanation_free(&x);
}

static void test_collapsed(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 2);
    stuck_run(&t.runs[0]);
    set_series(&t.runs[0].loss, collapsed_loss);
    set_evaluations(&t.runs[0], 0.85, 0.6, 0.6);
    stuck_run(&t.runs[1]);
    set_series(&t.runs[1].loss, collapsed_loss); /* by its loss; it was evaluated at the end only */
    ek_study_explanation x = explain(t);
    check_cause(&x, 0, "collapsed_after_learning");
    check_cause(&x, 1, "collapsed_after_learning");
    check_says(sentences(&x, 0),
               "At step 20 its accuracy was 85.0; from step 40 on it was no better");
    check_says(sentences(&x, 1), "Its training loss had been down to 0.29");
    check_says(sentences(&x, 0), "Rate at step 40: ");
    ek_study_explanation_free(&x);
}

static void test_too_few_steps(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 2);
    stuck_run(&t.runs[0]);
    stuck_run(&t.runs[1]);
    set_series(&t.runs[0].loss, falling_loss);
    set_series(&t.runs[1].loss, falling_loss);
    set_gradients(&t.runs[1], alive);
    ek_study_explanation x = explain(t);
    check_cause(&x, 0, "too_few_steps");
    check_cause(&x, 1, "too_few_steps");
    check_says(sentences(&x, 0), "as did 1 of the 1 other runs of a");
    check_says(sentences(&x, 0), "It made 60 updates.");
    assert_string_equal(flags(&x, 0), "--num-train-epochs 6");
    ek_study_explanation_free(&x);
    t = study_of(1, 1);
    stuck_run(&t.runs[0]);
    set_series(&t.runs[0].loss, falling_loss);
    study_setting(&t.groups[0], "max_steps", "60");
    x = explain(t);
    assert_string_equal(flags(&x, 0), "--max-steps 120");
    ek_study_explanation_free(&x);
}

/* A run that was stopped while its loss fell has not shown that it needs more updates. */
static void test_stopped(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 3);
    stuck_run(&t.runs[0]);
    set_series(&t.runs[0].loss, falling_loss);
    t.runs[0].loss.count = 30;
    ek_study_explanation x = explain(t);
    assert_true(x.runs[0].evidence.loss_falling);
    check_cause(&x, 0, "never_learned_gradients_not_logged");
    check_says(sentences(&x, 0), "It was stopped at step 30.");
    ek_study_explanation_free(&x);
}

static void test_generalisation(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 3);
    t.runs[0].outcome = EK_OUTCOME_FAILED;
    set_evaluations(&t.runs[0], 0.58, 0.57, 0.57);
    t.runs[0].eval_loss = series_of(collapsed_loss);
    t.runs[0].eval_loss.values[STEPS - 1] = 1.9;
    ek_study_explanation x = explain(t);
    check_cause(&x, 0, "learned_but_below_baseline");
    const char *text = sentences(&x, 0);
    check_says(text, "It is 3.0 below the baseline; the standard error of a score on 100 examples "
                     "is about 4.9, so whether it counts as failed is partly luck.");
    check_says(text, "On the validation split its loss is 1.9, above the 0.673");
    check_says(advice(&x, 0), "no change of rate, warm-up or steps is supported");
    assert_string_equal(flags(&x, 0), "");
    ek_study_explanation_free(&x);
    t = study_of(1, 1);
    t.runs[0].outcome = EK_OUTCOME_FAILED;
    set_evaluations(&t.runs[0], 0.4, 0.4, 0.4);
    study_setting(&t.groups[0], "train_examples", "100");
    x = explain(t);
    check_says(sentences(&x, 0), "It is 20.0 below the baseline");
    check_says_not(sentences(&x, 0), "luck");
    check_says(advice(&x, 0), "100 of 500 examples");
    assert_string_equal(flags(&x, 0), "--train-examples 0");
    ek_study_explanation_free(&x);
}

/* Failed by chance: the successful runs of the group have learned no more. */
static void test_group_at_baseline(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 4);
    for (size_t i = 0; i < 4; i++) {
        stuck_run(&t.runs[i]);
        set_answers(&t.runs[i], 70, 1);
        set_evaluations(&t.runs[i], 0.59, 0.58, i < 2 ? 0.58 : 0.63);
        t.runs[i].outcome = i < 2 ? EK_OUTCOME_FAILED : EK_OUTCOME_OK;
    }
    ek_study_explanation x = explain(t);
    check_cause(&x, 0, "group_at_baseline");
    check_says(advice(&x, 0), "do not differ");
    ek_study_explanation_free(&x);
    t = study_of(1, 4); /* the same run beside runs that learned */
    stuck_run(&t.runs[0]);
    set_answers(&t.runs[0], 70, 1);
    set_evaluations(&t.runs[0], 0.59, 0.58, 0.58);
    x = explain(t);
    check_cause(&x, 0, "never_learned_gradients_not_logged");
    ek_study_explanation_free(&x);
}

/* A guess of two classes has 0.693: up to 2.1 at step 12, level with a constant answer at the end.
 */
static double blown_up_loss(int64_t step)
{
    double far = fabs((double)step - 12);
    return constant_answer + 0.01 * wobble(step) + 1.4 * (far < 10 ? 1 - far / 10 : 0);
}

/* As high, and on its way back at the end: coming back is not learning. */
static double coming_back(int64_t step)
{
    return 2.1 - 1.2 * (double)step / STEPS + 0.01 * wobble(step);
}

static void test_blown_up(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 3);
    for (size_t i = 0; i < 3; i++) {
        stuck_run(&t.runs[i]);
        set_series(&t.runs[i].loss, i == 1 ? coming_back : blown_up_loss);
    }
    set_answers(&t.runs[2], 70, 1); /* its answers are not constant: one number is no cause */
    ek_study_explanation x = explain(t);
    check_cause(&x, 0, "loss_blew_up");
    check_cause(&x, 1, "loss_blew_up");
    check_cause(&x, 2, "never_learned_gradients_not_logged");
    assert_false(x.runs[1].evidence.loss_falling);
    check_says(sentences(&x, 0), "a guess has 0.693.");
    assert_in_range(x.runs[0].evidence.loss.highest_step, 12, 16);
    assert_string_equal(flags(&x, 0), "--learning-rate 1e-05");
    ek_study_explanation_free(&x);
}

static double overflows(size_t place, int64_t step)
{
    return step >= 30 && place >= 2 && place <= 4 ? (double)INFINITY : alive(place, step);
}

static void test_diverged(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 2);
    for (size_t i = 0; i < 2; i++) {
        stuck_run(&t.runs[i]);
        t.runs[i].outcome = EK_OUTCOME_DIVERGED;
        t.runs[i].nonfinite_step = 30;
        t.runs[i].loss.values[29] = (double)NAN;
        t.runs[i].norm.values[28] = 4e5;
    }
    set_gradients(&t.runs[0], overflows);
    t.runs[0].nonfinite_tensors = 3;
    study_setting(&t.groups[0], "max_grad_norm", "0");
    ek_study_explanation x = explain(t);
    check_cause(&x, 0, "diverged_nonfinite");
    check_says(sentences(&x, 0), "came at step 30 of 60, in the gradients of 3 of 6 tensors (layer "
                                 "2 of 3 to pooler); the gradient norm logged before it was "
                                 "4e+05, 0.5 at the start");
    check_says(sentences(&x, 1),
               "in the loss (with --log-gradients it would say in which tensors)");
    check_says(sentences(&x, 1), "No clipping; largest norm 4e+05 (step 29).");
    assert_string_equal(flags(&x, 0), "--max-grad-norm 1");
    ek_study_explanation_free(&x);
    t = study_of(1, 1);
    stuck_run(&t.runs[0]);
    t.runs[0].outcome = EK_OUTCOME_DIVERGED;
    t.runs[0].nonfinite_step = 30;
    t.runs[0].norm.count = 1; /* 0.5: clipping at 1 would have changed nothing */
    study_setting(&t.groups[0], "max_grad_norm", "0");
    x = explain(t);
    assert_string_equal(flags(&x, 0), "--bias-correction");
    ek_study_explanation_free(&x);
}

static double between(int64_t step)
{
    return 0.673 * (step < 10 ? 1 : 0.83) + 0.005 * wobble(step);
}

/* Gradients that vanished in the successful run as well say nothing, and that is said. */
static void test_gradients_vanished_everywhere(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 2);
    stuck_run(&t.runs[0]);
    set_gradients(&t.runs[0], vanishing);
    set_gradients(&t.runs[1], vanishing);
    ek_study_explanation x = explain(t);
    assert_true(x.runs[0].evidence.gradients.vanished);
    check_cause(&x, 0, "not_clear");
    check_says(sentences(&x, 0), "So did those of 1 of 1 successful runs.");
    assert_int_equal(contrast(&x, "gradients_vanished")->ok_yes, 1);
    ek_study_explanation_free(&x);
}

/* Evidence that does not separate: the loss fell, but not far, and stopped; or it fell while the
 * answers are constant; or gradients vanished while the loss still fell. */
static void test_not_clear(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 3);
    for (size_t i = 0; i < 3; i++) {
        stuck_run(&t.runs[i]);
    }
    set_series(&t.runs[0].loss, between);
    set_answers(&t.runs[0], 70, 1);
    set_series(&t.runs[1].loss, learned_loss);
    set_series(&t.runs[2].loss, falling_loss);
    set_gradients(&t.runs[2], vanishing);
    ek_study_explanation x = explain(t);
    for (size_t i = 0; i < 3; i++) {
        check_cause(&x, i, "not_clear");
    }
    assert_string_equal(x.runs[0].cause->title,
                        "not clear, the evidence does not separate the causes");
    check_says(advice(&x, 0), "No change is supported.");
    assert_string_equal(flags(&x, 0), "");
    ek_study_explanation_free(&x);
}

/* Nothing was logged, or nothing of it is a number: that is said, and no cause is named. */
static void test_missing_numbers(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 2);
    for (size_t i = 0; i < 2; i++) {
        stuck_run(&t.runs[i]);
    }
    t.runs[0].loss.count = t.runs[0].rate.count = t.runs[0].norm.count = 0;
    t.runs[0].eval_score.count = 0;
    t.runs[0].answers = (ek_trace_answers){0};
    for (size_t i = 0; i < STEPS; i++) {
        t.runs[1].loss.values[i] = t.runs[1].norm.values[i] = (double)NAN;
    }
    ek_study_explanation x = explain(t);
    check_cause(&x, 0, "not_clear");
    check_cause(&x, 1, "not_clear");
    check_says(sentences(&x, 0), "The training loss was not logged.");
    check_says(sentences(&x, 0), "Its answers are not stored");
    check_says(sentences(&x, 1), "None of the logged training losses is finite.");
    for (size_t i = 0; i < 2; i++) {
        check_says_not(sentences(&x, i), "inf");
        check_says_not(sentences(&x, i), "at step -1");
    }
    ek_study_explanation_free(&x);
}

/* What users named cannot move the cursor of a terminal. */
static void test_hostile_names(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 2);
    stuck_run(&t.runs[0]);
    ek_free(t.groups[0].name);
    t.groups[0].name = ek_strdup("a\033[2J\nb\xff");
    ek_free(t.facts.label_names[1]);
    t.facts.label_names[1] = ek_strdup("y\033]0;x\007\r");
    ek_study_explanation x = explain(t);
    for (const char *at = sentences(&x, 0); *at; at++) {
        assert_true((unsigned char)*at >= 0x20 || *at == '\n');
        assert_true((unsigned char)*at < 0x80);
    }
    check_says(sentences(&x, 0), "only 'y ]0;x  '");
    ek_study_explanation_free(&x);
}

/* ---- advice ---------------------------------------------------------------------------------- */

static void fail_runs(ek_traces *t, size_t group, size_t count)
{
    for (size_t i = 0; i < t->run_count && count > 0; i++) {
        if (t->runs[i].group == group) {
            stuck_run(&t->runs[i]);
            count--;
        }
    }
}

static void test_better_group(void **state)
{
    (void)state;
    ek_traces t = study_of(3, 10);
    fail_runs(&t, 0, 8);
    fail_runs(&t, 2, 1);
    study_setting(&t.groups[1], "bias_correction", "true");
    study_setting(&t.groups[1], "num_train_epochs", "20");
    study_setting(&t.groups[2], "bias_correction", "true");
    study_setting(&t.groups[2], "learning_rate", "2e-05"); /* the same number */
    study_setting(&t.groups[2], "logging_steps", "5");     /* changes no result */
    ek_study_explanation x = explain(t);
    const ek_advice *a = &x.groups[0].advice;
    /* both are significantly better; c differs in one setting, b in two */
    assert_true(a->compared);
    assert_int_equal(a->other, 2);
    assert_int_equal(a->difference, 1);
    assert_string_equal(flags(&x, 0), "--bias-correction");
    /* 8/10 against 1/10: 2 (45 * 10 + 10) / C(20, 9) = 0.0055; times 1 by Holm, as the other p,
     * of 8/10 against 0/10, is smaller */
    assert_true(fabs(a->p - 0.005477) < 1e-5);
    check_says(advice(&x, 0), "Train as c does: 1 of 10 runs failed there, 8 of 10 here (Fisher p "
                              "0.005, Holm-corrected over 2 groups).");
    check_says(advice(&x, 0), "bias_correction true (here false)");
    check_says_not(advice(&x, 0), "Which of these");
    assert_int_equal(x.advised, 0);
    assert_int_equal(x.failed, 9);
    assert_true(x.mixed);
    ek_study_explanation_free(&x);
}

static void test_better_group_in_two_settings(void **state)
{
    (void)state;
    ek_traces t = study_of(3, 10);
    fail_runs(&t, 0, 8);
    fail_runs(&t, 2, 8);
    study_setting(&t.groups[1], "bias_correction", "true");
    study_setting(&t.groups[1], "num_train_epochs", "20");
    study_setting(&t.groups[2], "warmup_ratio", "0.2");
    ek_study_explanation x = explain(t);
    const ek_advice *a = &x.groups[0].advice;
    assert_true(a->compared);
    assert_int_equal(a->other, 1);
    /* 8/10 against 0/10: 2 * 45 / C(20, 8) = 0.00071445, twice that by Holm */
    assert_true(fabs(a->p - 2 * 90.0 / 125970) < 1e-9);
    assert_string_equal(flags(&x, 0), "--num-train-epochs 20 --bias-correction");
    check_says(advice(&x, 0), "Which of these 2 it takes, this study cannot tell.");
    ek_study_explanation_free(&x);
}

static void test_group_that_is_not_better(void **state)
{
    (void)state;
    ek_traces t = study_of(2, 5);
    fail_runs(&t, 0, 3);
    fail_runs(&t, 1, 1);
    study_setting(&t.groups[1], "num_train_epochs", "20");
    ek_study_explanation x = explain(t);
    assert_false(x.groups[0].advice.compared);
    assert_string_equal(flags(&x, 0), "--bias-correction");
    /* 3/5 against 1/5: p = 0.524 */
    check_says(advice(&x, 0), "No other group has significantly fewer failures [b: 1 of 5 runs "
                              "failed there, 3 of 5 here (Fisher p 0.52)]");
    check_says(advice(&x, 0), "With a rate of 2e-05, 6 steps of warm-up, 60 updates and bias "
                              "correction off, 3 of 5 runs failed.");
    check_says(advice(&x, 1), "No other group of the study has fewer failures");
    ek_study_explanation_free(&x);
}

/* Without a group to go by: the first setting that is left to change. */
static void test_settings(void **state)
{
    (void)state;
    static const struct {
        const char *correction, *warmup, *flags;
    } cases[] = {{"false", "0", "--bias-correction"},
                 {"true", "0", "--warmup-ratio 0.1"},
                 {"true", "0.1", "--learning-rate 1e-05"},
                 {NULL, NULL, "--learning-rate 1e-05"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ek_traces t = study_of(1, 2);
        fail_runs(&t, 0, 2);
        study_setting(&t.groups[0], "bias_correction", cases[i].correction);
        study_setting(&t.groups[0], "warmup_ratio", cases[i].warmup);
        ek_study_explanation x = explain(t);
        assert_string_equal(flags(&x, 0), cases[i].flags);
        check_says(advice(&x, 0), "no other group that would show it");
        check_says_not(advice(&x, 0), "nan");
        ek_study_explanation_free(&x);
    }
}

static void test_nothing_failed(void **state)
{
    (void)state;
    ek_study_explanation x = explain(study_of(2, 3));
    assert_int_equal(x.done, 6);
    assert_int_equal(x.failed, 0);
    assert_int_equal(x.advised, 2);
    ek_study_explanation_free(&x);
}

/* ---- the study ------------------------------------------------------------------------------- */

static void test_contrasts(void **state)
{
    (void)state;
    ek_traces t = study_of(2, 4);
    fail_runs(&t, 0, 3);
    set_gradients(&t.runs[0], vanishing);
    set_gradients(&t.runs[1], alive);
    set_gradients(&t.runs[3], alive);
    ek_study_explanation x = explain(t);
    /* the runs of b, none of which failed, are left out */
    const ek_contrast *c = contrast(&x, "constant_answers");
    assert_int_equal(c->failed_yes, 3);
    assert_int_equal(c->failed_known, 3);
    assert_int_equal(c->ok_yes, 0);
    assert_int_equal(c->ok_known, 1);
    assert_true(fabs(c->p - 0.25) < 1e-12); /* one table of 4 */
    c = contrast(&x, "gradients_vanished");
    assert_int_equal(c->failed_yes, 1);
    assert_int_equal(c->failed_known, 2);
    assert_int_equal(c->ok_known, 1);
    ek_study_explanation_free(&x);
}

static void test_json(void **state)
{
    (void)state;
    ek_traces t = study_of(2, 3);
    fail_runs(&t, 0, 2);
    set_gradients(&t.runs[0], vanishing);
    t.runs[1].outcome = EK_OUTCOME_DIVERGED;
    t.runs[1].nonfinite_step = 7;
    t.runs[1].loss.values[6] = (double)NAN;
    t.runs[5].status = EK_RUN_QUEUED;
    ek_study_explanation x = explain(t);
    const bool show[6] = {true, true, false, false, false, true};
    ek_buf out = {0};
    ek_error err = {0};
    json_t *json = NULL;
    assert_int_equal(ek_study_explanation_json(&x, show, &out, &err), EK_OK);
    if (ek_json_parse(&json, out.data, out.length, "explain", EK_E_DATA, &err) != EK_OK) {
        fail_msg("%s: %s", err.message, out.data);
    }
    json_t *runs = json_object_get(json, "runs");
    assert_int_equal(json_array_size(runs), 3);
    json_t *run = json_array_get(runs, 0);
    assert_string_equal(json_string_value(json_object_get(run, "cause")),
                        "never_learned_vanishing");
    assert_true(json_array_size(json_object_get(run, "sentences")) > 4);
    json_t *gradients = json_object_get(json_object_get(run, "evidence"), "gradients");
    assert_int_equal(json_integer_value(json_object_get(gradients, "vanished_step")), 20);
    assert_int_equal(json_array_size(json_object_get(gradients, "layers")), PLACES);
    run = json_array_get(runs, 1);
    json_t *nonfinite = json_object_get(json_object_get(run, "evidence"), "nonfinite");
    assert_int_equal(json_integer_value(json_object_get(nonfinite, "step")), 7);
    assert_true(json_is_null(json_object_get(json_object_get(run, "evidence"), "gradients")));
    run = json_array_get(runs, 2);
    assert_string_equal(json_string_value(json_object_get(run, "status")), "queued");
    assert_null(json_object_get(run, "evidence"));
    json_t *summary = json_object_get(json, "summary");
    assert_int_equal(json_integer_value(json_object_get(summary, "failed")), 2);
    assert_int_equal(json_array_size(json_object_get(summary, "groups")), 2);
    json_decref(json);
    ek_buf_deinit(&out);
    ek_study_explanation_free(&x);
}

/* Every cause can be told from its table, and ids and summaries are no two the same. */
static void test_table(void **state)
{
    (void)state;
    size_t count;
    const ek_cause *causes = ek_cause_table(&count);
    const ek_evidence nothing = {.nonfinite = {.step = -1}};
    assert_string_equal(causes[count - 1].id, "not_clear");
    assert_ptr_equal(ek_cause_of(&nothing), &causes[count - 1]);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(causes[i].id, causes[k].id);
            assert_string_not_equal(causes[i].summary, causes[k].summary);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_learned),
        cmocka_unit_test(test_collapsed),
        cmocka_unit_test(test_too_few_steps),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_generalisation),
        cmocka_unit_test(test_group_at_baseline),
        cmocka_unit_test(test_blown_up),
        cmocka_unit_test(test_diverged),
        cmocka_unit_test(test_gradients_vanished_everywhere),
        cmocka_unit_test(test_not_clear),
        cmocka_unit_test(test_missing_numbers),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_better_group),
        cmocka_unit_test(test_better_group_in_two_settings),
        cmocka_unit_test(test_group_that_is_not_better),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_nothing_failed),
        cmocka_unit_test(test_contrasts),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
