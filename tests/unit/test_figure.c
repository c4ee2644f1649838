/* Figures of the report: drawings made fit for a page, names that are hostile, colours, and whole
 * sets made from a study in memory with and without gnuplot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "figure_study.h"
#include "report/figure_draft.h"
#include "report/figure_gnuplot.h"
#include "report/figure_svg.h"
#include "temp_folder.h"

/* ---- drawings -------------------------------------------------------------------------------- */

static const char hostile_svg[] =
    "<?xml version=\"1.0\"?>\n<!DOCTYPE svg [ ]>\n<!-- <svg> a > comment -->\n"
    "<svg viewBox=\"0 0 540 300\" xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\">\n"
    "<title>Gnuplot</title><desc>Produced by <b>x</b></desc>"
    "<script>alert(2)</script><style>*{fill:red}</style>"
    "<image xlink:href='http://example.org/a.png'/>"
    "<foreignObject><g><path d='M9,9'/></g></foreignObject>"
    "<a href='javascript:alert(3)'><text>inside a link</text></a>"
    "<defs><circle id='gpPt5' r='1' onclick=\"alert(4)\" style='fill:red'/></defs>"
    "<g id=\"gnuplot_canvas\"><g fill=\"none\" color=\"black\" stroke=\"currentColor\">\n</g>"
    "<path class=\"gridline\" stroke='rgb(208, 208, 208)' stroke-dasharray='2,4' d='M1,1\n\tL2,2'/>"
    "<rect fill='white' x='0'/><rect fill='url(#gpPt5)' y='1'/><rect fill='URL(http://x/)' y='2'/>"
    "<path stroke='rgb(  0,   0,   0)' d='M3,3'/><path stroke='rgb(  0, 114, 178)' d='M4,4'/>"
    "<use xlink:href='#gpPt5' color='rgb(213, 94, 0)'/>"
    "<use xlink:href='http://example.org/a.svg#b' x='7'/><use href='#a\"b' x='8'/>"
    "<text fill=\"black\" font-family=\"sans-serif\" font-size=\"15\">&lt;script&gt; &amp; &bad; "
    "'q'"
    "</text></g></svg>";

static char *clean(const char *svg, const char *title, const char *alt)
{
    ek_buf out = {0};
    ek_error err = {0};
    if (ek__svg_clean(svg, "scores", title, alt, &out, &err) != EK_OK) {
        fail_msg("%s", err.message);
    }
    return ek_buf_take(&out);
}

static void test_svg_drops_what_could_act(void **state)
{
    (void)state;
    char *svg = clean(hostile_svg, "T", "A");
    static const char *const unwanted[] = {"script>",  "alert",       "onload",     "onclick",
                                           "<style",   "style=",      "<image",     "http://e",
                                           "http://x", "foreign",     "javascript", "<a ",
                                           "url(",     "<!",          "<?",         "comment",
                                           ">Gnuplot", "link",        "M9,9",       "Produced",
                                           "class=",   "font-family", "xlink"};
    for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++) {
        check_has_not(svg, unwanted[i]);
    }
    ek_free(svg);
}

static void test_svg_follows_the_page(void **state)
{
    (void)state;
    char *svg = clean(hostile_svg, "A <b> & \"c\"", "it's > this");
    assert_ptr_equal(strstr(svg, "<svg "), svg);
    check_has(svg, "viewBox=\"0 0 540 300\" width=\"100%\"");
    check_has(svg, "role=\"img\" aria-labelledby=\"scores-title scores-desc\"");
    check_has(svg, "<title id=\"scores-title\">A &lt;b&gt; &amp; &quot;c&quot;</title>");
    check_has(svg, "<desc id=\"scores-desc\">it&#39;s &gt; this</desc>");
    check_has(svg, "id=\"scores-gpPt5\"");
    check_has(svg, "href=\"#scores-gpPt5\"");
    check_has(svg, "href=\"#scores-a&quot;b\"");
    check_has(svg, "id=\"scores-gnuplot_canvas\"");
    check_has(svg, "stroke=\"currentColor\" stroke-opacity=\"0.15\"");
    check_has(svg, "<rect fill=\"none\" x=\"0\"/>");
    check_has(svg, "<rect y=\"1\"/><rect y=\"2\"/>");
    check_has(svg, "<path stroke=\"currentColor\" d=\"M3,3\"/>");
    check_has(svg, "<path stroke=\"rgb(  0, 114, 178)\" d=\"M4,4\"/>");
    check_has(svg, "<use x=\"7\"/>");
    check_has(svg, "&lt;script&gt; &amp; &amp;bad; &#39;q&#39;</text>");
    check_has_not(svg, "stroke-dasharray");
    check_has_not(svg, "color=\"black\"");
    check_has_not(svg, "<g fill=\"none\""); /* it was empty */
    ek_free(svg);
}

/* Every beginning of a drawing is refused, in words, without a crash. */
static void test_svg_cut_short(void **state)
{
    (void)state;
    size_t length = strlen(hostile_svg);
    for (size_t i = 0; i < length; i++) {
        char *cut = ek_strndup(hostile_svg, i);
        ek_buf out = {0};
        ek_error err = {0};
        assert_int_equal(ek__svg_clean(cut, "scores", "T", "A", &out, &err), EK_E_DATA);
        check_has(err.message, "gnuplot's drawing cannot be read");
        ek_buf_deinit(&out);
        ek_free(cut);
    }
}

static void test_svg_refuses(void **state)
{
    (void)state;
    char deep[3000] = "<svg viewBox='0 0 1 1'>";
    for (int i = 0; i < 300; i++) {
        strcat(deep, "<g>");
    }
    const char *const bad[] = {"",
                               "plain",
                               "<html></html>",
                               "<svg></svg>",
                               "<svg viewBox='0 0 1 1'/>",
                               "<svg viewBox='url(x)'></svg>",
                               "<svg viewBox='0 0 1 1'><g></path></svg>",
                               "<svg viewBox='0 0 1 1'></g></svg>",
                               "<svg viewBox='0 0 1 1'><g a=b></g></svg>",
                               "<svg viewBox='0 0 1 1'>< g></svg>",
                               deep};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ek_buf out = {0};
        ek_error err = {0};
        assert_int_equal(ek__svg_clean(bad[i], "scores", "T", "A", &out, &err), EK_E_DATA);
        ek_buf_deinit(&out);
    }
}

/* ---- colours --------------------------------------------------------------------------------- */

static double channel(unsigned value)
{
    double c = value / 255.0;
    return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

/* Relative luminance, WCAG 2. */
static double luminance(const char *hex)
{
    unsigned rgb = (unsigned)strtoul(hex + 1, NULL, 16);
    return 0.2126 * channel(rgb >> 16 & 255) + 0.7152 * channel(rgb >> 8 & 255) +
           0.0722 * channel(rgb & 255);
}

static double contrast(const char *a, const char *b)
{
    double x = luminance(a), y = luminance(b);
    return (fmax(x, y) + 0.05) / (fmin(x, y) + 0.05);
}

static void test_contrast(void **state)
{
    (void)state;
    /* the function itself: its ends, and yellow of the same palette, which is known to be faint */
    assert_true(fabs(contrast("#000000", "#ffffff") - 21) < 1e-9);
    assert_true(contrast("#F0E442", "#ffffff") < 3);
    for (size_t i = 0; i < EK_FIGURE_COLORS; i++) {
        const char *color = ek__figure_colors[i];
        if (contrast(color, "#ffffff") < 3 || contrast(color, "#16181d") < 3) {
            fail_msg("%s: contrast %.2f on white, %.2f on dark", color, contrast(color, "#ffffff"),
                     contrast(color, "#16181d"));
        }
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(color, ek__figure_colors[k]);
            assert_int_not_equal(ek__figure_points[i], ek__figure_points[k]);
        }
    }
    assert_true(contrast("#808080", "#ffffff") >= 3 && contrast("#808080", "#16181d") >= 3);
}

/* ---- names ----------------------------------------------------------------------------------- */

static void check_line(const char *text, size_t most, const char *wanted)
{
    ek_buf out = {0};
    ek__figure_line(&out, text, most);
    assert_string_equal(ek_buf_text(&out), wanted);
    assert_true(most == 0 || ek__figure_columns(ek_buf_text(&out)) <= most);
    assert_int_equal(ek_utf8_check(ek_buf_text(&out), out.length), out.length);
    ek_buf_deinit(&out);
}

static void test_lines(void **state)
{
    (void)state;
    check_line("plain", 24, "plain");
    check_line("a\tb\nc\rd\x7f"
               "e",
               0, "a b c d e");
    check_line("bad \xff\xc3", 0, "bad \xef\xbf\xbd\xef\xbf\xbd");
    check_line("right\xe2\x80\xaeleft", 0, "right left"); /* U+202E turns text around */
    check_line("0123456789", 5,
               "01\xe2\x80\xa6"
               "89");
    check_line("0123456789", 10, "0123456789");
    /* wide characters take two columns each */
    check_line("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5", 8,
               "\xe6\x97\xa5\xe6\x9c\xac"
               "\xe8\xaa\x9e\xe6\x97\xa5");
    check_line("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5", 7,
               "\xe6\x97\xa5\xe2\x80\xa6\xe6\x97\xa5");
    check_line("", 24, "");
}

static void test_gnuplot_string(void **state)
{
    (void)state;
    ek_buf out = {0};
    ek__gp_string(&out, "it's `date` \"$x\"\n@a \\n");
    assert_string_equal(ek_buf_text(&out), "'it''s `date` \"$x\" @a \\n'");
    ek_buf_deinit(&out);
}

/* ---- sets ------------------------------------------------------------------------------------ */

static void test_whole_set(void **state)
{
    (void)state;
    ek_store *store = make_study(NULL, true, false);
    ek_figure_set set = {0};
    char dir[300], again[300];
    snprintf(dir, sizeof dir, "%s", temp_path("plain"));
    snprintf(again, sizeof again, "%s", temp_path("again"));
    make_set(&set, store, NULL, dir);
    static const char *const wanted[] = {
        "scores",         "loss_curves",       "score_curves",
        "gradient_norms", "score_over_epochs", "loss_against_score"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        find(&set, wanted[i]);
    }
    for (size_t i = 0; i < set.count; i++) {
        const ek_figure *figure = &set.items[i];
        check_table(figure->tsv);
        assert_true(in_folder(dir, figure->id, ".tsv") && in_folder(dir, figure->id, ".gp"));
        assert_true(strlen(figure->title) > 0 && strlen(figure->alt) > 0);
        assert_true(strlen(figure->caption) > 60);
        assert_int_equal(set.gnuplot, figure->svg != NULL);
        if (figure->svg) {
            check_has(figure->svg, "role=\"img\"");
            check_has_not(figure->svg, "NaN");
        }
    }
    const ek_figure *scores = find(&set, "scores");
    check_has(scores->caption, "n = 8");
    check_has(scores->caption, "most frequent label (50.0 %)");
    check_has(scores->alt, "devlin: 4 runs, 2 failed, from 50.0 to 80.0");
    check_has(find(&set, "loss_curves")->caption, "devlin 2 successful, 2 failed");
    check_has(find(&set, "loss_against_score")->caption, "1 runs without a finite loss");
    check_has(find(&set, "gradient_norms")->tsv, "\n1\t5\t"); /* the root of 3 * 3 + 4 * 4 */
    check_has(find(&set, "expected_best")->tsv, "\n1\t63.75\t4\tdevlin\n"); /* the mean */
    check_has(find(&set, "expected_best")->tsv, "\n4\t80\t4\tdevlin\n");    /* the best */
    check_has(find(&set, "disagreement")->caption, "devlin: 4 of 4 runs");
    check_has(find(&set, "disagreement")->tsv, "\n0\t1\t0\t1\t1\t2\t"); /* both failed alike */
    /* the same study gives the same bytes */
    ek_figure_set twice = {0};
    make_set(&twice, store, NULL, again);
    assert_int_equal(twice.count, set.count);
    for (size_t i = 0; i < set.count; i++) {
        assert_string_equal(set.items[i].tsv, twice.items[i].tsv);
        assert_true(!set.gnuplot || strcmp(set.items[i].svg, twice.items[i].svg) == 0);
    }
    ek_figures_free(&set);
    ek_figures_free(&twice);
    ek_store_close(store);
}

static void test_hostile_names(void **state)
{
    (void)state;
    ek_store *store = make_study(hostile_names, true, false);
    ek_figure_set set = {0};
    char dir[300];
    snprintf(dir, sizeof dir, "%s", temp_path("hostile"));
    make_set(&set, store, NULL, dir);
    for (size_t i = 0; i < set.count; i++) {
        check_table(set.items[i].tsv);
        assert_int_equal(ek_utf8_check(set.items[i].tsv, strlen(set.items[i].tsv)),
                         strlen(set.items[i].tsv));
        if (set.items[i].svg) {
            check_has_not(set.items[i].svg, "<script");
        }
    }
    if (set.gnuplot) { /* the names are there, as text */
        check_has(find(&set, "scores")->svg, "`touch");
        check_has(find(&set, "scores")->svg, "\xe6\x97\xa5\xe6\x9c\xac");
    }
    assert_false(in_folder(dir, "HACKED", ""));
    assert_false(ek_file_exists("HACKED"));
    ek_figures_free(&set);
    ek_store_close(store);
}

/* Every initialisation with every order: only then is the spread split up. */
static void test_sources_of_variance(void **state)
{
    (void)state;
    ek_store *store = make_study(NULL, true, true);
    ek_figure_set set = {0};
    make_set(&set, store, NULL, temp_path("product"));
    const ek_figure *figure = find(&set, "variance_by_source");
    check_table(figure->tsv);
    check_has(figure->caption, "stable: 2 initialisations, 3 orders, n = 6");
    /* in finish_run the score of stable follows the init seed alone: 66 and 71, variance 12.5 */
    check_has(figure->tsv, "\t12.5\t0\t0\tinit\tstable\n");
    ek_figures_free(&set);
    ek_store_close(store);
    store = make_study(NULL, true, false);
    make_set(&set, store, NULL, temp_path("no_product"));
    for (size_t i = 0; i < set.count; i++) {
        assert_string_not_equal(set.items[i].id, "variance_by_source");
    }
    ek_figures_free(&set);
    ek_store_close(store);
}

static void test_without_runs(void **state)
{
    (void)state;
    ek_store *store = make_study(NULL, false, false);
    ek_figure_set set = {0};
    make_set(&set, store, NULL, temp_path("empty"));
    assert_int_equal(set.count, 0);
    ek_figures_free(&set);
    ek_store_close(store);
}

static void test_without_gnuplot(void **state)
{
    (void)state;
    char *path = ek_strdup(getenv("PATH") ? getenv("PATH") : "");
    char dir[300];
    ek_store *store = make_study(NULL, true, false);
    ek_figure_set set = {0};
    snprintf(dir, sizeof dir, "%s", temp_path("bare"));
    setenv("PATH", "/nowhere", 1);
    make_set(&set, store, NULL, dir);
    setenv("PATH", path, 1);
    ek_free(path);
    assert_false(set.gnuplot);
    assert_true(set.count >= 6);
    for (size_t i = 0; i < set.count; i++) {
        assert_null(set.items[i].svg);
        assert_true(in_folder(dir, set.items[i].id, ".tsv"));
        assert_true(in_folder(dir, set.items[i].id, ".gp"));
        assert_false(in_folder(dir, set.items[i].id, ".svg"));
    }
    ek_figures_free(&set);
    ek_store_close(store);
}

/* Whichever allocation fails, the error says so and nothing is left behind (sanitizers look). */
static void test_without_memory(void **state)
{
    (void)state;
    ek_error err = {0};
    char *path = ek_strdup(getenv("PATH") ? getenv("PATH") : "");
    ek_store *store = make_study(NULL, true, true);
    ek_group_table table = {0};
    const ek_figure_options options = {0};
    size_t refused = 0;
    ek_status status = EK_E_MEMORY;
    assert_int_equal(ek_group_table_load(&table, store, &err), EK_OK);
    setenv("PATH", "/nowhere", 1);
    for (long n = 1; n < 1000000; n += 1 + n / 4) {
        ek_figure_set set = {0};
        ek_mem_fail_after(n);
        status = ek_figures_make(&set, &table, store, NULL, temp_path("memory"), &options, &err);
        ek_mem_fail_after(0);
        refused += status == EK_E_MEMORY;
        assert_true(status == EK_OK || status == EK_E_MEMORY);
        ek_figures_free(&set);
    }
    setenv("PATH", path, 1);
    ek_free(path);
    assert_int_equal(status, EK_OK); /* the last n is beyond all allocations */
    assert_true(refused > 20);
    ek_group_table_free(&table);
    ek_store_close(store);
}

/* ---- gnuplot --------------------------------------------------------------------------------- */

static ek_status run_script(const char *text, double limit, ek_error *err)
{
    const char *scripts[] = {"one.gp"};
    bool found;
    assert_int_equal(ek_file_write(temp_path("one.gp"), text, strlen(text), err), EK_OK);
    ek_status status = ek__gnuplot_run(temp_folder, scripts, 1, false, limit, &found, err);
    assert_true(found);
    return status;
}

static void test_gnuplot_fails_in_words(void **state)
{
    (void)state;
    if (!have_gnuplot()) {
        skip();
    }
    ek_error err = {0};
    assert_int_equal(run_script("set output 'x'\n", 10, &err), EK_OK);
    assert_int_equal(run_script("plot 'missing.tsv'\n", 10, &err), EK_E_IO);
    check_has(err.message, "gnuplot could not draw");
    check_has(err.message, "missing.tsv");
    /* it never waits for input, and never for long */
    assert_int_equal(run_script("pause -1\n", 10, &err), EK_OK);
    assert_int_equal(run_script("while (1) { x = 1 }\n", 0.3, &err), EK_E_IO);
    check_has(err.message, "took more than");
    assert_int_equal(run_script("set nonsense\n", 10, &err), EK_E_IO);
    check_has(err.message, "line 1:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_svg_drops_what_could_act),
        cmocka_unit_test(test_svg_follows_the_page),
        cmocka_unit_test(test_svg_cut_short),
        cmocka_unit_test(test_svg_refuses),
        cmocka_unit_test(test_contrast),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_gnuplot_string),
        cmocka_unit_test(test_whole_set),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_sources_of_variance),
        cmocka_unit_test(test_without_runs),
        cmocka_unit_test(test_without_gnuplot),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_gnuplot_fails_in_words),
    };
    return cmocka_run_group_tests(tests, temp_folder_make, temp_folder_remove);
}
