/* Any bytes as tokenizer.json, and, after a first byte 'v', as vocab.txt: opened or refused; what
 * is opened encodes a text into ids that have tokens. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer_json.h"
#include "text/vocab_txt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_encoding(const ek_tokenizer *tokenizer)
{
    static const char text[] = "a ab [SEP] \xC3\x89new \xE4\xB8\xAD unable\xCC\x81.";
    ek_encoding out = {0};
    ek_error err = {0};
    for (int max = 0; max <= 20; max += 20) {
        ek_encode_options options = ek_encode_default_options(max);
        ek_status status =
            ek_tokenizer_encode(tokenizer, &options, text, sizeof text - 1, text, 8, &out, &err);
        require(status == EK_OK && out.count <= out.full_count);
        for (size_t i = 0; i < out.count; i++) {
            require(ek_tokenizer_token(tokenizer, out.input_ids[i]) != NULL);
            require(out.token_type_ids[i] == 0 || out.token_type_ids[i] == 1);
        }
    }
    ek_encoding_deinit(&out);
}

static void try_vocab(const char *text, size_t size)
{
    ek_vocab vocab = {0};
    ek_error err = {0};
    ek_status status = ek__vocab_parse_txt(&vocab, text, size, "fuzz", &err);
    require(status == err.code && (status == EK_OK) == (err.message[0] == '\0'));
    for (int32_t id = 0; status == EK_OK && (size_t)id < vocab.id_limit; id++) {
        const char *token = ek_vocab_token(&vocab, id);
        require(token != NULL && ek_vocab_id(&vocab, token, strlen(token)) == id);
    }
    ek_vocab_deinit(&vocab);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 'v') {
        try_vocab((const char *)data + 1, size - 1);
        return 0;
    }
    ek_tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    require(tokenizer != NULL);
    ek_error err = {0};
    ek_status status = ek__tokenizer_parse_json(tokenizer, (const char *)data, size, "fuzz", &err);
    require(status == err.code && (status == EK_OK) == (err.message[0] == '\0'));
    if (status == EK_OK) {
        check_encoding(tokenizer);
    }
    ek_tokenizer_close(tokenizer);
    return 0;
}
