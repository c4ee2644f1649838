/* Running text: its lines, the validation text cut from it, the blocks of its tokens; and no memory
 * at every point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "model/model.h"
#include "temp_folder.h"
#include "train/tokens.h"

#define MODEL EK_TEST_DIR "/golden/tiny_mlm"
static ek_error err;

static const char *written(const char *name, const char *text)
{
    const char *path = temp_path(name);
    assert_int_equal(ek_file_write(path, text, strlen(text), &err), EK_OK);
    return path;
}

static void check_line(const ek_example *example, const char *text, size_t line)
{
    assert_int_equal(example->text_length, strlen(text));
    assert_memory_equal(example->text, text, strlen(text));
    assert_int_equal(example->line, line);
    assert_int_equal(example->label, -1);
}

static void lines(void **state)
{
    (void)state;
    ek_dataset data;
    const char *path = written("a.txt", "a film\n\nthe plot\nno end"); /* no newline at the end */
    assert_int_equal(ek_dataset_load_text(&data, NULL, path, 0, &err), EK_OK);
    const ek_split *split = &data.split[EK_SPLIT_VALIDATION];
    assert_int_equal(split->count, 4);
    assert_int_equal(split->empty_count, 1);
    check_line(&split->examples[0], "a film", 1);
    check_line(&split->examples[1], "", 2);
    check_line(&split->examples[2], "the plot", 3);
    check_line(&split->examples[3], "no end", 4);
    assert_int_equal(data.problem, EK_PROBLEM_MASKED_LM);
    ek_dataset_free(&data);
}

static void cut(void **state)
{
    (void)state;
    ek_dataset data;
    const char *path = written("b.txt", "a\nb\nc\nd\ne\nf\ng\n");
    assert_int_equal(ek_dataset_load_text(&data, path, NULL, 0.3, &err), EK_OK);
    assert_int_equal(data.split[EK_SPLIT_TRAIN].count, 5);
    assert_int_equal(data.split[EK_SPLIT_VALIDATION].count, 2);
    check_line(&data.split[EK_SPLIT_TRAIN].examples[4], "e", 5);
    check_line(&data.split[EK_SPLIT_VALIDATION].examples[0], "f", 6);
    assert_true(data.validation_drawn);
    assert_non_null(strstr(data.notes, "the last 2 of 7 lines"));
    ek_dataset_free(&data);
    path = written("one.txt", "a b c\n");
    assert_int_equal(ek_dataset_load_text(&data, path, NULL, 0.3, &err), EK_E_DATA);
    assert_non_null(strstr(err.message, "--validation-file"));
    assert_int_equal(ek_dataset_load_text(&data, NULL, temp_path("none.txt"), 0, &err), EK_E_IO);
}

static ek_model_config config;
static ek_tokenizer *tokenizer;

static int set_up(void **state)
{
    return temp_folder_make(state) || ek_model_config_load(&config, MODEL, &err) != EK_OK ||
           ek_tokenizer_open(&tokenizer, MODEL, &err) != EK_OK;
}

static int tear_down(void **state)
{
    ek_tokenizer_close(tokenizer);
    ek_model_config_free(&config);
    return temp_folder_remove(state);
}

static ek_status blocks_of(ek_token_set *set, const char *path, int64_t max_seq_length)
{
    ek_dataset data = {0};
    ek_recipe recipe = {.max_seq_length = max_seq_length};
    *set = (ek_token_set){0};
    ek_status status = ek_dataset_load_text(&data, NULL, path, 0, &err);
    if (status == EK_OK) {
        status = ek_token_set_build_blocks(set, tokenizer, &data, EK_SPLIT_VALIDATION, &recipe,
                                           &config, &err);
    }
    ek_dataset_free(&data);
    return status;
}

/* The words of the tiny vocabulary begin at id 5: "the a an of to and in is". */
static void blocks(void **state)
{
    (void)state;
    ek_token_set set;
    const char *path = written("c.txt", "the a an\nof to\n\nand in is\n");
    assert_int_equal(blocks_of(&set, path, 5), EK_OK);
    static const int32_t expected[3][5] = {{2, 5, 6, 7, 3}, {2, 8, 9, 10, 3}, {2, 11, 12, 3}};
    assert_int_equal(set.count, 3);
    assert_int_equal(set.max_length, 5);
    assert_int_equal(set.token_count, 14);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(set.examples[i].length, i < 2 ? 5 : 4);
        assert_memory_equal(set.examples[i].input_ids, expected[i],
                            (size_t)set.examples[i].length * sizeof(int32_t));
        assert_null(set.examples[i].token_type_ids);
    }
    assert_int_equal(set.mask.mask_id, 4);
    ek_token_set_free(&set);

    /* What looks like a special token is text: [SEP] is a bracket, letters, a bracket. */
    assert_int_equal(blocks_of(&set, written("d.txt", "the [SEP] a"), 16), EK_OK);
    for (int32_t p = 1; p + 1 < set.examples[0].length; p++) {
        assert_int_not_equal(set.examples[0].input_ids[p], 3);
    }
    ek_token_set_free(&set);
    assert_int_equal(blocks_of(&set, path, 41), EK_E_USAGE); /* the model has 40 positions */
}

static void without_memory(void **state)
{
    (void)state;
    const char *path = written("e.txt", "the a an of to and in is\n");
    bool finished = false;
    long n = 1;
    for (; n < 5000 && !finished; n++) {
        ek_token_set set;
        ek_mem_fail_after(n);
        ek_status status = blocks_of(&set, path, 5);
        ek_mem_fail_after(0);
        assert_true(status == EK_OK || status == EK_E_MEMORY);
        finished = status == EK_OK;
        ek_token_set_free(&set);
    }
    assert_true(finished && n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(cut),
        cmocka_unit_test(blocks),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
