#include "model/identity.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"

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

/* A signal is for the thread that waits for something. */
static bool start_thread(ek_identity *identity)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&identity->thread, NULL, hash_files, identity) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
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
    identity->has_thread = start_thread(identity);
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
