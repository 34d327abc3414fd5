"""Integers in one column, calibrated: values have the shares that they have in the samples.

A fitted density of dequantized integers is smooth, and blurs the steps between cells: a frequent
value leaks into rare neighbors, and may double their share. Before everything else, therefore, a
monotone map moves the edges of the cells to where the fitted distribution function, averaged
over the contexts if there are any, has the right values.
"""

import numpy as np
import torch
from torch import Tensor

from skflow.data.weighted_rows import effective_sample_size
from skflow.flows.bijections import Interpolant
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.interval import Interval
from skflow.flows.distributions.inverse_cdf import inverse_cdf
from skflow.preprocessing.dataset import WeightedDataset

_FEW = 5  # values, up to which shares are taken as they are
_HEAVY = 5.0  # samples of a value, from which on it has a cell of its own
_MAX_EDGES = 200
_MAX_EDGE = 2.0**40  # beyond which rounding blurs cells
_UNSEEN = 0.05  # samples that cells without any have at most, if there are few values
_MAX_CONTEXTS, _MIN_CONTEXTS = 50_000, 50  # that the distribution function is averaged over
_MAX_EVALUATIONS = 4000  # of the density in a step of the root search
_MAX_ITER = 40  # of these steps
_MAX_DOUBLINGS = 60  # of a bracket


def calibrate_integers(flow: Flow, data: WeightedDataset) -> Interpolant | None:
    """The map of the only column after which `flow` gives every value its share.

    Declared bounds play no role: they add what little lies beyond to the ends, so that they
    only ever increase a probability.

    Parameters
    ----------
    flow : Flow
        The fitted density, in the user's units.
    data : WeightedDataset
        The samples, with the context that `flow` takes.

    Returns
    -------
    Interpolant or None
        None if no value has enough samples.
    """
    assert data.observed is not None
    n = effective_sample_size(data.weights.numpy())
    values, index = np.unique(data.observed[:, 0], return_inverse=True)
    counts = np.bincount(index, data.weights.numpy())
    counts *= n / counts.sum()
    edges = _edges(values, counts)
    if not len(edges):
        return None
    cdf = _MeanCdf(flow, data, edges)
    shares = np.diff(cdf.at_values, prepend=0.0, append=1.0)
    group = np.searchsorted(edges, values)
    grouped = np.bincount(group, counts, minlength=len(edges) + 1)
    targets = _target_shares(np.maximum(shares, 1e-12), grouped, n, len(values) <= _FEW)
    return _moving(edges, cdf.quantiles(np.cumsum(targets)[:-1]))


def _edges(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Both edges of the cell of every value that has enough samples, in ascending order."""
    heavy = values if len(values) <= _FEW else values[counts >= _HEAVY]
    edges = np.unique(np.concatenate([heavy - 0.5, heavy + 0.5]))
    edges = edges[np.abs(edges) < _MAX_EDGE]
    if len(edges) > _MAX_EDGES:
        edges = edges[np.linspace(0, len(edges) - 1, _MAX_EDGES).round().astype(int)]
    return edges


def _target_shares(shares: np.ndarray, counts: np.ndarray, n: float, few: bool) -> np.ndarray:
    """The shares that groups of values are to have, from those they have, and their counts.

    Those of few values are what they are in the samples, whose number is known only up to a
    factor then: weights have no scale. Of many values, those shares that differ from the
    samples' by more than a standard error are moved there, and the others stay smooth.
    """
    if few:
        targets = np.where(counts > 0, counts / n, np.minimum(shares, _UNSEEN / n))
    else:
        error = np.sqrt(counts + 1)
        targets = np.clip(shares, np.maximum(counts - error, 0) / n, (counts + error) / n)
        targets = np.maximum(targets, np.minimum(shares, _UNSEEN / n))
    return targets / targets.sum()


class _MeanCdf:
    """The distribution function of a density, averaged over the contexts of samples.

    The average of all contexts is computed at few values; elsewhere, it is that of some contexts
    plus the difference between the log-odds of both averages at the nearest of these.
    """

    def __init__(self, flow: Flow, data: WeightedDataset, values: np.ndarray):
        self._flow = flow
        self._values = torch.from_numpy(values)
        self._context: Tensor | None = None
        self._weights = torch.ones(1, dtype=torch.float64)
        self._difference = torch.zeros(len(values), dtype=torch.float64)
        with torch.no_grad():
            if data.context is None:
                self._at_values = self._cdf_and_density(self._values)[0]
                return
            size = max(_MIN_CONTEXTS, _MAX_EVALUATIONS // len(values))
            if len(data) > _MAX_CONTEXTS:
                data = data.take(np.linspace(0, len(data) - 1, _MAX_CONTEXTS).astype(int))
            self._at_values = self._averaged(data)
            self._averaged(data.take(slice(None, None, -(-len(data) // size))))
            some = self._cdf_and_density(self._values)[0]
            self._difference = _logit(self._at_values) - _logit(some)

    def _averaged(self, data: WeightedDataset) -> Tensor:
        """The function at the values, averaged over the contexts of some samples, for later."""
        self._context = data.known_context
        self._weights = data.weights / data.weights.sum()
        return torch.cat([self._cdf_and_density(v)[0] for v in self._values.split(1)])

    @property
    def at_values(self) -> np.ndarray:
        """P(Y ≤ y) at the values, (n,)."""
        return self._at_values.numpy()

    def quantiles(self, levels: np.ndarray) -> np.ndarray:
        """Where the function reaches levels (n,), given that values are near them."""
        level = (_logit(torch.from_numpy(levels)) - self._difference).sigmoid()
        with torch.no_grad():
            low, high = self._bracket(level, -1.0), self._bracket(level, 1.0)
            return inverse_cdf(self._cdf_and_density, level, low, high, _MAX_ITER).numpy()

    def _bracket(self, levels: Tensor, step: float) -> Tensor:
        """Values below (for a negative step) or above the quantiles."""
        y = self._values
        for _ in range(_MAX_DOUBLINGS):
            cdf = self._cdf_and_density(y)[0]
            inside = (cdf > levels) if step < 0 else (cdf < levels)
            if not inside.any():
                break
            y, step = torch.where(inside, y + step, y), 2 * step
        return y

    def _cdf_and_density(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Both (n,), at values (n,), averaged over some contexts."""
        m = len(self._weights)
        rows = y.repeat_interleave(m)
        context = None if self._context is None else self._context.repeat(len(y), 1)
        cdf = self._flow.log_interval(Interval.below(rows), context).exp()
        density = self._flow.log_prob(rows.unsqueeze(1), context).exp()
        return cdf.view(-1, m) @ self._weights, density.view(-1, m) @ self._weights


def _logit(p: Tensor) -> Tensor:
    return torch.logit(p, 1e-15)


def _moving(edges: np.ndarray, images: np.ndarray) -> Interpolant:
    """A smooth increasing map of edges to their images, a shift beyond the outermost ones."""
    images = np.maximum.accumulate(images + 1e-9 * np.arange(len(images)))
    edges = np.concatenate([[edges[0] - 1], edges, [edges[-1] + 1]])
    images = np.concatenate([[images[0] - 1], images, [images[-1] + 1]])
    secants = np.diff(images) / np.diff(edges)
    inner = 2 * secants[1:] * secants[:-1] / (secants[1:] + secants[:-1])
    slopes = np.concatenate([[1.0], inner, [1.0]])
    return Interpolant(*(torch.from_numpy(a)[None] for a in (edges, images, slopes)))
