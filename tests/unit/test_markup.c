/* Text of a store inside HTML, Markdown, LaTeX and the shell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/markup.h"

typedef void put_text(ek_buf *out, const char *text);

static void expect_text(put_text *put, const char *text, const char *wanted)
{
    ek_buf out = {0};
    put(&out, text);
    assert_string_equal(ek_buf_text(&out), wanted);
    ek_buf_deinit(&out);
}

static void html(void **state)
{
    (void)state;
    expect_text(ek_html_text, "a <b> & \"c\" 'd'", "a &lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
    expect_text(ek_html_text, "lines\n\tstay, \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 too",
                "lines\n\tstay, \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 too");
    expect_text(ek_html_text, "", "");
}

/* Bytes that are no text, controls, and what turns the direction of writing. */
static void harmful(void **state)
{
    (void)state;
    expect_text(ek_html_text, "a\x01z\x7F", "a\xEF\xBF\xBDz\xEF\xBF\xBD");
    expect_text(ek_html_text, "\xFF\xC3(", "\xEF\xBF\xBD\xEF\xBF\xBD(");
    expect_text(ek_html_text, "cut \xE2\x82", "cut \xEF\xBF\xBD\xEF\xBF\xBD");
    expect_text(ek_html_text, "\xC0\xBC", "\xEF\xBF\xBD\xEF\xBF\xBD"); /* an overlong '<' */
    expect_text(ek_html_text, "x\xE2\x80\xAEy", "x\xEF\xBF\xBDy");     /* U+202E */
    expect_text(ek_html_text, "x\xE2\x81\xA6y", "x\xEF\xBF\xBDy");     /* U+2066 */
    expect_text(ek_html_text, "x\xC2\x85y", "x\xEF\xBF\xBDy");         /* U+0085 */
    expect_text(ek_html_text, "\xE2\x80\x93", "\xE2\x80\x93");         /* a dash is fine */
}

/* A length may end inside a character: that is no character then. */
static void html_of_a_length(void **state)
{
    (void)state;
    ek_buf out = {0};
    ek_html_text_n(&out, "ab\xC3\xA9", 3);
    assert_string_equal(ek_buf_text(&out), "ab\xEF\xBF\xBD");
    ek_buf_clear(&out);
    ek_html_text_n(&out, "a<b", 2);
    assert_string_equal(ek_buf_text(&out), "a&lt;");
    ek_buf_deinit(&out);
}

static void markdown(void **state)
{
    (void)state;
    expect_text(ek_markdown_text, "a|b\n<i>*c*_d_`e`[f](g)#~!",
                "a\\|b &lt;i&gt;\\*c\\*\\_d\\_\\`e\\`\\[f\\](g)\\#\\~\\!");
    expect_text(ek_markdown_text, "a: http://x @you \\", "a: http&#58;//x &#64;you \\\\");
}

static void latex(void **state)
{
    (void)state;
    expect_text(ek_latex_text, "a_b & 5 % of $x^2$ {#~}",
                "a\\_b \\& 5 \\% of \\$x\\textasciicircum{}2\\$ \\{\\#\\textasciitilde{}\\}");
    expect_text(ek_latex_text, "\\input{x}[1]*", "\\textbackslash{}input\\{x\\}[1]*");
    /* At the start of a row, and pairs that fonts make one sign of. */
    expect_text(ek_latex_text, "[1]", "{[}1]");
    expect_text(ek_latex_text, "*", "{*}");
    expect_text(ek_latex_text, "a--b,,c''d Fisher's", "a{-}-b{,},c\\textquotesingle{}'d Fisher's");
}

static void shell(void **state)
{
    (void)state;
    expect_text(ek_shell_word, "my-study_1.2", "my-study_1.2");
    expect_text(ek_shell_word, "", "''");
    expect_text(ek_shell_word, "a b", "'a b'");
    expect_text(ek_shell_word, "$(rm x) 'y'", "'$(rm x) '\\''y'\\'''");
}

static void homes(void **state)
{
    (void)state;
    expect_text(ek_without_homes, "/home/ann/models/x", "~/models/x");
    expect_text(ek_without_homes, "model: \"/root/.cache/m\"\ndata: \"/home/ann/d\"\n",
                "model: \"~/.cache/m\"\ndata: \"~/d\"\n");
    expect_text(ek_without_homes, "/Users/ann", "~");
    expect_text(ek_without_homes, "a=/home/ann,b=/home/bob/x", "a=~,b=~/x");
    /* No home: another folder of that name, the parent alone, a longer name. */
    expect_text(ek_without_homes, "/data/home/ann/x", "/data/home/ann/x");
    expect_text(ek_without_homes, "/home/", "/home/");
    expect_text(ek_without_homes, "/rooted/x", "/rooted/x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(html),     cmocka_unit_test(harmful), cmocka_unit_test(html_of_a_length),
        cmocka_unit_test(markdown), cmocka_unit_test(latex),   cmocka_unit_test(shell),
        cmocka_unit_test(homes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
