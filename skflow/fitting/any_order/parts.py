"""The parts of an any-order density that need no training: start, wide t and mixture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from skflow.fitting.any_order.elliptical_em import (
    EllipticalMixture,
    IncompleteSamples,
    Regularization,
    fit_by_em,
    positive_definite,
    state_shares,
)
from skflow.fitting.defaults import FitConfig
from skflow.fitting.gmm_and_kde import fit_gaussians
from skflow.fitting.model_selection import SelectedModels
from skflow.flows.any_order.columns import Columns
from skflow.flows.any_order.elliptical import Elliptical
from skflow.flows.any_order.links import Links
from skflow.flows.any_order.part import Part
from skflow.flows.bijections import Bijection, Chain, Standardize, Whiten
from skflow.preprocessing.dataset import WeightedDataset
from skflow.runtime.deadline import check_time

_WIDE_DF = 2.0  # of the "wide t", whose heavy tails cover what no other part does
_GAUSSIAN = 1e4  # degrees of freedom of a normal distribution for all purposes
_BLOCK = 1024  # samples scored at a time
_MAX_WORK = 2e9  # of EM, in samples times components times columns cubed


@dataclass(frozen=True)
class PartComponent:
    """A part, as a component of the mixture."""

    part: Part

    def log_prob(self, samples: "AnyOrderSamples") -> Tensor:
        """log p of each sample, (n,), in nats."""
        with torch.no_grad():
            blocks = []
            for block in samples.data.blocks(_BLOCK):
                check_time()
                nothing = torch.zeros_like(block.x, dtype=torch.bool)
                blocks.append(self.part.log_probs(block.x, nothing, block.context).rest)
            return torch.cat(blocks)


@dataclass(frozen=True)
class AnyOrderSamples:
    """Samples as they are, and completed ones in standardized units.

    Parameters
    ----------
    data : WeightedDataset
        In the user's units, with NaN for missing cells.
    completed : WeightedDataset
        As in `CompletedSamples`.
    columns : Columns
    bijections : list of Bijection
        From the user's units to the standardized ones.
    orders : Tensor of int, shape (n_orders, d)
    """

    data: WeightedDataset
    completed: WeightedDataset
    columns: Columns
    bijections: list[Bijection]
    orders: Tensor

    def __len__(self) -> int:
        return len(self.data)

    @property
    def weights(self) -> Tensor:
        """Weights of the samples, (n,)."""
        return self.data.weights

    @property
    def context(self) -> Tensor | None:
        """The context of the samples."""
        return self.data.context

    @property
    def known_context(self) -> Tensor:
        """The context of a conditional density."""
        return self.data.known_context

    @property
    def log_dets(self) -> Tensor:
        """0 for each sample, whose values are in the user's units."""
        return torch.zeros_like(self.weights)

    def take(self, index: np.ndarray | Tensor | slice) -> "AnyOrderSamples":
        """Some of the samples."""
        return replace(self, data=self.data.take(index), completed=self.completed.take(index))

    def incomplete(self, links: Links) -> IncompleteSamples:
        """Latent values, states, and which of them are known."""
        cells = self.columns.split(self.data.x, links, self.data.context)
        has_continuum = torch.tensor(self.columns.has_continuum)
        return IncompleteSamples(
            torch.stack([column.u for column in cells.columns], dim=1),
            cells.on_continuum & has_continuum,
            torch.stack([column.state for column in cells.columns], dim=1),
            cells.observed,
            self.data.weights,
        )


def untrained_parts(
    samples: AnyOrderSamples, selected: SelectedModels, config: FitConfig
) -> dict[str, PartComponent]:
    """All parts without training, fitted to samples, by their keys in ``weights_``."""
    check_time()
    completed, initial_fit = samples.completed, selected.initial_fit
    marginals = selected.marginals.fit(completed.x, completed.weights, completed.bin_bounds)
    scores = _images(completed, marginals)
    shape = initial_fit.shape
    shrinkage = Regularization(max(shape.shrinkage, 1e-8))
    df = shape.df if config.base == "t" else _GAUSSIAN
    start = [*marginals, *initial_fit.fit(scores)]
    parts = {"start": _elliptical(samples, start, df, shrinkage)}
    if not config.safety_net:
        return parts
    wide = [*marginals, *initial_fit.fit_wide(scores, _WIDE_DF)]
    parts["wide t"] = _elliptical(samples, wide, _WIDE_DF, shrinkage)
    if selected.mixture is not None:
        whitening = [*marginals, *initial_fit.whiten(scores)]
        parts["gaussians"] = _gaussians(samples, whitening, selected)
    return parts


def _images(data: WeightedDataset, bijections: Sequence[Bijection]) -> WeightedDataset:
    """The samples behind bijections."""
    return replace(data, x=Chain(bijections)(data.x, data.context)[0])


def _elliptical(
    samples: AnyOrderSamples,
    bijections: Sequence[Bijection],
    df: float,
    regularization: Regularization,
) -> PartComponent:
    """A Student t behind links; bijections are links and, as the last one, what whitens."""
    *links, whiten = bijections
    assert isinstance(whiten, Whiten)
    scatter = whiten.factor @ whiten.factor.mT
    return _fitted(
        samples,
        links,
        whiten.loc.unsqueeze(0),
        scatter.unsqueeze(0),
        torch.zeros(1, dtype=scatter.dtype),
        df,
        regularization,
    )


def _gaussians(
    samples: AnyOrderSamples, whitening: Sequence[Bijection], selected: SelectedModels
) -> PartComponent:
    """A Gaussian mixture of the whitened samples, or of standardized ones."""
    assert selected.mixture is not None
    completed, config = samples.completed, selected.mixture
    if not selected.mixture_whitened:
        whitening = [Standardize.fit(completed.x, completed.weights)]
    z = _images(completed, whitening).x
    gaussians = fit_gaussians(z, completed.weights, config, selected.seed)
    loc, factor = gaussians.means, gaussians.factors
    links = list(whitening)
    added = config.regularization
    if selected.mixture_whitened:
        whiten = links.pop()
        assert isinstance(whiten, Whiten)
        loc, factor = whiten.loc + loc @ whiten.factor.mT, whiten.factor @ factor
        added *= float((whiten.factor @ whiten.factor.mT).diagonal().amin())
    regularization = Regularization(1e-6, added)
    scatter = factor @ factor.mT
    return _fitted(samples, links, loc, scatter, gaussians.log_weights, _GAUSSIAN, regularization)


def _fitted(
    samples: AnyOrderSamples,
    bijections: Sequence[Bijection],
    loc: Tensor,
    scatter: Tensor,
    log_weights: Tensor,
    df: float,
    regularization: Regularization,
) -> PartComponent:
    """An elliptical part; where samples have holes or states, EM refines it."""
    columns = samples.columns
    links = Links([*samples.bijections, *bijections], len(columns))
    incomplete, possible = samples.incomplete(links), columns.is_possible
    shares = state_shares(incomplete, possible).unsqueeze(0).repeat(len(loc), 1, 1)
    model = EllipticalMixture(log_weights, loc, positive_definite(scatter), df, shares)
    if not bool(incomplete.known.all()):
        few = incomplete.take(slice(int(max(200, _MAX_WORK / (len(loc) * loc.shape[1] ** 3)))))
        model = fit_by_em(few, model, possible, regularization)
    part = Elliptical(
        columns,
        links,
        samples.orders if any(columns.is_lattice) else samples.orders[:1],
        model.log_weights,
        model.loc,
        model.scatter,
        torch.tensor(df, dtype=loc.dtype),
        model.log_states,
    )
    return PartComponent(part.double().eval().requires_grad_(False))
