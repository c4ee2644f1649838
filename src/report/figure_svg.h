/* figure_svg.h - makes a drawing of gnuplot's fit to stand inside an HTML page.
 *
 * Only known elements and attributes of shapes and text pass, so no script, style, image, filter or
 * outside reference can. Ids and references get a prefix, because several drawings share the page.
 * Black is what the page writes in (currentColor), white backgrounds are nothing, grid lines are a
 * faint currentColor, fonts are the page's. Text passes with its characters escaped.
 */
#ifndef EK_REPORT_FIGURE_SVG_H
#define EK_REPORT_FIGURE_SVG_H

#include "base/status.h"
#include "base/str.h"

/* Appends to out a whole <svg role="img"> of width 100 % with the drawing's viewBox, <title> and
 * <desc>. id: [a-z_]+. title and alt: plain text. EK_E_DATA when svg is not a drawing with a
 * viewBox, or its tags do not match. */
ek_status ek__svg_clean(const char *svg, const char *id, const char *title, const char *alt,
                        ek_buf *out, ek_error *err);

#endif
