import os

os.environ["SCIPY_ARRAY_API"] = "1"  # before scipy is imported, or an estimator check is skipped
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tensors here are too small for threads
os.environ.setdefault("MPLBACKEND", "Agg")  # figures without a display

import pytest
from sklearn.datasets import make_moons

from skflow import NormalizingFlowDensity
from skflow.flows.families import ANY_ORDER, FAMILIES

# No improvement exceeds ten nats: training stops early, and without a ConvergenceWarning. After
# so few steps the safety net would outweigh the flow, and hide errors of the flow from a test.
QUICK = {
    "n_transforms": 2,
    "hidden_layer_sizes": 8,
    "n_bins": 4,
    "n_estimators": 2,
    "max_iter": 60,
    "tol": 10.0,
    "n_iter_no_change": 3,
    "safety_net": False,
    "random_state": 0,
}


@pytest.fixture
def quick():
    """A factory of estimators that fit in a fraction of a second."""

    def make(**params):
        return NormalizingFlowDensity(**{**QUICK, **params})

    return make


@pytest.fixture(params=list(FAMILIES))
def family(request):
    return request.param


@pytest.fixture(params=[*FAMILIES, ANY_ORDER])
def any_family(request):
    """A family of chains, or the one that has none."""
    return request.param


def _moons(n_rows, seed):
    X, _ = make_moons(n_rows, noise=0.1, random_state=seed)
    X.setflags(write=False)
    return X


@pytest.fixture(scope="session")
def moons():
    """300 samples from two moons, read-only."""
    return _moons(300, seed=0)


@pytest.fixture(scope="session")
def more_moons():
    """400 other samples from the same two moons, read-only."""
    return _moons(400, seed=1)
