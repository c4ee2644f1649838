/* CSV (RFC 4180): runs.csv, metrics.csv, groups.csv, predictions.csv. Fractions, not percent; a
 * number that is not finite is nan, inf or -inf. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "report/export.h"
#include "report/metric_text.h"

/* ---- runs ------------------------------------------------------------------------------------ */

/* The settings of every group, read back from its JSON; keys of all groups together. */
typedef struct {
    json_t *keys;    /* object: the union, in the order they were met */
    json_t **groups; /* [table.count] */
} settings;

static void settings_free(settings *s, size_t count)
{
    for (size_t i = 0; s->groups && i < count; i++) {
        json_decref(s->groups[i]);
    }
    ek_free(s->groups);
    json_decref(s->keys);
}

static ek_status settings_load(settings *s, const ek_group_table *table, ek_error *err)
{
    *s = (settings){.groups = ek_calloc(table->count, sizeof *s->groups)};
    EK_TRY(ek_json_parse(&s->keys, "{}", 2, "settings", EK_E_DATA, err));
    for (size_t i = 0; s->groups && i < table->count; i++) {
        const char *text = table->rows[i].settings_json;
        EK_TRY(
            ek_json_parse(&s->groups[i], text, strlen(text), table->rows[i].group, EK_E_DATA, err));
        if (json_object_update_missing(s->keys, s->groups[i]) != 0) {
            return ek_error_set(err, EK_E_MEMORY, "no memory for the settings");
        }
    }
    return s->groups ? EK_OK : ek_error_set(err, EK_E_MEMORY, "no memory for the settings");
}

static void put_value(ek_buf *out, const json_t *value)
{
    char text[32];
    ek_buf_putc(out, ',');
    if (json_is_string(value)) {
        ek_buf_csv_field(out, json_string_value(value));
    } else if (json_is_integer(value)) {
        ek_buf_printf(out, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        ek_buf_puts(out, ek_number_text(text, json_real_value(value)));
    } else if (json_is_boolean(value)) {
        ek_buf_puts(out, json_is_true(value) ? "true" : "false");
    }
}

static void put_run(ek_buf *out, const ek_run_row *run)
{
    bool done = run->status == EK_RUN_DONE;
    char text[32];
    ek_buf_printf(out, "%lld,", (long long)run->id);
    ek_buf_csv_field(out, run->group);
    ek_buf_putc(out, ',');
    ek_buf_csv_field(out, run->recipe);
    ek_buf_printf(out, ",%u,%u,%u,%u,%u,%u,%s,", run->seed, run->seeds.init, run->seeds.order,
                  run->seeds.dropout, run->seeds.subset, run->seeds.split,
                  ek_run_status_name(run->status));
    if (done) {
        ek_buf_printf(out, "%s,%s,", ek_outcome_name(run->outcome),
                      ek_number_text(text, run->score));
        ek_buf_printf(out, "%s,%lld,%lld,", ek_number_text(text, run->best_score),
                      (long long)run->best_step, (long long)run->total_steps);
        ek_buf_printf(out, "%s,", ek_number_text(text, run->seconds));
        if (run->nonfinite_step >= 0) {
            ek_buf_printf(out, "%lld", (long long)run->nonfinite_step);
        }
        ek_buf_printf(out, ",%lld,", (long long)run->trained_tokens);
    } else {
        ek_buf_puts(out, ",,,,,,,,");
    }
    ek_buf_printf(out, "%s,%s,%s,", run->started, run->finished, run->weights_hash);
    ek_buf_csv_field(out, run->reason ? run->reason : "");
}

static ek_status write_runs(const ek_export *export, ek_error *err)
{
    const ek_group_table *table = &export->table;
    settings s;
    ek_sink sink;
    const char *key;
    json_t *value;
    ek_status status = settings_load(&s, table, err);
    if (status == EK_OK) {
        status = ek__sink_open(&sink, export->out, "runs.csv", err);
    }
    if (status != EK_OK) {
        settings_free(&s, table->count);
        return status;
    }
    ek_buf_puts(&sink.buf,
                "run,group,recipe,seed,init_seed,order_seed,dropout_seed,subset_seed,split_seed,"
                "status,outcome,score,best_score,best_step,total_steps,seconds,nonfinite_step,"
                "trained_tokens,started,finished,weights_hash,reason");
    json_object_foreach(s.keys, key, value)
    {
        ek_buf_puts(&sink.buf, ",settings.");
        ek_buf_csv_field(&sink.buf, key);
    }
    ek_buf_puts(&sink.buf, "\n");
    for (size_t r = 0; status == EK_OK && r < table->run_count; r++) {
        put_run(&sink.buf, &table->runs[r]);
        const json_t *own = s.groups[ek__export_group(export, &table->runs[r])];
        json_object_foreach(s.keys, key, value)
        {
            put_value(&sink.buf, json_object_get(own, key));
        }
        ek_buf_puts(&sink.buf, "\n");
        status = ek__sink_flush(&sink, err);
    }
    settings_free(&s, table->count);
    return ek__sink_close(&sink, status, err);
}

/* ---- metrics and groups ---------------------------------------------------------------------- */

struct lines {
    ek_sink sink;
    ek_status status;
    ek_error *err;
};

static void add_line(void *user, const ek_metric_record *record)
{
    struct lines *lines = user;
    if (lines->status == EK_OK) {
        ek_metric_csv(record, &lines->sink.buf);
        lines->status = ek__sink_flush(&lines->sink, lines->err);
    }
}

static ek_status write_metrics(const ek_export *export, ek_error *err)
{
    struct lines lines = {.err = err};
    EK_TRY(ek__sink_open(&lines.sink, export->out, "metrics.csv", err));
    ek_buf_puts(&lines.sink.buf, ek_metric_csv_header);
    ek_status status = ek_store_metrics(export->store, NULL, add_line, &lines, err);
    return ek__sink_close(&lines.sink, lines.status != EK_OK ? lines.status : status, err);
}

static ek_status write_groups(const ek_export *export, ek_error *err)
{
    ek_sink sink;
    EK_TRY(ek__sink_open(&sink, export->out, "groups.csv", err));
    ek_group_table_csv(&export->table, &sink.buf);
    return ek__sink_close(&sink, EK_OK, err);
}

/* ---- predictions ----------------------------------------------------------------------------- */

static void put_prediction(ek_buf *out, const ek_stored_predictions *p, size_t run, size_t example)
{
    char text[32];
    size_t at = run * p->example_count + example, classes = (size_t)p->label_count;
    ek_buf_printf(out, "%lld,%zu,", (long long)p->runs[run], example);
    if (classes == 1) {
        ek_buf_printf(out, "%s,", ek_number_text(text, p->truth_scores[example]));
        ek_buf_printf(out, "%s\n", ek_number_text(text, p->probs[at]));
        return;
    }
    if (p->truth[example] >= 0) {
        ek_buf_printf(out, "%d", p->truth[example]);
    }
    ek_buf_printf(out, ",%d", p->labels[at]);
    for (size_t c = 0; c < classes; c++) {
        ek_buf_printf(out, ",%s", ek_number_text(text, p->probs[at * classes + c]));
    }
    ek_buf_putc(out, '\n');
}

static ek_status put_group(const ek_export *export, ek_sink *sink, const char *group, ek_error *err)
{
    ek_stored_predictions p;
    EK_TRY(ek_store_predictions(export->store, group, export->table.run_count, &p, err));
    ek_status status = EK_OK;
    for (size_t r = 0; r < p.run_count; r++) {
        for (size_t i = 0; status == EK_OK && i < p.example_count; i++) {
            put_prediction(&sink->buf, &p, r, i);
            status = ek__sink_flush(sink, err);
        }
    }
    ek_stored_predictions_free(&p);
    return status;
}

static ek_status write_predictions(const ek_export *export, ek_error *err)
{
    ek_sink sink;
    ek_status status = EK_OK;
    int32_t classes = export->table.facts.label_count;
    EK_TRY(ek__sink_open(&sink, export->out, "predictions.csv", err));
    ek_buf_puts(&sink.buf, classes == 1 ? "run,example,truth,score" : "run,example,truth,label");
    for (int32_t c = 0; classes > 1 && c < classes; c++) {
        ek_buf_printf(&sink.buf, ",prob_%d", c);
    }
    ek_buf_puts(&sink.buf, "\n");
    for (size_t g = 0; status == EK_OK && g < export->table.count; g++) {
        status = put_group(export, &sink, export->table.rows[g].group, err);
    }
    return ek__sink_close(&sink, status, err);
}

ek_status ek__export_csv(ek_export *export, ek_error *err)
{
    EK_TRY(write_runs(export, err));
    EK_TRY(write_metrics(export, err));
    EK_TRY(write_groups(export, err));
    return write_predictions(export, err);
}
