/* compare: two groups of a study, or two columns of numbers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/gates.h"
#include "cli/progress.h"
#include "data/table.h"
#include "report/group_compare.h"

/* ---- two columns ----------------------------------------------------------------------------- */

typedef struct {
    double *scores;
    uint8_t *failed;
    int64_t *seeds; /* NULL: the file has no column "seed" */
    size_t n;
} column;

static void column_free(column *c)
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

static ek_status add_score(column *c, const ek_table *table, size_t line, double value,
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
static void read_outcome(column *c, const ek_table *table, size_t row)
{
    size_t at;
    if (find_column(table, "outcome", &at)) {
        ek_field field = ek_table_field(table, row, at);
        c->failed[c->n - 1] = word_is(field, "failed") || word_is(field, "diverged");
    } else if (find_column(table, "failed", &at)) {
        ek_field field = ek_table_field(table, row, at);
        c->failed[c->n - 1] = word_is(field, "1") || word_is(field, "true");
    }
}

static ek_status read_rows(column *c, const ek_table *table, size_t score, double baseline,
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

static ek_status read_column(column *c, const ek_cli *cli, const char *path, ek_error *err)
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

/* Brings b into the order of a's seeds, when each has a seed of its own and all match. */
static bool pair_up(const column *a, column *b)
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

/* ---- both ------------------------------------------------------------------------------------ */

static ek_status print_comparison(const ek_cli *cli, const ek_group_comparison *c, ek_error *err)
{
    ek_buf out = {0};
    ek_table_style style = ek_progress_style();
    if (cli->json) {
        ek_group_comparison_json(c, &out);
    } else {
        ek_group_comparison_text(c, &style, &out);
    }
    ek_status status = ek_cli_print(&out, err);
    ek_buf_deinit(&out);
    return status == EK_OK && cli->fail_if ? ek_gate_comparison(cli->fail_if, c, err) : status;
}

static ek_status compare_files(const ek_cli *cli, ek_error *err)
{
    column a = {0}, b = {0};
    ek_status status;
    if (cli->argument_count != 2) {
        return ek_error_set(err, EK_E_USAGE,
                            "usage: evenkeel compare --csv A.csv B.csv; found %zu arguments",
                            cli->argument_count);
    }
    EK_GOTO(status, read_column(&a, cli, cli->arguments[0], err), done);
    EK_GOTO(status, read_column(&b, cli, cli->arguments[1], err), done);
    bool paired = pair_up(&a, &b);
    ek_group_scores scores_a = {a.scores, a.failed, a.n}, scores_b = {b.scores, b.failed, b.n};
    const char *name_a = ek_path_base(cli->arguments[0]), *name_b = ek_path_base(cli->arguments[1]);
    if (strcmp(name_a, name_b) == 0) {
        name_a = cli->arguments[0];
        name_b = cli->arguments[1];
    }
    ek_group_comparison c = ek_list_compare(&scores_a, name_a, &scores_b, name_b, paired);
    status = print_comparison(cli, &c, err);
done:
    column_free(&a);
    column_free(&b);
    return status;
}

static ek_status compare_groups(const ek_cli *cli, ek_store *store, ek_error *err)
{
    ek_group_table table;
    EK_TRY(ek_group_table_load(&table, store, err));
    ek_status status = EK_OK;
    const char *a = cli->argument_count == 3 ? cli->arguments[1] : NULL, *b = NULL;
    if (a) {
        b = cli->arguments[2];
    } else if (cli->argument_count == 1 && table.count == 2) {
        a = table.rows[0].group;
        b = table.rows[1].group;
    } else {
        ek_buf names = {0};
        for (size_t i = 0; i < table.count; i++) {
            ek_buf_printf(&names, " '%.60s'", table.rows[i].group);
        }
        status =
            ek_error_set(err, EK_E_USAGE, "which two groups? evenkeel compare %s A B; it has%.800s",
                         cli->arguments[0], ek_buf_text(&names));
        ek_buf_deinit(&names);
    }
    ek_group_comparison comparison;
    if (status == EK_OK) {
        status = ek_group_compare(&comparison, &table, store, a, b, err);
    }
    if (status == EK_OK) {
        status = print_comparison(cli, &comparison, err);
    }
    ek_group_table_free(&table);
    return status;
}

ek_status ek_cmd_compare(ek_cli *cli, ek_error *err)
{
    ek_store *store;
    if (cli->csv) {
        return compare_files(cli, err);
    }
    EK_TRY(ek_store_open_read(&store, cli->arguments[0], err));
    ek_status status = compare_groups(cli, store, err);
    ek_store_close(store);
    return status;
}
