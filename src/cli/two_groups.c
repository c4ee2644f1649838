#include "cli/two_groups.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "data/table.h"

/* ---- columns of numbers ---------------------------------------------------------------------- */

void ek_score_column_free(ek_score_column *c)
{
    ek_free(c->scores);
    ek_free(c->failed);
    ek_free(c->seeds);
}

static bool parse_field(ek_field field, double *out)
{
    char text[64];
    if (!field.text || field.length >= sizeof text) {
        return false;
    }
    memcpy(text, field.text, field.length);
    text[field.length] = '\0';
    return ek_parse_double(text, out);
}

static bool find_column(const ek_table *table, const char *name, size_t *out)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (strcmp(table->columns[i], name) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* The column that is meant: --column, else "score", else the only one. */
static ek_status choose_column(const ek_table *table, const char *name, size_t *out, ek_error *err)
{
    if (name) {
        return ek_table_column(table, name, out, err);
    }
    *out = 0;
    if (find_column(table, "score", out) || table->column_count == 1) {
        return EK_OK;
    }
    ek_table_column(table, "score", out, err);
    return ek_error_prefix(err, "which column? --column NAME");
}

static ek_status add_score(ek_score_column *c, const ek_table *table, size_t line, double value,
                           double baseline, ek_error *err)
{
    if (!isfinite(value)) {
        return ek_error_set(
            err, EK_E_DATA,
            "%s, line %zu: a score that is not finite; a failed run scores what its "
            "predictions give, so write that",
            table->path, line);
    }
    c->scores[c->n] = value;
    c->failed[c->n++] = value <= baseline; /* false for NaN: no baseline */
    return EK_OK;
}

static bool word_is(ek_field field, const char *word)
{
    return field.text && field.length == strlen(word) &&
           memcmp(field.text, word, field.length) == 0;
}

/* A run failed when its column "outcome" or "failed" says so. */
static void read_outcome(ek_score_column *c, const ek_table *table, size_t row)
{
    size_t at;
    if (find_column(table, "outcome", &at)) {
        ek_field field = ek_table_field(table, row, at);
        c->failed[c->n - 1] =
            word_is(field, "failed") || word_is(field, "diverged") || word_is(field, "doomed");
    } else if (find_column(table, "failed", &at)) {
        ek_field field = ek_table_field(table, row, at);
        c->failed[c->n - 1] = word_is(field, "1") || word_is(field, "true");
    }
}

static ek_status read_rows(ek_score_column *c, const ek_table *table, size_t score, double baseline,
                           ek_error *err)
{
    size_t seed = 0;
    double first;
    bool seeds = find_column(table, "seed", &seed);
    c->scores = ek_calloc(table->row_count + 1, sizeof *c->scores);
    c->failed = ek_calloc(table->row_count + 1, sizeof *c->failed);
    c->seeds = seeds ? ek_calloc(table->row_count + 1, sizeof *c->seeds) : NULL;
    if (!c->scores || !c->failed || (seeds && !c->seeds)) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for %s", table->path);
    }
    if (table->column_count == 1 && ek_parse_double(table->columns[0], &first)) {
        EK_TRY(add_score(c, table, 1, first, baseline, err)); /* a bare column has no header */
    }
    for (size_t row = 0; row < table->row_count; row++) {
        ek_field field = ek_table_field(table, row, score);
        double value;
        if (!parse_field(field, &value)) {
            return ek_error_set(err, EK_E_DATA, "%s, line %zu: '%.*s' is not a number", table->path,
                                table->lines[row], (int)(field.length < 40 ? field.length : 40),
                                field.text ? field.text : "");
        }
        EK_TRY(add_score(c, table, table->lines[row], value, baseline, err));
        read_outcome(c, table, row);
        if (seeds && parse_field(ek_table_field(table, row, seed), &value) && fabs(value) < 1e15) {
            c->seeds[c->n - 1] = (int64_t)value;
        }
    }
    return EK_OK;
}

ek_status ek_score_column_read(ek_score_column *c, const ek_cli *cli, const char *path,
                               ek_error *err)
{
    ek_table table = {0};
    size_t score = 0;
    ek_table_options options = {.format = EK_FORMAT_AUTO};
    EK_TRY(ek_table_open(&table, path, &options, err));
    ek_status status = choose_column(&table, cli->column, &score, err);
    if (status == EK_OK) {
        status = read_rows(c, &table, score, cli->baseline, err);
    }
    ek_table_close(&table);
    return status;
}

bool ek_score_columns_pair(const ek_score_column *a, ek_score_column *b)
{
    bool paired = a->seeds && b->seeds && a->n == b->n && a->n > 0;
    for (size_t i = 0; paired && i < a->n; i++) {
        size_t j = i;
        while (j < b->n && a->seeds[i] != b->seeds[j]) {
            j++;
        }
        for (size_t k = 0; k < i; k++) {
            paired = paired && a->seeds[k] != a->seeds[i];
        }
        paired = paired && j < b->n;
        if (paired) {
            double score = b->scores[i];
            uint8_t failed = b->failed[i];
            int64_t seed = b->seeds[i];
            b->scores[i] = b->scores[j];
            b->failed[i] = b->failed[j];
            b->seeds[i] = b->seeds[j];
            b->scores[j] = score;
            b->failed[j] = failed;
            b->seeds[j] = seed;
        }
    }
    return paired;
}

void ek_score_column_names(const ek_cli *cli, const char **a, const char **b)
{
    *a = ek_path_base(cli->arguments[0]);
    *b = ek_path_base(cli->arguments[1]);
    if (strcmp(*a, *b) == 0) {
        *a = cli->arguments[0];
        *b = cli->arguments[1];
    }
}

/* ---- two groups of a study ------------------------------------------------------------------- */

ek_status ek_cli_two_groups(const ek_cli *cli, const ek_group_table *table, const char **a,
                            const char **b, ek_error *err)
{
    if (cli->argument_count == 3) {
        *a = cli->arguments[1];
        *b = cli->arguments[2];
        return EK_OK;
    }
    if (cli->argument_count == 1 && table->count == 2) {
        *a = table->rows[0].group;
        *b = table->rows[1].group;
        return EK_OK;
    }
    ek_buf names = {0};
    for (size_t i = 0; i < table->count; i++) {
        ek_buf_printf(&names, " '%.60s'", table->rows[i].group);
    }
    ek_error_set(err, EK_E_USAGE, "which two groups? evenkeel %s %s A B; it has%.800s",
                 cli->verb->name, cli->arguments[0], ek_buf_text(&names));
    ek_buf_deinit(&names);
    return EK_E_USAGE;
}
