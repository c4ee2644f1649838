/* kernel_table.h - what one instruction set provides: operations on ranges, by a single thread.
 *
 * gemm.c, attention.c and operations.c split work over threads and call these. Each kernels_<isa>.c
 * fills one table from the bodies elementary.inc, gemm.inc, ops.inc and attention.inc.
 * Formulas: kernel.h.
 */
#ifndef EK_KERNEL_KERNEL_TABLE_H
#define EK_KERNEL_KERNEL_TABLE_H

#include "kernel/kernel.h"

/* For functions of the bodies that are written once for several constants. */
#define EK_INLINE static inline __attribute__((always_inline))

/* Blocking of the matrix product. Free to change: it does not touch the bits. */
enum {
    EK__GEMM_KC = 384,  /* lanes of a packed block: one k in fp32, two in bf16 */
    EK__GEMM_NC = 3072, /* columns of a packed block of B */
    EK__GEMM_MC = 336,  /* rows of a packed block of A: a multiple of every tile height */
    EK__TILE_ROWS_MAX = 14,
    EK__TILE_COLUMNS_MAX = 32,
    EK__HEAD_ROWS_MAX = 42,   /* queries of a head that go through softmax together */
    EK__SQUARES_CHUNK = 4096, /* numerics, rule 4: not free */
};

/* Columns [column, column + columns) of B, depth [k0, k0 + depth). */
typedef struct {
    int64_t column, columns, k0, depth;
} ek__gemm_block;

/* One head of attention in one example: arguments of ek_attention_* from the example's first row
 * and the head's first column on. */
typedef struct ek__head {
    int64_t queries, keys, size;
    int64_t ldq, ldkv, ldo;
    const float *q, *k, *v;
    float *out, *probs;              /* forward */
    const float *dout, *saved_probs; /* backward */
    float *dq, *dk, *dv;
    float scale;
    const ek_dropout *dropout;
    uint32_t example; /* its index in the step */
    int32_t index;    /* of the head */
    const uint32_t *query_position;
    const struct ek__head *next; /* the head this thread computes after it, or NULL */
} ek__head;

/* A thread's memory for a head (attention.inc), sized in compute.c. Rows have whole vectors. */
typedef struct {
    float *q, *kv, *dout;    /* copies of rows */
    float *columns;          /* a copy of k or v, transposed */
    float *scores, *dropped; /* [queries][keys] */
    uint16_t *bits;          /* for dropout of EK__HEAD_ROWS_MAX queries */
} ek__head_scratch;

typedef struct {
    ek_isa isa;
    int tile_rows, tile_columns;
    int bf16_products; /* products of one lane of a bf16 tile and step: 2 by instruction */
    /* Packs the panels [p0, p1) of a block of B. */
    void (*gemm_pack_b)(float *packed, const ek_gemm_args *args, const ek__gemm_block *block,
                        int64_t p0, int64_t p1);
    /* C rows of panels [row0, row1) (packing A into packed_a), all columns of the block. packed: B
     * is packed in packed_b already; else each panel is when its turn comes. */
    void (*gemm_multiply)(const ek_gemm_args *args, float *packed_a, float *packed_b,
                          const ek__gemm_block *block, int64_t row0, int64_t row1, bool packed);
    /* The register tile on constant operands, iterations times; some number that depends on it. */
    float (*peak)(int64_t iterations, bool bf16);
    void (*bias_backward)(float *dbias, const float *dy, int64_t rows, int64_t width, int64_t c0,
                          int64_t c1);
    void (*dropout_rows)(float *y, const float *x, const ek_dropout *dropout, const ek_rows *rows,
                         int64_t width, int64_t r0, int64_t r1);
    void (*residual_layernorm_rows)(float *y, float *z, float *mean, float *rstd, const float *x,
                                    const float *residual, const ek_dropout *dropout,
                                    const ek_rows *rows, const float *gamma, const float *beta,
                                    int64_t width, float eps, int64_t r0, int64_t r1);
    void (*layernorm_params)(float *dgamma, float *dbeta, const float *dy, const float *z,
                             const float *mean, const float *rstd, int64_t rows, int64_t width,
                             int64_t c0, int64_t c1);
    /* next: row r + next is read some time after row r, so it is fetched from memory meanwhile. */
    void (*layernorm_input)(float *dz, const float *dy, const float *z, const float *mean,
                            const float *rstd, const float *gamma, int64_t width, int64_t r0,
                            int64_t r1, int64_t next);
    void (*activation_forward)(float *y, const float *x, int64_t count, ek_activation activation);
    void (*activation_backward)(float *dx, float *dbias, const float *dy, const float *x,
                                int64_t rows, int64_t width, ek_activation activation, int64_t c0,
                                int64_t c1);
    void (*head_forward)(const ek__head *head, const ek__head_scratch *scratch);
    void (*head_backward)(const ek__head *head, const ek__head_scratch *scratch);
    void (*embedding_rows)(float *z, const float *word, const float *type, const float *position,
                           const int32_t *input_ids, const int32_t *token_type_ids,
                           const int32_t *position_ids, int64_t width, int64_t r0, int64_t r1);
    void (*add)(float *y, const float *x, int64_t count);
    void (*softmax_rows)(float *probs, const float *logits, int64_t classes, int64_t r0,
                         int64_t r1);
    void (*cross_entropy_rows)(float *row_loss, float *dlogits, const float *logits,
                               const int32_t *labels, int64_t classes, float divisor, int64_t r0,
                               int64_t r1);
    float (*squares_chunk)(const float *x, int64_t count); /* count <= EK__SQUARES_CHUNK */
    void (*adamw)(float *w, float *m, float *v, const float *g, int64_t count,
                  const ek_adamw_constants *constants);
    /* Updates [first, last) with a gradient of zeros; decay alone where m and v are zeros. */
    void (*adamw_replay)(float *w, float *m, float *v, int64_t count,
                         const ek_adamw_constants *constants, const ek_adamw_rates *rates,
                         int64_t first, int64_t last);
    void (*decay_replay)(float *w, int64_t count, ek_adamw_variant variant,
                         const ek_adamw_rates *rates, int64_t first, int64_t last);
    void (*elementary)(float *y, const float *x, int64_t count, int which); /* exp log erf tanh */
} ek__kernels;

extern const ek__kernels ek__kernels_scalar;
#if defined(__x86_64__)
extern const ek__kernels ek__kernels_avx2;
extern const ek__kernels ek__kernels_avx512, ek__kernels_avx512_bf16;
#endif
#if defined(__aarch64__)
extern const ek__kernels ek__kernels_neon;
#endif

#endif
