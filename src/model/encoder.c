#include "model/encoder.h"

#include <string.h>

/* What backward needs of a layer. R rows are computed: all T tokens, or in the last layer those
 * that are wanted. */
struct ek_encoder_layer {
    float *input;                   /* [T, H] */
    float *qkv;                     /* [T, 3H]; with wanted rows [T, 2H], key and value */
    float *probs;                   /* per example: [heads, queries, keys] */
    float *context;                 /* [R, H] */
    float *z1, *mean1, *rstd1, *y1; /* [R, H], [R], [R], [R, H]: around the attention's LayerNorm */
    float *pre, *activated;         /* [R, I] */
    float *z2, *mean2, *rstd2;      /* [R, H], [R], [R] */
    float *output;                  /* [R, H] */
};

/* Which rows a layer computes, and what attention needs to know of them. */
struct row_set {
    int32_t count;
    const int32_t *index; /* [count] token rows; NULL: all */
    ek_rows rows;
    const int32_t *query_offsets;
    const size_t *prob_offsets;
};

struct state {
    float *z0, *mean0, *rstd0; /* embeddings */
    float *input_rows;         /* [R, H] the wanted rows of the last layer's input */
    float *query_rows;         /* [R, H] their queries */
    /* backward */
    float *d;                /* [T, H] */
    float *drows, *dcontext; /* [T, H] */
    float *dqkv;             /* [T, 3H] */
    float *dquery_rows;      /* [R, H] */
    float *dwide;            /* [T, I] */
    /* this batch */
    int32_t *wanted; /* [max_wanted] */
    uint32_t *wanted_example, *wanted_position;
    int32_t *wanted_offsets;                        /* [max_examples + 1] */
    size_t *all_prob_offsets, *wanted_prob_offsets; /* [max_examples + 1] */
    struct row_set all, last;
};

static float *floats(ek_arena *arena, int64_t rows, int64_t columns)
{
    return ek_arena_alloc(arena, (size_t)rows, (size_t)columns * sizeof(float));
}

/* Attention probabilities of a layer: rows * length summed over the examples of a batch, times
 * heads. */
static int64_t probs_of(const ek_encoder_limits *limits, int64_t rows)
{
    int64_t longest = rows * limits->max_length;
    return limits->max_squares > 0 && limits->max_squares < longest ? limits->max_squares : longest;
}

/* While measuring there is nothing to fill, so layers are laid out in a local and stored when the
 * arena is real. */
static struct ek_encoder_layer plan_layer(ek_arena *arena, const ek_model_config *config,
                                          const ek_encoder_limits *limits, int64_t rows)
{
    int64_t tokens = limits->max_tokens, h = config->hidden_size, wide = config->intermediate_size;
    struct ek_encoder_layer layer = {0};
    layer.qkv = floats(arena, tokens, 3 * h);
    layer.probs = floats(arena, probs_of(limits, rows), config->num_attention_heads);
    layer.context = floats(arena, rows, h);
    layer.z1 = floats(arena, rows, h);
    layer.mean1 = floats(arena, rows, 1);
    layer.rstd1 = floats(arena, rows, 1);
    layer.y1 = floats(arena, rows, h);
    layer.pre = floats(arena, rows, wide);
    layer.activated = floats(arena, rows, wide);
    layer.z2 = floats(arena, rows, h);
    layer.mean2 = floats(arena, rows, 1);
    layer.rstd2 = floats(arena, rows, 1);
    layer.output = floats(arena, rows, h);
    return layer;
}

static void plan_backward(struct state *state, ek_arena *arena, const ek_model_config *config,
                          const ek_encoder_limits *limits, int64_t wanted)
{
    int64_t tokens = limits->max_tokens, h = config->hidden_size;
    int64_t rows = tokens > wanted ? tokens : wanted;
    state->d = floats(arena, tokens, h);
    state->drows = floats(arena, rows, h);
    state->dcontext = floats(arena, rows, h);
    state->dqkv = floats(arena, tokens, 3 * h);
    state->dquery_rows = floats(arena, wanted, h);
    state->dwide = floats(arena, rows, config->intermediate_size);
}

void ek_encoder_plan(ek_encoder *encoder, ek_arena *arena, const ek_model_config *config,
                     const ek_param_offsets *offsets, const ek_encoder_limits *limits)
{
    *encoder = (ek_encoder){.config = config, .offsets = offsets, .limits = *limits};
    int64_t tokens = limits->max_tokens, h = config->hidden_size;
    int64_t wanted = limits->max_wanted;
    size_t examples = (size_t)limits->max_examples + 1, layers = (size_t)config->num_hidden_layers;
    struct state state = {0}, *stored = ek_arena_alloc(arena, 1, sizeof state);
    encoder->layers = ek_arena_alloc(arena, layers, sizeof *encoder->layers);

    state.z0 = floats(arena, tokens, h);
    state.mean0 = floats(arena, tokens, 1);
    state.rstd0 = floats(arena, tokens, 1);
    state.input_rows = floats(arena, wanted, h);
    state.query_rows = floats(arena, wanted, h);
    state.wanted = ek_arena_alloc(arena, (size_t)wanted, sizeof *state.wanted);
    state.wanted_example = ek_arena_alloc(arena, (size_t)wanted, sizeof(uint32_t));
    state.wanted_position = ek_arena_alloc(arena, (size_t)wanted, sizeof(uint32_t));
    state.wanted_offsets = ek_arena_alloc(arena, examples, sizeof(int32_t));
    state.all_prob_offsets = ek_arena_alloc(arena, examples, sizeof(size_t));
    state.wanted_prob_offsets = ek_arena_alloc(arena, examples, sizeof(size_t));
    if (limits->train) {
        plan_backward(&state, arena, config, limits, wanted);
    }

    /* Evaluation keeps nothing: all layers share one set of buffers, and two inputs alternate. */
    float *inputs[2] = {floats(arena, tokens, h), NULL};
    struct ek_encoder_layer shared = {0};
    if (!limits->train) {
        shared = plan_layer(arena, config, limits, tokens > wanted ? tokens : wanted);
        inputs[1] = shared.output;
    }
    float *input = inputs[0];
    for (size_t l = 0; l < layers; l++) {
        bool last = l + 1 == layers;
        /* The last layer may be asked for all rows as well (max_wanted says so). */
        struct ek_encoder_layer layer =
            limits->train ? plan_layer(arena, config, limits, last ? wanted : tokens) : shared;
        layer.input = input;
        if (!limits->train) {
            layer.output = inputs[(l + 1) % 2];
        }
        input = layer.output;
        if (encoder->layers) {
            encoder->layers[l] = layer;
        }
    }
    if (stored) {
        *stored = state;
    }
    encoder->state = stored;
}

/* ---- which rows ------------------------------------------------------------------------------ */

static void set_rows(const ek_encoder *encoder, const ek_batch *batch,
                     const ek_encoder_options *options)
{
    struct state *state = encoder->state;
    size_t heads = (size_t)encoder->config->num_attention_heads;
    bool all_wanted = options->wanted_count < 0;
    int32_t count = 0;
    size_t all_probs = 0, wanted_probs = 0;
    for (int32_t e = 0; e < batch->example_count; e++) {
        int32_t first = batch->offsets[e], end = batch->offsets[e + 1];
        size_t length = (size_t)(end - first);
        state->wanted_offsets[e] = count;
        state->all_prob_offsets[e] = all_probs;
        state->wanted_prob_offsets[e] = wanted_probs;
        int32_t before = count;
        if (!all_wanted && options->wanted_count == 0) {
            state->wanted[count++] = first; /* [CLS] */
        } else if (!all_wanted) {
            while (count < options->wanted_count && options->wanted[count] < end) {
                state->wanted[count] = options->wanted[count];
                count++;
            }
        }
        all_probs += heads * length * length;
        wanted_probs += heads * (size_t)(count - before) * length;
    }
    state->wanted_offsets[batch->example_count] = count;
    state->all_prob_offsets[batch->example_count] = all_probs;
    state->wanted_prob_offsets[batch->example_count] = wanted_probs;
    for (int32_t r = 0; r < count; r++) {
        state->wanted_example[r] = batch->row_example[state->wanted[r]];
        state->wanted_position[r] = batch->row_position[state->wanted[r]];
    }
    state->all = (struct row_set){
        .count = batch->token_count,
        .rows = {batch->row_example, batch->row_position, batch->token_count},
        .query_offsets = batch->offsets,
        .prob_offsets = state->all_prob_offsets,
    };
    state->last = all_wanted ? state->all
                             : (struct row_set){
                                   .count = count,
                                   .index = state->wanted,
                                   .rows = {state->wanted_example, state->wanted_position, count},
                                   .query_offsets = state->wanted_offsets,
                                   .prob_offsets = state->wanted_prob_offsets,
                               };
}

static const struct row_set *rows_of(const ek_encoder *encoder, int32_t layer)
{
    const struct state *state = encoder->state;
    return layer + 1 == encoder->config->num_hidden_layers ? &state->last : &state->all;
}

static ek_attention_shape shape_of(const ek_encoder *encoder, const ek_batch *batch,
                                   const struct row_set *set)
{
    return (ek_attention_shape){
        .example_count = batch->example_count,
        .head_count = encoder->config->num_attention_heads,
        .head_size = encoder->config->hidden_size / encoder->config->num_attention_heads,
        .offsets = batch->offsets,
        .query_offsets = set->query_offsets,
        .query_position = set->rows.position,
        .example_index = batch->example_index,
        .prob_offsets = set->prob_offsets,
    };
}

static ek_dropout dropout_at(const ek_encoder_options *options, double probability, uint32_t site)
{
    return ek_dropout_make(options->dropout ? probability : 0, options->dropout_seed, options->step,
                           site);
}

/* ---- products of a linear layer with weight [n, k] ------------------------------------------- */

/* What the products of a pass share. */
struct products {
    ek_compute *compute;
    ek_precision precision;
    bool fresh; /* dW is written, not added to */
};

static void linear(const struct products *p, float *y, const float *x, const float *weight,
                   const float *bias, int64_t rows, int64_t n, int64_t k)
{
    ek_gemm(p->compute, &(ek_gemm_args){.m = rows,
                                        .n = n,
                                        .k = k,
                                        .precision = p->precision,
                                        .a = x,
                                        .lda = k,
                                        .b = weight,
                                        .ldb = k,
                                        .trans_b = true,
                                        .c = y,
                                        .ldc = n,
                                        .bias = bias});
}

/* dx = dy W, or dx += dy W. */
static void linear_input(const struct products *p, float *dx, const float *dy, const float *weight,
                         int64_t rows, int64_t n, int64_t k, bool accumulate)
{
    ek_gemm(p->compute, &(ek_gemm_args){.m = rows,
                                        .n = k,
                                        .k = n,
                                        .precision = p->precision,
                                        .a = dy,
                                        .lda = n,
                                        .b = weight,
                                        .ldb = k,
                                        .c = dx,
                                        .ldc = k,
                                        .accumulate = accumulate});
}

/* dW += dy^T x. */
static void linear_weight(const struct products *p, float *dweight, const float *dy, const float *x,
                          int64_t rows, int64_t n, int64_t k)
{
    ek_gemm(p->compute, &(ek_gemm_args){.m = n,
                                        .n = k,
                                        .k = rows,
                                        .precision = p->precision,
                                        .a = dy,
                                        .lda = n,
                                        .trans_a = true,
                                        .b = x,
                                        .ldb = k,
                                        .c = dweight,
                                        .ldc = k,
                                        .accumulate = !p->fresh});
}

/* dW += dy^T x, dbias += column sums of dy. */
static void linear_params(const struct products *p, float *dweight, float *dbias, const float *dy,
                          const float *x, int64_t rows, int64_t n, int64_t k)
{
    linear_weight(p, dweight, dy, x, rows, n, k);
    ek_bias_backward(p->compute, dbias, dy, rows, n);
}

/* ---- forward --------------------------------------------------------------------------------- */

static void embed(const ek_encoder *encoder, ek_compute *compute, const float *weights,
                  const ek_batch *batch, const ek_encoder_options *options)
{
    struct state *state = encoder->state;
    const ek_param_offsets *o = encoder->offsets;
    int64_t h = encoder->config->hidden_size, tokens = batch->token_count;
    const ek_dropout none = {0};
    float *input = encoder->layers[0].input;
    ek_embedding_forward(compute, state->z0, weights + o->word, weights + o->token_type,
                         weights + o->position, batch->input_ids, batch->token_type_ids,
                         batch->position_ids, tokens, h);
    if (options->addend && options->addend_layer < 0) {
        ek_add(compute, state->z0, options->addend, tokens * h);
    }
    ek_residual_layernorm_forward(compute, input, state->z0, state->mean0, state->rstd0, state->z0,
                                  NULL, &none, &state->all.rows, weights + o->norm_weight,
                                  weights + o->norm_bias, h,
                                  (float)encoder->config->layer_norm_eps);
    ek_dropout dropout = dropout_at(options, options->hidden_dropout, EK_SITE_EMBEDDINGS);
    ek_dropout_apply(compute, input, input, &dropout, &state->all.rows, h);
}

static void layer_forward(const ek_encoder *encoder, ek_compute *compute, const float *weights,
                          const ek_batch *batch, const ek_encoder_options *options, int32_t index)
{
    struct state *state = encoder->state;
    struct ek_encoder_layer *layer = &encoder->layers[index];
    const ek_layer_offsets *o = &encoder->offsets->layers[index];
    const struct row_set *set = rows_of(encoder, index);
    int64_t h = encoder->config->hidden_size, wide = encoder->config->intermediate_size;
    int64_t tokens = batch->token_count;
    uint32_t site = EK_SITE_LAYER + 4 * (uint32_t)index;
    float eps = (float)encoder->config->layer_norm_eps;
    const struct products products = {compute, encoder->limits.precision, false};

    const float *residual = layer->input, *q = layer->qkv, *k = layer->qkv + h;
    int64_t ldq = 3 * h, ldkv = 3 * h;
    if (options->addend && options->addend_layer == index) {
        ek_add(compute, layer->input, options->addend, tokens * h);
    }
    if (!set->index) {
        linear(&products, layer->qkv, layer->input, weights + o->query_weight,
               weights + o->query_bias, tokens, 3 * h, h);
    } else {
        ek_rows_gather(compute, state->input_rows, layer->input, set->index, set->count, h);
        linear(&products, state->query_rows, state->input_rows, weights + o->query_weight,
               weights + o->query_bias, set->count, h, h);
        linear(&products, layer->qkv, layer->input, weights + o->query_weight + h * h,
               weights + o->query_bias + h, tokens, 2 * h, h);
        residual = state->input_rows;
        q = state->query_rows;
        k = layer->qkv;
        ldq = h;
        ldkv = 2 * h;
    }
    ek_attention_shape shape = shape_of(encoder, batch, set);
    ek_dropout dropout = dropout_at(options, options->attention_dropout, site);
    ek_attention_forward(compute, layer->context, h, layer->probs, q, ldq, k, k + h, ldkv, &shape,
                         &dropout);
    linear(&products, layer->z1, layer->context, weights + o->attention_output_weight,
           weights + o->attention_output_bias, set->count, h, h);
    dropout = dropout_at(options, options->hidden_dropout, site + 1);
    ek_residual_layernorm_forward(
        compute, layer->y1, layer->z1, layer->mean1, layer->rstd1, layer->z1, residual, &dropout,
        &set->rows, weights + o->attention_norm_weight, weights + o->attention_norm_bias, h, eps);

    linear(&products, layer->pre, layer->y1, weights + o->intermediate_weight,
           weights + o->intermediate_bias, set->count, wide, h);
    ek_activation_forward(compute, layer->activated, layer->pre, set->count * wide,
                          encoder->config->hidden_act);
    linear(&products, layer->z2, layer->activated, weights + o->output_weight,
           weights + o->output_bias, set->count, h, wide);
    dropout = dropout_at(options, options->hidden_dropout, site + 2);
    ek_residual_layernorm_forward(compute, layer->output, layer->z2, layer->mean2, layer->rstd2,
                                  layer->z2, layer->y1, &dropout, &set->rows,
                                  weights + o->output_norm_weight, weights + o->output_norm_bias, h,
                                  eps);
}

void ek_encoder_forward(ek_encoder *encoder, ek_compute *compute, const float *weights,
                        const ek_batch *batch, const ek_encoder_options *options)
{
    int32_t layers = encoder->config->num_hidden_layers;
    set_rows(encoder, batch, options);
    embed(encoder, compute, weights, batch, options);
    for (int32_t l = 0; l < layers; l++) {
        layer_forward(encoder, compute, weights, batch, options, l);
    }
    encoder->hidden = encoder->layers[layers - 1].output;
    encoder->wanted_count = rows_of(encoder, layers - 1)->count;
}

const float *ek_encoder_layer_output(const ek_encoder *encoder, int32_t layer)
{
    return encoder->layers[layer].output;
}

/* ---- backward -------------------------------------------------------------------------------- */

/* From dout [R, H], which is overwritten, to the gradient of the layer's input, [T, H]: returned,
 * either dout itself or state->d. The order of its sums is part of the numeric contract: a layer of
 * all rows starts from the residual's gradient and adds the terms of query, key, value; a layer of
 * wanted rows starts from key and value and then adds (residual's, then query's) to their rows. */
static float *layer_backward(const ek_encoder *encoder, ek_compute *compute, float *gradients,
                             float *dout, const float *weights, const ek_batch *batch,
                             const ek_encoder_options *options, int32_t index)
{
    struct state *state = encoder->state;
    const struct ek_encoder_layer *layer = &encoder->layers[index];
    const ek_layer_offsets *o = &encoder->offsets->layers[index];
    const struct row_set *set = rows_of(encoder, index);
    int64_t h = encoder->config->hidden_size, wide = encoder->config->intermediate_size;
    int64_t tokens = batch->token_count, rows = set->count;
    uint32_t site = EK_SITE_LAYER + 4 * (uint32_t)index;

    const struct products products = {compute, encoder->limits.precision, options->fresh_gradients};

    /* feed-forward */
    ek_dropout dropout = dropout_at(options, options->hidden_dropout, site + 2);
    ek_residual_layernorm_backward(compute, dout, state->drows, gradients + o->output_norm_weight,
                                   gradients + o->output_norm_bias, gradients + o->output_bias,
                                   dout, layer->z2, layer->mean2, layer->rstd2, &dropout,
                                   &set->rows, weights + o->output_norm_weight, h);
    linear_weight(&products, gradients + o->output_weight, state->drows, layer->activated, rows, h,
                  wide);
    linear_input(&products, state->dwide, state->drows, weights + o->output_weight, rows, h, wide,
                 false);
    ek_activation_backward(compute, state->dwide, gradients + o->intermediate_bias, state->dwide,
                           layer->pre, rows, wide, encoder->config->hidden_act);
    linear_weight(&products, gradients + o->intermediate_weight, state->dwide, layer->y1, rows,
                  wide, h);
    linear_input(&products, dout, state->dwide, weights + o->intermediate_weight, rows, wide, h,
                 true);

    /* attention */
    dropout = dropout_at(options, options->hidden_dropout, site + 1);
    ek_residual_layernorm_backward(
        compute, dout, state->drows, gradients + o->attention_norm_weight,
        gradients + o->attention_norm_bias, gradients + o->attention_output_bias, dout, layer->z1,
        layer->mean1, layer->rstd1, &dropout, &set->rows, weights + o->attention_norm_weight, h);
    linear_weight(&products, gradients + o->attention_output_weight, state->drows, layer->context,
                  rows, h, h);
    linear_input(&products, state->dcontext, state->drows, weights + o->attention_output_weight,
                 rows, h, h, false);
    ek_attention_shape shape = shape_of(encoder, batch, set);
    dropout = dropout_at(options, options->attention_dropout, site);
    if (!set->index) {
        float *dq = state->dqkv;
        ek_attention_backward(compute, dq, dq + h, dq + 2 * h, state->dcontext, h, layer->probs,
                              layer->qkv, 3 * h, layer->qkv + h, layer->qkv + 2 * h, 3 * h, &shape,
                              &dropout);
        linear_params(&products, gradients + o->query_weight, gradients + o->query_bias, dq,
                      layer->input, tokens, 3 * h, h);
        linear_input(&products, dout, dq, weights + o->query_weight, tokens, 3 * h, h, true);
        return dout;
    }
    float *dkv = state->dqkv;
    ek_attention_backward(compute, state->dquery_rows, dkv, dkv + h, state->dcontext, h,
                          layer->probs, state->query_rows, h, layer->qkv, layer->qkv + h, 2 * h,
                          &shape, &dropout);
    linear_params(&products, gradients + o->query_weight, gradients + o->query_bias,
                  state->dquery_rows, state->input_rows, rows, h, h);
    linear_params(&products, gradients + o->query_weight + h * h, gradients + o->query_bias + h,
                  dkv, layer->input, tokens, 2 * h, h);
    linear_input(&products, state->d, dkv, weights + o->query_weight + h * h, tokens, 2 * h, h,
                 false);
    linear_input(&products, dout, state->dquery_rows, weights + o->query_weight, rows, h, h, true);
    ek_rows_scatter_add(compute, state->d, dout, set->index, rows, h);
    return state->d;
}

static void embed_backward(const ek_encoder *encoder, ek_compute *compute, float *gradients,
                           float *d, const float *weights, const ek_batch *batch,
                           const ek_encoder_options *options)
{
    struct state *state = encoder->state;
    const ek_param_offsets *o = encoder->offsets;
    int64_t h = encoder->config->hidden_size, tokens = batch->token_count;
    ek_dropout dropout = dropout_at(options, options->hidden_dropout, EK_SITE_EMBEDDINGS);
    ek_dropout_apply(compute, d, d, &dropout, &state->all.rows, h);
    ek_layernorm_backward(compute, d, gradients + o->norm_weight, gradients + o->norm_bias, d,
                          state->z0, state->mean0, state->rstd0, weights + o->norm_weight, tokens,
                          h);
    if (options->daddend && options->addend_layer < 0) {
        memcpy(options->daddend, d, (size_t)(tokens * h) * sizeof *d);
    }
    ek_embedding_backward(compute, gradients + o->word, d, batch->input_ids, batch->by_input_id,
                          tokens, h, -1);
    ek_embedding_backward(compute, gradients + o->position, d, batch->position_ids,
                          batch->by_position, tokens, h, -1);
    ek_embedding_backward(compute, gradients + o->token_type, d, batch->token_type_ids,
                          batch->by_token_type, tokens, h, -1);
}

void ek_encoder_backward(ek_encoder *encoder, ek_compute *compute, float *gradients, float *dhidden,
                         const float *weights, const ek_batch *batch,
                         const ek_encoder_options *options)
{
    float *d = dhidden;
    for (int32_t l = encoder->config->num_hidden_layers - 1; l >= 0; l--) {
        d = layer_backward(encoder, compute, gradients, d, weights, batch, options, l);
        if (options->daddend && options->addend_layer == l) {
            memcpy(options->daddend, d,
                   (size_t)batch->token_count * (size_t)encoder->config->hidden_size * sizeof *d);
        }
    }
    if (!options->frozen_embeddings) {
        embed_backward(encoder, compute, gradients, d, weights, batch, options);
    }
}
