/* Attention against an independent computation in double: outputs, probabilities, gradients by
 * central differences, with and without dropout; subsets of queries; one example or several; NaN.
 */
#include "kernel_util.h"

#include "base/random.h"

enum { EXAMPLES_MAX = 3, TOKENS_MAX = 80 };

/* A packed batch. Queries are all tokens, or the first of each example. */
struct batch {
    ek_attention_shape shape;
    int32_t offsets[EXAMPLES_MAX + 1], query_offsets[EXAMPLES_MAX + 1];
    uint32_t positions[TOKENS_MAX], example_index[EXAMPLES_MAX];
    size_t prob_offsets[EXAMPLES_MAX + 1];
    int64_t width, tokens, queries;
};

static void make_batch(struct batch *batch, const int32_t *lengths, int32_t examples, int32_t heads,
                       int32_t head_size, bool all)
{
    *batch = (struct batch){.width = (int64_t)heads * head_size};
    for (int32_t e = 0; e < examples; e++) {
        int32_t queries = all ? lengths[e] : 1;
        for (int32_t i = 0; i < queries; i++) {
            batch->positions[batch->query_offsets[e] + i] = (uint32_t)i;
        }
        batch->offsets[e + 1] = batch->offsets[e] + lengths[e];
        batch->query_offsets[e + 1] = batch->query_offsets[e] + queries;
        batch->prob_offsets[e + 1] =
            batch->prob_offsets[e] + (size_t)heads * (size_t)queries * (size_t)lengths[e];
        batch->example_index[e] = (uint32_t)e + 3;
    }
    batch->tokens = batch->offsets[examples];
    batch->queries = batch->query_offsets[examples];
    batch->shape = (ek_attention_shape){examples,
                                        heads,
                                        head_size,
                                        batch->offsets,
                                        batch->query_offsets,
                                        batch->positions,
                                        batch->example_index,
                                        batch->prob_offsets};
}

/* ---- in double ---- */

struct double_attention {
    const struct batch *batch;
    const ek_dropout *dropout;
    double *q, *k, *v;   /* [queries or tokens][width] */
    const double *dout;  /* [queries][width] */
    double *out, *probs; /* or NULL */
};

/* What dropout multiplies probability (example, head, query, key) by. */
static double kept_scale(const struct double_attention *a, int32_t e, int32_t head, int32_t query,
                         int32_t key, int32_t length)
{
    const ek_dropout *dropout = a->dropout;
    if (dropout->threshold == 0) {
        return 1;
    }
    uint32_t stride = (uint32_t)(length + 7) / 8 * 8;
    uint32_t element =
        ((uint32_t)head * (uint32_t)length + (uint32_t)query) * stride + (uint32_t)key;
    ek_philox_block block = ek_philox(dropout->seed, EK_STREAM_DROPOUT, dropout->step,
                                      dropout->site, a->batch->example_index[e], element / 8);
    uint32_t bits = block.v[element / 2 % 4] >> 16 * (element % 2) & 0xFFFF;
    return bits >= dropout->threshold ? (double)dropout->scale : 0;
}

/* Sum of dout * attention(q, k, v); fills out and probs where they are given. */
static double weighted_attention(const void *context)
{
    const struct double_attention *a = context;
    const struct batch *b = a->batch;
    int32_t size = b->shape.head_size;
    double total = 0;
    for (int32_t e = 0; e < b->shape.example_count; e++) {
        int32_t length = b->offsets[e + 1] - b->offsets[e];
        int32_t queries = b->query_offsets[e + 1] - b->query_offsets[e];
        for (int32_t head = 0; head < b->shape.head_count; head++) {
            for (int32_t i = 0; i < queries; i++) {
                int64_t row = b->query_offsets[e] + i, first = (int64_t)head * size;
                const double *q = a->q + row * b->width + first;
                double p[TOKENS_MAX], sum = 0;
                for (int32_t j = 0; j < length; j++) {
                    const double *k = a->k + (b->offsets[e] + j) * b->width + first;
                    double score = 0;
                    for (int32_t c = 0; c < size; c++) {
                        score += q[c] * k[c];
                    }
                    p[j] = exp(score / sqrt(size));
                    sum += p[j];
                }
                for (int32_t j = 0; j < length; j++) {
                    p[j] /= sum;
                    double kept = kept_scale(a, e, head, (int32_t)b->positions[row], j, length);
                    if (a->probs) {
                        a->probs[b->prob_offsets[e] +
                                 ((size_t)head * (size_t)queries + (size_t)i) * (size_t)length +
                                 (size_t)j] = kept == 0 ? -p[j] : p[j];
                    }
                    p[j] *= kept;
                }
                for (int32_t c = 0; c < size; c++) {
                    double out = 0;
                    for (int32_t j = 0; j < length; j++) {
                        out += p[j] * a->v[(b->offsets[e] + j) * b->width + first + c];
                    }
                    total += out * a->dout[row * b->width + first + c];
                    if (a->out) {
                        a->out[row * b->width + first + c] = out;
                    }
                }
            }
        }
    }
    return total;
}

static double *doubles(const float *x, int64_t count)
{
    double *copy = new_array(count, sizeof *copy);
    for (int64_t i = 0; i < count; i++) {
        copy[i] = (double)x[i];
    }
    return copy;
}

static void against_double(void **state)
{
    (void)state;
    static const int32_t lengths[EXAMPLES_MAX] = {5, 1, 18};
    static const struct {
        int32_t heads, head_size;
        bool all;
        double probability;
    } cases[] = {{2, 3, true, 0},  {2, 3, true, 0.3},  {1, 17, true, 0.5},
                 {2, 5, false, 0}, {3, 4, false, 0.2}, {1, 32, true, 0}};
    ek_compute *compute = open_variant(EK_ISA_SCALAR, 1);
    struct source source = {20, PLAIN};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct batch b;
        make_batch(&b, lengths, EXAMPLES_MAX, cases[i].heads, cases[i].head_size, cases[i].all);
        int64_t q_count = b.queries * b.width, k_count = b.tokens * b.width;
        int64_t prob_count = (int64_t)b.prob_offsets[EXAMPLES_MAX];
        const float *q = some_floats(&source, q_count), *k = some_floats(&source, k_count);
        const float *v = some_floats(&source, k_count), *dout = some_floats(&source, q_count);
        float *out = new_array(q_count, sizeof *out), *probs = new_array(prob_count, sizeof *probs);
        float *dq = new_array(q_count, sizeof *dq);
        float *dk = new_array(k_count, sizeof *dk), *dv = new_array(k_count, sizeof *dv);
        ek_dropout dropout = ek_dropout_make(cases[i].probability, 8, 9, 10);
        ek_attention_forward(compute, out, b.width, probs, q, b.width, k, v, b.width, &b.shape,
                             &dropout);
        ek_attention_backward(compute, dq, dk, dv, dout, b.width, probs, q, b.width, k, v, b.width,
                              &b.shape, &dropout);

        struct double_attention a = {&b,
                                     &dropout,
                                     doubles(q, q_count),
                                     doubles(k, k_count),
                                     doubles(v, k_count),
                                     doubles(dout, q_count),
                                     doubles(out, q_count),
                                     doubles(probs, prob_count)};
        weighted_attention(&a);
        /* An error of a score (a dozen roundings of values up to 8) is a relative error of p.
         * Outputs are averages of values up to 4; gradients are sums of up to 18 x 32 such terms.
         * Roundings mostly cancel: 4e-7 and 5e-7 were measured; twice and five times that is
         * allowed. */
        const double of_probs = 32 * UNIT_ROUNDOFF, of_out = 1e-6, of_gradients = 2.5e-6;
        for (int64_t j = 0; j < prob_count; j++) {
            assert_near("probs", j, a.probs[j], (double)probs[j], of_probs * fabs(a.probs[j]));
        }
        for (int64_t j = 0; j < q_count; j++) {
            assert_near("out", j, a.out[j], (double)out[j], of_out);
        }
        a.out = NULL;
        a.probs = NULL;
        for (int64_t j = 0; j < q_count; j++) {
            assert_near("dq", j, central_difference(&a.q[j], weighted_attention, &a), (double)dq[j],
                        of_gradients);
        }
        for (int64_t j = 0; j < k_count; j++) {
            assert_near("dk", j, central_difference(&a.k[j], weighted_attention, &a), (double)dk[j],
                        of_gradients);
            assert_near("dv", j, central_difference(&a.v[j], weighted_attention, &a), (double)dv[j],
                        of_gradients);
        }
        free_arrays();
    }
    ek_compute_free(compute);
}

/* The rows of a query are the same bits whether the other queries are computed or not, and an
 * example's rows whether other examples stand beside it or not. */
static void rows_do_not_depend_on_company(void **state)
{
    (void)state;
    enum { HEADS = 2, SIZE = 20, WIDTH = HEADS * SIZE };
    static const int32_t lengths[EXAMPLES_MAX] = {21, 9, 33};
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    for (int variant = 0; variant < isa_count; variant++) {
        ek_compute *compute = open_variant(isas[variant], 1);
        struct source source = {21, PLAIN};
        struct batch all, first, alone;
        make_batch(&all, lengths, EXAMPLES_MAX, HEADS, SIZE, true);
        make_batch(&first, lengths, EXAMPLES_MAX, HEADS, SIZE, false);
        make_batch(&alone, lengths + 2, 1, HEADS, SIZE, true);
        alone.example_index[0] = all.example_index[2];
        ek_dropout dropout = ek_dropout_make(0.3, 1, 2, 3);
        const float *qkv = some_floats(&source, all.tokens * 3 * WIDTH);
        const int64_t ld = 3 * WIDTH;
        float *out = new_array(all.tokens * WIDTH, sizeof *out);
        float *probs = new_array((int64_t)all.prob_offsets[EXAMPLES_MAX], sizeof *probs);
        ek_attention_forward(compute, out, WIDTH, probs, qkv, ld, qkv + WIDTH, qkv + 2 * WIDTH, ld,
                             &all.shape, &dropout);

        float *q = new_array(EXAMPLES_MAX * WIDTH, sizeof *q), *other = new_array(33 * WIDTH, 4);
        for (int e = 0; e < EXAMPLES_MAX; e++) {
            memcpy(q + e * WIDTH, qkv + all.offsets[e] * ld, WIDTH * sizeof *q);
        }
        ek_attention_forward(compute, other, WIDTH, probs, q, WIDTH, qkv + WIDTH, qkv + 2 * WIDTH,
                             ld, &first.shape, &dropout);
        for (int e = 0; e < EXAMPLES_MAX; e++) {
            assert_same_floats("a query alone", out + all.offsets[e] * WIDTH, other + e * WIDTH,
                               WIDTH);
        }
        const float *third = qkv + all.offsets[2] * ld;
        ek_attention_forward(compute, other, WIDTH, probs, third, ld, third + WIDTH,
                             third + 2 * WIDTH, ld, &alone.shape, &dropout);
        assert_same_floats("an example alone", out + all.offsets[2] * WIDTH, other,
                           (int64_t)lengths[2] * WIDTH);
        free_arrays();
        ek_compute_free(compute);
    }
}

/* A NaN in a query reaches its row; one in a key reaches all rows of its example's head; no other
 * head or example. */
static void nan_stays_in_its_head(void **state)
{
    (void)state;
    enum { HEADS = 2, SIZE = 8, WIDTH = HEADS * SIZE };
    static const int32_t lengths[2] = {20, 19};
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    for (int variant = 0; variant < isa_count; variant++) {
        for (int bad = 0; bad < 3; bad++) { /* in q, k, v */
            ek_compute *compute = open_variant(isas[variant], 1);
            struct source source = {22, PLAIN};
            struct batch b;
            make_batch(&b, lengths, 2, HEADS, SIZE, true);
            ek_dropout none = ek_dropout_make(0, 1, 2, 3);
            float *x[3];
            for (int i = 0; i < 3; i++) {
                x[i] = some_floats(&source, b.tokens * WIDTH);
            }
            x[bad][3 * WIDTH + SIZE + 1] = NAN; /* token 3, head 1, column 1 */
            float *out = new_array(b.tokens * WIDTH, sizeof *out);
            float *probs = new_array((int64_t)b.prob_offsets[2], sizeof *probs);
            ek_attention_forward(compute, out, WIDTH, probs, x[0], WIDTH, x[1], x[2], WIDTH,
                                 &b.shape, &none);
            for (int64_t i = 0; i < b.tokens * WIDTH; i++) {
                int64_t token = i / WIDTH, column = i % WIDTH;
                bool reached = token < lengths[0] && column >= SIZE;
                if (bad == 0) {
                    reached = reached && token == 3;
                } else if (bad == 2) {
                    reached = reached && column == SIZE + 1;
                }
                assert_int_equal(isnan(out[i]) != 0, reached);
            }
            free_arrays();
            ek_compute_free(compute);
        }
    }
}

/* Longer than planned: asked for once, and earlier wishes stay fulfilled. */
static void length_is_reserved(void **state)
{
    (void)state;
    enum { LENGTH = 700, SIZE = 150 };
    ek_compute *compute = open_variant(EK_ISA_SCALAR, 1);
    ek_error err = {0};
    assert_int_equal(ek_compute_reserve_length(compute, LENGTH, 1, &err), EK_OK);
    assert_int_equal(ek_compute_reserve_length(compute, 2, SIZE, &err), EK_OK);
    const int32_t offsets[] = {0, LENGTH}, query_offsets[] = {0, 1};
    const uint32_t zero = 0;
    const size_t prob_offsets[] = {0, LENGTH};
    ek_attention_shape shape = {1, 1, SIZE, offsets, query_offsets, &zero, &zero, prob_offsets};
    ek_dropout none = ek_dropout_make(0, 1, 2, 3);
    float *k = new_array(LENGTH * SIZE, sizeof *k), *probs = new_array(LENGTH, sizeof *probs);
    float out[SIZE];
    for (int i = 0; i < LENGTH * SIZE; i++) {
        k[i] = 1;
    }
    ek_attention_forward(compute, out, SIZE, probs, k, SIZE, k, k, SIZE, &shape, &none);
    for (int i = 0; i < LENGTH; i++) {
        assert_near("probs", i, 1.0 / LENGTH, (double)probs[i], UNIT_ROUNDOFF / LENGTH);
    }
    free_arrays();
    ek_compute_free(compute);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_double),
        cmocka_unit_test(rows_do_not_depend_on_company),
        cmocka_unit_test(nan_stays_in_its_head),
        cmocka_unit_test(length_is_reserved),
    };
    return cmocka_run_group_tests_name("kernel_attention", tests, NULL, NULL);
}
