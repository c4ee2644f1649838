/* figure_study.h - a small study in memory, and the set of its figures, for tests of figures. */
#ifndef EK_TEST_FIGURE_STUDY_H
#define EK_TEST_FIGURE_STUDY_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "report/figure.h"

static inline void check_has(const char *text, const char *wanted)
{
    if (!strstr(text, wanted)) {
        fail_msg("no '%s' in: %s", wanted, text);
    }
}

static inline void check_has_not(const char *text, const char *unwanted)
{
    if (strcasestr(text, unwanted)) {
        fail_msg("there is '%s' in: %s", unwanted, text);
    }
}

enum { STEPS = 40, EXAMPLES = 12, MOST_METRICS = 4 * STEPS + 8 };

static const char *const hostile_names[2] = {
    "`touch HACKED` $(touch HACKED) 'q' \"`touch HACKED`\" <script>alert(1)</script>",
    "# tab\tnew\nline \xff @x %s {_a} \xe6\x97\xa5\xe6\x9c\xac"};

static inline size_t add_metric(ek_metric_row *rows, size_t n, const char *name, int64_t step,
                                double value)
{
    rows[n] = (ek_metric_row){.name = name, .step = step, .value = value};
    return n + 1;
}

/* Run 0 of the first group fails, run 1 diverges; the others learn. */
static inline void finish_run(ek_store *store, const ek_spec *spec, size_t planned)
{
    ek_error err = {0};
    int64_t id;
    ek_run_status status;
    ek_metric_row rows[MOST_METRICS];
    size_t n = 0;
    uint32_t arm = spec->runs[planned].arm, seed = spec->runs[planned].seed;
    bool failed = arm == 0 && seed <= 2;
    ek_run_result result = {.outcome = !failed     ? EK_OUTCOME_OK
                                       : seed == 1 ? EK_OUTCOME_FAILED
                                                   : EK_OUTCOME_DIVERGED,
                            .score = failed ? 0.5 : 0.6 + 0.05 * seed + 0.01 * arm,
                            .total_steps = STEPS,
                            .nonfinite_step = -1};
    for (int64_t step = 1; step <= STEPS; step++) {
        double loss = failed ? 0.69 : 0.69 * exp(-0.1 * (double)step);
        bool lost = result.outcome == EK_OUTCOME_DIVERGED && step > STEPS / 2;
        n = add_metric(rows, n, "train_loss", step, lost ? (double)NAN : loss);
        n = add_metric(rows, n, "grad_norm/bert.encoder.layer.0.output.dense.weight", step,
                       lost ? (double)INFINITY : 3);
        n = add_metric(rows, n, "grad_norm/bert.encoder.layer.0.output.dense.bias", step, 4);
        n = add_metric(rows, n, "grad_norm/classifier.weight", step, 0.5);
    }
    for (int64_t step = STEPS / 2; step <= STEPS; step += STEPS / 2) {
        n = add_metric(rows, n, "eval_accuracy", step, result.score);
    }
    assert_int_equal(ek_predictions_init(&result.predictions, EXAMPLES, 2, &err), EK_OK);
    for (size_t i = 0; i < EXAMPLES; i++) {
        result.predictions.labels[i] = failed ? 0 : (int32_t)((i * seed / 2) % 2);
    }
    assert_int_equal(ek_store_run_id(store, spec, planned, &id, &status, &err), EK_OK);
    assert_int_equal(ek_store_run_started(store, id, &err), EK_OK);
    if (ek_store_run_finished(store, id, &result, rows, n, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    ek_predictions_free(&result.predictions);
}

static inline void add_flag(ek_settings *flags, const char *key, const char *value)
{
    ek_error err = {0};
    assert_int_equal(ek_settings_add(flags, key, value, EK_ORIGIN_FLAG, key, &err), EK_OK);
}

/* Two groups of 4 runs, or of 2 initialisations x 3 orders; with done false all runs are still
 * queued. */
static inline ek_store *make_study(const char *const names[2], bool done, bool product)
{
    ek_error err = {0};
    ek_settings flags = {0};
    ek_spec spec = {0};
    ek_store *store;
    int32_t labels[EXAMPLES] = {0};
    double scores[EXAMPLES] = {0};
    char task[] = "classification", no[] = "no", yes[] = "yes", notes[] = "";
    char *label_names[] = {no, yes};
    const ek_study_facts facts = {.task = task,
                                  .reported = "accuracy",
                                  .split = "validation",
                                  .baseline = 0.5,
                                  .label_count = 2,
                                  .label_names = label_names,
                                  .train_count = 100,
                                  .validation_count = EXAMPLES,
                                  .notes = notes,
                                  .labels = labels,
                                  .scores = scores};
    add_flag(&flags, "model", "m");
    add_flag(&flags, "recipe", "devlin,stable");
    if (product) {
        add_flag(&flags, "init_seed", "1,2");
        add_flag(&flags, "order_seed", "5,6,7");
    } else {
        add_flag(&flags, "seeds", "1..4");
    }
    add_flag(&flags, "train_file", "a.csv");
    add_flag(&flags, "validation_file", "b.csv");
    add_flag(&flags, "log_gradients", "true");
    if (ek_spec_build(&spec, NULL, &flags, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    ek_settings_free(&flags);
    assert_int_equal(spec.arm_count, 2);
    for (size_t i = 0; names && i < 2; i++) {
        ek_free(spec.arms[i].group);
        spec.arms[i].group = ek_strdup(names[i]);
    }
    assert_int_equal(ek_store_open_memory(&store, &err), EK_OK);
    if (ek_store_register(store, &spec, &facts, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    for (size_t i = 0; done && i < spec.run_count; i++) {
        finish_run(store, &spec, i);
    }
    ek_spec_free(&spec);
    return store;
}

static inline bool have_gnuplot(void)
{
    return system("gnuplot -V >/dev/null 2>&1") == 0;
}

static inline void make_set(ek_figure_set *set, ek_store *store, const char *study_dir,
                            const char *dir)
{
    ek_error err = {0};
    ek_group_table table = {0};
    const ek_figure_options options = {0};
    assert_int_equal(ek_group_table_load(&table, store, &err), EK_OK);
    if (ek_figures_make(set, &table, store, study_dir, dir, &options, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    ek_group_table_free(&table);
}

static inline const ek_figure *find(const ek_figure_set *set, const char *id)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->items[i].id, id) == 0) {
            return &set->items[i];
        }
    }
    fail_msg("there is no figure %s", id);
    return NULL;
}

static inline bool in_folder(const char *dir, const char *id, const char *ending)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s%s", dir, id, ending);
    return ek_file_exists(path);
}

/* Every line but empty ones has the header's number of columns, apart from places of empty sets. */
static inline void check_table(const char *tsv)
{
    size_t columns = 0, lines = 0;
    for (const char *at = tsv; *at; lines++) {
        size_t length = strcspn(at, "\n"), tabs = 0;
        for (size_t i = 0; i < length; i++) {
            tabs += at[i] == '\t';
        }
        columns = lines == 0 ? tabs : columns;
        if (length > 0 && tabs != columns && !(tabs == 1 && strncmp(at + 1, "\tNaN", 4) == 0)) {
            fail_msg("line %zu has %zu tabs, not %zu: %.*s", lines, tabs, columns, (int)length, at);
        }
        at += length + (at[length] == '\n');
    }
    assert_true(lines > 1);
}

#endif
