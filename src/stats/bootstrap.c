#include "stats/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "stats/special.h"
#include "stats/summary.h"

#define TAIL 0.025

const char *ek_interval_method_name(ek_interval_method method)
{
    static const char *const names[] = {"none", "BCa", "percentile"};
    return names[method];
}

/* ---- statistics ------------------------------------------------------------------------------ */

double ek_statistic_mean(const double *values, size_t n)
{
    /* Differences from the first value: equal values then have exactly that mean. */
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += values[i] - values[0];
    }
    return n > 0 ? values[0] + sum / (double)n : (double)NAN;
}

double ek_statistic_median(const double *values, size_t n)
{
    return n > 0 ? ek_quantile(values, n, 0.5) : (double)NAN;
}

double ek_statistic_sd(const double *values, size_t n)
{
    double mean = ek_statistic_mean(values, n), squares = 0;
    for (size_t i = 0; i < n; i++) {
        squares += (values[i] - mean) * (values[i] - mean);
    }
    return n > 1 ? sqrt(squares / (double)(n - 1)) : (double)NAN;
}

double ek_statistic_iqm(const double *values, size_t n)
{
    size_t cut = n / 4;
    return ek_statistic_mean(values + cut, n - 2 * cut);
}

double ek_statistic_mean_difference(const double *a, size_t n_a, const double *b, size_t n_b)
{
    return ek_statistic_mean(b, n_b) - ek_statistic_mean(a, n_a);
}

double ek_statistic_median_difference(const double *a, size_t n_a, const double *b, size_t n_b)
{
    return ek_statistic_median(b, n_b) - ek_statistic_median(a, n_a);
}

double ek_statistic_sd_ratio(const double *a, size_t n_a, const double *b, size_t n_b)
{
    double below = ek_statistic_sd(a, n_a), above = ek_statistic_sd(b, n_b);
    return below == 0 && above == 0 ? 1.0 : above / below;
}

double ek_statistic_a12(const double *a, size_t n_a, const double *b, size_t n_b)
{
    size_t below = 0, up_to = 0; /* values of a < b[j], and <= b[j] */
    double wins = 0;
    for (size_t j = 0; j < n_b; j++) {
        while (below < n_a && a[below] < b[j]) {
            below++;
        }
        up_to = up_to < below ? below : up_to;
        while (up_to < n_a && a[up_to] <= b[j]) {
            up_to++;
        }
        wins += 0.5 * ((double)below + (double)up_to);
    }
    return n_a > 0 && n_b > 0 ? wins / ((double)n_a * (double)n_b) : (double)NAN;
}

/* ---- resampling ------------------------------------------------------------------------------ */

/* A sample, sorted, and one resample of it. */
typedef struct {
    size_t n;
    double *sorted;   /* [n] */
    uint32_t *counts; /* [n] how often each is in the resample */
    double *drawn;    /* [n] the resample, ascending */
} sample;

static int compare_double(const void *left, const void *right)
{
    double x = *(const double *)left, y = *(const double *)right;
    return (x > y) - (x < y);
}

static void sample_free(sample *s)
{
    ek_free(s->sorted);
    ek_free(s->counts);
    ek_free(s->drawn);
}

static bool sample_init(sample *s, const double *values, size_t n)
{
    *s = (sample){.n = n};
    s->sorted = ek_calloc(n, sizeof *s->sorted);
    s->counts = ek_calloc(n, sizeof *s->counts);
    s->drawn = ek_calloc(n, sizeof *s->drawn);
    if (!s->sorted || !s->counts || !s->drawn) {
        return false;
    }
    memcpy(s->sorted, values, n * sizeof *s->sorted);
    qsort(s->sorted, n, sizeof *s->sorted, compare_double);
    return true;
}

/* Draw i is the i-th of the values as they were given; only the order of the result is ascending.
 */
static void resample(sample *s, uint32_t seed, uint32_t r, uint32_t which)
{
    memset(s->counts, 0, s->n * sizeof *s->counts);
    for (size_t i = 0; i < s->n; i++) {
        s->counts[ek_random_below(seed, EK_STREAM_RESAMPLE, r, which, i, s->n)]++;
    }
    size_t at = 0;
    for (size_t i = 0; i < s->n; i++) {
        for (uint32_t k = 0; k < s->counts[i]; k++) {
            s->drawn[at++] = s->sorted[i];
        }
    }
}

/* All but the i-th of the sorted values. */
static void leave_out(sample *s, size_t i)
{
    memcpy(s->drawn, s->sorted, i * sizeof *s->drawn);
    memcpy(s->drawn + i, s->sorted + i + 1, (s->n - i - 1) * sizeof *s->drawn);
}

/* ---- intervals ------------------------------------------------------------------------------- */

/* Linear interpolation as ek_quantile, where an end may be infinite. */
static double quantile_of(const double *sorted, size_t n, double q)
{
    double value = ek_quantile(sorted, n, q);
    return isnan(value) ? sorted[(size_t)(q * (double)(n - 1) + 0.5)] : value;
}

/* Sums over the jackknife of one statistic, for the acceleration. */
typedef struct {
    double squares, cubes;
} jackknife;

/* Adds one sample's part: values[n] of the statistic, each without one element. SciPy's form for
 * several samples (Efron & Tibshirani 1993, 14.3). */
static void add_influence(jackknife *sums, const double *values, size_t n)
{
    double mean = ek_statistic_mean(values, n), count = (double)n, squares = 0, cubes = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (count - 1) * (mean - values[i]);
        squares += d * d;
        cubes += d * d * d;
    }
    sums->squares += squares / (count * count);
    sums->cubes += cubes / (count * count * count);
}

/* The ends of the interval from resampled values (sorted here). A value that equals the estimate
 * but for the rounding of sums (of scores as large as `scale`) counts as equal: half of it lies
 * below, as in SciPy. */
static void set_interval(ek_estimate *e, double *values, const jackknife *sums, double scale)
{
    size_t below = 0, up_to = 0;
    double near = 1e-12 * (scale + fabs(e->value));
    for (size_t r = 0; r < EK_RESAMPLES; r++) {
        if (isnan(values[r])) {
            return;
        }
        below += values[r] < e->value - near;
        up_to += values[r] <= e->value + near;
    }
    qsort(values, EK_RESAMPLES, sizeof *values, compare_double);
    double share = 0.5 * (double)(below + up_to) / EK_RESAMPLES;
    double z0 = ek_normal_quantile(share), z = ek_normal_quantile(TAIL);
    double a = sums->cubes / (6 * pow(sums->squares, 1.5));
    double low = ek_normal_cdf(z0 + (z0 + z) / (1 - a * (z0 + z)));
    double high = ek_normal_cdf(z0 + (z0 - z) / (1 - a * (z0 - z)));
    bool bca = isfinite(z0) && isfinite(a) && low < high;
    e->method = bca ? EK_INTERVAL_BCA : EK_INTERVAL_PERCENTILE;
    e->low = quantile_of(values, EK_RESAMPLES, bca ? low : TAIL);
    e->high = quantile_of(values, EK_RESAMPLES, bca ? high : 1 - TAIL);
}

static bool all_finite(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            return false;
        }
    }
    return true;
}

/* One or two samples and their statistics; the second sample is empty for one. */
typedef struct {
    sample samples[2];
    size_t sample_count;
    const ek_statistic *one;
    const ek_statistic_two *two;
    size_t count;
    double *values; /* [count][EK_RESAMPLES] */
    double *left;   /* [count][most of n]: the jackknife */
    size_t most;
} job;

/* statistic k of x (and y). */
static double value_of(const job *j, size_t k, const double *x, size_t n_x, const double *y,
                       size_t n_y)
{
    return j->one ? j->one[k](x, n_x) : j->two[k](x, n_x, y, n_y);
}

static void draw_all(job *j, uint32_t seed)
{
    sample *x = &j->samples[0], *y = &j->samples[1];
    for (uint32_t r = 0; r < EK_RESAMPLES; r++) {
        for (size_t s = 0; s < j->sample_count; s++) {
            resample(&j->samples[s], seed, r, (uint32_t)s);
        }
        for (size_t k = 0; k < j->count; k++) {
            j->values[k * EK_RESAMPLES + r] = value_of(j, k, x->drawn, x->n, y->drawn, y->n);
        }
    }
}

static void take_jackknife(job *j, jackknife *sums)
{
    const sample *x = &j->samples[0], *y = &j->samples[1];
    for (size_t s = 0; s < j->sample_count; s++) {
        sample *moving = &j->samples[s];
        for (size_t i = 0; i < moving->n; i++) {
            leave_out(moving, i);
            for (size_t k = 0; k < j->count; k++) {
                j->left[k * j->most + i] =
                    s == 0 ? value_of(j, k, x->drawn, x->n - 1, y->sorted, y->n)
                           : value_of(j, k, x->sorted, x->n, y->drawn, y->n - 1);
            }
        }
        for (size_t k = 0; k < j->count; k++) {
            add_influence(&sums[k], &j->left[k * j->most], moving->n);
        }
    }
}

static void run(job *j, const double *const values[2], const size_t n[2], uint32_t seed,
                ek_estimate *out)
{
    jackknife sums[EK_MOST_STATISTICS] = {{0, 0}};
    bool ready = j->count <= EK_MOST_STATISTICS, wide = true;
    for (size_t s = 0; s < j->sample_count; s++) {
        ready = sample_init(&j->samples[s], values[s], n[s]) && ready;
        j->most = n[s] > j->most ? n[s] : j->most;
        wide = wide && n[s] >= 2 && n[s] <= UINT32_MAX && all_finite(values[s], n[s]);
    }
    j->values = ek_calloc(j->count * EK_RESAMPLES, sizeof *j->values);
    j->left = ek_calloc(j->count * j->most, sizeof *j->left);
    ready = ready && j->values && j->left;
    for (size_t k = 0; k < j->count; k++) {
        out[k] = (ek_estimate){(double)NAN, (double)NAN, (double)NAN, EK_INTERVAL_NONE};
        if (ready) {
            out[k].value = value_of(j, k, j->samples[0].sorted, n[0], j->samples[1].sorted, n[1]);
        }
    }
    if (ready && wide) {
        double scale = 0;
        for (size_t s = 0; s < j->sample_count; s++) {
            const sample *x = &j->samples[s];
            scale = fmax(scale, fmax(fabs(x->sorted[0]), fabs(x->sorted[x->n - 1])));
        }
        draw_all(j, seed);
        take_jackknife(j, sums);
        for (size_t k = 0; k < j->count; k++) {
            if (isfinite(out[k].value)) {
                set_interval(&out[k], &j->values[k * EK_RESAMPLES], &sums[k], scale);
            }
        }
    }
    sample_free(&j->samples[0]);
    sample_free(&j->samples[1]);
    ek_free(j->values);
    ek_free(j->left);
}

void ek_bootstrap_one(const double *values, size_t n, const ek_statistic *statistics, size_t count,
                      uint32_t seed, ek_estimate *out)
{
    job j = {.sample_count = 1, .one = statistics, .count = count};
    run(&j, (const double *const[]){values, NULL}, (const size_t[]){n, 0}, seed, out);
}

void ek_bootstrap_two(const double *a, size_t n_a, const double *b, size_t n_b,
                      const ek_statistic_two *statistics, size_t count, uint32_t seed,
                      ek_estimate *out)
{
    job j = {.sample_count = 2, .two = statistics, .count = count};
    run(&j, (const double *const[]){a, b}, (const size_t[]){n_a, n_b}, seed, out);
}
