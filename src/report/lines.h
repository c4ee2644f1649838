/* lines.h - sentences, one a line, as wrapped text and as a JSON array: warnings, assumptions. */
#ifndef EK_REPORT_LINES_H
#define EK_REPORT_LINES_H

#include "base/str.h"

enum { EK_LINES_WIDTH = 96 };

/* Broken at spaces to at most EK_LINES_WIDTH bytes; each line of text starts with first, what
 * is left of it with indent. */
void ek_lines_wrap(ek_buf *out, const char *first, const char *indent, const char *text);
/* The same to at most width bytes. */
void ek_lines_wrap_to(ek_buf *out, const char *first, const char *indent, const char *text,
                      size_t width);
/* ,"key":["..",".."] */
void ek_lines_json(ek_buf *out, const char *key, const char *lines);

#endif
