/* Replays the corpora of the readers' fuzz targets, and every beginning of each file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* One target at a time under the name that replay_corpus.h calls. */
#define LLVMFuzzerTestOneInput fuzz_csv
#include "../fuzz/fuzz_csv.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_tsv
#include "../fuzz/fuzz_tsv.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_jsonl
#include "../fuzz/fuzz_jsonl.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_safetensors
#include "../fuzz/fuzz_safetensors.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_study_file
#include "../fuzz/fuzz_study_file.c"
#undef LLVMFuzzerTestOneInput

static int (*target)(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return target(data, size);
}

#include "replay_corpus.h"

static void replay(void **state)
{
    (void)state;
    static const struct {
        int (*target)(const uint8_t *data, size_t size);
        const char *folder;
    } corpora[] = {
        {fuzz_csv, EK_TEST_DIR "/fuzz/corpus/csv"},
        {fuzz_tsv, EK_TEST_DIR "/fuzz/corpus/tsv"},
        {fuzz_jsonl, EK_TEST_DIR "/fuzz/corpus/jsonl"},
        {fuzz_safetensors, EK_TEST_DIR "/fuzz/corpus/safetensors"},
        {fuzz_study_file, EK_TEST_DIR "/fuzz/corpus/study_file"},
    };
    for (size_t i = 0; i < sizeof corpora / sizeof *corpora; i++) {
        target = corpora[i].target;
        assert_true(replay_corpus(corpora[i].folder) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(replay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
