"""The data sets of the benchmarks, and how they are split.

Most scripts take DATA, a folder that contains a file NAME.npz for each data set, with the samples
in X, and for some in y (targets) or is_outlier (labels); quality.md lists the sources.
synthetic_densities.py in the same folder defines the densities that are known. wine,
breast_cancer, diabetes, iris and digits come with scikit-learn.
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
MAX_TRAIN, MAX_TEST = 5000, 2000


@dataclass(frozen=True)
class Split:
    """Training and test samples."""

    train: np.ndarray
    test: np.ndarray

    @classmethod
    def of(cls, train: np.ndarray, test: np.ndarray) -> "Split":
        """Without the columns that are constant in the training samples."""
        varies = train.std(0) > 0
        return cls(train[:, varies], test[:, varies])


def load(name: str, data: Path) -> np.ndarray:
    """All finite rows of a data set, (n, d)."""
    if name in ("wine", "breast_cancer", "diabetes"):
        return getattr(sklearn.datasets, f"load_{name}")().data.astype(float)
    rows = np.load(data / f"{name}.npz")["X"].astype(float)
    return rows[np.isfinite(rows).all(1)]


def final_split(name: str, data: Path, seed: int) -> Split:
    """Up to 5,000 training samples, and the test samples. Used for the final table only."""
    return Split.of(*_train_and_test(name, data, seed))


def development_split(name: str, data: Path, seed: int) -> Split:
    """The training samples of the final split, of which a fifth is held out: for decisions."""
    train, _ = _train_and_test(name, data, seed)
    n_held_out = min(1000, len(train) // 5)
    return Split.of(train[n_held_out:], train[:n_held_out])


def _train_and_test(name: str, data: Path, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rows = load(name, data)
    order = np.random.default_rng(seed).permutation(len(rows))
    n_test = min(MAX_TEST, len(rows) // 5)
    return rows[order[n_test : n_test + MAX_TRAIN]], rows[order[:n_test]]


def synthetic(data: Path) -> dict:
    """The densities whose log p is known, by name; see `divergence.py` for their interface."""
    path = data / "synthetic_densities.py"
    spec = importlib.util.spec_from_file_location("synthetic_densities", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.densities()
