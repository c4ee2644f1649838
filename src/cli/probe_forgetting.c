/* probe forgetting: perplexity with the top layers replaced by pre-trained ones. */
#include <inttypes.h>

#include "cli/probe.h"
#include "cli/progress.h"
#include "probe/forgetting.h"

static void forgetting_table(const ek_forgetting *forgetting, ek_buf *out)
{
    size_t width = (size_t)forgetting->layers + 1;
    ek_buf_printf(out,
                  "perplexity of masked-language modelling (%" PRId64
                  " masked tokens of %zu blocks, mask seed %u)\n"
                  "with the top k of %d layers replaced by pre-trained ones\n\n run  outcome    ",
                  forgetting->masked_tokens, forgetting->blocks, forgetting->mask_seed,
                  forgetting->layers);
    for (size_t k = 0; k < width; k++) {
        ek_buf_printf(out, "   k = %-3zu", k);
    }
    ek_buf_puts(out, "\n");
    for (size_t r = 0; r < forgetting->runs->count; r++) {
        const ek_probe_run *run = &forgetting->runs->runs[r];
        ek_buf_printf(out, " %-4" PRId64 " %-9s  ", run->id, ek_outcome_name(run->outcome));
        for (size_t k = 0; k < width; k++) {
            ek_buf_printf(out, " %9.4g", forgetting->perplexity[r * width + k]);
        }
        ek_buf_puts(out, "\n");
    }
    ek_buf_printf(out, "\nthe pre-trained model has %.4g (k = %d)\n", forgetting->pretrained,
                  forgetting->layers);
}

static void forgetting_rows(const ek_forgetting *forgetting, ek_buf *out)
{
    size_t width = (size_t)forgetting->layers + 1;
    ek_buf_puts(out, "run,group,seed,outcome,score,k,perplexity\n");
    for (size_t i = 0; i < forgetting->runs->count * width; i++) {
        const ek_probe_run *run = &forgetting->runs->runs[i / width];
        ek_buf_printf(out, "%" PRId64 ",", run->id);
        ek_buf_csv_field(out, run->group);
        ek_buf_printf(out, ",%u,%s,%.17g,%zu,%.17g\n", run->seed, ek_outcome_name(run->outcome),
                      run->score, i % width, forgetting->perplexity[i]);
    }
}

static ek_status write_forgetting(const ek_cli *cli, const char *dir,
                                  const ek_forgetting *forgetting, ek_error *err)
{
    ek_buf json = {0}, out = {0};
    ek_forgetting_json(forgetting, &json);
    ek_status status = ek_cli_keep_probe(dir, "forgetting.json", &json, err);
    if (cli->csv) {
        forgetting_rows(forgetting, &out);
    } else if (!cli->json) {
        forgetting_table(forgetting, &out);
    }
    if (status == EK_OK) {
        status = ek_cli_print(cli->json ? &json : &out, err);
    }
    ek_buf_deinit(&json);
    ek_buf_deinit(&out);
    return status;
}

ek_status ek_cli_probe_forgetting(const ek_probe_call *call, ek_error *err)
{
    ek_probe_runs runs;
    ek_forgetting forgetting = {.text = call->cli->input,
                                .mlm_model = call->cli->mlm_model,
                                .mask_seed = (uint32_t)call->cli->mask_seed};
    if (!call->cli->input) {
        return ek_error_set(err, EK_E_USAGE,
                            "probe forgetting needs plain text to read: give --input FILE");
    }
    EK_TRY(ek_probe_runs_open(&runs, call->dir, call->ids, call->count, err));
    ek_status status = ek_probe_runs_make(&runs, &call->control, err);
    if (status == EK_OK) {
        status = ek_forgetting_measure(&forgetting, &runs, &call->control, err);
    }
    ek_progress_clear();
    if (status == EK_OK) {
        status = write_forgetting(call->cli, call->dir, &forgetting, err);
        ek_forgetting_free(&forgetting);
    }
    ek_probe_runs_close(&runs);
    return status;
}
