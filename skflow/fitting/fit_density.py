"""From a weighted data set to a fitted density."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Generator, Tensor

from skflow.fitting.defaults import FitConfig
from skflow.fitting.ensemble import EnsembleMember, EnsembleTrainer, new_ensemble
from skflow.fitting.fit_context import FitContext
from skflow.fitting.fit_plan import (
    FitPlan,
    StackedComponents,
    deal_splits,
    held_out_samples,
    safety_net,
    train,
    weigh_components,
)
from skflow.fitting.history import History
from skflow.fitting.integer_calibration import calibrate_integers
from skflow.fitting.model_selection import (
    select_context_transform,
    select_models,
)
from skflow.fitting.streamed_dataset import StreamedDataset
from skflow.fitting.substitutes import few_of, few_splits, quick_components
from skflow.fitting.untrained_components import Component, untrained_components
from skflow.fitting.warm_start import WarmStart
from skflow.flows.any_order.any_order_density import AnyOrderDensity
from skflow.flows.any_order.any_order_spec import AnyOrderSpec
from skflow.flows.bijections import Chain, Standardize
from skflow.flows.distributions.constrained_columns import ConstrainedDensity
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.mixture import Mixture
from skflow.flows.spec import DensitySpec, bijection_names
from skflow.preprocessing.dataset import WeightedDataset
from skflow.preprocessing.support_transform import SupportTransform
from skflow.runtime.device import scoring_dtype
from skflow.runtime.process_group import ProcessGroup


@dataclass(frozen=True)
class FitResult:
    """A fitted density, its specification, the weights of its components, and its history.

    `held_out_scores` are log-likelihoods (n,) of samples under components fitted without
    them, and the weights (n,) of these samples. For a robust task, `held_out` are the samples
    that each split holds out: the density is then the mean of as many densities, each fitted
    without the samples of one split. If no sample is held out, there is one density, and
    `held_out` are all samples.
    """

    density: Flow | ConstrainedDensity | AnyOrderDensity
    spec: DensitySpec | AnyOrderSpec
    weights: dict[str, float]
    history: History
    held_out_scores: tuple[np.ndarray, np.ndarray] | None = None
    held_out: tuple[WeightedDataset, ...] = ()

    @property
    def held_out_score(self) -> float | None:
        """Mean log-likelihood of held-out samples, in nats per sample."""
        if self.held_out_scores is None:
            return None
        scores, weights = self.held_out_scores
        return float(np.average(scores, weights=weights))


def fit_density(
    data: WeightedDataset,
    config: FitConfig,
    fit: FitContext,
    supports: SupportTransform | None = None,
    warm_start: WarmStart | None = None,
    streamed: StreamedDataset | None = None,
) -> FitResult | None:
    """Fit an ensemble of flows, and the simpler densities that it is mixed with.

    Parameters
    ----------
    data : WeightedDataset
        Distinct samples in the user's units, dequantized.
    config : FitConfig
        All settings.
    fit : FitContext
        Seed, device, processes and monitor. All processes have the same data.
    supports : SupportTransform, optional
        How the data were dequantized.
    warm_start : WarmStart, optional
        An earlier fit to continue from.
    streamed : StreamedDataset, optional
        The table to train on, if that is more than `data`.

    Returns
    -------
    FitResult or None
        None if an earlier fit was to be continued but there was no time for it.
    """
    supports = supports or SupportTransform()
    with torch.inference_mode(False), torch.enable_grad():  # whatever the caller's mode is
        rng = np.random.default_rng(fit.seed)  # the first process makes all random choices
        standardize = partial(_standardized, supports=supports, rng=rng, fit=fit, warm=warm_start)
        few, first_kind = few_of(data, fit.seed), replace(config, marginals=config.marginals[:1])
        data, input_transform, context_transform = fit.stages.run(
            "standardizing columns",
            partial(standardize, data, config, streamed),
            partial(standardize, data.take(few), first_kind, None),
        )
        plan = _plan(data, config, rng, fit)
        trainer = _trainer(plan, data, input_transform, config, fit, warm_start, streamed)
        if trainer is None and warm_start is not None:
            return None
        history = train(trainer, fit)
        refit = partial(safety_net, plan, partial(untrained_components, data), config)
        stacked = weigh_components(trainer, plan, data, config, fit, refit)
        if supports.is_integer:
            input_transform = fit.processes.broadcast(
                lambda: _calibrated(input_transform, stacked, data)
            )
        density, spec = _assemble(stacked, input_transform, context_transform, supports, config)
        return FitResult(
            density.to(fit.device, scoring_dtype(fit.device)),
            spec,
            stacked.weights,
            fit.processes.broadcast(lambda: history),
            stacked.held_out_scores,
            held_out_samples(data, plan.splits, config) if config.task.robust else (),
        )


def _input_transform(
    data: WeightedDataset,
    supports: SupportTransform,
    processes: ProcessGroup,
    warm_start: WarmStart | None,
    streamed: StreamedDataset | None,
) -> Chain:
    """Bijections to standardized columns without bounds, which all components share."""
    # all processes go through the whole table, even if an earlier transform is used: to check it
    of_all = None if streamed is None else streamed.input_transform(processes)

    def transform() -> Chain:
        if warm_start is not None:
            return warm_start.input_transform()
        if of_all is not None:
            return of_all
        unbounded, _ = Chain(supports.bijections)(data.x)
        return Chain([*supports.bijections, Standardize.fit(unbounded, data.weights)])

    return processes.broadcast(transform)


def _context_transform(
    data: WeightedDataset,
    config: FitConfig,
    rng: np.random.Generator,
    warm_start: WarmStart | None,
) -> Chain:
    """Bijections that the context goes through in front of all components."""
    if warm_start is not None:
        return warm_start.context_transform()
    return select_context_transform(data, config, rng)


def _standardized(
    data: WeightedDataset,
    config: FitConfig,
    streamed: StreamedDataset | None,
    supports: SupportTransform,
    rng: np.random.Generator,
    fit: FitContext,
    warm: WarmStart | None,
) -> tuple[WeightedDataset, Chain, Chain]:
    """The samples in standardized units, and the bijections of columns and context to these."""
    input_transform = _input_transform(data, supports, fit.processes, warm, streamed)
    data = supports.with_cells(data).transform(input_transform)
    context_transform = fit.processes.broadcast(
        lambda: _context_transform(data, config, rng, warm)
    )
    return data.transform_context(context_transform), input_transform, context_transform


def _plan(
    data: WeightedDataset, config: FitConfig, rng: np.random.Generator, fit: FitContext
) -> FitPlan[Component]:
    """Select models, deal splits and fit the components that need no training."""
    selected = select_models(data, config, rng, fit)

    def plan() -> FitPlan[Component]:
        splits = deal_splits(len(data), config, rng)
        untrained = [untrained_components(data.take(s.train), selected, config) for s in splits]
        return FitPlan(selected, splits, untrained, int(rng.integers(2**31)))

    def quick_plan() -> FitPlan[Component]:
        splits = few_splits(data, config, fit.seed)
        return FitPlan(selected, splits, quick_components(data, splits, selected, config), 0)

    return fit.stages.run("fitting components", plan, quick_plan, first=True)


def _trainer(
    plan: FitPlan[Component],
    data: WeightedDataset,
    input_transform: Chain,
    config: FitConfig,
    fit: FitContext,
    warm_start: WarmStart | None,
    streamed: StreamedDataset | None,
) -> EnsembleTrainer[Component] | None:
    """What trains the flows; None if there is no time for it."""

    def build() -> EnsembleTrainer[Component]:
        generator = Generator().manual_seed(plan.seed)
        members = _members(plan, config, generator, warm_start)
        trainer = EnsembleTrainer(members, plan.splits, data, config, generator, fit)
        if streamed is not None:
            images = partial(_images, input_transform, members)
            trainer.train_on(streamed.stream(images, plan.splits, fit))
        return trainer

    return fit.stages.run("building flows", build, lambda: None)


def _images(input_transform: Chain, members: list[EnsembleMember], x: Tensor) -> list[Tensor]:
    """What each member is trained on, of dequantized samples."""
    standardized, _ = input_transform(x)
    return [member.transform(standardized)[0].float() for member in members]


def _members(
    plan: FitPlan[Component], config: FitConfig, generator: Generator, warm_start: WarmStart | None
) -> list[EnsembleMember]:
    """The flows to train: those of an earlier fit, or new ones behind their initial fits."""
    if warm_start is not None:
        return warm_start.members(config.flow, len(plan.splits))
    initial_fits = [components["start"] for components in plan.untrained]
    return new_ensemble(initial_fits, plan.selected.initial_fit.shape.df, config, generator)


def _mixture(stacked: StackedComponents[Component]) -> Mixture:
    """The mixture of all components, in standardized units."""
    components, weights = zip(*stacked.weighted, strict=True)
    flows = [component.flow for component in components]
    return Mixture(flows, torch.tensor(weights, dtype=torch.float64))


def _calibrated(
    input_transform: Chain, stacked: StackedComponents[Component], data: WeightedDataset
) -> Chain:
    """With a map in front that gives the values of a single column of integers their shares."""
    mixture = _mixture(stacked).eval().requires_grad_(False)
    calibration = calibrate_integers(Flow(input_transform, mixture), data)
    return Chain([calibration, *input_transform.bijections]) if calibration else input_transform


def _assemble(
    stacked: StackedComponents[Component],
    input_transform: Chain,
    context_transform: Chain,
    supports: SupportTransform,
    config: FitConfig,
) -> tuple[Flow | ConstrainedDensity, DensitySpec]:
    """The mixture of all components, in the user's units."""
    flow = Flow(input_transform, _mixture(stacked), context_transform).eval()
    density = supports.constrain(flow.requires_grad_(False))
    spec = DensitySpec(
        config.flow,
        bijection_names(input_transform.bijections),
        tuple(component.spec for component, _ in stacked.weighted),
        bijection_names(context_transform.bijections),
        constrained=density is not flow,
    )
    return density, spec
