#include "report/model_card.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "report/group_table.h"
#include "report/yaml_text.h"

typedef struct {
    const ek_study_inputs *inputs;
    const ek_run_result *result;
    const ek_model_card_study *study; /* NULL: a run of its own */
    const ek_group_row *group;        /* of the study, or NULL */
    const char *dataset;              /* name without folders */
    ek_buf out;
} card;

/* Text inside a code span: a backtick or a line end would break out of it. */
static void code(ek_buf *out, const char *text)
{
    ek_buf_putc(out, '`');
    for (; *text; text++) {
        bool bad = *text == '`' || (unsigned char)*text < 0x20;
        ek_buf_putc(out, bad ? '\'' : *text);
    }
    ek_buf_putc(out, '`');
}

static void yaml(card *c, const char *key, const char *value)
{
    ek_buf_printf(&c->out, "%s: ", key);
    ek_buf_yaml_string(&c->out, value);
    ek_buf_putc(&c->out, '\n');
}

static bool has_spread(const card *c)
{
    return c->group && c->group->summary.n >= 2;
}

/* ---- front matter ---------------------------------------------------------------------------- */

static void metric(card *c, const char *about, const char *value)
{
    ek_buf name = {0};
    const char *reported = c->inputs->data.reported;
    yaml(c, "    - type", reported);
    ek_buf_printf(&name, "%s, percent (%s)", reported, about);
    yaml(c, "      name", ek_buf_text(&name));
    yaml(c, "      value", value);
    ek_buf_deinit(&name);
}

static void front_matter(card *c)
{
    ek_buf *out = &c->out;
    const ek_arm *arm = &c->inputs->spec->arms[c->inputs->spec->runs[0].arm];
    ek_buf text = {0};
    ek_buf_puts(out, "---\nlibrary_name: transformers\npipeline_tag: text-classification\n"
                     "tags:\n- evenkeel\nmetrics:\n");
    for (const char *const *m = c->inputs->data.metrics; *m; m++) {
        ek_buf_puts(out, "- ");
        ek_buf_yaml_string(out, *m);
        ek_buf_putc(out, '\n');
    }
    ek_buf_puts(out, "model-index:\n");
    ek_buf_printf(&text, "%s, seed %u", arm->group, c->inputs->spec->runs[0].seed);
    yaml(c, "- name", ek_buf_text(&text));
    ek_buf_puts(out, "  results:\n  - task:\n      type: text-classification\n"
                     "      name: Text classification\n    dataset:\n");
    yaml(c, "      name", c->dataset);
    yaml(c, "      type", c->dataset);
    yaml(c, "      split", c->inputs->facts.split);
    ek_buf_puts(out, "    metrics:\n");
    if (has_spread(c)) {
        const ek_summary *s = &c->group->summary;
        ek_buf about = {0};
        ek_buf_clear(&text);
        ek_buf_printf(&text, "%.1f ± %.1f", 100 * s->mean, 100 * s->sd);
        ek_buf_printf(&about, "mean ± SD over %zu seeds of this recipe", s->n);
        metric(c, ek_buf_text(&about), ek_buf_text(&text));
        ek_buf_deinit(&about);
    }
    ek_buf_clear(&text);
    ek_buf_printf(&text, "%.1f", 100 * c->result->score);
    metric(c, has_spread(c) ? "these weights" : "one seed: no spread is known", ek_buf_text(&text));
    ek_buf_puts(out, "---\n\n");
    ek_buf_deinit(&text);
}

/* ---- text ------------------------------------------------------------------------------------ */

static void spread(card *c)
{
    ek_buf *out = &c->out;
    const char *reported = c->inputs->data.reported;
    const char *split = c->inputs->facts.split;
    ek_buf_printf(out, "## Results\n\nThese weights: %s %.1f %% on %s (%zu examples).", reported,
                  100 * c->result->score, split, c->inputs->facts.validation_count);
    if (c->result->outcome == EK_OUTCOME_DOOMED) {
        const ek_arm *arm = &c->inputs->spec->arms[c->inputs->spec->runs[0].arm];
        ek_buf_printf(out,
                      "\nThe run was stopped at step %lld of %lld, by a rule that takes it for one "
                      "that\nwill fail: this model is not trained to its end.",
                      (long long)arm->doomed.step, (long long)c->result->total_steps);
    }
    if (!has_spread(c)) {
        ek_buf_printf(out,
                      " One seed: no spread is known, and another seed may score otherwise.\n"
                      "This run %s.\n",
                      c->result->outcome == EK_OUTCOME_OK ? "did not fail" : "failed");
    } else {
        const ek_summary *s = &c->group->summary;
        ek_buf_printf(out,
                      "\nThe same recipe over %zu seeds: mean %.1f %% [%.1f, %.1f] (95 %% %s "
                      "bootstrap\nover seeds), SD %.1f, min %.1f, median %.1f, max "
                      "%.1f; failed runs %zu/%zu.\nNo run is left out of any number.\n",
                      s->n, 100 * s->mean, 100 * s->mean_low, 100 * s->mean_high,
                      ek_interval_method_name(s->mean_method), 100 * s->sd, 100 * s->min,
                      100 * s->median, 100 * s->max, s->failed, s->n);
    }
    ek_recipe defaults = c->inputs->spec->arms[c->inputs->spec->runs[0].arm].recipe;
    const ek_option *row = ek_option_find(&ek_recipe_options, "report_checkpoint");
    ek_buf rule = {0};
    if (row) {
        ek_option_get(row, &defaults, &rule);
    }
    ek_buf_printf(out,
                  "\n- checkpoint: %s%s\n- baseline (majority class or mean): %.1f %%; a run that "
                  "does not score above it has failed\n\n",
                  ek_buf_text(&rule),
                  strcmp(ek_buf_text(&rule), "best") == 0
                      ? " (chosen on the reported split: the score is optimistic)"
                      : "",
                  100 * c->inputs->baseline);
    ek_buf_deinit(&rule);
}

static void training(card *c)
{
    ek_buf *out = &c->out;
    const ek_spec *spec = c->inputs->spec;
    const ek_planned_run *run = &spec->runs[0];
    const ek_arm *arm = &spec->arms[run->arm];
    ek_buf_puts(out, "## Training\n\n- data: ");
    code(out, c->dataset);
    ek_buf_printf(out, ", %zu training examples\n- labels:", c->inputs->facts.train_count);
    for (size_t i = 0; i < c->inputs->data.label_count && i < 50; i++) {
        ek_buf_putc(out, ' ');
        code(out, c->inputs->data.label_names[i]);
    }
    ek_buf_puts(out, "\n- recipe: ");
    code(out, arm->recipe_name);
    ek_buf_printf(out, "\n- seeds: init %u, order %u, dropout %u, subset %u, split %u\n",
                  run->seeds.init, run->seeds.order, run->seeds.dropout, run->seeds.subset,
                  run->seeds.split);
    ek_buf_puts(out, "- settings:");
    for (size_t i = 0; i < ek_recipe_options.count; i++) {
        ek_buf value = {0};
        if (ek_option_get(&ek_recipe_options.rows[i], &arm->recipe, &value)) {
            ek_buf_printf(out, "%s %s=", i ? "," : "", ek_recipe_options.rows[i].name);
            code(out, ek_buf_text(&value));
        }
        ek_buf_deinit(&value);
    }
    ek_buf_printf(out, "\n- SHA-256 of the weights: `%s`\n\n", c->result->weights_hash);
}

/* A word of a shell command. */
static void word(ek_buf *out, const char *text)
{
    ek_buf_putc(out, '\'');
    for (; *text; text++) {
        bool bad = *text == '\'' || *text == '`' || (unsigned char)*text < 0x20;
        ek_buf_putc(out, bad ? '?' : *text);
    }
    ek_buf_putc(out, '\'');
}

/* Options of a table that were set by the user, as far as it says so. */
static void source_words(ek_buf *out, const ek_source *source)
{
    ek_source defaults;
    if (ek_option_defaults(&ek_source_options, &defaults, NULL) != EK_OK) {
        return;
    }
    for (size_t i = 0; i < ek_source_options.count; i++) {
        const ek_option *row = &ek_source_options.rows[i];
        ek_buf now = {0}, standard = {0};
        ek_option_get(row, &defaults, &standard);
        if (ek_option_get(row, source, &now) &&
            strcmp(ek_buf_text(&now), ek_buf_text(&standard)) != 0) {
            ek_buf_puts(out, " --");
            for (const char *c = row->name; *c; c++) {
                ek_buf_putc(out, *c == '_' ? '-' : *c);
            }
            ek_buf_putc(out, ' ');
            word(out, ek_path_base(ek_buf_text(&now)));
        }
        ek_buf_deinit(&now);
        ek_buf_deinit(&standard);
    }
    ek_option_release(&ek_source_options, &defaults);
}

static void command(card *c)
{
    ek_buf *out = &c->out;
    const ek_spec *spec = c->inputs->spec;
    const ek_planned_run *run = &spec->runs[0];
    const ek_arm *arm = &spec->arms[run->arm];
    ek_buf_puts(out, "## Make it again\n\nBit for bit, from the same model and data "
                     "(folders are left out):\n\n```sh\n");
    if (c->study) {
        ek_buf_puts(out, "evenkeel train --run ");
        ek_buf name = {0};
        ek_buf_printf(&name, "%s:%lld", ek_path_base(c->study->dir), (long long)c->study->run);
        word(out, ek_buf_text(&name));
        ek_buf_puts(out, " -o OUT\n# or, without the study:\n");
        ek_buf_deinit(&name);
    }
    ek_buf_puts(out, "evenkeel train --model ");
    word(out, ek_path_base(spec->options.model ? spec->options.model : "MODEL"));
    source_words(out, &spec->source);
    ek_buf_puts(out, " --recipe ");
    word(out, arm->recipe_name);
    for (size_t i = 0; i < ek_recipe_options.count; i++) {
        ek_buf value = {0};
        if (arm->origins[i] > EK_ORIGIN_RECIPE &&
            ek_option_get(&ek_recipe_options.rows[i], &arm->recipe, &value)) {
            ek_buf_puts(out, " --");
            for (const char *p = ek_recipe_options.rows[i].name; *p; p++) {
                ek_buf_putc(out, *p == '_' ? '-' : *p);
            }
            ek_buf_printf(out, "=%s", ek_buf_text(&value));
        }
        ek_buf_deinit(&value);
    }
    ek_buf_printf(out,
                  " --init-seed %u --order-seed %u --dropout-seed %u --subset-seed %u "
                  "--split-seed %u -o OUT\n```\n\n",
                  run->seeds.init, run->seeds.order, run->seeds.dropout, run->seeds.subset,
                  run->seeds.split);
#if defined(__clang__)
    ek_buf_printf(out, "Made with evenkeel %s (clang %s).\n", EK_VERSION, __clang_version__);
#else
    ek_buf_printf(out, "Made with evenkeel %s (gcc %s).\n", EK_VERSION, __VERSION__);
#endif
}

static ek_status write_card(card *c, const char *dir, ek_error *err)
{
    const ek_source *source = &c->inputs->spec->source;
    const ek_arm *arm = &c->inputs->spec->arms[c->inputs->spec->runs[0].arm];
    c->dataset = c->inputs->data.task ? c->inputs->facts.task
                 : source->train_file ? ek_path_base(source->train_file)
                                      : c->inputs->facts.task;
    front_matter(c);
    ek_buf_puts(&c->out, "# Text classifier for ");
    code(&c->out, c->dataset);
    ek_buf_puts(&c->out, "\n\nGroup ");
    code(&c->out, arm->group);
    ek_buf_printf(&c->out, ", seed %u, fine-tuned by evenkeel. All scores are percent.\n\n",
                  c->inputs->spec->runs[0].seed);
    spread(c);
    training(c);
    command(c);
    char *path = ek_path_join(dir, "README.md");
    ek_status status =
        path ? ek_buf_status(&c->out, err) : ek_error_set(err, EK_E_MEMORY, "no memory for a path");
    if (status == EK_OK) {
        status = ek_file_write(path, c->out.data, c->out.length, err);
    }
    ek_free(path);
    ek_buf_deinit(&c->out);
    return status;
}

/* The group of a run of the study, by the run's id; NULL if it is not there. */
static const ek_group_row *group_of(const ek_group_table *table, int64_t run)
{
    for (size_t r = 0; r < table->run_count; r++) {
        for (size_t g = 0; table->runs[r].id == run && g < table->count; g++) {
            if (strcmp(table->rows[g].group, table->runs[r].group) == 0) {
                return &table->rows[g];
            }
        }
    }
    return NULL;
}

ek_status ek_model_card_write(const ek_study_inputs *inputs, const ek_run_result *result,
                              const ek_model_card_study *study, const char *dir, ek_error *err)
{
    card c = {.inputs = inputs, .result = result, .study = study};
    ek_group_table table = {0};
    ek_store *store;
    if (!study) {
        return write_card(&c, dir, err);
    }
    EK_TRY(ek_store_open_read(&store, study->dir, err));
    ek_status status = ek_group_table_load(&table, store, err);
    ek_store_close(store);
    EK_TRY(status);
    c.group = group_of(&table, study->run);
    status = write_card(&c, dir, err);
    ek_group_table_free(&table);
    return status;
}
