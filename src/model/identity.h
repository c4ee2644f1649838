/* identity.h - the hash of a model's files, made by a thread of its own while the model is already
 * being loaded and used; private to model.c and checkpoint.c.
 *
 *     ek__identity_start(&identity, config, files, count, &err);
 *     ... read the files' tensors, tokenise, ... but do not fork ...
 *     ek__identity_end(identity, hash);
 *
 * Without instructions for SHA-256 the hash takes longer than all the rest of loading.
 */
#ifndef EK_MODEL_IDENTITY_H
#define EK_MODEL_IDENTITY_H

#include <stddef.h>

#include "base/status.h"
#include "model/safetensors.h"

typedef struct ek_identity ek_identity;

/* SHA-256 of config and then of the bytes of each file. The files, an array by ek_realloc, are
 * taken over (but not by a call that fails) and stay open for reading until ek__identity_end. */
ek_status ek__identity_start(ek_identity **out, const char *config, ek_safetensors *files,
                             size_t count, ek_error *err);
/* Waits for the hash, closes the files and frees everything. With hash NULL nothing is waited for:
 * the thread is told to give up. identity may be NULL: then hash is left alone. */
void ek__identity_end(ek_identity *identity, char hash[65]);

#endif
