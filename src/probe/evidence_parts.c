/* Small statistics of evidence, and what a number is held against. */
#include "probe/evidence_parts.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "stats/summary.h"

/* ---- small statistics ------------------------------------------------------------------------ */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts values; those that are not finite must have been left out. */
double ek__median_of(double *values, size_t n)
{
    if (n == 0) {
        return (double)NAN;
    }
    qsort(values, n, sizeof *values, ascending);
    return ek_quantile(values, n, 0.5);
}

double ek__mean_of(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += values[i];
    }
    return n > 0 ? sum / (double)n : (double)NAN;
}

/* The median of at most three values from `first` on, without those that are not finite. */
static double median_of_few(const double *values, size_t first, size_t count)
{
    double few[EK_EVIDENCE_FEW];
    size_t n = 0;
    for (size_t i = first; i < first + EK_EVIDENCE_FEW && i < count; i++) {
        if (isfinite(values[i])) {
            few[n++] = values[i];
        }
    }
    return ek__median_of(few, n);
}

/* The largest of the first three: a gradient that vanishes at once was there at the first. */
double ek__first_few(const double *values, size_t count)
{
    double largest = (double)NAN;
    for (size_t i = 0; i < EK_EVIDENCE_FEW && i < count; i++) {
        largest = isfinite(values[i]) && !(largest >= values[i]) ? values[i] : largest;
    }
    return largest;
}

/* The same of a ratio. */
double ek__first_ratio(const double *a, const double *b, size_t count)
{
    double ratios[EK_EVIDENCE_FEW];
    for (size_t i = 0; i < EK_EVIDENCE_FEW && i < count; i++) {
        ratios[i] = a[i] / b[i];
    }
    return ek__first_few(ratios, count);
}

double ek__last_few(const double *values, size_t count)
{
    return median_of_few(values, count > EK_EVIDENCE_FEW ? count - EK_EVIDENCE_FEW : 0, count);
}

/* The median of a value and its neighbours. */
double ek__smooth(const double *values, size_t at, size_t count)
{
    return median_of_few(values, at > 0 ? at - 1 : 0, at + 1 < count ? at + 2 : count);
}

/* ---- what a number is held against ----------------------------------------------------------- */

/* Successful runs other than `index`: of its group (same) or of the other groups. */
bool ek__is_reference(const ek_traces *t, size_t index, size_t other, bool same)
{
    const ek_trace *run = &t->runs[other];
    return other != index && run->status == EK_RUN_DONE && run->outcome == EK_OUTCOME_OK &&
           (run->group == t->runs[index].group) == same;
}

/* The median of number over the successful runs of the group, else of the rest of the study. */
ek_status ek__hold_against(ek_held_against *out, const ek_traces *t, size_t index,
                           ek_run_number number, ek_error *err)
{
    double *values = ek_calloc(t->run_count, sizeof *values);
    if (!values) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the evidence");
    }
    *out = (ek_held_against){number(t, &t->runs[index]), (double)NAN, EK_REFERENCE_NONE, 0};
    for (int same = 1; same >= 0 && out->runs == 0; same--) {
        for (size_t i = 0; i < t->run_count; i++) {
            double value =
                ek__is_reference(t, index, i, same) ? number(t, &t->runs[i]) : (double)NAN;
            if (isfinite(value)) {
                values[out->runs++] = value;
            }
        }
        if (out->runs > 0) {
            out->others = ek__median_of(values, out->runs);
            out->reference = same ? EK_REFERENCE_GROUP : EK_REFERENCE_STUDY;
        }
    }
    ek_free(values);
    return EK_OK;
}

/* How long the runs of a group were meant to be: one that was stopped early has fewer steps. */
double ek__planned_steps(const ek_traces *t, const ek_trace *run)
{
    int64_t most = run->total_steps;
    for (size_t i = 0; i < t->run_count; i++) {
        const ek_trace *other = &t->runs[i];
        bool same = other->status == EK_RUN_DONE && other->group == run->group;
        most = same && other->total_steps > most ? other->total_steps : most;
    }
    return most > 0 ? (double)most : 1;
}

const double *ek__norms_at(const ek_trace_gradients *g, size_t place)
{
    return g->norms + place * g->count;
}
