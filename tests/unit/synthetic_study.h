/* synthetic_study.h - traces of runs whose course is known, for the tests of probe/. */
#ifndef EK_TEST_SYNTHETIC_STUDY_H
#define EK_TEST_SYNTHETIC_STUDY_H

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "probe/run_trace.h"
#include "train/recipe.h"

/* Runs have STEPS steps and log every one of them; two classes, 40 and 60 of 100 examples. */
enum { STEPS = 60, LAYERS = 3, PLACES = LAYERS + 3 };
/* The loss of the best constant answer, 0.4 and 0.6: -0.4 ln 0.4 - 0.6 ln 0.6. */
static const double constant_answer = 0.67301166700925653;

/* Noise without a generator: the same for the same step, about +-1, of mean nearly 0. */
static double wobble(int64_t step)
{
    return sin(12.9898 * (double)step) + 0.3 * sin(4.1 * (double)step);
}

static void study_setting(ek_trace_group *group, const char *name, const char *value)
{
    for (size_t i = 0; i < ek_recipe_options.count; i++) {
        if (strcmp(ek_recipe_options.rows[i].name, name) == 0) {
            ek_free(group->settings[i]);
            group->settings[i] = value ? ek_strdup(value) : NULL;
        }
    }
}

static void study_group(ek_trace_group *group, const char *name)
{
    *group = (ek_trace_group){.name = ek_strdup(name)};
    group->settings = ek_calloc(ek_recipe_options.count, sizeof *group->settings);
    study_setting(group, "learning_rate", "2e-5");
    study_setting(group, "bias_correction", "false");
    study_setting(group, "adam_beta1", "0.9");
    study_setting(group, "adam_beta2", "0.999");
    study_setting(group, "warmup_ratio", "0.1");
    study_setting(group, "warmup_steps", "0");
    study_setting(group, "max_grad_norm", "1");
    study_setting(group, "num_train_epochs", "3");
    study_setting(group, "max_steps", "0");
    study_setting(group, "train_examples", "0");
    study_setting(group, "logging_steps", "1");
}

static ek_trace_series series_of(double (*curve)(int64_t step))
{
    ek_trace_series s = {ek_calloc(STEPS, sizeof *s.steps), ek_calloc(STEPS, sizeof *s.values),
                         STEPS};
    for (int64_t i = 0; i < STEPS; i++) {
        s.steps[i] = i + 1;
        s.values[i] = curve(i + 1);
    }
    return s;
}

static void set_series(ek_trace_series *series, double (*curve)(int64_t step))
{
    ek_free(series->steps);
    ek_free(series->values);
    *series = series_of(curve);
}

/* An evaluation after every third of training. */
static void set_evaluations(ek_trace *run, double first, double second, double last)
{
    const double values[] = {first, second, last};
    ek_free(run->eval_score.steps);
    ek_free(run->eval_score.values);
    run->eval_score =
        (ek_trace_series){ek_calloc(3, sizeof(int64_t)), ek_calloc(3, sizeof(double)), 3};
    for (int i = 0; i < 3; i++) {
        run->eval_score.steps[i] = (i + 1) * STEPS / 3;
        run->eval_score.values[i] = values[i];
    }
    run->score = last;
}

static void set_gradients(ek_trace *run, double (*curve)(size_t place, int64_t step))
{
    ek_trace_gradients *g = &run->gradients;
    ek_free(g->steps);
    ek_free(g->norms);
    ek_free(g->logged);
    *g = (ek_trace_gradients){ek_calloc(STEPS, sizeof *g->steps),
                              ek_calloc((size_t)STEPS * PLACES, sizeof *g->norms),
                              ek_calloc(PLACES, sizeof *g->logged),
                              STEPS,
                              PLACES,
                              LAYERS};
    for (size_t place = 0; place < PLACES; place++) {
        g->logged[place] = true;
        for (int64_t i = 0; i < STEPS; i++) {
            g->steps[i] = i + 1;
            g->norms[place * STEPS + (size_t)i] = curve(place, i + 1);
        }
    }
    run->tensors = PLACES;
}

static void set_answers(ek_trace *run, size_t top_count, int32_t top_class)
{
    run->answers = (ek_trace_answers){.examples = 100,
                                      .classes = top_count < 100 ? 2 : 1,
                                      .top_class = top_class,
                                      .top_count = top_count,
                                      .score_deviation = (double)NAN};
}

/* ---- curves ---------------------------------------------------------------------------------- */

/* Never better than a constant answer. */
static double flat_loss(int64_t step)
{
    return constant_answer + 0.01 * wobble(step);
}

/* Down to a tenth in the first half, then level. */
static double learned_loss(int64_t step)
{
    return 0.05 + 0.62 * exp(-0.15 * (double)step) + 0.005 * wobble(step);
}

/* From 0.75 by 0.1 over the run, so 0.65 at the end: above nine tenths of a constant answer's. */
static double falling_loss(int64_t step)
{
    return 0.75 - 0.1 * (double)step / STEPS + 0.002 * wobble(step);
}

/* Down to 0.3 by step 20, and back from step 30 on. */
static double collapsed_loss(int64_t step)
{
    double low = step < 20 ? 0.68 - 0.38 * (double)step / 20 : 0.3;
    return step > 30 ? constant_answer + 0.01 * wobble(step) : low + 0.01 * wobble(step);
}

static double rate_curve(int64_t step)
{
    return step <= 6 ? 2e-5 * (double)step / 6 : 2e-5 * (double)(STEPS - step) / (STEPS - 6);
}

static double norm_curve(int64_t step)
{
    return step == 10 ? 5 : step % 4 == 0 ? 1.5 : 0.5;
}

/* As in successful runs: every layer 0.2, the classifier 0.5, with noise. */
static double alive(size_t place, int64_t step)
{
    return (place == PLACES - 1 ? 0.5 : 0.2) * exp(0.3 * wobble(step + (int64_t)place));
}

/* From step 20 on the lower two layers and the embeddings have a hundredth. */
static double vanishing(size_t place, int64_t step)
{
    return alive(place, step) * (place <= 2 && step >= 20 ? 0.01 : 1);
}

/* ---- runs ------------------------------------------------------------------------------------ */

static void learned_run(ek_trace *run)
{
    run->outcome = EK_OUTCOME_OK;
    set_series(&run->loss, learned_loss);
    set_evaluations(run, 0.75, 0.85, 0.85);
    set_answers(run, 58, 1);
}

static void stuck_run(ek_trace *run)
{
    run->outcome = EK_OUTCOME_FAILED;
    set_series(&run->loss, flat_loss);
    set_evaluations(run, 0.6, 0.6, 0.6);
    set_answers(run, 100, 1);
}

static void count_outcomes(ek_traces *t)
{
    for (size_t g = 0; g < t->group_count; g++) {
        t->groups[g].runs = t->groups[g].failed = 0;
    }
    for (size_t i = 0; i < t->run_count; i++) {
        t->groups[t->runs[i].group].runs += t->runs[i].status == EK_RUN_DONE;
        t->groups[t->runs[i].group].failed +=
            t->runs[i].status == EK_RUN_DONE && t->runs[i].outcome != EK_OUTCOME_OK;
    }
}

/* So many groups ("a", "b", ...) of so many runs; all learned. */
static ek_traces study_of(size_t groups, size_t runs_each)
{
    ek_traces t = {.truth_count = 100, .truth_variance = (double)NAN};
    t.facts = (ek_study_facts){.task = ek_strdup("classification"),
                               .reported = "accuracy",
                               .split = "validation",
                               .baseline = 0.6,
                               .label_count = 2,
                               .label_names = ek_calloc(2, sizeof(char *)),
                               .train_count = 500,
                               .validation_count = 100,
                               .notes = ek_strdup("")};
    t.facts.label_names[0] = ek_strdup("no");
    t.facts.label_names[1] = ek_strdup("yes");
    t.label_counts = ek_calloc(2, sizeof *t.label_counts);
    t.label_counts[0] = 40;
    t.label_counts[1] = 60;
    t.group_count = groups;
    t.groups = ek_calloc(groups, sizeof *t.groups);
    t.run_count = groups * runs_each;
    t.runs = ek_calloc(t.run_count, sizeof *t.runs);
    for (size_t g = 0; g < groups; g++) {
        const char name[] = {(char)('a' + g), '\0'};
        study_group(&t.groups[g], name);
    }
    for (size_t i = 0; i < t.run_count; i++) {
        ek_trace *run = &t.runs[i];
        *run = (ek_trace){.run = (int64_t)i + 1,
                          .group = i / runs_each,
                          .seed = (uint32_t)(i % runs_each) + 1,
                          .status = EK_RUN_DONE,
                          .total_steps = STEPS,
                          .nonfinite_step = -1};
        learned_run(run);
        run->rate = series_of(rate_curve);
        run->norm = series_of(norm_curve);
    }
    count_outcomes(&t);
    return t;
}

#endif
