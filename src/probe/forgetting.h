/* forgetting.h - has fine-tuning made the model forget what it was pre-trained for, and where?
 *
 * The top k layers of a fine-tuned model are replaced by the pre-trained ones, k = 0 .. L, and the
 * perplexity of masked-language modelling is measured on plain text (paper, section 4.1, figure 2).
 * A fine-tuned model has no head for that, and its embeddings belong to it: both are those of the
 * pre-trained model, for every k. So k = L is the pre-trained model itself, and k = 0 shows what
 * happened in the encoder's layers alone. The same tokens are masked for all of them.
 */
#ifndef EK_PROBE_FORGETTING_H
#define EK_PROBE_FORGETTING_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"
#include "probe/runs.h"

typedef struct {
    /* Asked for. */
    const char *text;      /* file of plain text */
    const char *mlm_model; /* folder of the pre-trained model; NULL: the study's */
    uint32_t mask_seed;
    /* Found. */
    const ek_probe_runs *runs; /* borrowed */
    int32_t layers;            /* L */
    size_t blocks;
    int64_t masked_tokens;
    char text_hash[65]; /* of its lines (ek_dataset.hash) */
    double pretrained;  /* perplexity at k = L */
    double *perplexity; /* [runs->count][L + 1] by k */
} ek_forgetting;

/* runs: opened and made. EK_E_MODEL when the pre-trained model has no masked-LM head, or another
 * encoder than the study's. */
ek_status ek_forgetting_measure(ek_forgetting *forgetting, const ek_probe_runs *runs,
                                const ek_probe_control *control, ek_error *err);
void ek_forgetting_free(ek_forgetting *forgetting); /* an all-zero one is fine */
/* The document of DIR/probe/forgetting.json (docs/probes.md). */
void ek_forgetting_json(const ek_forgetting *forgetting, ek_buf *out);

#endif
