/* columns.h - text that must fit a terminal: how many columns it takes, cut and padded to a width.
 *
 * A terminal's column is neither a byte nor a character: combining marks take none, East Asian wide
 * characters and emoji take two. Nothing here trusts its text: invalid UTF-8 and control characters
 * come out as '?', so that a name from a file cannot move the cursor.
 */
#ifndef EK_REPORT_COLUMNS_H
#define EK_REPORT_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* Columns that ek_columns_put needs for all of text. ascii: every other character is one '?'. */
int ek_columns_of(const char *text, bool ascii);
/* text in exactly width columns: cut with a mark ("…", ascii "~") or padded with blanks behind. */
void ek_columns_put(ek_buf *out, const char *text, int width, bool ascii);
/* The first length bytes of line, which this program made (ANSI colours allowed), cut to width
 * columns; a colour that was on at the cut is switched off. No mark. */
void ek_columns_clip(ek_buf *out, const char *line, size_t length, int width);

#endif
