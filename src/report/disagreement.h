/* disagreement.h - how the runs of one group answer the same examples.
 *
 *     ek_group_disagreement d = {0};
 *     ek_group_disagreement_load(&d, store, "stable", &err);
 *     ... d.numbers.churn, d.wrong[0 .. d.wrong_count) ...
 *     ek_group_disagreement_free(&d);
 *
 * At most EK_DISAGREEMENT_RUNS runs are read, the first by id. Examples go by their number in the
 * store.
 */
#ifndef EK_REPORT_DISAGREEMENT_H
#define EK_REPORT_DISAGREEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"
#include "stats/predictions.h"
#include "study/store.h"

enum { EK_DISAGREEMENT_RUNS = 200 };

typedef struct {
    bool known; /* classes, two runs and an example: else nothing below but predictions is set */
    ek_stored_predictions predictions;
    ek_disagreement numbers;
    ek_multi_bootstrap accuracy; /* noise of the seeds, of the examples, of both */
    uint32_t *right; /* [examples] runs that are right; 0 where the truth is not known */
    size_t *wrong;   /* [wrong_count] examples that no run has right */
    size_t wrong_count;
    size_t flipping; /* examples that some runs have right and some wrong */
} ek_group_disagreement;

ek_status ek_group_disagreement_load(ek_group_disagreement *d, ek_store *store, const char *group,
                                     ek_error *err);
void ek_group_disagreement_free(ek_group_disagreement *d); /* an all-zero one is fine */
/* {"group":..,"runs":..,"churn":..,..,"accuracy":{"seeds":{..},..},"always_wrong":[..],"flipping":..}
 */
void ek_group_disagreement_json(const ek_group_disagreement *d, const char *group, ek_buf *out);

#endif
