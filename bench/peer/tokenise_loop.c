/* Times ek_tokenizer_encode over the lines of a file, for compare.py: what tokenising costs in a
 * run, without reading, writing and start-up.
 *
 *     tokenise_loop MODEL_DIR TEXTS.txt REPEATS
 *
 * A line is a text. Ids are kept in one block, as train/tokens.c does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "text/tokenizer.h"

enum { MAX_SEQ_LENGTH = 128 };

struct line {
    const char *text;
    size_t length;
};

static void fail(const char *message)
{
    fprintf(stderr, "tokenise_loop: %s\n", message);
    exit(1);
}

static struct line *split(const ek_buf *texts, size_t *count)
{
    struct line *lines = NULL;
    size_t capacity = 0;
    const char *at = ek_buf_text(texts), *end = at + strlen(at);
    for (*count = 0; at < end; at++, (*count)++) {
        if (*count == capacity) {
            capacity = capacity * 2 + 1024;
            lines = ek_realloc(lines, capacity, sizeof *lines);
            if (!lines) {
                fail("no memory");
            }
        }
        lines[*count] = (struct line){at, strcspn(at, "\n")};
        at += lines[*count].length;
    }
    return lines;
}

/* All lines into one block of ids and one of segments; returns the number of tokens. */
static size_t encode_all(const ek_tokenizer *tokenizer, const struct line *lines, size_t count,
                         int32_t *ids, int32_t *types)
{
    ek_encode_options options = ek_encode_default_options(MAX_SEQ_LENGTH);
    ek_encoding encoding = {0};
    ek_error err = {0};
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (ek_tokenizer_encode(tokenizer, &options, lines[i].text, lines[i].length, NULL, 0,
                                &encoding, &err) != EK_OK) {
            fail(err.message);
        }
        memcpy(ids + used, encoding.input_ids, encoding.count * sizeof *ids);
        memcpy(types + used, encoding.token_type_ids, encoding.count * sizeof *types);
        used += encoding.count;
    }
    ek_encoding_deinit(&encoding);
    return used;
}

int main(int argc, char **argv)
{
    ek_tokenizer *tokenizer;
    ek_buf texts = {0};
    ek_error err = {0};
    if (argc != 4) {
        fail("usage: tokenise_loop MODEL_DIR TEXTS.txt REPEATS");
    }
    if (ek_tokenizer_open(&tokenizer, argv[1], &err) != EK_OK ||
        ek_file_read(argv[2], (size_t)1 << 30, &texts, &err) != EK_OK) {
        fail(err.message);
    }
    size_t count, tokens = 0;
    struct line *lines = split(&texts, &count);
    printf("{\"texts\":%zu,\"seconds\":[", count);
    for (int repeat = 0; repeat < atoi(argv[3]); repeat++) {
        double began = ek_clock_seconds(); /* the blocks are new each time, as in a run */
        int32_t *ids = ek_calloc(count * MAX_SEQ_LENGTH, sizeof *ids);
        int32_t *types = ek_calloc(count * MAX_SEQ_LENGTH, sizeof *types);
        if (!ids || !types) {
            fail("no memory");
        }
        tokens = encode_all(tokenizer, lines, count, ids, types);
        ek_free(ids);
        ek_free(types);
        printf("%s%.6f", repeat ? "," : "", ek_clock_seconds() - began);
    }
    printf("],\"tokens\":%zu}\n", tokens);
    ek_free(lines);
    ek_buf_deinit(&texts);
    ek_tokenizer_close(tokenizer);
    return 0;
}
