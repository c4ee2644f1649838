#include "report/gate.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

enum { MOST_NAME = 64 };

typedef struct {
    const char *whole, *at;
    ek_gate_lookup *lookup;
    void *user;
    const char *const *names;
    size_t name_count;
    ek_buf held; /* the comparisons that hold, with their numbers */
    ek_error *err;
} gate;

static void skip_spaces(gate *g)
{
    while (isspace((unsigned char)*g->at)) {
        g->at++;
    }
}

static ek_status bad(gate *g, const char *expected)
{
    return ek_error_set(g->err, EK_E_USAGE,
                        "--fail-if '%.200s': expected %s at '%.40s'; a condition reads "
                        "'failed_frac > 0.1' or 'sd > 0.02 and n >= 5'",
                        g->whole, expected, *g->at ? g->at : "the end");
}

/* Takes the word if it comes next, as a whole word. */
static bool take_word(gate *g, const char *word)
{
    size_t length = strlen(word);
    skip_spaces(g);
    char after = g->at[0] && strncmp(g->at, word, length) == 0 ? g->at[length] : 'x';
    if (isalnum((unsigned char)after) || after == '_' || after == '.') {
        return false;
    }
    g->at += length;
    return true;
}

static ek_status unknown_name(gate *g, const char *name)
{
    const char *near = ek_nearest(name, g->names, g->name_count);
    return ek_error_set(g->err, EK_E_USAGE,
                        "--fail-if: there is no number '%s'%s%s%s; --json shows them all", name,
                        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* A name or a number; text: as it was written. */
static ek_status operand(gate *g, double *value, char text[MOST_NAME])
{
    skip_spaces(g);
    size_t length = 0;
    while (isalnum((unsigned char)g->at[length]) ||
           (g->at[length] && strchr("._+-", g->at[length]))) {
        length++;
    }
    if (length == 0 || length >= MOST_NAME) {
        return bad(g, "a name or a number");
    }
    memcpy(text, g->at, length);
    text[length] = '\0';
    if (!ek_parse_double(text, value) && !g->lookup(g->user, text, value)) {
        return unknown_name(g, text);
    }
    g->at += length;
    return EK_OK;
}

static ek_status comparison(gate *g, bool *holds)
{
    static const char *const operators[] = {">=", "<=", "==", "!=", ">", "<"};
    enum { COUNT = sizeof operators / sizeof *operators };
    double a, b;
    char left[MOST_NAME], right[MOST_NAME], number[32];
    int op = 0;
    EK_TRY(operand(g, &a, left));
    skip_spaces(g);
    while (op < COUNT && strncmp(g->at, operators[op], strlen(operators[op])) != 0) {
        op++;
    }
    if (op == COUNT) {
        return bad(g, "one of > >= < <= == !=");
    }
    g->at += strlen(operators[op]);
    EK_TRY(operand(g, &b, right));
    bool undefined = isnan(a) || isnan(b);
    const bool results[COUNT] = {a >= b, a <= b, a == b, a != b, a > b, a < b};
    *holds = undefined || results[op];
    if (*holds) {
        ek_buf_printf(&g->held, "%s%s %s %s (%s is %s)", g->held.length ? ", " : "", left,
                      operators[op], right, left,
                      isnan(a) ? "not defined" : ek_format_double(number, a));
    }
    return EK_OK;
}

static ek_status conjunction(gate *g, bool *holds)
{
    *holds = true;
    do {
        bool one;
        EK_TRY(comparison(g, &one));
        *holds = *holds && one;
    } while (take_word(g, "and"));
    return EK_OK;
}

static ek_status disjunction(gate *g, bool *holds)
{
    *holds = false;
    do {
        bool one;
        EK_TRY(conjunction(g, &one));
        *holds = *holds || one;
    } while (take_word(g, "or"));
    skip_spaces(g);
    return *g->at ? bad(g, "'and', 'or' or the end") : EK_OK;
}

ek_status ek_gate_check(const char *condition, ek_gate_lookup *lookup, void *user,
                        const char *const *names, size_t name_count, ek_error *err)
{
    gate g = {.whole = condition,
              .at = condition,
              .lookup = lookup,
              .user = user,
              .names = names,
              .name_count = name_count,
              .err = err};
    bool holds;
    ek_status status = disjunction(&g, &holds);
    if (status == EK_OK && holds) {
        status = ek_error_set(err, EK_E_GATE, "the gate '%.200s' was not passed: %.600s", condition,
                              ek_buf_text(&g.held));
    }
    ek_buf_deinit(&g.held);
    return status;
}
