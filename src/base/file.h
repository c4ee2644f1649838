/* file.h - files: read with a bound, map read-only, replace atomically.
 *
 * Paths are UTF-8 byte strings. Errors name the path and the system's reason (EK_E_IO unless the
 * caller asks for another code by prefixing or re-coding).
 */
#ifndef EK_BASE_FILE_H
#define EK_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/str.h"

/* Reads a whole file (a pipe too) of at most max_bytes into *out (appends). "-" is standard input.
 */
ek_status ek_file_read(const char *path, size_t max_bytes, ek_buf *out, ek_error *err);

/* A file mapped read-only. data stays valid until ek_map_close; an empty file has size 0. */
typedef struct {
    const unsigned char *data;
    size_t size_bytes;
} ek_map;
ek_status ek_map_open(ek_map *map, const char *path, ek_error *err);
void ek_map_close(ek_map *map); /* an all-zero map is fine */

/* Writes bytes to path.tmp.<pid>, syncs, renames over path: readers see the old or the new file. */
ek_status ek_file_write(const char *path, const void *bytes, size_t count, ek_error *err);
/* The same without syncing: for what is worth nothing after a crash of the machine. */
ek_status ek_file_replace(const char *path, const void *bytes, size_t count, ek_error *err);
ek_status ek_file_copy(const char *from, const char *to, ek_error *err);

bool ek_file_exists(const char *path);
bool ek_dir_exists(const char *path);
/* mkdir -p */
ek_status ek_make_dirs(const char *path, ek_error *err);
/* "dir/name" in new memory (ek_free), name alone when dir is empty; NULL without memory. */
char *ek_path_join(const char *dir, const char *name);
/* The part after the last '/', borrowed from path. */
const char *ek_path_base(const char *path);

#endif
