/* encoder.h - forward and backward of a post-norm transformer encoder on a packed batch.
 *
 * The workspace is planned once for the largest batch and holds everything that backward needs.
 * The last layer computes only the rows that are wanted ([CLS] of each example, a list, or all);
 * rows that nobody wants have no gradient, so nothing is lost. An optional addend is added to the
 * embedding sum (before its LayerNorm) or to a layer's input; backward returns its gradient:
 * noise and adversarial techniques, and probes, need that.
 *
 *     ek_encoder_plan(&encoder, &arena, &config, &limits);             // measuring, then real
 *     ek_encoder_forward(&encoder, compute, weights, &batch, &options);
 *     ... encoder.hidden [encoder.wanted_count, hidden_size] ...
 *     ek_encoder_backward(&encoder, compute, gradients, dhidden, weights, &batch, &options);
 *
 * Dropout sits where Hugging Face has it (docs/numerics.md). Shapes: T tokens, R wanted rows,
 * H hidden_size, I intermediate_size.
 */
#ifndef EK_MODEL_ENCODER_H
#define EK_MODEL_ENCODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "kernel/kernel.h"
#include "model/batch.h"
#include "model/config.h"
#include "model/params.h"

typedef struct {
    int32_t max_examples, max_tokens;
    int32_t max_length;     /* longest example */
    int64_t max_squares;    /* sum of length^2 over a batch; 0: max_tokens * max_length */
    int32_t max_wanted;     /* rows of the last layer: max_examples for [CLS], max_tokens for all */
    bool train;             /* false: forward only, activations shared between layers */
    ek_precision precision; /* of the encoder's linear layers; all else is fp32 */
} ek_encoder_limits;

/* Dropout sites (part of the numeric contract). */
enum {
    EK_SITE_EMBEDDINGS = 0,
    EK_SITE_POOLED = 1, /* before the classifier */
    EK_SITE_LAYER = 16, /* layer l: + 4 l + { 0 attention probs, 1 attention output, 2 output } */
};

typedef struct {
    bool dropout; /* false: evaluation */
    double hidden_dropout, attention_dropout;
    uint32_t dropout_seed, step; /* key and first counter of every draw */
    const int32_t *wanted;       /* [wanted_count] token rows, ascending; NULL with wanted_count 0:
                                  * [CLS] (first token of each example); wanted_count -1: all */
    int32_t wanted_count;
    const float *addend;    /* [T, H] or NULL */
    int32_t addend_layer;   /* -1: embedding sum; l: input of layer l */
    float *daddend;         /* [T, H] written by backward, or NULL */
    bool fresh_gradients;   /* backward writes the gradients of the encoder's linear weights
                             * instead of adding to them: they need not be zeroed before */
    bool frozen_embeddings; /* backward stops above the embeddings (nothing below needs it) */
} ek_encoder_options;

typedef struct ek_encoder_layer ek_encoder_layer; /* saved activations of a layer; private */

typedef struct {
    const ek_model_config *config;
    const ek_param_offsets *offsets;
    ek_encoder_limits limits;
    float *hidden;        /* [R, H] result of the last forward */
    int32_t wanted_count; /* R of the last forward */
    ek_encoder_layer *layers;
    void *state; /* private buffers */
} ek_encoder;

/* Lays the workspace out. config and offsets must outlive it. */
void ek_encoder_plan(ek_encoder *encoder, ek_arena *arena, const ek_model_config *config,
                     const ek_param_offsets *offsets, const ek_encoder_limits *limits);
void ek_encoder_forward(ek_encoder *encoder, ek_compute *compute, const float *weights,
                        const ek_batch *batch, const ek_encoder_options *options);
/* What layer `layer` put out in the last forward, of an encoder that was planned with train: [T,
 * H], of the last layer [R, H]. For probes; valid until the next forward or backward. */
const float *ek_encoder_layer_output(const ek_encoder *encoder, int32_t layer);
/* gradients [total_count] += (but see fresh_gradients); dhidden [R, H] is overwritten as scratch.
 * Same batch, weights and options as the forward just before. */
void ek_encoder_backward(ek_encoder *encoder, ek_compute *compute, float *gradients, float *dhidden,
                         const float *weights, const ek_batch *batch,
                         const ek_encoder_options *options);

#endif
