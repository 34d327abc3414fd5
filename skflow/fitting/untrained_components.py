"""Components of a density that need no training: initial fit, wide t, mixture and kernels."""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from skflow.fitting.defaults import FitConfig
from skflow.fitting.gmm_and_kde import fit_gaussians, fit_kernels
from skflow.fitting.model_selection import SelectedModels
from skflow.flows.bijections import Bijection, Chain, Standardize
from skflow.flows.distributions.distribution import Density
from skflow.flows.distributions.flow import Flow
from skflow.flows.spec import ComponentSpec, bijection_names, make_base
from skflow.preprocessing.dataset import WeightedDataset
from skflow.runtime.deadline import check_time

_WIDE_DF = 2.0  # of the "wide t", whose heavy tails cover what no other component does
_BLOCK = 2048  # samples scored at a time


class ScoredComponent(Protocol):
    """What stacking needs of a component: the scores of samples."""

    def log_prob(self, data: Any, /) -> Tensor:
        """log p of each sample in the user's units, (n,), in nats."""


@dataclass(frozen=True)
class Component:
    """A density, as a component of the mixture, and its specification."""

    flow: Flow
    spec: ComponentSpec

    def log_prob(self, data: WeightedDataset) -> Tensor:
        """log p of each sample in the user's units, (n,), in nats.

        The log-probability of integers if they are the only column.
        """
        with torch.no_grad():
            blocks = []
            for block in data.blocks(_BLOCK):
                check_time()
                blocks.append(self._log_prob(block))
            return torch.cat(blocks)

    def _log_prob(self, data: WeightedDataset) -> Tensor:
        if data.cells is not None:
            return self.flow.log_interval(data.cells, data.context)
        return self.flow.log_prob(data.x, data.context) + data.log_dets


def untrained_components(
    data: WeightedDataset, selected: SelectedModels, config: FitConfig
) -> dict[str, Component]:
    """All components without training, fitted to a data set, by their keys in ``weights_``."""
    check_time()
    marginals = selected.marginals.fit(data.x, data.weights, data.bin_bounds)
    normal_scores = _images(data, marginals)
    initial_fit, d = selected.initial_fit, data.x.shape[1]
    base = make_base(config.base, d, initial_fit.shape.df)
    bijections = [*marginals, *initial_fit.fit(normal_scores)]
    components = {"start": _component(bijections, base, config.base)}
    if not config.safety_net:
        return components
    wide = [*marginals, *initial_fit.fit_wide(normal_scores, _WIDE_DF)]
    components["wide t"] = _component(wide, make_base("t", d, _WIDE_DF), "t")
    whitening = [*marginals, *initial_fit.whiten(normal_scores)]
    z = _images(data, whitening).x
    if selected.mixture is not None:
        components["gaussians"] = _mixture(data, whitening, z, selected)
    if selected.bandwidth is not None:
        kernels = fit_kernels(z, data.weights, selected.bandwidth)
        components["kernels"] = _component(whitening, kernels, "kernels")
    return components


def _images(data: WeightedDataset, bijections: list[Bijection]) -> WeightedDataset:
    """The samples behind bijections."""
    return replace(data, x=Chain(bijections)(data.x, data.context)[0])


def _mixture(
    data: WeightedDataset, whitening: list[Bijection], z: Tensor, selected: SelectedModels
) -> Component:
    """A Gaussian mixture of the whitened samples z, or of standardized ones."""
    assert selected.mixture is not None
    if not selected.mixture_whitened:
        whitening = [Standardize.fit(data.x, data.weights)]
        z, _ = whitening[0](data.x)
    gaussians = fit_gaussians(z, data.weights, selected.mixture, selected.seed)
    return _component(whitening, gaussians, "gaussians")


def _component(bijections: list[Bijection], base: Density, base_name: str) -> Component:
    flow = Flow(Chain(bijections), base).double().requires_grad_(False)
    return Component(flow, ComponentSpec(bijection_names(bijections), False, base_name))
