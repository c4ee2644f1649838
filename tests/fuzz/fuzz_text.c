/* Any bytes as a number, a list, a name and a field: what is written must read back. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* Bytes written as a JSON string read back: the same where they are UTF-8. */
static void check_json_string(const char *bytes, size_t size)
{
    ek_buf text = {0};
    json_t *root = NULL;
    ek_buf_putc(&text, '[');
    ek_buf_json_string(&text, bytes, size);
    ek_buf_putc(&text, ']');
    require(ek_utf8_check(ek_buf_text(&text), text.length) == text.length);
    ek_status status = ek_json_parse(&root, ek_buf_text(&text), text.length, "", EK_E_DATA, NULL);
    if (memchr(bytes, '\0', size) == NULL) {
        require(status == EK_OK);
        if (ek_utf8_check(bytes, size) == size) {
            const json_t *string = json_array_get(root, 0);
            require(json_string_length(string) == size);
            require(memcmp(json_string_value(string), bytes, size) == 0);
        }
    }
    json_decref(root);
    ek_buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = ek_strndup((const char *)data, size);
    if (text == NULL) {
        return 0;
    }
    if (size > 0) {
        check_json_string((const char *)data, size);
    }
    double number, again;
    char shown[32];
    if (ek_parse_double(text, &number)) {
        require(ek_parse_double(ek_format_double(shown, number), &again));
        require(memcmp(&number, &again, sizeof number) == 0 || isnan(number));
    }
    int64_t *list = NULL;
    size_t count = 0;
    if (ek_parse_list(text, -1000, 100000, 5000, &list, &count, NULL) == EK_OK) {
        require(count > 0 && count <= 5000);
        for (size_t i = 0; i < count; i++) {
            require(list[i] >= -1000 && list[i] <= 100000);
        }
        ek_free(list);
    }
    int64_t integer;
    bool flag;
    ek_parse_i64(text, &integer);
    ek_parse_bool(text, &flag);
    require(ek_edit_distance(text, text) == 0);
    require(ek_glob_match("*", text));
    ek_glob_match(text, "grad_norm/bert.pooler.dense.weight");
    ek_buf field = {0};
    ek_buf_csv_field(&field, text);
    ek_buf_deinit(&field);
    ek_free(text);
    return 0;
}
