#include "report/numbers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *name;
    size_t offset;
} row;

#define ROW(name)                                                                                  \
    {                                                                                              \
#name, offsetof(ek_summary, name)                                                          \
    }
static const row summary_rows[] = {
    ROW(mean),
    ROW(mean_low),
    ROW(mean_high),
    ROW(sd),
    ROW(sd_low),
    ROW(sd_high),
    ROW(sd_ddof0),
    ROW(sd_ok),
    ROW(median),
    ROW(median_low),
    ROW(median_high),
    ROW(q1),
    ROW(q3),
    ROW(iqr),
    ROW(iqm),
    ROW(iqm_low),
    ROW(iqm_high),
    ROW(min),
    ROW(max),
    ROW(failed_low),
    ROW(failed_high),
    ROW(failed_exact_low),
    ROW(failed_exact_high),
};
#undef ROW

#define ROW(name)                                                                                  \
    {                                                                                              \
#name, offsetof(ek_comparison, name)                                                       \
    }
static const row estimate_rows[] = {
    ROW(sd_ratio), ROW(mean_difference), ROW(median_difference), ROW(a12), ROW(paired_difference),
};
static const row comparison_rows[] = {
    ROW(levene_w),
    ROW(levene_p),
    ROW(brown_forsythe_w),
    ROW(brown_forsythe_p),
    ROW(sd_permutation_p),
    ROW(failed_difference),
    ROW(failed_difference_low),
    ROW(failed_difference_high),
    ROW(fisher_p),
    ROW(mann_whitney_u),
    ROW(mann_whitney_p),
    ROW(welch_t),
    ROW(welch_df),
    ROW(welch_p),
    ROW(permutation_p),
    ROW(aso_a),
    ROW(aso_b),
    ROW(wilcoxon_w),
    ROW(wilcoxon_p),
};
#undef ROW
#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static void visit_rows(const void *object, const row *rows, size_t count, ek_number_visitor *visit,
                       void *user)
{
    for (size_t i = 0; i < count; i++) {
        double value;
        memcpy(&value, (const char *)object + rows[i].offset, sizeof value);
        visit(user, rows[i].name, value);
    }
}

void ek_summary_numbers(const ek_summary *s, ek_number_visitor *visit, void *user)
{
    visit(user, "n", (double)s->n);
    visit(user, "failed", (double)s->failed);
    visit(user, "diverged", (double)s->diverged);
    visit(user, "doomed", (double)s->doomed);
    visit(user, "failed_frac", s->n > 0 ? (double)s->failed / (double)s->n : (double)NAN);
    visit_rows(s, summary_rows, COUNT(summary_rows), visit, user);
}

void ek_comparison_numbers(const ek_comparison *c, ek_number_visitor *visit, void *user)
{
    for (size_t i = 0; i < COUNT(estimate_rows); i++) {
        ek_estimate e;
        char name[64];
        memcpy(&e, (const char *)c + estimate_rows[i].offset, sizeof e);
        visit(user, estimate_rows[i].name, e.value);
        snprintf(name, sizeof name, "%s_low", estimate_rows[i].name);
        visit(user, name, e.low);
        snprintf(name, sizeof name, "%s_high", estimate_rows[i].name);
        visit(user, name, e.high);
    }
    visit_rows(c, comparison_rows, COUNT(comparison_rows), visit, user);
}

struct search {
    const char *name;
    double value;
    bool found;
};

static void look(void *user, const char *name, double value)
{
    struct search *search = user;
    if (strcmp(name, search->name) == 0) {
        search->value = value;
        search->found = true;
    }
}

bool ek_summary_number(const ek_summary *summary, const char *name, double *value)
{
    struct search search = {.name = name};
    ek_summary_numbers(summary, look, &search);
    *value = search.value;
    return search.found;
}

bool ek_comparison_number(const ek_comparison *c, const char *name, double *value)
{
    struct search search = {.name = name};
    ek_comparison_numbers(c, look, &search);
    *value = search.value;
    return search.found;
}

static void json_estimate(ek_buf *out, const char *name, const ek_estimate *e)
{
    ek_buf_printf(out, "\"%s\":{\"value\":", name);
    ek_buf_json_double(out, e->value);
    ek_buf_puts(out, ",\"low\":");
    ek_buf_json_double(out, e->low);
    ek_buf_puts(out, ",\"high\":");
    ek_buf_json_double(out, e->high);
    ek_buf_puts(out, "}");
}

void ek_multi_bootstrap_json(const ek_multi_bootstrap *m, ek_buf *out)
{
    ek_buf_putc(out, '{');
    json_estimate(out, "seeds", &m->seeds);
    ek_buf_putc(out, ',');
    json_estimate(out, "examples", &m->examples);
    ek_buf_putc(out, ',');
    json_estimate(out, "both", &m->both);
    ek_buf_putc(out, '}');
}
