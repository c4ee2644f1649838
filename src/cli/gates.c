#include "cli/gates.h"

#include <string.h>

#include "report/gate.h"
#include "report/numbers.h"

/* Names to suggest from. */
typedef struct {
    const char *names[160];
    char storage[160][32];
    size_t count;
} name_list;

static void add_name(void *user, const char *name, double value)
{
    name_list *list = user;
    (void)value;
    if (list->count < sizeof list->names / sizeof *list->names && strlen(name) < 32) {
        strcpy(list->storage[list->count], name);
        list->names[list->count] = list->storage[list->count];
        list->count++;
    }
}

static bool look_in_comparison(void *user, const char *name, double *value)
{
    const ek_comparison *c = user;
    if (name[0] != '\0' && name[1] == '.') {
        return (name[0] == 'a' && ek_summary_number(&c->a, name + 2, value)) ||
               (name[0] == 'b' && ek_summary_number(&c->b, name + 2, value));
    }
    return ek_comparison_number(c, name, value) || ek_summary_number(&c->b, name, value);
}

ek_status ek_gate_comparison(const char *condition, const ek_group_comparison *c, ek_error *err)
{
    name_list list = {.count = 0};
    ek_comparison numbers = c->numbers;
    ek_comparison_numbers(&numbers, add_name, &list);
    ek_summary_numbers(&numbers.b, add_name, &list);
    return ek_gate_check(condition, look_in_comparison, &numbers, list.names, list.count, err);
}

static bool look_in_summary(void *user, const char *name, double *value)
{
    return ek_summary_number(user, name, value);
}

ek_status ek_gate_groups(const char *condition, const ek_group_table *table, ek_error *err)
{
    for (size_t i = 0; i < table->count; i++) {
        name_list list = {.count = 0};
        ek_summary summary = table->rows[i].summary;
        ek_summary_numbers(&summary, add_name, &list);
        if (ek_gate_check(condition, look_in_summary, &summary, list.names, list.count, err) !=
            EK_OK) {
            return err->code == EK_E_GATE ? ek_error_prefix(err, "%.60s", table->rows[i].group)
                                          : err->code;
        }
    }
    return EK_OK;
}
