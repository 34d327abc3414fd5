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

from skflow.fitting.components import Choices, Piece
from skflow.fitting.defaults import Recipe
from skflow.flows.bijections import Chain
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.mixture import Mixture
from skflow.flows.nets.mlp import Dropout
from skflow.flows.spec import Blueprint, Design, Part, make_base
from skflow.preprocessing.dataset import Split, Table
from skflow.runtime.processes import ALONE, Team
from skflow.serialization.checkpoint import Checkpoint
from skflow.training.batches import Rows
from skflow.training.loop import Record, Run
from skflow.training.shuffle_buffer import Stream
from skflow.training.stacked_flows import Members


@dataclass(frozen=True)
class Progress:
    """What there is to show after a check; the validation score in the user's units."""

    step: int
    n_steps: int
    score: float | None


Watch = Callable[[Iterable[Progress]], Iterable[Progress]]


@dataclass(frozen=True)
class Supervision:
    """Who looks on while members are trained, and when they are to stop.

    `watch` passes the progress on, to show it; `deadline` is a time of the monotonic clock, at
    which training ends with the best weights so far.
    """

    watch: Watch = iter
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
class Member:
    """A flow to be trained, behind its fixed links."""

    fixed: Chain
    links: tuple[str, ...]  # the fixed links' names
    flow: Flow


def new_members(
    starts: list[Piece], choices: Choices, recipe: Recipe, generator: Generator
) -> list[Member]:
    """Members that are what they start at, each behind its own split's fixed links."""
    n_features = recipe.design.sizes.n_features
    return [
        Member(
            piece.flow.chain,
            piece.part.links,
            recipe.design.build(
                make_base(recipe.base, n_features, choices.start.shape.df), generator
            ),
        )
        for piece in starts
    ]


@dataclass(frozen=True)
class Earlier:
    """A fitted density to go on from."""

    density: Flow  # of a mixture
    blueprint: Blueprint

    def units(self) -> Chain:
        """The links that all parts share."""
        return copy.deepcopy(self.density).cpu().double().chain

    def given(self) -> Chain:
        """The links that the context goes through."""
        return copy.deepcopy(self.density.given).cpu().double()

    def members(self, design: Design, n_members: int) -> list[Member]:
        """The members as they were, ready to be trained on.

        Raises
        ------
        ValueError
            When they are not of the given design and number.
        """
        learned = [k for k, part in enumerate(self.blueprint.parts) if part.learned]
        if design != self.blueprint.design or n_members != len(learned):
            raise ValueError(
                "warm_start=True goes on from an earlier fit of the same shape. That one has "
                f"{len(learned)} members: {self.blueprint.design}; this one would have "
                f"{n_members}: {design}. Pass as many columns and the same parameters, with "
                "n_estimators, n_transforms, hidden_layer_sizes and dropout not left at 'auto' "
                "if the number of rows has changed; or use warm_start=False."
            )
        return [self._member(k) for k in learned]

    def _member(self, k: int) -> Member:
        part = self.blueprint.parts[k]
        flow = copy.deepcopy(self._part(k)).cpu()
        n_fixed = len(part.links)
        fixed, learned = flow.chain.links[:n_fixed], flow.chain.links[n_fixed:]
        trainable = Flow(Chain(learned), flow.base).float().train().requires_grad_(True)
        return Member(Chain(fixed).double(), part.links, trainable)

    def _part(self, k: int) -> Flow:
        mixture = self.density.base
        assert isinstance(mixture, Mixture)
        part = mixture.parts[k]
        assert isinstance(part, Flow)
        return part


class Training:
    """From members and a table to trained pieces.

    Parameters
    ----------
    members : list of Member
    splits : list of Split
        One a member.
    table : Table
    recipe : Recipe
    generator : Generator
        Draws batches, noise and whatever else training draws.
    device : torch.device
    team : Team
        Processes that have the same members and table, and train on a stripe of it each.
    """

    def __init__(
        self,
        members: list[Member],
        splits: list[Split],
        table: Table,
        recipe: Recipe,
        generator: Generator,
        device: torch.device,
        team: Team = ALONE,
    ):
        self._members, self._recipe, self._team = members, recipe, team
        self._generator = generator = team.generator(generator)
        flows: list[nn.Module] = [copy.deepcopy(m.flow).float().to(device) for m in members]
        self._stacked = Members(flows, recipe.compile, team)
        for module in self._stacked.flow.modules():
            if isinstance(module, Dropout):
                module.generator = generator
        self._seen: Rows | Stream
        self._seen, self._seen_log_det = self._latent(table, [s.seen for s in splits], device)
        self._left_out, self._left_log_det = None, 0.0
        if recipe.n_folds is not None:
            left_out = [s.left_out for s in splits]
            self._left_out, self._left_log_det = self._latent(table, left_out, device)

    def go_over(self, stream: Stream) -> None:
        """Train on these rows instead of the table's."""
        self._seen = stream

    def run(self, supervision: Supervision) -> History:
        """Train; Ctrl-C ends training with the best weights so far, unless in a search."""
        history = History()
        schedule = self._recipe.schedule
        schedule = replace(schedule, batch_size=max(1, schedule.batch_size // self._team.size))
        training = Run(self._stacked, self._seen, self._left_out, schedule, self._generator)
        self._go_on(training, history, supervision.checkpoint)
        records = training.records()
        try:
            with closing(records):
                for _ in supervision.watch(self._noted(records, history)):
                    self._keep(training, history, supervision.checkpoint)
                    if self._team.decide(lambda: time.monotonic() > supervision.deadline):
                        history.out_of_time = True
                        break
        except KeyboardInterrupt:
            if _inside_search() or self._team.size > 1:
                raise
            history.interrupted = True
        return history

    def pieces(self) -> list[Piece]:
        """The trained members, in float64 on the CPU, their fixed links in front."""
        pieces = []
        for k, member in enumerate(self._members):
            member.flow.load_state_dict(self._stacked.state(self._stacked.values, k))
            chain = Chain([*member.fixed.links, *member.flow.chain.links])
            flow = Flow(chain, member.flow.base).double().eval()
            pieces.append(Piece(flow, Part(member.links, True, self._recipe.base)))
        return pieces

    def _keep(self, training: Run, history: History, checkpoint: Checkpoint) -> None:
        """Write what it takes to go on, now and then: one file for all processes."""
        if self._team.decide(lambda: checkpoint.due):
            state = training.state()
            generators = self._team.gather(state.pop("generator"))
            if self._team.rank == 0:
                checkpoint.write([state, generators, history.scores])

    def _go_on(self, training: Run, history: History, checkpoint: Checkpoint) -> None:
        """From where an earlier process was, if there was one."""
        kept = checkpoint.take()
        if kept is not None:
            state, generators, history.scores = kept
            training.restore(state | {"generator": generators[self._team.rank]})

    def _noted(self, records: Iterable[Record], history: History) -> Iterator[Progress]:
        """Write the records into the history."""
        for record in records:
            history.n_epochs = record.epoch
            log_det = 0.0 if self._stacked.by_regression else self._seen_log_det
            history.losses = [x - log_det for x in record.losses]
            if record.scores is not None:
                history.scores.append(float(record.scores.mean()) + self._left_log_det)
            if record.best is not None:
                history.best_score = float(record.best.scores.mean()) + self._left_log_det
                history.still_improving = record.best.still_improving
            yield Progress(record.step, record.n_steps, history.best_score)

    def _latent(
        self, table: Table, index: list[np.ndarray], device: torch.device
    ) -> tuple[Rows, float]:
        """Each member's rows behind its fixed links, and their mean log-determinant so far."""
        if any(len(rows) < self._team.size for rows in index):
            raise ValueError(
                f"There are too few rows for {self._team.size} processes, which all train on some "
                f"and leave out others. Fit these {len(table.x)} rows in one process."
            )
        tables = [table.take(self._team.stripe(rows)) for rows in index]
        images = [m.fixed(t.x, t.c) for m, t in zip(self._members, tables, strict=True)]
        rows = Rows.stack(
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
        log_dets, weights = self._team.sum(totals).T
        return rows.to(device), float((log_dets / weights).mean())


def _inside_search() -> bool:
    """Whether a search, a cross-validation or a parallel job called this fit."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(("sklearn.model_selection", "joblib")):
            return True
        frame = frame.f_back
    return False
