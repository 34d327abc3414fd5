"""The members of a density: built at their start, trained at once, turned into parts."""

import copy
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from types import FrameType

import numpy as np
import torch
from torch import Generator, nn

from skflow.fitting.components import Component, SelectedModels
from skflow.fitting.defaults import FitConfig
from skflow.flows.bijections import Chain
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.mixture import Mixture
from skflow.flows.nets.mlp import Dropout
from skflow.flows.spec import ComponentSpec, DensitySpec, FlowSpec, make_base
from skflow.preprocessing.dataset import Split, WeightedDataset
from skflow.runtime.processes import SINGLE_PROCESS, ProcessGroup
from skflow.serialization.checkpoint import Checkpoint
from skflow.training.loop import CheckResult, TrainingLoop
from skflow.training.shuffle_buffer import ShuffleBuffer
from skflow.training.stacked_flows import StackedFlows
from skflow.training.stacked_rows import StackedRows


@dataclass(frozen=True)
class Progress:
    """What there is to show after a check; the validation score in the user's units."""

    step: int
    n_steps: int
    score: float | None


ProgressHook = Callable[[Iterable[Progress]], Iterable[Progress]]


@dataclass(frozen=True)
class Monitor:
    """Who looks on while members are trained, and when they are to stop.

    `watch` passes the progress on, to show it; `deadline` is a time of the monotonic clock, at
    which training ends with the best weights so far.
    """

    watch: ProgressHook = iter
    checkpoint: Checkpoint = field(default_factory=lambda: Checkpoint(None))
    deadline: float = math.inf


@dataclass
class History:
    """How training went; log-likelihoods in nats a row, in the user's units."""

    n_epochs: int = 0
    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    best_score: float | None = None
    still_improving: bool = False
    interrupted: bool = False
    out_of_time: bool = False

    @property
    def cut_short(self) -> bool:
        """Whether training did not come to its end by itself."""
        return self.interrupted or self.out_of_time

    def go_on_from(self, n_epochs: int, losses: list[float], scores: list[float]) -> None:
        """Put an earlier history in front."""
        self.n_epochs += n_epochs
        self.losses = losses + self.losses
        self.scores = scores + self.scores


@dataclass(frozen=True)
class EnsembleMember:
    """A flow to be trained, behind its fixed links."""

    fixed: Chain
    bijections: tuple[str, ...]  # the fixed links' names
    flow: Flow


def new_ensemble(
    starts: list[Component], selected: SelectedModels, config: FitConfig, generator: Generator
) -> list[EnsembleMember]:
    """Members that are what they start at, each behind its own split's fixed links."""
    n_features = config.flow.layers.n_features
    return [
        EnsembleMember(
            component.flow.chain,
            component.spec.bijections,
            config.flow.build(
                make_base(config.base, n_features, selected.start.shape.df), generator
            ),
        )
        for component in starts
    ]


@dataclass(frozen=True)
class WarmStart:
    """A fitted density to go on from."""

    density: Flow  # of a mixture
    spec: DensitySpec

    def input_transform(self) -> Chain:
        """The links that all parts share."""
        return copy.deepcopy(self.density).cpu().double().chain

    def context_transform(self) -> Chain:
        """The links that the context goes through."""
        return copy.deepcopy(self.density.context_transform).cpu().double()

    def members(self, flow: FlowSpec, n_members: int) -> list[EnsembleMember]:
        """The members as they were, ready to be trained on.

        Raises
        ------
        ValueError
            When they are not of the given design and number.
        """
        learned = [k for k, component in enumerate(self.spec.components) if component.learned]
        if flow != self.spec.flow or n_members != len(learned):
            raise ValueError(
                "warm_start=True goes on from an earlier fit of the same shape. That one has "
                f"{len(learned)} members: {self.spec.flow}; this one would have "
                f"{n_members}: {flow}. Pass as many columns and the same parameters, with "
                "n_estimators, n_transforms, hidden_layer_sizes and dropout not left at 'auto' "
                "if the number of rows has changed; or use warm_start=False."
            )
        return [self._member(k) for k in learned]

    def _member(self, k: int) -> EnsembleMember:
        component = self.spec.components[k]
        flow = copy.deepcopy(self._part(k)).cpu()
        n_fixed = len(component.bijections)
        fixed, learned = flow.chain.bijections[:n_fixed], flow.chain.bijections[n_fixed:]
        trainable = Flow(Chain(learned), flow.base).float().train().requires_grad_(True)
        return EnsembleMember(Chain(fixed).double(), component.bijections, trainable)

    def _part(self, k: int) -> Flow:
        mixture = self.density.base
        assert isinstance(mixture, Mixture)
        component = mixture.components[k]
        assert isinstance(component, Flow)
        return component


class EnsembleTrainer:
    """From members and a table to trained pieces.

    Parameters
    ----------
    members : list of Member
    splits : list of Split
        One a member.
    table : Table
    recipe : FitConfig
    generator : Generator
        Draws batches, noise and whatever else training draws.
    device : torch.device
    team : Team
        Processes that have the same members and table, and train on a stripe of it each.
    """

    def __init__(
        self,
        members: list[EnsembleMember],
        splits: list[Split],
        table: WeightedDataset,
        config: FitConfig,
        generator: Generator,
        device: torch.device,
        processes: ProcessGroup = SINGLE_PROCESS,
    ):
        self._members, self._config, self._processes = members, config, processes
        self._generator = generator = processes.generator(generator)
        flows: list[nn.Module] = [copy.deepcopy(m.flow).float().to(device) for m in members]
        self._stacked = StackedFlows(flows, config.compile, processes)
        for module in self._stacked.flow.modules():
            if isinstance(module, Dropout):
                module.generator = generator
        self._seen: StackedRows | ShuffleBuffer
        self._seen, self._seen_log_det = self._latent(table, [s.seen for s in splits], device)
        self._held_out, self._held_out_log_det = None, 0.0
        if config.n_folds is not None:
            held_out = [s.held_out for s in splits]
            self._held_out, self._held_out_log_det = self._latent(table, held_out, device)

    def go_over(self, stream: ShuffleBuffer) -> None:
        """Train on these rows instead of the table's."""
        self._seen = stream

    def run(self, monitor: Monitor) -> History:
        """Train; Ctrl-C ends training with the best weights so far, unless in a search."""
        history = History()
        config = self._config.training
        config = replace(config, batch_size=max(1, config.batch_size // self._processes.size))
        training = TrainingLoop(self._stacked, self._seen, self._held_out, config, self._generator)
        self._go_on(training, history, monitor.checkpoint)
        records = training.run()
        try:
            with closing(records):
                for _ in monitor.watch(self._noted(records, history)):
                    self._keep(training, history, monitor.checkpoint)
                    if self._processes.broadcast(lambda: time.monotonic() > monitor.deadline):
                        history.out_of_time = True
                        break
        except KeyboardInterrupt:
            if _inside_search() or self._processes.size > 1:
                raise
            history.interrupted = True
        return history

    def components(self) -> list[Component]:
        """The trained members, in float64 on the CPU, their fixed links in front."""
        components = []
        for k, member in enumerate(self._members):
            member.flow.load_state_dict(self._stacked.state_dict(self._stacked.params, k))
            chain = Chain([*member.fixed.bijections, *member.flow.chain.bijections])
            flow = Flow(chain, member.flow.base).double().eval()
            components.append(
                Component(flow, ComponentSpec(member.bijections, True, self._config.base))
            )
        return components

    def _keep(self, training: TrainingLoop, history: History, checkpoint: Checkpoint) -> None:
        """Write what it takes to go on, now and then: one file for all processes."""
        if self._processes.broadcast(lambda: checkpoint.due):
            state = training.state_dict()
            generators = self._processes.all_gather(state.pop("generator"))
            if self._processes.rank == 0:
                checkpoint.write([state, generators, history.scores])

    def _go_on(self, training: TrainingLoop, history: History, checkpoint: Checkpoint) -> None:
        """From where an earlier process was, if there was one."""
        kept = checkpoint.pop_state()
        if kept is not None:
            state, generators, history.scores = kept
            training.load_state_dict(state | {"generator": generators[self._processes.rank]})

    def _noted(self, records: Iterable[CheckResult], history: History) -> Iterator[Progress]:
        """Write the records into the history."""
        for record in records:
            history.n_epochs = record.epoch
            log_det = 0.0 if self._stacked.by_regression else self._seen_log_det
            history.losses = [x - log_det for x in record.losses]
            if record.scores is not None:
                history.scores.append(float(record.scores.mean()) + self._held_out_log_det)
            if record.early_stopping is not None:
                best = record.early_stopping.scores.mean()
                history.best_score = float(best) + self._held_out_log_det
                history.still_improving = record.early_stopping.still_improving
            yield Progress(record.step, record.n_steps, history.best_score)

    def _latent(
        self, table: WeightedDataset, index: list[np.ndarray], device: torch.device
    ) -> tuple[StackedRows, float]:
        """Each member's rows behind its fixed links, and their mean log-determinant so far."""
        if any(len(rows) < self._processes.size for rows in index):
            raise ValueError(
                f"{len(table.x)} rows are too few for {self._processes.size} processes, each of "
                "which trains on some of them and holds out others. Fit them in one process."
            )
        tables = [table.take(self._processes.partition(rows)) for rows in index]
        images = [m.fixed(t.x, t.c) for m, t in zip(self._members, tables, strict=True)]
        rows = StackedRows.stack(
            [z.float() for z, _ in images],
            [t.w.float() for t in tables],
            None if table.c is None else [t.c.float() for t in tables if t.c is not None],
        )
        totals = torch.stack(
            [
                torch.stack([t.w @ (t.volume + log_det), t.w.sum()])
                for t, (_, log_det) in zip(tables, images, strict=True)
            ]
        )
        log_dets, weights = self._processes.sum(totals).T
        return rows.to(device), float((log_dets / weights).mean())


def _inside_search() -> bool:
    """Whether a search, a cross-validation or a parallel job called this fit."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(("sklearn.model_selection", "joblib")):
            return True
        frame = frame.f_back
    return False
