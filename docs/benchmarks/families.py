"""All families on two moons: held-out log-likelihood, integral, and time of the fit.

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
N_SAMPLES, N_GRID = 10_000, 401


def integral(density, n_grid, half_width=30.0):
    """The integral of exp(log p) over the plane, on a grid that is spaced by sinh."""
    t = np.linspace(-1, 1, n_grid)
    axis = 0.5 + half_width * np.sinh(6 * t) / np.sinh(6)
    spacing = half_width * 6 * np.cosh(6 * t) / np.sinh(6) * (t[1] - t[0])
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return float(np.exp(density.score_samples(grid)) @ np.outer(spacing, spacing).ravel())


def print_row(name, density):
    """Fit and score a density, and print its row of the table."""
    train, test = (make_moons(N_SAMPLES, noise=0.1, random_state=seed)[0] for seed in (0, 1))
    start = time.perf_counter()
    density.fit(train)
    seconds = time.perf_counter() - start
    scores = density.score_samples(test)
    error = scores.std() / np.sqrt(len(scores))
    figures = f"{scores.mean():.3f} ± {error:.3f} | {integral(density, N_GRID):.4f}"
    print(f"| {name} | {figures} | {seconds:.1f} |", flush=True)


def main():
    print("# Families on two moons\n")
    print(f"{N_SAMPLES:,} samples from scikit-learn's `make_moons(noise=0.1)` to fit and as many")
    print("to score, default parameters. *bare* is the flow without `safety_net`. Written by")
    print("`families.py`.\n")
    print("| density | held-out log p, nats per sample | integral | fit, s |")
    print("|---|--:|--:|--:|")
    for family in FAMILIES:
        print_row(f"`{family}`", NormalizingFlowDensity(flow=family, random_state=0))
        bare = NormalizingFlowDensity(flow=family, safety_net=False, random_state=0)
        print_row(f"`{family}`, bare", bare)
    kernels = GridSearchCV(KernelDensity(), {"bandwidth": np.geomspace(0.02, 0.5, 12)}, cv=3)
    print_row("`KernelDensity`, bandwidth searched", kernels)
    print_row("`GaussianMixture(16)`", GaussianMixture(16, random_state=0))


if __name__ == "__main__":
    main()
