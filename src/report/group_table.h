/* group_table.h - a study's groups as numbers, and as the table an engineer reads.
 *
 *     ek_group_table table = {0};
 *     ek_group_table_load(&table, store, &err);
 *     ek_group_table_text(&table, &out, &style);      // also _csv, _json
 *     ek_group_table_free(&table);
 *
 * Every done run counts, failed, diverged and doomed ones too. The text names metric, split,
 * checkpoint rule, baseline and interval method next to the numbers.
 */
#ifndef EK_REPORT_GROUP_TABLE_H
#define EK_REPORT_GROUP_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/str.h"
#include "report/doomed_note.h"
#include "stats/summary.h"
#include "study/store.h"

typedef struct {
    char *group, *recipe;
    char *settings_json; /* object: what this group sets, resolved */
    ek_summary summary;  /* of the done runs */
    size_t unfinished;   /* queued, running, interrupted, crashed */
    ek_doomed_group doomed;
} ek_group_row;

typedef struct {
    ek_group_row *rows;
    size_t count;
    ek_run_row *runs;
    size_t run_count;
    ek_study_facts facts;
    const char *checkpoint; /* "last" or "best" */
} ek_group_table;

ek_status ek_group_table_load(ek_group_table *table, ek_store *store, ek_error *err);
void ek_group_table_free(ek_group_table *table);

typedef struct {
    bool color; /* ANSI */
    bool ascii; /* no box drawing, no other non-ASCII characters */
    int width;  /* of the terminal; 0: unlimited */
} ek_table_style;
void ek_group_table_text(const ek_group_table *table, ek_buf *out, const ek_table_style *style);
void ek_group_table_csv(const ek_group_table *table, ek_buf *out);
/* Steps that a done run has made: fewer than its total_steps when it was stopped early. */
int64_t ek_group_table_steps(const ek_group_table *table, const ek_run_row *run);
/* The contract of `study --json`. */
void ek_group_table_json(const ek_group_table *table, ek_buf *out);
/* The objects that its arrays "groups" and "runs" are made of. */
void ek_group_row_json(const ek_group_row *row, ek_buf *out);
void ek_run_row_json(const ek_run_row *run, ek_buf *out);
/* The same without the "}" and the newline at its end: the caller adds members (",\"key\":...") and
 * closes it. */
void ek_group_table_json_open(const ek_group_table *table, ek_buf *out);

#endif
