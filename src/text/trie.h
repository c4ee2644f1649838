/* trie.h - strings to numbers, byte by byte: finds the longest entry that begins a text.
 *
 * All edges of the trie live in one hash table, and a node is the slot of the edge that leads to
 * it, so a step is one probe of 8 bytes and a vocabulary of 30,000 pieces takes 2 MB. Built once,
 * then immutable; ek_trie_deinit frees it.
 */
#ifndef EK_TEXT_TRIE_H
#define EK_TEXT_TRIE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define EK_TRIE_ROOT      0u
#define EK_TRIE_MAX_NODES (1u << 23)
#define EK_TRIE_NO_EDGE   UINT32_MAX /* in the root's slot: no UTF-8 has the byte 255 */

typedef struct {
    uint32_t edge; /* parent << 8 | byte; 0: free */
    int32_t value; /* -1: no entry ends here */
} ek_trie_slot;

typedef struct {
    ek_trie_slot *slots; /* [1 << bits]; slot 0 is the root */
    int bits;
} ek_trie;

typedef struct {
    const char *text; /* no NUL bytes */
    size_t length;
    int32_t value; /* >= 0 */
} ek_trie_entry;

/* Of two entries with the same text the first counts. EK_E_MODEL when the trie would pass
 * EK_TRIE_MAX_NODES. */
ek_status ek_trie_init(ek_trie *trie, const ek_trie_entry *entries, size_t count, ek_error *err);
void ek_trie_deinit(ek_trie *trie); /* an all-zero trie is fine */

static inline uint32_t ek__trie_hash(uint32_t edge, int bits)
{
    return (edge * 0x9E3779B1u) >> (32 - bits); /* Knuth's multiplicative hash */
}

/* The node one byte below node, or EK_TRIE_ROOT when there is none. */
static inline uint32_t ek_trie_step(const ek_trie *trie, uint32_t node, unsigned char byte)
{
    uint32_t edge = node << 8 | byte;
    uint32_t mask = (1u << trie->bits) - 1;
    for (uint32_t slot = ek__trie_hash(edge, trie->bits);; slot = (slot + 1) & mask) {
        uint32_t found = trie->slots[slot].edge;
        if (found == 0) { /* asked first: the edge of the root and a NUL is 0 too */
            return EK_TRIE_ROOT;
        }
        if (found == edge) {
            return slot;
        }
    }
}

/* The node of a text, or EK_TRIE_ROOT when nothing begins so (or length is 0). */
uint32_t ek_trie_walk(const ek_trie *trie, const char *text, size_t length);
/* The value of exactly this text, or -1. */
int32_t ek_trie_find(const ek_trie *trie, const char *text, size_t length);
/* The longest entry, of at least one byte, that begins the text, going down from node: its value
 * and its length in bytes, or -1. */
static inline int32_t ek_trie_longest(const ek_trie *trie, uint32_t node, const char *text,
                                      size_t length, size_t *matched)
{
    int32_t value = -1;
    for (size_t i = 0; i < length; i++) {
        node = ek_trie_step(trie, node, (unsigned char)text[i]);
        if (node == EK_TRIE_ROOT) {
            break;
        }
        if (trie->slots[node].value >= 0) {
            value = trie->slots[node].value;
            *matched = i + 1;
        }
    }
    return value;
}

#endif
