"""From a weighted set of rows to a fitted density."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Generator, Tensor

from skflow.data.weighted_rows import assign_folds
from skflow.fitting.components import (
    Component,
    HeldOutScores,
    SelectedModels,
    choose,
    choose_context_transform,
    component_weights,
    untrained_components,
)
from skflow.fitting.defaults import FitConfig
from skflow.fitting.ensemble import EnsembleTrainer, History, Monitor, WarmStart, new_ensemble
from skflow.fitting.streaming import StreamedDataset
from skflow.flows.bijections import Bijection, Chain, Standardize
from skflow.flows.distributions.constrained import ConstrainedDensity
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.mixture import Mixture
from skflow.flows.spec import DensitySpec, bijection_names
from skflow.preprocessing.dataset import Split, WeightedDataset
from skflow.preprocessing.supports import DequantizedRows
from skflow.runtime.device import scoring_dtype
from skflow.runtime.processes import SINGLE_PROCESS, ProcessGroup


@dataclass(frozen=True)
class FitResult:
    """A density, what it takes to rebuild it, the weights of its parts, and its history.

    `held_out_scores` has scores and weights of rows under what was fitted without them.
    """

    density: Flow | ConstrainedDensity
    spec: DensitySpec
    weights: dict[str, float]
    history: History
    held_out_scores: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True)
class FitPlan:
    """What is settled before training: `untrained` has what needs none, fitted to each split."""

    selected: SelectedModels
    splits: list[Split]
    untrained: list[dict[str, Component]]
    seed: int


def fit_density(
    rows: DequantizedRows,
    config: FitConfig,
    seed: int,
    device: torch.device,
    monitor: Monitor | None = None,
    warm_start: WarmStart | None = None,
    processes: ProcessGroup = SINGLE_PROCESS,
    streamed: StreamedDataset | None = None,
) -> FitResult:
    """Fit the members, and the safety net under them.

    Parameters
    ----------
    rows : DequantizedRows
        A merged set of rows in the user's units, made real numbers; weights with mean 1.
    recipe : FitConfig
        All settings.
    seed : int
        Fixes every random number.
    device : torch.device
        Where training runs.
    supervision : Supervision, optional
        Who looks on while members are trained, and when they are to stop.
    earlier : Earlier, optional
        A fit to go on from.
    team : Team, default=SINGLE_PROCESS
        Processes that fit together, and have the same rows.
    long : StreamedDataset, optional
        Where training goes over more rows than these.

    Returns
    -------
    FitResult
    """
    with torch.inference_mode(False), torch.enable_grad():  # whatever the caller is in
        return _fit(
            rows, config, seed, device, monitor or Monitor(), warm_start, processes, streamed
        )


def _fit(
    rows: DequantizedRows,
    config: FitConfig,
    seed: int,
    device: torch.device,
    monitor: Monitor,
    warm_start: WarmStart | None,
    processes: ProcessGroup,
    streamed: StreamedDataset | None,
) -> FitResult:
    rng = np.random.default_rng(seed)  # of the first process: it makes all choices
    x, w = torch.from_numpy(rows.rows), torch.from_numpy(rows.weights)
    of_all = (
        None if streamed is None else streamed.input_transform(processes)
    )  # checks all rows, too

    def choose_units() -> Chain:
        if warm_start is not None:
            return warm_start.input_transform()
        return _fit_units(rows.bijections, x, w) if of_all is None else of_all

    input_transform = processes.broadcast(choose_units)
    x, log_det = input_transform(x)
    context = None if rows.context is None else torch.from_numpy(rows.context)
    cells = None if rows.cells is None else input_transform(rows.cells)[0]
    table = WeightedDataset(x, w, context, log_det, cells)
    context_transform = processes.broadcast(
        lambda: (
            choose_context_transform(table, config, rng)
            if warm_start is None
            else warm_start.context_transform()
        )
    )
    table = table.through(context_transform)
    plan = processes.broadcast(lambda: _plan(table, config, rng))
    generator = Generator().manual_seed(plan.seed)
    if warm_start is None:
        starts = [untrained["start"] for untrained in plan.untrained]
        members = new_ensemble(starts, plan.selected, config, generator)
    else:
        members = warm_start.members(config.flow, len(plan.splits))
    training = EnsembleTrainer(members, plan.splits, table, config, generator, device, processes)
    if streamed is not None:
        fixed = [member.fixed for member in members]
        training.go_over(streamed.stream(input_transform, fixed, plan.splits, device, processes))
    history = training.run(monitor)
    components, shares, held_out_scores = processes.broadcast(
        lambda: _weighed(training.components(), plan, table, config)
    )
    continuous, spec = _assemble(components, shares, input_transform, context_transform, config)
    density = rows.settle(continuous)
    spec = replace(spec, constrained=density is not continuous)
    density = density.to(device, scoring_dtype(device))
    return FitResult(density, spec, shares, processes.broadcast(lambda: history), held_out_scores)


def _plan(table: WeightedDataset, config: FitConfig, rng: np.random.Generator) -> FitPlan:
    selected = choose(table, config, rng)
    splits = deal_splits(len(table.x), config, rng)
    untrained = [
        untrained_components(table.take(split.seen), selected, config) for split in splits
    ]
    return FitPlan(selected, splits, untrained, int(rng.integers(2**31)))


def _weighed(
    flows: list[Component], plan: FitPlan, table: WeightedDataset, config: FitConfig
) -> tuple[dict[str, list[Component]], dict[str, float], tuple[np.ndarray, np.ndarray] | None]:
    """All pieces by kind, the kinds' shares, and how left-out rows score under them."""
    components, shares, held_out_scores = {"flow": flows}, {"flow": 1.0}, None
    if config.scores_held_out:
        scored = HeldOutScores.of(flows, plan.untrained, plan.splits, table)
        if config.safety_net:
            shares = component_weights(scored)
            components |= _net(plan.untrained, table, plan.selected, config)
        held_out_scores = scored.blended(shares), scored.weights
    return components, shares, held_out_scores


def _assemble(
    components: dict[str, list[Component]],
    shares: dict[str, float],
    input_transform: Chain,
    context_transform: Chain,
    config: FitConfig,
) -> tuple[Flow, DensitySpec]:
    """The mixture of all pieces, each kind by its share, behind the links to the user's units."""
    weighted = [
        (c, shares[name] / len(components[name])) for name in shares for c in components[name]
    ]
    mixture = Mixture(
        [c.flow for c, _ in weighted],
        torch.tensor([share for _, share in weighted], dtype=torch.float64),
    )
    density = Flow(input_transform, mixture, context_transform).eval().requires_grad_(False)
    records = tuple(c.spec for c, _ in weighted)
    spec = DensitySpec(
        config.flow,
        bijection_names(input_transform.bijections),
        records,
        bijection_names(context_transform.bijections),
    )
    return density, spec


def _fit_units(bijections: Sequence[Bijection], x: Tensor, w: Tensor) -> Chain:
    """What all parts share: links to columns without bounds, which are then standardised."""
    images, _ = Chain(bijections)(x)
    return Chain([*bijections, Standardize.fit(images, w)])


def _net(
    untrained: list[dict[str, Component]],
    table: WeightedDataset,
    selected: SelectedModels,
    config: FitConfig,
) -> dict[str, list[Component]]:
    """The simpler densities, fitted to all rows, but for the Gaussian mixtures.

    EM for a mixture ends anywhere: those that earned their weight are kept, not another one.
    """
    stable = untrained_components(table, replace(selected, mixture=None), config)
    net = {name: [component] for name, component in stable.items()}
    if selected.mixture is not None:
        net["gaussians"] = [untrained["gaussians"] for untrained in untrained]
    return net


def deal_splits(n: int, config: FitConfig, rng: np.random.Generator) -> list[Split]:
    """One split a member: it leaves out one of the folds, or none."""
    if config.n_folds is None:
        return [Split(np.arange(n), np.arange(0))] * config.n_members
    folds = assign_folds(n, config.n_folds, rng)
    return [
        Split(np.flatnonzero(folds != k), rng.permutation(np.flatnonzero(folds == k)))
        for k in range(min(config.n_members, config.n_folds))
    ]
