/* Evidence of runs whose course is known: every number where it can be had, and what is said where
 * it cannot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "probe/evidence.h"
#include "synthetic_study.h"

static ek_evidence evidence_of(const ek_traces *t, size_t index)
{
    ek_evidence e;
    ek_error err = {0};
    if (ek_evidence_of(&e, t, index, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    return e;
}

static void near(double found, double wanted, double tolerance)
{
    if (!(fabs(found - wanted) <= tolerance)) {
        fail_msg("%.17g is not within %g of %.17g", found, tolerance, wanted);
    }
}

/* ---- loss ------------------------------------------------------------------------------------ */

static void test_flat_loss(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 3);
    stuck_run(&t.runs[0]);
    ek_evidence e = evidence_of(&t, 0);
    near(e.loss.constant, constant_answer, 1e-12);
    assert_int_equal(e.loss.count, STEPS);
    /* the wobble of six neighbours is at most 1.3 each */
    near(e.loss.first, constant_answer, 0.013);
    near(e.loss.last, constant_answer, 0.013);
    assert_true(e.loss_known && e.loss_flat);
    assert_false(e.loss_falling || e.loss_learned || e.loss_had_learned);
    assert_int_equal(e.loss.end.reference, EK_REFERENCE_GROUP);
    assert_int_equal(e.loss.end.runs, 2);
    near(e.loss.end.others, 0.05, 0.01);
    ek_evidence_free(&e);
    e = evidence_of(&t, 1);
    assert_true(e.loss_learned && !e.loss_flat);
    assert_int_equal(e.loss.end.runs, 1); /* not against itself */
    ek_evidence_free(&e);
    ek_traces_free(&t);
}

static void test_falling_loss(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 3);
    stuck_run(&t.runs[0]);
    set_series(&t.runs[0].loss, falling_loss);
    ek_evidence e = evidence_of(&t, 0);
    /* a line of slope 0.1 / 60 over the 29 steps between the first and the last of 30 values */
    near(e.loss.recent_fall, 0.1 * 29 / 60, 0.005);
    assert_true(e.loss.recent_noise > 0 && e.loss.recent_noise < 0.01);
    assert_true(e.loss_falling && e.loss_flat);
    ek_evidence_free(&e);
    ek_traces_free(&t);
}

/* Four logged values tell too little in one run, together with those of other failed runs enough.
 * They fall by 0.012 a step, and by 0.012 off the line (1, -1, -1, 1), which leaves the slope: over
 * three steps 0.036 with a standard error of sqrt(4 / 2 / 5) 3 * 0.012 = 0.0228. */
static void test_falls_together(void **state)
{
    (void)state;
    static const double off[4] = {1, -1, -1, 1};
    ek_traces t = study_of(1, 12);
    for (size_t i = 0; i < 12; i++) {
        stuck_run(&t.runs[i]);
        for (size_t k = 0; k < 4; k++) {
            t.runs[i].loss.values[k] = 0.7 - 0.012 * (double)k + 0.012 * off[k];
        }
        t.runs[i].loss.count = 4;
    }
    ek_evidence e = evidence_of(&t, 0);
    assert_int_equal(e.loss.failed_known, 12);
    near(e.loss.recent_fall, 0.036, 1e-9);
    near(e.loss.recent_noise, 0.012 * 3 * sqrt(0.4), 1e-9); /* alone it would not do */
    near(e.loss.failed_fall, 0.036, 1e-9);
    near(e.loss.failed_noise, 0.012 * 3 * sqrt(0.4 / 12), 1e-9);
    assert_true(e.loss_falling);
    ek_evidence_free(&e);
    for (size_t i = 1; i < 12; i++) {
        learned_run(&t.runs[i]); /* successful runs say nothing about a failed one */
    }
    e = evidence_of(&t, 0);
    assert_int_equal(e.loss.failed_known, 1);
    assert_false(e.loss_falling);
    ek_evidence_free(&e);
    ek_traces_free(&t);
}

static void test_nonfinite_losses_are_left_out(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 1);
    stuck_run(&t.runs[0]);
    for (size_t i = 1; i < STEPS; i += 2) {
        t.runs[0].loss.values[i] = i % 4 == 1 ? (double)NAN : (double)INFINITY;
    }
    ek_evidence e = evidence_of(&t, 0);
    assert_int_equal(e.loss.count, STEPS / 2);
    assert_int_equal(e.loss.nonfinite, STEPS / 2);
    near(e.loss.last, constant_answer, 0.013);
    assert_true(e.loss_flat);
    assert_int_equal(e.loss.end.reference, EK_REFERENCE_NONE);
    assert_true(isnan(e.loss.end.others));
    ek_evidence_free(&e);
    for (size_t i = 0; i < STEPS; i++) {
        t.runs[0].loss.values[i] = (double)NAN;
    }
    e = evidence_of(&t, 0);
    assert_true(isnan(e.loss.last) && isnan(e.loss.first) && isnan(e.loss.recent_fall));
    assert_false(e.loss_known || e.loss_flat || e.loss_falling || e.loss_learned);
    ek_evidence_free(&e);
    ek_traces_free(&t);
}

static void test_collapse(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 1);
    stuck_run(&t.runs[0]);
    set_series(&t.runs[0].loss, collapsed_loss);
    set_evaluations(&t.runs[0], 0.85, 0.6, 0.6);
    ek_evidence e = evidence_of(&t, 0);
    assert_true(e.loss_flat && e.loss_had_learned && e.score_had_learned);
    near(e.loss.lowest, 0.3, 0.015);
    assert_in_range(e.loss.lowest_step, 20, 30);
    assert_int_equal(e.score.best_step, 20);
    assert_int_equal(e.score.fell_step, 40);
    assert_int_equal(e.rate.moment, EK_MOMENT_COLLAPSED);
    assert_int_equal(e.rate.step, 40);
    ek_evidence_free(&e);
    /* 4 points above a baseline of 60 on 100 examples are within the noise, 4.9 */
    set_evaluations(&t.runs[0], 0.64, 0.6, 0.6);
    e = evidence_of(&t, 0);
    near(e.score.noise, 0.049, 0.0001);
    assert_false(e.score_had_learned);
    ek_evidence_free(&e);
    ek_traces_free(&t);
}

/* ---- score and answers ----------------------------------------------------------------------- */

static void test_answers(void **state)
{
    (void)state;
    ek_traces t = study_of(2, 2);
    set_answers(&t.runs[0], 99, 0);
    ek_evidence e = evidence_of(&t, 0);
    assert_true(e.answers.constant && !e.answers.top_is_majority);
    near(e.answers.top_share, 0.99, 1e-12);
    near(e.answers.majority_share, 0.6, 1e-12);
    ek_evidence_free(&e);
    set_answers(&t.runs[0], 98, 1);
    e = evidence_of(&t, 0);
    assert_true(!e.answers.constant && e.answers.top_is_majority);
    ek_evidence_free(&e);
    t.runs[0].answers.examples = 0;
    e = evidence_of(&t, 0);
    assert_true(isnan(e.answers.top_share) && !e.answers.constant);
    ek_evidence_free(&e);
    /* without successful runs of its own group, those of the other; without any, none */
    t.runs[1].outcome = EK_OUTCOME_FAILED;
    e = evidence_of(&t, 0);
    assert_int_equal(e.score.end.reference, EK_REFERENCE_STUDY);
    assert_int_equal(e.score.end.runs, 2);
    ek_evidence_free(&e);
    t.runs[2].outcome = EK_OUTCOME_DIVERGED;
    t.runs[3].status = EK_RUN_RUNNING;
    e = evidence_of(&t, 0);
    assert_int_equal(e.score.end.reference, EK_REFERENCE_NONE);
    ek_evidence_free(&e);
    ek_traces_free(&t);
}

static void test_regression(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 1);
    for (int32_t i = 0; i < t.facts.label_count; i++) {
        ek_free(t.facts.label_names[i]);
    }
    t.facts.label_count = 0;
    t.facts.reported = "pearson";
    t.facts.baseline = 0;
    t.truth_variance = 2.25;
    t.runs[0].answers.score_deviation = 0.06;
    ek_evidence e = evidence_of(&t, 0);
    near(e.answers.spread, 0.04, 1e-12);
    assert_true(e.answers.constant);
    near(e.loss.constant, 2.25, 0);
    near(e.score.noise, 0.1, 1e-12);
    ek_evidence_free(&e);
    t.runs[0].answers.score_deviation = 0.3;
    e = evidence_of(&t, 0);
    assert_false(e.answers.constant);
    ek_evidence_free(&e);
    ek_traces_free(&t);
}

/* F1 of always answering class 1, of share p, is 2 p / (1 + p): its noise by differences of p. */
static void test_noise_of_f1(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 1);
    double p = 0.684, step = 1e-6, n = 408;
    t.facts.reported = "f1";
    t.facts.baseline = 2 * p / (1 + p);
    t.facts.validation_count = 408;
    double slope = (2 * (p + step) / (1 + p + step) - 2 * (p - step) / (1 + p - step)) / (2 * step);
    ek_evidence e = evidence_of(&t, 0);
    near(e.score.noise, slope * sqrt(p * (1 - p) / n), 1e-8);
    ek_evidence_free(&e);
    ek_traces_free(&t);
}

/* ---- gradients ------------------------------------------------------------------------------- */

static void check_vanished(const ek_evidence *e, ek_reference reference)
{
    const ek_gradient_evidence *g = &e->gradients;
    assert_true(g->logged && g->vanished);
    assert_int_equal(g->reference, reference);
    assert_int_equal(g->bottom, 1);
    assert_int_equal(g->top, LAYERS);
    assert_int_equal(g->vanished_count, 2);
    /* the median of three neighbours falls where two of them have, which is at the step itself */
    assert_int_equal(g->vanished_step, 20);
    assert_int_equal(g->layers[0].vanished_step, 20);
    assert_int_equal(g->layers[LAYERS].vanished_step, -1);
    assert_int_equal(g->layers[PLACES - 1].vanished_step, -1);
    /* the noise is at most a factor of exp(0.39) on either side */
    near(log(g->to_head_last), log(0.004), 0.8);
    near(log(g->to_top_last), log(0.01), 0.8);
    near(log(g->layers[1].last), log(0.002), 0.4);
    assert_int_equal(e->rate.moment, EK_MOMENT_VANISHED);
    assert_int_equal(e->rate.step, 20);
    near(e->rate.at_step, 2e-5 * 40 / 54, 1e-12);
}

static void test_vanished_gradients(void **state)
{
    (void)state;
    ek_traces t = study_of(2, 2);
    for (size_t i = 1; i < 4; i++) {
        set_gradients(&t.runs[i], alive);
    }
    stuck_run(&t.runs[0]);
    set_gradients(&t.runs[0], vanishing);
    ek_evidence e = evidence_of(&t, 0);
    check_vanished(&e, EK_REFERENCE_GROUP);
    assert_int_equal(e.gradients.reference_runs, 1);
    ek_evidence_free(&e);
    t.runs[1].outcome = EK_OUTCOME_FAILED;
    e = evidence_of(&t, 0);
    check_vanished(&e, EK_REFERENCE_STUDY);
    assert_int_equal(e.gradients.reference_runs, 2);
    ek_evidence_free(&e);
    t.runs[2].outcome = t.runs[3].outcome = EK_OUTCOME_FAILED;
    e = evidence_of(&t, 0);
    check_vanished(&e, EK_REFERENCE_START);
    assert_int_equal(e.gradients.reference_runs, 0);
    ek_evidence_free(&e);
    e = evidence_of(&t, 1);
    assert_true(e.gradients.logged && !e.gradients.vanished);
    assert_int_equal(e.gradients.vanished_count, 0);
    assert_int_equal(e.rate.moment, EK_MOMENT_PEAK);
    assert_int_equal(e.rate.step, 6);
    ek_evidence_free(&e);
    ek_traces_free(&t);
}

/* The same share of training is compared, not the same step, when groups differ in length. */
static double half_way(size_t place, int64_t step)
{
    return alive(place, 1) * (step > STEPS / 2 ? 1 : 0.02);
}

static double always_small(size_t place, int64_t step)
{
    return alive(place, 1) * (place <= 2 ? step < 4 ? 0.2 : 0.02 : 1);
}

static void test_share_of_training(void **state)
{
    (void)state;
    ek_traces t = study_of(2, 1);
    stuck_run(&t.runs[0]);
    set_gradients(&t.runs[0], always_small);
    set_gradients(&t.runs[1], half_way);
    t.runs[0].total_steps = STEPS;
    ek_evidence e = evidence_of(&t, 0);
    assert_int_equal(e.gradients.vanished_step, 31); /* the other run's gradients come then */
    ek_evidence_free(&e);
    t.runs[1].total_steps = 2 * STEPS; /* its log then covers the first half: that is held against
                                          the first half of this run, its end against the rest */
    e = evidence_of(&t, 0);
    assert_int_equal(e.gradients.vanished_step, 16);
    ek_evidence_free(&e);
    ek_traces_free(&t);
}

static double grew(size_t place, int64_t step)
{
    return alive(place, step) * (place < PLACES - 1 && step >= 20 ? 30 : 1);
}

static double all_fell(size_t place, int64_t step)
{
    return alive(place, step) * (step >= 20 ? 0.01 : 1);
}

static double came_back(size_t place, int64_t step)
{
    return vanishing(place, step) * (place <= 2 && step >= STEPS - 1 ? 100 : 1);
}

/* A successful run that has small gradients itself is no measure; the run's own start then is. */
static void test_vanished_in_successful_runs_too(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 3);
    stuck_run(&t.runs[0]);
    set_gradients(&t.runs[0], vanishing);
    set_gradients(&t.runs[1], vanishing);
    set_gradients(&t.runs[2], vanishing);
    ek_evidence e = evidence_of(&t, 0);
    check_vanished(&e, EK_REFERENCE_START);
    assert_int_equal(e.gradients.reference_runs, 2);
    assert_int_equal(e.gradients.others_vanished, 2);
    ek_evidence_free(&e);
    set_gradients(&t.runs[1], alive);
    e = evidence_of(&t, 0);
    assert_int_equal(e.gradients.others_vanished, 1);
    ek_evidence_free(&e);
    e = evidence_of(&t, 1);
    assert_int_equal(e.gradients.others_vanished, 1); /* of one: not counted against itself */
    assert_false(e.gradients.vanished);
    ek_evidence_free(&e);
    ek_traces_free(&t);
}

static double at_the_very_end(size_t place, int64_t step)
{
    return alive(place, step) * (place <= 2 && step >= STEPS - 1 ? 0.01 : 1);
}

/* Each of the three conditions is needed. */
static void test_not_vanished(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 2);
    stuck_run(&t.runs[0]);
    set_gradients(&t.runs[0], alive);
    set_gradients(&t.runs[1], grew); /* the successful ones grew: this one did not fall */
    ek_evidence e = evidence_of(&t, 0);
    assert_int_equal(e.gradients.vanished_step, 20);
    assert_true(e.gradients.to_head_last < 0.1 * e.gradients.to_head_others);
    assert_false(e.gradients.vanished);
    ek_evidence_free(&e);
    set_gradients(&t.runs[0], all_fell); /* of all layers alike: a fitted run, not a broken one */
    set_gradients(&t.runs[1], alive);
    e = evidence_of(&t, 0);
    assert_int_equal(e.gradients.vanished_step, 20);
    assert_false(e.gradients.vanished);
    ek_evidence_free(&e);
    set_gradients(&t.runs[0], at_the_very_end); /* two steps are too few to call it for good */
    e = evidence_of(&t, 0);
    assert_int_equal(e.gradients.vanished_step, -1);
    ek_evidence_free(&e);
    set_gradients(&t.runs[0], came_back); /* not until the end */
    e = evidence_of(&t, 0);
    assert_int_equal(e.gradients.vanished_step, -1);
    assert_false(e.gradients.vanished);
    ek_evidence_free(&e);
    ek_traces_free(&t);
}

static void test_gradients_that_are_missing(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 2);
    stuck_run(&t.runs[0]);
    set_gradients(&t.runs[1], alive); /* logged by another run only */
    ek_evidence e = evidence_of(&t, 0);
    assert_false(e.gradients.logged || e.gradients.vanished);
    assert_null(e.gradients.layers);
    assert_true(isnan(e.gradients.to_head_last));
    assert_int_equal(e.gradients.vanished_step, -1);
    ek_evidence_free(&e);
    set_gradients(&t.runs[0], vanishing);
    for (size_t i = 0; i < STEPS; i++) {
        t.runs[0].gradients.norms[i + STEPS] = (double)NAN; /* the bottom layer */
    }
    e = evidence_of(&t, 0);
    assert_true(e.gradients.logged && !e.gradients.vanished);
    assert_int_equal(e.gradients.vanished_step, -1);
    ek_evidence_free(&e);
    t.runs[0].gradients.count = 2; /* too few to say anything */
    e = evidence_of(&t, 0);
    assert_false(e.gradients.logged);
    ek_evidence_free(&e);
    ek_traces_free(&t);
}

/* ---- rate, clipping, numbers that are not finite --------------------------------------------- */

static void test_bias_correction(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 1);
    ek_evidence e = evidence_of(&t, 0);
    assert_int_equal(e.rate.peak_step, 6);
    near(e.rate.peak, 2e-5, 1e-15);
    assert_true(e.rate.warmup_steps == 6);
    /* (1 - 0.9^6) / sqrt(1 - 0.999^6) */
    near(e.rate.excess_at_peak, 0.468559 / 0.0773632, 1e-4);
    ek_evidence_free(&e);
    study_setting(&t.groups[0], "bias_correction", "true");
    e = evidence_of(&t, 0);
    assert_true(e.rate.excess_at_peak == 1);
    ek_evidence_free(&e);
    study_setting(&t.groups[0], "bias_correction", NULL); /* an old store */
    study_setting(&t.groups[0], "max_grad_norm", NULL);
    study_setting(&t.groups[0], "warmup_ratio", NULL);
    t.runs[0].rate.count = 0;
    e = evidence_of(&t, 0);
    assert_true(isnan(e.rate.excess_at_peak) && isnan(e.rate.warmup_steps));
    assert_true(isnan(e.clipping.limit) && isnan(e.clipping.clipped_share));
    assert_int_equal(e.rate.peak_step, -1);
    near(e.rate.peak, 2e-5, 1e-15); /* of the settings */
    ek_evidence_free(&e);
    ek_traces_free(&t);
}

static void test_clipping(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 2);
    t.runs[0].norm.values[0] = (double)NAN;
    ek_evidence e = evidence_of(&t, 0);
    /* every fourth of 60 steps, and step 10 */
    near(e.clipping.clipped_share, 16.0 / STEPS, 1e-12);
    near(e.clipping.share.own, 16.0 / STEPS, 1e-12);
    near(e.clipping.share.others, 16.0 / STEPS, 1e-12);
    near(e.clipping.largest, 5, 0);
    assert_int_equal(e.clipping.largest_step, 10);
    ek_evidence_free(&e);
    study_setting(&t.groups[0], "max_grad_norm", "0");
    e = evidence_of(&t, 0);
    assert_true(e.clipping.limit == 0 && isnan(e.clipping.clipped_share));
    ek_evidence_free(&e);
    ek_traces_free(&t);
}

static double overflows(size_t place, int64_t step)
{
    return step >= 30 && place >= 2 && place <= 4 ? (double)INFINITY : alive(place, step);
}

static void test_nonfinite(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 1);
    ek_trace *run = &t.runs[0];
    run->outcome = EK_OUTCOME_DIVERGED;
    run->nonfinite_step = 30;
    for (size_t i = 29; i < STEPS; i++) {
        run->norm.values[i] = (double)INFINITY;
    }
    ek_evidence e = evidence_of(&t, 0);
    assert_int_equal(e.nonfinite.step, 30);
    assert_true(e.nonfinite.norm && !e.nonfinite.loss && !e.nonfinite.logged);
    near(e.nonfinite.norm_before, 0.5, 0);
    assert_int_equal(e.rate.moment, EK_MOMENT_NONFINITE);
    ek_evidence_free(&e);
    set_gradients(run, overflows);
    run->nonfinite_tensors = 3;
    run->loss.values[29] = (double)NAN;
    e = evidence_of(&t, 0);
    assert_true(e.nonfinite.norm && e.nonfinite.loss && e.nonfinite.logged);
    assert_int_equal(e.nonfinite.tensors, 3);
    assert_int_equal(e.nonfinite.lowest, 2);
    assert_int_equal(e.nonfinite.highest, 4);
    ek_evidence_free(&e);
    ek_traces_free(&t);
}

static void test_stopped_early(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 2);
    stuck_run(&t.runs[0]);
    ek_evidence e = evidence_of(&t, 0);
    assert_int_equal(e.stopped_step, -1);
    ek_evidence_free(&e);
    t.runs[0].total_steps = 30; /* whatever the store says of it: the group was meant to go on */
    t.runs[0].loss.count = 30;
    e = evidence_of(&t, 0);
    assert_int_equal(e.stopped_step, 30);
    ek_evidence_free(&e);
    ek_traces_free(&t);
}

/* A run of which nothing is known but that it failed. */
static void test_nothing_logged(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 1);
    ek_trace *run = &t.runs[0];
    stuck_run(run);
    run->loss.count = run->rate.count = run->norm.count = run->eval_score.count = 0;
    run->answers = (ek_trace_answers){0};
    ek_free(t.label_counts);
    t.label_counts = NULL;
    t.truth_count = 0;
    ek_evidence e = evidence_of(&t, 0);
    assert_true(isnan(e.loss.constant) && isnan(e.loss.last) && isnan(e.score.best));
    assert_true(isnan(e.clipping.largest) && isnan(e.pooler_saturation.own));
    assert_false(e.loss_known || e.loss_flat || e.answers.constant || e.score_had_learned);
    assert_int_equal(e.stopped_step, -1);
    ek_evidence_free(&e);
    ek_traces_free(&t);
}

static void test_without_memory(void **state)
{
    (void)state;
    ek_traces t = study_of(1, 3);
    stuck_run(&t.runs[0]);
    for (size_t i = 0; i < 3; i++) {
        set_gradients(&t.runs[i], vanishing);
    }
    size_t refused = 0;
    ek_status status = EK_E_MEMORY;
    for (long n = 1; status != EK_OK; n++) {
        ek_evidence e;
        ek_error err = {0};
        ek_mem_fail_after(n);
        status = ek_evidence_of(&e, &t, 0, &err);
        ek_mem_fail_after(0);
        assert_true(status == EK_OK || status == EK_E_MEMORY);
        refused += status == EK_E_MEMORY;
        if (status == EK_OK) {
            ek_evidence_free(&e);
        }
    }
    assert_true(refused > 5);
    ek_traces_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flat_loss),
        cmocka_unit_test(test_falling_loss),
        cmocka_unit_test(test_falls_together),
        cmocka_unit_test(test_nonfinite_losses_are_left_out),
        cmocka_unit_test(test_collapse),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_regression),
        cmocka_unit_test(test_noise_of_f1),
        cmocka_unit_test(test_vanished_gradients),
        cmocka_unit_test(test_share_of_training),
        cmocka_unit_test(test_vanished_in_successful_runs_too),
        cmocka_unit_test(test_not_vanished),
        cmocka_unit_test(test_gradients_that_are_missing),
        cmocka_unit_test(test_bias_correction),
        cmocka_unit_test(test_clipping),
        cmocka_unit_test(test_nonfinite),
        cmocka_unit_test(test_stopped_early),
        cmocka_unit_test(test_nothing_logged),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
