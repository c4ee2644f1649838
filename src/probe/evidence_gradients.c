/* Whether the gradients of the lower layers vanished, and when. */
#include <math.h>

#include "base/mem.h"
#include "probe/evidence_parts.h"

static const double vanished_factor = 0.1, fallen_factor = 1.0 / 3;

/* The logged step of g that is nearest to a share of training, the earlier of two. */
static size_t nearest(const ek_trace_gradients *g, double share, double planned)
{
    size_t low = 0, high = g->count - 1; /* the first step not before it is in low .. high */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((double)g->steps[middle] / planned < share) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    double after = fabs((double)g->steps[low] / planned - share);
    return low > 0 && fabs((double)g->steps[low - 1] / planned - share) <= after ? low - 1 : low;
}

typedef struct {
    const ek_traces *traces;
    const ek_trace *run;
    size_t *runs;    /* [count] in traces->runs */
    double *planned; /* [count] */
    double *scratch; /* [count] */
    size_t count;
    ek_reference kind;
} references;

static void references_free(references *r)
{
    ek_free(r->runs);
    ek_free(r->planned);
    ek_free(r->scratch);
}

static ek_status find_references(references *r, const ek_traces *t, size_t index, ek_error *err)
{
    const ek_trace_gradients *own = &t->runs[index].gradients;
    *r = (references){.traces = t, .run = &t->runs[index], .kind = EK_REFERENCE_START};
    r->runs = ek_calloc(t->run_count, sizeof *r->runs);
    r->planned = ek_calloc(t->run_count, sizeof *r->planned);
    r->scratch = ek_calloc(t->run_count, sizeof *r->scratch);
    if (!r->runs || !r->planned || !r->scratch) {
        return ek_error_set(err, EK_E_MEMORY, "no memory for the evidence");
    }
    for (int same = 1; same >= 0 && r->count == 0; same--) {
        for (size_t i = 0; i < t->run_count; i++) {
            const ek_trace_gradients *g = &t->runs[i].gradients;
            if (ek__is_reference(t, index, i, same) && g->places == own->places &&
                g->count >= EK_EVIDENCE_FEW) {
                r->planned[r->count] = ek__planned_steps(t, &t->runs[i]);
                r->runs[r->count++] = i;
            }
        }
        r->kind = r->count == 0 ? r->kind : same ? EK_REFERENCE_GROUP : EK_REFERENCE_STUDY;
    }
    return EK_OK;
}

/* The median norm of the references at a share of training. Without any: the run's own start. */
static double reference_norm(references *r, size_t place, double share)
{
    if (r->count == 0) {
        const ek_trace_gradients *g = &r->run->gradients;
        return ek__first_few(ek__norms_at(g, place), g->count);
    }
    size_t n = 0;
    for (size_t i = 0; i < r->count; i++) {
        const ek_trace_gradients *g = &r->traces->runs[r->runs[i]].gradients;
        double value =
            ek__smooth(ek__norms_at(g, place), nearest(g, share, r->planned[i]), g->count);
        if (isfinite(value)) {
            r->scratch[n++] = value;
        }
    }
    return ek__median_of(r->scratch, n);
}

/* The median over the references of one place's norm over another's, at the end; start: of the run
 * itself at its beginning. */
static double reference_ratio(references *r, size_t bottom, size_t top)
{
    const ek_trace_gradients *own = &r->run->gradients;
    if (r->count == 0) {
        return ek__first_ratio(ek__norms_at(own, bottom), ek__norms_at(own, top), own->count);
    }
    size_t n = 0;
    for (size_t i = 0; i < r->count; i++) {
        const ek_trace_gradients *g = &r->traces->runs[r->runs[i]].gradients;
        double ratio = ek__last_few(ek__norms_at(g, bottom), g->count) /
                       ek__last_few(ek__norms_at(g, top), g->count);
        if (isfinite(ratio)) {
            r->scratch[n++] = ratio;
        }
    }
    return ek__median_of(r->scratch, n);
}

static void layer_evidence(ek_layer_evidence *layer, references *r, size_t place, double planned)
{
    const ek_trace_gradients *g = &r->run->gradients;
    const double *norms = ek__norms_at(g, place);
    const double nan = (double)NAN;
    *layer = (ek_layer_evidence){nan, nan, nan, -1, g->logged[place]};
    if (!layer->logged) {
        return;
    }
    layer->first = ek__first_few(norms, g->count);
    layer->last = ek__last_few(norms, g->count);
    layer->others_last = reference_norm(r, place, (double)g->steps[g->count - 1] / planned);
    size_t low = 0; /* logged steps at the end that are all low */
    while (low < g->count) {
        size_t at = g->count - 1 - low;
        double value = ek__smooth(norms, at, g->count);
        if (!(value < vanished_factor * reference_norm(r, place, (double)g->steps[at] / planned))) {
            break;
        }
        low++;
    }
    if (low >= EK_EVIDENCE_FEW) {
        layer->vanished_step = g->steps[g->count - low];
    }
}

static void ratio_evidence(ek_gradient_evidence *out, references *r)
{
    const ek_trace_gradients *g = &r->run->gradients;
    size_t head = out->places - 1;
    const double *bottom = ek__norms_at(g, out->bottom), *top = ek__norms_at(g, out->top),
                 *last = ek__norms_at(g, head);
    out->to_top_first = ek__first_ratio(bottom, top, g->count);
    out->to_top_last = ek__last_few(bottom, g->count) / ek__last_few(top, g->count);
    out->to_top_others = reference_ratio(r, out->bottom, out->top);
    out->to_head_first = ek__first_ratio(bottom, last, g->count);
    out->to_head_last = ek__last_few(bottom, g->count) / ek__last_few(last, g->count);
    out->to_head_others = reference_ratio(r, out->bottom, head);
}

/* Holds the run of r against r's references. */
static void look(ek_gradient_evidence *out, references *r)
{
    const ek_trace_gradients *g = &r->run->gradients;
    double planned = ek__planned_steps(r->traces, r->run);
    out->reference = r->kind;
    out->vanished_count = 0;
    for (size_t place = 0; place < g->places; place++) {
        layer_evidence(&out->layers[place], r, place, planned);
        bool encoder = place >= 1 && place <= g->encoder_layers;
        out->vanished_count += encoder && out->layers[place].vanished_step >= 0;
    }
    ratio_evidence(out, r);
    const ek_layer_evidence *bottom = &out->layers[out->bottom];
    out->vanished_step = bottom->vanished_step;
    out->vanished = out->vanished_step >= 0 && bottom->last < fallen_factor * bottom->first &&
                    out->to_head_last < vanished_factor * out->to_head_others;
}

/* The same against the run's own beginning; the scratch of r is used. */
static void look_at_start(ek_gradient_evidence *out, const references *r, const ek_trace *run)
{
    references own = *r;
    own.run = run;
    own.count = 0;
    own.kind = EK_REFERENCE_START;
    look(out, &own);
}

/* Successful runs whose gradients vanished as well: then it is not what made the difference. */
static size_t count_others(const ek_gradient_evidence *out, const references *r)
{
    ek_gradient_evidence other = *out; /* its layers are written over: the run's own come after */
    size_t vanished = 0;
    for (size_t i = 0; i < r->count; i++) {
        look_at_start(&other, r, &r->traces->runs[r->runs[i]]);
        vanished += other.vanished;
    }
    return vanished;
}

ek_status ek__gradient_evidence(ek_gradient_evidence *out, const ek_traces *t, size_t index,
                                ek_error *err)
{
    const ek_trace_gradients *g = &t->runs[index].gradients;
    const double nan = (double)NAN;
    *out = (ek_gradient_evidence){.vanished_step = -1,
                                  .to_top_first = nan,
                                  .to_top_last = nan,
                                  .to_top_others = nan,
                                  .to_head_first = nan,
                                  .to_head_last = nan,
                                  .to_head_others = nan};
    if (g->places == 0 || g->count < EK_EVIDENCE_FEW) {
        return EK_OK;
    }
    references r;
    ek_status status = find_references(&r, t, index, err);
    out->layers = status == EK_OK ? ek_calloc(g->places, sizeof *out->layers) : NULL;
    if (!out->layers) {
        references_free(&r);
        return ek_error_set(err, EK_E_MEMORY, "no memory for the evidence");
    }
    out->logged = true;
    out->places = g->places;
    out->encoder_layers = g->encoder_layers;
    out->reference_runs = r.count;
    out->bottom = g->encoder_layers > 1 ? 1 : 0;
    out->top = g->encoder_layers;
    out->others_vanished = count_others(out, &r);
    look(out, &r);
    if (!out->vanished && r.count > 0) {
        look_at_start(out, &r, r.run);
        if (!out->vanished) {
            look(out, &r);
        }
    }
    references_free(&r);
    return EK_OK;
}
