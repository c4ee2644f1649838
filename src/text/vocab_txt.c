#include "text/vocab_txt.h"

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/str.h"

#define MAX_INPUT_CHARS_PER_WORD 100 /* WordPiece's default in the library */

/* The five special tokens, in the order of their names here. */
enum { UNK, CLS, SEP, PAD, MASK, SPECIALS };
static const struct {
    const char *key;     /* in tokenizer_config.json */
    const char *content; /* unless it says otherwise */
    bool required;
} specials[SPECIALS] = {
    [UNK] = {"unk_token", "[UNK]", true},     [CLS] = {"cls_token", "[CLS]", true},
    [SEP] = {"sep_token", "[SEP]", true},     [PAD] = {"pad_token", "[PAD]", false},
    [MASK] = {"mask_token", "[MASK]", false},
};

/* Classes of transformers that read vocab.txt by the rules of this file. */
static const char *const classes[] = {
    "BertTokenizer",    "BertTokenizerFast",    "DistilBertTokenizer", "DistilBertTokenizerFast",
    "ElectraTokenizer", "ElectraTokenizerFast", "TokenizersBackend",   "PreTrainedTokenizerFast",
};

typedef struct {
    bool do_lower_case;
    bool strip_accents;
    bool tokenize_chinese_chars;
    const char *contents[SPECIALS]; /* borrowed from the JSON */
} config;

ek_status ek__vocab_parse_txt(ek_vocab *vocab, const char *text, size_t length, const char *where,
                              ek_error *err)
{
    size_t valid = ek_utf8_check(text, length);
    int64_t line = 0;
    for (size_t at = 0; at < length; line++) {
        size_t end = at;
        while (end < length && text[end] != '\n' && text[end] != '\r' && text[end] != '\0') {
            end++;
        }
        if (valid >= at && valid < end) {
            return ek_error_set(err, EK_E_MODEL, "%s, line %lld: not valid UTF-8 at byte %zu",
                                where, (long long)line + 1, valid);
        }
        if (end < length && text[end] == '\0') {
            return ek_error_set(err, EK_E_MODEL,
                                "%s, line %lld: a NUL byte; a text file was expected", where,
                                (long long)line + 1);
        }
        EK_TRY(ek_vocab_add(vocab, text + at, end - at, line, where, err));
        at = end + 1;
        at += end + 1 < length && text[end] == '\r' && text[end + 1] == '\n';
    }
    return ek_vocab_finish(vocab, where, err);
}

static ek_status read_class(const json_t *root, const char *path, ek_error *err)
{
    const char *name = NULL;
    EK_TRY(ek_json_get_string(root, "tokenizer_class", &name, path, EK_E_MODEL, err));
    for (size_t i = 0; name != NULL && i < sizeof classes / sizeof *classes; i++) {
        if (strcmp(name, classes[i]) == 0) {
            name = NULL;
        }
    }
    if (name != NULL) {
        return ek_error_set(err, EK_E_MODEL,
                            "%s: \"tokenizer_class\" is %.64s; vocab.txt is supported for "
                            "BertTokenizer. Save the tokenizer with a tokenizer.json",
                            path, name);
    }
    bool basic = true;
    EK_TRY(ek_json_get_bool(root, "do_basic_tokenize", &basic, path, EK_E_MODEL, err));
    if (!basic) {
        return ek_error_set(err, EK_E_MODEL, "%s: \"do_basic_tokenize\" false is not supported",
                            path);
    }
    return EK_OK;
}

/* A special token is a string, or an object with its content. */
static void read_contents(config *out, const json_t *root)
{
    for (int i = 0; i < SPECIALS; i++) {
        const json_t *value = json_object_get(root, specials[i].key);
        const char *content = json_string_value(json_object_get(value, "content"));
        if (json_is_string(value)) {
            content = json_string_value(value);
        }
        if (content != NULL) {
            out->contents[i] = content;
        }
    }
}

/* Tokens beyond the special ones would change what is found in a text. */
static ek_status check_added(const config *from, const json_t *root, const char *path,
                             ek_error *err)
{
    const char *key;
    json_t *item;
    json_object_foreach(json_object_get(root, "added_tokens_decoder"), key, item)
    {
        const char *content = json_string_value(json_object_get(item, "content"));
        bool known = false;
        for (int i = 0; i < SPECIALS && content != NULL; i++) {
            known = known || strcmp(content, from->contents[i]) == 0;
        }
        if (!known) {
            return ek_error_set(err, EK_E_MODEL,
                                "%s: \"added_tokens_decoder\" has the token \"%.64s\"; tokens "
                                "beyond the special ones need a tokenizer.json",
                                path, content == NULL ? key : content);
        }
    }
    return EK_OK;
}

static ek_status read_config(config *out, const json_t *root, const char *path, ek_error *err)
{
    if (!json_is_object(root)) {
        return ek_error_set(err, EK_E_MODEL, "%s: a JSON object was expected", path);
    }
    EK_TRY(read_class(root, path, err));
    EK_TRY(ek_json_get_bool(root, "do_lower_case", &out->do_lower_case, path, EK_E_MODEL, err));
    out->strip_accents = out->do_lower_case; /* null or absent */
    EK_TRY(ek_json_get_bool(root, "strip_accents", &out->strip_accents, path, EK_E_MODEL, err));
    EK_TRY(ek_json_get_bool(root, "tokenize_chinese_chars", &out->tokenize_chinese_chars, path,
                            EK_E_MODEL, err));
    read_contents(out, root);
    return check_added(out, root, path, err);
}

static ek_status add_specials(ek_tokenizer *tokenizer, const config *from, int32_t ids[SPECIALS],
                              const char *path, ek_error *err)
{
    for (int i = 0; i < SPECIALS; i++) {
        const char *content = from->contents[i];
        ids[i] = ek_vocab_id(&tokenizer->vocab, content, strlen(content));
        if (ids[i] < 0 && specials[i].required) {
            return ek_error_set(err, EK_E_MODEL,
                                "%s: the special token \"%.64s\" is missing among %zu tokens", path,
                                content, tokenizer->vocab.count);
        }
        bool anew = ids[i] >= 0 && *content != '\0' &&
                    ek_added_tokens_find_id(&tokenizer->added, ids[i]) == NULL;
        if (anew) {
            ek_added_token token = {.content = (char *)content, .id = ids[i], .special = true};
            EK_TRY(ek_added_tokens_add(&tokenizer->added, &token, path, err));
        }
    }
    return ek_added_tokens_finish(&tokenizer->added, &tokenizer->normalizer, path, err);
}

/* Puts the tokenizer together from the lines and the configuration. */
static ek_status build(ek_tokenizer *tokenizer, const config *from, const char *lines,
                       size_t length, const char *path, ek_error *err)
{
    EK_TRY(ek__vocab_parse_txt(&tokenizer->vocab, lines, length, path, err));
    tokenizer->normalizer = ek_bert_normalizer_make(true, from->tokenize_chinese_chars,
                                                    from->strip_accents, from->do_lower_case);
    int32_t ids[SPECIALS];
    EK_TRY(add_specials(tokenizer, from, ids, path, err));
    tokenizer->single = ek_template_bert(ids[CLS], ids[SEP], false);
    tokenizer->pair = ek_template_bert(ids[CLS], ids[SEP], true);
    return ek_wordpiece_init(&tokenizer->wordpiece, &tokenizer->vocab, from->contents[UNK], "##",
                             MAX_INPUT_CHARS_PER_WORD, path, err);
}

ek_status ek__tokenizer_load_vocab_txt(ek_tokenizer *tokenizer, const char *path,
                                       const char *config_path, ek_error *err)
{
    config from = {.do_lower_case = true, .strip_accents = true, .tokenize_chinese_chars = true};
    for (int i = 0; i < SPECIALS; i++) {
        from.contents[i] = specials[i].content;
    }
    json_t *root = NULL;
    ek_buf lines = {0};
    ek_status status = EK_OK;
    if (config_path != NULL) {
        EK_GOTO(status,
                ek_json_load(&root, config_path, EK_TOKENIZER_MAX_FILE_BYTES, EK_E_MODEL, err),
                done);
        EK_GOTO(status, read_config(&from, root, config_path, err), done);
    }
    status = ek_file_read(path, EK_TOKENIZER_MAX_FILE_BYTES, &lines, err);
    if (status == EK_E_IO) {
        status = EK_E_MODEL; /* a model that cannot be read */
        if (err != NULL) {
            err->code = status;
        }
    }
    if (status == EK_OK) {
        status = build(tokenizer, &from, ek_buf_text(&lines), lines.length, path, err);
    }
done:
    ek_buf_deinit(&lines);
    json_decref(root);
    return status;
}
