/* probe drift: how far runs moved from the pre-trained model, and how alike they came out. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "cli/probe.h"
#include "cli/progress.h"
#include "probe/drift.h"

enum { SIDES = 2, KINDS = 3 }; /* successful, failed; of pairs by how many of the two failed */

static bool has_failed(const ek_drift *drift, size_t run)
{
    return drift->runs->runs[run].outcome != EK_OUTCOME_OK;
}

/* Mean of the finite values, NaN without any. */
typedef struct {
    double sum;
    size_t n;
} mean;

static void add(mean *m, double value)
{
    if (isfinite(value)) {
        m->sum += value;
        m->n++;
    }
}

static double value_of(const mean *m)
{
    return m->n > 0 ? m->sum / (double)m->n : (double)NAN;
}

static void put_cell(ek_buf *out, int decimals, double value)
{
    if (isnan(value)) {
        ek_buf_printf(out, " %11s", "-");
    } else {
        ek_buf_printf(out, " %11.*f", decimals, value);
    }
}

static void part_name(const ek_drift *drift, size_t part, char out[32])
{
    if (part == 0 || part == (size_t)drift->layers + 1) {
        snprintf(out, 32, "%s", part == 0 ? "embeddings" : "pooler");
    } else {
        snprintf(out, 32, "layer %zu", part - 1);
    }
}

static void put_row(const ek_drift *drift, size_t part, ek_buf *out)
{
    size_t runs = drift->runs->count, layers = (size_t)drift->layers;
    mean moved[SIDES] = {{0}}, alike[KINDS] = {{0}};
    char name[32];
    for (size_t b = 0; b < runs; b++) {
        add(&moved[has_failed(drift, b)], drift->relative[b * (layers + 2) + part]);
        for (size_t a = 0; a < b && part <= layers; a++) {
            add(&alike[has_failed(drift, a) + has_failed(drift, b)],
                drift->unbiased[ek_drift_pair(a, b) * (layers + 1) + part]);
        }
    }
    part_name(drift, part, name);
    ek_buf_printf(out, " %-12s", name);
    for (int side = 0; side < SIDES; side++) {
        put_cell(out, 5, value_of(&moved[side]));
    }
    ek_buf_puts(out, "  ");
    for (int kind = 0; kind < KINDS; kind++) {
        put_cell(out, 3, value_of(&alike[kind]));
    }
    ek_buf_putc(out, '\n');
}

static void put_table(const ek_drift *drift, ek_buf *out)
{
    size_t failed = 0, runs = drift->runs->count;
    for (size_t i = 0; i < runs; i++) {
        failed += has_failed(drift, i);
    }
    ek_buf_printf(out,
                  "%zu successful and %zu failed runs; linear CKA (unbiased) of [CLS] over %zu "
                  "validation examples\n\n %-12s %23s   %35s\n %-12s %11s %11s   %11s %11s %11s\n",
                  runs - failed, failed, drift->examples, "", "moved by (relative L2)",
                  "alike, mean over pairs: ", "", "successful", "failed", "both ok", "one failed",
                  "both failed");
    for (size_t part = 0; part < (size_t)drift->layers + 2; part++) {
        put_row(drift, part, out);
    }
}

/* Long form: a row a run and part, then a row a pair and layer. */
static void put_rows(const ek_drift *drift, ek_buf *out)
{
    size_t runs = drift->runs->count, layers = (size_t)drift->layers;
    char name[32], numbers[2][32];
    ek_buf_puts(out, "what,part,run,other_run,outcome,other_outcome,value,unbiased\n");
    for (size_t i = 0; i < runs * (layers + 2); i++) {
        const ek_probe_run *run = &drift->runs->runs[i / (layers + 2)];
        part_name(drift, i % (layers + 2), name);
        ek_buf_printf(out, "distance,%s,%" PRId64 ",,%s,,%s,\n", name, run->id,
                      ek_outcome_name(run->outcome),
                      ek_format_double(numbers[0], drift->relative[i]));
    }
    for (size_t b = 1; b < runs; b++) {
        for (size_t i = 0; i < b * (layers + 1); i++) {
            const ek_probe_run *one = &drift->runs->runs[i / (layers + 1)],
                               *other = &drift->runs->runs[b];
            size_t at = ek_drift_pair(i / (layers + 1), b) * (layers + 1) + i % (layers + 1);
            part_name(drift, i % (layers + 1), name);
            ek_buf_printf(out, "cka,%s,%" PRId64 ",%" PRId64 ",%s,%s,%s,%s\n", name, one->id,
                          other->id, ek_outcome_name(one->outcome), ek_outcome_name(other->outcome),
                          ek_format_double(numbers[0], drift->cka[at]),
                          ek_format_double(numbers[1], drift->unbiased[at]));
        }
    }
}

static ek_status write_drift(const ek_cli *cli, const char *dir, const ek_drift *drift,
                             ek_error *err)
{
    ek_buf json = {0}, out = {0};
    ek_drift_json(drift, &json);
    ek_status status = ek_cli_keep_probe(dir, "drift.json", &json, err);
    if (cli->csv) {
        put_rows(drift, &out);
    } else if (!cli->json) {
        put_table(drift, &out);
    }
    if (status == EK_OK) {
        status = ek_cli_print(cli->json ? &json : &out, err);
    }
    ek_buf_deinit(&json);
    ek_buf_deinit(&out);
    return status;
}

ek_status ek_cli_probe_drift(const ek_probe_call *call, ek_error *err)
{
    ek_probe_runs runs;
    ek_drift drift = {0};
    EK_TRY(ek_probe_runs_open(&runs, call->dir, call->ids, call->count, err));
    ek_status status = ek_probe_runs_make(&runs, &call->control, err);
    if (status == EK_OK) {
        status = ek_drift_measure(&drift, &runs, &call->control, err);
    }
    ek_progress_clear();
    if (status == EK_OK) {
        status = write_drift(call->cli, call->dir, &drift, err);
        ek_drift_free(&drift);
    }
    ek_probe_runs_close(&runs);
    return status;
}
