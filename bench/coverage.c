/* coverage.c - do the 95 % intervals hold the truth 95 times in 100, and do the tests reject 5
 * times in 100 where nothing differs?
 *
 *     cmake --build --preset release --target coverage
 *     build/release/coverage [repetitions [runs in a group ...]]     (1000; 5 10 25)
 *
 * Every repetition draws two groups from one distribution of scores and compares them. Printed, as
 * TSV: runs, distribution, what, share, its Monte-Carlo standard error. The same arguments print
 * the same numbers. docs/statistics.md quotes them.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "base/str.h"
#include "stats/comparison.h"
#include "stats/special.h"

/* Scores of a recipe: a share of the runs fails at the majority class, the others are normal; or,
 * skewed, a ceiling less an exponential. */
#define FAILED_AT   0.527
#define LEARNED     0.70
#define LEARNED_SD  0.02
#define CEILING     0.74
#define MOST        200
#define ALPHA       0.05
#define PERCENTILES 2000 /* resamples of the percentile interval that is only measured here */

typedef struct {
    const char *name;
    double fails;
    bool skewed;
} distribution;

static const distribution distributions[] = {
    {"normal", 0, false},
    {"skewed", 0, true},
    {"fails20", 0.2, false},
    {"fails50", 0.5, false},
};

typedef struct {
    double mean, sd, median, iqm;
} truth;

static double normal_density(double z)
{
    return exp(-0.5 * z * z) / sqrt(2 * M_PI);
}

/* Twice the integral of x over the middle half of the distribution is the IQM. */
static truth truth_of(const distribution *d)
{
    if (d->skewed) {
        double upper = log(4), lower = log(4.0 / 3);
        return (truth){CEILING - LEARNED_SD, LEARNED_SD, CEILING - LEARNED_SD * log(2),
                       CEILING - LEARNED_SD * 2 * ((lower + 1) * 0.75 - (upper + 1) * 0.25)};
    }
    double learns = 1 - d->fails, gap = LEARNED - FAILED_AT;
    double low = fmax(0, (0.25 - d->fails) / learns), high = (0.75 - d->fails) / learns;
    double tails =
        normal_density(ek_normal_quantile(low)) - normal_density(ek_normal_quantile(high));
    return (truth){
        d->fails * FAILED_AT + learns * LEARNED,
        sqrt(learns * LEARNED_SD * LEARNED_SD + d->fails * learns * gap * gap),
        /* half of the runs failed: every number between the two kinds of runs is a median */
        d->fails < 0.5 ? LEARNED + LEARNED_SD * ek_normal_quantile((0.5 - d->fails) / learns)
                       : (double)NAN,
        2 * (fmax(0, d->fails - 0.25) * FAILED_AT +
             learns * (LEARNED * (high - low) + LEARNED_SD * tails)),
    };
}

static void draw(const distribution *d, double *scores, uint8_t *failed, size_t n, uint32_t r,
                 uint32_t which)
{
    for (size_t i = 0; i < n; i++) {
        double u = ek_random_uniform(1, EK_STREAM_SEARCH, r, which, 2 * i);
        double v = ek_random_uniform(1, EK_STREAM_SEARCH, r, which, 2 * i + 1);
        failed[i] = v < d->fails;
        scores[i] = d->skewed   ? CEILING + LEARNED_SD * log1p(-u)
                    : failed[i] ? FAILED_AT
                                : LEARNED + LEARNED_SD * ek_normal_quantile(u);
    }
}

/* ---- counting -------------------------------------------------------------------------------- */

enum {
    MEAN,
    MEAN_PERCENTILE,
    MEDIAN,
    SD,
    IQM,
    WILSON,
    CLOPPER_PEARSON,
    SD_RATIO,
    MEAN_DIFFERENCE,
    A12,
    NEWCOMBE,
    BROWN_FORSYTHE,
    LEVENE,
    SD_PERMUTATION,
    MANN_WHITNEY,
    WELCH,
    PERMUTATION,
    FISHER,
    MEASURED
};

static const char *const names[MEASURED] = {
    "cover mean",
    "cover mean, percentile",
    "cover median",
    "cover SD",
    "cover IQM",
    "cover failures, Wilson",
    "cover failures, Clopper-Pearson",
    "cover SD ratio",
    "cover mean difference",
    "cover A12",
    "cover difference of failures, Newcombe",
    "size Brown-Forsythe",
    "size Levene",
    "size permutation of SD",
    "size Mann-Whitney",
    "size Welch",
    "size permutation of means",
    "size Fisher",
};

typedef struct {
    long hits[MEASURED], of[MEASURED];
} tally;

/* No interval (all scores equal) covers nothing but is counted. */
static void cover(tally *t, int what, double low, double high, double true_value)
{
    const double rounding = 1e-12;
    if (!isnan(true_value)) { /* there is one to cover */
        t->hits[what] += low - rounding <= true_value && true_value <= high + rounding;
        t->of[what]++;
    }
}

static void reject(tally *t, int what, double p)
{
    t->hits[what] += p <= ALPHA; /* NaN: no test, no rejection */
    t->of[what]++;
}

static int ascending(const void *left, const void *right)
{
    double x = *(const double *)left, y = *(const double *)right;
    return (x > y) - (x < y);
}

static void cover_by_percentile(tally *t, const double *scores, size_t n, uint32_t r, double mean)
{
    static double means[PERCENTILES];
    for (uint32_t k = 0; k < PERCENTILES; k++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            sum += scores[ek_random_below(2, EK_STREAM_RESAMPLE, r, k, i, n)];
        }
        means[k] = sum / (double)n;
    }
    qsort(means, PERCENTILES, sizeof *means, ascending);
    cover(t, MEAN_PERCENTILE, ek_quantile(means, PERCENTILES, 0.025),
          ek_quantile(means, PERCENTILES, 0.975), mean);
}

static void count_group(tally *t, const ek_summary *s, const truth *is, double fails)
{
    cover(t, MEAN, s->mean_low, s->mean_high, is->mean);
    cover(t, MEDIAN, s->median_low, s->median_high, is->median);
    cover(t, SD, s->sd_low, s->sd_high, is->sd);
    cover(t, IQM, s->iqm_low, s->iqm_high, is->iqm);
    double share = fails > 0 ? fails : (double)NAN; /* 0 is always covered */
    cover(t, WILSON, s->failed_low, s->failed_high, share);
    cover(t, CLOPPER_PEARSON, s->failed_exact_low, s->failed_exact_high, share);
}

static void count_comparison(tally *t, const ek_comparison *c, double fails)
{
    cover(t, SD_RATIO, c->sd_ratio.low, c->sd_ratio.high, 1);
    cover(t, MEAN_DIFFERENCE, c->mean_difference.low, c->mean_difference.high, 0);
    cover(t, A12, c->a12.low, c->a12.high, 0.5);
    cover(t, NEWCOMBE, c->failed_difference_low, c->failed_difference_high,
          fails > 0 ? 0 : (double)NAN);
    reject(t, BROWN_FORSYTHE, c->brown_forsythe_p);
    reject(t, LEVENE, c->levene_p);
    reject(t, SD_PERMUTATION, c->sd_permutation_p);
    reject(t, MANN_WHITNEY, c->mann_whitney_p);
    reject(t, WELCH, c->welch_p);
    reject(t, PERMUTATION, c->permutation_p);
    if (fails > 0) {
        reject(t, FISHER, c->fisher_p);
    }
}

static void measure(const distribution *d, size_t n, uint32_t repetitions)
{
    double scores[2][MOST];
    uint8_t failed[2][MOST];
    truth is = truth_of(d);
    tally t = {{0}, {0}};
    for (uint32_t r = 0; r < repetitions; r++) {
        draw(d, scores[0], failed[0], n, r, 0);
        draw(d, scores[1], failed[1], n, r, 1);
        ek_group_scores a = {scores[0], failed[0], n}, b = {scores[1], failed[1], n};
        ek_comparison c = ek_comparison_of(&a, &b, false, r);
        count_group(&t, &c.a, &is, d->fails);
        count_group(&t, &c.b, &is, d->fails);
        cover_by_percentile(&t, scores[0], n, r, is.mean);
        count_comparison(&t, &c, d->fails);
    }
    for (int what = 0; what < MEASURED; what++) {
        double share = (double)t.hits[what] / (double)t.of[what];
        if (t.of[what] > 0) {
            printf("%zu\t%s\t%s\t%.4f\t%.4f\n", n, d->name, names[what], share,
                   sqrt(share * (1 - share) / (double)t.of[what]));
        }
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const int64_t usual[] = {5, 10, 25};
    int64_t repetitions = 1000, n;
    size_t sizes = argc > 2 ? (size_t)argc - 2 : sizeof usual / sizeof *usual;
    if (argc > 1 &&
        (!ek_parse_i64(argv[1], &repetitions) || repetitions < 1 || repetitions > INT32_MAX)) {
        fprintf(stderr, "coverage: repetitions are a number from 1, found '%s'\n", argv[1]);
        return 2;
    }
    for (size_t i = 0; i < sizes; i++) {
        n = argc > 2 ? 0 : usual[i];
        if (argc > 2 && (!ek_parse_i64(argv[i + 2], &n) || n < 2 || n > MOST)) {
            fprintf(stderr, "coverage: runs are a number from 2 to %d, found '%s'\n", MOST,
                    argv[i + 2]);
            return 2;
        }
        for (size_t d = 0; d < sizeof distributions / sizeof *distributions; d++) {
            measure(&distributions[d], (size_t)n, (uint32_t)repetitions);
        }
    }
    return 0;
}
