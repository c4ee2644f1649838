/* markup.h - text from a store inside HTML, LaTeX and Markdown, where it can do no harm.
 *
 * Names of groups, labels, notes and study files are whatever somebody typed. Each function adds
 * text so that it reads as that text and as nothing else: markup characters are escaped, and bytes
 * that are no UTF-8, control characters and characters that turn the direction of writing become
 * U+FFFD.
 */
#ifndef EK_REPORT_MARKUP_H
#define EK_REPORT_MARKUP_H

#include <stddef.h>

#include "base/str.h"

/* Fit for an element's content and for an attribute in double quotes. Line ends stay. */
void ek_html_text(ek_buf *out, const char *text);
void ek_html_text_n(ek_buf *out, const char *text, size_t length);
/* Fit for a cell of a table in GitHub's Markdown: one line, nothing is markup. */
void ek_markdown_text(ek_buf *out, const char *text);
/* Fit for a cell of a LaTeX table. */
void ek_latex_text(ek_buf *out, const char *text);
/* One word of a POSIX shell, quoted when it has to be. */
void ek_shell_word(ek_buf *out, const char *text);

/* The text with the folders of people's homes ("/home/NAME", "/root", "/Users/NAME") as "~". */
void ek_without_homes(ek_buf *out, const char *text);

#endif
