/* The operations on rows and on whole arrays: how they are split over threads. Bodies: ops.inc. */
#include <math.h>
#include <string.h>

#include "kernel/compute.h"

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void ek_bias_backward(ek_compute *compute, float *dbias, const float *dy, int64_t rows,
                      int64_t width)
{
    EK_SPLIT(compute, EK_OP_BIAS, ek__ceil_div(width, 16), rows * width >= EK__WORTH_SPLITTING,
             compute->kernels->bias_backward(dbias, dy, rows, width, begin * 16,
                                             smaller(end * 16, width)));
}

/* ---- dropout, normalisation, activations ----------------------------------------------------- */

ek_dropout ek_dropout_make(double probability, uint32_t seed, uint32_t step, uint32_t site)
{
    double threshold = floor(probability * 65536 + 0.5);
    if (!(threshold > 0)) {
        threshold = 0;
    }
    if (threshold > 65535) {
        threshold = 65535;
    }
    return (ek_dropout){seed, step, site, (uint32_t)threshold,
                        (float)(65536.0 / (65536.0 - threshold))};
}

void ek_dropout_apply(ek_compute *compute, float *y, const float *x, const ek_dropout *dropout,
                      const ek_rows *rows, int64_t width)
{
    EK_SPLIT(compute, EK_OP_DROPOUT, rows->count, rows->count * width >= EK__WORTH_SPLITTING,
             compute->kernels->dropout_rows(y, x, dropout, rows, width, begin, end));
}

void ek_residual_layernorm_forward(ek_compute *compute, float *y, float *z, float *mean,
                                   float *rstd, const float *x, const float *residual,
                                   const ek_dropout *dropout, const ek_rows *rows,
                                   const float *gamma, const float *beta, int64_t width, float eps)
{
    EK_SPLIT(compute, EK_OP_LAYERNORM_FORWARD, rows->count,
             rows->count * width >= EK__WORTH_SPLITTING,
             compute->kernels->residual_layernorm_rows(y, z, mean, rstd, x, residual, dropout, rows,
                                                       gamma, beta, width, eps, begin, end));
}

/* Of one block of rows: the parameters first, since dz may overwrite dy. */
static void layernorm_backward_block(ek_compute *compute, float *dz, float *dgamma, float *dbeta,
                                     const float *dy, const float *z, const float *mean,
                                     const float *rstd, const float *gamma, int64_t rows,
                                     int64_t width)
{
    const ek__kernels *k = compute->kernels;
    bool worth = rows * width >= EK__WORTH_SPLITTING;
    EK_SHARE(compute, ek__ceil_div(width, 16), worth,
             k->layernorm_params(dgamma, dbeta, dy, z, mean, rstd, rows, width, begin * 16,
                                 smaller(end * 16, width)));
    EK_SHARE(compute, rows, worth,
             k->layernorm_input(dz, dy, z, mean, rstd, gamma, width, begin, end,
                                compute->threads > 1 ? 1 : rows));
}

/* One thread takes few rows at a time through all steps, while they are in its cache; several have
 * to wait for each other between the steps, so they take all rows. */
static int64_t rows_of_block(const ek_compute *compute, int64_t rows)
{
    enum { CACHED_ROWS = 8 };
    return compute->threads > 1 || rows < CACHED_ROWS ? rows : CACHED_ROWS;
}

void ek_layernorm_backward(ek_compute *compute, float *dz, float *dgamma, float *dbeta,
                           const float *dy, const float *z, const float *mean, const float *rstd,
                           const float *gamma, int64_t rows, int64_t width)
{
    double started = ek__op_start(compute);
    int64_t count;
    for (int64_t r = 0; r < rows; r += count) {
        int64_t at = r * width;
        count = smaller(rows_of_block(compute, rows), rows - r);
        layernorm_backward_block(compute, dz + at, dgamma, dbeta, dy + at, z + at, mean + r,
                                 rstd + r, gamma, count, width);
    }
    ek__op_end(compute, EK_OP_LAYERNORM_BACKWARD, started, 0);
}

void ek_residual_layernorm_backward(ek_compute *compute, float *dz, float *dx, float *dgamma,
                                    float *dbeta, float *dbias, const float *dy, const float *z,
                                    const float *mean, const float *rstd, const ek_dropout *dropout,
                                    const ek_rows *rows, const float *gamma, int64_t width)
{
    const ek__kernels *k = compute->kernels;
    double started = ek__op_start(compute);
    int64_t count;
    for (int64_t r = 0; r < rows->count; r += count) {
        int64_t at = r * width;
        count = smaller(rows_of_block(compute, rows->count), rows->count - r);
        bool worth = count * width >= EK__WORTH_SPLITTING;
        layernorm_backward_block(compute, dz + at, dgamma, dbeta, dy + at, z + at, mean + r,
                                 rstd + r, gamma, count, width);
        EK_SHARE(compute, count, worth,
                 k->dropout_rows(dx, dz, dropout, rows, width, r + begin, r + end));
        EK_SHARE(
            compute, ek__ceil_div(width, 16), worth,
            k->bias_backward(dbias, dx + at, count, width, begin * 16, smaller(end * 16, width)));
    }
    ek__op_end(compute, EK_OP_LAYERNORM_BACKWARD, started, 0);
}

void ek_activation_forward(ek_compute *compute, float *y, const float *x, int64_t count,
                           ek_activation activation)
{
    EK_SPLIT(compute, EK_OP_ACTIVATION_FORWARD, count, count >= EK__WORTH_SPLITTING,
             compute->kernels->activation_forward(y + begin, x + begin, end - begin, activation));
}

void ek_activation_backward(ek_compute *compute, float *dx, float *dbias, const float *dy,
                            const float *x, int64_t rows, int64_t width, ek_activation activation)
{
    EK_SPLIT(compute, EK_OP_ACTIVATION_BACKWARD, ek__ceil_div(width, 16),
             rows * width >= EK__WORTH_SPLITTING,
             compute->kernels->activation_backward(dx, dbias, dy, x, rows, width, activation,
                                                   begin * 16, smaller(end * 16, width)));
}

/* ---- embeddings and rows --------------------------------------------------------------------- */

void ek_embedding_forward(ek_compute *compute, float *z, const float *word, const float *type,
                          const float *position, const int32_t *input_ids,
                          const int32_t *token_type_ids, const int32_t *position_ids,
                          int64_t tokens, int64_t width)
{
    EK_SPLIT(compute, EK_OP_EMBEDDING, tokens, tokens * width >= EK__WORTH_SPLITTING,
             compute->kernels->embedding_rows(z, word, type, position, input_ids, token_type_ids,
                                              position_ids, width, begin, end));
    if (compute->profile) {
        compute->profile->tokens += tokens;
    }
}

void ek_embedding_backward(ek_compute *compute, float *dtable, const float *dz, const int32_t *ids,
                           const int32_t *sorted, int64_t tokens, int64_t width, int32_t skip_id)
{
    EK_SPLIT(compute, EK_OP_EMBEDDING, tokens, tokens * width >= EK__WORTH_SPLITTING, {
        /* A row belongs to the thread in whose share its first occurrence stands. */
        while (begin > 0 && begin < end && ids[sorted[begin]] == ids[sorted[begin - 1]]) {
            begin++;
        }
        while (begin < end && end < tokens && ids[sorted[end]] == ids[sorted[end - 1]]) {
            end++;
        }
        for (int64_t i = begin; i < end; i++) {
            int32_t id = ids[sorted[i]];
            if (id != skip_id) {
                compute->kernels->add(dtable + id * width, dz + sorted[i] * width, width);
            }
        }
    });
}

void ek_rows_gather(ek_compute *compute, float *y, const float *x, const int32_t *index,
                    int64_t count, int64_t width)
{
    double started = ek__op_start(compute);
    for (int64_t r = 0; r < count; r++) {
        memcpy(y + r * width, x + index[r] * width, (size_t)width * sizeof *y);
    }
    ek__op_end(compute, EK_OP_COPY, started, 0);
}

void ek_rows_scatter_add(ek_compute *compute, float *y, const float *x, const int32_t *index,
                         int64_t count, int64_t width)
{
    double started = ek__op_start(compute);
    for (int64_t r = 0; r < count; r++) {
        compute->kernels->add(y + index[r] * width, x + r * width, width);
    }
    ek__op_end(compute, EK_OP_COPY, started, 0);
}

/* ---- losses ---------------------------------------------------------------------------------- */

void ek_softmax_forward(ek_compute *compute, float *probs, const float *logits, int64_t rows,
                        int64_t classes)
{
    EK_SPLIT(compute, EK_OP_LOSS, rows, rows * classes >= EK__WORTH_SPLITTING,
             compute->kernels->softmax_rows(probs, logits, classes, begin, end));
}

void ek_cross_entropy(ek_compute *compute, float *row_loss, float *dlogits, const float *logits,
                      const int32_t *labels, int64_t rows, int64_t classes, float divisor)
{
    EK_SPLIT(compute, EK_OP_LOSS, rows, rows * classes >= EK__WORTH_SPLITTING,
             compute->kernels->cross_entropy_rows(row_loss, dlogits, logits, labels, classes,
                                                  divisor, begin, end));
}

void ek_squared_error(ek_compute *compute, float *row_loss, float *dx, const float *x,
                      const float *target, int64_t rows, float divisor)
{
    (void)compute;
    for (int64_t r = 0; r < rows; r++) {
        float difference = x[r] - target[r];
        row_loss[r] = difference * difference;
        if (dx) {
            dx[r] = 2.0f * difference / divisor;
        }
    }
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* *sum += the squares of `count` chunks, in order. */
static void add_chunks(ek_compute *compute, double *sum, const float *x, int64_t total,
                       const int64_t *chunks, int64_t count)
{
    EK_SPLIT(compute, EK_OP_NORM, count, count >= 8, {
        for (int64_t i = begin; i < end; i++) {
            int64_t first = chunks[i] * EK__SQUARES_CHUNK, left = total - first;
            compute->chunk_sums[i] = compute->kernels->squares_chunk(
                x + first, left < EK__SQUARES_CHUNK ? left : EK__SQUARES_CHUNK);
        }
    });
    for (int64_t i = 0; i < count; i++) {
        *sum += (double)compute->chunk_sums[i];
    }
}

double ek_sum_squares(ek_compute *compute, const float *x, int64_t count)
{
    double sum = 0;
    int64_t chunks = ek__ceil_div(count, EK__SQUARES_CHUNK), listed = 0;
    for (int64_t chunk = 0; chunk < chunks; chunk++) {
        compute->chunks[listed++] = chunk;
        if (listed == EK__SLAB_CHUNKS || chunk + 1 == chunks) {
            add_chunks(compute, &sum, x, count, compute->chunks, listed);
            listed = 0;
        }
    }
    return sum;
}

/* A chunk without a listed row adds +0, so only the others are computed. */
double ek_sum_squares_rows(ek_compute *compute, const float *x, int64_t count, const int32_t *rows,
                           int64_t row_count, int64_t width)
{
    double sum = 0;
    int64_t listed = 0, next = 0; /* first chunk that is not listed yet */
    for (int64_t r = 0; r < row_count; r++) {
        int64_t first = rows[r] * width / EK__SQUARES_CHUNK;
        int64_t last = ((rows[r] + 1) * width - 1) / EK__SQUARES_CHUNK;
        for (int64_t chunk = first > next ? first : next; chunk <= last; chunk++) {
            compute->chunks[listed++] = chunk;
            next = chunk + 1;
            if (listed == EK__SLAB_CHUNKS) {
                add_chunks(compute, &sum, x, count, compute->chunks, listed);
                listed = 0;
            }
        }
    }
    add_chunks(compute, &sum, x, count, compute->chunks, listed);
    return sum;
}

void ek_add(ek_compute *compute, float *y, const float *x, int64_t count)
{
    EK_SPLIT(compute, EK_OP_COPY, count, count >= EK__WORTH_SPLITTING,
             compute->kernels->add(y + begin, x + begin, end - begin));
}

void ek_zero(ek_compute *compute, float *x, int64_t count)
{
    EK_SPLIT(compute, EK_OP_COPY, count, count >= EK__WORTH_SPLITTING,
             memset(x + begin, 0, (size_t)(end - begin) * sizeof *x));
}

void ek_adamw_update(ek_compute *compute, float *w, float *m, float *v, const float *g,
                     int64_t count, const ek_adamw_constants *constants)
{
    EK_SPLIT(compute, EK_OP_ADAMW, count, count >= EK__WORTH_SPLITTING,
             compute->kernels->adamw(w + begin, m + begin, v + begin, g + begin, end - begin,
                                     constants));
}

void ek_adamw_update_rows(ek_compute *compute, float *w, float *m, float *v, const float *g,
                          const int32_t *rows, int64_t row_count, int64_t width,
                          const ek_adamw_constants *constants)
{
    EK_SPLIT(compute, EK_OP_ADAMW_ROWS, row_count, row_count * width >= EK__WORTH_SPLITTING, {
        for (int64_t r = begin; r < end; r++) {
            int64_t at = rows[r] * width;
            compute->kernels->adamw(w + at, m + at, v + at, g + at, width, constants);
        }
    });
}

void ek_adamw_replay(ek_compute *compute, float *w, float *m, float *v, const int32_t *rows,
                     int64_t row_count, int64_t width, int32_t *made, const uint8_t *moved,
                     int32_t updates, const ek_adamw_constants *constants,
                     const ek_adamw_rates *rates)
{
    EK_SPLIT(compute, EK_OP_ADAMW_REPLAY, row_count, row_count * width >= EK__WORTH_SPLITTING, {
        for (int64_t r = begin; r < end; r++) {
            int32_t row = rows ? rows[r] : (int32_t)r;
            int64_t at = row * width;
            if (made[row] == updates) {
                continue;
            }
            if (moved[row]) {
                compute->kernels->adamw_replay(w + at, m + at, v + at, width, constants, rates,
                                               made[row], updates);
            } else {
                compute->kernels->decay_replay(w + at, width, constants->variant, rates, made[row],
                                               updates);
            }
            made[row] = updates;
        }
    });
}

/* ---- elementary functions -------------------------------------------------------------------- */

static float one_value(float x, int which)
{
    float y;
    ek__kernels_scalar.elementary(&y, &x, 1, which);
    return y;
}

float ek_expf(float x)
{
    return one_value(x, 0);
}

float ek_logf(float x)
{
    return one_value(x, 1);
}

float ek_erff(float x)
{
    return one_value(x, 2);
}

float ek_tanhf(float x)
{
    return one_value(x, 3);
}
