/* The strip plot: every run is one mark, whatever the width, the names and the scores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "report/columns.h"
#include "report/strip_plot.h"

static const double no_baseline = NAN;

static void plot(ek_buf *out, const ek_strip_row *rows, size_t count, double baseline, int width,
                 bool ascii)
{
    ek_table_style style = {.ascii = ascii, .width = width};
    ek_buf_clear(out);
    ek_strip_plot(rows, count, baseline, &style, out);
    assert_false(out->failed);
}

/* No line is wider than width columns. Returns the number of lines. */
static size_t check_width(const char *text, int width)
{
    size_t lines = 0;
    while (*text) {
        size_t length = strcspn(text, "\n");
        char line[2048];
        assert_true(length < sizeof line && text[length] == '\n');
        memcpy(line, text, length);
        line[length] = '\0';
        if (ek_columns_of(line, false) > width) {
            fail_msg("%d columns instead of %d: %s", ek_columns_of(line, false), width, line);
        }
        assert_true(length == 0 || line[length - 1] != ' ');
        text += length + 1;
        lines++;
    }
    return lines;
}

/* Runs that an ASCII plot shows behind the names (`skip` columns), above the axis: marks, and
 * numbers for several. */
static size_t count_runs(const char *text, size_t skip, size_t *crosses)
{
    size_t runs = 0;
    *crosses = 0;
    while (*text) {
        size_t length = strcspn(text, "\n");
        if (memchr(text, '+', length) != NULL) { /* the axis has a tick */
            return runs;
        }
        for (size_t i = skip; i < length; i++) {
            *crosses += text[i] == 'x';
            runs += text[i] == 'o' || text[i] == 'x' ? 1u : 0u;
            runs += text[i] >= '2' && text[i] <= '9' ? (size_t)(text[i] - '0') : 0u;
        }
        text += length + 1;
    }
    fail_msg("no axis");
    return 0;
}

static void one_run(void **state)
{
    (void)state;
    const double score = 0.7;
    ek_strip_row row = {"stable", &score, NULL, 1};
    ek_buf out = {0};
    size_t crosses;
    plot(&out, &row, 1, no_baseline, 80, true);
    assert_int_equal(count_runs(out.data, 11, &crosses), 1);
    assert_int_equal(crosses, 0);
    assert_non_null(strstr(out.data, "70")); /* the axis names the only score */
    assert_null(strstr(out.data, "failed"));
    assert_null(strstr(out.data, "baseline"));
    ek_buf_deinit(&out);
}

static void all_equal(void **state)
{
    (void)state;
    double scores[11];
    for (int i = 0; i < 11; i++) {
        scores[i] = 0.5;
    }
    ek_strip_row row = {"same", scores, NULL, 11};
    ek_buf out = {0};
    size_t crosses;
    for (size_t n = 1; n <= 11; n++) {
        row.count = n;
        plot(&out, &row, 1, 0.5, 60, true);
        assert_int_equal(count_runs(out.data, 11, &crosses), n);
        assert_non_null(strstr(out.data, " percent ")); /* no label touches it */
        assert_int_equal(check_width(out.data, 60), (n < 3 ? n : 3) + 4);
    }
    ek_buf_deinit(&out);
}

/* More than a digit can say is a plus, which is no tick: it stands above the axis. */
static void a_crowd(void **state)
{
    (void)state;
    double scores[30];
    for (int i = 0; i < 30; i++) {
        scores[i] = 0.5;
    }
    ek_strip_row row = {"same", scores, NULL, 30};
    ek_buf out = {0};
    plot(&out, &row, 1, no_baseline, 60, true);
    const char *first_line_end = strchr(out.data, '\n');
    assert_ptr_equal(first_line_end - 1, strchr(out.data, '+'));
    ek_buf_deinit(&out);
}

static void absent_scores(void **state)
{
    (void)state;
    const double scores[] = {NAN, 0.6, INFINITY, 0.7, -INFINITY}, none[] = {NAN};
    ek_strip_row rows[] = {{"a", scores, NULL, 5}, {"b", none, NULL, 1}};
    ek_buf out = {0};
    size_t crosses;
    plot(&out, rows, 2, no_baseline, 80, true);
    assert_int_equal(count_runs(out.data, 11, &crosses), 2);
    plot(&out, rows + 1, 1, no_baseline, 80, true);
    assert_int_equal(out.length, 0);
    plot(&out, rows, 0, no_baseline, 80, true);
    assert_int_equal(out.length, 0);
    ek_buf_deinit(&out);
}

static void failed_and_baseline(void **state)
{
    (void)state;
    const double scores[] = {0.5, 0.5, 0.5, 0.5, 0.9, 0.91};
    const uint8_t failed[] = {1, 1, 0, 1, 0, 0};
    ek_strip_row row = {"devlin", scores, failed, 6};
    ek_buf out = {0};
    size_t crosses;
    plot(&out, &row, 1, 0.5, 80, true);
    assert_int_equal(count_runs(out.data, 11, &crosses), 6);
    assert_int_equal(crosses, 1); /* four in a cell of both kinds: a cross, a dot, a 2 */
    assert_non_null(strstr(out.data, ": baseline 50.0"));
    plot(&out, &row, 1, 0.7, 80, true);
    const char *line = strchr(out.data, ':');
    assert_true(line && line < strstr(out.data, "baseline"));
    plot(&out, &row, 1, 0.49, 80, true); /* out of range: no line, no word of it */
    assert_null(strchr(out.data, ':'));
    plot(&out, &row, 1, 0.7, 80, false);
    assert_non_null(strstr(out.data, "×"));
    assert_non_null(strstr(out.data, "▲"));
    assert_null(strstr(out.data, "\033"));
    ek_table_style colored = {.color = true, .width = 80};
    ek_buf_clear(&out);
    ek_strip_plot(&row, 1, 0.7, &colored, &out);
    assert_non_null(strstr(out.data, "\033[31m×\033[0m"));
    ek_buf_deinit(&out);
}

/* Random scores, as coarse as accuracies are, at every width. */
static void every_run_once(void **state)
{
    (void)state;
    enum { GROUPS = 12, RUNS = 10 };
    double scores[GROUPS][RUNS];
    uint8_t failed[GROUPS][RUNS];
    char names[GROUPS][16];
    ek_strip_row rows[GROUPS];
    for (int g = 0; g < GROUPS; g++) {
        snprintf(names[g], sizeof names[g], "group %d", g);
        for (int i = 0; i < RUNS; i++) {
            scores[g][i] = 0.5 + (double)ek_random_below(7, EK_STREAM_ORDER, (uint32_t)g, 0,
                                                         (uint64_t)i, 20 + 30 * (uint64_t)g) /
                                     1000.0;
            failed[g][i] = scores[g][i] <= 0.51;
        }
        rows[g] = (ek_strip_row){names[g], scores[g], failed[g], RUNS};
    }
    ek_buf out = {0};
    size_t crosses;
    for (int width = 40; width <= 200; width++) {
        for (size_t count = 1; count <= GROUPS; count++) {
            plot(&out, rows, count, 0.51, width, true);
            assert_int_equal(count_runs(out.data, 11, &crosses), count * RUNS);
            assert_true(crosses > 0);
            check_width(out.data, width);
        }
    }
    plot(&out, rows, 1, no_baseline, 0, true);
    check_width(out.data, 80);
    plot(&out, rows, 1, no_baseline, 7, true);
    check_width(out.data, 40);
    ek_buf_deinit(&out);
}

/* Ranges from a thousandth of a percent to far beyond 100: there are always ticks, none too wide.
 */
static void any_range(void **state)
{
    (void)state;
    ek_buf out = {0};
    for (int e = -5; e <= 3; e++) {
        for (int width = 40; width <= 200; width += 7) {
            const double scores[] = {-0.3 * pow(10, e), 0.71 * pow(10, e), 0.1 * pow(10, e)};
            ek_strip_row row = {"r", scores, NULL, 3};
            size_t crosses;
            plot(&out, &row, 1, no_baseline, width, true);
            assert_int_equal(count_runs(out.data, 11, &crosses), 3);
            assert_int_equal(crosses, 0);
            check_width(out.data, width);
            assert_non_null(strstr(out.data, " 0")); /* zero is a tick of every scale */
        }
    }
    ek_buf_deinit(&out);
}

static void names(void **state)
{
    (void)state;
    const double scores[] = {0.5, 0.6};
    ek_strip_row rows[] = {
        {"eine sehr lange Gruppe mit dem Namen größer-als-erlaubt", scores, NULL, 2},
        {"学習率を変えた実験の長い名前です、とても長い", scores, NULL, 2},
        {"e\xCC\x81\xCC\x82 marks", scores, NULL, 2},
        {"bad \xFF\xC3 \033[2J\n", scores, NULL, 2}};
    ek_buf out = {0};
    for (int width = 40; width <= 200; width += 5) {
        for (int ascii = 0; ascii < 2; ascii++) {
            plot(&out, rows, 4, no_baseline, width, ascii != 0);
            assert_int_equal(check_width(out.data, width), 4 * 2 + 3);
            assert_int_equal(ek_utf8_check(out.data, out.length), out.length);
            assert_null(strchr(out.data, '\033'));
        }
    }
    for (size_t i = 0; i < out.length; i++) { /* the last one was ASCII */
        assert_true((unsigned char)out.data[i] < 0x80);
    }
    plot(&out, rows, 4, no_baseline, 80, false);
    assert_non_null(strstr(out.data, "学習率"));
    assert_non_null(strstr(out.data, "…"));
    assert_non_null(strstr(out.data, "bad ?? ?[2J?"));
    ek_buf_deinit(&out);
}

static void columns(void **state)
{
    (void)state;
    ek_buf out = {0};
    assert_int_equal(ek_columns_of("größe", false), 5);
    assert_int_equal(ek_columns_of("学習", false), 4);
    assert_int_equal(ek_columns_of("学習", true), 2);
    assert_int_equal(ek_columns_of("e\xCC\x81", false), 1);
    ek_columns_put(&out, "学習率", 4, false); /* a wide character is not cut in two */
    assert_string_equal(out.data, "学… ");
    ek_buf_clear(&out);
    const char *line = "ab\033[31mcdef\033[0m";
    ek_columns_clip(&out, line, strlen(line), 3);
    assert_string_equal(out.data, "ab\033[31mc\033[0m");
    ek_buf_clear(&out);
    ek_columns_clip(&out, line, strlen(line), 6);
    assert_string_equal(out.data, line);
    ek_buf_deinit(&out);
}

static void no_memory(void **state)
{
    (void)state;
    const double scores[] = {0.5, 0.6};
    ek_strip_row row = {"r", scores, NULL, 2};
    ek_table_style style = {.ascii = true};
    for (long n = 1; n <= 3; n++) {
        ek_buf out = {0};
        ek_mem_fail_after(n);
        ek_strip_plot(&row, 1, no_baseline, &style, &out);
        ek_mem_fail_after(0);
        assert_true(out.failed);
        ek_buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_run),
        cmocka_unit_test(all_equal),
        cmocka_unit_test(a_crowd),
        cmocka_unit_test(absent_scores),
        cmocka_unit_test(failed_and_baseline),
        cmocka_unit_test(every_run_once),
        cmocka_unit_test(any_range),
        cmocka_unit_test(names),
        cmocka_unit_test(columns),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
