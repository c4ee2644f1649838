/* Any bytes as JSON: parsed or refused, and what is parsed can be asked for its members. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *root = NULL;
    ek_error err = {0};
    ek_status status = ek_json_parse(&root, (const char *)data, size, "fuzz", EK_E_MODEL, &err);
    if (status != EK_OK) {
        if (root != NULL || err.code != status || err.message[0] == '\0') {
            abort();
        }
        return 0;
    }
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value)
    {
        int64_t integer = 0;
        double number = 0.0;
        bool flag = false;
        const char *text = "";
        ek_json_get_int(root, key, -5, 1 << 20, &integer, "fuzz", EK_E_MODEL, &err);
        ek_json_get_double(root, key, 0.0, 1.0, &number, "fuzz", EK_E_MODEL, &err);
        ek_json_get_bool(root, key, &flag, "fuzz", EK_E_MODEL, &err);
        ek_json_get_string(root, key, &text, "fuzz", EK_E_MODEL, &err);
        if (integer < -5 || integer > 1 << 20 || !(number >= 0.0 && number <= 1.0) ||
            text == NULL) {
            abort();
        }
    }
    json_decref(root);
    return 0;
}
