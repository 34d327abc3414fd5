"""Seeds: the same numbers for the same one, and nobody else's generator."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from skflow.testing.assertions import mean_gap, require
from skflow.testing.estimator_interface import (
    can_sample,
    draw,
    fitted,
    is_seeded,
    log_p,
    needs_sample,
)


def check_density_same_seed_same_fit(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """Two fits with the same random_state are equal."""
    gap = mean_gap(log_p(fitted(estimator, X, seed), X), log_p(fitted(estimator, X, seed), X))
    require(
        gap == 0,
        f"two fits with the same random_state differ by {gap:.3g} nats a row",
        "the same log p",
        "a generator that random_state does not seed; or no random_state in a fit by chance",
    )


def check_density_same_seed_same_samples(density: Any, X: np.ndarray, seed: int = 0) -> None:
    """The same random_state gives the same draws, another gives others."""
    needs_sample(density)
    require(
        is_seeded(density),
        "neither sample nor the estimator takes a random_state",
        "a random_state, so that draws can be repeated",
        "draws from a generator that nobody can seed",
    )
    first, again, other = (draw(density, 20, s) for s in (seed, seed, seed + 1))
    require(
        np.array_equal(first, again),
        f"{(first != again).any(axis=1).sum()} of 20 draws with the same random_state differ",
        "the same draws",
        "random_state ignored, or a generator that goes on from call to call",
    )
    require(
        not (first == other).all(axis=1).any(),
        f"{(first == other).all(axis=1).sum()} of 20 draws are the same for another random_state",
        "other draws",
        "random_state ignored in favour of a fixed seed",
    )


def check_density_leaves_global_state_alone(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """fit, score_samples and sample change no global generator or setting."""
    before = _global_state()
    with _restored(before):
        _fit_score_and_draw(estimator, X, seed)
        after = _global_state()
    changed = [name for name in before if not _equal(before[name], after.get(name))]
    require(
        not changed,
        f"fit, score_samples or sample changed {' and '.join(changed)}",
        "nothing global changed",
        "np.random.* or torch.manual_seed in place of a generator of one's own",
    )


def check_density_ignores_global_state(estimator: Any, X: np.ndarray, seed: int = 0) -> None:
    """With random_state set, global generators do not change fits and draws."""
    results = []
    with _restored(_global_state()):
        for global_seed in (1, 2):
            _seed_globally(global_seed)
            results.append(_fit_score_and_draw(estimator, X, seed))
    (scores, draws), (other_scores, other_draws) = results
    gap = mean_gap(scores, other_scores)
    same = np.array_equal(draws, other_draws)
    require(
        gap == 0 and same,
        f"after another np.random.seed, log p differs by {gap:.3g} nats a row, and draws with a "
        f"set random_state {'do not' if same else 'do'}",
        "the same log p, and the same draws",
        "np.random.* or torch's global generator in place of a generator of one's own",
    )


def _fit_score_and_draw(estimator: Any, X: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    density = fitted(estimator, X, seed)
    draws = draw(density, 5, seed) if can_sample(density) else np.empty(0)
    return log_p(density, X), draws


def _global_state() -> dict[str, Any]:
    """Generators and settings; those of torch where somebody has imported it."""
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


def _seed_globally(seed: int) -> None:
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, tuple):
        return all(map(_equal, first, second))
    return np.array_equal(np.asarray(first), np.asarray(second))
