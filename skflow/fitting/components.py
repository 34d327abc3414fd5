"""The parts of a fitted density that need no training, and how much each part weighs."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.special import logsumexp
from torch import Tensor

from skflow.data.weighted_rows import assign_folds
from skflow.fitting.defaults import FitConfig
from skflow.fitting.gmm_and_kde import (
    MixtureConfig,
    choose_bandwidth,
    choose_mixture_config,
    fit_gaussians,
    fit_kernels,
    have_ties,
)
from skflow.fitting.initial_fit import INITIAL_FITS, InitialFit, choose_initial_fit
from skflow.fitting.stacking import stacking_weights
from skflow.fitting.student_t import DEGREES_OF_FREEDOM
from skflow.flows.bijections import Bijection, Chain, Standardize
from skflow.flows.distributions.distribution import Density
from skflow.flows.distributions.flow import Flow
from skflow.flows.spec import ComponentSpec, bijection_names, make_base
from skflow.preprocessing.dataset import Split, WeightedDataset
from skflow.preprocessing.marginals import MIN_SLOPE, Marginals, choose_marginals

_WIDE_DF = 2.0  # of the t that expects what nothing else does
_PLAIN_DF = (10.0,)  # where nothing hangs on the degrees of freedom
_CHOICE_ROWS = 4000  # on which choices are made
_CHOICE_FOLDS = 5
_MIXTURE_CELLS = 60_000  # rows times columns on which Gaussian mixtures are compared
_BLEND_ROWS = 20_000  # that a split weighs the parts on
_BLOCK = 2048  # rows scored at a time
_MIXTURE_ROWS = 10  # below which Gaussian mixture and kernels are not tried
_MIN_SHARE = {"flow": 0.0, "kernels": 0.05, "wide t": 0.0}  # of a part kept; kernels are slow


@dataclass(frozen=True)
class Component:
    """A density that may become part of the mixture, and its entry in the blueprint."""

    flow: Flow
    spec: ComponentSpec


@dataclass(frozen=True)
class SelectedModels:
    """What all rows decide together; everything else is fitted per split.

    `mixture` is the shape of the Gaussian mixture, in whitened space or
    in standardised units, `bandwidth` of the kernels in whitened space; None leaves the part
    out.
    """

    marginals: Marginals
    start: InitialFit
    mixture: MixtureConfig | None = None
    mixture_whitened: bool = True
    bandwidth: float | None = None
    seed: int = 0


def choose(table: WeightedDataset, config: FitConfig, rng: np.random.Generator) -> SelectedModels:
    """Choose by the likelihood of left-out rows, on a bounded number of them."""
    n = len(table.x)
    if n == 1:
        return SelectedModels(Marginals("standardize"), INITIAL_FITS[config.context]())
    some = table.take(rng.permutation(n)[:_CHOICE_ROWS])
    folds = assign_folds(len(some.x), min(_CHOICE_FOLDS, n), rng)
    seed = int(rng.integers(2**31))
    marginals, start = _choose_start(some, folds, config)
    if not config.mixtures or n < _MIXTURE_ROWS:
        return SelectedModels(marginals, start, seed=seed)
    held_out = torch.from_numpy(folds == 0)
    bijections = _bijections(some, marginals, start)
    z, log_det = Chain(bijections)(some.x)
    plain, plain_log_det = Standardize.fit(some.x, some.w)(some.x)
    few = torch.arange(len(some.x)) < max(_MIXTURE_ROWS, _MIXTURE_CELLS // some.x.shape[1])
    ties = have_ties(some.x)
    whitened = choose_mixture_config(z[few], some.w[few], held_out[few], ties, seed)
    standardized = choose_mixture_config(plain[few], some.w[few], held_out[few], ties, seed)
    gain = whitened.score - standardized.score
    gain += some.mean(log_det - plain_log_det, held_out & few)
    return SelectedModels(
        marginals,
        start,
        whitened if gain > 0 else standardized,
        gain > 0,
        choose_bandwidth(z, some.w, held_out),
        seed,
    )


def choose_context_transform(
    table: WeightedDataset, config: FitConfig, rng: np.random.Generator
) -> Chain:
    """What a context of numbers goes through: units, and powers where left-out rows ask for it."""
    if config.context != "numbers":
        return Chain()
    input_transform = Standardize.fit(table.context, table.w)
    c, _ = input_transform(table.context)
    candidates = [
        Chain([input_transform, *Marginals(kind, (), MIN_SLOPE).fit(c, table.w)])
        for kind in config.marginals
        if kind != "kernel"
    ]
    if len(candidates) == 1 or len(c) == 1:
        return candidates[0]
    some = table.take(rng.permutation(len(c))[:_CHOICE_ROWS])
    folds = assign_folds(len(some.x), min(_CHOICE_FOLDS, len(some.x)), rng)
    starts = [choose_initial_fit("numbers", some.through(g), folds, _PLAIN_DF) for g in candidates]
    return candidates[int(np.argmax([start.shape.score for start in starts]))]


def untrained_components(
    table: WeightedDataset, selected: SelectedModels, config: FitConfig
) -> dict[str, Component]:
    """What needs no training, fitted to the table: the start, and the safety net."""
    bijections = _bijections(table, selected.marginals, selected.start)
    z, _ = Chain(bijections)(table.x, table.c)
    d = table.x.shape[1]
    start = make_base(config.base, d, selected.start.shape.df)
    components = {"start": _component(bijections, start, config.base)}
    if not config.safety_net:
        return components
    components["wide t"] = _component(bijections, make_base("t", d, _WIDE_DF), "t")
    if selected.mixture is not None:
        at: list[Bijection] = bijections
        rows = z
        if not selected.mixture_whitened:
            at = [Standardize.fit(table.x, table.w)]
            rows, _ = at[0](table.x)
        gaussians = fit_gaussians(rows, table.w, selected.mixture, selected.seed)
        components["gaussians"] = _component(at, gaussians, "gaussians")
    if selected.bandwidth is not None:
        kernels = fit_kernels(z, table.w, selected.bandwidth)
        components["kernels"] = _component(bijections, kernels, "kernels")
    return components


@dataclass(frozen=True)
class HeldOutScores:
    """Scores (n, parts) of rows under parts that were fitted without them, weights (n,).

    In the user's units.
    """

    names: list[str]
    scores: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(
        cls,
        flows: list[Component],
        untrained: list[dict[str, Component]],
        splits: list[Split],
        table: WeightedDataset,
    ) -> "HeldOutScores":
        """Every split's left-out rows."""
        scores, weights = [], []
        for flow, others, split in zip(flows, untrained, splits, strict=True):
            rows = table.take(split.held_out[:_BLEND_ROWS])
            candidates = [flow, *others.values()]
            log_probs = torch.stack([_log_prob(c.flow, rows) for c in candidates], dim=1)
            scores.append(log_probs + rows.volume.unsqueeze(1))
            weights.append(rows.w)
        return cls(["flow", *untrained[0]], torch.cat(scores).numpy(), torch.cat(weights).numpy())

    def blended(self, shares: dict[str, float]) -> np.ndarray:
        """Log-likelihoods (n,) under the parts by their shares."""
        with np.errstate(divide="ignore"):
            log_shares = np.log([shares.get(name, 0.0) for name in self.names])
        return logsumexp(self.scores + log_shares, axis=1)


def component_weights(held_out_scores: HeldOutScores) -> dict[str, float]:
    """Weights of the parts, from rows under what was fitted without them."""
    w = held_out_scores.weights / held_out_scores.weights.mean()
    shares = stacking_weights(held_out_scores.scores, w, net=held_out_scores.names.index("wide t"))
    if not np.isfinite(shares).all():
        raise FloatingPointError(
            "The log-likelihood of left-out rows is not a number under some part of the "
            "density; where flow= is your own function, check its log-determinants."
        )
    least = np.array([_MIN_SHARE.get(name, 1e-3) for name in held_out_scores.names])
    shares = np.where(shares < least, 0.0, shares)
    shares /= shares.sum()
    kept = zip(held_out_scores.names, shares, strict=True)
    return {name: float(share) for name, share in kept if share > 0 or name == "flow"}


def _choose_start(
    some: WeightedDataset, folds: np.ndarray, config: FitConfig
) -> tuple[Marginals, InitialFit]:
    """Marginals and what comes behind them, by the left-out log-likelihood of the start."""
    df = DEGREES_OF_FREEDOM[-1:] if config.base == "normal" else DEGREES_OF_FREEDOM
    starts, scores = [], []
    slope = MIN_SLOPE if config.context == "numbers" else 0.0
    for marginals in choose_marginals(config.marginals, some, folds, slope):
        z, log_det = Chain(marginals.fit(some.x, some.w, some.cells))(some.x)
        start = choose_initial_fit(config.context, replace(some, x=z), folds, df)
        starts.append((marginals, start))
        scores.append(start.merit(some.mean(log_det)))
    return starts[int(np.argmax(scores))]


def _log_prob(flow: Flow, table: WeightedDataset) -> Tensor:
    with torch.no_grad():
        return torch.cat([flow.log_prob(block.x, block.c) for block in table.blocks(_BLOCK)])


def _bijections(
    table: WeightedDataset, marginals: Marginals, start: InitialFit
) -> list[Bijection]:
    """Marginals, and behind them what leaves a standard t."""
    bijections = marginals.fit(table.x, table.w, table.cells)
    z, _ = Chain(bijections)(table.x)
    return [*bijections, *start.fit(replace(table, x=z))]


def _component(bijections: list[Bijection], base: Density, name: str) -> Component:
    flow = Flow(Chain(bijections), base).double().requires_grad_(False)
    return Component(flow, ComponentSpec(bijection_names(bijections), False, name))
