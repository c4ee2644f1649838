/* JSON Lines: runs.jsonl, metrics.jsonl, groups.jsonl. The objects are those of `study --json` and
 * `metrics --json`; each line says the version of its schema first. */
#include <string.h>

#include "report/export.h"
#include "report/metric_text.h"

static void start_line(ek_buf *out)
{
    ek_buf_printf(out, "{\"schema\":%d,", EK_EXPORT_SCHEMA);
}

static void put_string(ek_buf *out, const char *key, const char *value)
{
    ek_buf_printf(out, ",\"%s\":", key);
    ek_buf_json_string(out, value, strlen(value));
}

/* What a reader of one line needs to know about the numbers in it. */
static void put_facts(ek_buf *out, const ek_export *export)
{
    const ek_group_table *table = &export->table;
    put_string(out, "study", export->record.name);
    put_string(out, "task", table->facts.task);
    put_string(out, "metric", table->facts.reported);
    put_string(out, "split", table->facts.split);
    put_string(out, "checkpoint", table->checkpoint);
    ek_buf_puts(out, ",\"baseline\":");
    ek_buf_json_double(out, table->facts.baseline);
}

/* Members of the object in text, without its braces. */
static void put_members(ek_buf *out, const ek_buf *text)
{
    if (text->length > 2) {
        ek_buf_append(out, text->data + 1, text->length - 2);
    }
}

static void put_run(ek_buf *out, const ek_export *export, const ek_run_row *run, ek_buf *object)
{
    ek_buf_clear(object);
    ek_run_row_json(run, object);
    start_line(out);
    put_members(out, object);
    put_facts(out, export);
    ek_buf_printf(out,
                  ",\"trained_tokens\":%lld,\"nonfinite_step\":", (long long)run->trained_tokens);
    if (run->nonfinite_step >= 0) {
        ek_buf_printf(out, "%lld", (long long)run->nonfinite_step);
    } else {
        ek_buf_puts(out, "null");
    }
    put_string(out, "started", run->started);
    put_string(out, "finished", run->finished);
    put_string(out, "reason", run->reason ? run->reason : "");
    ek_buf_printf(out, ",\"settings\":%s}\n",
                  export->table.rows[ek__export_group(export, run)].settings_json);
}

static ek_status write_runs(const ek_export *export, ek_error *err)
{
    ek_sink sink;
    ek_buf object = {0};
    ek_status status = EK_OK;
    EK_TRY(ek__sink_open(&sink, export->out, "runs.jsonl", err));
    for (size_t i = 0; status == EK_OK && i < export->table.run_count; i++) {
        put_run(&sink.buf, export, &export->table.runs[i], &object);
        status = ek_buf_status(&object, err);
        if (status == EK_OK) {
            status = ek__sink_flush(&sink, err);
        }
    }
    ek_buf_deinit(&object);
    return ek__sink_close(&sink, status, err);
}

static ek_status write_groups(const ek_export *export, ek_error *err)
{
    ek_sink sink;
    ek_buf object = {0};
    EK_TRY(ek__sink_open(&sink, export->out, "groups.jsonl", err));
    for (size_t i = 0; i < export->table.count; i++) {
        ek_buf_clear(&object);
        ek_group_row_json(&export->table.rows[i], &object);
        start_line(&sink.buf);
        put_members(&sink.buf, &object);
        put_facts(&sink.buf, export);
        ek_buf_puts(&sink.buf, "}\n");
    }
    ek_status status = ek_buf_status(&object, err);
    ek_buf_deinit(&object);
    return ek__sink_close(&sink, status, err);
}

struct lines {
    ek_sink sink;
    ek_status status;
    ek_error *err;
};

static void add_line(void *user, const ek_metric_record *record)
{
    struct lines *lines = user;
    if (lines->status == EK_OK) {
        start_line(&lines->sink.buf);
        ek_metric_json(record, &lines->sink.buf);
        ek_buf_puts(&lines->sink.buf, "}\n");
        lines->status = ek__sink_flush(&lines->sink, lines->err);
    }
}

static ek_status write_metrics(const ek_export *export, ek_error *err)
{
    struct lines lines = {.err = err};
    EK_TRY(ek__sink_open(&lines.sink, export->out, "metrics.jsonl", err));
    ek_status status = ek_store_metrics(export->store, NULL, add_line, &lines, err);
    return ek__sink_close(&lines.sink, lines.status != EK_OK ? lines.status : status, err);
}

ek_status ek__export_jsonl(ek_export *export, ek_error *err)
{
    EK_TRY(write_runs(export, err));
    EK_TRY(write_metrics(export, err));
    return write_groups(export, err);
}
