#include "cli/check_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "train/measure.h"

/* Facts in one form; text and JSON are written from it. */
struct facts {
    size_t counts[2][1000]; /* examples of each class in training and validation */
    int32_t lengths[5];     /* min, median, 90 %, 99 %, max */
    size_t duplicates;
    double seconds_per_step, seconds_all;
    int64_t steps_all;
    /* What is loaded before the first run; one run alone with it; all workers of a study with it.
     */
    size_t bytes_loaded, bytes_run, bytes_all;
    ek_study_layout layout;
};

static int ascending(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static ek_status measure_lengths(struct facts *facts, const ek_token_set *set, ek_error *err)
{
    static const double quantiles[5] = {0, 0.5, 0.9, 0.99, 1};
    int32_t *lengths = ek_calloc(set->count, sizeof *lengths);
    if (!lengths) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for %zu lengths", set->count);
    }
    for (size_t i = 0; i < set->count; i++) {
        lengths[i] = set->examples[i].length;
    }
    qsort(lengths, set->count, sizeof *lengths, ascending);
    for (int q = 0; q < 5; q++) {
        facts->lengths[q] = lengths[(size_t)(quantiles[q] * (double)(set->count - 1))];
    }
    ek_free(lengths);
    return EK_OK;
}

/* Three steps of the first run, timed after one that warms the caches. */
static ek_status measure_time(struct facts *facts, const ek_study_inputs *inputs, ek_error *err)
{
    ek_run_input input;
    ek_compute *compute;
    ek_measurement measured;
    ek_study_run_input(inputs, 0, &input);
    EK_TRY(ek_compute_new(&compute, 1, err));
    ek_status status =
        ek_measure_steps(&measured, &input, compute, 1, 3, 2, false, ek_study_interrupted, err);
    ek_compute_free(compute);
    facts->seconds_per_step = status == EK_OK ? measured.seconds_median : (double)NAN;
    return status == EK_E_INTERRUPTED ? EK_OK : status;
}

/* What is loaded is measured, what runs add is planned from the tables. A worker writes to some
 * pages that it could share, and the coordinator keeps the store: about 0.5 MB each, measured. */
static ek_status plan_runs(struct facts *facts, const ek_cli *cli, const ek_study_inputs *inputs,
                           ek_error *err)
{
    enum { PROCESS_BYTES = 1 << 19 };
    const ek_spec *spec = inputs->spec;
    const ek_study_layout *layout = &facts->layout;
    size_t alone = 0, worker = 0;
    for (size_t r = 0; r < spec->run_count; r++) {
        ek_run_input input;
        ek_schedule schedule;
        ek_study_run_input(inputs, r, &input);
        int64_t wanted = input.recipe->train_examples, count = (int64_t)input.train->count;
        EK_TRY(ek_schedule_init(&schedule, input.recipe,
                                wanted > 0 && wanted < count ? wanted : count, err));
        facts->steps_all += schedule.total_steps;
        size_t bytes = ek_run_bytes(&input, layout->threads);
        worker = bytes > worker ? bytes : worker;
        input.weights = inputs->model.weights; /* as ek_study_run_one does */
        bytes = ek_run_bytes(&input, ek_cli_threads(cli, ek_cpu_count()));
        alone = bytes > alone ? bytes : alone;
    }
    facts->bytes_run = facts->bytes_loaded + alone;
    facts->bytes_all =
        facts->bytes_loaded + PROCESS_BYTES + (size_t)layout->workers * (worker + PROCESS_BYTES);
    return EK_OK;
}

static ek_status collect(struct facts *facts, const ek_cli *cli, const ek_study_inputs *inputs,
                         ek_error *err)
{
    const ek_spec *spec = inputs->spec;
    const ek_dataset *data = &inputs->data;
    for (int s = 0; s < 2; s++) {
        const ek_split *split = &data->split[s];
        for (size_t i = 0; i < split->count && data->problem == EK_PROBLEM_CLASSIFICATION; i++) {
            facts->counts[s][split->examples[i].label]++;
        }
    }
    if (data->problem != EK_PROBLEM_MASKED_LM) { /* lines of text repeat: blank ones */
        facts->duplicates = ek_dataset_duplicates(data);
    }
    EK_TRY(measure_lengths(facts, inputs->arm_tokens[0].train, err));
    facts->bytes_loaded = ek_mem_resident(); /* before a trial run makes it more */
    EK_TRY(measure_time(facts, inputs, err));
    facts->layout = ek_study_lay_out(spec->run_count, (int)cli->jobs, ek_cli_threads(cli, 0));
    EK_TRY(plan_runs(facts, cli, inputs, err));
    int usable = ek_cpu_count(), workers = facts->layout.workers;
    facts->seconds_all =
        facts->seconds_per_step * (double)facts->steps_all / (workers < usable ? workers : usable);
    return EK_OK;
}

/* ---- text ------------------------------------------------------------------------------------ */

static void text_labels(const struct facts *facts, const ek_dataset *data, ek_buf *out)
{
    if (data->problem != EK_PROBLEM_CLASSIFICATION) {
        return;
    }
    ek_buf_puts(out, "labels (head row: word, training, validation):\n");
    for (size_t i = 0; i < data->label_count && i < 30; i++) {
        ek_buf_printf(out, "  %3zu: %-30.60s %8zu %8zu\n", i, data->label_names[i],
                      facts->counts[0][i], facts->counts[1][i]);
    }
    if (data->label_count > 30) {
        ek_buf_printf(out, "  ... %zu classes in all\n", data->label_count);
    }
}

static void text_blocks(const struct facts *facts, const ek_study_inputs *inputs, ek_buf *out)
{
    const ek_token_set *train = inputs->arm_tokens[0].train;
    const ek_token_set *validation = inputs->arm_tokens[0].validation;
    ek_buf_puts(out, inputs->data.notes);
    ek_buf_printf(
        out,
        "blocks: %zu training, %zu validation, of at most %d tokens; unknown tokens: %.2f "
        "%%\nbaseline: perplexity %.0f (every token alike)\n",
        train->count, validation->count, facts->lengths[4],
        100.0 * (double)train->unknown_count / (double)train->token_count, inputs->baseline);
}

static void text_data(const struct facts *facts, const ek_study_inputs *inputs, ek_buf *out)
{
    const ek_dataset *data = &inputs->data;
    const ek_split *train = &data->split[EK_SPLIT_TRAIN];
    const ek_split *validation = &data->split[EK_SPLIT_VALIDATION];
    const ek_token_set *tokens = inputs->arm_tokens[0].train;
    static const char *const problems[] = {"classification", "regression",
                                           "masked-language modelling"};
    ek_buf_printf(out, "task: %s, %s; reported metric: %s\n", inputs->facts.task,
                  problems[data->problem], data->reported);
    if (data->problem == EK_PROBLEM_MASKED_LM) {
        text_blocks(facts, inputs, out);
        return;
    }
    ek_buf_printf(out, "columns: text '%s'%s%s%s, label '%s'\n", data->text_column,
                  data->has_pairs ? ", pair '" : "", data->has_pairs ? data->pair_column : "",
                  data->has_pairs ? "'" : "", data->label_column);
    ek_buf_puts(out, data->notes);
    ek_buf_printf(out, "examples: %zu training, %zu validation%s\n", train->count,
                  validation->count,
                  data->validation_drawn ? " (drawn from the training file)" : "");
    text_labels(facts, data, out);
    if (data->problem == EK_PROBLEM_CLASSIFICATION) {
        ek_buf_printf(out, "majority baseline: %.1f %% %s (always '%s')\n", 100 * inputs->baseline,
                      data->reported, data->label_names[inputs->majority_label]);
    } else {
        ek_buf_printf(out, "baseline: %s 0 (a constant prediction)\n", data->reported);
    }
    ek_buf_printf(out,
                  "tokens of a training example: min %d, median %d, 90 %% %d, 99 %% %d, "
                  "max %d\n",
                  facts->lengths[0], facts->lengths[1], facts->lengths[2], facts->lengths[3],
                  facts->lengths[4]);
    ek_buf_printf(out, "cut at max_seq_length: %zu (%.1f %%); unknown tokens: %.2f %%\n",
                  tokens->truncated_count,
                  100.0 * (double)tokens->truncated_count / (double)tokens->count,
                  100.0 * (double)tokens->unknown_count / (double)tokens->token_count);
    ek_buf_printf(out,
                  "empty texts: %zu training, %zu validation; validation texts that also stand "
                  "in training: %zu\n",
                  train->empty_count, validation->empty_count, facts->duplicates);
}

static void text_plan(const struct facts *facts, const ek_study_inputs *inputs, ek_buf *out)
{
    const ek_spec *spec = inputs->spec;
    const ek_model_config *config = &inputs->model.config;
    char each[32], whole[32];
    ek_buf_printf(out, "model: %s, %s, %d layers, hidden %d, %.1f M parameters\n",
                  spec->options.model, config->model_type, config->num_hidden_layers,
                  config->hidden_size, (double)inputs->model.params.total_count / 1e6);
    ek_buf_puts(out, "groups:\n");
    for (size_t a = 0; a < spec->arm_count; a++) {
        const ek_recipe *r = &spec->arms[a].recipe;
        ek_buf_printf(out, "  %s: %g epochs, batch %lld, peak rate %g, bias correction %s\n",
                      spec->arms[a].group, r->num_train_epochs, (long long)r->batch_size,
                      r->learning_rate, r->bias_correction ? "on" : "off");
    }
    ek_buf_printf(out, "runs: %zu, %lld steps in all\n", spec->run_count,
                  (long long)facts->steps_all);
    ek_buf_printf(out,
                  "memory: %.0f MB for one run alone, %.0f MB for a study of %d worker%s, which "
                  "share %.0f MB\n",
                  (double)facts->bytes_run / 1e6, (double)facts->bytes_all / 1e6,
                  facts->layout.workers, facts->layout.workers == 1 ? "" : "s",
                  (double)facts->bytes_loaded / 1e6);
    if (!isnan(facts->seconds_all)) {
        snprintf(each, sizeof each, "%.0f ms", 1000 * facts->seconds_per_step);
        ek_buf_printf(out,
                      "time: about %s for training (%s a step measured on one core; evaluation "
                      "comes on top)\n",
                      ek_format_duration(whole, facts->seconds_all), each);
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_text(ek_buf *out, const char *key, const char *value)
{
    ek_buf_printf(out, "\"%s\":", key);
    ek_buf_json_string(out, value, strlen(value));
    ek_buf_putc(out, ',');
}

static void write_json(const struct facts *facts, const ek_study_inputs *inputs, ek_buf *out)
{
    const ek_dataset *data = &inputs->data;
    const ek_token_set *tokens = inputs->arm_tokens[0].train;
    ek_buf_putc(out, '{');
    json_text(out, "task", inputs->facts.task);
    json_text(out, "metric", data->reported);
    json_text(out, "text_column", data->text_column);
    json_text(out, "pair_column", data->has_pairs ? data->pair_column : "");
    json_text(out, "label_column", data->label_column ? data->label_column : "");
    json_text(out, "notes", data->notes);
    ek_buf_puts(out, "\"labels\":[");
    for (size_t i = 0; i < data->label_count; i++) {
        ek_buf_puts(out, i ? ",{" : "{");
        json_text(out, "name", data->label_names[i]);
        ek_buf_printf(out, "\"train\":%zu,\"validation\":%zu}", facts->counts[0][i],
                      facts->counts[1][i]);
    }
    ek_buf_puts(out, "],\"baseline\":");
    ek_buf_json_double(out, inputs->baseline);
    ek_buf_printf(out,
                  ",\"train_examples\":%zu,\"validation_examples\":%zu,"
                  "\"validation_drawn\":%s",
                  data->split[EK_SPLIT_TRAIN].count, data->split[EK_SPLIT_VALIDATION].count,
                  data->validation_drawn ? "true" : "false");
    ek_buf_printf(out, ",\"lengths\":{\"min\":%d,\"median\":%d,\"p90\":%d,\"p99\":%d,\"max\":%d}",
                  facts->lengths[0], facts->lengths[1], facts->lengths[2], facts->lengths[3],
                  facts->lengths[4]);
    ek_buf_printf(out,
                  ",\"truncated\":%zu,\"unknown_tokens\":%zu,\"tokens\":%zu,\"empty\":%zu,"
                  "\"duplicates\":%zu",
                  tokens->truncated_count, tokens->unknown_count, tokens->token_count,
                  data->split[EK_SPLIT_TRAIN].empty_count, facts->duplicates);
    ek_buf_printf(out,
                  ",\"runs\":%zu,\"steps\":%lld,\"workers\":%d,\"threads\":%d,\"bytes_loaded\":%zu,"
                  "\"bytes_run\":%zu,\"bytes_all\":%zu,\"seconds_per_step\":",
                  inputs->spec->run_count, (long long)facts->steps_all, facts->layout.workers,
                  facts->layout.threads, facts->bytes_loaded, facts->bytes_run, facts->bytes_all);
    ek_buf_json_double(out, facts->seconds_per_step);
    ek_buf_puts(out, "}\n");
}

ek_status ek_check_report(const ek_cli *cli, const ek_study_inputs *inputs, ek_error *err)
{
    struct facts *facts = ek_calloc(1, sizeof *facts);
    ek_buf out = {0};
    if (!facts) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the report");
    }
    ek_status status = collect(facts, cli, inputs, err);
    if (status == EK_OK) {
        if (cli->json) {
            write_json(facts, inputs, &out);
        } else {
            text_data(facts, inputs, &out);
            text_plan(facts, inputs, &out);
        }
        status = ek_cli_print(&out, err);
    }
    ek_buf_deinit(&out);
    ek_free(facts);
    return status;
}
