#include "probe/run_trace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/params.h"
#include "train/recipe.h"

static const char prefix[] = "grad_norm/";

static ek_status no_memory(ek_error *err)
{
    return ek_error_set(err, EK_E_MEMORY, "no memory for the runs of the study");
}

/* ---- gradients ------------------------------------------------------------------------------- */

static bool is_gradient(const char *name)
{
    return strncmp(name, prefix, sizeof prefix - 1) == 0;
}

/* The number of the encoder layer that a gradient belongs to, from 0; -1 for others. */
static long encoder_layer(const char *name)
{
    int32_t layer;
    ek_param_group group;
    bool known = is_gradient(name) && ek_param_place(name + sizeof prefix - 1, &layer, &group);
    return known && layer < INT32_MAX ? layer : -1;
}

/* The place of a gradient, or -1: none of those that are watched. */
static long place_of(const char *name, size_t encoder_layers)
{
    int32_t layer;
    ek_param_group group;
    if (!is_gradient(name) || !ek_param_place(name + sizeof prefix - 1, &layer, &group)) {
        return -1;
    }
    return group == EK_GROUP_POOLER       ? (long)encoder_layers + 1
           : group == EK_GROUP_CLASSIFIER ? (long)encoder_layers + 2
           : layer < INT32_MAX            ? layer + 1
                                          : -1;
}

static ek_status load_named(ek_trace_series *series, ek_store *store, int64_t id, const char *name,
                            ek_error *err)
{
    return ek_store_series(store, id, name, &series->steps, &series->values, &series->count, err);
}

static ek_status plan_places(ek_trace_gradients *g, char **names, size_t count, ek_error *err)
{
    size_t layers = 0;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        long layer = encoder_layer(names[i]);
        any = any || is_gradient(names[i]);
        layers = layer >= 0 && (size_t)layer + 1 > layers ? (size_t)layer + 1 : layers;
    }
    if (!any) {
        return EK_OK;
    }
    g->encoder_layers = layers;
    g->places = layers + 3;
    g->logged = ek_calloc(g->places, sizeof *g->logged);
    return g->logged ? EK_OK : no_memory(err);
}

/* Adds the squares of one tensor's norms to its place; the first tensor sets the steps. */
static ek_status add_tensor(ek_trace *run, ek_store *store, int64_t id, const char *name,
                            ek_error *err)
{
    ek_trace_gradients *g = &run->gradients;
    int64_t *steps;
    double *values;
    size_t count;
    EK_TRY(ek_store_series(store, id, name, &steps, &values, &count, err));
    if (!g->steps && count > 0) {
        g->norms = ek_calloc(g->places * count, sizeof *g->norms);
        if (!g->norms) {
            ek_free(steps);
            ek_free(values);
            return no_memory(err);
        }
        g->steps = steps;
        g->count = count;
        steps = NULL;
    }
    long place = place_of(name, g->encoder_layers);
    const int64_t *own = steps ? steps : g->steps;
    for (size_t i = 0; i < count; i++) {
        if (own[i] == run->nonfinite_step && !isfinite(values[i])) {
            run->nonfinite_tensors++;
        }
    }
    for (size_t i = 0; place >= 0 && i < g->count; i++) {
        bool same = i < count && own[i] == g->steps[i];
        g->norms[(size_t)place * g->count + i] += same ? values[i] * values[i] : (double)NAN;
        g->logged[place] = true;
    }
    run->tensors++;
    ek_free(steps);
    ek_free(values);
    return EK_OK;
}

/* What --log-gradients logs of the run that is `id` in store. */
static ek_status load_gradients(ek_trace *run, ek_store *store, int64_t id, ek_error *err)
{
    char **names;
    size_t count;
    EK_TRY(load_named(&run->pooler_saturation, store, id, "pooler_saturation", err));
    EK_TRY(load_named(&run->output_entropy, store, id, "output_entropy", err));
    EK_TRY(ek_store_metric_names(store, id, &names, &count, err));
    ek_status status = plan_places(&run->gradients, names, count, err);
    for (size_t i = 0; i < count; i++) {
        if (status == EK_OK && run->gradients.places > 0 && is_gradient(names[i])) {
            status = add_tensor(run, store, id, names[i], err);
        }
        ek_free(names[i]);
    }
    ek_free(names);
    for (size_t i = 0; i < run->gradients.places * run->gradients.count; i++) {
        run->gradients.norms[i] = sqrt(run->gradients.norms[i]);
    }
    return status;
}

/* From the store of a run that was made again for its gradients; it is run 1 there. */
static ek_status load_made_again(ek_trace *run, const char *dir, ek_error *err)
{
    char name[64];
    snprintf(name, sizeof name, "probe/gradients/run-%lld", (long long)run->run);
    char *own = ek_path_join(dir, name);
    ek_store *store = NULL;
    ek_status status = own ? EK_OK : no_memory(err);
    if (status == EK_OK && ek_dir_exists(own)) {
        status = ek_store_open_read(&store, own, err);
    }
    ek_free(own);
    if (store) {
        status = load_gradients(run, store, 1, err);
        ek_store_close(store);
    }
    return status;
}

/* ---- series ---------------------------------------------------------------------------------- */

static ek_status load_series(ek_trace *run, ek_store *store, const char *reported, ek_error *err)
{
    char score[64];
    snprintf(score, sizeof score, "eval_%s", reported);
    const struct {
        ek_trace_series *series;
        const char *name;
    } wanted[] = {
        {&run->loss, "train_loss"},     {&run->rate, "learning_rate"}, {&run->norm, "grad_norm"},
        {&run->eval_loss, "eval_loss"}, {&run->eval_score, score},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        EK_TRY(load_named(wanted[i].series, store, run->run, wanted[i].name, err));
    }
    return EK_OK;
}

/* ---- answers --------------------------------------------------------------------------------- */

static double deviation(const double *x, size_t n)
{
    double mean = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        mean += x[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        sum += (x[i] - mean) * (x[i] - mean);
    }
    return n > 0 ? sqrt(sum / (double)n) : (double)NAN;
}

static ek_status sum_up_answers(ek_trace_answers *a, const ek_stored_predictions *p, size_t row,
                                bool regression, ek_error *err)
{
    size_t n = p->example_count, classes = (size_t)p->label_count;
    size_t *counts = ek_calloc(classes, sizeof *counts);
    if (!counts) {
        return no_memory(err);
    }
    *a = (ek_trace_answers){.examples = n, .score_deviation = (double)NAN};
    for (size_t i = 0; i < n; i++) {
        counts[p->labels[row * n + i]]++;
        bool finite = true;
        for (size_t c = 0; c < classes; c++) {
            finite = finite && isfinite(p->probs[(row * n + i) * classes + c]);
        }
        a->nonfinite_answers += !finite;
    }
    for (size_t c = 0; c < classes; c++) {
        a->classes += counts[c] > 0;
        if (counts[c] > a->top_count) {
            a->top_count = counts[c];
            a->top_class = (int32_t)c;
        }
    }
    if (regression) {
        a->score_deviation = deviation(p->probs + row * n, n);
    }
    ek_free(counts);
    return EK_OK;
}

/* The truth of the validation split, from the first group's predictions. */
static ek_status load_truth(ek_traces *t, const ek_stored_predictions *p, ek_error *err)
{
    bool regression = t->facts.label_count == 0;
    double *scores = ek_calloc(p->example_count, sizeof *scores);
    t->label_counts = ek_calloc((size_t)p->label_count, sizeof *t->label_counts);
    if (!t->label_counts || !scores) {
        ek_free(scores);
        return no_memory(err);
    }
    for (size_t i = 0; i < p->example_count; i++) {
        if (regression && isfinite(p->truth_scores[i])) {
            scores[t->truth_count++] = p->truth_scores[i];
        } else if (!regression && p->truth[i] >= 0 && p->truth[i] < p->label_count) {
            t->label_counts[p->truth[i]]++;
            t->truth_count++;
        }
    }
    if (regression) {
        double sd = deviation(scores, t->truth_count);
        t->truth_variance = sd * sd;
        ek_free(t->label_counts);
        t->label_counts = NULL;
    }
    ek_free(scores);
    return EK_OK;
}

static ek_status load_answers(ek_traces *t, ek_store *store, ek_error *err)
{
    ek_status status = EK_OK;
    for (size_t g = 0; status == EK_OK && g < t->group_count; g++) {
        ek_stored_predictions p;
        EK_TRY(ek_store_predictions(store, t->groups[g].name, t->run_count, &p, err));
        if (g == 0) {
            status = load_truth(t, &p, err);
        }
        for (size_t row = 0, i = 0; status == EK_OK && row < p.run_count && i < t->run_count; i++) {
            if (t->runs[i].run == p.runs[row]) {
                status =
                    sum_up_answers(&t->runs[i].answers, &p, row, t->facts.label_count == 0, err);
                row++;
            }
        }
        ek_stored_predictions_free(&p);
    }
    return status;
}

/* ---- groups ---------------------------------------------------------------------------------- */

static ek_status load_settings(ek_trace_group *group, ek_store *store, ek_error *err)
{
    group->settings = ek_calloc(ek_recipe_options.count, sizeof *group->settings);
    if (!group->settings) {
        return no_memory(err);
    }
    for (size_t i = 0; i < ek_recipe_options.count; i++) {
        ek_buf value = {0};
        ek_status status =
            ek_store_group_value(store, group->name, ek_recipe_options.rows[i].name, &value, err);
        group->settings[i] = value.data ? ek_buf_take(&value) : NULL;
        ek_buf_deinit(&value);
        EK_TRY(status);
    }
    return EK_OK;
}

static ek_status group_of(ek_traces *t, ek_store *store, const char *name, size_t *group,
                          ek_error *err)
{
    for (*group = 0; *group < t->group_count; ++*group) {
        if (strcmp(t->groups[*group].name, name) == 0) {
            return EK_OK;
        }
    }
    ek_trace_group *grown = ek_realloc(t->groups, t->group_count + 1, sizeof *grown);
    if (!grown) {
        return no_memory(err);
    }
    t->groups = grown;
    grown[t->group_count] = (ek_trace_group){.name = ek_strdup(name)};
    if (!grown[t->group_count++].name) {
        return no_memory(err);
    }
    return load_settings(&grown[*group], store, err);
}

static ek_status load_runs(ek_traces *t, ek_store *store, const char *dir, const ek_run_row *rows,
                           ek_error *err)
{
    for (size_t i = 0; i < t->run_count; i++) {
        const ek_run_row *row = &rows[i];
        ek_trace *run = &t->runs[i];
        *run = (ek_trace){.run = row->id,
                          .seed = row->seed,
                          .status = row->status,
                          .outcome = row->outcome,
                          .score = row->score,
                          .total_steps = row->total_steps,
                          .nonfinite_step = row->nonfinite_step};
        EK_TRY(group_of(t, store, row->group, &run->group, err));
        ek_trace_group *group = &t->groups[run->group];
        if (run->status != EK_RUN_DONE) {
            group->unfinished++;
            continue;
        }
        group->runs++;
        group->failed += run->outcome != EK_OUTCOME_OK;
        EK_TRY(load_series(run, store, t->facts.reported, err));
        EK_TRY(load_gradients(run, store, run->run, err));
        if (dir && run->gradients.places == 0) {
            EK_TRY(load_made_again(run, dir, err));
        }
    }
    return load_answers(t, store, err);
}

ek_status ek_traces_load(ek_traces *traces, ek_store *store, const char *dir, ek_error *err)
{
    *traces = (ek_traces){.truth_variance = (double)NAN};
    ek_run_row *rows = NULL;
    size_t count = 0;
    EK_TRY(ek_store_facts(store, &traces->facts, err));
    ek_status status = ek_store_runs(store, &rows, &count, err);
    if (status == EK_OK) {
        traces->runs = ek_calloc(count, sizeof *traces->runs);
        traces->memos = ek_calloc(count, sizeof *traces->memos);
        traces->run_count = traces->runs ? count : 0;
        status = traces->runs && traces->memos ? load_runs(traces, store, dir, rows, err)
                                               : no_memory(err);
    }
    for (size_t i = 0; status == EK_OK && i < count; i++) {
        traces->runs[i].memo = &traces->memos[i];
    }
    ek_run_rows_free(rows, count);
    if (status != EK_OK) {
        ek_traces_free(traces);
    }
    return status;
}

static void series_free(ek_trace_series *series)
{
    ek_free(series->steps);
    ek_free(series->values);
}

void ek_traces_free(ek_traces *traces)
{
    for (size_t i = 0; i < traces->run_count; i++) {
        ek_trace *run = &traces->runs[i];
        ek_trace_series *all[] = {&run->loss,          &run->rate,       &run->norm,
                                  &run->eval_loss,     &run->eval_score, &run->pooler_saturation,
                                  &run->output_entropy};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
            series_free(all[k]);
        }
        ek_free(run->gradients.steps);
        ek_free(run->gradients.norms);
        ek_free(run->gradients.logged);
    }
    for (size_t g = 0; g < traces->group_count; g++) {
        for (size_t i = 0; traces->groups[g].settings && i < ek_recipe_options.count; i++) {
            ek_free(traces->groups[g].settings[i]);
        }
        ek_free(traces->groups[g].settings);
        ek_free(traces->groups[g].name);
    }
    ek_free(traces->runs);
    ek_free(traces->memos);
    ek_free(traces->groups);
    ek_free(traces->label_counts);
    ek_study_facts_free(&traces->facts);
    *traces = (ek_traces){0};
}

const char *ek_trace_setting_text(const ek_trace_group *group, const char *name)
{
    for (size_t i = 0; group->settings && i < ek_recipe_options.count; i++) {
        if (strcmp(ek_recipe_options.rows[i].name, name) == 0) {
            return group->settings[i];
        }
    }
    return NULL;
}

double ek_trace_setting(const ek_trace_group *group, const char *name)
{
    const char *text = ek_trace_setting_text(group, name);
    double number;
    bool flag;
    if (text && ek_parse_double(text, &number)) {
        return number;
    }
    return text && ek_parse_bool(text, &flag) ? (double)flag : (double)NAN;
}
