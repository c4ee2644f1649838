/* bench: how fast this machine is, and what share of that the kernels and whole steps reach. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "cli/bench.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "study/study.h"

static void tell(const char *what)
{
    ek_progress_say("%s", what);
}

/* Whether `name` is one of the comma-separated words of list. */
static bool wanted(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; at && *at; at += *at == ',') {
        size_t word = strcspn(at, ",");
        if (word == length && strncmp(at, name, length) == 0) {
            return true;
        }
        at += word;
    }
    return false;
}

static const char *const sections[] = {"machine", "gemm", "kernels", "steps", NULL};
static const char *const shape_names[] = {"bert-tiny", "minilm", "bert-base", "bert-large", NULL};

static ek_status check_words(const char *list, const char *option, const char *const *allowed,
                             ek_error *err)
{
    char all[100] = "";
    size_t used = 0;
    for (size_t i = 0; allowed[i]; i++) {
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", allowed[i]);
    }
    for (const char *at = list; at && *at;) {
        size_t word = strcspn(at, ",");
        bool known = false;
        for (size_t i = 0; allowed[i]; i++) {
            known = known || (strlen(allowed[i]) == word && strncmp(at, allowed[i], word) == 0);
        }
        if (!known) {
            return ek_error_set(err, EK_E_USAGE, "--%s: there is no '%.*s'; there are: %s", option,
                                (int)(word < 40 ? word : 40), at, all);
        }
        at += word + (at[word] == ',');
    }
    return EK_OK;
}

/* ---- the user's own model and data ----------------------------------------------------------- */

/* One thread; the tokens of the training texts, made again. */
static ek_status tokenise_again(ek_bench *bench, const ek_study_inputs *inputs, ek_error *err)
{
    enum { TURNS = 5 };
    const ek_split *split = &inputs->data.split[EK_SPLIT_TRAIN];
    double best = INFINITY, bytes = 0;
    size_t tokens = 0;
    for (size_t i = 0; i < split->count; i++) {
        const ek_example *example = &split->examples[i];
        bytes += (double)(example->text_length + example->pair_length);
    }
    for (int turn = 0; turn < TURNS; turn++) {
        ek_token_set set;
        double started = ek_clock_seconds();
        EK_TRY(ek_token_set_build(&set, inputs->tokenizer, &inputs->data, EK_SPLIT_TRAIN,
                                  &inputs->spec->arms[0].recipe, &inputs->model.config, err));
        double seconds = ek_clock_seconds() - started;
        best = seconds < best ? seconds : best;
        tokens = set.token_count;
        ek_token_set_free(&set);
    }
    ek_bench_row row = {
        .section = "tokens", .rows = (int64_t)tokens, .threads = 1, .share = (double)NAN};
    snprintf(row.name, sizeof row.name, "tokenise the training texts");
    row.value = 1e3 * best;
    row.unit = "ms";
    EK_TRY(ek_bench_add(bench, inputs->facts.task, row, err));
    snprintf(row.name, sizeof row.name, "text");
    row.value = bytes / best / 1e6;
    row.unit = "MB/s";
    return ek_bench_add(bench, inputs->facts.task, row, err);
}

static ek_status own_steps(ek_bench *bench, const ek_study_inputs *inputs, int64_t steps,
                           ek_error *err)
{
    ek_run_input input;
    ek_study_run_input(inputs, 0, &input);
    ek_recipe recipe = *input.recipe;
    input.recipe = &recipe;
    for (int p = 0; p < EK_PRECISION_COUNT; p++) {
        recipe.precision = p;
        if (ek_bench_wants(bench, (ek_precision)p)) {
            EK_TRY(ek_bench_steps_of(bench, inputs->facts.task, &input, steps, err));
        }
    }
    return tokenise_again(bench, inputs, err);
}

static ek_status own(ek_bench *bench, ek_cli *cli, ek_error *err)
{
    ek_spec spec;
    ek_study_inputs inputs;
    EK_TRY(ek_spec_build(&spec, NULL, &cli->settings, err));
    ek_status status = ek_cli_refuse_masked_lm("bench", &spec.source, err);
    status = status == EK_OK ? ek_study_load(&inputs, &spec, err) : status;
    if (status == EK_OK) {
        if (wanted(cli->section ? cli->section : "machine", "machine")) {
            status = ek_bench_machine(bench, err);
        }
        status = status == EK_OK ? own_steps(bench, &inputs, cli->steps, err) : status;
        ek_study_unload(&inputs);
    }
    ek_spec_free(&spec);
    return status;
}

static ek_status standard(ek_bench *bench, const ek_cli *cli, ek_error *err)
{
    const char *section = cli->section ? cli->section : "machine,gemm,kernels,steps";
    const char *shapes = cli->shape ? cli->shape : "minilm,bert-base,bert-large";
    if (wanted(section, "machine")) {
        EK_TRY(ek_bench_machine(bench, err));
    }
    for (size_t i = 0; shape_names[i]; i++) {
        const ek_bench_shape *shape = ek_bench_shape_find(shape_names[i]);
        if (!wanted(shapes, shape_names[i])) {
            continue;
        }
        if (wanted(section, "gemm")) {
            EK_TRY(ek_bench_gemm(bench, shape, err));
        }
        if (wanted(section, "kernels")) {
            EK_TRY(ek_bench_kernels(bench, shape, err));
        }
        if (wanted(section, "steps")) {
            EK_TRY(ek_bench_step(bench, shape, cli->steps, err));
        }
    }
    return EK_OK;
}

/* ---- printing -------------------------------------------------------------------------------- */

static void print_csv(const ek_bench *bench, ek_buf *out)
{
    char value[32];
    ek_buf_puts(out, "cpu,isa,section,shape,rows,name,precision,threads,value,unit,share\n");
    for (size_t i = 0; i < bench->count; i++) {
        const ek_bench_row *r = &bench->rows[i];
        ek_buf_csv_field(out, ek_cpu_name());
        ek_buf_printf(out, ",%s,%s,%s,%lld,", bench->isa, r->section, r->shape, (long long)r->rows);
        ek_buf_csv_field(out, r->name);
        ek_buf_printf(out, ",%s,%d,", ek_precision_name(r->precision), r->threads);
        ek_buf_printf(out, "%s,%s,", ek_format_double(value, r->value), r->unit);
        if (!isnan(r->share)) {
            ek_buf_printf(out, "%.4f", r->share);
        }
        ek_buf_putc(out, '\n');
    }
}

static void print_json(const ek_bench *bench, ek_buf *out)
{
    ek_buf_puts(out, "{\"cpu\":");
    ek_buf_json_string(out, ek_cpu_name(), strlen(ek_cpu_name()));
    ek_buf_printf(out, ",\"isa\":\"%s\",\"rows\":[", bench->isa);
    for (size_t i = 0; i < bench->count; i++) {
        const ek_bench_row *r = &bench->rows[i];
        ek_buf_printf(out,
                      "%s\n{\"section\":\"%s\",\"shape\":\"%s\",\"rows\":%lld,\"name\":\"%s\","
                      "\"precision\":\"%s\",\"threads\":%d,\"value\":",
                      i ? "," : "", r->section, r->shape, (long long)r->rows, r->name,
                      ek_precision_name(r->precision), r->threads);
        ek_buf_json_double(out, r->value);
        ek_buf_printf(out, ",\"unit\":\"%s\",\"share\":", r->unit);
        ek_buf_json_double(out, r->share);
        ek_buf_putc(out, '}');
    }
    ek_buf_puts(out, "]}\n");
}

static bool same_series(const ek_bench_row *a, const ek_bench_row *b)
{
    return strcmp(a->section, b->section) == 0 && strcmp(a->shape, b->shape) == 0 &&
           a->rows == b->rows && a->precision == b->precision && a->threads == b->threads;
}

static void print_share(ek_buf *out, double share)
{
    if (isnan(share)) {
        ek_buf_puts(out, "     -");
    } else {
        ek_buf_printf(out, " %4.0f%%", 100 * share);
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The products of a shape and row count are one line: the median and the worst of them. */
static void print_products(const ek_bench *bench, ek_buf *out)
{
    enum { SERIES_MAX = 64 };
    bool headed = false;
    for (size_t i = 0; i < bench->count; i++) {
        const ek_bench_row *first = &bench->rows[i];
        double shares[SERIES_MAX], sum = 0;
        size_t n = 0;
        bool seen = false;
        for (size_t j = 0; j < bench->count; j++) {
            bool same = strcmp(first->section, "gemm") == 0 && same_series(first, &bench->rows[j]);
            seen = seen || (same && j < i);
            if (same && n < SERIES_MAX) {
                shares[n++] = bench->rows[j].share;
                sum += bench->rows[j].value;
            }
        }
        if (seen || n == 0) {
            continue;
        }
        if (!headed) {
            headed = true;
            ek_buf_puts(out, "\nmatrix products: forward, input and weight gradient, three widths"
                             " (176 rows: weights not in cache)\n"
                             "  shape         rows  precision  threads  GFLOP/s   median  worst\n");
        }
        qsort(shares, n, sizeof *shares, ascending);
        ek_buf_printf(out, "  %-12s %5lld  %-9s  %7d  %7.1f    ", first->shape,
                      (long long)first->rows, ek_precision_name(first->precision), first->threads,
                      sum / (double)n);
        print_share(out, shares[n / 2]);
        ek_buf_puts(out, " ");
        print_share(out, shares[0]);
        ek_buf_putc(out, '\n');
    }
}

/* One line a name, one column a (precision, threads). */
static void print_columns(const ek_bench *bench, const char *section, const char *shape,
                          const char *title, ek_buf *out)
{
    const ek_bench_row *columns[4];
    size_t count = 0;
    for (size_t i = 0; i < bench->count; i++) {
        const ek_bench_row *r = &bench->rows[i];
        bool there = strcmp(r->section, section) != 0 || strcmp(r->shape, shape) != 0;
        for (size_t c = 0; c < count && !there; c++) {
            there = columns[c]->precision == r->precision && columns[c]->threads == r->threads;
        }
        if (!there && count < 4) {
            columns[count++] = r;
        }
    }
    if (count == 0) {
        return;
    }
    ek_buf_printf(out, "\n%s\n  %-42s", title, "");
    for (size_t c = 0; c < count; c++) {
        char head[24];
        snprintf(head, sizeof head, "%s, %d thr", ek_precision_name(columns[c]->precision),
                 columns[c]->threads);
        ek_buf_printf(out, "  %16s", head);
    }
    for (size_t i = 0; i < bench->count; i++) {
        const ek_bench_row *r = &bench->rows[i];
        bool printed = strcmp(r->section, section) != 0 || strcmp(r->shape, shape) != 0;
        for (size_t j = 0; j < i && !printed; j++) {
            printed = strcmp(bench->rows[j].section, section) == 0 &&
                      strcmp(bench->rows[j].shape, shape) == 0 &&
                      strcmp(bench->rows[j].name, r->name) == 0;
        }
        if (printed) {
            continue;
        }
        ek_buf_printf(out, "\n  %-31.31s %10s", r->name, r->unit);
        for (size_t c = 0; c < count; c++) {
            const ek_bench_row *cell = NULL;
            for (size_t j = i; j < bench->count && !cell; j++) {
                const ek_bench_row *o = &bench->rows[j];
                bool same = strcmp(o->section, section) == 0 && strcmp(o->shape, shape) == 0 &&
                            strcmp(o->name, r->name) == 0 &&
                            o->precision == columns[c]->precision &&
                            o->threads == columns[c]->threads;
                cell = same ? o : NULL;
            }
            if (cell) {
                ek_buf_printf(out, "  %10.2f", cell->value);
                print_share(out, cell->share);
            } else {
                ek_buf_printf(out, "  %16s", "");
            }
        }
    }
    ek_buf_putc(out, '\n');
}

static void print_text(const ek_bench *bench, ek_buf *out)
{
    char title[120];
    ek_buf_printf(out, "%s, %s kernels\n", ek_cpu_name(), bench->isa);
    print_columns(bench, "machine", "", "the machine: what nothing can exceed", out);
    print_products(bench, out);
    for (size_t i = 0; i < bench->count; i++) {
        const ek_bench_row *r = &bench->rows[i];
        bool first = i == 0 || strcmp(bench->rows[i - 1].section, r->section) != 0 ||
                     strcmp(bench->rows[i - 1].shape, r->shape) != 0;
        if (!first) {
            continue;
        }
        if (strcmp(r->section, "kernel") == 0) {
            snprintf(
                title, sizeof title,
                "kernels, %.40s, 16 x 64 tokens; share of memory speed (above 100 %%: in caches)",
                r->shape);
        } else if (strcmp(r->section, "step") == 0) {
            snprintf(title, sizeof title,
                     "a training step, %.40s, %lld tokens on average; share of peak", r->shape,
                     (long long)r->rows);
        } else if (strcmp(r->section, "tokens") == 0) {
            snprintf(title, sizeof title, "tokeniser, %.40s", r->shape);
        } else {
            continue;
        }
        print_columns(bench, r->section, r->shape, title, out);
    }
}

static bool interrupted(void)
{
    return ek_study_interrupted();
}

ek_status ek_cmd_bench(ek_cli *cli, ek_error *err)
{
    ek_isa isa;
    ek_bench bench = {.threads_max = ek_cli_threads(cli, ek_cpu_count()),
                      .seconds = 0.05,
                      .stop = interrupted,
                      .tell = tell};
    EK_TRY(ek_isa_choose(&isa, err));
    EK_TRY(check_words(cli->section, "section", sections, err));
    EK_TRY(check_words(cli->shape, "shape", shape_names, err));
    bench.isa = ek_isa_name(isa);
    const ek_setting *precision = ek_settings_find(&cli->settings, "precision");
    ek_recipe recipe;
    EK_TRY(ek_cli_apply(cli, &ek_recipe_options, &recipe, err));
    bench.precision = precision ? recipe.precision : -1;
    bool has_model = ek_settings_find(&cli->settings, "model") != NULL;
    ek_status status = has_model ? own(&bench, cli, err) : standard(&bench, cli, err);
    if (status == EK_OK) {
        ek_buf out = {0};
        if (cli->json) {
            print_json(&bench, &out);
        } else if (cli->csv) {
            print_csv(&bench, &out);
        } else {
            print_text(&bench, &out);
        }
        status = ek_cli_print(&out, err);
        ek_buf_deinit(&out);
    }
    ek_bench_free(&bench);
    return status == EK_OK && interrupted()
               ? ek_error_set(err, EK_E_INTERRUPTED, "interrupted: not everything was measured")
               : status;
}
