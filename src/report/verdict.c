#include "report/verdict.h"

#include <math.h>
#include <stdio.h>

#define ALPHA 0.05

const ek_score_unit ek_percent = {100.0, 1};

const char *ek_verdict_side_name(ek_verdict_side side)
{
    static const char *const names[] = {"no_test", "unclear", "a", "b"};
    return names[side];
}

/* Which side a p speaks for; towards_b: the effect points to b. */
static ek_verdict_side side_of(double p, bool towards_b)
{
    if (isnan(p)) {
        return EK_VERDICT_NO_TEST;
    }
    if (p >= ALPHA) {
        return EK_VERDICT_UNCLEAR;
    }
    return towards_b ? EK_VERDICT_B : EK_VERDICT_A;
}

/* The same, where the effect's interval must leave out `nothing` too; a ratio to 0 has none. */
static ek_verdict_side side_with(double p, bool towards_b, const ek_estimate *e, double nothing)
{
    bool inside = e->low <= nothing && nothing <= e->high; /* false where there is no interval */
    ek_verdict_side side = side_of(p, towards_b);
    return side >= EK_VERDICT_A && inside ? EK_VERDICT_UNCLEAR : side;
}

void ek_verdict_p(const ek_comparison *c, double p[3])
{
    bool tested = c->a.n >= EK_VERDICT_FEWEST_RUNS && c->b.n >= EK_VERDICT_FEWEST_RUNS;
    p[0] = tested ? c->brown_forsythe_p : (double)NAN;
    p[1] = tested ? c->fisher_p : (double)NAN;
    p[2] = tested ? c->mann_whitney_p : (double)NAN;
}

ek_verdict ek_verdict_from(const ek_comparison *c, const double corrected[3])
{
    return (ek_verdict){
        .spread = side_with(corrected[0], c->b.sd < c->a.sd, &c->sd_ratio, 1.0),
        .failures = side_of(corrected[1], c->failed_difference < 0),
        .level = side_with(corrected[2], c->a12.value > 0.5, &c->a12, 0.5),
        .spread_p = corrected[0],
        .failures_p = corrected[1],
        .level_p = corrected[2],
    };
}

ek_verdict ek_verdict_of(const ek_comparison *c)
{
    double p[3];
    ek_verdict_p(c, p);
    return ek_verdict_from(c, p);
}

ek_score_unit ek_score_unit_of(const ek_comparison *c)
{
    double low = fmin(c->a.min, c->b.min), high = fmax(c->a.max, c->b.max);
    double range = fmax(high - low, fmax(fabs(low), fabs(high)) * 1e-3);
    int decimals = range > 0 ? 2 - (int)floor(log10(range)) : 1;
    return (ek_score_unit){1.0, decimals < 0 ? 0 : decimals > 9 ? 9 : decimals};
}

/* ---- words ----------------------------------------------------------------------------------- */

const char *ek_p_text(char out[16], double p)
{
    bool close = fabs(p - ALPHA) < 0.0005; /* which side of the level it is on must be seen */
    if (p < 0.001) {
        snprintf(out, 16, "p < 0.001");
    } else {
        snprintf(out, 16, "p %.*f", close ? 4 : p < 0.1 ? 3 : 2, p);
    }
    return out;
}

/* " (p 0.012)"; nothing where there was no test. */
static void put_p(ek_buf *out, double p)
{
    char text[16];
    if (!isnan(p)) {
        ek_buf_printf(out, " (%s)", ek_p_text(text, p));
    }
}

static void put_score(ek_buf *out, double value, const ek_score_unit *unit, bool sign)
{
    ek_buf_printf(out, sign ? "%+.*f" : "%.*f", unit->decimals, unit->scale * value);
}

static void put_interval(ek_buf *out, double low, double high, const ek_score_unit *unit, bool sign)
{
    if (isnan(low) || isnan(high)) {
        return;
    }
    ek_buf_puts(out, " [");
    put_score(out, low, unit, sign);
    ek_buf_puts(out, ", ");
    put_score(out, high, unit, sign);
    ek_buf_putc(out, ']');
}

static void put_spread(const ek_comparison *c, bool b_first, const ek_score_unit *unit, ek_buf *out)
{
    static const ek_score_unit plain = {1.0, 2};
    ek_buf_puts(out, "SD ");
    put_score(out, b_first ? c->b.sd : c->a.sd, unit, false);
    ek_buf_puts(out, " against ");
    put_score(out, b_first ? c->a.sd : c->b.sd, unit, false);
    if (!isfinite(c->sd_ratio.value) || c->sd_ratio.value <= 0) {
        return;
    }
    ek_buf_puts(out, ", ratio ");
    put_score(out, b_first ? c->sd_ratio.value : 1 / c->sd_ratio.value, &plain, false);
    put_interval(out, b_first ? c->sd_ratio.low : 1 / c->sd_ratio.high,
                 b_first ? c->sd_ratio.high : 1 / c->sd_ratio.low, &plain, false);
}

static void put_failures(const ek_comparison *c, bool b_first, ek_buf *out)
{
    const ek_summary *first = b_first ? &c->b : &c->a, *second = b_first ? &c->a : &c->b;
    ek_buf_printf(out, "failures %zu/%zu against %zu/%zu", first->failed, first->n, second->failed,
                  second->n);
}

static void put_level(const ek_comparison *c, const char *b, const char *a,
                      const ek_score_unit *unit, ek_buf *out)
{
    static const ek_score_unit plain = {1.0, 2};
    ek_buf_puts(out, "mean ");
    put_score(out, c->b.mean, unit, false);
    ek_buf_puts(out, " against ");
    put_score(out, c->a.mean, unit, false);
    ek_buf_puts(out, ", difference ");
    put_score(out, c->mean_difference.value, unit, true);
    put_interval(out, c->mean_difference.low, c->mean_difference.high, unit, true);
    ek_buf_printf(out, ", P(%s > %s) ", b, a);
    put_score(out, c->a12.value, &plain, false);
    put_interval(out, c->a12.low, c->a12.high, &plain, false);
}

/* What can be said about stability, in the order of strength. */
static void put_stability(const ek_comparison *c, const ek_verdict *v, const char *a, const char *b,
                          const ek_score_unit *unit, ek_buf *out)
{
    bool spread = v->spread >= EK_VERDICT_A, failures = v->failures >= EK_VERDICT_A;
    if (spread && failures && v->spread != v->failures) {
        /* The trap of the paper's footnote: a small spread because everything failed. */
        bool b_first = v->failures == EK_VERDICT_B;
        ek_buf_printf(out, "%s fails less often than %s: ", b_first ? b : a, b_first ? a : b);
        put_failures(c, b_first, out);
        put_p(out, v->failures_p);
        ek_buf_printf(out, ". %s has the smaller spread (", b_first ? a : b);
        put_spread(c, !b_first, unit, out);
        ek_buf_puts(out, ") only in that most of its runs failed alike.");
    } else if (spread) {
        bool b_first = v->spread == EK_VERDICT_B;
        ek_buf_printf(out, "%s is more stable than %s: ", b_first ? b : a, b_first ? a : b);
        put_spread(c, b_first, unit, out);
        put_p(out, v->spread_p);
        ek_buf_puts(out, "; ");
        put_failures(c, b_first, out);
        put_p(out, v->failures_p);
        ek_buf_putc(out, '.');
    } else if (failures) {
        bool b_first = v->failures == EK_VERDICT_B;
        ek_buf_printf(out, "%s fails less often than %s: ", b_first ? b : a, b_first ? a : b);
        put_failures(c, b_first, out);
        put_p(out, v->failures_p);
        ek_buf_puts(out, "; the spread is not shown to differ: ");
        put_spread(c, b_first, unit, out);
        put_p(out, v->spread_p);
        ek_buf_putc(out, '.');
    } else {
        ek_buf_printf(out, "It is not shown that %s is more or less stable than %s: ", b, a);
        put_spread(c, true, unit, out);
        put_p(out, v->spread_p);
        ek_buf_puts(out, "; ");
        put_failures(c, true, out);
        put_p(out, v->failures_p);
        ek_buf_putc(out, '.');
    }
}

void ek_verdict_text(const ek_comparison *c, const ek_verdict *v, const char *a, const char *b,
                     const ek_score_unit *unit, ek_buf *out)
{
    if (c->a.n == 0 || c->b.n == 0) {
        ek_buf_printf(out, "No finished run of %s: nothing to compare.", c->a.n == 0 ? a : b);
        return;
    }
    if (c->a.n < EK_VERDICT_FEWEST_RUNS || c->b.n < EK_VERDICT_FEWEST_RUNS) {
        ek_buf_printf(out,
                      "No claim: %zu and %zu runs are too few for a test (%d each). %s: ", c->a.n,
                      c->b.n, EK_VERDICT_FEWEST_RUNS, b);
        put_failures(c, true, out);
        ek_buf_puts(out, ", mean ");
        put_score(out, c->b.mean, unit, false);
        ek_buf_puts(out, " against ");
        put_score(out, c->a.mean, unit, false);
        ek_buf_putc(out, '.');
        return;
    }
    put_stability(c, v, a, b, unit, out);
    if (v->level >= EK_VERDICT_A) {
        ek_buf_printf(out, " %s scores higher: ", v->level == EK_VERDICT_B ? b : a);
        put_level(c, b, a, unit, out);
        put_p(out, v->level_p);
        ek_buf_putc(out, '.');
    } else {
        ek_buf_puts(out, " The level is not shown to differ: ");
        put_level(c, b, a, unit, out);
        put_p(out, v->level_p);
        ek_buf_putc(out, '.');
    }
}

/* ---- warnings and assumptions ---------------------------------------------------------------- */

static void warn_of_group(const ek_summary *s, const char *name, ek_buf *out)
{
    if (s->n == 1) {
        ek_buf_printf(out, "%s has one run: a single seed says nothing about a spread.\n", name);
    } else if (s->n < EK_VERDICT_FEWEST_RUNS) {
        ek_buf_printf(out, "%s has %zu runs: fewer than %d say little about a spread.\n", name,
                      s->n, EK_VERDICT_FEWEST_RUNS);
    } else if (s->n < 10) {
        ek_buf_printf(out,
                      "%s has %zu runs: 95 %% intervals from fewer than 10 are too narrow (from 5, "
                      "that of a mean is right in 66 to 94 of 100 cases, of an SD in 44 to 86).\n",
                      name, s->n);
    }
    if (s->doomed > 0) {
        ek_buf_printf(
            out,
            "%zu of the %zu failed runs of %s were stopped early by a rule: they have the "
            "score of that step, and some might have succeeded.\n",
            s->doomed, s->failed, name);
    }
    if (s->failed == s->n && s->n > 0) {
        ek_buf_printf(out, "every run of %s failed: its spread is that of failed runs.\n", name);
    } else if (2 * s->failed > s->n) {
        ek_buf_printf(out, "most runs of %s failed (%zu of %zu): its spread is mostly theirs.\n",
                      name, s->failed, s->n);
    } else if (s->failed > 0 && s->sd_ok < 0.5 * s->sd) {
        ek_buf_printf(out,
                      "the SD of %s is driven by its %zu failed run%s: without %s it is %.0f %% "
                      "of that.\n",
                      name, s->failed, s->failed == 1 ? "" : "s", s->failed == 1 ? "it" : "them",
                      100 * s->sd_ok / s->sd);
    }
}

void ek_verdict_warnings(const ek_comparison *c, const char *a, const char *b, int best_checkpoint,
                         ek_buf *out)
{
    warn_of_group(&c->a, a, out);
    warn_of_group(&c->b, b, out);
    if (best_checkpoint) {
        ek_buf_puts(out, "the best checkpoint was chosen on the reported split: scores are "
                         "optimistic.\n");
    }
}

void ek_verdict_assumptions(const ek_comparison *c, ek_buf *out)
{
    ek_buf_puts(out, "runs are independent draws of the seeds; every finished run counts, failed "
                     "ones too.\n");
    ek_buf_printf(out,
                  "spread: Brown-Forsythe (centre: median); failures: Fisher exact; level: "
                  "Mann-Whitney (%s). Two-sided, level 0.05 for each question, and the interval of "
                  "the ratio or of P must leave out no difference.\n",
                  c->mann_whitney_exact ? "exact" : "normal, corrected for ties");
    ek_buf_puts(out,
                "seeds only: the examples of the split are the same in every run, so their own "
                "noise is in no interval above.\n");
    if (c->paired) {
        ek_buf_puts(out,
                    "the seeds of both groups are the same; the verdict does not use that, the "
                    "paired tests do.\n");
    }
}
