#include "data/sampling.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"

static void sort_ascending(uint32_t *values, uint32_t count, uint32_t bound)
{
    /* Marking is linear and needs no comparison: values are distinct and below bound. */
    uint8_t *marks = ek_calloc(bound, 1);
    if (!marks) { /* without memory: insertion, slow and right */
        for (uint32_t i = 1; i < count; i++) {
            uint32_t value = values[i], j = i;
            for (; j > 0 && values[j - 1] > value; j--) {
                values[j] = values[j - 1];
            }
            values[j] = value;
        }
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        marks[values[i]] = 1;
    }
    for (uint32_t value = 0, i = 0; value < bound; value++) {
        if (marks[value]) {
            values[i++] = value;
        }
    }
    ek_free(marks);
}

void ek_sample_subset(uint32_t *out, uint32_t count, uint32_t wanted, uint32_t subset_seed)
{
    if (wanted >= count) {
        for (uint32_t i = 0; i < count; i++) {
            out[i] = i;
        }
        return;
    }
    /* Selection by Floyd (Bentley 1987): `wanted` draws, no room for all count indices. Draw i is
     * keyed by i, so a larger subset of the same seed is a different set; that is as well. */
    uint8_t *taken = ek_calloc(count, 1);
    for (uint32_t i = 0; i < wanted; i++) {
        uint32_t top = count - wanted + i;
        uint32_t draw =
            (uint32_t)ek_random_below(subset_seed, EK_STREAM_SUBSET, 0, 0, i, (uint64_t)top + 1);
        bool repeated = false;
        if (taken) {
            repeated = taken[draw];
        } else {
            for (uint32_t j = 0; j < i && !repeated; j++) {
                repeated = out[j] == draw;
            }
        }
        out[i] = repeated ? top : draw;
        if (taken) {
            taken[out[i]] = 1;
        }
    }
    ek_free(taken);
    sort_ascending(out, wanted, count);
}

void ek_sample_epoch(uint32_t *out, uint32_t count, uint32_t order_seed, uint32_t epoch)
{
    ek_random_permutation(out, count, order_seed, EK_STREAM_ORDER, epoch, 0);
}

/* Marks `wanted` of the class's examples: each is kept or passed over in file order with the
 * probability that leaves the right number (selection sampling, Knuth 3.4.2 S). */
static void mark_class(uint8_t *is_validation, const int32_t *labels, size_t count, int32_t label,
                       bool any, uint64_t size, uint64_t wanted, uint32_t split_seed)
{
    uint64_t left = size;
    for (size_t i = 0; i < count && wanted > 0; i++) {
        if (!any && labels[i] != label) {
            continue;
        }
        if (ek_random_below(split_seed, EK_STREAM_SPLIT, 0, 0, i, left) < wanted) {
            is_validation[i] = 1;
            wanted--;
        }
        left--;
    }
}

void ek_sample_split(uint8_t *is_validation, const int32_t *labels, size_t count,
                     size_t label_count, double fraction, uint32_t split_seed)
{
    memset(is_validation, 0, count);
    bool any = label_count == 0;
    for (size_t label = 0; label < (any ? 1 : label_count); label++) {
        uint64_t size = 0;
        for (size_t i = 0; i < count; i++) {
            size += any || labels[i] == (int32_t)label;
        }
        uint64_t wanted = (uint64_t)floor(fraction * (double)size + 0.5);
        if (wanted == 0 && size >= 2) {
            wanted = 1;
        }
        if (wanted >= size && size >= 2) {
            wanted = size - 1; /* something must stay to train on */
        }
        mark_class(is_validation, labels, count, (int32_t)label, any, size, wanted, split_seed);
    }
}
