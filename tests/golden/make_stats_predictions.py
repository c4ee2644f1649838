#!/usr/bin/env python3
"""Makes tests/golden/stats_predictions.txt: disagreement of predictions, the multi-bootstrap,
variance components and the expected best by numpy, statsmodels and enumeration, for
test_predictions.c and test_seeds.c. Debian 12: python3-scipy, python3-statsmodels.

    python3 tests/golden/make_stats_predictions.py > tests/golden/stats_predictions.txt
"""
import itertools
import sys

import numpy as np
import pandas as pd
import statsmodels
import statsmodels.api as sm
import statsmodels.formula.api as smf
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa


def row(values):
    print(" ".join(repr(v.item() if hasattr(v, "item") else v) for v in np.ravel(values)))


def kl(p, q):
    keep = p > 0
    return np.sum(p[keep] * np.log(p[keep] / q[keep]))


def predictions(rng, runs, examples, labels, skill, unknown=0):
    truth = rng.integers(0, labels, examples)
    logits = rng.normal(size=(runs, examples, labels))
    logits += skill * np.eye(labels)[truth] * rng.random((1, examples, 1))
    probs = np.exp(logits)
    probs[0, 0] = np.eye(labels)[truth[0]]  # exact zeros
    probs /= probs.sum(axis=2, keepdims=True)
    given = probs.argmax(axis=2)
    truth[:unknown] = -1

    pairs = list(itertools.combinations(range(runs), 2))
    churn = np.mean([np.mean(given[a] != given[b]) for a, b in pairs])
    kappa = fleiss_kappa(aggregate_raters(given.T)[0])
    jsd = np.mean([[(kl(probs[a, e], (probs[a, e] + probs[b, e]) / 2)
                     + kl(probs[b, e], (probs[a, e] + probs[b, e]) / 2)) / 2
                    for e in range(examples)] for a, b in pairs])
    right = (given == truth)[:, truth >= 0].astype(float)
    n = right.shape[1]
    err = 1 - right
    jordan = n / (n - 1) * (err.mean(axis=1).var(ddof=1) - err.var(axis=0, ddof=1).sum() / n**2)

    other = rng.random(right.shape) < 0.8  # a second group, for differences

    def interval(draw_runs, draw_examples, difference, paired, draws=40000):
        got = np.empty(draws)
        for d in range(draws):
            i = rng.integers(0, runs, runs) if draw_runs else np.arange(runs)
            j = i if paired or not draw_runs else rng.integers(0, runs, runs)
            e = rng.integers(0, n, n) if draw_examples else np.arange(n)
            got[d] = right[np.ix_(i, e)].mean()
            if difference:
                got[d] = other[np.ix_(j, e)].mean() - got[d]
        return [*np.quantile(got, [0.025, 0.975]), got.std()]

    print("predictions", runs, examples, labels)
    row(truth)
    row(given)
    row(probs)
    row([churn, kappa, jsd, right.var(axis=0).mean(), right.mean(axis=1).var(), jordan,
         right.mean(axis=1).var(ddof=1)])
    whole = np.zeros(given.shape, int)
    whole[:, truth >= 0] = other
    row(whole)
    for difference, paired in ((False, False), (True, False), (True, True)):
        row([other.mean() - right.mean() if difference else right.mean()])
        for which in ((True, False), (False, True), (True, True)):
            row(interval(*which, difference, paired))


def components(rng, lengths, sds):
    y = rng.normal(size=lengths) * sds[-1] + 0.7
    names = ["init", "order", "dropout"][:len(lengths)]
    for axis, length in enumerate(lengths):
        shape = [1] * len(lengths)
        shape[axis] = length
        y = y + sds[axis] * rng.normal(size=length).reshape(shape)
    index = np.indices(lengths).reshape(len(lengths), -1)
    frame = pd.DataFrame({"y": y.ravel(), **dict(zip(names, index))})
    fit = smf.ols("y ~ " + " + ".join(f"C({name})" for name in names), frame).fit()
    table = sm.stats.anova_lm(fit)
    ms = table["mean_sq"]
    print("components", len(lengths), *lengths)
    row(y)
    rest = ms["Residual"]
    row([max(0, (ms[f"C({name})"] - rest) / (y.size / length))
         for name, length in zip(names, lengths)] + [rest])
    row([ms[f"C({name})"] for name in names])


def best(scores):
    n = len(scores)
    print("best", n)
    row(scores)
    row([np.mean([max(s) for s in itertools.combinations(scores, k)]) for k in range(1, n + 1)])
    most = min(n, 5)  # n^k tuples
    row([most] + [np.mean([max(s) for s in itertools.product(scores, repeat=k)])
                  for k in range(1, most + 1)])


def main():
    rng = np.random.default_rng(20260202)
    print(f"# made by make_stats_predictions.py with Python {sys.version.split()[0]}, numpy "
          f"{np.__version__}, statsmodels {statsmodels.__version__}")
    predictions(rng, 5, 40, 2, 2.0)
    predictions(rng, 7, 30, 3, 3.0, unknown=4)
    predictions(rng, 2, 25, 4, 1.0)
    components(rng, (5, 6), (0.02, 0.01, 0.01))
    components(rng, (2, 2), (0.0, 0.0, 0.01))
    components(rng, (4, 3), (0.0, 0.03, 0.01))
    components(rng, (3, 4, 2), (0.02, 0.01, 0.03, 0.01))
    best(rng.normal(0.7, 0.02, 7))
    best(np.round(rng.random(9), 1))
    best(np.array([0.5]))


main()
