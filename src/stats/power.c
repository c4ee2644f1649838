#include "stats/power.h"

#include <math.h>

#include "base/mem.h"
#include "base/random.h"
#include "stats/bootstrap.h"
#include "stats/failure_rate.h"
#include "stats/rank_tests.h"
#include "stats/spread_tests.h"

enum { WHICH = 6 }; /* and 7: the draws of a and of b */

#define NORMAL_0975 1.959963984540054 /* quantile of the standard normal distribution */

static size_t failures(const ek_group_scores *group)
{
    size_t count = 0;
    for (size_t i = 0; group->failed && i < group->n; i++) {
        count += group->failed[i] != 0;
    }
    return count;
}

bool ek_power_answers(const ek_power_pilot *pilot, ek_power_target target)
{
    const ek_group_scores *groups[2] = {&pilot->a, &pilot->b};
    if (pilot->a.n < 2 || pilot->b.n < 2) {
        return false;
    }
    if (target == EK_POWER_FAILED) {
        return failures(&pilot->a) + failures(&pilot->b) > 0;
    }
    bool spread = false;
    for (int g = 0; g < 2; g++) {
        for (size_t i = 0; i < groups[g]->n; i++) {
            if (!isfinite(groups[g]->scores[i])) {
                return false;
            }
            spread = spread || groups[g]->scores[i] != pilot->a.scores[0];
        }
    }
    return spread;
}

/* n draws from a group: scores into out, or only the number of failed ones when out is NULL. */
static size_t draw(const ek_group_scores *group, double *out, size_t n, uint32_t seed,
                   uint32_t repetition, uint32_t which)
{
    size_t failed = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at =
            (size_t)ek_random_below(seed, EK_STREAM_RESAMPLE, repetition, which, i, group->n);
        failed += group->failed && group->failed[at];
        if (out) {
            out[i] = group->scores[at];
        }
    }
    return failed;
}

/* p of the test on one pair of draws; NaN where it cannot be made. room: [2 n], NULL for Fisher. */
static double draw_p(const ek_power_pilot *pilot, ek_power_target target, double *room, size_t n,
                     uint32_t seed, uint32_t repetition)
{
    double *a = room, *b = room ? room + n : NULL, w, p;
    size_t failed_a = draw(&pilot->a, a, n, seed, repetition, WHICH);
    size_t failed_b = draw(&pilot->b, b, n, seed, repetition, WHICH + 1);
    switch (target) {
    case EK_POWER_SD:
        ek_levene(a, n, b, n, EK_CENTRE_MEDIAN, &w, &p);
        return p;
    case EK_POWER_MEAN:
        return ek_mann_whitney(a, n, b, n).p;
    default:
        return ek_fisher_exact(failed_a, n, failed_b, n);
    }
}

ek_power ek_power_at(const ek_power_pilot *pilot, ek_power_target target, size_t n, uint32_t seed)
{
    ek_power power = {(double)NAN, (double)NAN};
    bool scores = target != EK_POWER_FAILED;
    double *room = scores ? ek_calloc(2 * n, sizeof *room) : NULL;
    if (n >= 2 && ek_power_answers(pilot, target) && (room || !scores)) {
        size_t significant = 0;
        for (uint32_t r = 0; r < EK_POWER_REPETITIONS; r++) {
            significant += draw_p(pilot, target, room, n, seed, r) < EK_POWER_ALPHA;
        }
        power.value = (double)significant / EK_POWER_REPETITIONS;
        power.se = sqrt(power.value * (1 - power.value) / EK_POWER_REPETITIONS);
    }
    ek_free(room);
    return power;
}

size_t ek_power_runs(const ek_power_pilot *pilot, ek_power_target target, double wanted,
                     uint32_t seed, ek_power *reached)
{
    size_t low = EK_POWER_FEWEST - 1, high = EK_POWER_FEWEST; /* low: too few */
    *reached = ek_power_at(pilot, target, high, seed);
    while (reached->value < wanted && high < EK_POWER_MOST) {
        low = high;
        high = high * 2 < EK_POWER_MOST ? high * 2 : EK_POWER_MOST;
        *reached = ek_power_at(pilot, target, high, seed);
    }
    if (!(reached->value >= wanted)) { /* or NaN */
        return 0;
    }
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        ek_power power = ek_power_at(pilot, target, middle, seed);
        if (power.value >= wanted) {
            high = middle;
            *reached = power;
        } else {
            low = middle;
        }
    }
    return high;
}

ek_half_widths ek_half_widths_at(const double *scores, size_t pilot_n, size_t n)
{
    ek_half_widths none = {(double)NAN, (double)NAN};
    if (pilot_n < 2 || n < 2) {
        return none;
    }
    double mean = ek_statistic_mean(scores, pilot_n), m2 = 0, m4 = 0;
    double runs = (double)n, count = (double)pilot_n;
    for (size_t i = 0; i < pilot_n; i++) {
        double square = (scores[i] - mean) * (scores[i] - mean);
        m2 += square;
        m4 += square * square;
    }
    double sd = sqrt(m2 / (count - 1));
    double kurtosis = m2 > 0 ? m4 * count / (m2 * m2) : 3;
    double inner = kurtosis - (runs - 3) / (runs - 1); /* kurtosis >= 1, so above 0 */
    return (ek_half_widths){NORMAL_0975 * sd / sqrt(runs),
                            NORMAL_0975 * sd / 2 * sqrt(inner / runs)};
}
