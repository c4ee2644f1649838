#!/usr/bin/env python3
"""Makes tests/golden/stats.txt: metrics, intervals and quantiles by scikit-learn, scipy and
statsmodels, for test_metrics.c and test_summary.c.

The bootstrap appears twice: "exact" by this file's own Philox4x32-10 and resampling rule (the same
draws as the program must make), and by scipy's independent draws (the same interval but for Monte
Carlo noise).

    python3 tests/golden/make_stats.py > tests/golden/stats.txt
"""
import datetime
import sys
import warnings

import numpy as np
import scipy
import scipy.stats
import sklearn
import sklearn.metrics
import statsmodels
from statsmodels.stats.proportion import proportion_confint

STREAM_RESAMPLE = 7
RESAMPLES = 10000


def row(values):
    print(" ".join(repr(v.item() if hasattr(v, "item") else v) for v in values))


def label_scores(p, a, k):
    every = list(range(k))
    f1 = sklearn.metrics.f1_score(a, p, labels=[1], average=None, zero_division=0)[0]
    macro = sklearn.metrics.f1_score(a, p, labels=every, average="macro", zero_division=0)
    return (sklearn.metrics.accuracy_score(a, p), f1, macro,
            sklearn.metrics.matthews_corrcoef(a, p))


def labels(p, a, k):
    print("labels", len(p), k)
    row(p)
    row(a)
    row(label_scores(p, a, k))


def confusion(tn, fp, fn, tp):
    """A binary table too large to list example by example."""
    a = np.repeat([0, 0, 1, 1], [tn, fp, fn, tp])
    p = np.repeat([0, 1, 0, 1], [tn, fp, fn, tp])
    print("confusion", tn, fp, fn, tp)
    row(label_scores(p, a, 2))


def scores(x, y):
    x, y = np.asarray(x, float), np.asarray(y, float)
    constant = len(set(x)) == 1 or len(set(y)) == 1
    pearson = 0.0 if constant else scipy.stats.pearsonr(x, y)[0]
    spearman = 0.0 if constant else scipy.stats.spearmanr(x, y)[0]
    print("scores", len(x))
    row(x)
    row(y)
    row((pearson, spearman, sklearn.metrics.mean_squared_error(y, x)))


def wilson(k, n):
    print("wilson", k, n, *map(repr, map(float, proportion_confint(k, n, 0.05, "wilson"))))


def quantile(x, qs):
    x = np.sort(np.asarray(x, float))
    print("quantile", len(x), len(qs))
    row(x)
    row(qs)
    row(np.quantile(x, qs, method="linear"))


def philox(seed, stream, c):
    """Philox4x32-10 of uint64 arrays that hold 32-bit words."""
    mask = np.uint64(0xFFFFFFFF)
    c = [np.asarray(word, np.uint64) for word in c]
    k0, k1 = seed, stream
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & mask,
             (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p0 & mask]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def resample_interval(x, seed):
    """BCa with the program's own draws."""
    n = len(x)
    r, i = np.meshgrid(np.arange(RESAMPLES), np.arange(n), indexing="ij")
    zero = np.zeros_like(r)
    v = philox(seed, STREAM_RESAMPLE, (r, zero, i, zero))
    index = np.empty(r.shape, int)
    for at in np.ndindex(r.shape):
        product = (int(v[1][at]) << 32 | int(v[0][at])) * n
        assert product % 2**64 >= 2**64 % n, "a refused draw: choose another seed"
        index[at] = product >> 64
    x = np.sort(np.asarray(x))
    means = x[index].mean(axis=1)
    left = np.array([np.delete(x, k).mean() for k in range(n)])
    d = left.mean() - left
    norm = scipy.stats.norm
    # equal but for rounding counts as equal, as it does for sums of the same numbers in another order
    close = np.isclose(means, x.mean(), rtol=1e-14, atol=0)
    z0 = norm.ppf(((means < x.mean()) & ~close).mean() + 0.5 * close.mean())
    a = (d ** 3).sum() / (6 * (d ** 2).sum() ** 1.5)
    ends = [norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z))) for z in norm.ppf([0.025, 0.975])]
    return np.quantile(means, ends)


def summary(x, failed, seed):
    x, failed = np.asarray(x, float), np.asarray(failed)
    ok = x[failed == 0]
    own = resample_interval(x, seed)
    other = scipy.stats.bootstrap((x,), np.mean, n_resamples=200000, method="BCa",
                                  batch=2000, rng=np.random.default_rng(1)).confidence_interval
    print("summary", len(x), seed)
    row(x)
    row(failed)
    row((x.mean(), x.std(ddof=1), ok.std(ddof=1) if len(ok) > 1 else float("nan"), x.min(),
         np.median(x), x.max()))
    row((*own, other.low, other.high))


def main():
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(20260101)
    print(f"# made by make_stats.py on {datetime.date.today()} with Python "
          f"{sys.version.split()[0]}, numpy {np.__version__}, scipy {scipy.__version__}, "
          f"scikit-learn {sklearn.__version__}, statsmodels {statsmodels.__version__}")

    labels([1, 0, 1, 1, 0, 0, 1, 0], [1, 0, 0, 1, 0, 1, 1, 1], 2)
    labels([1, 1, 1, 1], [1, 0, 1, 1], 2)
    labels([0, 0, 0, 0], [1, 0, 1, 1], 2)
    labels([0, 0, 0], [0, 0, 0], 2)
    labels([1, 0], [1, 0], 2)
    labels([0, 1], [1, 0], 2)
    labels([1], [1], 2)
    for n, k in ((60, 2), (100, 3), (200, 7)):
        a = rng.integers(0, k, n)
        p = np.where(rng.random(n) < 0.6, a, rng.integers(0, k, n))
        labels(p, a, k)
    a = rng.integers(0, 3, 50)
    labels(np.minimum(a, 1), a, 4)  # one class never predicted, one that never occurs
    confusion(200000, 29468, 20000, 114378)
    confusion(229468, 0, 134378, 0)
    confusion(4000000, 17, 3, 4000000)

    scores([1, 2, 3, 4], [2, 4, 6, 8.5])
    scores([1, 2], [5, 3])
    scores([0.1] * 3, [1, 2, 3])
    scores([1, 2, 3], [0.7] * 3)
    scores([3.5], [3.5])
    x = rng.normal(2.5, 1.2, 80)
    scores(x, 0.8 * x + rng.normal(0, 0.7, 80))
    scores(np.round(x), np.round(0.8 * x + rng.normal(0, 0.7, 80)))
    scores(x + 1e6, -x)
    scores(np.round(rng.random(120) * 20) / 4, np.round(rng.random(120) * 5))

    for k, n in ((0, 1), (1, 1), (0, 25), (25, 25), (1, 25), (5, 25), (13, 25), (3, 10),
                 (500, 1000), (1, 100000)):
        wilson(k, n)

    qs = [0.0, 0.025, 0.25, 0.5, 0.75, 0.975, 1.0]
    quantile([4.0], qs)
    quantile([1.0, 2.0], qs)
    quantile(rng.normal(size=25), qs)
    quantile(np.round(rng.random(10), 1), qs)

    x = np.concatenate([rng.normal(0.70, 0.015, 20), np.full(5, 0.527)])
    summary(x, [0] * 20 + [1] * 5, 0)
    summary(rng.normal(0.9, 0.004, 5), [0] * 5, 42)
    summary([0.25, 0.75], [0, 1], 7)
    summary(rng.normal(0.5, 0.1, 10), [1] * 10, 4294967295)


main()
