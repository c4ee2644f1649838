/* metric_text.h - logged numbers as lines of CSV and as JSON objects. Non-finite values are nan,
 * inf, -inf in CSV, and null with a key "kind" in JSON.
 */
#ifndef EK_REPORT_METRIC_TEXT_H
#define EK_REPORT_METRIC_TEXT_H

#include "base/str.h"
#include "study/store.h"

/* The header line of ek_metric_csv, with its line end. */
extern const char ek_metric_csv_header[];
/* One line with its end. */
void ek_metric_csv(const ek_metric_record *record, ek_buf *out);
/* Members of an object, without its braces. */
void ek_metric_json(const ek_metric_record *record, ek_buf *out);
/* A number that reads back to the same bits; nan, inf or -inf. */
const char *ek_number_text(char buffer[32], double value);

#endif
