/* stats_numbers.h - reads tests/golden/stats_predictions.txt or stats_tests.txt: words and numbers
 * between blanks. */
#ifndef EK_TEST_STATS_NUMBERS_H
#define EK_TEST_STATS_NUMBERS_H

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

static ek_buf numbers_text;
static char *numbers_rest;

static inline void numbers_open_file(const char *path)
{
    ek_error err = {0};
    if (ek_file_read(path, 1 << 20, &numbers_text, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    numbers_rest = strchr(numbers_text.data, '\n');
}

static inline void numbers_open(void)
{
    numbers_open_file(EK_TEST_DIR "/golden/stats_predictions.txt");
}

/* Goes behind the next such word; false at the end. */
static inline bool numbers_next(const char *word)
{
    char *token = strtok_r(NULL, " \n", &numbers_rest);
    while (token != NULL && strcmp(token, word) != 0) {
        token = strtok_r(NULL, " \n", &numbers_rest);
    }
    return token != NULL;
}

static inline double number(void)
{
    const char *token = strtok_r(NULL, " \n", &numbers_rest);
    double value;
    assert_non_null(token);
    assert_true(ek_parse_double(token, &value));
    return value;
}

static inline void check_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) {
        fail_msg("got %.17g, the oracle says %.17g", got, want);
    }
}

#endif
