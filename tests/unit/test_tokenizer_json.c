/* tokenizer.json: what is read and what is refused, by changing one thing in a good file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "temp_folder.h"
#include "text/tokenizer.h"
#include "../fuzz/fuzz_tokenizer_json.c"
#include "replay_corpus.h"

/* A small file; each piece of it occurs once, so that it can be replaced. */
static const char good[] =
    "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":["
    "{\"id\":0,\"content\":\"[UNK]\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
    "\"normalized\":false,\"special\":true},"
    "{\"id\":6,\"content\":\"new\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
    "\"normalized\":true,\"special\":false}],"
    "\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,"
    "\"handle_chinese_chars\":true,\"strip_accents\":null,\"lowercase\":true},"
    "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
    "{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}]"
    ","
    "\"pair\":[{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
    "{\"Sequence\":{\"id\":\"B\",\"type_id\":1}},{\"SpecialToken\":{\"id\":\"</"
    "s>\",\"type_id\":1}}],"
    "\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[1,2],\"tokens\":[\"[CLS]\",\"[SEP]\"]},"
    "\"</s>\":{\"id\":\"</s>\",\"ids\":[2],\"tokens\":[\"[SEP]\"]}}},"
    "\"decoder\":null,\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\","
    "\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,"
    "\"vocab\":{\"[UNK]\":0,\"[CLS]\":1,\"[SEP]\":2,\"a\":3,\"b\":4,\"##b\":5}}}";

/* The good file with `from` (which must occur) replaced by `to`. */
static ek_status open_changed(ek_tokenizer **out, const char *from, const char *to, ek_error *err)
{
    const char *at = strstr(good, from);
    assert_non_null(at);
    ek_buf text = {0};
    ek_buf_append(&text, good, (size_t)(at - good));
    ek_buf_puts(&text, to);
    ek_buf_puts(&text, at + strlen(from));
    assert_int_equal(ek_file_write(temp_path("tokenizer.json"), text.data, text.length, NULL),
                     EK_OK);
    ek_buf_deinit(&text);
    return ek_tokenizer_open(out, temp_folder, err);
}

static ek_tokenizer *accept(const char *from, const char *to)
{
    ek_tokenizer *tokenizer = NULL;
    ek_error err = {0};
    if (open_changed(&tokenizer, from, to, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    return tokenizer;
}

static void assert_ids(const ek_tokenizer *tokenizer, const char *text, const char *pair,
                       const char *expected)
{
    ek_encoding out = {0};
    ek_buf ids = {0};
    ek_encode_options options = ek_encode_default_options(0);
    assert_int_equal(ek_tokenizer_encode(tokenizer, &options, text, strlen(text), pair,
                                         pair == NULL ? 0 : strlen(pair), &out, NULL),
                     EK_OK);
    for (size_t i = 0; i < out.count; i++) {
        ek_buf_printf(&ids, "%d/%d ", (int)out.input_ids[i], (int)out.token_type_ids[i]);
    }
    assert_string_equal(ek_buf_text(&ids), expected);
    ek_buf_deinit(&ids);
    ek_encoding_deinit(&out);
}

static void accepted(void **state)
{
    (void)state;
    ek_tokenizer *tokenizer = accept("", "");
    assert_int_equal(ek_tokenizer_vocab_size(tokenizer), 7);
    assert_string_equal(ek_tokenizer_token(tokenizer, 6), "new");
    assert_ids(tokenizer, "ab NEWa [UNK]", NULL, "1/0 2/0 3/0 5/0 6/0 3/0 0/0 ");
    assert_ids(tokenizer, "a", "b", "3/0 4/1 2/1 ");
    ek_tokenizer_close(tokenizer);

    tokenizer = accept("\"type\":\"WordPiece\",", ""); /* files from before 2021 */
    ek_tokenizer_close(tokenizer);

    tokenizer = accept("\"max_input_chars_per_word\":100", "\"max_input_chars_per_word\":1");
    assert_ids(tokenizer, "ab a \xC3\xA4", NULL, "1/0 2/0 0/0 3/0 3/0 ");
    ek_tokenizer_close(tokenizer);

    /* Without a prefix every piece may continue a word; with an unknown one none may. */
    tokenizer =
        accept("\"continuing_subword_prefix\":\"##\"", "\"continuing_subword_prefix\":\"\"");
    assert_ids(tokenizer, "abba", NULL, "1/0 2/0 3/0 4/0 4/0 3/0 ");
    ek_tokenizer_close(tokenizer);
    tokenizer =
        accept("\"continuing_subword_prefix\":\"##\"", "\"continuing_subword_prefix\":\"@\"");
    assert_ids(tokenizer, "a ab", NULL, "1/0 2/0 3/0 0/0 ");
    ek_tokenizer_close(tokenizer);

    tokenizer = accept("\"strip_accents\":null,\"lowercase\":true",
                       "\"strip_accents\":true,\"lowercase\":false");
    assert_false(ek_tokenizer_lowercases(tokenizer));
    assert_ids(tokenizer, "A \xC3\xA4", NULL, "1/0 2/0 0/0 3/0 ");
    ek_tokenizer_close(tokenizer);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *want;
    } rows[] = {
        {"\"1.0\"", "\"1.1\"", "\"version\" is 1.1; supported is \"1.0\""},
        {"\"version\":\"1.0\",", "", "\"version\" is missing"},
        {"\"truncation\"", "\"surprise\"", "the key \"surprise\""},
        {"{\"version\"", "[{\"version\"", "line 1"},
        {"\"type\":\"WordPiece\"", "\"type\":\"BPE\"", "\"model\" is of type BPE"},
        {"\"type\":\"WordPiece\"", "\"type\":7", "\"model\" is of type (none)"},
        {"\"unk_token\":\"[UNK]\"", "\"unk_token\":\"<unk>\"",
         "\"<unk>\" is not in the vocabulary"},
        {"\"unk_token\":\"[UNK]\"", "\"unk_token\":null", "\"unk_token\" must be a string"},
        {"\"max_input_chars_per_word\":100", "\"max_input_chars_per_word\":-1", "is -1"},
        {"\"max_input_chars_per_word\":100", "\"dropout\":0.1", "the key \"dropout\""},
        {"\"vocab\":{", "\"vocab\":{\"x\":1048576,", "ids from 0 to 1048575"},
        {"\"vocab\":{", "\"vocab\":{\"x\":-1,", "is -1"},
        {"\"vocab\":{", "\"vocab\":{\"x\":1.5,", "\"x\" is not an integer"},
        {"\"vocab\":{", "\"vocab\":{\"x\":5,", "id 5 belongs to two tokens"},
        {"\"vocab\":{", "\"vocab\":{\"a\":9,", "duplicate object key"},
        {"\"vocab\":{", "\"vocab\":{\"\\u0000\":9,", "\\u0000"},
        {"\"BertNormalizer\"", "\"NFC\"", "\"normalizer\" is of type NFC; supported is Bert"},
        {"\"clean_text\":true", "\"clean_text\":null", "\"clean_text\" must be true or false"},
        {"\"strip_accents\":null", "\"strip_accents\":0", "\"strip_accents\" is 0"},
        {"\"lowercase\":true", "\"lowercase\":true,\"nfkc\":true", "the key \"nfkc\""},
        {"\"BertPreTokenizer\"", "\"Whitespace\"", "\"pre_tokenizer\" is of type Whitespace"},
        {"{\"type\":\"BertPreTokenizer\"}", "null", "\"pre_tokenizer\" is missing"},
        {"\"id\":6", "\"id\":7", "\"new\" has id 7; by the vocabulary it must be 6"},
        {"\"id\":0", "\"id\":1", "\"[UNK]\" has id 1; by the vocabulary it must be 0"},
        {"\"content\":\"new\"", "\"content\":\"\"", "has no content"},
        {"\"content\":\"new\"", "\"content\":\"\\u0301\"", "nothing is left of the added token"},
        {"\"content\":\"new\"", "\"content\":\"[UNK]\"", "it must be 0"},
        {"\"id\":6,\"content\":\"new\"", "\"id\":0,\"content\":\"[UNK]\"",
         "\"[UNK]\" occurs twice"},
        {"\"special\":false", "\"special\":0", "\"special\" must be true or false"},
        {"\"TemplateProcessing\"", "\"RobertaProcessing\"", "is of type RobertaProcessing"},
        {"\"TemplateProcessing\"", "\"BertProcessing\"", "the key \"single\""},
        {"\"ids\":[1,2]", "\"ids\":[1,99]", "token id that is not in the vocabulary"},
        {"\"ids\":[1,2]", "\"ids\":[]", "no ids for \"<s>\""},
        {"\"ids\":[1,2]", "\"ids\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "more than 16 pieces"},
        {"\"id\":\"B\"", "\"id\":\"A\"", "\"pair\" of \"post_processor\" must hold each"},
        {"\"id\":\"B\"", "\"id\":\"C\"", "the sequence \"C\""},
        {"}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],", "}}],",
         "\"single\" of \"post_processor\""},
        {"\"type_id\":1", "\"type_id\":2", "\"type_id\" is 2"},
        {"\"Sequence\"", "\"Text\"", "neither a SpecialToken nor a Sequence"},
        {"\"pair\":[", "\"pair\":7,\"x\":[", "the key \"x\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ek_tokenizer *tokenizer = NULL;
        ek_error err = {0};
        ek_status status = open_changed(&tokenizer, rows[i].from, rows[i].to, &err);
        if (status != EK_E_MODEL || strstr(err.message, rows[i].want) == NULL ||
            strstr(err.message, "tokenizer.json") == NULL) {
            fail_msg("row %zu: status %d, \"%s\" is not in: %s", i, (int)status, rows[i].want,
                     err.message);
        }
        assert_null(tokenizer);
    }
}

static void not_a_file(void **state)
{
    (void)state;
    ek_tokenizer *tokenizer = NULL;
    ek_error err = {0};
    assert_int_equal(ek_file_write(temp_path("tokenizer.json"), "", 0, NULL), EK_OK);
    assert_int_equal(ek_tokenizer_open(&tokenizer, temp_folder, &err), EK_E_MODEL);
    assert_int_equal(ek_file_write(temp_path("tokenizer.json"), "\xFF\xFE", 2, NULL), EK_OK);
    assert_int_equal(ek_tokenizer_open(&tokenizer, temp_folder, &err), EK_E_MODEL);
    assert_int_equal(ek_file_write(temp_path("tokenizer.json"), "[1]", 3, NULL), EK_OK);
    assert_int_equal(ek_tokenizer_open(&tokenizer, temp_folder, &err), EK_E_MODEL);
    assert_non_null(strstr(err.message, "a JSON object was expected"));
}

static void corpus(void **state)
{
    (void)state;
    assert_true(replay_corpus(EK_TEST_DIR "/fuzz/corpus/tokenizer_json") >= 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),
        cmocka_unit_test(refused),
        cmocka_unit_test(not_a_file),
        cmocka_unit_test(corpus),
    };
    return cmocka_run_group_tests(tests, temp_folder_make, temp_folder_remove);
}
