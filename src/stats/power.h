/* power.h - how many seeds a comparison needs, from a pilot of some runs of two recipes.
 *
 *     ek_power_pilot pilot = {a, b};                      // ek_group_scores, both n >= 2
 *     ek_power power = ek_power_at(&pilot, EK_POWER_SD, 15, seed);
 *     size_t runs = ek_power_runs(&pilot, EK_POWER_SD, 0.8, seed, &power);
 *
 * Power by simulation: n runs are drawn with replacement from each group of the pilot, the test is
 * made at level 0.05, 2,000 times; the share of p < 0.05 is the power if the pilot is the truth. So
 * the effect is the pilot's own: one that came out too large by luck gives too few runs. A test
 * that cannot be made on a draw (no spread at all) counts as not significant. Draws from m runs
 * have (m - 1) / m of the pilot's variance, so the power for the level is a little too large: the
 * SD is taken 11 % too small with 5 runs, 5 % with 10, 2 % with 25.
 *
 * Repetition r draws element i of a group as ek_random_below(seed, EK_STREAM_RESAMPLE, r, 6 for a
 * and 7 for b, i, runs of that pilot group). So the same arguments give the same power, and more
 * runs add to the draws of fewer, which keeps the curve over n smooth.
 */
#ifndef EK_STATS_POWER_H
#define EK_STATS_POWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stats/comparison.h"

#define EK_POWER_ALPHA 0.05
enum { EK_POWER_REPETITIONS = 2000, EK_POWER_FEWEST = 5, EK_POWER_MOST = 500 };

typedef enum {
    EK_POWER_SD,     /* Brown-Forsythe: ek_levene, centre median */
    EK_POWER_MEAN,   /* Mann-Whitney: ek_mann_whitney */
    EK_POWER_FAILED, /* Fisher: ek_fisher_exact on the flags */
    EK_POWER_TARGETS
} ek_power_target;

typedef struct {
    ek_group_scores a, b; /* borrowed */
} ek_power_pilot;

typedef struct {
    double value; /* NaN: the pilot cannot answer this question, or no memory */
    double se;    /* of the simulation: sqrt(value (1 - value) / 2,000) */
} ek_power;

/* Whether the pilot says anything about the question: scores need 2 runs in each group and some
 * spread over all of them, failures a run that failed. */
bool ek_power_answers(const ek_power_pilot *pilot, ek_power_target target);

/* n runs a group. */
ek_power ek_power_at(const ek_power_pilot *pilot, ek_power_target target, size_t n, uint32_t seed);

/* The fewest runs a group, 5 to 500, whose power is at least `wanted`, and in *reached their power;
 * 0 when 500 are too few or the pilot cannot answer (*reached: power at 500, or NaN). Doubles, then
 * bisects, as if power were monotone over n. It is but for the error of the simulation, the steps
 * of Fisher's test, and pilots with few different scores, where odd and even n differ (the median
 * is or is not one of the scores): then another n, mostly near, can be the fewest. */
size_t ek_power_runs(const ek_power_pilot *pilot, ek_power_target target, double wanted,
                     uint32_t seed, ek_power *reached);

/* Expected half-width of the 95 % interval of the mean and of the SD at n runs, if mean, SD and
 * kurtosis of the pilot are the truth. Normal approximation, no resampling: 1.96 SE with
 *     SE(mean) = s / sqrt(n),  SE(SD) = s / 2 sqrt((k - (n - 3) / (n - 1)) / n)
 * where s is the SD (ddof 1) and k = m4 / m2^2 the kurtosis (3: normal) of the pilot; the second
 * from Var(s^2) = sigma^4 (k - (n - 3) / (n - 1)) / n by the delta method. NaN below 2 runs in the
 * pilot or 2 in n; a pilot without spread gives 0. */
typedef struct {
    double mean, sd;
} ek_half_widths;
ek_half_widths ek_half_widths_at(const double *scores, size_t pilot_n, size_t n);

#endif
