/* evidence_parts.h - inside of evidence.h: what its files share.
 *
 * evidence.c has the whole, score, answers, rate and clipping; evidence_loss.c the course of the
 * loss; evidence_gradients.c the layers. Thresholds and their reasons: docs/explain.md.
 */
#ifndef EK_PROBE_EVIDENCE_PARTS_H
#define EK_PROBE_EVIDENCE_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/evidence.h"

enum { EK_EVIDENCE_FEW = 3, EK_EVIDENCE_LEAST_LOSSES = 4 };

/* Of values that are all finite, n of them; NaN for none. The first sorts them. */
double ek__median_of(double *values, size_t n);
double ek__mean_of(const double *values, size_t n);
/* Of a series in which some values may not be finite, those left out; NaN when none is left: the
 * largest of the first three (a gradient that vanishes at once was there at the first), the same of
 * a ratio, the median of the last three, and the median of a value and its neighbours. */
double ek__first_few(const double *values, size_t count);
double ek__first_ratio(const double *a, const double *b, size_t count);
double ek__last_few(const double *values, size_t count);
double ek__smooth(const double *values, size_t at, size_t count);

/* A successful run other than `index`: of its group (same), or of another one. */
bool ek__is_reference(const ek_traces *t, size_t index, size_t other, bool same);
/* The median of number over the successful runs of the group, else of the rest of the study. */
typedef double (*ek_run_number)(const ek_traces *traces, const ek_trace *run);
ek_status ek__hold_against(ek_held_against *out, const ek_traces *t, size_t index,
                           ek_run_number number, ek_error *err);
/* Steps that the runs of its group were meant to have: one that was stopped has fewer. */
double ek__planned_steps(const ek_traces *t, const ek_trace *run);
/* [count] norms of a place. */
const double *ek__norms_at(const ek_trace_gradients *g, size_t place);

ek_status ek__loss_evidence(ek_loss_evidence *loss, const ek_traces *t, size_t index,
                            ek_error *err);
/* Whether a fall is more than noise, and worth the name. */
bool ek__falls(double fall, double noise, double constant);
ek_status ek__gradient_evidence(ek_gradient_evidence *out, const ek_traces *t, size_t index,
                                ek_error *err);

#endif
