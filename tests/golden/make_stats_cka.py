#!/usr/bin/env python3
"""Makes tests/golden/stats_cka.txt: linear CKA by numpy, for test_cka.c. The biased one in feature
space (Kornblith et al. 2019, equation 3), the unbiased one by the matrices of Song et al. 2012 as
they stand in the paper; both other ways than the program's.

    python3 tests/golden/make_stats_cka.py > tests/golden/stats_cka.txt
"""
import sys

import numpy as np


def row(values):
    print(" ".join(repr(float(v)) for v in np.ravel(values)))


def biased(x, y):
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return (np.linalg.norm(y.T @ x) ** 2
            / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)))


def hsic(k, l):
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))
    one = np.ones(n)
    return (np.trace(k @ l) + (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2))
            - 2 / (n - 2) * (one @ k @ l @ one)) / (n * (n - 3))


def unbiased(x, y):
    k, l = x @ x.T, y @ y.T  # of the columns as they are: the estimator centres itself
    return hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))


def case(x, y):
    x, y = np.float32(x), np.float32(y)
    print("cka", *x.shape, y.shape[1])
    row(x)
    row(y)
    x, y = np.float64(x), np.float64(y)
    row([biased(x, y), unbiased(x, y)])


rng = np.random.default_rng(7)
print(f"# made by make_stats_cka.py with Python {sys.version.split()[0]}, numpy {np.__version__}")
z = rng.normal(size=(12, 3))
case(z, z @ np.linalg.qr(rng.normal(size=(3, 3)))[0] * 2.5 + 1)      # rotated, scaled, moved
case(z, z @ rng.normal(size=(3, 5)) + 0.3 * rng.normal(size=(12, 5)))  # alike
case(rng.normal(size=(10, 40)), rng.normal(size=(10, 30)))            # independent, wide
case(rng.normal(size=(25, 4)) + 100, rng.normal(size=(25, 4)))        # a mean far from 0
case(np.tanh(3 * rng.normal(size=(4, 6))), rng.normal(size=(4, 2)))   # as few as it takes
