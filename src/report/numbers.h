/* numbers.h - every number of a summary and of a comparison under its standard name.
 *
 * One list for --json, for CSV columns and for gates (--fail-if): a name that is printed is a name
 * that can be asked for. An estimate is three numbers: NAME, NAME_low, NAME_high (95 %).
 */
#ifndef EK_REPORT_NUMBERS_H
#define EK_REPORT_NUMBERS_H

#include <stdbool.h>

#include "base/str.h"
#include "stats/comparison.h"
#include "stats/predictions.h"

typedef void ek_number_visitor(void *user, const char *name, double value);

/* n, failed, diverged, doomed, failed_frac, mean, mean_low, ...; an all-zero summary gives the
 * names. */
void ek_summary_numbers(const ek_summary *summary, ek_number_visitor *visit, void *user);
/* sd_ratio, sd_ratio_low, ..., brown_forsythe_p, ... */
void ek_comparison_numbers(const ek_comparison *c, ek_number_visitor *visit, void *user);

/* {"seeds":{"value":..,"low":..,"high":..},"examples":{..},"both":{..}} */
void ek_multi_bootstrap_json(const ek_multi_bootstrap *m, ek_buf *out);

/* By name; false when there is none. */
bool ek_summary_number(const ek_summary *summary, const char *name, double *value);
bool ek_comparison_number(const ek_comparison *c, const char *name, double *value);

#endif
