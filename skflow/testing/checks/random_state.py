"""Results must be reproducible by a seed, and independent of global random state."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from skflow.testing.assertions import mean_abs_difference, require
from skflow.testing.estimator_interface import (
    accepts_random_state,
    can_sample,
    draw_samples,
    fit_clone,
    log_p,
    skip_without_sample,
)
from skflow.testing.measure import Measure

_N_STATES = 500  # samples of states, of which some may be equal


def check_density_same_seed_same_fit(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """Two fits with the same random_state are equal."""
    difference = mean_abs_difference(
        log_p(fit_clone(estimator, X, seed), X), log_p(fit_clone(estimator, X, seed), X)
    )
    require(
        difference == 0,
        f"two fits with the same random_state differ by {difference:.3g} nats per sample",
        "the same log p",
        "a generator that random_state does not seed, or a random fit without random_state",
    )


def check_density_same_seed_same_samples(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """The same random_state gives the same samples, and another one different samples."""
    skip_without_sample(density)
    require(
        accepts_random_state(density),
        "neither sample nor the estimator has a parameter random_state",
        "a random_state, so that samples are reproducible",
        "samples from a generator that cannot be seeded",
    )
    first, again, other = (draw_samples(density, 20, s) for s in (seed, seed, seed + 1))
    require(
        np.array_equal(first, again),
        f"{(first != again).any(axis=1).sum()} of 20 samples with the same random_state differ",
        "the same samples",
        "random_state ignored, or a generator whose state persists between calls",
    )
    same = (first == other).all(axis=1)
    if not Measure.of(density, X.shape[1]).is_continuous(first).any(axis=1).all():
        first, other = (draw_samples(density, _N_STATES, s) for s in (seed, seed + 1))
        is_one_state = len(np.unique(first, axis=0)) == 1
        same = np.repeat(np.array_equal(first, other) and not is_one_state, len(first))
    require(
        not same.any(),
        f"{same.sum()} of {len(first)} samples are equal for another random_state",
        "different samples",
        "random_state ignored in favor of a fixed seed",
    )


def check_density_leaves_global_state_alone(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """fit, score_samples and sample change no global generator or setting."""
    before = _global_state()
    with _restored(before):
        _fit_score_sample(estimator, X, seed)
        after = _global_state()
    changed = [name for name in before if not _equal(before[name], after.get(name))]
    require(
        not changed,
        f"fit, score_samples or sample changed {' and '.join(changed)}",
        "unchanged global state",
        "np.random.* or torch.manual_seed instead of a local generator",
    )


def check_density_ignores_global_state(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """With random_state set, fits and samples do not depend on global generators."""
    results = []
    with _restored(_global_state()):
        for global_seed in (1, 2):
            _seed_global_generators(global_seed)
            results.append(_fit_score_sample(estimator, X, seed))
    (scores, samples), (other_scores, other_samples) = results
    difference = mean_abs_difference(scores, other_scores)
    same = np.array_equal(samples, other_samples)
    require(
        difference == 0 and same,
        f"with another np.random.seed, log p differs by {difference:.3g} nats per sample, and "
        f"samples with random_state set {'do not' if same else 'do'}",
        "the same log p, and the same samples",
        "np.random.* or the global generator of torch instead of a local generator",
    )


def _fit_score_sample(estimator: Any, X: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    density = fit_clone(estimator, X, seed)
    samples = draw_samples(density, 5, seed) if can_sample(density) else np.empty(0)
    return log_p(density, X), samples


def _global_state() -> dict[str, Any]:
    """Generators and settings; those of torch only if it has been imported."""
    state = {
        "NumPy's global generator": np.random.get_state(),  # noqa: NPY002
        "Python's global generator": random.getstate(),
        "np.seterr": np.geterr(),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        state["torch's global generator"] = torch.get_rng_state()
        state["torch's default dtype"] = torch.get_default_dtype()
        state["torch's number of threads"] = torch.get_num_threads()
    return state


@contextmanager
def _restored(state: dict[str, Any]) -> Iterator[None]:
    try:
        yield
    finally:
        np.random.set_state(state["NumPy's global generator"])  # noqa: NPY002
        random.setstate(state["Python's global generator"])
        np.seterr(**state["np.seterr"])
        torch = sys.modules.get("torch")
        if torch is not None and "torch's global generator" in state:
            torch.set_rng_state(state["torch's global generator"])
            torch.set_default_dtype(state["torch's default dtype"])
            torch.set_num_threads(state["torch's number of threads"])


def _seed_global_generators(seed: int) -> None:
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, tuple):
        return all(map(_equal, first, second))
    return np.array_equal(np.asarray(first), np.asarray(second))
