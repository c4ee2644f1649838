#include "model/identity.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "base/thread.h"

struct ek_identity {
    ek_sha256 hash;
    ek_safetensors *files;
    size_t count;
    atomic_bool given_up;
    bool has_thread;
    pthread_t thread;
};

/* Allocates nothing and calls nothing that does: the loading thread goes on meanwhile. */
static void *hash_files(void *argument)
{
    enum { PIECE = 1 << 20 };
    ek_identity *identity = argument;
    for (size_t i = 0; i < identity->count; i++) {
        const ek_map *map = &identity->files[i].map;
        const unsigned char *bytes = map->data;
        for (size_t done = 0; done < map->size_bytes;) {
            if (atomic_load(&identity->given_up)) {
                return NULL;
            }
            size_t left = map->size_bytes - done, part = left < PIECE ? left : PIECE;
            ek_sha256_update(&identity->hash, bytes + done, part);
            done += part;
        }
    }
    return NULL;
}

ek_status ek__identity_start(ek_identity **out, const char *config, ek_safetensors *files,
                             size_t count, ek_error *err)
{
    ek_identity *identity = ek_calloc(1, sizeof *identity);
    *out = identity;
    if (!identity) {
        return ek_error_set(err, EK_E_MEMORY, "no memory to load the model");
    }
    identity->files = files;
    identity->count = count;
    ek_sha256_init(&identity->hash);
    ek_sha256_update(&identity->hash, config, strlen(config));
    identity->has_thread = ek_thread_start(&identity->thread, hash_files, identity);
    return EK_OK;
}

void ek__identity_end(ek_identity *identity, char hash[65])
{
    if (!identity) {
        return;
    }
    atomic_store(&identity->given_up, hash == NULL);
    if (identity->has_thread) {
        pthread_join(identity->thread, NULL);
    } else if (hash) {
        hash_files(identity); /* the system gave no thread */
    }
    if (hash) {
        ek_sha256_hex(&identity->hash, hash);
    }
    for (size_t i = 0; i < identity->count; i++) {
        ek_safetensors_close(&identity->files[i]);
    }
    ek_free(identity->files);
    ek_free(identity);
}
