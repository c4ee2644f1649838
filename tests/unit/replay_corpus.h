/* replay_corpus.h - runs a fuzz target on every file of its corpus, as an ordinary test.
 *
 *     #include "../fuzz/fuzz_json.c"
 *     #include "replay_corpus.h"
 *     ... assert_true(replay_corpus(EK_TEST_DIR "/fuzz/corpus/json") > 0);
 */
#ifndef EK_TEST_REPLAY_CORPUS_H
#define EK_TEST_REPLAY_CORPUS_H

#include <dirent.h>
#include <stdint.h>

#include "base/file.h"
#include "base/mem.h"

/* How many files were tried; 0 when the folder cannot be read. Each runs whole, and with every
 * beginning of up to 300 bytes (files cut short are what readers meet most). */
static int replay_corpus(const char *folder)
{
    int count = 0;
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        return 0;
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        ek_buf bytes = {0};
        char *path = entry->d_name[0] == '.' ? NULL : ek_path_join(folder, entry->d_name);
        if (path != NULL && ek_file_read(path, 1 << 20, &bytes, NULL) == EK_OK) {
            const uint8_t *data = (const uint8_t *)ek_buf_text(&bytes);
            LLVMFuzzerTestOneInput(data, bytes.length);
            for (size_t length = 0; length < bytes.length && length < 300; length++) {
                LLVMFuzzerTestOneInput(data, length);
            }
            count++;
        }
        ek_free(path);
        ek_buf_deinit(&bytes);
    }
    closedir(entries);
    return count;
}

#endif
