/* two_groups.h - the two groups of scores that compare and plan work on.
 *
 * Of a study: names on the command line, else its only two groups. With --csv: one column of
 * numbers a file (.csv, .tsv, .jsonl): --column, else "score", else the only one, with or without a
 * header. A run failed when its column "outcome" says failed, diverged or doomed, or "failed" says
 * 1 or true, else when its score is not above --baseline. A column "seed" makes pairs.
 */
#ifndef EK_CLI_TWO_GROUPS_H
#define EK_CLI_TWO_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/cli.h"
#include "report/group_table.h"

typedef struct {
    double *scores;  /* [n] */
    uint8_t *failed; /* [n] */
    int64_t *seeds;  /* [n], or NULL: the file has no column "seed" */
    size_t n;
} ek_score_column;

/* Errors name file and line. Free in any case. */
ek_status ek_score_column_read(ek_score_column *column, const ek_cli *cli, const char *path,
                               ek_error *err);
void ek_score_column_free(ek_score_column *column);
/* Brings b into the order of a's seeds, when each has a seed of its own and all match. */
bool ek_score_columns_pair(const ek_score_column *a, ek_score_column *b);
/* What the first two files are called: their last part, or all of it when those are the same. */
void ek_score_column_names(const ek_cli *cli, const char **a, const char **b);

/* Names borrowed from the command line or the table; EK_E_USAGE when it is not clear which. */
ek_status ek_cli_two_groups(const ek_cli *cli, const ek_group_table *table, const char **a,
                            const char **b, ek_error *err);

#endif
