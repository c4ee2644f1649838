#!/usr/bin/env python3
"""Makes tests/golden/stats_tests.txt: distributions, tests and effects by scipy, statsmodels and mpmath, for test_special.c and
test_comparison.c.

What is drawn at random appears twice: with the draws that the program must make (this file's own Philox4x32-10), and by
scipy.stats.bootstrap's own draws.

    python3 tests/golden/make_stats_tests.py > tests/golden/stats_tests.txt
"""
import datetime
import itertools
import math
import pathlib
import sys
import warnings

import mpmath
import numpy as np
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

STREAM_RESAMPLE, RESAMPLES, ASO_RESAMPLES, SEED = 7, 10000, 1000, 3
NAN = float("nan")


def line(*values):
    print(*(repr(v.item() if hasattr(v, "item") else v) if not isinstance(v, str) else v for v in values))


# ---- distributions: 50 digits, since the tails are where library functions lose theirs -------------------------------

mpmath.mp.dps = 50


def beta_cdf(a, b, x):
    return mpmath.betainc(a, b, 0, x, regularized=True)


def special():
    for z in (-37.5, -20.0, -8.2, -3.0, -1.0, -1e-9, 0.0, 1e-5, 0.7, 1.959963984540054, 5.0, 9.0):
        line("normal_cdf", z, float(mpmath.ncdf(z)))
    for p in (1e-300, 1e-30, 1e-9, 0.001, 0.025, 0.05, 0.19, 0.2, 0.21, 0.4999999, 0.5, 0.6, 0.975, 0.999999, 1 - 2.0**-50):
        line("normal_quantile", p, float(stats.norm.ppf(p)))
    for a in (0.01, 0.5, 2.5, 19.0, 21.0, 300.0, 1e4):
        for b in (0.5, 20.0, 1e3):
            mean = a / (a + b)
            for x in (1e-12, mean / 3, mean, 1 - (1 - mean) / 2, 1 - 1e-9):
                line("beta_cdf", a, b, x, float(beta_cdf(a, b, mpmath.mpf(x))))
    for a, b in ((0.5, 0.5), (1.0, 25.0), (5.0, 21.0), (25.0, 1.0), (3.0, 1000.0), (400.0, 2.0)):
        for p in (1e-6, 0.025, 0.5, 0.975):
            line("beta_quantile", a, b, p, float(stats.beta.ppf(p, a, b)))
    for df in (1.0, 1.5, 2.0, 7.3, 48.0, 1e4):
        for t in (0.0, 1e-4, 0.5, 2.0, 12.0, 300.0):
            line("t", t, df, float(beta_cdf(df / 2, 0.5, mpmath.mpf(df) / (df + mpmath.mpf(t) ** 2))))
    for df1, df2 in ((1.0, 2.0), (1.0, 8.0), (1.0, 48.0), (3.0, 5.0), (10.0, 1e4)):
        for f in (1e-6, 0.3, 1.0, 4.2, 60.0, 1e4):
            x = mpmath.mpf(df2) / (df2 + df1 * mpmath.mpf(f))
            line("f", f, df1, df2, float(beta_cdf(mpmath.mpf(df2) / 2, mpmath.mpf(df1) / 2, x)))
    for n, k in ((0, 0), (1, 1), (5, 2), (25, 12), (50, 1), (1000, 3), (1000, 500), (100000, 40), (1000000, 500000)):
        line("log_choose", n, k, float(mpmath.log(math.comb(n, k))) if math.comb(n, k) > 1 else 0.0)


# ---- shares ----------------------------------------------------------------------------------------------------------

def shares():
    for n in (1, 2, 5, 20, 25, 1000):
        for k in sorted({0, 1, n // 3, n - 1, n}):
            line("share", k, n, *map(float, proportion_confint(k, n, 0.05, "wilson")),
                 *map(float, proportion_confint(k, n, 0.05, "beta")))
    pairs = [(0, 1, 1, 1), (0, 2, 2, 2), (0, 5, 5, 5), (1, 5, 3, 7), (20, 25, 0, 25), (6, 25, 3, 20), (0, 25, 0, 25), (25, 25, 25, 25),
             (4, 25, 6, 25), (1, 3, 300, 1000), (13, 20, 1, 25), (500, 1000, 400, 1000)]
    for k_a, n_a, k_b, n_b in pairs:
        # the difference is of the first less the second: b goes first
        interval = confint_proportions_2indep(k_b, n_b, k_a, n_a, method="newcomb", compare="diff")
        p = stats.fisher_exact([[k_a, n_a - k_a], [k_b, n_b - k_b]]).pvalue
        line("shares", k_a, n_a, k_b, n_b, *map(float, interval), float(p))


def holm():
    for p in ([0.01], [0.04, 0.01, 0.03], [0.5, 0.5, 0.9], [0.001, 0.2, 0.001, 0.04, 0.0499], [1.0, 0.0, 0.3]):
        line("holm", len(p), *p, *multipletests(p, method="holm")[1])


# ---- the program's own draws -----------------------------------------------------------------------------------------

def below(a, b, element, bound):
    """Integers below the bound for arrays (a, element); a refused draw has a chance of bound / 2^64."""
    mask, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    a, b, element, zero = np.broadcast_arrays(np.asarray(a, np.uint64), np.uint64(b), np.asarray(element, np.uint64), np.uint64(0))
    c, k0, k1 = [a, b, element, zero], SEED, STREAM_RESAMPLE
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> shift) ^ c[1] ^ np.uint64(k0), p1 & mask, (p0 >> shift) ^ c[3] ^ np.uint64(k1), p0 & mask]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    bound = np.uint64(bound)
    return ((c[1] * bound + (c[0] * bound >> shift)) >> shift).astype(int)


def draws(x, which, count=RESAMPLES):
    x = np.sort(x)  # draws count places among the sorted scores
    return x[below(np.arange(count)[:, None], which, np.arange(len(x))[None, :], len(x))]


def bca(value, resampled, jackknifes):
    """jackknifes: one array a sample."""
    if len({len(set(j)) for j in jackknifes} - {1}) == 0 or not all(np.isfinite(j).all() for j in jackknifes):
        return np.quantile(resampled, [0.025, 0.975])
    close = np.isclose(resampled, value, rtol=1e-14, atol=1e-15)
    z0 = stats.norm.ppf(((resampled < value) & ~close).mean() + 0.5 * close.mean())
    influence = [(len(j) - 1) * (j.mean() - j) for j in jackknifes]
    a = sum((u**3).sum() / len(u) ** 3 for u in influence) / (6 * sum((u**2).sum() / len(u) ** 2 for u in influence) ** 1.5)
    z = stats.norm.ppf([0.025, 0.975])
    ends = stats.norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z)))
    return np.quantile(resampled, ends if np.isfinite(ends).all() else [0.025, 0.975])


def without(x):
    return np.array([np.delete(x, i) for i in range(len(x))])


# ---- statistics, along the last axis ---------------------------------------------------------------------------------

def mean(x, axis=-1):
    return np.mean(x, axis=axis)


def sd(x, axis=-1):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.std(x, axis=axis, ddof=1)


def median(x, axis=-1):
    return np.median(x, axis=axis)


def iqm(x, axis=-1):
    return stats.trim_mean(x, 0.25, axis=axis)


def sd_ratio(a, b, axis=-1):
    return sd(b, axis) / sd(a, axis)


def mean_difference(a, b, axis=-1):
    return mean(b, axis) - mean(a, axis)


def median_difference(a, b, axis=-1):
    return median(b, axis) - median(a, axis)


def a12(a, b, axis=-1):
    a, b = np.moveaxis(a, axis, -1)[..., :, None], np.moveaxis(b, axis, -1)[..., None, :]
    return ((b > a) + 0.5 * (b == a)).mean(axis=(-1, -2))


ONE, TWO = (mean, sd, median, iqm), (sd_ratio, mean_difference, median_difference, a12)


def other_draws(samples, statistic):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        interval = stats.bootstrap(samples, statistic, n_resamples=20000, method="BCa", batch=500, vectorized=True,
                                   rng=np.random.default_rng(1)).confidence_interval
    return interval


def one(x):
    x = np.asarray(x, float)
    again = draws(x, 0)
    line("one", len(x), *x)
    for statistic in ONE:
        value = statistic(x)
        line(value, *bca(value, statistic(again), [statistic(without(x))]), *other_draws((x,), statistic))


# ---- two groups ------------------------------------------------------------------------------------------------------

def violation(a, b):
    """Both quantile functions on the common refinement of their steps."""
    size = math.lcm(len(a), len(b))
    gap = np.repeat(np.sort(a), size // len(a)) - np.repeat(np.sort(b), size // len(b))
    return (np.maximum(gap, 0) ** 2).sum() / (gap**2).sum() if (gap**2).sum() > 0 else 0.0


def eps_min(a, b):
    again = [violation(x, y) for x, y in zip(draws(a, 4, ASO_RESAMPLES), draws(b, 5, ASO_RESAMPLES))]
    scale = math.sqrt(len(a) * len(b) / (len(a) + len(b)))
    noise = np.std([scale * (v - violation(a, b)) for v in again], ddof=1)
    return min(max(violation(a, b) - noise / scale * stats.norm.ppf(0.05), 0.0), 1.0)


def permutation(a, b, statistic):
    """Exact by scipy where all splits are at most 10,000; else the program's splits."""
    n, n_a = len(a) + len(b), len(a)
    if math.comb(n, n_a) <= 10000:
        return stats.permutation_test((a, b), statistic, n_resamples=np.inf, alternative="greater", vectorized=True).pvalue
    split = np.tile(np.concatenate([np.sort(a), np.sort(b)]), (RESAMPLES, 1))
    rows = np.arange(RESAMPLES)
    for i in range(n_a):
        j = i + below(rows, 3, i, n - i)
        split[rows, i], split[rows, j] = split[rows, j], split[rows, i].copy()
    gaps, observed = statistic(split[:, :n_a], split[:, n_a:]), statistic(a, b)
    return (1 + (gaps >= observed - 1e-12).sum()) / (1 + RESAMPLES)


def mean_gap(a, b, axis=-1):
    return np.abs(mean_difference(a, b, axis))


def sd_gap(a, b, axis=-1):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.abs(np.log(sd_ratio(a, b, axis)))


def wilcoxon(a, b):
    if len(a) != len(b):
        return NAN, NAN, 0
    d = b - a
    if not d.any():
        return 0.0, 1.0, 0
    exact = len(d) <= 50 and (d != 0).all() and len(set(np.abs(d))) == len(d)
    w = stats.wilcoxon(a, b, method="exact" if exact else "asymptotic", correction=False)
    return w.statistic, w.pvalue, int(exact)


def two(a, b, with_intervals):
    a, b = np.asarray(a, float), np.asarray(b, float)
    line("two", len(a), len(b), *a, *b)
    for centre in ("mean", "median"):
        line(*stats.levene(a, b, center=centre))
    u = stats.mannwhitneyu(b, a, method="auto")
    ties = len(set(a) | set(b)) < len(a) + len(b)
    line(u.statistic, u.pvalue, int(min(len(a), len(b)) <= 8 and not ties))
    welch = stats.ttest_ind(b, a, equal_var=False)
    line(welch.statistic, welch.df, welch.pvalue)
    line(*wilcoxon(a, b))
    line(permutation(a, b, mean_gap), permutation(a - a.mean(), b - b.mean(), sd_gap))
    line(violation(a, b), violation(b, a), eps_min(a, b), eps_min(b, a))
    again = draws(a, 0), draws(b, 1)
    for statistic in TWO:
        value = statistic(a, b)
        same = other = (NAN, NAN)
        if with_intervals:
            same = bca(value, statistic(*again), [statistic(without(a), b), statistic(a, without(b))])
            other = other_draws((a, b), statistic)
        line(value, *same, *other)


def paper():
    words = (pathlib.Path(__file__).parent / "paper_scores.txt").read_text().splitlines()
    heads = [i for i, text in enumerate(words) if text[0].isalpha()]
    return {tuple(words[i].split()[:2]): np.array(words[i + 1].split(), float) for i in heads}


def main():
    versions = (f"Python {sys.version.split()[0]}, numpy {np.__version__}, scipy {scipy.__version__}, "
                f"statsmodels {statsmodels.__version__}, mpmath {mpmath.__version__}")
    print(f"# made by make_stats_tests.py on {datetime.date.today()} with {versions}")
    special()
    shares()
    holm()
    rng = np.random.default_rng(20)
    learned = rng.normal(0.7, 0.02, 25)
    bimodal = np.where(np.arange(25) % 4 == 1, rng.normal(0.527, 0.001, 25), rng.normal(0.69, 0.03, 25))
    for x in (learned, bimodal, learned[:5], rng.exponential(1.0, 10), rng.normal(70, 3, 51)):
        one(x)
    two(bimodal, learned, True)
    two(learned[:10], bimodal[:15], True)
    two(rng.exponential(0.1, 6), 0.2 + rng.exponential(0.1, 7), False)
    two(learned[:5], bimodal[5:10], False)
    two(rng.normal(70, 2, 5), rng.normal(71, 5, 30), False)
    two([0.5, 0.5, 0.75, 0.625], [0.75, 0.875, 0.5, 0.75], False)
    two([0.5, 0.5, 0.5, 0.75, 0.75], [0.75, 0.875, 0.5], False)
    two([0.1, 0.4], [0.2, 0.9], False)
    two(rng.normal(0, 1, 55), rng.normal(0.3, 1, 55), False)
    lists = paper()
    for task, other in itertools.product(("rte", "mrpc", "cola"), ("devlin", "lee")):
        two(lists[task, other], lists[task, "ours"], False)


main()
