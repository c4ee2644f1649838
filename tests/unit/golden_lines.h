/* golden_lines.h - walks over the lines of tests/golden/tokens.txt (make_tokens.py says what is in
 * them): fields between blanks, texts in hexadecimal.
 *
 *     golden_open();
 *     while (golden_next("cut")) { ... golden_field(), golden_number(), golden_text() ... }
 *     golden_close();
 */
#ifndef EK_TEST_GOLDEN_LINES_H
#define EK_TEST_GOLDEN_LINES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static FILE *golden_file;
static char *golden_line;
static size_t golden_line_size;
static char *golden_rest; /* of the line, for the next field */

static inline void golden_open(void)
{
    golden_file = fopen(EK_TEST_DIR "/golden/tokens.txt", "r");
    assert_non_null(golden_file);
}

static inline void golden_close(void)
{
    fclose(golden_file);
    free(golden_line);
    golden_file = NULL;
    golden_line = NULL;
    golden_line_size = 0;
}

/* The next field, NULL at the end of the line. */
static inline char *golden_field(void)
{
    return strtok_r(NULL, " \n", &golden_rest);
}

/* The first field of the next line, NULL at the end of the file. */
static inline char *golden_next_line(void)
{
    if (getline(&golden_line, &golden_line_size, golden_file) < 0) {
        return NULL;
    }
    return strtok_r(golden_line, " \n", &golden_rest);
}

/* Goes to the next line of a kind. */
static inline bool golden_next(const char *kind)
{
    for (char *word = golden_next_line(); word != NULL; word = golden_next_line()) {
        if (strcmp(word, kind) == 0) {
            return true;
        }
    }
    return false;
}

static inline long golden_number(void)
{
    const char *field = golden_field();
    assert_non_null(field);
    return strtol(field, NULL, 10);
}

/* The next field as text; false for none. The buffer is cleared first. */
static inline bool golden_text(ek_buf *out)
{
    const char *field = golden_field();
    assert_non_null(field);
    ek_buf_clear(out);
    if (strcmp(field, "-") == 0) {
        return false;
    }
    for (; field[0] != '.' && field[0] != '\0'; field += 2) {
        char pair[3] = {field[0], field[1], '\0'};
        ek_buf_putc(out, (char)strtoul(pair, NULL, 16));
    }
    return true;
}

#endif
