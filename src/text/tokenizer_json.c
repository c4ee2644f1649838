#include "text/tokenizer_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

/* The file under way: its JSON and its name for errors. */
typedef struct {
    const json_t *root;
    const char *where;
    ek_error *err;
} reader;

static ek_status fail(const reader *in, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static ek_status fail(const reader *in, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return ek_error_set(in->err, EK_E_MODEL, "%s: %s", in->where, message);
}

/* An object has no keys but those listed (NULL ends the list). */
static ek_status only_keys(const reader *in, const json_t *object, const char *section,
                           const char *const *known)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        const char *const *at = known;
        while (*at != NULL && strcmp(*at, key) != 0) {
            at++;
        }
        if (*at == NULL) {
            return fail(in, "\"%s\" has the key \"%.64s\", which is not supported", section, key);
        }
    }
    return EK_OK;
}

/* A section that must be an object with a "type". */
static ek_status section_type(const reader *in, const char *key, const json_t **section,
                              const char **type)
{
    *section = json_object_get(in->root, key);
    if (!json_is_object(*section)) {
        return fail(in, "\"%s\" is missing or not an object; this is not a BERT tokenizer", key);
    }
    *type = json_string_value(json_object_get(*section, "type"));
    return EK_OK;
}

static ek_status unsupported_type(const reader *in, const char *key, const char *type,
                                  const char *supported)
{
    return fail(in, "\"%s\" is of type %.64s; supported is %s", key, type == NULL ? "(none)" : type,
                supported);
}

static ek_status required_bool(const reader *in, const json_t *object, const char *key, bool *out)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_boolean(value)) {
        return fail(in, "\"%s\" must be true or false", key);
    }
    *out = json_is_true(value);
    return EK_OK;
}

static ek_status required_string(const reader *in, const json_t *object, const char *key,
                                 const char **out)
{
    *out = json_string_value(json_object_get(object, key));
    return *out == NULL ? fail(in, "\"%s\" must be a string", key) : EK_OK;
}

static ek_status read_normalizer(ek_tokenizer *tokenizer, const reader *in)
{
    static const char *const keys[] = {"type",          "clean_text", "handle_chinese_chars",
                                       "strip_accents", "lowercase",  NULL};
    const json_t *section;
    const char *type;
    EK_TRY(section_type(in, "normalizer", &section, &type));
    if (type == NULL || strcmp(type, "BertNormalizer") != 0) {
        return unsupported_type(in, "normalizer", type, "BertNormalizer");
    }
    EK_TRY(only_keys(in, section, "normalizer", keys));
    bool clean = false, chinese = false, lower = false;
    EK_TRY(required_bool(in, section, "clean_text", &clean));
    EK_TRY(required_bool(in, section, "handle_chinese_chars", &chinese));
    EK_TRY(required_bool(in, section, "lowercase", &lower));
    bool strip = lower; /* null: as lowercase */
    EK_TRY(ek_json_get_bool(section, "strip_accents", &strip, in->where, EK_E_MODEL, in->err));
    tokenizer->normalizer = ek_bert_normalizer_make(clean, chinese, strip, lower);
    return EK_OK;
}

static ek_status read_pre_tokenizer(const reader *in)
{
    static const char *const keys[] = {"type", NULL};
    const json_t *section;
    const char *type;
    EK_TRY(section_type(in, "pre_tokenizer", &section, &type));
    if (type == NULL || strcmp(type, "BertPreTokenizer") != 0) {
        return unsupported_type(in, "pre_tokenizer", type, "BertPreTokenizer");
    }
    return only_keys(in, section, "pre_tokenizer", keys);
}

static ek_status read_vocab(ek_tokenizer *tokenizer, const reader *in, const json_t *section)
{
    const json_t *tokens = json_object_get(section, "vocab");
    if (!json_is_object(tokens)) {
        return fail(in, "\"model\" has no \"vocab\" object");
    }
    const char *token;
    json_t *id;
    json_object_foreach((json_t *)tokens, token, id)
    {
        if (!json_is_integer(id)) {
            return fail(in, "the id of token \"%.64s\" is not an integer", token);
        }
        EK_TRY(ek_vocab_add(&tokenizer->vocab, token, strlen(token), json_integer_value(id),
                            in->where, in->err));
    }
    return ek_vocab_finish(&tokenizer->vocab, in->where, in->err);
}

static ek_status read_model(ek_tokenizer *tokenizer, const reader *in)
{
    static const char *const keys[] = {
        "type", "unk_token", "continuing_subword_prefix", "vocab", "max_input_chars_per_word",
        NULL};
    const json_t *section;
    const char *type;
    EK_TRY(section_type(in, "model", &section, &type));
    /* Files from before 2021 have no type; their keys tell WordPiece from the other models. */
    bool wordpiece = type == NULL ? json_object_get(section, "type") == NULL &&
                                        json_object_get(section, "max_input_chars_per_word") != NULL
                                  : strcmp(type, "WordPiece") == 0;
    if (!wordpiece) {
        return unsupported_type(in, "model", type, "WordPiece");
    }
    EK_TRY(only_keys(in, section, "model", keys));
    const char *unknown, *prefix;
    EK_TRY(required_string(in, section, "unk_token", &unknown));
    EK_TRY(required_string(in, section, "continuing_subword_prefix", &prefix));
    int64_t max_chars = -1;
    EK_TRY(ek_json_get_int(section, "max_input_chars_per_word", 0, INT32_MAX, &max_chars, in->where,
                           EK_E_MODEL, in->err));
    if (max_chars < 0) {
        return fail(in, "\"model\" has no \"max_input_chars_per_word\"");
    }
    EK_TRY(read_vocab(tokenizer, in, section));
    return ek_wordpiece_init(&tokenizer->wordpiece, &tokenizer->vocab, unknown, prefix,
                             (size_t)max_chars, in->where, in->err);
}

/* The id that the library gives an added token: its own if it is in the vocabulary, else the next
 * one behind the vocabulary and the added tokens so far. */
static int64_t expected_id(const ek_tokenizer *tokenizer, const char *content)
{
    int32_t known = ek_vocab_id(&tokenizer->vocab, content, strlen(content));
    if (known >= 0) {
        return known;
    }
    int64_t next = (int64_t)tokenizer->vocab.count;
    for (size_t i = 0; i < tokenizer->added.count; i++) {
        if (tokenizer->added.tokens[i].id >= next) {
            next = (int64_t)tokenizer->added.tokens[i].id + 1;
        }
    }
    return next;
}

static ek_status read_added_token(ek_tokenizer *tokenizer, const reader *in, const json_t *item)
{
    static const char *const keys[] = {"id",     "content",    "single_word", "lstrip",
                                       "rstrip", "normalized", "special",     NULL};
    if (!json_is_object(item)) {
        return fail(in, "an entry of \"added_tokens\" is not an object");
    }
    EK_TRY(only_keys(in, item, "added_tokens", keys));
    ek_added_token token = {0};
    const char *content;
    EK_TRY(required_string(in, item, "content", &content));
    EK_TRY(required_bool(in, item, "single_word", &token.single_word));
    EK_TRY(required_bool(in, item, "lstrip", &token.lstrip));
    EK_TRY(required_bool(in, item, "rstrip", &token.rstrip));
    EK_TRY(required_bool(in, item, "normalized", &token.normalized));
    EK_TRY(required_bool(in, item, "special", &token.special));
    if (*content == '\0') {
        return fail(in, "an added token has no content");
    }
    int64_t id = -1;
    EK_TRY(
        ek_json_get_int(item, "id", 0, EK_VOCAB_MAX_IDS - 1, &id, in->where, EK_E_MODEL, in->err));
    int64_t expected = expected_id(tokenizer, content);
    if (id != expected || id >= EK_VOCAB_MAX_IDS) {
        return fail(in, "the added token \"%.64s\" has id %lld; by the vocabulary it must be %lld",
                    content, (long long)id, (long long)expected);
    }
    token.id = (int32_t)id;
    token.content = (char *)content; /* copied by the set */
    return ek_added_tokens_add(&tokenizer->added, &token, in->where, in->err);
}

static ek_status read_added_tokens(ek_tokenizer *tokenizer, const reader *in)
{
    const json_t *list = json_object_get(in->root, "added_tokens");
    if (!json_is_array(list)) {
        return fail(in, "\"added_tokens\" is missing or not a list");
    }
    if (json_array_size(list) > EK_TOKENIZER_MAX_ADDED_TOKENS) {
        return fail(in, "\"added_tokens\" has %zu entries; supported are %d", json_array_size(list),
                    EK_TOKENIZER_MAX_ADDED_TOKENS);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        EK_TRY(read_added_token(tokenizer, in, json_array_get(list, i)));
    }
    return ek_added_tokens_finish(&tokenizer->added, &tokenizer->normalizer, in->where, in->err);
}

static ek_status check_special_id(const ek_tokenizer *tokenizer, const reader *in, const json_t *id)
{
    json_int_t value = json_is_integer(id) ? json_integer_value(id) : -1;
    if (value < 0 || value >= EK_VOCAB_MAX_IDS ||
        (ek_vocab_token(&tokenizer->vocab, (int32_t)value) == NULL &&
         ek_added_tokens_find_id(&tokenizer->added, (int32_t)value) == NULL)) {
        return fail(in, "\"post_processor\" names a token id that is not in the vocabulary");
    }
    return EK_OK;
}

static ek_status add_piece(ek_template *form, const reader *in, ek_piece_kind kind, int32_t id,
                           int64_t type_id)
{
    if (form->count == EK_TEMPLATE_MAX_PIECES) {
        return fail(in, "a template of \"post_processor\" has more than %d pieces",
                    EK_TEMPLATE_MAX_PIECES);
    }
    form->pieces[form->count++] =
        (ek_template_piece){.kind = kind, .id = id, .type_id = (int32_t)type_id};
    return EK_OK;
}

/* {"SpecialToken": {"id": "[CLS]", "type_id": 0}} or {"Sequence": {"id": "A", "type_id": 0}} */
static ek_status read_piece(const ek_tokenizer *tokenizer, ek_template *form, const reader *in,
                            const json_t *item, const json_t *specials)
{
    const json_t *special = json_object_get(item, "SpecialToken");
    const json_t *sequence = json_object_get(item, "Sequence");
    const json_t *body = special != NULL ? special : sequence;
    const char *name = json_string_value(json_object_get(body, "id"));
    int64_t type_id = -1;
    EK_TRY(ek_json_get_int(body, "type_id", 0, 1, &type_id, in->where, EK_E_MODEL, in->err));
    if (name == NULL || type_id < 0 || json_object_size(item) != 1) {
        return fail(in, "a piece of \"post_processor\" is neither a SpecialToken nor a Sequence "
                        "with \"id\" and \"type_id\"");
    }
    if (sequence != NULL) {
        bool pair = strcmp(name, "B") == 0;
        if (!pair && strcmp(name, "A") != 0) {
            return fail(in, "\"post_processor\" names the sequence \"%.64s\"; there are A and B",
                        name);
        }
        return add_piece(form, in, pair ? EK_PIECE_PAIR : EK_PIECE_TEXT, 0, type_id);
    }
    const json_t *ids = json_object_get(json_object_get(specials, name), "ids");
    if (!json_is_array(ids) || json_array_size(ids) == 0) {
        return fail(in, "\"special_tokens\" of \"post_processor\" has no ids for \"%.64s\"", name);
    }
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        EK_TRY(check_special_id(tokenizer, in, id));
        EK_TRY(add_piece(form, in, EK_PIECE_SPECIAL, (int32_t)json_integer_value(id), type_id));
    }
    return EK_OK;
}

static ek_status read_template(const ek_tokenizer *tokenizer, ek_template *form, const reader *in,
                               const json_t *section, const char *key, size_t texts, size_t pairs)
{
    const json_t *list = json_object_get(section, key);
    if (!json_is_array(list)) {
        return fail(in, "\"%s\" of \"post_processor\" is missing or not a list", key);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        EK_TRY(read_piece(tokenizer, form, in, json_array_get(list, i),
                          json_object_get(section, "special_tokens")));
    }
    for (size_t i = 0; i < form->count; i++) {
        texts -= form->pieces[i].kind == EK_PIECE_TEXT;
        pairs -= form->pieces[i].kind == EK_PIECE_PAIR;
    }
    if (texts != 0 || pairs != 0) {
        return fail(in, "\"%s\" of \"post_processor\" must hold each of its texts once", key);
    }
    return EK_OK;
}

/* "sep": ["[SEP]", 102] */
static ek_status read_named_id(const ek_tokenizer *tokenizer, const reader *in,
                               const json_t *section, const char *key, int32_t *out)
{
    const json_t *id = json_array_get(json_object_get(section, key), 1);
    EK_TRY(check_special_id(tokenizer, in, id));
    *out = (int32_t)json_integer_value(id);
    return EK_OK;
}

static ek_status read_post_processor(ek_tokenizer *tokenizer, const reader *in)
{
    static const char *const template_keys[] = {"type", "single", "pair", "special_tokens", NULL};
    static const char *const bert_keys[] = {"type", "sep", "cls", NULL};
    const json_t *section;
    const char *type;
    EK_TRY(section_type(in, "post_processor", &section, &type));
    if (type != NULL && strcmp(type, "BertProcessing") == 0) {
        int32_t cls, sep;
        EK_TRY(only_keys(in, section, "post_processor", bert_keys));
        EK_TRY(read_named_id(tokenizer, in, section, "cls", &cls));
        EK_TRY(read_named_id(tokenizer, in, section, "sep", &sep));
        tokenizer->single = ek_template_bert(cls, sep, false);
        tokenizer->pair = ek_template_bert(cls, sep, true);
        return EK_OK;
    }
    if (type == NULL || strcmp(type, "TemplateProcessing") != 0) {
        return unsupported_type(in, "post_processor", type, "TemplateProcessing or BertProcessing");
    }
    EK_TRY(only_keys(in, section, "post_processor", template_keys));
    EK_TRY(read_template(tokenizer, &tokenizer->single, in, section, "single", 1, 0));
    return read_template(tokenizer, &tokenizer->pair, in, section, "pair", 1, 1);
}

static ek_status read_all(ek_tokenizer *tokenizer, const reader *in)
{
    static const char *const keys[] = {
        "version",       "truncation", "padding",        "added_tokens", "normalizer",
        "pre_tokenizer", "model",      "post_processor", "decoder",      NULL};
    if (!json_is_object(in->root)) {
        return fail(in, "a JSON object was expected");
    }
    const char *version = json_string_value(json_object_get(in->root, "version"));
    if (version == NULL || strcmp(version, "1.0") != 0) {
        return fail(in, "\"version\" is %.64s; supported is \"1.0\"",
                    version == NULL ? "missing" : version);
    }
    EK_TRY(only_keys(in, in->root, "the file", keys));
    EK_TRY(read_model(tokenizer, in)); /* first: its type says what kind of tokenizer this is */
    EK_TRY(read_normalizer(tokenizer, in));
    EK_TRY(read_pre_tokenizer(in));
    EK_TRY(read_added_tokens(tokenizer, in));
    return read_post_processor(tokenizer, in);
}

ek_status ek__tokenizer_parse_json(ek_tokenizer *tokenizer, const char *text, size_t length,
                                   const char *where, ek_error *err)
{
    json_t *root = NULL;
    EK_TRY(ek_json_parse(&root, text, length, where, EK_E_MODEL, err));
    reader in = {.root = root, .where = where, .err = err};
    ek_status status = read_all(tokenizer, &in);
    json_decref(root);
    return status;
}

ek_status ek__tokenizer_load_json(ek_tokenizer *tokenizer, const char *path, ek_error *err)
{
    json_t *root = NULL;
    EK_TRY(ek_json_load(&root, path, EK_TOKENIZER_MAX_FILE_BYTES, EK_E_MODEL, err));
    reader in = {.root = root, .where = path, .err = err};
    ek_status status = read_all(tokenizer, &in);
    json_decref(root);
    return status;
}
