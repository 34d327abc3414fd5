"""The tables that the benchmarks fit, and how each is split.

The data's folder holds one NAME.npz a set, with the rows in X; where each came from is listed
in quality.md. wine, breast_cancer and diabetes come with scikit-learn.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sklearn.datasets

SETS = """
    wine faithful ionosphere_rnade diabetes boston_rnade breast_cancer concrete wine_red_rnade
    gas_sensor_128 sp500_returns uk_accidents nyc_flights power_head_maf annthyroid_ad
    sdss_photometry shuttle_ad protein cover_ad miniboone_maf_valtest
""".split()  # noqa: SIM905
MOST_TRAIN, MOST_TEST = 5000, 2000


@dataclass(frozen=True)
class Split:
    """Rows to fit and rows to score, columns that are constant in the first dropped."""

    train: np.ndarray
    test: np.ndarray

    @classmethod
    def of(cls, train: np.ndarray, test: np.ndarray) -> "Split":
        varies = train.std(0) > 0
        return cls(train[:, varies], test[:, varies])


def load(name: str, data: Path) -> np.ndarray:
    """All rows of a set, (n, d)."""
    if name in ("wine", "breast_cancer", "diabetes"):
        return getattr(sklearn.datasets, f"load_{name}")().data.astype(float)
    rows = np.load(data / f"{name}.npz")["X"].astype(float)
    return rows[np.isfinite(rows).all(1)]


def final_split(name: str, data: Path, seed: int) -> Split:
    """Test rows first, then up to 5,000 rows to train on. Only the final table reads this."""
    rows = load(name, data)
    order = np.random.default_rng(seed).permutation(len(rows))
    n_test = min(MOST_TEST, len(rows) // 5)
    return Split.of(rows[order[n_test : n_test + MOST_TRAIN]], rows[order[:n_test]])


def development_split(name: str, data: Path, seed: int) -> Split:
    """A fifth of the final split's training rows left out: what choices are made on."""
    rows = load(name, data)
    order = np.random.default_rng(seed).permutation(len(rows))
    n_test = min(MOST_TEST, len(rows) // 5)
    train = rows[order[n_test : n_test + MOST_TRAIN]]
    n_left_out = min(1000, len(train) // 5)
    return Split.of(train[n_left_out:], train[:n_left_out])


def synthetic(data: Path) -> dict:
    """The densities whose log p is known, by name."""
    path = data / "synthetic_densities.py"
    spec = importlib.util.spec_from_file_location("synthetic_densities", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.densities()
