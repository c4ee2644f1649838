/* The bits of every operation: the same for each instruction set, each number of threads and each
 * compiler.
 *
 * A case builds its inputs from a seed, runs operations and puts their outputs on a tape. The tapes
 * of all variants must equal that of plain C with one thread, and its hash must equal the line in
 * tests/golden/kernel_hash.txt. A change that is meant to change bits replaces the line by the one
 * printed here, and says why in docs/numerics.md.
 */
#include "kernel_util.h"

#include <dirent.h>

#include "base/sha256.h"

/* ---- tapes ---- */

struct tape {
    uint32_t *words;
    size_t count, capacity;
};

static void put_word(struct tape *tape, uint32_t word)
{
    if (tape->count == tape->capacity) {
        tape->capacity = tape->capacity ? 2 * tape->capacity : 65536;
        tape->words = realloc(tape->words, tape->capacity * sizeof *tape->words);
        assert_non_null(tape->words);
    }
    tape->words[tape->count++] = word;
}

static void put(struct tape *tape, const float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        put_word(tape, canonical(values[i]));
    }
}

/* ---- cases ---- */

typedef void case_function(ek_compute *compute, struct source *source, struct tape *tape);

/* Now and then large enough to be split over threads, otherwise full of tails. */
static int64_t some_rows_count(struct source *source)
{
    return below(source, 3) == 0 ? between(source, 60, 90) : between(source, 1, 9);
}

static int64_t some_width(struct source *source)
{
    return below(source, 3) == 0 ? between(source, 290, 400) : between(source, 1, 70);
}

static void product_case(ek_compute *compute, struct source *source, struct tape *tape,
                         ek_precision precision)
{
    bool large = below(source, 4) == 0;
    ek_gemm_args args = {.precision = precision};
    /* filled by statements: the order of draws must be fixed */
    args.m = large ? between(source, 80, 120) : between(source, 1, 40);
    args.n = large ? between(source, 60, 140) : between(source, 1, 70);
    args.k = large ? between(source, 300, 420) : between(source, 1, 50);
    args.trans_a = below(source, 2);
    args.trans_b = below(source, 2);
    args.accumulate = below(source, 2);
    args.lda = (args.trans_a ? args.m : args.k) + below(source, 3);
    args.ldb = (args.trans_b ? args.k : args.n) + below(source, 3);
    args.ldc = args.n + below(source, 3);
    args.a = some_floats(source, (args.trans_a ? args.k : args.m) * args.lda);
    args.b = some_floats(source, (args.trans_b ? args.n : args.k) * args.ldb);
    args.c = some_floats(source, args.m * args.ldc);
    args.bias = below(source, 2) ? some_floats(source, args.n) : NULL;
    ek_gemm(compute, &args);
    put(tape, args.c, args.m * args.ldc);
}

static void gemm_case(ek_compute *compute, struct source *source, struct tape *tape)
{
    product_case(compute, source, tape, EK_PRECISION_FP32);
}

static void gemm_bf16_case(ek_compute *compute, struct source *source, struct tape *tape)
{
    product_case(compute, source, tape, EK_PRECISION_BF16);
}

static void bias_case(ek_compute *compute, struct source *source, struct tape *tape)
{
    int64_t rows = some_rows_count(source), width = some_width(source);
    float *dbias = some_floats(source, width);
    ek_bias_backward(compute, dbias, some_floats(source, rows * width), rows, width);
    put(tape, dbias, width);
}

static ek_dropout some_dropout(struct source *source)
{
    double probability = below(source, 3) == 0 ? 0 : (double)below(source, 900) / 1000;
    uint32_t seed = next_u32(source), step = next_u32(source), site = next_u32(source);
    return ek_dropout_make(probability, seed, step, site);
}

static void dropout_case(ek_compute *compute, struct source *source, struct tape *tape)
{
    int64_t count = some_rows_count(source), width = some_width(source);
    if (below(source, 8) == 0) {
        width += 1000; /* more than one fill of random bits */
    }
    ek_dropout dropout = some_dropout(source);
    ek_rows rows = some_rows(source, count);
    float *x = some_floats(source, count * width);
    ek_dropout_apply(compute, x, x, &dropout, &rows, width);
    put(tape, x, count * width);
}

static void layernorm_case(ek_compute *compute, struct source *source, struct tape *tape)
{
    int64_t count = some_rows_count(source), width = some_width(source);
    int64_t all = count * width;
    ek_dropout dropout = some_dropout(source);
    ek_rows rows = some_rows(source, count);
    const float *x = some_floats(source, all);
    const float *residual = below(source, 4) ? some_floats(source, all) : NULL;
    const float *gamma = some_floats(source, width), *beta = some_floats(source, width);
    float *y = new_array(all, sizeof *y), *z = new_array(all, sizeof *z);
    float *mean = new_array(count, sizeof *mean), *rstd = new_array(count, sizeof *rstd);
    ek_residual_layernorm_forward(compute, y, z, mean, rstd, x, residual, &dropout, &rows, gamma,
                                  beta, width, 1e-12f);
    put(tape, y, all);
    put(tape, z, all);
    put(tape, mean, count);
    put(tape, rstd, count);
    float *dy = some_floats(source, all);
    float *dgamma = some_floats(source, width), *dbeta = some_floats(source, width);
    ek_layernorm_backward(compute, dy, dgamma, dbeta, dy, z, mean, rstd, gamma, count, width);
    put(tape, dy, all);
    put(tape, dgamma, width);
    put(tape, dbeta, width);
}

static void activation_case(ek_compute *compute, struct source *source, struct tape *tape)
{
    int64_t count = below(source, 3) == 0 ? between(source, 16384, 20000) : between(source, 1, 100);
    const float *x = some_floats(source, count), *dy = some_floats(source, count);
    float *y = new_array(count, sizeof *y), *dbias = new_array(count, sizeof *dbias);
    for (int a = 0; a < EK_ACTIVATION_COUNT; a++) {
        ek_activation_forward(compute, y, x, count, (ek_activation)a);
        put(tape, y, count);
        ek_activation_backward(compute, y, dbias, dy, x, 1, count, (ek_activation)a);
        put(tape, y, count);
    }
}

/* Backward with the bias before the activation or the normalisation. */
static void backward_case(ek_compute *compute, struct source *source, struct tape *tape)
{
    int64_t count = some_rows_count(source), width = some_width(source);
    int64_t all = count * width;
    ek_dropout dropout = some_dropout(source);
    ek_rows rows = some_rows(source, count);
    const float *z = some_floats(source, all), *gamma = some_floats(source, width);
    const float *mean = some_floats(source, count), *rstd = some_floats(source, count);
    float *d = some_floats(source, all), *dx = new_array(all, sizeof *dx);
    float *dgamma = some_floats(source, width), *dbeta = some_floats(source, width);
    float *dbias = some_floats(source, width);
    ek_residual_layernorm_backward(compute, d, dx, dgamma, dbeta, dbias, d, z, mean, rstd, &dropout,
                                   &rows, gamma, width);
    put(tape, d, all);
    put(tape, dx, all);
    put(tape, dgamma, width);
    put(tape, dbeta, width);
    put(tape, dbias, width);
    for (int a = 0; a < EK_ACTIVATION_COUNT; a++) {
        ek_activation_backward(compute, dx, dbias, d, z, count, width, (ek_activation)a);
        put(tape, dx, all);
        put(tape, dbias, width);
    }
}

static void attention_case(ek_compute *compute, struct source *source, struct tape *tape)
{
    enum { EXAMPLES_MAX = 4 };
    static const int32_t sizes[] = {1, 5, 16, 32, 40, 64, 80};
    int32_t offsets[EXAMPLES_MAX + 1] = {0}, query_offsets[EXAMPLES_MAX + 1] = {0};
    uint32_t example_index[EXAMPLES_MAX];
    size_t prob_offsets[EXAMPLES_MAX + 1] = {0};
    ek_attention_shape shape = {
        .offsets = offsets,
        .query_offsets = query_offsets,
        .example_index = example_index,
        .prob_offsets = prob_offsets,
    };
    shape.example_count = (int32_t)between(source, 1, EXAMPLES_MAX);
    shape.head_count = (int32_t)between(source, 1, 3);
    shape.head_size = sizes[below(source, sizeof sizes / sizeof *sizes)];
    uint32_t *positions = new_array(EXAMPLES_MAX * 70, sizeof *positions);
    bool all = below(source, 2);
    for (int32_t e = 0; e < shape.example_count; e++) {
        int32_t length =
            (int32_t)(below(source, 4) ? between(source, 1, 20) : between(source, 30, 70));
        int32_t queries = 0;
        for (int32_t i = 0; i < length; i++) {
            if (all || i == 0 || below(source, 3) == 0) {
                positions[query_offsets[e] + queries++] = (uint32_t)i;
            }
        }
        offsets[e + 1] = offsets[e] + length;
        query_offsets[e + 1] = query_offsets[e] + queries;
        prob_offsets[e + 1] =
            prob_offsets[e] + (size_t)shape.head_count * (size_t)queries * (size_t)length;
        example_index[e] = next_u32(source);
    }
    shape.query_position = positions;
    int64_t width = (int64_t)shape.head_count * shape.head_size, ld = width + below(source, 3);
    int64_t tokens = offsets[shape.example_count], queries = query_offsets[shape.example_count];
    int64_t prob_count = (int64_t)prob_offsets[shape.example_count];
    const float *q = some_floats(source, queries * ld), *k = some_floats(source, tokens * ld);
    const float *v = some_floats(source, tokens * ld), *dout = some_floats(source, queries * ld);
    float *out = new_array(queries * ld, sizeof *out), *dq = new_array(queries * ld, sizeof *dq);
    float *dk = new_array(tokens * ld, sizeof *dk), *dv = new_array(tokens * ld, sizeof *dv);
    float *probs = new_array(prob_count, sizeof *probs);
    float *magnitudes = new_array(prob_count, sizeof *magnitudes);
    ek_dropout dropout = some_dropout(source);
    ek_attention_forward(compute, out, ld, probs, q, ld, k, v, ld, &shape, &dropout);
    put(tape, out, queries * ld);
    for (int64_t i = 0; i < prob_count; i++) {
        magnitudes[i] = fabsf(probs[i]); /* a sign says what was dropped; the gradients see it */
    }
    put(tape, magnitudes, prob_count);
    ek_attention_backward(compute, dq, dk, dv, dout, ld, probs, q, ld, k, v, ld, &shape, &dropout);
    put(tape, dq, queries * ld);
    put(tape, dk, tokens * ld);
    put(tape, dv, tokens * ld);
}

static void embedding_case(ek_compute *compute, struct source *source, struct tape *tape)
{
    enum { IDS = 12 };
    int64_t tokens = some_rows_count(source), width = some_width(source);
    const float *word = some_floats(source, IDS * width);
    const float *type = below(source, 3) ? some_floats(source, IDS * width) : NULL;
    const float *position = some_floats(source, IDS * width);
    int32_t *ids[3], *sorted = new_array(tokens, sizeof *sorted);
    for (int i = 0; i < 3; i++) {
        ids[i] = new_array(tokens, sizeof **ids);
        for (int64_t t = 0; t < tokens; t++) {
            ids[i][t] = (int32_t)below(source, IDS);
        }
    }
    int64_t count = 0;
    for (int32_t id = 0; id < IDS; id++) {
        for (int64_t t = 0; t < tokens; t++) {
            if (ids[0][t] == id) {
                sorted[count++] = (int32_t)t;
            }
        }
    }
    float *z = new_array(tokens * width, sizeof *z);
    ek_embedding_forward(compute, z, word, type, position, ids[0], ids[1], ids[2], tokens, width);
    put(tape, z, tokens * width);
    float *dtable = some_floats(source, IDS * width);
    int32_t skip_id = (int32_t)between(source, -1, IDS - 1);
    ek_embedding_backward(compute, dtable, z, ids[0], sorted, tokens, width, skip_id);
    put(tape, dtable, IDS * width);
    ek_rows_scatter_add(compute, dtable, z, (const int32_t[]){3}, 1, width);
    ek_rows_gather(compute, z, dtable, (const int32_t[]){3}, 1, width);
    put(tape, z, width);
}

static void loss_case(ek_compute *compute, struct source *source, struct tape *tape)
{
    int64_t rows = some_rows_count(source);
    int64_t classes = below(source, 2) ? between(source, 1, 5) : some_width(source);
    float *logits = some_floats(source, rows * classes);
    float *loss = new_array(rows, sizeof *loss);
    float *d = new_array(rows * classes, sizeof *d);
    int32_t *labels = new_array(rows, sizeof *labels);
    for (int64_t r = 0; r < rows; r++) {
        labels[r] = (int32_t)below(source, classes);
    }
    ek_softmax_forward(compute, d, logits, rows, classes);
    put(tape, d, rows * classes);
    ek_cross_entropy(compute, loss, d, logits, labels, rows, classes, (float)rows);
    put(tape, d, rows * classes);
    put(tape, loss, rows);
    ek_squared_error(compute, loss, d, logits, some_floats(source, rows), rows, (float)rows);
    put(tape, d, rows);
    put(tape, loss, rows);
}

static void arrays_case(ek_compute *compute, struct source *source, struct tape *tape)
{
    int64_t count =
        below(source, 3) == 0 ? between(source, 30000, 50000) : between(source, 1, 5000);
    float *x = some_floats(source, count), *y = some_floats(source, count);
    double sum = ek_sum_squares(compute, x, count);
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    bits = isnan(sum) ? 0x7FF8000000000000u : bits;
    put_word(tape, (uint32_t)bits);
    put_word(tape, (uint32_t)(bits >> 32));
    ek_add(compute, y, x, count);
    put(tape, y, count);
    ek_zero(compute, y, count / 2);
    put(tape, y, count);
}

static void adamw_case(ek_compute *compute, struct source *source, struct tape *tape)
{
    int64_t count = below(source, 3) == 0 ? between(source, 16384, 20000) : between(source, 1, 100);
    float *w = some_floats(source, count), *m = some_floats(source, count);
    float *v = some_floats(source, count), *g = some_floats(source, count);
    for (int64_t i = 0; i < count; i++) {
        v[i] = fabsf(v[i]);
    }
    ek_adamw_constants constants = {
        .beta1 = 0.9f,
        .one_minus_beta1 = 0.1f,
        .beta2 = 0.999f,
        .one_minus_beta2 = 0.001f,
        .eps = 1e-8f,
        .step_size = 2e-5f,
        .sqrt_bc2 = 0.75f,
    };
    constants.variant = below(source, 2) ? EK_ADAMW_TORCH : EK_ADAMW_MOSBACH;
    constants.clip = below(source, 2) ? 0.25f : 1.0f;
    constants.decay = below(source, 2) ? 2e-7f : 0.0f;
    ek_adamw_update(compute, w, m, v, g, count, &constants);
    put(tape, w, count);
    put(tape, m, count);
    put(tape, v, count);
}

/* The four functions of kernel.h are plain C; inside arrays they are compared by the activations,
 * the softmax and the cross-entropy. */
static void elementary_case(ek_compute *compute, struct source *source, struct tape *tape)
{
    (void)compute;
    for (int i = 0; i < 200; i++) {
        float x = source->kind == PLAIN ? 32 * next_float(source) : next_float(source);
        float y[4] = {ek_expf(x), ek_logf(x), ek_erff(x), ek_tanhf(x)};
        put(tape, y, 4);
    }
}

static const struct kernel_case {
    const char *name;
    case_function *function;
    int repeats; /* of each kind of input */
} cases[] = {
    {"gemm", gemm_case, 24},           {"gemm_bf16", gemm_bf16_case, 24},
    {"bias_backward", bias_case, 12},  {"dropout", dropout_case, 12},
    {"layernorm", layernorm_case, 12}, {"activation", activation_case, 6},
    {"attention", attention_case, 12}, {"embedding", embedding_case, 12},
    {"loss", loss_case, 12},           {"arrays", arrays_case, 6},
    {"adamw", adamw_case, 10},         {"elementary", elementary_case, 2},
    {"backward", backward_case, 12},
};
enum { CASE_COUNT = sizeof cases / sizeof *cases };

static struct tape record(const struct kernel_case *kernel_case, ek_compute *compute)
{
    struct tape tape = {0};
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        for (int i = 0; i < kernel_case->repeats; i++) {
            struct source source = {(uint64_t)(1000 * i + 7), (enum kind)kind};
            put_word(&tape, (uint32_t)(1000 * kind + i)); /* names the place of a difference */
            kernel_case->function(compute, &source, &tape);
            free_arrays();
        }
    }
    return tape;
}

/* ---- tests ---- */

static struct tape expected[CASE_COUNT]; /* plain C, one thread */

/* Threads of this process; -1 where the system does not tell. */
static int thread_count(void)
{
    DIR *folder = opendir("/proc/self/task");
    int count = 0;
    if (!folder) {
        return -1;
    }
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        count += entry->d_name[0] != '.';
    }
    closedir(folder);
    return count;
}

static int threads_at_start, threads_after_one;

static int record_expected(void **state)
{
    (void)state;
    threads_at_start = thread_count();
    ek_compute *compute = open_variant(EK_ISA_SCALAR, 1);
    for (int i = 0; i < CASE_COUNT; i++) {
        expected[i] = record(&cases[i], compute);
    }
    ek_compute_free(compute);
    threads_after_one = thread_count();
    return 0;
}

static int forget_expected(void **state)
{
    (void)state;
    for (int i = 0; i < CASE_COUNT; i++) {
        free(expected[i].words);
    }
    return 0;
}

/* One thread must not enter OpenMP: worker processes are forked. The other variants, run before
 * this test, did enter it. An emulator may have a thread of its own from the start. */
static void one_thread_stays_alone(void **state)
{
    (void)state;
    if (threads_after_one < 0) {
        print_message("no /proc/self/task here\n");
        return;
    }
    assert_int_equal(threads_after_one, threads_at_start);
    assert_true(thread_count() > threads_after_one);
}

static void variants_have_the_same_bits(void **state)
{
    (void)state;
    ek_isa isas[EK_ISA_COUNT];
    int isa_count = available_isas(isas);
    const char *wish = getenv("EK_HASH_THREADS"); /* fewer where an emulator makes it slow */
    int most = wish ? atoi(wish) : 4;
    assert_true(most > 1);
    for (int v = 0; v < isa_count; v++) {
        for (int threads = 1; threads <= most; threads++) {
            ek_compute *compute = open_variant(isas[v], threads);
            for (int i = 0; i < CASE_COUNT; i++) {
                struct tape found = record(&cases[i], compute);
                assert_int_equal(found.count, expected[i].count);
                for (size_t j = 0; j < found.count; j++) {
                    if (found.words[j] != expected[i].words[j]) {
                        fail_msg("%s, %s, %d threads: word %zu is %08x, plain C has %08x",
                                 cases[i].name, ek_isa_name(isas[v]), threads, j, found.words[j],
                                 expected[i].words[j]);
                    }
                }
                free(found.words);
            }
            ek_compute_free(compute);
        }
    }
}

/* Looks `name` up in the golden file: its hash, or false. */
static bool golden_hash(const char *name, char hash[65])
{
    FILE *file = fopen(EK_TEST_DIR "/golden/kernel_hash.txt", "r");
    char line[256], found[65];
    bool known = false;
    assert_non_null(file);
    while (!known && fgets(line, sizeof line, file)) {
        char word[64];
        known = line[0] != '#' && sscanf(line, "%63s %64s", word, found) == 2 &&
                strcmp(word, name) == 0;
    }
    fclose(file);
    strcpy(hash, known ? found : "none");
    return known;
}

static void hashes_are_the_committed_ones(void **state)
{
    (void)state;
    int differences = 0;
    for (int i = 0; i < CASE_COUNT; i++) {
        ek_sha256 hash;
        char hex[65], golden[65];
        ek_sha256_init(&hash);
        for (size_t j = 0; j < expected[i].count; j++) { /* the same on any byte order */
            uint32_t word = expected[i].words[j];
            unsigned char bytes[4] = {(unsigned char)word, (unsigned char)(word >> 8),
                                      (unsigned char)(word >> 16), (unsigned char)(word >> 24)};
            ek_sha256_update(&hash, bytes, 4);
        }
        ek_sha256_hex(&hash, hex);
        printf("%s %s\n", cases[i].name, hex);
        golden_hash(cases[i].name, golden);
        if (strcmp(hex, golden) != 0) {
            print_error("%s: the committed hash is %s\n", cases[i].name, golden);
            differences++;
        }
    }
    assert_int_equal(differences, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variants_have_the_same_bits),
        cmocka_unit_test(one_thread_stays_alone),
        cmocka_unit_test(hashes_are_the_committed_ones),
    };
    return cmocka_run_group_tests_name("kernel_hash", tests, record_expected, forget_expected);
}
