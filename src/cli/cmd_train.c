/* check, train, verify: one run, its model, and whether it can be made again. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/check_report.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "report/model_card.h"
#include "study/kept_model.h"
#include "study/study.h"

ek_status ek_cmd_check(ek_cli *cli, ek_error *err)
{
    ek_spec spec;
    ek_study_inputs inputs;
    EK_TRY(
        ek_spec_build(&spec, cli->argument_count ? cli->arguments[0] : NULL, &cli->settings, err));
    ek_status status = ek_study_load(&inputs, &spec, err);
    if (status == EK_OK) {
        status = ek_check_report(cli, &inputs, err);
        ek_study_unload(&inputs);
    }
    ek_spec_free(&spec);
    return status;
}

/* ---- naming a run of a study ----------------------------------------------------------------- */

static int by_score(const void *a, const void *b)
{
    const ek_run_row *x = *(const ek_run_row *const *)a, *y = *(const ek_run_row *const *)b;
    return x->score != y->score ? (x->score > y->score) - (x->score < y->score)
                                : (x->id < y->id) - (x->id > y->id);
}

/* The done run of the best score, or of the median one (the lower of two); earlier runs win ties.
 */
static const ek_run_row *ranked(const ek_run_row *rows, size_t count, bool median)
{
    const ek_run_row **done = ek_calloc(count, sizeof *done), *found = NULL;
    size_t n = 0;
    for (size_t i = 0; done && i < count; i++) {
        if (rows[i].status == EK_RUN_DONE) {
            done[n++] = &rows[i];
        }
    }
    if (n > 0) {
        qsort(done, n, sizeof *done, by_score);
        found = done[median ? (n - 1) / 2 : n - 1];
    }
    ek_free(done);
    return found;
}

static const ek_run_row *named(const ek_run_row *rows, size_t count, const char *name)
{
    int64_t id;
    const char *slash = strrchr(name, '/');
    int64_t seed = -1;
    if (ek_parse_i64(name, &id)) {
        for (size_t i = 0; i < count; i++) {
            if (rows[i].id == id) {
                return &rows[i];
            }
        }
        return NULL;
    }
    if (strcmp(name, "best") == 0 || strcmp(name, "median") == 0) {
        return ranked(rows, count, name[0] == 'm');
    }
    if (!slash || !ek_parse_i64(slash + 1, &seed)) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        size_t length = (size_t)(slash - name);
        if (strlen(rows[i].group) == length && strncmp(rows[i].group, name, length) == 0 &&
            rows[i].seed == (uint32_t)seed) {
            return &rows[i];
        }
    }
    return NULL;
}

/* The id that a user's name for a run stands for; name NULL: the first done run. */
static ek_status find_run(const char *dir, const char *name, int64_t *id, ek_error *err)
{
    ek_store *store;
    ek_run_row *rows;
    size_t count;
    EK_TRY(ek_store_open_read(&store, dir, err));
    ek_status status = ek_store_runs(store, &rows, &count, err);
    ek_store_close(store);
    EK_TRY(status);
    const ek_run_row *found = name ? named(rows, count, name) : NULL;
    for (size_t i = 0; !name && !found && i < count; i++) {
        found = rows[i].status == EK_RUN_DONE ? &rows[i] : NULL;
    }
    if (!found) {
        status = ek_error_set(err, EK_E_USAGE,
                              "%s has no run '%s'; name one by its number, as GROUP/SEED, best or "
                              "median ('evenkeel status %s --json' lists them)",
                              dir, name ? name : "that is done", dir);
    } else if (found->status != EK_RUN_DONE) {
        status = ek_error_set(err, EK_E_USAGE, "run %lld of %s is %s: nothing to compare with",
                              (long long)found->id, dir, ek_run_status_name(found->status));
    } else {
        *id = found->id;
    }
    ek_run_rows_free(rows, count);
    return status;
}

/* ---- keeping a model ------------------------------------------------------------------------- */

/* An output folder that holds another model is left alone unless --force. */
static ek_status prepare_output(const ek_cli *cli, ek_error *err)
{
    static const char *const files[] = {"model.safetensors", "store.db", "README.md"};
    for (size_t i = 0; cli->output && i < sizeof files / sizeof *files; i++) {
        char *path = ek_path_join(cli->output, files[i]);
        if (!path) {
            return ek_error_set(err, EK_E_MEMORY, "no memory for a path");
        }
        ek_status status = EK_OK;
        if (ek_file_exists(path)) {
            if (!cli->force) {
                status = ek_error_set(err, EK_E_USAGE,
                                      "%s already exists; choose another folder with -o, or "
                                      "overwrite it with --force",
                                      path);
            } else if (unlink(path) != 0) {
                status = ek_error_set(err, EK_E_IO, "%s cannot be removed", path);
            }
        }
        ek_free(path);
        EK_TRY(status);
    }
    return EK_OK;
}

static ek_status print_result(const ek_cli *cli, const ek_study_inputs *inputs,
                              const ek_run_result *result, ek_error *err)
{
    ek_buf out = {0};
    bool masked_lm = inputs->data.problem == EK_PROBLEM_MASKED_LM;
    double unit = masked_lm ? 1 : 100; /* scores are shown in hundredths */
    if (cli->json) {
        ek_buf_puts(&out, "{\"score\":");
        ek_buf_json_double(&out, result->score);
        ek_buf_puts(&out, ",\"baseline\":");
        ek_buf_json_double(&out, inputs->baseline);
        ek_buf_puts(&out, ",\"loss\":");
        ek_buf_json_double(&out, result->predictions.loss);
        ek_buf_puts(&out, ",\"metrics\":{");
        for (const char *const *m = inputs->data.metrics; *m; m++) {
            ek_buf_printf(&out, "%s\"%s\":", m == inputs->data.metrics ? "" : ",", *m);
            ek_buf_json_double(&out, ek_evaluate_metric(*m, &result->predictions,
                                                        inputs->arm_tokens[0].validation));
        }
        ek_buf_printf(&out,
                      "},\"metric\":\"%s\",\"outcome\":\"%s\",\"weights_hash\":\"%s\","
                      "\"steps\":%lld,\"seconds\":",
                      inputs->data.reported, ek_outcome_name(result->outcome), result->weights_hash,
                      (long long)result->total_steps);
        ek_buf_json_double(&out, result->train_seconds + result->eval_seconds);
        ek_buf_printf(&out, ",\"peak_bytes\":%zu}\n", ek_mem_peak());
    } else {
        for (const char *const *m = inputs->data.metrics; *m; m++) {
            ek_buf_printf(&out, "%-9s %.2f\n", *m,
                          unit * ek_evaluate_metric(*m, &result->predictions,
                                                    inputs->arm_tokens[0].validation));
        }
        ek_buf_printf(&out,
                      "baseline  %.2f (%s)\noutcome   %s\nweights   %s\n"
                      "time      %.1f s training, %.1f s evaluation\n"
                      "memory    %.0f MB at most\n",
                      unit * inputs->baseline, inputs->data.reported,
                      ek_outcome_name(result->outcome), result->weights_hash, result->train_seconds,
                      result->eval_seconds, (double)ek_mem_peak() / 1e6);
        ek_buf_puts(&out,
                    masked_lm
                        ? ""
                        : "one seed says nothing about the spread: 'evenkeel study' runs many\n");
    }
    ek_status status = ek_cli_print(&out, err);
    ek_buf_deinit(&out);
    return status;
}

/* again: the run of a stored study that this one repeats, or NULL. */
static ek_status train_into(const ek_cli *cli, ek_study_inputs *inputs, ek_store *store,
                            const ek_model_card_study *again, ek_error *err)
{
    ek_run_result result;
    EK_TRY(ek_store_register(store, inputs->spec, &inputs->facts, err));
    EK_TRY(ek_study_run_one(inputs, 0, ek_cli_threads(cli, ek_cpu_count()), cli->output != NULL,
                            store, &result, ek_progress_run, NULL, err));
    ek_status status = EK_OK;
    const char *expected_hash = again ? again->weights_hash : result.weights_hash;
    if (strcmp(expected_hash, result.weights_hash) != 0) {
        status = ek_error_set(err, EK_E_FAILED,
                              "the run came out with other weights (%.16s...) than the study has "
                              "(%.16s...); nothing was kept",
                              result.weights_hash, expected_hash);
    }
    if (status == EK_OK && cli->output) {
        status = ek_kept_model_write(inputs, &result, cli->output, err);
        if (status == EK_OK && inputs->data.problem != EK_PROBLEM_MASKED_LM) {
            status = ek_model_card_write(inputs, &result, again, cli->output, err);
        }
    }
    if (status == EK_OK) {
        status = print_result(cli, inputs, &result, err);
    }
    ek_run_result_free(&result);
    return status;
}

static ek_status train_spec(const ek_cli *cli, const ek_spec *spec,
                            const ek_model_card_study *again, ek_error *err)
{
    ek_study_inputs inputs;
    ek_store *store = NULL;
    if (spec->run_count != 1) {
        return ek_error_set(
            err, EK_E_USAGE,
            "train makes one run, this asks for %zu; 'evenkeel study' takes several "
            "recipes and seeds",
            spec->run_count);
    }
    EK_TRY(ek_study_load(&inputs, spec, err));
    ek_status status = EK_OK;
    if (cli->dry_run) {
        status = ek_check_report(cli, &inputs, err);
    } else {
        status = prepare_output(cli, err);
        if (status == EK_OK) {
            status = cli->output ? ek_store_open(&store, cli->output, err)
                                 : ek_store_open_memory(&store, err);
        }
        if (status == EK_OK) {
            status = train_into(cli, &inputs, store, again, err);
        }
        ek_store_close(store);
    }
    ek_study_unload(&inputs);
    return status;
}

/* train --run STUDY:RUN: that run's settings, with its hash to be met. */
static ek_status train_again(ek_cli *cli, ek_error *err)
{
    char *dir = ek_strdup(cli->run);
    char *colon = dir ? strrchr(dir, ':') : NULL;
    if (!colon) {
        ek_free(dir);
        return ek_error_set(err, EK_E_USAGE,
                            "--run needs STUDY:RUN, as in --run my-study:best; found '%.80s'",
                            cli->run);
    }
    *colon = '\0';
    ek_spec spec = {0};
    int64_t id;
    size_t planned;
    char hash[65];
    ek_status status = EK_OK;
    if (cli->settings.count > 0) {
        status = ek_error_set(err, EK_E_USAGE,
                              "%s cannot be given with --run: the settings are the run's",
                              cli->settings.items[0].where);
    }
    if (status == EK_OK) {
        status = find_run(dir, colon + 1, &id, err);
    }
    if (status == EK_OK) {
        status = ek_study_find_run(dir, id, &spec, &planned, hash, err);
    }
    if (status == EK_OK) {
        ek_progress_say("run %lld of %s: %s, seed %u", (long long)id, dir, spec.arms[0].group,
                        spec.runs[0].seed);
        ek_model_card_study again = {.dir = dir, .run = id, .weights_hash = hash};
        status = train_spec(cli, &spec, &again, err);
        ek_spec_free(&spec);
    }
    ek_free(dir);
    return status;
}

ek_status ek_cmd_train(ek_cli *cli, ek_error *err)
{
    static const char *const seed_keys[] = {"seeds", "init_seed", "order_seed", "dropout_seed"};
    ek_spec spec;
    bool seeded = false;
    if (cli->run) {
        return train_again(cli, err);
    }
    for (size_t i = 0; i < sizeof seed_keys / sizeof *seed_keys; i++) {
        seeded = seeded || ek_settings_find(&cli->settings, seed_keys[i]);
    }
    if (!seeded) {
        EK_TRY(ek_settings_add(&cli->settings, "seeds", "1", EK_ORIGIN_FLAG, "default", err));
    }
    EK_TRY(ek_spec_build(&spec, NULL, &cli->settings, err));
    ek_status status =
        spec.options.stop_doomed
            ? ek_error_set(err, EK_E_USAGE,
                           "--stop-doomed learns from other seeds: 'evenkeel study' takes it")
            : train_spec(cli, &spec, NULL, err);
    ek_spec_free(&spec);
    return status;
}

/* ---- verify ---------------------------------------------------------------------------------- */

static ek_status print_verdict(const ek_cli *cli, int64_t id, const char *stored, const char *now,
                               ek_error *err)
{
    ek_buf out = {0};
    bool equal = strcmp(stored, now) == 0;
    if (cli->json) {
        ek_buf_printf(&out, "{\"run\":%lld,\"equal\":%s,\"stored\":\"%s\",\"now\":\"%s\"}\n",
                      (long long)id, equal ? "true" : "false", stored, now);
    } else {
        ek_buf_printf(&out, "run %lld: %s\n  stored %s\n  now    %s\n", (long long)id,
                      equal ? "the same bits" : "DIFFERENT", stored, now);
    }
    ek_status status = ek_cli_print(&out, err);
    ek_buf_deinit(&out);
    if (status == EK_OK && !equal) {
        status = ek_error_set(err, EK_E_FAILED, "the weights of run %lld differ", (long long)id);
    }
    return status;
}

ek_status ek_cmd_verify(ek_cli *cli, ek_error *err)
{
    const char *dir = cli->arguments[0];
    int64_t id;
    size_t planned;
    char stored[65];
    ek_spec spec;
    ek_study_inputs inputs;
    ek_run_result result;
    EK_TRY(find_run(dir, cli->run, &id, err));
    EK_TRY(ek_study_find_run(dir, id, &spec, &planned, stored, err));
    ek_status status = ek_study_load(&inputs, &spec, err);
    if (status == EK_OK) {
        status = ek_study_run_one(&inputs, planned, ek_cli_threads(cli, ek_cpu_count()), false,
                                  NULL, &result, ek_progress_run, NULL, err);
        if (status == EK_OK) {
            status = print_verdict(cli, id, stored, result.weights_hash, err);
            ek_run_result_free(&result);
        }
        ek_study_unload(&inputs);
    }
    ek_spec_free(&spec);
    return status;
}
