/* The drawing beside a group's row: one mark a run, failed ones in another shape and colour. */
#include <math.h>

#include "report/page_parts.h"

enum { WIDTH = 160, HEIGHT = 28, MARGIN = 8, LANES = 5 };

struct scale {
    double low, high;
};

static struct scale scale_of(const ek_findings *findings)
{
    struct scale scale = {(double)INFINITY, -(double)INFINITY};
    for (size_t g = 0; g < findings->table.count; g++) {
        for (size_t i = 0; i < findings->groups[g].n; i++) {
            scale.low = fmin(scale.low, findings->groups[g].scores[i]);
            scale.high = fmax(scale.high, findings->groups[g].scores[i]);
        }
    }
    if (isfinite(findings->table.facts.baseline)) {
        scale.low = fmin(scale.low, findings->table.facts.baseline);
        scale.high = fmax(scale.high, findings->table.facts.baseline);
    }
    return scale;
}

static double place_of(const struct scale *scale, double value)
{
    double range = scale->high - scale->low;
    double share = range > 0 ? (value - scale->low) / range : 0.5;
    return MARGIN + share * (WIDTH - 2 * MARGIN);
}

/* All marks of one kind as one path: a dot is a line of no length with a round end. */
static void put_marks(const ek_group_findings *group, const struct scale *scale, bool failed,
                      ek_buf *out)
{
    bool any = false;
    for (size_t i = 0; i < group->n; i++) {
        if ((group->failed[i] != 0) != failed) {
            continue;
        }
        /* Lanes above each other in a fixed order keep equal scores apart. */
        static const int lanes[LANES] = {0, -4, 4, -8, 8};
        double x = place_of(scale, group->scores[i]), y = HEIGHT / 2.0 + lanes[i % LANES];
        if (!any) {
            ek_buf_printf(out, "<path class=\"%s\" d=\"", failed ? "failure" : "dot");
        }
        any = true;
        if (failed) {
            ek_buf_printf(out, "M%.1f %.1fh7l-3.5 6z", x - 3.5, y - 2.5);
        } else {
            ek_buf_printf(out, "M%.1f %.1fh0", x, y);
        }
    }
    if (any) {
        ek_buf_puts(out, "\"/>");
    }
}

void ek__page_strip(const ek_findings *findings, size_t index, ek_buf *out)
{
    const ek_group_findings *group = &findings->groups[index];
    const ek_summary *s = &findings->table.rows[index].summary;
    struct scale scale = scale_of(findings);
    if (group->n == 0) {
        return;
    }
    ek_buf_printf(out,
                  "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" "
                  "aria-label=\"%zu runs from ",
                  WIDTH, HEIGHT, WIDTH, HEIGHT, group->n);
    ek_findings_score(findings, out, s->min);
    ek_buf_puts(out, " to ");
    ek_findings_score(findings, out, s->max);
    ek_buf_printf(out, ", %zu failed\">", s->failed);
    if (isfinite(findings->table.facts.baseline)) {
        ek_buf_printf(out, "<path class=\"bar\" d=\"M%.1f 0V%d\"/>",
                      place_of(&scale, findings->table.facts.baseline), HEIGHT);
    }
    put_marks(group, &scale, false, out);
    put_marks(group, &scale, true, out);
    ek_buf_printf(out, "<path class=\"mean\" d=\"M%.1f 3V%d\"/></svg>", place_of(&scale, s->mean),
                  HEIGHT - 3);
}
