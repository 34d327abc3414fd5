"""Components of a density that need no training: initial fit, wide t, mixture and kernels."""

from dataclasses import dataclass

import torch
from torch import Tensor

from skflow.fitting.defaults import FitConfig
from skflow.fitting.gmm_and_kde import fit_gaussians, fit_kernels
from skflow.fitting.initial_fit import fit_bijections
from skflow.fitting.model_selection import SelectedModels
from skflow.flows.bijections import Bijection, Chain, Standardize
from skflow.flows.distributions.distribution import Density
from skflow.flows.distributions.flow import Flow
from skflow.flows.spec import ComponentSpec, bijection_names, make_base
from skflow.preprocessing.dataset import WeightedDataset
from skflow.runtime.deadline import check_time

_WIDE_DF = 2.0  # of the "wide t", whose heavy tails cover what no other component does
_BLOCK = 2048  # samples scored at a time


@dataclass(frozen=True)
class Component:
    """A density, as a component of the mixture, and its specification."""

    flow: Flow
    spec: ComponentSpec

    def log_prob(self, data: WeightedDataset) -> Tensor:
        """log p of each sample, (n,), in nats."""
        with torch.no_grad():
            blocks = []
            for block in data.blocks(_BLOCK):
                check_time()
                blocks.append(self.flow.log_prob(block.x, block.context))
            return torch.cat(blocks)


def untrained_components(
    data: WeightedDataset, selected: SelectedModels, config: FitConfig
) -> dict[str, Component]:
    """All components without training, fitted to a data set, by their keys in ``weights_``."""
    check_time()
    bijections = fit_bijections(data, selected.marginals, selected.initial_fit)
    z, _ = Chain(bijections)(data.x, data.context)
    d = data.x.shape[1]
    base = make_base(config.base, d, selected.initial_fit.shape.df)
    components = {"start": _component(bijections, base, config.base)}
    if not config.safety_net:
        return components
    components["wide t"] = _component(bijections, make_base("t", d, _WIDE_DF), "t")
    if selected.mixture is not None:
        components["gaussians"] = _mixture(data, bijections, z, selected)
    if selected.bandwidth is not None:
        kernels = fit_kernels(z, data.weights, selected.bandwidth)
        components["kernels"] = _component(bijections, kernels, "kernels")
    return components


def _mixture(
    data: WeightedDataset, bijections: list[Bijection], z: Tensor, selected: SelectedModels
) -> Component:
    """A Gaussian mixture of the whitened samples z, or of standardized ones."""
    assert selected.mixture is not None
    if not selected.mixture_whitened:
        bijections = [Standardize.fit(data.x, data.weights)]
        z, _ = bijections[0](data.x)
    gaussians = fit_gaussians(z, data.weights, selected.mixture, selected.seed)
    return _component(bijections, gaussians, "gaussians")


def _component(bijections: list[Bijection], base: Density, base_name: str) -> Component:
    flow = Flow(Chain(bijections), base).double().requires_grad_(False)
    return Component(flow, ComponentSpec(bijection_names(bijections), False, base_name))
