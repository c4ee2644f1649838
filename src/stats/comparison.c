#include "stats/comparison.h"

#include <math.h>

#include "base/mem.h"
#include "stats/aso.h"
#include "stats/failure_rate.h"
#include "stats/rank_tests.h"
#include "stats/spread_tests.h"

static void spread(ek_comparison *c, const ek_group_scores *a, const ek_group_scores *b)
{
    ek_levene(a->scores, a->n, b->scores, b->n, EK_CENTRE_MEAN, &c->levene_w, &c->levene_p);
    ek_levene(a->scores, a->n, b->scores, b->n, EK_CENTRE_MEDIAN, &c->brown_forsythe_w,
              &c->brown_forsythe_p);
}

static void failures(ek_comparison *c)
{
    c->failed_difference =
        (double)c->b.failed / (double)c->b.n - (double)c->a.failed / (double)c->a.n;
    ek_newcombe(c->a.failed, c->a.n, c->b.failed, c->b.n, &c->failed_difference_low,
                &c->failed_difference_high);
    c->fisher_p = ek_fisher_exact(c->a.failed, c->a.n, c->b.failed, c->b.n);
}

static void level(ek_comparison *c, const ek_group_scores *a, const ek_group_scores *b)
{
    ek_rank_test u = ek_mann_whitney(a->scores, a->n, b->scores, b->n);
    c->mann_whitney_u = u.statistic;
    c->mann_whitney_p = u.p;
    c->mann_whitney_exact = u.exact;
    ek_welch(a->scores, a->n, b->scores, b->n, &c->welch_t, &c->welch_df, &c->welch_p);
}

static void by_resampling(ek_comparison *c, const ek_group_scores *a, const ek_group_scores *b,
                          uint32_t seed)
{
    static const ek_statistic_two statistics[] = {ek_statistic_sd_ratio,
                                                  ek_statistic_mean_difference,
                                                  ek_statistic_median_difference, ek_statistic_a12};
    ek_estimate e[4];
    ek_bootstrap_two(a->scores, a->n, b->scores, b->n, statistics, 4, seed, e);
    c->sd_ratio = e[0];
    c->mean_difference = e[1];
    c->median_difference = e[2];
    c->a12 = e[3];
    ek_permutation(a->scores, a->n, b->scores, b->n, seed, &c->permutation_p, &c->sd_permutation_p);
    c->aso_b = ek_aso_eps_min(a->scores, a->n, b->scores, b->n, seed);
    c->aso_a = ek_aso_eps_min(b->scores, b->n, a->scores, a->n, seed);
}

static void pairs(ek_comparison *c, const ek_group_scores *a, const ek_group_scores *b,
                  uint32_t seed)
{
    static const ek_statistic mean[] = {ek_statistic_mean};
    const double nan = (double)NAN;
    c->wilcoxon_w = c->wilcoxon_p = nan;
    c->paired_difference = (ek_estimate){nan, nan, nan, EK_INTERVAL_NONE};
    double *differences = c->paired ? ek_calloc(a->n, sizeof *differences) : NULL;
    if (!differences) {
        return;
    }
    for (size_t i = 0; i < a->n; i++) {
        differences[i] = b->scores[i] - a->scores[i];
    }
    ek_bootstrap_one(differences, a->n, mean, 1, seed, &c->paired_difference);
    ek_rank_test w = ek_wilcoxon(a->scores, b->scores, a->n);
    c->wilcoxon_w = w.statistic;
    c->wilcoxon_p = w.p;
    c->wilcoxon_exact = w.exact;
    ek_free(differences);
}

ek_comparison ek_comparison_of(const ek_group_scores *a, const ek_group_scores *b, bool paired,
                               uint32_t seed)
{
    ek_comparison c = {
        .a = ek_summary_of(a->scores, a->failed, NULL, a->n, seed),
        .b = ek_summary_of(b->scores, b->failed, NULL, b->n, seed),
        .paired = paired && a->n == b->n && a->n > 0,
    };
    spread(&c, a, b);
    failures(&c);
    level(&c, a, b);
    by_resampling(&c, a, b, seed);
    pairs(&c, a, b, seed);
    return c;
}

void ek_holm(const double *p, double *adjusted, size_t count)
{
    size_t tested = 0;
    for (size_t i = 0; i < count; i++) {
        tested += !isnan(p[i]);
        adjusted[i] = (double)NAN;
    }
    double running = 0;
    for (size_t step = 0; step < tested; step++) {
        size_t smallest = count; /* of those not yet corrected */
        for (size_t i = 0; i < count; i++) {
            if (!isnan(p[i]) && isnan(adjusted[i]) && (smallest == count || p[i] < p[smallest])) {
                smallest = i;
            }
        }
        running = fmax(running, p[smallest] * (double)(tested - step));
        adjusted[smallest] = fmin(running, 1.0);
    }
}
