#include "text/tokenizer.h"

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "text/tokenizer_json.h"
#include "text/tokenizer_parts.h"
#include "text/unicode.h"
#include "text/vocab_txt.h"

static const char *const file_names[] = {"tokenizer.json", "vocab.txt", "tokenizer_config.json",
                                         "special_tokens_map.json"};
enum { TOKENIZER_JSON, VOCAB_TXT, TOKENIZER_CONFIG, SPECIAL_TOKENS_MAP, FILE_NAMES };

/* Ids of the texts before they are cut and framed, and room for a normalised piece of text. */
struct ek_encode_scratch {
    int32_t *ids;
    size_t id_count;
    size_t id_capacity;
    char *normal;
    size_t normal_capacity;
};

ek_encode_options ek_encode_default_options(int max_seq_length)
{
    return (ek_encode_options){.max_seq_length = max_seq_length,
                               .truncation = EK_TRUNCATION_FAST,
                               .special_in_text = true};
}

void ek_encoding_deinit(ek_encoding *encoding)
{
    if (encoding->scratch != NULL) {
        ek_free(encoding->scratch->ids);
        ek_free(encoding->scratch->normal);
        ek_free(encoding->scratch);
    }
    ek_free(encoding->input_ids);
    ek_free(encoding->token_type_ids);
    *encoding = (ek_encoding){0};
}

/* ---- opening ---- */

/* transformers lets tokenizer_config.json override the normalizer of tokenizer.json; the library
 * itself, and this program, do not. Where the two disagree the user should know. */
static void warn_of_config(const ek_tokenizer *tokenizer, const char *path)
{
    const ek_bert_normalizer *normalizer = &tokenizer->normalizer;
    const struct {
        const char *key;
        bool used;
    } rows[] = {
        {"do_lower_case", normalizer->lowercase},
        {"strip_accents", normalizer->strip_accents},
        {"tokenize_chinese_chars", normalizer->handle_chinese_chars},
    };
    json_t *root = NULL;
    ek_error err = {0};
    if (ek_json_load(&root, path, EK_TOKENIZER_MAX_FILE_BYTES, EK_E_MODEL, &err) != EK_OK) {
        ek_warn("%s; it is not used", err.message);
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const json_t *said = json_object_get(root, rows[i].key);
        if (json_is_boolean(said) && json_is_true(said) != rows[i].used) {
            ek_warn("%s: \"%s\" is %s, but tokenizer.json beside it says %s and is used", path,
                    rows[i].key, rows[i].used ? "false" : "true", rows[i].used ? "true" : "false");
        }
    }
    json_decref(root);
}

static ek_status load(ek_tokenizer *tokenizer, const char *dir, char *paths[FILE_NAMES],
                      ek_error *err)
{
    for (int i = 0; i < FILE_NAMES; i++) {
        paths[i] = ek_path_join(dir, file_names[i]);
        if (paths[i] == NULL) {
            return ek_error_set(err, EK_E_MEMORY, "%s: out of memory", dir);
        }
    }
    bool config = ek_file_exists(paths[TOKENIZER_CONFIG]);
    if (ek_file_exists(paths[TOKENIZER_JSON])) {
        EK_TRY(ek__tokenizer_load_json(tokenizer, paths[TOKENIZER_JSON], err));
        if (config) {
            warn_of_config(tokenizer, paths[TOKENIZER_CONFIG]);
        }
        return EK_OK;
    }
    if (ek_file_exists(paths[VOCAB_TXT])) {
        return ek__tokenizer_load_vocab_txt(tokenizer, paths[VOCAB_TXT],
                                            config ? paths[TOKENIZER_CONFIG] : NULL, err);
    }
    return ek_error_set(err, EK_E_MODEL,
                        "%s has neither tokenizer.json nor vocab.txt; a WordPiece tokenizer is "
                        "supported",
                        dir);
}

ek_status ek_tokenizer_open(ek_tokenizer **out, const char *dir, ek_error *err)
{
    char *paths[FILE_NAMES] = {0};
    ek_tokenizer *tokenizer = ek_calloc(1, sizeof *tokenizer);
    ek_status status = tokenizer == NULL
                           ? ek_error_set(err, EK_E_MEMORY, "out of memory for a tokenizer")
                           : load(tokenizer, dir, paths, err);
    for (int i = 0; i < FILE_NAMES; i++) {
        ek_free(paths[i]);
    }
    if (status != EK_OK) {
        ek_tokenizer_close(tokenizer);
        return status;
    }
    *out = tokenizer;
    return EK_OK;
}

void ek_tokenizer_close(ek_tokenizer *tokenizer)
{
    if (tokenizer == NULL) {
        return;
    }
    ek_vocab_deinit(&tokenizer->vocab);
    ek_added_tokens_deinit(&tokenizer->added);
    ek_free(tokenizer);
}

/* ---- encoding ---- */

/* Makes an array hold count ids. */
static ek_status resize(int32_t **array, size_t count, ek_error *err)
{
    int32_t *grown = ek_realloc(*array, count, sizeof *grown);
    if (grown == NULL) {
        return ek_error_set(err, EK_E_MEMORY, "out of memory for %zu token ids", count);
    }
    *array = grown;
    return EK_OK;
}

/* A capacity for count elements that makes repeated growth cheap. */
static size_t roomy(size_t count)
{
    return count < 256 ? 256 : count > SIZE_MAX / 2 ? count : count + count / 2;
}

/* Room for count ids more. */
static ek_status reserve_ids(struct ek_encode_scratch *scratch, size_t count, ek_error *err)
{
    size_t need;
    if (!ek_add_size(&need, scratch->id_count, count)) {
        return ek_error_set(err, EK_E_MEMORY, "a text of %zu tokens is too long", count);
    }
    if (need > scratch->id_capacity) {
        size_t capacity = roomy(need);
        EK_TRY(resize(&scratch->ids, capacity, err));
        scratch->id_capacity = capacity;
    }
    return EK_OK;
}

static ek_status reserve_normal(struct ek_encode_scratch *scratch, size_t length, ek_error *err)
{
    size_t need;
    bool fits = ek_bert_normalizer_bound(&need, length);
    if (fits && need > scratch->normal_capacity) {
        size_t capacity = roomy(need);
        char *grown = ek_realloc(scratch->normal, capacity, 1);
        fits = grown != NULL;
        if (fits) {
            scratch->normal = grown;
            scratch->normal_capacity = capacity;
        }
    }
    return fits ? EK_OK
                : ek_error_set(err, EK_E_MEMORY, "out of memory to normalise %zu bytes", length);
}

/* Text without tokens of the raw kind: normalised, searched for the other kind, cut into pieces. */
static ek_status encode_ordinary(const ek_tokenizer *tokenizer, const ek_encode_options *options,
                                 struct ek_encode_scratch *scratch, const char *text, size_t length,
                                 ek_error *err)
{
    EK_TRY(reserve_normal(scratch, length, err));
    length = ek_bert_normalizer_apply(&tokenizer->normalizer, scratch->normal, text, length);
    ek_added_scan scan = ek_added_scan_begin(&tokenizer->added, true, options->special_in_text,
                                             scratch->normal, length);
    EK_TRY(reserve_ids(scratch, length + 1, err)); /* a byte gives one id at most */
    while (ek_added_scan_next(&scan)) {
        scratch->id_count +=
            ek_wordpiece_encode(&tokenizer->wordpiece, scratch->ids + scratch->id_count, scan.from,
                                (size_t)(scan.to - scan.from));
        if (scan.token != NULL) {
            scratch->ids[scratch->id_count++] = scan.token->id;
        }
    }
    return EK_OK;
}

/* Adds the ids of a whole text to the scratch. */
static ek_status encode_text(const ek_tokenizer *tokenizer, const ek_encode_options *options,
                             struct ek_encode_scratch *scratch, const char *text, size_t length,
                             ek_error *err)
{
    size_t valid = ek_utf8_check(text, length);
    if (valid < length) {
        return ek_error_set(err, EK_E_DATA, "the text is not valid UTF-8 at byte %zu", valid);
    }
    ek_added_scan scan =
        ek_added_scan_begin(&tokenizer->added, false, options->special_in_text, text, length);
    while (ek_added_scan_next(&scan)) {
        if (scan.to > scan.from) {
            EK_TRY(encode_ordinary(tokenizer, options, scratch, scan.from,
                                   (size_t)(scan.to - scan.from), err));
        }
        if (scan.token != NULL) {
            EK_TRY(reserve_ids(scratch, 1, err));
            scratch->ids[scratch->id_count++] = scan.token->id;
        }
    }
    return EK_OK;
}

/* Cuts and frames the ids in the scratch: the first `text` of them, then `pair`. */
static ek_status frame(const ek_tokenizer *tokenizer, const ek_encode_options *options,
                       const ek_template *form, size_t text, size_t pair, ek_encoding *out,
                       ek_error *err)
{
    size_t special = ek_template_special_count(form);
    size_t first_of_pair = text;
    out->full_count = text + pair + special;
    if (options->max_seq_length > 0) {
        ek_truncate_longest_first(&text, &pair, (size_t)options->max_seq_length - special,
                                  options->truncation);
    }
    size_t need = text + pair + special;
    if (need > out->capacity) {
        size_t capacity = roomy(need);
        EK_TRY(resize(&out->input_ids, capacity, err));
        EK_TRY(resize(&out->token_type_ids, capacity, err));
        out->capacity = capacity;
    }
    const int32_t *ids = out->scratch->ids;
    out->count = ek_template_apply(form, out->input_ids, out->token_type_ids, ids, text,
                                   pair == 0 ? NULL : ids + first_of_pair, pair);
    for (size_t i = 0; i < out->count; i++) {
        out->unknown_count += out->input_ids[i] == tokenizer->wordpiece.unknown_id;
    }
    return EK_OK;
}

ek_status ek_tokenizer_encode(const ek_tokenizer *tokenizer, const ek_encode_options *options,
                              const char *text, size_t text_length, const char *pair,
                              size_t pair_length, ek_encoding *out, ek_error *err)
{
    out->count = out->full_count = out->unknown_count = 0;
    const ek_template *form = pair == NULL ? &tokenizer->single : &tokenizer->pair;
    size_t special = ek_template_special_count(form);
    int max = options->max_seq_length;
    if (max < 0 || (max > 0 && (size_t)max < special)) {
        return ek_error_set(err, EK_E_USAGE,
                            "max_seq_length is %d, but the special tokens alone are %zu; use a "
                            "larger one, or 0 for no limit",
                            max, special);
    }
    if (out->scratch == NULL) {
        out->scratch = ek_calloc(1, sizeof *out->scratch);
        if (out->scratch == NULL) {
            return ek_error_set(err, EK_E_MEMORY, "out of memory for encoding");
        }
    }
    struct ek_encode_scratch *scratch = out->scratch;
    scratch->id_count = 0;
    EK_TRY(encode_text(tokenizer, options, scratch, text, text_length, err));
    size_t text_count = scratch->id_count;
    if (pair != NULL) {
        ek_status status = encode_text(tokenizer, options, scratch, pair, pair_length, err);
        if (status != EK_OK) {
            return ek_error_prefix(err, "second text");
        }
    }
    return frame(tokenizer, options, form, text_count, scratch->id_count - text_count, out, err);
}

/* ---- asking ---- */

size_t ek_tokenizer_vocab_size(const ek_tokenizer *tokenizer)
{
    size_t size = tokenizer->vocab.id_limit;
    for (size_t i = 0; i < tokenizer->added.count; i++) {
        size_t next = (size_t)tokenizer->added.tokens[i].id + 1;
        size = next > size ? next : size;
    }
    return size;
}

int32_t ek_tokenizer_id(const ek_tokenizer *tokenizer, const char *token)
{
    const ek_added_token *added = ek_added_tokens_find(&tokenizer->added, token);
    return added != NULL ? added->id : ek_vocab_id(&tokenizer->vocab, token, strlen(token));
}

const char *ek_tokenizer_token(const ek_tokenizer *tokenizer, int32_t id)
{
    const ek_added_token *added = ek_added_tokens_find_id(&tokenizer->added, id);
    return added != NULL ? added->content : ek_vocab_token(&tokenizer->vocab, id);
}

bool ek_tokenizer_lowercases(const ek_tokenizer *tokenizer)
{
    return tokenizer->normalizer.lowercase;
}

ek_status ek_tokenizer_copy_files(const char *from_dir, const char *to_dir, ek_error *err)
{
    for (int i = 0; i < FILE_NAMES; i++) {
        char *from = ek_path_join(from_dir, file_names[i]);
        char *to = ek_path_join(to_dir, file_names[i]);
        ek_status status = EK_OK;
        if (from == NULL || to == NULL) {
            status = ek_error_set(err, EK_E_MEMORY, "%s: out of memory", to_dir);
        } else if (ek_file_exists(from)) {
            status = ek_file_copy(from, to, err);
        }
        ek_free(from);
        ek_free(to);
        EK_TRY(status);
    }
    return EK_OK;
}
