/* vocab.txt and tokenizer_config.json: line ends, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "temp_folder.h"
#include "text/tokenizer.h"
#include "text/vocab_txt.h"

#define LINES "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n##c\n"

static ek_tokenizer *open_with(const char *lines, size_t length, const char *config,
                               ek_status *status, ek_error *err)
{
    ek_tokenizer *tokenizer = NULL;
    assert_int_equal(ek_file_write(temp_path("vocab.txt"), lines, length, NULL), EK_OK);
    remove(temp_path("tokenizer_config.json"));
    if (config != NULL) {
        assert_int_equal(
            ek_file_write(temp_path("tokenizer_config.json"), config, strlen(config), NULL), EK_OK);
    }
    *status = ek_tokenizer_open(&tokenizer, temp_folder, err);
    return tokenizer;
}

static ek_tokenizer *accept(const char *lines, const char *config)
{
    ek_status status;
    ek_error err = {0};
    ek_tokenizer *tokenizer = open_with(lines, strlen(lines), config, &status, &err);
    if (status != EK_OK) {
        fail_msg("%s", err.message);
    }
    return tokenizer;
}

static void refuse(const char *lines, size_t length, const char *config, const char *want)
{
    ek_status status;
    ek_error err = {0};
    ek_tokenizer *tokenizer = open_with(lines, length, config, &status, &err);
    assert_null(tokenizer);
    assert_int_equal(status, EK_E_MODEL);
    assert_int_equal(err.code, EK_E_MODEL);
    if (strstr(err.message, want) == NULL) {
        fail_msg("\"%s\" is not in: %s", want, err.message);
    }
}

static void line_ends(void **state)
{
    (void)state;
    static const char *const variants[] = {
        LINES,
        "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK]\r\na\r\nb\r\n##c\r\n",
        "[PAD]\r[UNK]\r[CLS]\r[SEP]\r[MASK]\ra\rb\r##c",
        "[PAD]\n[UNK]\r\n[CLS]\r[SEP]\n[MASK]\na\nb\n##c",
    };
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        ek_tokenizer *tokenizer = accept(variants[i], NULL);
        assert_int_equal(ek_tokenizer_vocab_size(tokenizer), 8);
        assert_int_equal(ek_tokenizer_id(tokenizer, "##c"), 7);
        ek_tokenizer_close(tokenizer);
    }
    /* Only line ends are cut off; an empty line is a token; U+2028 ends no line. */
    ek_tokenizer *tokenizer = accept(LINES "x \n\n\xE2\x80\xA8y\n", NULL);
    assert_int_equal(ek_tokenizer_vocab_size(tokenizer), 11);
    assert_int_equal(ek_tokenizer_id(tokenizer, "x "), 8);
    assert_int_equal(ek_tokenizer_id(tokenizer, ""), 9);
    assert_int_equal(ek_tokenizer_id(tokenizer, "\xE2\x80\xA8y"), 10);
    ek_tokenizer_close(tokenizer);
}

static size_t count_ids(const ek_tokenizer *tokenizer, const char *text)
{
    ek_encoding out = {0};
    ek_encode_options options = ek_encode_default_options(0);
    assert_int_equal(
        ek_tokenizer_encode(tokenizer, &options, text, strlen(text), NULL, 0, &out, NULL), EK_OK);
    size_t count = out.unknown_count * 100 + out.count;
    ek_encoding_deinit(&out);
    return count;
}

static void configurations(void **state)
{
    (void)state;
    ek_tokenizer *tokenizer = accept(LINES, "{}");
    assert_int_equal(count_ids(tokenizer, "A \xC3\xA1"), 4);
    ek_tokenizer_close(tokenizer);
    tokenizer = accept(LINES, "{\"do_lower_case\": false, \"strip_accents\": null}");
    assert_int_equal(count_ids(tokenizer, "A \xC3\xA1 a"), 205);
    ek_tokenizer_close(tokenizer);
    tokenizer = accept(LINES, "{\"do_lower_case\": true, \"strip_accents\": false}");
    assert_int_equal(count_ids(tokenizer, "A \xC3\xA1"), 104);
    ek_tokenizer_close(tokenizer);
    tokenizer = accept(LINES, "{\"tokenize_chinese_chars\": false}");
    assert_int_equal(count_ids(tokenizer, "\xE4\xB8\xAD\xE4\xB8\xAD"), 103);
    ek_tokenizer_close(tokenizer);
    tokenizer = accept(LINES, NULL);
    assert_int_equal(count_ids(tokenizer, "\xE4\xB8\xAD\xE4\xB8\xAD"), 204);
    ek_tokenizer_close(tokenizer);
    /* Other names for the special tokens; without [MASK] the text "[MASK]" is four words. */
    tokenizer = accept("<unk>\n<s>\n</s>\na\n", "{\"unk_token\": \"<unk>\", \"cls_token\": "
                                                "{\"content\": \"<s>\"}, \"sep_token\": \"</s>\"}");
    assert_int_equal(count_ids(tokenizer, "a</s>"), 4);
    assert_int_equal(count_ids(tokenizer, "[MASK]"), 305);
    ek_tokenizer_close(tokenizer);
}

static void refused(void **state)
{
    (void)state;
    refuse(LINES "a\n", sizeof LINES + 1, NULL, "\"a\" occurs twice, with ids 5 and 8");
    refuse("[PAD]\n[CLS]\n[SEP]\n", 18, NULL, "\"[UNK]\" is missing");
    refuse("[UNK]\n[SEP]\n", 12, NULL, "\"[CLS]\" is missing");
    refuse("[UNK]\n[CLS]\n", 12, NULL, "\"[SEP]\" is missing");
    refuse("", 0, NULL, "missing among 0 tokens");
    refuse(LINES "x\xFFy\n", sizeof LINES + 3, NULL, "line 9: not valid UTF-8");
    refuse(LINES "x\0y\n", sizeof LINES + 3, NULL, "line 9: a NUL byte");
    refuse(LINES, sizeof LINES - 1, "[]", "a JSON object was expected");
    refuse(LINES, sizeof LINES - 1, "{", "tokenizer_config.json, line 1");
    refuse(LINES, sizeof LINES - 1, "{\"do_lower_case\": 1}", "\"do_lower_case\" is 1");
    refuse(LINES, sizeof LINES - 1, "{\"tokenizer_class\": \"BertJapaneseTokenizer\"}",
           "BertJapaneseTokenizer");
    refuse(LINES, sizeof LINES - 1, "{\"do_basic_tokenize\": false}", "do_basic_tokenize");
    refuse(LINES, sizeof LINES - 1, "{\"added_tokens_decoder\": {\"5\": {\"content\": \"a\"}}}",
           "need a tokenizer.json");
    refuse(LINES, sizeof LINES - 1, "{\"cls_token\": \"<s>\"}", "\"<s>\" is missing");
}

/* One id too many. */
static void too_many_ids(void **state)
{
    (void)state;
    ek_buf lines = {0};
    for (long i = 0; i <= EK_VOCAB_MAX_IDS; i++) {
        for (int shift = 15; shift >= 0; shift -= 5) {
            ek_buf_putc(&lines, (char)('A' + (i >> shift & 31)));
        }
        ek_buf_putc(&lines, '\n');
    }
    ek_vocab vocab = {0};
    ek_error err = {0};
    assert_int_equal(ek__vocab_parse_txt(&vocab, lines.data, lines.length, "v", &err), EK_E_MODEL);
    assert_non_null(strstr(err.message, "ids from 0 to 1048575"));
    ek_vocab_deinit(&vocab);
    assert_int_equal(ek__vocab_parse_txt(&vocab, lines.data, lines.length - 5, "v", &err), EK_OK);
    assert_int_equal(vocab.count, EK_VOCAB_MAX_IDS);
    assert_int_equal(ek_vocab_id(&vocab, "AAAA", 4), 0);
    ek_vocab_deinit(&vocab);
    ek_buf_deinit(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(line_ends),
        cmocka_unit_test(configurations),
        cmocka_unit_test(refused),
        cmocka_unit_test(too_many_ids),
    };
    return cmocka_run_group_tests(tests, temp_folder_make, temp_folder_remove);
}
