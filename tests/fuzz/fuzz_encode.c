/* Any bytes as a text, or as two with a bar between: encoded, or refused for invalid UTF-8; what
 * is cut fits, and an encoding is repeatable.
 *
 * The first byte chooses tokenizer, limit, rule and whether special tokens count. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* Opened once for all inputs, and never closed: the fuzzer keeps the process. */
static const ek_tokenizer *tokenizer_of(unsigned choice)
{
    static const char *const names[] = {"uncased", "cased", "added", "odd"};
    static ek_tokenizer *opened[4];
    if (opened[choice] == NULL) {
        char dir[512];
        snprintf(dir, sizeof dir, "%s/golden/tokens/%s", EK_TEST_DIR, names[choice]);
        require(ek_tokenizer_open(&opened[choice], dir, NULL) == EK_OK);
    }
    return opened[choice];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const ek_tokenizer *tokenizer = tokenizer_of(data[0] & 3);
    ek_encode_options options =
        ek_encode_default_options((data[0] >> 2 & 7) == 0 ? 0 : 3 + (data[0] >> 2 & 7));
    options.truncation = (data[0] & 32) != 0 ? EK_TRUNCATION_SLOW : EK_TRUNCATION_FAST;
    options.special_in_text = (data[0] & 64) != 0;
    const char *text = (const char *)data + 1;
    size_t length = size - 1;
    const char *pair = NULL;
    size_t pair_length = 0;
    const char *bar = (data[0] & 128) != 0 ? memchr(text, '|', length) : NULL;
    if (bar != NULL) {
        pair = bar + 1;
        pair_length = length - (size_t)(pair - text);
        length = (size_t)(bar - text);
    }
    bool valid = ek_utf8_check(text, length) == length &&
                 (pair == NULL || ek_utf8_check(pair, pair_length) == pair_length);
    ek_encoding cut = {0}, whole = {0};
    ek_error err = {0};
    ek_status status =
        ek_tokenizer_encode(tokenizer, &options, text, length, pair, pair_length, &cut, &err);
    require(status == (valid ? EK_OK : EK_E_DATA));
    if (valid) {
        size_t max = (size_t)options.max_seq_length;
        require(max == 0 || cut.count == (cut.full_count < max ? cut.full_count : max));
        options.max_seq_length = 0;
        for (int again = 0; again < 2; again++) {
            require(ek_tokenizer_encode(tokenizer, &options, text, length, pair, pair_length,
                                        &whole, &err) == EK_OK);
            require(whole.count == cut.full_count && whole.full_count == whole.count);
        }
        size_t unknown = 0;
        for (size_t i = 0; i < whole.count; i++) {
            const char *token = ek_tokenizer_token(tokenizer, whole.input_ids[i]);
            require(token != NULL);
            unknown += strcmp(token, "[UNK]") == 0;
        }
        require(unknown == whole.unknown_count);
    }
    ek_encoding_deinit(&cut);
    ek_encoding_deinit(&whole);
    return 0;
}
