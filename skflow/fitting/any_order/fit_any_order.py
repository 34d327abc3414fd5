"""From a weighted data set with holes to an any-order density."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Generator, Tensor

from skflow.data.support import Support
from skflow.fitting.any_order.earlier_any_order import EarlierAnyOrder, check_same_columns_of
from skflow.fitting.any_order.net_member import NetMember
from skflow.fitting.any_order.parts import AnyOrderSamples, PartComponent, untrained_parts
from skflow.fitting.any_order.standardized_columns import (
    CompletedSamples,
    fit_bijections,
    fit_columns,
)
from skflow.fitting.any_order.two_pass_training import TwoPassTrainer
from skflow.fitting.defaults import FitConfig
from skflow.fitting.ensemble import EnsembleTrainer
from skflow.fitting.fit_context import FitContext
from skflow.fitting.fit_density import FitResult
from skflow.fitting.fit_plan import (
    FitPlan,
    StackedComponents,
    deal_splits,
    held_out_samples,
    safety_net,
    train,
    weigh_components,
)
from skflow.fitting.model_selection import (
    default_models,
    select_context_transform,
    select_models,
)
from skflow.fitting.streamed_dataset import StreamedDataset
from skflow.fitting.substitutes import few_of, few_splits
from skflow.flows.any_order.any_order_density import AnyOrderDensity
from skflow.flows.any_order.any_order_spec import AnyOrderSpec
from skflow.flows.bijections import Chain
from skflow.preprocessing.dataset import WeightedDataset
from skflow.preprocessing.supports import snapped
from skflow.runtime.device import scoring_dtype

_MAX_ORDERS = 4


def fit_any_order(
    data: WeightedDataset,
    config: FitConfig,
    fit: FitContext,
    supports: Sequence[Support],
    earlier: EarlierAnyOrder | None = None,
    streamed: StreamedDataset | None = None,
) -> FitResult | None:
    """Fit an ensemble of any-order networks, and the simpler parts that it is mixed with.

    Parameters
    ----------
    data : WeightedDataset
        Distinct samples in the user's units, with NaN for missing cells.
    config : FitConfig
        All settings.
    fit : FitContext
        Seed, device, processes and monitor. All processes have the same data.
    supports : sequence of Support
        Of each column.
    earlier : EarlierAnyOrder, optional
        An earlier fit to continue from.
    streamed : StreamedDataset, optional
        The table to train on, if that is more than `data`.

    Returns
    -------
    FitResult or None
        None if an earlier fit was to be continued but there was no time for it.
    """
    with torch.inference_mode(False), torch.enable_grad():  # whatever the caller's mode is
        rng = np.random.default_rng(fit.seed)  # the first process makes all random choices
        # classes are a context of 0 and 1 like any other
        task = replace(config.task, context="numbers" if config.task.context else None)
        config = replace(config, task=task)
        standardized = partial(
            _standardized, config=config, supports=supports, rng=rng, earlier=earlier
        )
        samples, context_transform = fit.stages.run(
            "standardizing columns",
            partial(standardized, data),
            partial(standardized, data.take(few_of(data, fit.seed))),
            first=True,
        )
        if streamed is not None:
            streamed.input_transform(fit.processes)  # reads all rows once and checks them
        plan = _plan(samples, config, rng, fit)
        trainer = _trainer(plan, samples, config, fit, earlier, streamed)
        if trainer is None and earlier is not None:
            return None
        history = train(trainer, fit)
        refit = partial(safety_net, plan, partial(untrained_parts, samples), config)
        stacked = weigh_components(trainer, plan, samples, config, fit, refit)
        density = _assemble(stacked, samples, context_transform)
        return FitResult(
            density.to(fit.device, scoring_dtype(fit.device)),
            AnyOrderSpec.of(density, config.flow),
            stacked.weights,
            fit.processes.broadcast(lambda: history),
            stacked.held_out_scores,
            held_out_samples(samples.data, plan.splits, config) if config.task.robust else (),
        )


def _standardized(
    data: WeightedDataset,
    config: FitConfig,
    supports: Sequence[Support],
    rng: np.random.Generator,
    earlier: EarlierAnyOrder | None,
) -> tuple[AnyOrderSamples, Chain]:
    """The samples, completed and standardized as well, and the bijections of their context."""
    columns = fit_columns(data.x.numpy(), data.weights.numpy(), supports)
    bijections = fit_bijections(columns, data.x, data.weights)
    orders = _orders(len(columns), rng)
    if earlier is not None:
        check_same_columns_of(earlier.columns, columns)
        columns, orders = earlier.columns, earlier.orders
        bijections = earlier.bijections(len(bijections))
    completed = CompletedSamples.of(data, columns, bijections, rng).data
    if earlier is not None:
        chain = earlier.context_transform
    else:
        chain = select_context_transform(completed, config, rng)
    completed, data = completed.transform_context(chain), data.transform_context(chain)
    return AnyOrderSamples(data, completed, columns, bijections, orders), chain


def _orders(d: int, rng: np.random.Generator) -> Tensor:
    """Distinct orders of the columns, each with its reverse."""
    orders: dict[tuple[int, ...], None] = {}  # in the order in which they are drawn
    for _ in range(100):
        order = tuple(rng.permutation(d).tolist())
        orders |= {order: None, order[::-1]: None}
        if len(orders) >= _MAX_ORDERS:
            break
    return torch.tensor(list(orders)[:_MAX_ORDERS])


def _plan(
    samples: AnyOrderSamples, config: FitConfig, rng: np.random.Generator, fit: FitContext
) -> FitPlan[PartComponent]:
    """Select models, deal splits and fit the parts that need no training."""
    selected = select_models(samples.completed, config, rng, fit)

    def plan() -> FitPlan[PartComponent]:
        splits = deal_splits(len(samples), config, rng)
        parts = [untrained_parts(samples.take(s.train), selected, config) for s in splits]
        return FitPlan(selected, splits, parts, int(rng.integers(2**31)))

    def quick_plan() -> FitPlan[PartComponent]:
        splits = few_splits(samples.completed, config, fit.seed)
        quick = replace(default_models(samples.completed, config), mixture=None)
        parts = [untrained_parts(samples.take(s.train), quick, config) for s in splits]
        return FitPlan(quick, splits, parts, 0)

    return fit.stages.run("fitting components", plan, quick_plan, first=True)


def _trainer(
    plan: FitPlan[PartComponent],
    samples: AnyOrderSamples,
    config: FitConfig,
    fit: FitContext,
    earlier: EarlierAnyOrder | None,
    streamed: StreamedDataset | None,
) -> EnsembleTrainer[PartComponent] | TwoPassTrainer | None:
    """What trains the networks; None if there is no time for it."""

    def build() -> EnsembleTrainer[PartComponent] | TwoPassTrainer:
        generator = Generator().manual_seed(plan.seed)
        if earlier is not None:
            members = earlier.members(config, len(plan.splits))
        else:
            starts = [parts["start"] for parts in plan.untrained]
            members = [NetMember.new(s, samples.orders, config, generator) for s in starts]
        # noise is for numbers only, not for states: the members add it
        without_noise = replace(config, training=replace(config.training, noise=0.0))
        parameters = members, plan.splits, samples, without_noise, generator, fit
        if streamed is None and bool(samples.data.x.isnan().any()):
            return TwoPassTrainer(*parameters)
        trainer = EnsembleTrainer(*parameters)
        if streamed is not None:
            images = partial(_images, members, streamed.supports)
            trainer.train_on(streamed.stream(images, plan.splits, fit))
        return trainer

    return fit.stages.run("building flows", build, lambda: None)


def _images(members: list[NetMember], supports: Sequence[Support], x: Tensor) -> list[Tensor]:
    """What each member is trained on, of samples in the user's units."""
    data = WeightedDataset(torch.from_numpy(snapped(x.numpy(), supports)), torch.ones(len(x)))
    return [member.packed(data)[0].float() for member in members]


def _assemble(
    stacked: StackedComponents[PartComponent],
    samples: AnyOrderSamples,
    context_transform: Chain,
) -> AnyOrderDensity:
    """The mixture of all parts."""
    components, weights = zip(*stacked.weighted, strict=True)
    parts = [component.part for component in components]
    density = AnyOrderDensity(
        samples.columns, parts, torch.tensor(weights, dtype=torch.float64), context_transform
    )
    return density.eval().requires_grad_(False)
