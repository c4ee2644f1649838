#include "text/added_tokens.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "text/unicode.h"

ek_status ek_added_tokens_add(ek_added_tokens *added, const ek_added_token *token,
                              const char *where, ek_error *err)
{
    if (ek_added_tokens_find(added, token->content) != NULL) {
        return ek_error_set(err, EK_E_MODEL, "%s: the added token \"%.64s\" occurs twice", where,
                            token->content);
    }
    if (added->count == added->capacity) {
        size_t capacity = added->capacity == 0 ? 8 : added->capacity * 2;
        ek_added_token *tokens = ek_realloc(added->tokens, capacity, sizeof *tokens);
        if (tokens == NULL) {
            return ek_error_set(err, EK_E_MEMORY, "out of memory for %zu added tokens", capacity);
        }
        added->tokens = tokens;
        added->capacity = capacity;
    }
    ek_added_token copy = *token;
    copy.content = ek_strdup(token->content);
    if (copy.content == NULL) {
        return ek_error_set(err, EK_E_MEMORY, "out of memory for an added token");
    }
    added->tokens[added->count++] = copy;
    return EK_OK;
}

/* What to look for: the content itself, or what normalisation makes of it (appended to pool). */
static ek_status pattern_of(const char **pattern, size_t *length, ek_buf *pool,
                            const ek_added_token *token, const ek_bert_normalizer *normalizer,
                            const char *where, ek_error *err)
{
    *pattern = token->content;
    *length = strlen(token->content);
    if (!token->normalized) {
        return EK_OK;
    }
    size_t bound;
    char *normal = ek_bert_normalizer_bound(&bound, *length) ? ek_calloc(bound, 1) : NULL;
    if (normal == NULL) {
        return ek_error_set(err, EK_E_MEMORY, "out of memory for an added token");
    }
    *length = ek_bert_normalizer_apply(normalizer, normal, token->content, *length);
    *pattern = NULL; /* the pool may move: the caller sets it */
    ek_buf_append(pool, normal, *length);
    ek_free(normal);
    if (*length == 0) {
        return ek_error_set(err, EK_E_MODEL,
                            "%s: nothing is left of the added token \"%.64s\" after "
                            "normalisation; it could never be found",
                            where, token->content);
    }
    return ek_buf_status(pool, err);
}

static ek_status build(ek_added_matcher *matcher, const ek_added_tokens *added, bool normalized,
                       const ek_bert_normalizer *normalizer, const char *where, ek_error *err)
{
    ek_buf pool = {0};
    ek_trie_entry *entries = ek_calloc(added->count, sizeof *entries);
    ek_status status = EK_OK;
    if (entries == NULL) {
        status = ek_error_set(err, EK_E_MEMORY, "out of memory for %zu added tokens", added->count);
    }
    /* Special tokens first: of equal patterns the library takes the first, and it orders them so.
     */
    for (int special = 1; special >= 0; special--) {
        for (size_t i = 0; i < added->count && status == EK_OK; i++) {
            const ek_added_token *token = &added->tokens[i];
            if (token->normalized == normalized && token->special == (special == 1)) {
                ek_trie_entry *entry = &entries[matcher->count++];
                entry->value = (int32_t)i;
                status =
                    pattern_of(&entry->text, &entry->length, &pool, token, normalizer, where, err);
            }
        }
    }
    const char *pooled = ek_buf_text(&pool);
    for (size_t i = 0; i < matcher->count && status == EK_OK; i++) {
        if (entries[i].text == NULL) {
            entries[i].text = pooled;
            pooled += entries[i].length;
        }
        matcher->begins[(unsigned char)entries[i].text[0]] = true;
    }
    if (status == EK_OK) {
        status = ek_trie_init(&matcher->trie, entries, matcher->count, err);
    }
    ek_free(entries);
    ek_buf_deinit(&pool);
    return status;
}

ek_status ek_added_tokens_finish(ek_added_tokens *added, const ek_bert_normalizer *normalizer,
                                 const char *where, ek_error *err)
{
    EK_TRY(build(&added->raw, added, false, normalizer, where, err));
    return build(&added->normalized, added, true, normalizer, where, err);
}

void ek_added_tokens_deinit(ek_added_tokens *added)
{
    for (size_t i = 0; i < added->count; i++) {
        ek_free(added->tokens[i].content);
    }
    ek_free(added->tokens);
    ek_trie_deinit(&added->raw.trie);
    ek_trie_deinit(&added->normalized.trie);
    *added = (ek_added_tokens){0};
}

const ek_added_token *ek_added_tokens_find(const ek_added_tokens *added, const char *content)
{
    for (size_t i = 0; i < added->count; i++) {
        if (strcmp(added->tokens[i].content, content) == 0) {
            return &added->tokens[i];
        }
    }
    return NULL;
}

const ek_added_token *ek_added_tokens_find_id(const ek_added_tokens *added, int32_t id)
{
    for (size_t i = 0; i < added->count; i++) {
        if (added->tokens[i].id == id) {
            return &added->tokens[i];
        }
    }
    return NULL;
}

ek_added_scan ek_added_scan_begin(const ek_added_tokens *added, bool normalized, bool special,
                                  const char *text, size_t length)
{
    return (ek_added_scan){
        .added = added,
        .matcher = normalized ? &added->normalized : &added->raw,
        .special = special,
        .text = text,
        .end = text + length,
        .at = text,
        .done = text,
    };
}

static bool beside_word(const ek_added_scan *scan, const char *start, const char *stop)
{
    return (start > scan->text && ek_unicode_is_word(ek_utf8_previous(&start))) ||
           (stop < scan->end && ek_unicode_is_word(ek_utf8_next(&stop)));
}

bool ek_added_scan_next(ek_added_scan *scan)
{
    if (scan->finished) {
        return false;
    }
    const ek_added_matcher *matcher = scan->matcher;
    scan->from = scan->done;
    while (matcher->count > 0 && scan->at < scan->end) {
        if (!matcher->begins[(unsigned char)*scan->at]) {
            scan->at++;
            continue;
        }
        size_t length = 0;
        int32_t index = ek_trie_longest(&matcher->trie, EK_TRIE_ROOT, scan->at,
                                        (size_t)(scan->end - scan->at), &length);
        if (index < 0) {
            scan->at++;
            continue;
        }
        const char *start = scan->at;
        const char *stop = start + length;
        scan->at = stop; /* also past a match that is refused */
        const ek_added_token *token = &scan->added->tokens[index];
        if ((token->special && !scan->special) ||
            (token->single_word && beside_word(scan, start, stop))) {
            continue;
        }
        for (const char *space = start; token->lstrip && space > scan->done;) {
            if (!ek_unicode_is_space(ek_utf8_previous(&space))) {
                break;
            }
            start = space;
        }
        for (const char *space = stop; token->rstrip && space < scan->end;) {
            if (!ek_unicode_is_space(ek_utf8_next(&space))) {
                break;
            }
            stop = space;
        }
        scan->to = start > scan->from ? start : scan->from;
        scan->done = stop;
        scan->token = token;
        return true;
    }
    scan->to = scan->end > scan->from ? scan->end : scan->from;
    scan->token = NULL;
    scan->finished = true;
    return true;
}
