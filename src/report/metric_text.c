#include "report/metric_text.h"

#include <math.h>
#include <string.h>

const char ek_metric_csv_header[] = "run,group,recipe,seed,step,name,value\n";

const char *ek_number_text(char buffer[32], double value)
{
    return isnan(value)    ? "nan"
           : !isinf(value) ? ek_format_double(buffer, value)
           : value > 0     ? "inf"
                           : "-inf";
}

void ek_metric_csv(const ek_metric_record *record, ek_buf *out)
{
    char text[32];
    ek_buf_printf(out, "%lld,", (long long)record->run);
    ek_buf_csv_field(out, record->group);
    ek_buf_putc(out, ',');
    ek_buf_csv_field(out, record->recipe);
    ek_buf_printf(out, ",%u,%lld,", record->seed, (long long)record->step);
    ek_buf_csv_field(out, record->name);
    ek_buf_printf(out, ",%s\n", ek_number_text(text, record->value));
}

void ek_metric_json(const ek_metric_record *record, ek_buf *out)
{
    char text[32];
    ek_buf_printf(out, "\"run\":%lld,\"group\":", (long long)record->run);
    ek_buf_json_string(out, record->group, strlen(record->group));
    ek_buf_puts(out, ",\"recipe\":");
    ek_buf_json_string(out, record->recipe, strlen(record->recipe));
    ek_buf_printf(out, ",\"seed\":%u,\"step\":%lld,\"name\":", record->seed,
                  (long long)record->step);
    ek_buf_json_string(out, record->name, strlen(record->name));
    ek_buf_puts(out, ",\"value\":");
    ek_buf_json_double(out, record->value);
    if (!isfinite(record->value)) {
        ek_buf_printf(out, ",\"kind\":\"%s\"", ek_number_text(text, record->value));
    }
}
