#include "text/vocab.h"

#include <string.h>

#include "base/mem.h"

/* Makes room for an id. */
static ek_status grow(ek_vocab *vocab, size_t id, ek_error *err)
{
    if (id < vocab->capacity) {
        return EK_OK;
    }
    size_t capacity = vocab->capacity < 1024 ? 1024 : vocab->capacity;
    while (capacity <= id) {
        capacity *= 2;
    }
    ek_trie_entry *by_id = ek_realloc(vocab->by_id, capacity, sizeof *by_id);
    if (by_id != NULL) {
        vocab->by_id = by_id;
    }
    size_t *place = ek_realloc(vocab->place, capacity, sizeof *place);
    if (place != NULL) {
        vocab->place = place;
    }
    if (by_id == NULL || place == NULL) {
        return ek_error_set(err, EK_E_MEMORY, "out of memory for a vocabulary of %zu ids",
                            capacity);
    }
    memset(by_id + vocab->capacity, 0, (capacity - vocab->capacity) * sizeof *by_id);
    for (size_t i = vocab->capacity; i < capacity; i++) {
        by_id[i].value = -1;
    }
    vocab->capacity = capacity;
    return EK_OK;
}

ek_status ek_vocab_add(ek_vocab *vocab, const char *token, size_t length, int64_t id,
                       const char *where, ek_error *err)
{
    if (id < 0 || id >= EK_VOCAB_MAX_IDS) {
        return ek_error_set(
            err, EK_E_MODEL, "%s: the id of token \"%.*s\" is %lld; supported are ids from 0 to %d",
            where, (int)(length < 64 ? length : 64), token, (long long)id, EK_VOCAB_MAX_IDS - 1);
    }
    EK_TRY(grow(vocab, (size_t)id, err));
    ek_trie_entry *entry = &vocab->by_id[id];
    if (entry->value >= 0) {
        return ek_error_set(err, EK_E_MODEL,
                            "%s: id %lld belongs to two tokens, \"%.64s\" and \"%.*s\"", where,
                            (long long)id, vocab->pool.data + vocab->place[id],
                            (int)(length < 64 ? length : 64), token);
    }
    vocab->place[id] = vocab->pool.length;
    *entry = (ek_trie_entry){.length = length, .value = (int32_t)id};
    vocab->count++;
    if ((size_t)id >= vocab->id_limit) {
        vocab->id_limit = (size_t)id + 1;
    }
    ek_buf_append(&vocab->pool, token, length);
    ek_buf_putc(&vocab->pool, '\0');
    return ek_buf_status(&vocab->pool, err);
}

ek_status ek_vocab_finish(ek_vocab *vocab, const char *where, ek_error *err)
{
    /* The pool no longer moves: places become pointers, and holes are left out of the index. */
    ek_trie_entry *entries = ek_calloc(vocab->count, sizeof *entries);
    if (entries == NULL) {
        return ek_error_set(err, EK_E_MEMORY, "out of memory for a vocabulary of %zu tokens",
                            vocab->count);
    }
    size_t count = 0;
    for (size_t id = 0; id < vocab->id_limit; id++) {
        if (vocab->by_id[id].value >= 0) {
            vocab->by_id[id].text = vocab->pool.data + vocab->place[id];
            entries[count++] = vocab->by_id[id];
        }
    }
    ek_free(vocab->place);
    vocab->place = NULL;
    ek_status status = ek_trie_init(&vocab->trie, entries, count, err);
    ek_free(entries);
    if (status != EK_OK) {
        return ek_error_prefix(err, "%s", where);
    }
    for (size_t id = 0; id < vocab->id_limit; id++) {
        const ek_trie_entry *entry = &vocab->by_id[id];
        int32_t first = entry->text == NULL
                            ? entry->value
                            : ek_trie_find(&vocab->trie, entry->text, entry->length);
        if (first != entry->value) {
            return ek_error_set(err, EK_E_MODEL,
                                "%s: token \"%.64s\" occurs twice, with ids %d and %d; each token "
                                "must have one id",
                                where, entry->text, (int)first, (int)entry->value);
        }
    }
    return EK_OK;
}

void ek_vocab_deinit(ek_vocab *vocab)
{
    ek_buf_deinit(&vocab->pool);
    ek_free(vocab->by_id);
    ek_free(vocab->place);
    ek_trie_deinit(&vocab->trie);
    *vocab = (ek_vocab){0};
}

int32_t ek_vocab_id(const ek_vocab *vocab, const char *token, size_t length)
{
    return ek_trie_find(&vocab->trie, token, length);
}

const char *ek_vocab_token(const ek_vocab *vocab, int32_t id)
{
    return id >= 0 && (size_t)id < vocab->id_limit ? vocab->by_id[id].text : NULL;
}
