#include "train/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/realmath.h"
#include "data/sampling.h"
#include "train/optimizer.h"

const char *ek_outcome_name(ek_outcome outcome)
{
    static const char *const names[] = {"ok", "failed", "diverged", "doomed"};
    return names[outcome];
}

/* Everything a run needs, laid out in one arena before the first step. */
struct run {
    const ek_run_input *input;
    ek_compute *compute;
    const ek_run_sink *sink;
    ek_run_result *result;
    ek_schedule schedule;
    ek_arena arena;
    float *weights, *gradients;
    float *best_weights; /* only when the best checkpoint is reported */
    ek_optimizer optimizer;
    ek_workspace workspace;
    uint32_t *subset;  /* [example_count] indices into the training set */
    uint32_t *order;   /* [example_count] this epoch's order of the subset */
    int32_t *eval_ids; /* [eval_id_count] distinct token ids of the validation sets, ascending */
    int32_t eval_id_count;
    double *tensor_norms; /* [params.count] with log_gradients */
    struct activations {
        int64_t saturated, pooled; /* outputs of the pooler */
        double entropy;            /* sum over examples */
        int64_t examples;
    } activations; /* of the step that is being logged, with log_gradients */
    uint32_t example_count;
    uint32_t epoch; /* 0-based */
    int64_t step;   /* steps made */
    bool doomed;
    bool have_best;
    double logged_loss; /* sum over the steps since the last log */
    int64_t logged_steps;
};

static uint32_t subset_size(const ek_run_input *input)
{
    int64_t wanted = input->recipe->train_examples;
    size_t count = input->train->count;
    return (uint32_t)(wanted > 0 && (size_t)wanted < count ? (size_t)wanted : count);
}

/* The table whose rows most steps do not touch: the word embeddings, first of all parameters. */
static const ek_param *word_table(const ek_params *params)
{
    return &params->rows[0];
}

static void lay_out(struct run *run, ek_arena *arena)
{
    const ek_run_input *input = run->input;
    const ek_params *params = &input->model->params;
    size_t total = params->total_count;
    run->weights = input->weights ? input->weights : ek_arena_alloc(arena, total, sizeof(float));
    run->gradients = ek_arena_alloc(arena, total, sizeof(float));
    if (input->recipe->report_checkpoint == EK_CHECKPOINT_BEST) {
        run->best_weights = ek_arena_alloc(arena, total, sizeof(float));
    }
    ek_optimizer_plan(&run->optimizer, arena, params, input->recipe);
    if (params->num_labels > 0) { /* the decoder of masked-LM gives every row a gradient */
        ek_optimizer_plan_lazy(&run->optimizer, arena, word_table(params),
                               run->schedule.total_steps);
    }
    run->eval_ids = ek_arena_alloc(arena, (size_t)input->model->config.vocab_size, sizeof(int32_t));
    const ek_token_set *sets[] = {input->train, input->validation, input->validation_2};
    ek_workspace_plan(&run->workspace, arena, &input->model->config, &input->model->offsets,
                      params->num_labels, sets, 3, (int32_t)input->recipe->batch_size,
                      (ek_precision)input->recipe->precision, true);
    run->subset = ek_arena_alloc(arena, run->example_count, sizeof(uint32_t));
    run->order = ek_arena_alloc(arena, run->example_count, sizeof(uint32_t));
    if (input->recipe->log_gradients) {
        run->tensor_norms = ek_arena_alloc(arena, params->count, sizeof(double));
        ek_optimizer_plan_ratios(&run->optimizer, arena);
    }
}

static size_t arena_bytes(const ek_run_input *input)
{
    struct run run = {.input = input, .example_count = subset_size(input)};
    ek_arena plan = ek_arena_measure();
    ek_schedule_init(&run.schedule, input->recipe, run.example_count, NULL);
    lay_out(&run, &plan);
    return plan.used_bytes;
}

size_t ek_run_bytes(const ek_run_input *input, int threads)
{
    const ek_model_config *config = &input->model->config;
    const ek_token_set *sets[] = {input->train, input->validation, input->validation_2};
    int32_t longest = 0;
    size_t evaluated = 0;
    for (size_t s = 0; s < 3; s++) {
        if (sets[s]) {
            longest = sets[s]->max_length > longest ? sets[s]->max_length : longest;
        }
        if (sets[s] && s > 0) {
            evaluated += ek_evaluate_bytes(sets[s]->count, input->model->params.num_labels);
        }
    }
    if (input->recipe->eval_train) {
        evaluated += ek_evaluate_bytes(subset_size(input), input->model->params.num_labels);
    }
    int64_t fused = 3 * (int64_t)config->hidden_size, wide = config->intermediate_size;
    int64_t decoder = input->model->params.num_labels > 0 ? 0 : config->vocab_size;
    wide = wide > decoder ? wide : decoder;
    return arena_bytes(input) + evaluated +
           ek_compute_bytes(threads, longest, config->hidden_size / config->num_attention_heads,
                            fused > wide ? fused : wide);
}

static void send_metric(const struct run *run, const char *name, int64_t step, double value)
{
    if (run->sink->metric) {
        run->sink->metric(run->sink->user, name, step, value);
    }
}

/* A rate above 0 or what config.json says. */
static double dropout_of(const ek_recipe *recipe, double configured)
{
    return isnan(recipe->dropout) ? configured : recipe->dropout;
}

static void dropout_options(const struct run *run, int64_t step, ek_encoder_options *encoder,
                            ek_head_options *head)
{
    const ek_model_config *config = &run->input->model->config;
    const ek_recipe *recipe = run->input->recipe;
    double classifier = isnan(config->classifier_dropout) ? config->hidden_dropout_prob
                                                          : config->classifier_dropout;
    *encoder = (ek_encoder_options){
        .dropout = true,
        .hidden_dropout = dropout_of(recipe, config->hidden_dropout_prob),
        .attention_dropout = dropout_of(recipe, config->attention_probs_dropout_prob),
        .dropout_seed = run->input->seeds.dropout,
        .step = (uint32_t)step,
        .addend_layer = -1,
    };
    *head = (ek_head_options){
        .dropout = true,
        .classifier_dropout = dropout_of(recipe, classifier),
        .dropout_seed = run->input->seeds.dropout,
        .step = (uint32_t)step,
    };
}

static ek_mask_draw mask_of_epoch(const struct run *run)
{
    return (ek_mask_draw){run->input->seeds.order, EK_MASK_EPOCH + run->epoch};
}

/* Whether step `made`, counted from 1, is logged (even if nothing goes wrong in it). */
static bool logged(const struct run *run, int64_t made)
{
    int64_t every = run->input->recipe->logging_steps;
    return every > 0 && (made % every == 0 || made == run->schedule.total_steps);
}

static double entropy_of(const float *logits, int32_t classes)
{
    double largest = (double)logits[0], sum = 0, weighted = 0;
    for (int32_t c = 1; c < classes; c++) {
        largest = (double)logits[c] > largest ? (double)logits[c] : largest;
    }
    for (int32_t c = 0; c < classes; c++) {
        double e = ek_exp((double)logits[c] - largest);
        sum += e;
        weighted += e > 0 ? e * ((double)logits[c] - largest) : 0;
    }
    return ek_log(sum) - weighted / sum;
}

static void add_activations(struct activations *sum, const ek_workspace *work)
{
    const ek_head *head = &work->head;
    int64_t pooled = (int64_t)work->row_count * work->encoder.config->hidden_size;
    for (int64_t i = 0; i < pooled; i++) {
        sum->saturated += fabsf(head->pooled[i]) > EK_RUN_SATURATED;
    }
    sum->pooled += pooled;
    for (int32_t i = 0; head->num_labels > 1 && i < work->row_count; i++) {
        sum->entropy += entropy_of(head->logits + (int64_t)i * head->num_labels, head->num_labels);
        sum->examples++;
    }
}

/* Forward and backward of `count` examples from order[first]; returns the sum of their losses. */
static double micro_batch(struct run *run, int64_t step, uint32_t first, int32_t count,
                          uint32_t index_in_step, float divisor)
{
    ek_workspace *work = &run->workspace;
    ek_encoder_options encoder_options;
    ek_head_options head_options;
    dropout_options(run, step, &encoder_options, &head_options);
    encoder_options.fresh_gradients = index_in_step == 0;
    ek_workspace_fill(work, run->input->train, run->order + first, count, index_in_step,
                      mask_of_epoch(run));
    ek_optimizer_touch(&run->optimizer, run->compute, run->weights, work->batch.distinct_ids,
                       work->batch.distinct_count);
    ek_workspace_pass(work, run->compute, run->gradients, run->weights, &encoder_options,
                      &head_options, run->input->problem, divisor);
    const float *row_loss = ek_workspace_row_loss(work);
    double loss = 0;
    for (int32_t i = 0; i < work->row_count; i++) {
        loss += (double)row_loss[i];
    }
    if (run->tensor_norms && !work->masked_lm && logged(run, step + 1)) {
        add_activations(&run->activations, work);
    }
    run->result->trained_tokens += work->batch.token_count;
    return loss;
}

static void send_of_tensor(const struct run *run, const char *kind, size_t param, int64_t step,
                           double value)
{
    char name[128];
    snprintf(name, sizeof name, "%s/%s", kind, run->input->model->params.rows[param].name);
    send_metric(run, name, step, value);
}

/* What log_gradients adds. */
static void log_gradients(struct run *run, int64_t step, double norm)
{
    struct activations *seen = &run->activations;
    send_metric(run, "grad_norm_clipped", step, norm * ek_optimizer_clip(&run->optimizer, norm));
    for (size_t i = 0; i < run->input->model->params.count; i++) {
        send_of_tensor(run, "grad_norm", i, step, run->tensor_norms[i]);
        send_of_tensor(run, "update_ratio", i, step, run->optimizer.update_ratios[i]);
    }
    if (seen->pooled > 0) {
        send_metric(run, "pooler_saturation", step, (double)seen->saturated / (double)seen->pooled);
    }
    if (seen->examples > 0) {
        send_metric(run, "output_entropy", step, seen->entropy / (double)seen->examples);
    }
    *seen = (struct activations){0};
}

static void log_step(struct run *run, int64_t step, double rate, double norm)
{
    send_metric(run, "train_loss", step, run->logged_loss / (double)run->logged_steps);
    send_metric(run, "learning_rate", step, rate);
    send_metric(run, "grad_norm", step, norm);
    run->logged_loss = 0;
    run->logged_steps = 0;
    if (run->tensor_norms) {
        log_gradients(run, step, norm);
    }
}

/* Zeroes what the first micro-batch adds to: all but the encoder's linear weights, which it writes
 * (fresh_gradients), and lazy word embeddings, which the optimizer leaves zeroed. */
static void zero_gradients(struct run *run)
{
    const ek_params *params = &run->input->model->params;
    for (size_t i = 0; i < params->count; i++) {
        const ek_param *row = &params->rows[i];
        bool linear = row->rank == 2 && row->layer >= 0 && !row->is_head;
        if (!linear && row != run->optimizer.lazy.table) {
            ek_zero(run->compute, run->gradients + row->offset, (int64_t)row->count);
        }
    }
}

/* One optimizer step over the window of examples from order[first]. */
static void train_step(struct run *run, int64_t step, uint32_t first, uint32_t count)
{
    const ek_recipe *recipe = run->input->recipe;
    int64_t rows = ek_workspace_rows(&run->workspace, run->input->train, run->order + first, count,
                                     mask_of_epoch(run));
    zero_gradients(run);
    double loss = 0;
    for (uint32_t done = 0; done < count;) {
        uint32_t left = count - done;
        uint32_t size = left < recipe->batch_size ? left : (uint32_t)recipe->batch_size;
        loss += micro_batch(run, step, first + done, (int32_t)size, done, (float)rows);
        done += size;
    }
    loss /= (double)rows;
    int64_t made = step + 1;
    double rate = ek_schedule_rate(&run->schedule, step);
    double norm =
        ek_optimizer_norm(&run->optimizer, run->compute, run->gradients, run->tensor_norms);
    bool log = logged(run, made);
    if (run->result->nonfinite_step < 0 && (!isfinite(loss) || !isfinite(norm))) {
        run->result->nonfinite_step = made;
        log = log || recipe->logging_steps > 0; /* it says where it was seen first */
    }
    (log && run->tensor_norms ? ek_optimizer_measure : ek_optimizer_step)(
        &run->optimizer, run->compute, run->weights, run->gradients, rate, norm);
    run->logged_loss += loss;
    run->logged_steps++;
    if (log) {
        log_step(run, made, rate, norm);
    }
}

static void send_evaluation(const struct run *run, const char *prefix, int64_t step,
                            const ek_predictions *predictions, const ek_token_set *set)
{
    char name[64];
    snprintf(name, sizeof name, "%s_loss", prefix);
    send_metric(run, name, step, predictions->loss);
    for (const char *const *metric = run->input->metrics; *metric; metric++) {
        snprintf(name, sizeof name, "%s_%s", prefix, *metric);
        send_metric(run, name, step, ek_evaluate_metric(*metric, predictions, set));
    }
}

/* Examples whose predictions are kept: masked-LM has none to keep. */
static size_t predicted(const ek_run_input *input, const ek_token_set *set)
{
    return input->problem == EK_PROBLEM_MASKED_LM ? 0 : set->count;
}

/* Every reported metric is better when larger, but for perplexity. */
static bool beats(const ek_run_input *input, double score, double other)
{
    return input->problem == EK_PROBLEM_MASKED_LM ? score < other : score > other;
}

/* Evaluates, logs, and keeps the predictions if they are those of the reported checkpoint. */
static ek_status evaluate(struct run *run, int64_t step, ek_error *err)
{
    const ek_run_input *input = run->input;
    ek_run_result *result = run->result;
    double started = ek_clock_seconds();
    ek_optimizer_catch_up(&run->optimizer, run->compute, run->weights, run->eval_ids,
                          run->eval_id_count);
    if (input->validation_2) {
        ek_predictions second;
        EK_TRY(ek_predictions_init(&second, predicted(input, input->validation_2),
                                   input->model->params.num_labels, err));
        ek_status status = ek_evaluate(&second, &run->workspace, run->compute, run->weights,
                                       input->validation_2, input->problem, EK_RUN_MASK_SEED, err);
        if (status == EK_OK) {
            send_evaluation(run, "eval2", step, &second, input->validation_2);
        }
        ek_predictions_free(&second);
        EK_TRY(status);
    }
    ek_predictions now;
    EK_TRY(ek_predictions_init(&now, predicted(input, input->validation),
                               input->model->params.num_labels, err));
    ek_status status = ek_evaluate(&now, &run->workspace, run->compute, run->weights,
                                   input->validation, input->problem, EK_RUN_MASK_SEED, err);
    if (status != EK_OK) {
        ek_predictions_free(&now);
        return status;
    }
    send_evaluation(run, "eval", step, &now, input->validation);
    double score = ek_evaluate_metric(input->reported, &now, input->validation);
    bool better = !run->have_best || beats(input, score, result->best_score);
    if (better) {
        run->have_best = true;
        result->best_score = score;
        result->best_step = step;
    }
    bool best_reported = input->recipe->report_checkpoint == EK_CHECKPOINT_BEST;
    if (!best_reported || better) {
        if (best_reported) {
            ek_optimizer_catch_up(&run->optimizer, run->compute, run->weights, NULL, 0);
            memcpy(run->best_weights, run->weights,
                   input->model->params.total_count * sizeof(float));
        }
        ek_predictions_free(&result->predictions);
        result->predictions = now;
        result->score = score;
    } else {
        ek_predictions_free(&now);
    }
    result->eval_seconds += ek_clock_seconds() - started;
    return EK_OK;
}

/* Marks ids in a table of the vocabulary's size, then lists them. */
static void list_eval_ids(struct run *run)
{
    const ek_token_set *sets[] = {run->input->validation, run->input->validation_2};
    int32_t vocab_size = run->input->model->config.vocab_size;
    for (size_t s = 0; s < 2; s++) {
        for (size_t i = 0; sets[s] && i < sets[s]->count; i++) {
            for (int32_t p = 0; p < sets[s]->examples[i].length; p++) {
                run->eval_ids[sets[s]->examples[i].input_ids[p]] = 1;
            }
        }
    }
    for (int32_t id = 0; id < vocab_size; id++) {
        if (run->eval_ids[id]) {
            run->eval_ids[run->eval_id_count++] = id; /* never ahead of id */
        }
    }
}

/* Evaluates where that is due, and asks whether the run shall go on. */
static ek_status after_step(struct run *run, int64_t step, bool epoch_ends, ek_error *err)
{
    const ek_early_stop *early = &run->input->early;
    int64_t every = run->input->recipe->eval_steps;
    run->step = step;
    if (step == early->step) {
        EK_TRY(early->says(early->user, &run->doomed, err));
    }
    bool due = every < 0 ? epoch_ends : every > 0 && step % every == 0;
    return due || run->doomed || step == run->schedule.total_steps ? evaluate(run, step, err)
                                                                   : EK_OK;
}

static ek_status train(struct run *run, ek_error *err)
{
    const ek_recipe *recipe = run->input->recipe;
    const ek_schedule *schedule = &run->schedule;
    const ek_seeds *seeds = &run->input->seeds;
    uint32_t window = (uint32_t)(recipe->batch_size * recipe->gradient_accumulation_steps);
    int64_t step = 0;
    for (uint32_t epoch = 0; step < schedule->total_steps && !run->doomed; epoch++) {
        run->epoch = epoch;
        if (recipe->shuffle) {
            ek_sample_epoch(run->order, run->example_count, seeds->order, epoch);
            for (uint32_t i = 0; i < run->example_count; i++) {
                run->order[i] = run->subset[run->order[i]];
            }
        } else {
            memcpy(run->order, run->subset, run->example_count * sizeof(uint32_t));
        }
        for (uint32_t first = 0;
             first < run->example_count && step < schedule->total_steps && !run->doomed;
             first += window) {
            uint32_t left = run->example_count - first;
            train_step(run, step, first, left < window ? left : window);
            step++;
            if (run->sink->progress) {
                run->sink->progress(run->sink->user, step, schedule->total_steps);
            }
            if (run->sink->stop && run->sink->stop(run->sink->user)) {
                return ek_error_set(err, EK_E_INTERRUPTED, "interrupted after step %lld of %lld",
                                    (long long)step, (long long)schedule->total_steps);
            }
            EK_TRY(after_step(run, step, left <= window, err));
        }
    }
    return EK_OK;
}

/* The loss on the examples that the run trained on, as an evaluation: the running average of
 * train_loss has dropout in it and lags behind. */
static ek_status evaluate_train(struct run *run, ek_error *err)
{
    const ek_run_input *input = run->input;
    double started = ek_clock_seconds();
    ek_token_set seen;
    ek_predictions predictions = {0};
    EK_TRY(ek_token_set_select(&seen, input->train, run->subset, run->example_count, err));
    ek_status status = ek_predictions_init(&predictions, predicted(input, &seen),
                                           input->model->params.num_labels, err);
    if (status == EK_OK) {
        status = ek_evaluate(&predictions, &run->workspace, run->compute, run->weights, &seen,
                             input->problem, EK_RUN_MASK_SEED, err);
    }
    if (status == EK_OK) {
        send_evaluation(run, "train_eval", run->step, &predictions, &seen);
    }
    ek_predictions_free(&predictions);
    ek_token_set_free(&seen);
    run->result->eval_seconds += ek_clock_seconds() - started;
    return status;
}

static void finish(struct run *run)
{
    const ek_run_input *input = run->input;
    const ek_params *params = &input->model->params;
    ek_run_result *result = run->result;
    float *reported = run->best_weights ? run->best_weights : run->weights;
    ek_params_hash(params, reported, result->weights_hash);
    if (run->doomed) {
        result->outcome = EK_OUTCOME_DOOMED;
    } else if (result->nonfinite_step >= 0 || !result->predictions.finite) {
        result->outcome = EK_OUTCOME_DIVERGED;
    } else {
        result->outcome =
            beats(input, result->score, input->baseline) ? EK_OUTCOME_OK : EK_OUTCOME_FAILED;
    }
    if (input->keep_weights) {
        result->weights = reported;
        result->arena = run->arena; /* a copy would be one block more at the run's peak */
        run->arena = (ek_arena){0};
    }
}

ek_status ek_run_execute(ek_run_result *result, const ek_run_input *input, ek_compute *compute,
                         const ek_run_sink *sink, ek_error *err)
{
    static const ek_run_sink silent = {0};
    *result = (ek_run_result){.nonfinite_step = -1};
    struct run run = {
        .input = input,
        .compute = compute,
        .sink = sink ? sink : &silent,
        .result = result,
        .example_count = subset_size(input),
    };
    EK_TRY(ek_schedule_init(&run.schedule, input->recipe, run.example_count, err));
    result->total_steps = run.schedule.total_steps;
    ek_status status;
    EK_GOTO(status, ek_arena_init(&run.arena, arena_bytes(input), err), done);
    lay_out(&run, &run.arena);
    EK_GOTO(status, ek_workspace_reserve(&run.workspace, compute, err), done);
    ek_sample_subset(run.subset, (uint32_t)input->train->count, run.example_count,
                     input->seeds.subset);
    list_eval_ids(&run);
    ek_model_init_run(input->model, run.weights, input->seeds.init);

    double started = ek_clock_seconds();
    EK_GOTO(status, train(&run, err), done);
    ek_optimizer_catch_up(&run.optimizer, compute, run.weights, NULL, 0);
    if (input->recipe->eval_train) {
        EK_GOTO(status, evaluate_train(&run, err), done);
    }
    result->train_seconds = ek_clock_seconds() - started - result->eval_seconds;
    finish(&run);
done:
    ek_arena_deinit(&run.arena);
    if (status != EK_OK) {
        ek_run_result_free(result);
    }
    return status;
}

void ek_run_result_free(ek_run_result *result)
{
    ek_predictions_free(&result->predictions);
    ek_arena_deinit(&result->arena);
    *result = (ek_run_result){0};
}
