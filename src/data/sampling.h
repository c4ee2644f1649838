/* sampling.h - which examples, in which order: the subset, split and order streams.
 *
 * Every draw is keyed by its own seed (docs/numerics.md, rule 10): a change of one seed changes its
 * effect and nothing else.
 */
#ifndef EK_DATA_SAMPLING_H
#define EK_DATA_SAMPLING_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Indices of `wanted` of count examples, ascending (file order), every subset equally likely, by
 * the subset stream. wanted >= count takes all. */
void ek_sample_subset(uint32_t *out, uint32_t count, uint32_t wanted, uint32_t subset_seed);

/* The order of an epoch (0-based): a permutation of 0..count-1 by the order stream, a fresh one
 * each epoch. */
void ek_sample_epoch(uint32_t *out, uint32_t count, uint32_t order_seed, uint32_t epoch);

/* Marks round(fraction * class size) examples of every class (labels[i] in [0, label_count); label
 * -1 is never marked) as validation by the split stream, at least 1 of each class that has 2 or
 * more. label_count 0: not stratified. */
void ek_sample_split(uint8_t *is_validation, const int32_t *labels, size_t count,
                     size_t label_count, double fraction, uint32_t split_seed);

#endif
