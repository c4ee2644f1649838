/* embedded.h - the style and the script of the page, from page.css and page.js (cmake/embed.cmake).
 */
#ifndef EK_REPORT_EMBEDDED_H
#define EK_REPORT_EMBEDDED_H

extern const char ek_embedded_page_css[];
extern const char ek_embedded_page_js[];

#endif
