"""The integral of a density over one column: a sum over its states, an integral over the rest."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp

from skflow.testing.estimator_interface import log_p
from skflow.testing.measure import on_continuum

_FINEST, _FARTHEST = 1e-3, 1e4  # in standard deviations of the column
_N_NODES = 221  # on each side of a value
_N_DENSE = 100  # steps of a lattice on each side of a value that are summed one by one
_LARGEST = 300.0  # logarithm of a distance to a bound


class ColumnIntegral(NamedTuple):
    """log ∫ p(x) dx_j for each row (n,), and its numerical error, both in nats."""

    value: np.ndarray
    error: np.ndarray


def integral_over_column(density: Any, rows: np.ndarray, j: int, support: Any) -> ColumnIntegral:
    """log ∫ p(x) dx_j of rows (n, d), whose other cells are kept.

    The nodes are dense around a row's own value, and the denser the nearer: there most of p is
    if the rows are typical of it. The error is the change if every other node is left out.
    """
    nodes = _nodes(rows[:, j], support)
    n, m = nodes.values.shape
    points = np.repeat(rows, m, axis=0)
    points[:, j] = nodes.values.ravel()
    scores = log_p(density, points).reshape(n, m)
    with np.errstate(invalid="ignore"):
        fine, coarse = (
            logsumexp(scores, b=weights, axis=1) for weights in (nodes.weights, nodes.coarse)
        )
        return ColumnIntegral(fine, np.abs(fine - coarse))


class _Nodes(NamedTuple):
    """Values (n, m), their weights, and those of a rule with about half of them."""

    values: np.ndarray
    weights: np.ndarray
    coarse: np.ndarray


def _nodes(values: np.ndarray, support: Any) -> _Nodes:
    states = np.tile(support.states, (len(values), 1))
    of_states = _Nodes(states, np.ones_like(states), np.ones_like(states))
    if support.is_discrete:
        return of_states if support.states else _of_lattice(values, support)
    nodes = _of_continuum(values, support)
    return _Nodes(*(np.hstack(pair) for pair in zip(of_states, nodes, strict=True)))


def _of_continuum(values: np.ndarray, support: Any) -> _Nodes:
    """Nodes that are spaced as arithmetically as a sinh, in terms of an unbounded variable."""
    is_number = on_continuum(values, support)
    if not is_number.any():
        raise ValueError("No row has a number in the column.")
    u = _unbounded(np.where(is_number, values, np.median(values[is_number])), support)
    is_bounded = support.low is not None or support.high is not None
    scale = max(u[is_number].std(), 1.0 if is_bounded else 0.0) or 1.0
    offsets = scale * _FINEST * np.sinh(_both_sides(np.arcsinh(_FARTHEST / _FINEST)))
    nodes = u[:, None] + offsets
    if support.kind == "circular":
        nodes = u[:, None] + offsets.clip(-support.period / 2, support.period / 2)
    elif is_bounded:
        nodes = nodes.clip(-_LARGEST, _LARGEST)
    x, slope = _bounded(nodes, support)
    trapezoid, coarse = _trapezoid(nodes), _every_other(nodes)
    return _Nodes(x, slope * (4 * trapezoid - coarse) / 3, slope * coarse)  # Simpson's rule


def _of_lattice(values: np.ndarray, support: Any) -> _Nodes:
    """Points one by one near a value, and in steps that grow with the distance far away."""
    lattice = support.lattice
    scale = max(values.std() / support.step, 1.0)
    far = np.geomspace(_N_DENSE, _N_DENSE + _FARTHEST * scale, _N_NODES)
    offsets = np.unique(np.round(np.concatenate([np.arange(_N_DENSE), far])))
    offsets = np.concatenate([-offsets[:0:-1], offsets])
    ends = (lattice.indices(np.array(end)) for end in (support.lower, support.upper))
    indices = (lattice.indices(values)[:, None] + offsets).clip(*ends)
    is_dense = np.abs(offsets) < _N_DENSE
    kept = is_dense | (np.arange(len(offsets)) % 2 == 0)
    coarse = np.zeros(indices.shape)
    coarse[:, kept] = _sum_rule(indices[:, kept])
    return _Nodes(lattice.points(indices), _sum_rule(indices), coarse)


def _both_sides(end: float) -> np.ndarray:
    return np.linspace(-end, end, 2 * _N_NODES - 1)


def _trapezoid(nodes: np.ndarray) -> np.ndarray:
    gaps = np.diff(nodes, axis=1) / 2
    return np.pad(gaps, [(0, 0), (1, 0)]) + np.pad(gaps, [(0, 0), (0, 1)])


def _every_other(nodes: np.ndarray) -> np.ndarray:
    weights = np.zeros_like(nodes)
    weights[:, ::2] = _trapezoid(nodes[:, ::2])
    return weights


def _sum_rule(indices: np.ndarray) -> np.ndarray:
    """Weights with which a sum over some points is that over all between them."""
    weights = _trapezoid(indices)
    weights[:, 0] += 0.5
    weights[:, -1] += 0.5
    return weights


def _unbounded(x: np.ndarray, support: Any) -> np.ndarray:
    """Numbers within bounds as numbers without."""
    low, high = (support.low, support.high) if support.kind == "real" else (None, None)
    if low is not None and high is not None:
        return np.log(x - low) - np.log(high - x)
    if low is not None:
        return np.log(x - low)
    return x if high is None else -np.log(high - x)


def _bounded(u: np.ndarray, support: Any) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of `_unbounded`, and its slope."""
    low, high = (support.low, support.high) if support.kind == "real" else (None, None)
    if low is not None and high is not None:
        share = 0.5 * (1 + np.tanh(u / 2))
        return low + (high - low) * share, (high - low) * share * (1 - share)
    if low is not None:
        return low + np.exp(u), np.exp(u)
    if high is not None:
        return high - np.exp(-u), np.exp(-u)
    return u, np.ones_like(u)
