"""The ensemble of flows of a density, which are trained together."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Generator, Tensor, nn

from skflow.fitting.defaults import FitConfig
from skflow.fitting.fit_context import FitContext, Progress
from skflow.fitting.history import History
from skflow.fitting.untrained_components import Component
from skflow.flows.bijections import Chain
from skflow.flows.distributions.flow import Flow
from skflow.flows.nets.mlp import Dropout
from skflow.flows.spec import ComponentSpec, make_base
from skflow.preprocessing.dataset import Split, WeightedDataset
from skflow.serialization.checkpoint import Checkpoint
from skflow.training.loop import CheckResult, TrainingLoop
from skflow.training.shuffle_buffer import ShuffleBuffer
from skflow.training.stacked_flows import StackedFlows
from skflow.training.stacked_rows import StackedRows

C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)


class Member(Protocol[C_co]):
    """A density to be trained as one of an ensemble."""

    def trainable(self, device: torch.device) -> nn.Module:
        """A copy to train, in float32 on a device."""

    def images(self, data: Any, /) -> tuple[Tensor, Tensor]:
        """What the trainable module sees of samples, (n, k), and the log-determinant, (n,)."""

    def trained(self, parameters: dict[str, Tensor], config: FitConfig) -> C_co:
        """The component with parameters that have been trained, in float64 on the CPU."""


@dataclass(frozen=True)
class EnsembleMember:
    """A flow to be trained, behind bijections that were fitted and stay fixed.

    `fitted` names the bijections of `transform`.
    """

    transform: Chain
    fitted: tuple[str, ...]
    flow: Flow

    def trainable(self, device: torch.device) -> nn.Module:
        return copy.deepcopy(self.flow).float().to(device)

    def images(self, data: WeightedDataset) -> tuple[Tensor, Tensor]:
        return self.transform(data.x, data.context)

    def trained(self, parameters: dict[str, Tensor], config: FitConfig) -> Component:
        self.flow.load_state_dict(parameters)
        chain = Chain([*self.transform.bijections, *self.flow.chain.bijections])
        flow = Flow(chain, self.flow.base).double().eval()
        return Component(flow, ComponentSpec(self.fitted, True, config.base))


def new_ensemble(
    initial_fits: list[Component], df: float, config: FitConfig, generator: Generator
) -> list[EnsembleMember]:
    """Flows near the identity, each behind the initial fit of its own split.

    Parameters
    ----------
    initial_fits : list of Component
        One for each member.
    df : float
        Degrees of freedom of a Student t base.
    config : FitConfig
    generator : Generator
        Draws the initial weights.
    """

    def untrained_flow() -> Flow:
        base = make_base(config.base, config.flow.layers.n_features, df)
        return config.flow.build(base, generator)

    return [
        EnsembleMember(initial.flow.chain, initial.spec.bijections, untrained_flow())
        for initial in initial_fits
    ]


class Trainer(Protocol[C]):
    """What trains an ensemble."""

    history: History

    def run(self) -> History:
        """Train until convergence, the deadline or Ctrl-C, which is raised."""

    def components(self) -> list[C]:
        """The members with the best weights so far."""


class EnsembleTrainer(Generic[C_co]):
    """Trains the members of an ensemble together, each on its own split.

    Parameters
    ----------
    members : sequence of Member
    splits : list of Split
        One for each member.
    data : WeightedDataset or AnyOrderSamples
    config : FitConfig
    generator : Generator
        Draws batches, noise, dropout and whatever else training draws.
    context : FitContext
        With several processes, all of them have the same members and data, and each trains
        on its own partition of the samples.
    """

    def __init__(
        self,
        members: Sequence[Member[C_co]],
        splits: list[Split],
        data: Any,
        config: FitConfig,
        generator: Generator,
        context: FitContext,
    ):
        self._members, self._config = members, config
        self._fit = context
        self._processes, self._device = context.processes, context.device
        self._loop: TrainingLoop | None = None
        self.history = History()
        self._generator = generator = self._processes.generator(generator)
        flows = [member.trainable(self._device) for member in members]
        self._stacked = StackedFlows(flows, config.compile, self._processes)
        for module in self._stacked.flow.modules():
            if isinstance(module, Dropout):
                module.generator = generator
        self._train: StackedRows | ShuffleBuffer
        self._train, self._train_log_det = self._latent(data, [s.train for s in splits])
        self._held_out, self._held_out_log_det = None, 0.0
        if config.stops_early:
            held_out = [split.held_out for split in splits]
            self._held_out, self._held_out_log_det = self._latent(data, held_out)

    def train_on(self, stream: ShuffleBuffer) -> None:
        """Train on a stream of samples instead of those of the data set."""
        self._train = stream

    def run(self) -> History:
        """Train until convergence, the deadline or Ctrl-C, which is raised.

        `components` are then those with the best weights so far.
        """
        history, monitor = self.history, self._fit.monitor
        self._loop = loop = self._training_loop()
        self._restore(loop, history, monitor.checkpoint)
        with closing(loop.run()) as results:
            for _ in monitor.report(self._recorded(results, history)):
                self._save(loop, history, monitor.checkpoint)
                if self._fit.stages.over:
                    break
        return history

    def components(self) -> list[C_co]:
        """The trained members in float64 on the CPU."""
        if self._loop is not None:
            self._loop.keep_best()
        return [
            member.trained(self._stacked.state_dict(self._stacked.params, k), self._config)
            for k, member in enumerate(self._members)
        ]

    def _training_loop(self) -> TrainingLoop:
        config = self._config.training
        config = replace(config, batch_size=max(1, config.batch_size // self._processes.size))
        return TrainingLoop(self._stacked, self._train, self._held_out, config, self._generator)

    def _save(self, loop: TrainingLoop, history: History, checkpoint: Checkpoint) -> None:
        """Write a checkpoint if one is due: a single file for all processes."""
        if self._processes.broadcast(lambda: checkpoint.due):
            state = loop.state_dict()
            generators = self._processes.all_gather(state.pop("generator"))
            if self._processes.rank == 0:
                checkpoint.write([state, generators, history.scores])

    def _restore(self, loop: TrainingLoop, history: History, checkpoint: Checkpoint) -> None:
        """Continue from the state in the checkpoint, if there is one."""
        saved = checkpoint.pop_state()
        if saved is not None:
            state, generators, history.scores = saved
            loop.load_state_dict(state | {"generator": generators[self._processes.rank]})

    def _recorded(self, results: Iterable[CheckResult], history: History) -> Iterator[Progress]:
        """Write the results of all checks into the history, in the user's units."""
        for result in results:
            log_det = 0.0 if self._stacked.by_regression else self._train_log_det
            losses = [loss - log_det for loss in result.losses]
            history.n_epochs, history.losses = result.epoch, losses  # Ctrl-C cannot part them
            if result.scores is not None:
                history.scores.append(float(result.scores.mean()) + self._held_out_log_det)
            if result.early_stopping is not None:
                best = result.early_stopping.scores.mean()
                history.best_score = float(best) + self._held_out_log_det
                history.still_improving = result.early_stopping.still_improving
            n_epochs = max(result.epoch, self._config.n_epochs)
            yield Progress(result.step, result.n_steps, result.epoch, n_epochs, history.best_score)

    def _latent(self, data: Any, indices: list[np.ndarray]) -> tuple[StackedRows, float]:
        """The image of each member's samples under its transform, and the mean log-determinant."""
        if any(len(index) < self._processes.size for index in indices):
            raise ValueError(
                f"{len(data)} rows are too few for {self._processes.size} processes, each of "
                "which needs samples to train on and to hold out. Fit them in one process."
            )
        subsets = [data.take(self._processes.partition(index)) for index in indices]
        images = [
            member.images(subset) for member, subset in zip(self._members, subsets, strict=True)
        ]
        rows = StackedRows.stack(
            [z.float() for z, _ in images],
            [subset.weights.float() for subset in subsets],
            None if data.context is None else [s.known_context.float() for s in subsets],
        )
        totals = torch.stack(
            [
                torch.stack([s.weights @ (s.log_dets + log_det), s.weights.sum()])
                for s, (_, log_det) in zip(subsets, images, strict=True)
            ]
        )
        log_dets, weights = self._processes.sum(totals).T
        return rows.to(self._device), float((log_dets / weights).mean())
