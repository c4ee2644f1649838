#include "text/trie.h"

#include <stdbool.h>

#include "base/mem.h"

/* Goes down one byte, adding the edge if it is missing; EK_TRIE_ROOT when the table is half full.
 */
static uint32_t step_or_add(ek_trie *trie, uint32_t *nodes, uint32_t node, unsigned char byte)
{
    uint32_t edge = node << 8 | byte;
    uint32_t mask = (1u << trie->bits) - 1;
    uint32_t slot = ek__trie_hash(edge, trie->bits);
    while (trie->slots[slot].edge != 0) {
        if (trie->slots[slot].edge == edge) {
            return slot;
        }
        slot = (slot + 1) & mask;
    }
    if (*nodes >= (1u << trie->bits) / 2) {
        return EK_TRIE_ROOT;
    }
    ++*nodes;
    trie->slots[slot] = (ek_trie_slot){.edge = edge, .value = -1};
    return slot;
}

/* Enters everything; false when the table is too small. */
static bool fill(ek_trie *trie, const ek_trie_entry *entries, size_t count)
{
    uint32_t nodes = 0;
    trie->slots[EK_TRIE_ROOT] = (ek_trie_slot){.edge = EK_TRIE_NO_EDGE, .value = -1};
    for (size_t i = 0; i < count; i++) {
        uint32_t node = EK_TRIE_ROOT;
        for (size_t at = 0; at < entries[i].length; at++) {
            node = step_or_add(trie, &nodes, node, (unsigned char)entries[i].text[at]);
            if (node == EK_TRIE_ROOT) {
                return false;
            }
        }
        if (trie->slots[node].value < 0) {
            trie->slots[node].value = entries[i].value;
        }
    }
    return true;
}

ek_status ek_trie_init(ek_trie *trie, const ek_trie_entry *entries, size_t count, ek_error *err)
{
    /* Nodes are slots, so a table cannot grow: it is filled anew, twice as large. */
    int bits = 8;
    while (bits < 24 && ((size_t)1 << bits) < 2 * count) {
        bits++;
    }
    for (; bits <= 24; bits++) { /* a node must fit in 24 bits of an edge */
        *trie = (ek_trie){.slots = ek_calloc((size_t)1 << bits, sizeof *trie->slots), .bits = bits};
        if (trie->slots == NULL) {
            return ek_error_set(err, EK_E_MEMORY, "out of memory for a trie of 2^%d nodes", bits);
        }
        if (fill(trie, entries, count)) {
            return EK_OK;
        }
        ek_trie_deinit(trie);
    }
    return ek_error_set(err, EK_E_MODEL,
                        "the vocabulary's %zu tokens are too long together: their trie has more "
                        "than %u nodes",
                        count, EK_TRIE_MAX_NODES);
}

void ek_trie_deinit(ek_trie *trie)
{
    ek_free(trie->slots);
    *trie = (ek_trie){0};
}

uint32_t ek_trie_walk(const ek_trie *trie, const char *text, size_t length)
{
    uint32_t node = EK_TRIE_ROOT;
    for (size_t i = 0; i < length; i++) {
        node = ek_trie_step(trie, node, (unsigned char)text[i]);
        if (node == EK_TRIE_ROOT) {
            break;
        }
    }
    return node;
}

int32_t ek_trie_find(const ek_trie *trie, const char *text, size_t length)
{
    uint32_t node = ek_trie_walk(trie, text, length);
    return node == EK_TRIE_ROOT && length > 0 ? -1 : trie->slots[node].value;
}
