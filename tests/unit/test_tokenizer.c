/* The tokenizer as its users see it: golden ids, truncation, errors, threads, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "golden_lines.h"
#include "temp_folder.h"
#include "text/tokenizer.h"
#include "../fuzz/fuzz_encode.c"
#include "replay_corpus.h"

#define TOKENS EK_TEST_DIR "/golden/tokens/"

static ek_tokenizer *open_tokenizer(const char *dir)
{
    ek_tokenizer *tokenizer = NULL;
    ek_error err = {0};
    if (ek_tokenizer_open(&tokenizer, dir, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    return tokenizer;
}

static void encode(const ek_tokenizer *tokenizer, const ek_encode_options *options,
                   const char *text, size_t length, const char *pair, size_t pair_length,
                   ek_encoding *out)
{
    ek_error err = {0};
    if (ek_tokenizer_encode(tokenizer, options, text, length, pair, pair_length, out, &err) !=
        EK_OK) {
        fail_msg("%s", err.message);
    }
}

/* One line of the golden file: the text, the options, and what must come out. */
typedef struct {
    ek_encode_options options;
    ek_buf text, pair;
    bool has_pair;
} golden_case;

static void read_case(golden_case *out)
{
    out->options = ek_encode_default_options((int)golden_number());
    const char *rule = golden_field();
    assert_non_null(rule);
    out->options.truncation = *rule == 's' ? EK_TRUNCATION_SLOW : EK_TRUNCATION_FAST;
    out->options.special_in_text = golden_number() != 0;
    assert_true(golden_text(&out->text));
    out->has_pair = golden_text(&out->pair);
}

static void encode_case(const ek_tokenizer *tokenizer, const golden_case *from, ek_encoding *out)
{
    encode(tokenizer, &from->options, ek_buf_text(&from->text), from->text.length,
           from->has_pair ? ek_buf_text(&from->pair) : NULL, from->pair.length, out);
}

static void release_case(golden_case *from)
{
    ek_buf_deinit(&from->text);
    ek_buf_deinit(&from->pair);
}

static void golden_ids(void **state)
{
    (void)state;
    ek_tokenizer *tokenizer = NULL;
    ek_encoding out = {0};
    golden_case one = {0};
    int cases = 0, tokenizers = 0;
    golden_open();
    for (const char *kind = golden_next_line(); kind != NULL; kind = golden_next_line()) {
        if (strcmp(kind, "tokenizer") == 0) {
            char dir[512];
            ek_tokenizer_close(tokenizer);
            snprintf(dir, sizeof dir, TOKENS "%s", golden_field());
            tokenizer = open_tokenizer(dir);
            tokenizers++;
            continue;
        }
        if (strcmp(kind, "case") != 0) {
            continue;
        }
        read_case(&one);
        encode_case(tokenizer, &one, &out);
        cases++;
        assert_string_equal(golden_field(), ":");
        size_t unknown = 0;
        for (size_t i = 0; i < out.count; i++) {
            long expected = golden_number();
            if (out.input_ids[i] != expected) {
                fail_msg("case %d, token %zu: %d instead of %ld", cases, i, (int)out.input_ids[i],
                         expected);
            }
            const char *token = ek_tokenizer_token(tokenizer, out.input_ids[i]);
            assert_non_null(token);
            assert_int_equal(ek_tokenizer_id(tokenizer, token), out.input_ids[i]);
            unknown += strcmp(token, "[UNK]") == 0;
        }
        assert_string_equal(golden_field(), ":");
        assert_int_equal(out.unknown_count, unknown);
        const char *types = golden_field();
        assert_int_equal(strlen(types == NULL ? "" : types), out.count);
        for (size_t i = 0; i < out.count; i++) {
            assert_int_equal(out.token_type_ids[i], types[i] - '0');
        }
        if (one.options.max_seq_length == 0) {
            assert_int_equal(out.full_count, out.count);
        } else {
            assert_true(out.count <= (size_t)one.options.max_seq_length);
            size_t cut = out.count;
            one.options.max_seq_length = 0;
            size_t full = out.full_count;
            encode_case(tokenizer, &one, &out);
            assert_int_equal(full, out.count);
            assert_true(cut <= full);
        }
    }
    ek_tokenizer_close(tokenizer);
    ek_encoding_deinit(&out);
    release_case(&one);
    golden_close();
    assert_true(cases > 1000);
    assert_int_equal(tokenizers, 6);
}

/* Adds a count and its ids, little-endian, to a hash. */
static void hash_ids(ek_sha256 *hash, const ek_encoding *encoding)
{
    for (size_t i = 0; i <= encoding->count; i++) {
        uint32_t value = i == 0 ? (uint32_t)encoding->count : (uint32_t)encoding->input_ids[i - 1];
        unsigned char bytes[4] = {value & 255, value >> 8 & 255, value >> 16 & 255, value >> 24};
        ek_sha256_update(hash, bytes, sizeof bytes);
    }
}

static void hash_of_cases(const ek_tokenizer *tokenizer, int max, char hex[65])
{
    ek_encoding out = {0};
    golden_case one = {0};
    ek_sha256 hash;
    ek_sha256_init(&hash);
    FILE *outer = golden_file; /* the walk under way goes on afterwards */
    char *outer_line = golden_line;
    size_t outer_size = golden_line_size;
    golden_line = NULL;
    golden_line_size = 0;
    golden_open();
    while (golden_next("case")) {
        read_case(&one);
        one.options = ek_encode_default_options(max);
        encode_case(tokenizer, &one, &out);
        hash_ids(&hash, &out);
    }
    golden_close();
    golden_file = outer;
    golden_line = outer_line;
    golden_line_size = outer_size;
    ek_encoding_deinit(&out);
    release_case(&one);
    ek_sha256_hex(&hash, hex);
}

static void real_models(void **state)
{
    (void)state;
    const char *models = getenv("EK_MODELS");
    if (models == NULL) {
        skip();
    }
    int count = 0;
    golden_open();
    while (golden_next("model")) {
        char name[32], expected[65], dir[512], hex[65];
        snprintf(name, sizeof name, "%s", golden_field());
        int max = (int)golden_number();
        snprintf(expected, sizeof expected, "%s", golden_field());
        snprintf(dir, sizeof dir, "%s/%s", models, name);
        ek_tokenizer *tokenizer = open_tokenizer(dir);
        hash_of_cases(tokenizer, max, hex);
        assert_string_equal(hex, expected);
        ek_tokenizer_close(tokenizer);
        count++;
    }
    golden_close();
    assert_int_equal(count, 4);
}

static void answers(void **state)
{
    (void)state;
    ek_tokenizer *tokenizer = open_tokenizer(TOKENS "uncased");
    assert_true(ek_tokenizer_lowercases(tokenizer));
    assert_int_equal(ek_tokenizer_id(tokenizer, "[PAD]"), 0);
    assert_int_equal(ek_tokenizer_id(tokenizer, "no such token"), -1);
    assert_int_equal(ek_tokenizer_id(tokenizer, ""), -1);
    assert_string_equal(ek_tokenizer_token(tokenizer, 0), "[PAD]");
    assert_null(ek_tokenizer_token(tokenizer, -1));
    size_t size = ek_tokenizer_vocab_size(tokenizer);
    assert_non_null(ek_tokenizer_token(tokenizer, (int32_t)size - 1));
    assert_null(ek_tokenizer_token(tokenizer, (int32_t)size));
    ek_tokenizer_close(tokenizer);

    tokenizer = open_tokenizer(TOKENS "added"); /* tokens behind the vocabulary */
    size = ek_tokenizer_vocab_size(tokenizer);
    assert_int_equal(ek_tokenizer_id(tokenizer, ek_tokenizer_token(tokenizer, (int32_t)size - 1)),
                     size - 1);
    ek_tokenizer_close(tokenizer);

    tokenizer = open_tokenizer(TOKENS "plain_cased");
    assert_false(ek_tokenizer_lowercases(tokenizer));
    ek_tokenizer_close(tokenizer);
    ek_tokenizer_close(NULL);
}

static void refused_calls(void **state)
{
    (void)state;
    ek_tokenizer *tokenizer = open_tokenizer(TOKENS "uncased");
    ek_encoding out = {0};
    ek_error err = {0};
    ek_encode_options options = ek_encode_default_options(0);
    assert_int_equal(ek_tokenizer_encode(tokenizer, &options, "ab\xC3(", 4, NULL, 0, &out, &err),
                     EK_E_DATA);
    assert_non_null(strstr(err.message, "byte 2"));
    assert_int_equal(ek_tokenizer_encode(tokenizer, &options, "a", 1, "\xFF", 1, &out, &err),
                     EK_E_DATA);
    assert_non_null(strstr(err.message, "second text"));
    assert_int_equal(out.count, 0);
    options.max_seq_length = 2;
    assert_int_equal(ek_tokenizer_encode(tokenizer, &options, "a", 1, "a", 1, &out, &err),
                     EK_E_USAGE);
    encode(tokenizer, &options, "a", 1, NULL, 0, &out);
    assert_int_equal(out.count, 2);
    assert_int_equal(out.full_count, 3);
    options.max_seq_length = -1;
    assert_int_equal(ek_tokenizer_encode(tokenizer, &options, "a", 1, NULL, 0, &out, &err),
                     EK_E_USAGE);
    ek_encoding_deinit(&out);
    ek_tokenizer_close(tokenizer);

    assert_int_equal(ek_tokenizer_open(&tokenizer, temp_folder, &err), EK_E_MODEL);
    assert_non_null(strstr(err.message, "neither tokenizer.json nor vocab.txt"));
}

static void copied_files(void **state)
{
    (void)state;
    ek_error err = {0};
    const char *to = temp_path("copy");
    assert_int_equal(ek_make_dirs(to, &err), EK_OK);
    assert_int_equal(ek_tokenizer_copy_files(TOKENS "plain_cased", to, &err), EK_OK);
    assert_true(ek_file_exists(temp_path("copy/vocab.txt")));
    assert_true(ek_file_exists(temp_path("copy/tokenizer_config.json")));
    assert_false(ek_file_exists(temp_path("copy/tokenizer.json")));
    ek_tokenizer *tokenizer = open_tokenizer(to);
    assert_false(ek_tokenizer_lowercases(tokenizer));
    ek_tokenizer_close(tokenizer);
    /* tokenizer.json wins over vocab.txt */
    assert_int_equal(ek_tokenizer_copy_files(TOKENS "uncased", to, &err), EK_OK);
    tokenizer = open_tokenizer(to);
    assert_true(ek_tokenizer_lowercases(tokenizer));
    ek_tokenizer_close(tokenizer);
    assert_int_not_equal(ek_tokenizer_copy_files(TOKENS "uncased", "/nonexistent/evenkeel", &err),
                         EK_OK);
}

static void keep_message(void *user, ek_log_level level, const char *message)
{
    if (level == EK_LOG_WARN) {
        ek_buf_puts(user, message);
    }
}

/* tokenizer.json is used, and a configuration that says something else is reported. */
static void configuration_beside(void **state)
{
    (void)state;
    static const struct {
        const char *config, *want;
    } rows[] = {
        {"{\"do_lower_case\": true, \"strip_accents\": null}", ""},
        {"{\"do_lower_case\": false}", "\"do_lower_case\" is false, but tokenizer.json"},
        {"{\"strip_accents\": false}", "\"strip_accents\" is false"},
        {"{", "it is not used"},
    };
    ek_buf messages = {0};
    char dir[256];
    snprintf(dir, sizeof dir, "%s", temp_path("beside"));
    assert_int_equal(ek_make_dirs(dir, NULL), EK_OK);
    assert_int_equal(ek_tokenizer_copy_files(TOKENS "uncased", dir, NULL), EK_OK);
    ek_log_set_sink(keep_message, &messages);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ek_buf_clear(&messages);
        assert_int_equal(ek_file_write(temp_path("beside/tokenizer_config.json"), rows[i].config,
                                       strlen(rows[i].config), NULL),
                         EK_OK);
        ek_tokenizer *tokenizer = open_tokenizer(dir);
        assert_true(ek_tokenizer_lowercases(tokenizer));
        ek_tokenizer_close(tokenizer);
        assert_non_null(strstr(ek_buf_text(&messages), rows[i].want));
        assert_true((messages.length == 0) == (*rows[i].want == '\0'));
    }
    ek_log_set_sink(NULL, NULL);
    ek_buf_deinit(&messages);
}

/* Whatever allocation fails, the error says so and nothing leaks (under ASan). */
static void without_memory(void **state)
{
    const char *dir = *state;
    ek_error err = {0};
    long failures = 0;
    for (long n = 1;; n += n < 40 ? 1 : 97) { /* jansson allocates for each token: not every one */
        ek_tokenizer *tokenizer = NULL;
        ek_mem_fail_after(n);
        ek_status status = ek_tokenizer_open(&tokenizer, dir, &err);
        ek_mem_fail_after(0);
        ek_tokenizer_close(tokenizer);
        if (status == EK_OK) {
            break;
        }
        assert_int_equal(status, EK_E_MEMORY);
        failures++;
    }
    assert_true(failures > 5);
    ek_tokenizer *tokenizer = open_tokenizer(dir);
    ek_encode_options options = ek_encode_default_options(0);
    failures = 0;
    for (long n = 1;; n++) {
        ek_encoding out = {0};
        ek_mem_fail_after(n);
        ek_status status =
            ek_tokenizer_encode(tokenizer, &options, "a [SEP] b", 9, "c", 1, &out, &err);
        ek_mem_fail_after(0);
        ek_encoding_deinit(&out);
        if (status == EK_OK) {
            break;
        }
        assert_int_equal(status, EK_E_MEMORY);
        failures++;
    }
    assert_int_equal(failures, 5); /* scratch, ids, normalised text, input_ids, token_type_ids */
    ek_tokenizer_close(tokenizer);
}

static void *hash_in_thread(void *tokenizer)
{
    static const char text[] = "The seeds failed: caf\xC3\xA9, [MASK] \xE4\xB8\xAD\xE6\x96\x87";
    char *hex = malloc(65);
    ek_encoding out = {0};
    ek_sha256 hash;
    ek_sha256_init(&hash);
    for (size_t i = 0; i < 2000; i++) {
        ek_encode_options options = ek_encode_default_options(i % 3 == 0 ? 8 : 0);
        size_t length = i % 20; /* cuts no character: those begin at byte 20 */
        if (ek_tokenizer_encode(tokenizer, &options, text, length, text, sizeof text - 1, &out,
                                NULL) != EK_OK) {
            break;
        }
        hash_ids(&hash, &out);
    }
    ek_encoding_deinit(&out);
    ek_sha256_hex(&hash, hex);
    return hex;
}

static void threads_agree(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    ek_tokenizer *tokenizer = open_tokenizer(TOKENS "added");
    char *alone = hash_in_thread(tokenizer);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hash_in_thread, tokenizer), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *hex = NULL;
        pthread_join(threads[i], &hex);
        assert_string_equal(hex, alone);
        free(hex);
    }
    free(alone);
    ek_tokenizer_close(tokenizer);
}

static void corpus(void **state)
{
    (void)state;
    assert_true(replay_corpus(EK_TEST_DIR "/fuzz/corpus/encode") >= 9);
}

int main(void)
{
    static char added[] = TOKENS "added", plain[] = TOKENS "plain_cased";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_ids),
        cmocka_unit_test(real_models),
        cmocka_unit_test(answers),
        cmocka_unit_test(refused_calls),
        cmocka_unit_test(copied_files),
        cmocka_unit_test(configuration_beside),
        cmocka_unit_test_prestate(without_memory, added),
        cmocka_unit_test_prestate(without_memory, plain),
        cmocka_unit_test(threads_agree),
        cmocka_unit_test(corpus),
    };
    return cmocka_run_group_tests(tests, temp_folder_make, temp_folder_remove);
}
