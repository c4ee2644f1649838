/* checkpoint.h - names in weight files to rows of the parameter table; used by model.c.
 *
 * Files are model.safetensors, or the shards that model.safetensors.index.json names. Prefixes and
 * legacy names are mapped, known foreign tensors (MLM and NSP heads, buffers) are named as such,
 * and every decision is an entry of the load report.
 */
#ifndef EK_MODEL_CHECKPOINT_H
#define EK_MODEL_CHECKPOINT_H

#include "base/status.h"
#include "model/model.h"

/* Fills model->weights, loaded and report from the files in model->dir, and starts
 * model->identity. */
ek_status ek__checkpoint_load(ek_model *model, const ek_model_options *options, ek_error *err);

#endif
