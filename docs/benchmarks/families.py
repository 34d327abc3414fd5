"""Every family on two moons: held-out log-likelihood, integral, seconds.

python docs/benchmarks/families.py > docs/benchmarks/families.md
"""

import time

import numpy as np
from sklearn.datasets import make_moons
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity

from skflow import NormalizingFlowDensity

FAMILIES = ("planar", "radial", "nice", "realnvp", "maf", "nsf", "nsf_ar")
TRAIN = make_moons(10_000, noise=0.1, random_state=0)[0]
TEST = make_moons(10_000, noise=0.1, random_state=1)[0]


def integral(density, n_points=401, reach=30.0):
    """Of exp(log p) over the plane, on a grid spaced by sinh."""
    t = np.linspace(-1, 1, n_points)
    stretch = np.sinh(6 * t) / np.sinh(6)
    axis = 0.5 + reach * stretch
    spacing = reach * 6 * np.cosh(6 * t) / np.sinh(6) * (t[1] - t[0])
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return float(np.exp(density.score_samples(grid)) @ np.outer(spacing, spacing).ravel())


def row(name, density):
    start = time.perf_counter()
    density.fit(TRAIN)
    seconds = time.perf_counter() - start
    scores = density.score_samples(TEST)
    error = scores.std() / np.sqrt(len(scores))
    figures = f"{scores.mean():.3f} ± {error:.3f} | {integral(density):.4f} | {seconds:.1f}"
    print(f"| {name} | {figures} |", flush=True)


def main():
    print("# Families on two moons\n")
    print("10,000 rows of scikit-learn's `make_moons(noise=0.1)` to fit, 10,000 to score, default")
    print("parameters. *bare* is `safety_net=False`, the flow alone. Written by `families.py`.\n")
    print("| density | held-out log p, nats a row | integral | fit, s |")
    print("|---|--:|--:|--:|")
    for family in FAMILIES:
        row(f"`{family}`", NormalizingFlowDensity(flow=family, random_state=0))
        bare = NormalizingFlowDensity(flow=family, safety_net=False, random_state=0)
        row(f"`{family}`, bare", bare)
    kernels = GridSearchCV(KernelDensity(), {"bandwidth": np.geomspace(0.02, 0.5, 12)}, cv=3)
    row("`KernelDensity`, bandwidth searched", kernels)
    row("`GaussianMixture(16)`", GaussianMixture(16, random_state=0))


if __name__ == "__main__":
    main()
