/* surface.h - the loss on the plane through the pre-trained, a failed and a successful model.
 *
 *     f(a, b) = L(p + a (f - p) + b (s - p)),   p = f(0, 0), failed = f(1, 0), ok = f(0, 1)
 *
 * (paper, section 5.1, figures 7 and 13.) L is the mean loss on a fixed set of training examples,
 * without dropout; beside it the L2 norm of its gradient. Each weight is fma(1-a-b, p, fma(a, f,
 * b*s)) in float, so that at the corners it is that of the model itself (docs/numerics.md). Points
 * are also taken along the straight line from failed to ok.
 *
 * The pre-trained model has no trained head: p gets what the failed run started from, its own
 * pooler where the checkpoint has one, and else head (and pooler) as drawn by the failed run's init
 * seed. So the direction f - p is exactly what the failed run learned.
 *
 * Found points are kept in DIR/probe/surface.points while the probe is at work: interrupted, the
 * same call goes on.
 */
#ifndef EK_PROBE_SURFACE_H
#define EK_PROBE_SURFACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"
#include "probe/runs.h"

enum { EK_SURFACE_LINE = 41 }; /* points from failed (the first) to ok (the last) */

typedef struct {
    double a, b, loss, grad_norm;
} ek_surface_point;

typedef struct {
    /* Asked for. */
    int64_t points;   /* of an axis, at least 2 */
    double low, high; /* both axes */
    int64_t examples; /* of the failed run's training examples; fewer when there are not so many */
    uint32_t seed;    /* of their draw (subset stream) */
    /* Found. */
    const ek_probe_runs *runs;   /* borrowed: the failed one, then the ok one */
    ek_surface_point corners[3]; /* pre-trained, failed, ok */
    ek_surface_point line[EK_SURFACE_LINE];
    ek_surface_point *grid; /* [points * points], a outer */
    double barrier;         /* highest loss on the line over the higher of its ends */
    uint32_t *drawn;        /* [examples] their places in the training split, ascending */
} ek_surface;

/* The first failed run and the first ok one, of the same group if any group has both.
 * EK_E_USAGE when the study lacks one of them. */
ek_status ek_surface_pick(const char *dir, int64_t ids[2], ek_error *err);
/* runs: opened on a failed and an ok run, made. surface->points .. seed are set by the caller. */
ek_status ek_surface_measure(ek_surface *surface, const ek_probe_runs *runs,
                             const ek_probe_control *control, ek_error *err);
void ek_surface_free(ek_surface *surface); /* an all-zero one is fine */
/* The document of DIR/probe/surface.json (docs/probes.md). */
void ek_surface_json(const ek_surface *surface, ek_buf *out);
/* The examples as lines of JSON with the keys text, text_pair and label, for `eval --input`. */
void ek_surface_examples(const ek_surface *surface, ek_buf *out);
/* Saves the pre-trained point with its head as a model that `eval` reads. */
ek_status ek_surface_save_pretrained(const ek_surface *surface, const char *dir, ek_error *err);

#endif
