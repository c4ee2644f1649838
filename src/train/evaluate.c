#include "train/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/realmath.h"
#include "stats/metrics.h"

ek_status ek_predictions_init(ek_predictions *predictions, size_t count, int32_t num_labels,
                              ek_error *err)
{
    *predictions = (ek_predictions){.count = count, .num_labels = num_labels};
    predictions->logits = ek_calloc(count, (size_t)num_labels * sizeof(float));
    predictions->labels = ek_calloc(count, sizeof(int32_t));
    predictions->scores = ek_calloc(count, sizeof(double));
    if (!predictions->logits || !predictions->labels || !predictions->scores) {
        ek_predictions_free(predictions);
        return ek_error_set(err, EK_E_MEMORY, "no memory for %zu predictions", count);
    }
    return EK_OK;
}

void ek_predictions_free(ek_predictions *predictions)
{
    ek_free(predictions->logits);
    ek_free(predictions->labels);
    ek_free(predictions->scores);
    *predictions = (ek_predictions){0};
}

void ek_predictions_probs(const ek_predictions *predictions, size_t example, double *probs)
{
    int32_t classes = predictions->num_labels;
    const float *logits = predictions->logits + example * (size_t)classes;
    if (classes == 1) {
        probs[0] = logits[0];
        return;
    }
    double largest = logits[0], sum = 0;
    for (int32_t c = 1; c < classes; c++) {
        largest = logits[c] > largest ? logits[c] : largest;
    }
    for (int32_t c = 0; c < classes; c++) {
        probs[c] = ek_exp((double)logits[c] - largest);
        sum += probs[c];
    }
    for (int32_t c = 0; c < classes; c++) {
        probs[c] /= sum;
    }
}

/* What the longest examples of a set need, taken from the longest down until there are so many of
 * them or so many tokens. Lengths are visited in order, so it needs no memory. */
struct largest {
    int64_t tokens, squares;
};

static struct largest largest_batch(const ek_token_set *set, int64_t examples, int64_t tokens)
{
    struct largest sum = {0};
    for (int64_t length = set->max_length; length > 0; length--) {
        for (size_t i = 0; i < set->count; i++) {
            if (examples == 0 || sum.tokens >= tokens) {
                return sum;
            }
            if (set->examples[i].length == length) {
                sum.tokens += length;
                sum.squares += length * length;
                examples--;
            }
        }
    }
    return sum;
}

/* Evaluation packs short examples up to the same token count, so it may hold more of them. */
enum { EVAL_EXAMPLES_MIN = 64 };

static void plan_masked_lm(ek_workspace *workspace, ek_arena *arena, const ek_model_config *config,
                           const ek_param_offsets *offsets, const ek_encoder_limits *limits)
{
    size_t tokens = (size_t)limits->max_tokens;
    ek_mlm_head_plan(&workspace->mlm_head, arena, config, offsets, limits->max_wanted,
                     limits->train);
    workspace->masked_ids = ek_arena_alloc(arena, tokens, sizeof(int32_t));
    workspace->token_labels = ek_arena_alloc(arena, tokens, sizeof(int32_t));
    workspace->wanted = ek_arena_alloc(arena, tokens, sizeof(int32_t));
    workspace->wanted_labels = ek_arena_alloc(arena, tokens, sizeof(int32_t));
}

void ek_workspace_plan(ek_workspace *workspace, ek_arena *arena, const ek_model_config *config,
                       const ek_param_offsets *offsets, int32_t num_labels,
                       const ek_token_set *const *sets, size_t set_count, int32_t batch_size,
                       ek_precision precision, bool train)
{
    ek_encoder_limits limits = {.train = train, .precision = precision};
    int64_t tokens = 1;
    for (size_t i = 0; i < set_count; i++) {
        if (!sets[i]) {
            continue;
        }
        struct largest largest = largest_batch(sets[i], batch_size, INT64_MAX);
        tokens = largest.tokens > tokens ? largest.tokens : tokens;
        if (sets[i]->max_length > limits.max_length) {
            limits.max_length = sets[i]->max_length;
        }
    }
    limits.max_tokens = (int32_t)tokens;
    limits.max_examples = batch_size > EVAL_EXAMPLES_MIN ? batch_size : EVAL_EXAMPLES_MIN;
    limits.max_wanted = num_labels > 0 ? limits.max_examples : limits.max_tokens;
    /* No batch of so many tokens has larger squares than its longest examples have: a shorter one
     * in a longer one's place makes the sum smaller. */
    for (size_t i = 0; i < set_count; i++) {
        if (sets[i]) {
            struct largest largest = largest_batch(sets[i], limits.max_examples, tokens);
            limits.max_squares =
                largest.squares > limits.max_squares ? largest.squares : limits.max_squares;
        }
    }
    ek_batch_plan(&workspace->batch, arena, limits.max_examples, limits.max_tokens);
    ek_encoder_plan(&workspace->encoder, arena, config, offsets, &limits);
    workspace->masked_lm = num_labels == 0;
    if (workspace->masked_lm) {
        plan_masked_lm(workspace, arena, config, offsets, &limits);
    } else {
        ek_head_plan(&workspace->head, arena, config, offsets, limits.max_examples, num_labels);
    }
    workspace->picked = ek_arena_alloc(arena, (size_t)limits.max_examples, sizeof(ek_tokens));
    workspace->labels = ek_arena_alloc(arena, (size_t)limits.max_examples, sizeof(int32_t));
    workspace->targets = ek_arena_alloc(arena, (size_t)limits.max_examples, sizeof(float));
    workspace->indices = ek_arena_alloc(arena, (size_t)limits.max_examples, sizeof(uint32_t));
}

ek_status ek_workspace_reserve(const ek_workspace *workspace, ek_compute *compute, ek_error *err)
{
    const ek_model_config *config = workspace->encoder.config;
    return ek_compute_reserve_length(compute, workspace->encoder.limits.max_length,
                                     config->hidden_size / config->num_attention_heads, err);
}

/* ---- one batch ------------------------------------------------------------------------------- */

/* Hides tokens of the picked blocks, and lists the rows where it did. */
static void mask_picked(ek_workspace *workspace, const ek_token_set *set, const uint32_t *index,
                        int32_t count, ek_mask_draw draw)
{
    int32_t token = 0, rows = 0;
    for (int32_t i = 0; i < count; i++) {
        ek_tokens *block = &workspace->picked[i];
        int32_t *ids = workspace->masked_ids + token, *labels = workspace->token_labels + token;
        ek_mask_block(ids, labels, block, &set->mask, draw.seed, draw.epoch, index[i]);
        for (int32_t p = 0; p < block->length; p++) {
            if (labels[p] != EK_UNMASKED) {
                workspace->wanted[rows] = token + p;
                workspace->wanted_labels[rows++] = labels[p];
            }
        }
        block->input_ids = ids;
        token += block->length;
    }
    workspace->row_count = rows;
}

void ek_workspace_fill(ek_workspace *workspace, const ek_token_set *set, const uint32_t *index,
                       int32_t count, uint32_t first_index, ek_mask_draw draw)
{
    for (int32_t i = 0; i < count; i++) {
        workspace->picked[i] = set->examples[index[i]];
        /* An unlabelled example still needs some class to index with; its loss is not used. */
        workspace->labels[i] = set->labels[index[i]] < 0 ? 0 : set->labels[index[i]];
        workspace->targets[i] = set->targets[index[i]];
    }
    workspace->row_count = count;
    if (workspace->masked_lm) {
        mask_picked(workspace, set, index, count, draw);
    }
    ek_batch_fill(&workspace->batch, workspace->picked, count, first_index);
}

int64_t ek_workspace_rows(const ek_workspace *workspace, const ek_token_set *set,
                          const uint32_t *index, int64_t count, ek_mask_draw draw)
{
    if (!workspace->masked_lm) {
        return count;
    }
    int64_t rows = 0;
    for (int64_t i = 0; i < count; i++) {
        rows += ek_mask_block(NULL, NULL, &set->examples[index[i]], &set->mask, draw.seed,
                              draw.epoch, index[i]);
    }
    return rows;
}

static void masked_lm_pass(ek_workspace *work, ek_compute *compute, float *gradients,
                           const float *weights, float divisor)
{
    ek_mlm_head_forward(&work->mlm_head, compute, work->encoder.hidden, weights, work->row_count);
    ek_mlm_head_loss(&work->mlm_head, compute, gradients, weights, work->wanted_labels,
                     work->row_count, divisor);
    if (gradients) {
        ek_mlm_head_backward(&work->mlm_head, compute, gradients, work->encoder.hidden, weights,
                             work->row_count);
    }
}

static void classifier_pass(ek_workspace *work, ek_compute *compute, float *gradients,
                            const float *weights, const ek_head_options *options,
                            ek_problem problem, float divisor)
{
    bool regression = problem == EK_PROBLEM_REGRESSION;
    ek_head_forward(&work->head, compute, work->encoder.hidden, weights, &work->batch, options);
    ek_head_loss(&work->head, compute, regression ? NULL : work->labels,
                 regression ? work->targets : NULL, work->row_count, divisor, gradients != NULL);
    if (gradients) {
        ek_head_backward(&work->head, compute, gradients, work->encoder.hidden, weights,
                         &work->batch, options);
    }
}

void ek_workspace_pass(ek_workspace *work, ek_compute *compute, float *gradients,
                       const float *weights, ek_encoder_options *encoder_options,
                       const ek_head_options *head_options, ek_problem problem, float divisor)
{
    if (work->masked_lm) {
        encoder_options->wanted = work->wanted;
        encoder_options->wanted_count = work->row_count;
    }
    ek_encoder_forward(&work->encoder, compute, weights, &work->batch, encoder_options);
    if (work->masked_lm) {
        masked_lm_pass(work, compute, gradients, weights, divisor);
    } else {
        classifier_pass(work, compute, gradients, weights, head_options, problem, divisor);
    }
    if (gradients) {
        float *dhidden = work->masked_lm ? work->mlm_head.dhidden : work->head.dhidden;
        ek_encoder_backward(&work->encoder, compute, gradients, dhidden, weights, &work->batch,
                            encoder_options);
    }
}

const float *ek_workspace_row_loss(const ek_workspace *workspace)
{
    return workspace->masked_lm ? workspace->mlm_head.row_loss : workspace->head.row_loss;
}

/* ---- a whole set ----------------------------------------------------------------------------- */

struct by_length {
    int32_t length;
    uint32_t index;
};

static int longest_first(const void *a, const void *b)
{
    const struct by_length *x = a, *y = b;
    if (x->length != y->length) {
        return (x->length < y->length) - (x->length > y->length);
    }
    return (x->index > y->index) - (x->index < y->index);
}

/* What an evaluation shares between its batches. */
struct evaluation {
    ek_predictions *predictions;
    double *losses; /* [set->count] of each example: of masked-LM the sum over its masked tokens */
    ek_workspace *workspace;
    ek_compute *compute;
    const float *weights;
    const ek_token_set *set;
    ek_problem problem;
    ek_mask_draw draw;
};

static void keep_block_losses(struct evaluation *e, int32_t count)
{
    const ek_workspace *work = e->workspace;
    const float *row_loss = ek_workspace_row_loss(work);
    int32_t row = 0;
    for (int32_t i = 0; i < count; i++) {
        double sum = 0;
        for (; row < work->row_count && work->wanted[row] < work->batch.offsets[i + 1]; row++) {
            sum += (double)row_loss[row];
        }
        e->losses[work->indices[i]] = sum;
    }
    e->predictions->masked_count += work->row_count;
}

static void keep_predictions(struct evaluation *e, int32_t count)
{
    const ek_workspace *work = e->workspace;
    size_t classes = (size_t)e->predictions->num_labels;
    for (int32_t i = 0; i < count; i++) {
        uint32_t index = work->indices[i];
        memcpy(e->predictions->logits + index * classes, work->head.logits + (size_t)i * classes,
               classes * sizeof(float));
        e->losses[index] = (double)work->head.row_loss[i];
    }
}

/* Predictions and losses of the batch that starts at order[first]; returns its example count. */
static size_t evaluate_batch(struct evaluation *e, const struct by_length *order, size_t first)
{
    ek_workspace *work = e->workspace;
    int32_t count = 0, tokens = 0;
    while (first + (size_t)count < e->set->count && count < work->batch.max_examples &&
           tokens + order[first + (size_t)count].length <= work->batch.max_tokens) {
        work->indices[count] = order[first + (size_t)count].index;
        tokens += order[first + (size_t)count].length;
        count++;
    }
    ek_encoder_options evaluation = {.addend_layer = -1};
    const ek_head_options head_evaluation = {0};
    ek_workspace_fill(work, e->set, work->indices, count, 0, e->draw);
    ek_workspace_pass(work, e->compute, NULL, e->weights, &evaluation, &head_evaluation, e->problem,
                      1);
    if (work->masked_lm) {
        keep_block_losses(e, count);
    } else {
        keep_predictions(e, count);
    }
    return (size_t)count;
}

/* labels, scores and finite from the logits. */
static void decide(ek_predictions *predictions)
{
    size_t classes = (size_t)predictions->num_labels;
    predictions->finite = true;
    for (size_t i = 0; i < predictions->count; i++) {
        const float *logits = predictions->logits + i * classes;
        int32_t best = 0;
        bool finite = true;
        for (size_t c = 0; c < classes; c++) {
            finite = finite && isfinite(logits[c]);
            best = logits[c] > logits[best] ? (int32_t)c : best;
        }
        predictions->labels[i] = finite ? best : 0;
        predictions->scores[i] = finite ? (double)logits[0] : 0;
        predictions->finite = predictions->finite && finite;
    }
}

ek_status ek_evaluate(ek_predictions *predictions, ek_workspace *workspace, ek_compute *compute,
                      const float *weights, const ek_token_set *set, ek_problem problem,
                      uint32_t mask_seed, ek_error *err)
{
    struct by_length *order = ek_calloc(set->count, sizeof *order);
    double *losses = ek_calloc(set->count, sizeof *losses);
    if (!order || !losses) {
        ek_free(order);
        ek_free(losses);
        return ek_error_set(err, EK_E_MEMORY, "no memory to evaluate %zu examples", set->count);
    }
    struct evaluation evaluation = {predictions, losses, workspace, compute,
                                    weights,     set,    problem,   {mask_seed, EK_MASK_FIXED}};
    bool labelled = true;
    for (size_t i = 0; i < set->count; i++) {
        order[i] = (struct by_length){set->examples[i].length, (uint32_t)i};
        labelled = labelled && (problem == EK_PROBLEM_REGRESSION       ? !isnan(set->scores[i])
                                : problem == EK_PROBLEM_CLASSIFICATION ? set->labels[i] >= 0
                                                                       : true);
    }
    qsort(order, set->count, sizeof *order, longest_first);
    predictions->masked_count = 0;
    for (size_t first = 0; first < set->count;) {
        first += evaluate_batch(&evaluation, order, first);
    }
    double sum = 0;
    for (size_t i = 0; i < set->count; i++) {
        sum += losses[i];
    }
    double divisor = workspace->masked_lm ? (double)predictions->masked_count : (double)set->count;
    predictions->loss = labelled && set->count > 0 ? sum / divisor : (double)NAN;
    decide(predictions);
    if (workspace->masked_lm) {
        predictions->finite = isfinite(predictions->loss);
    }
    ek_free(order);
    ek_free(losses);
    return EK_OK;
}

size_t ek_evaluate_bytes(size_t count, int32_t num_labels)
{
    size_t kept = (size_t)num_labels * sizeof(float) + sizeof(int32_t) + sizeof(double);
    return count * (2 * kept + sizeof(struct by_length) + sizeof(double));
}

double ek_evaluate_metric(const char *name, const ek_predictions *predictions,
                          const ek_token_set *set)
{
    if (strcmp(name, "perplexity") == 0) {
        return ek_exp(predictions->loss);
    }
    return ek_metric(name, predictions->labels, set->labels, predictions->scores, set->scores,
                     set->count, (size_t)predictions->num_labels);
}
