/* yaml_text.h - text as a YAML scalar that every YAML reader takes for the same string. */
#ifndef EK_REPORT_YAML_TEXT_H
#define EK_REPORT_YAML_TEXT_H

#include "base/str.h"

/* Adds text in double quotes. Control and other characters that YAML forbids are escaped, bytes
 * that are not UTF-8 become U+FFFD. */
void ek_buf_yaml_string(ek_buf *out, const char *text);

#endif
