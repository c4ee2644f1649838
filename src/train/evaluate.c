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
    limits.max_wanted = limits.max_examples;
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
    ek_head_plan(&workspace->head, arena, config, offsets, limits.max_examples, num_labels);
    workspace->picked = ek_arena_alloc(arena, (size_t)limits.max_examples, sizeof(ek_tokens));
    workspace->labels = ek_arena_alloc(arena, (size_t)limits.max_examples, sizeof(int32_t));
    workspace->targets = ek_arena_alloc(arena, (size_t)limits.max_examples, sizeof(float));
}

ek_status ek_workspace_reserve(const ek_workspace *workspace, ek_compute *compute, ek_error *err)
{
    const ek_model_config *config = workspace->encoder.config;
    return ek_compute_reserve_length(compute, workspace->encoder.limits.max_length,
                                     config->hidden_size / config->num_attention_heads, err);
}

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

/* Predictions and losses of the batch that starts at order[first]; returns its example count. */
static size_t evaluate_batch(ek_predictions *predictions, float *losses, ek_workspace *workspace,
                             ek_compute *compute, const float *weights, const ek_token_set *set,
                             ek_problem problem, const struct by_length *order, size_t first)
{
    const ek_batch *batch = &workspace->batch;
    int32_t count = 0, tokens = 0;
    while (first + (size_t)count < set->count && count < batch->max_examples &&
           tokens + order[first + (size_t)count].length <= batch->max_tokens) {
        uint32_t index = order[first + (size_t)count].index;
        workspace->picked[count] = set->examples[index];
        /* An unlabelled example still needs some class to index with; its loss is not used. */
        workspace->labels[count] = set->labels[index] < 0 ? 0 : set->labels[index];
        workspace->targets[count] = set->targets[index];
        tokens += set->examples[index].length;
        count++;
    }
    const ek_encoder_options evaluation = {.addend_layer = -1};
    const ek_head_options head_evaluation = {0};
    ek_batch_fill(&workspace->batch, workspace->picked, count, 0);
    ek_encoder_forward(&workspace->encoder, compute, weights, batch, &evaluation);
    ek_head_forward(&workspace->head, compute, workspace->encoder.hidden, weights, batch,
                    &head_evaluation);
    bool regression = problem == EK_PROBLEM_REGRESSION;
    ek_head_loss(&workspace->head, compute, regression ? NULL : workspace->labels,
                 regression ? workspace->targets : NULL, count, (float)count, false);
    size_t classes = (size_t)predictions->num_labels;
    for (int32_t i = 0; i < count; i++) {
        uint32_t index = order[first + (size_t)i].index;
        memcpy(predictions->logits + index * classes, workspace->head.logits + (size_t)i * classes,
               classes * sizeof(float));
        losses[index] = workspace->head.row_loss[i];
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
                      ek_error *err)
{
    struct by_length *order = ek_calloc(set->count, sizeof *order);
    float *losses = ek_calloc(set->count, sizeof *losses);
    if (!order || !losses) {
        ek_free(order);
        ek_free(losses);
        return ek_error_set(err, EK_E_MEMORY, "no memory to evaluate %zu examples", set->count);
    }
    bool labelled = true;
    for (size_t i = 0; i < set->count; i++) {
        order[i] = (struct by_length){set->examples[i].length, (uint32_t)i};
        labelled = labelled && (problem == EK_PROBLEM_REGRESSION ? !isnan(set->scores[i])
                                                                 : set->labels[i] >= 0);
    }
    qsort(order, set->count, sizeof *order, longest_first);
    for (size_t first = 0; first < set->count;) {
        first += evaluate_batch(predictions, losses, workspace, compute, weights, set, problem,
                                order, first);
    }
    double sum = 0;
    for (size_t i = 0; i < set->count; i++) {
        sum += (double)losses[i];
    }
    predictions->loss = labelled && set->count > 0 ? sum / (double)set->count : (double)NAN;
    decide(predictions);
    ek_free(order);
    ek_free(losses);
    return EK_OK;
}

size_t ek_evaluate_bytes(size_t count, int32_t num_labels)
{
    size_t kept = (size_t)num_labels * sizeof(float) + sizeof(int32_t) + sizeof(double);
    return count * (2 * kept + sizeof(struct by_length) + sizeof(float));
}

double ek_evaluate_metric(const char *name, const ek_predictions *predictions,
                          const ek_token_set *set)
{
    return ek_metric(name, predictions->labels, set->labels, predictions->scores, set->scores,
                     set->count, (size_t)predictions->num_labels);
}
