/* tokenize and info: what the tokenizer and the checkpoint loader see. */
#include <string.h>

#include "cli/cli.h"
#include "data/dataset.h"
#include "data/table.h"
#include "model/model.h"
#include "study/spec.h"
#include "text/tokenizer.h"
#include "train/recipe.h"

static void write_ids(ek_buf *out, const ek_encoding *encoding)
{
    const int32_t *const arrays[] = {encoding->input_ids, encoding->token_type_ids};
    static const char *const names[] = {"{\"input_ids\":[", "],\"token_type_ids\":["};
    for (int a = 0; a < 2; a++) {
        ek_buf_puts(out, names[a]);
        for (size_t i = 0; i < encoding->count; i++) {
            ek_buf_printf(out, "%s%d", i ? "," : "", arrays[a][i]);
        }
    }
    ek_buf_puts(out, "]}\n");
}

static ek_status tokenize_table(const ek_tokenizer *tokenizer, const ek_encode_options *options,
                                const ek_table *table, ek_buf *out, ek_error *err)
{
    size_t text, pair = 0;
    bool has_pair = false;
    EK_TRY(ek_table_column(table, "text", &text, err));
    for (size_t i = 0; i < table->column_count; i++) {
        if (strcmp(table->columns[i], "text_pair") == 0) {
            pair = i;
            has_pair = true;
        }
    }
    ek_encoding encoding = {0};
    ek_status status = EK_OK;
    for (size_t row = 0; row < table->row_count && status == EK_OK; row++) {
        ek_field a = ek_table_field(table, row, text);
        ek_field b = has_pair ? ek_table_field(table, row, pair) : (ek_field){0};
        if (!a.text) {
            status = ek_error_set(err, EK_E_DATA, "%s, line %zu: 'text' is missing", table->path,
                                  table->lines[row]);
            break;
        }
        status = ek_tokenizer_encode(tokenizer, options, a.text, a.length, b.text, b.length,
                                     &encoding, err);
        if (status == EK_OK) {
            write_ids(out, &encoding);
        }
    }
    ek_encoding_deinit(&encoding);
    return status;
}

static ek_status model_of(const ek_cli *cli, ek_study_options *options, ek_error *err)
{
    EK_TRY(ek_cli_apply(cli, &ek_study_option_table, options, err));
    if (cli->argument_count > 0) {
        const ek_option *row = ek_option_find(&ek_study_option_table, "model");
        EK_TRY(ek_option_set(row, options, cli->arguments[0], err));
    }
    return options->model ? EK_OK : ek_error_set(err, EK_E_USAGE, "no model: give --model DIR");
}

static ek_status tokenize(const ek_cli *cli, const char *model, ek_buf *out, ek_error *err)
{
    ek_recipe recipe;
    EK_TRY(ek_cli_apply(cli, &ek_recipe_options, &recipe, err));
    bool limited = ek_settings_find(&cli->settings, "max_seq_length") != NULL;
    ek_encode_options options = ek_encode_default_options(limited ? (int)recipe.max_seq_length : 0);
    options.truncation = (ek_truncation)recipe.truncation;
    options.special_in_text = !cli->plain_text;
    ek_tokenizer *tokenizer;
    EK_TRY(ek_tokenizer_open(&tokenizer, model, err));
    const char *path = cli->input ? cli->input : "-";
    ek_table table;
    const ek_table_options format = {.format =
                                         strcmp(path, "-") == 0 ? EK_FORMAT_JSONL : EK_FORMAT_AUTO};
    ek_status status = ek_table_open(&table, path, &format, err);
    if (status == EK_OK) {
        status = tokenize_table(tokenizer, &options, &table, out, err);
        ek_table_close(&table);
    }
    ek_tokenizer_close(tokenizer);
    return status;
}

ek_status ek_cmd_tokenize(ek_cli *cli, ek_error *err)
{
    ek_study_options options = {0};
    ek_buf out = {0};
    ek_status status = model_of(cli, &options, err);
    if (status == EK_OK) {
        status = tokenize(cli, options.model, &out, err);
    }
    if (status == EK_OK) {
        status = ek_cli_print(&out, err);
    }
    ek_buf_deinit(&out);
    ek_option_release(&ek_study_option_table, &options);
    return status;
}

/* ---- info ------------------------------------------------------------------------------------ */

static const char *const kinds[] = {"loaded", "renamed", "missing", "unused"};

static void count_kinds(const ek_model *model, size_t counts[4])
{
    for (size_t i = 0; i < model->report_count; i++) {
        counts[model->report[i].kind]++;
    }
}

static void info_text(const ek_model *model, const ek_tokenizer *tokenizer, ek_buf *out)
{
    const ek_model_config *c = &model->config;
    size_t counts[4] = {0}, groups[EK_GROUP_COUNT] = {0}, total = 0;
    count_kinds(model, counts);
    for (size_t i = 0; i < model->params.count; i++) {
        groups[model->params.rows[i].group] += model->params.rows[i].count;
        total += model->params.rows[i].count;
    }
    ek_buf_printf(out,
                  "%s\nmodel_type %s, num_hidden_layers %d, hidden_size %d, "
                  "num_attention_heads %d, intermediate_size %d\n",
                  model->dir, c->model_type, c->num_hidden_layers, c->hidden_size,
                  c->num_attention_heads, c->intermediate_size);
    ek_buf_printf(out,
                  "vocab_size %d (tokenizer: %zu, %s), max_position_embeddings %d, "
                  "type_vocab_size %d\n",
                  c->vocab_size, ek_tokenizer_vocab_size(tokenizer),
                  ek_tokenizer_lowercases(tokenizer) ? "lower case" : "cased",
                  c->max_position_embeddings, c->type_vocab_size);
    ek_buf_printf(out, "parameters %zu:", total);
    for (int g = 0; g < EK_GROUP_COUNT; g++) {
        ek_buf_printf(out, "%s %s %zu", g ? "," : "", ek_param_group_name((ek_param_group)g),
                      groups[g]);
    }
    ek_buf_puts(out, "\n");
    for (int32_t i = 0; c->id2label && i < c->num_labels && i < 30; i++) {
        ek_buf_printf(out, "label %d: %.60s\n", i, c->id2label[i]);
    }
    ek_buf_printf(out, "tensors: %zu loaded, %zu renamed, %zu missing, %zu unused\n", counts[0],
                  counts[1], counts[2], counts[3]);
    for (size_t i = 0; i < model->report_count; i++) {
        const ek_load_entry *e = &model->report[i];
        if (e->kind == EK_LOAD_LOADED) {
            continue;
        }
        ek_buf_printf(out, "  %-8s %s%s%s%s%s\n", kinds[e->kind],
                      e->file_name ? e->file_name : e->param_name,
                      e->file_name && e->param_name ? " -> " : "",
                      e->file_name && e->param_name ? e->param_name : "", e->reason ? ": " : "",
                      e->reason ? e->reason : "");
    }
    ek_buf_printf(out, "hash %s\n", model->hash);
}

static void put_string(ek_buf *out, const char *key, const char *value)
{
    ek_buf_printf(out, "\"%s\":", key);
    if (value) {
        ek_buf_json_string(out, value, strlen(value));
    } else {
        ek_buf_puts(out, "null");
    }
}

static void info_json(const ek_model *model, const ek_tokenizer *tokenizer, ek_buf *out)
{
    const ek_model_config *c = &model->config;
    size_t counts[4] = {0};
    count_kinds(model, counts);
    ek_buf_putc(out, '{');
    put_string(out, "model", model->dir);
    ek_buf_putc(out, ',');
    put_string(out, "model_type", c->model_type);
    ek_buf_printf(out,
                  ",\"num_hidden_layers\":%d,\"hidden_size\":%d,\"num_attention_heads\":%d,"
                  "\"intermediate_size\":%d,\"vocab_size\":%d,\"tokenizer_vocab_size\":%zu,"
                  "\"max_position_embeddings\":%d,\"hash\":\"%s\"",
                  c->num_hidden_layers, c->hidden_size, c->num_attention_heads,
                  c->intermediate_size, c->vocab_size, ek_tokenizer_vocab_size(tokenizer),
                  c->max_position_embeddings, model->hash);
    for (int k = 0; k < 4; k++) {
        ek_buf_printf(out, ",\"%s\":%zu", kinds[k], counts[k]);
    }
    ek_buf_puts(out, ",\"tensors\":[");
    for (size_t i = 0; i < model->report_count; i++) {
        const ek_load_entry *e = &model->report[i];
        ek_buf_puts(out, i ? ",{" : "{");
        put_string(out, "kind", kinds[e->kind]);
        ek_buf_putc(out, ',');
        put_string(out, "file_name", e->file_name);
        ek_buf_putc(out, ',');
        put_string(out, "parameter", e->param_name);
        ek_buf_putc(out, ',');
        put_string(out, "reason", e->reason);
        ek_buf_putc(out, '}');
    }
    ek_buf_puts(out, "]}\n");
}

static ek_status inform(const ek_cli *cli, const char *dir, ek_error *err)
{
    ek_model model;
    ek_tokenizer *tokenizer;
    ek_buf out = {0};
    EK_TRY(ek_model_open(&model, dir, &(ek_model_options){.identify = true}, err));
    ek_status status = ek_tokenizer_open(&tokenizer, dir, err);
    if (status == EK_OK) {
        ek_model_identify(&model);
        (cli->json ? info_json : info_text)(&model, tokenizer, &out);
        status = ek_cli_print(&out, err);
        ek_tokenizer_close(tokenizer);
    }
    ek_buf_deinit(&out);
    ek_model_close(&model);
    return status;
}

ek_status ek_cmd_info(ek_cli *cli, ek_error *err)
{
    ek_study_options options = {0};
    ek_status status = model_of(cli, &options, err);
    if (status == EK_OK) {
        status = inform(cli, options.model, err);
    }
    ek_option_release(&ek_study_option_table, &options);
    return status;
}
