"""Training: maximum likelihood, or a flow's own regression, by stochastic gradients."""

import math
from collections.abc import Generator as Iteration
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Generator, Tensor

from skflow.training.batches import StackedRows
from skflow.training.early_stopping import EarlyStopping
from skflow.training.optimizer import Adam
from skflow.training.shuffle_buffer import ShuffleBuffer
from skflow.training.stacked_flows import StackedFlows

_CLIP = 3.0  # largest gradient norm of a member
_FAILURES = 5  # checks in a row without one finite step before training gives up
_BLOCK = 4096  # rows scored at a time


@dataclass(frozen=True)
class TrainingConfig:
    """How long, how fast, and how gently to train."""

    n_steps: int
    batch_size: int
    learning_rate: float
    alpha: float = 0.0  # decay of the weight matrices
    noise: float = 0.0  # standard deviation of noise added to the inputs
    check_every: int = 25  # steps
    patience: int = 8  # checks
    tol: float = 2e-3  # nats
    warm_up: int = 30  # steps
    ema_decay: float = 0.98  # of the averaged weights
    max_held_out: int | None = None  # rows that a check looks at

    def rate(self, step: int) -> float:
        """The learning rate: a linear warm-up, then a cosine down to zero."""
        warm = min(1.0, (step + 1) / self.warm_up)
        return self.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / self.n_steps))


@dataclass(frozen=True)
class CheckResult:
    """What is known after a check."""

    step: int
    n_steps: int
    epoch: int
    losses: list[float]  # mean training loss of the members, one for each epoch begun
    scores: Tensor | None  # (members,) validation log-likelihoods
    early_stopping: EarlyStopping | None


class TrainingLoop:
    """Training that can be stopped after any check, and gone on with.

    Parameters
    ----------
    members : Members
    rows : Rows or Stream
        To train on.
    left_out : Rows or None
        To judge by.
    schedule : TrainingConfig
    generator : Generator
        Draws batches, noise and whatever else training draws.
    """

    def __init__(
        self,
        members: StackedFlows,
        rows: StackedRows | ShuffleBuffer,
        held_out: StackedRows | None,
        config: TrainingConfig,
        generator: Generator,
    ):
        self._members, self._rows, self._config = members, rows, config
        self._generator = generator
        self._average = members.values.detach().clone()
        self._optimizer = Adam(members.values, betas=(0.9, 0.99))
        self._held_out = None if held_out is None else held_out[: config.max_held_out]
        self._early_stopping = None
        if self._held_out is not None:
            scores = validate(members, self._held_out)
            self._early_stopping = EarlyStopping(
                self._average, scores, config.patience, config.tol
            )
        self._step = self._epoch = self._batch = self._failures = 0
        self._begun = False
        self._slow_down = 1.0
        self._losses: list[float] = []
        self._epoch_loss = _EpochLoss()
        self._epoch_start = generator.get_state()
        self._finite: list[Tensor] = []  # empty after a check

    def records(self) -> Iteration[CheckResult]:
        """Train, and yield a record at the start and after every check.

        On return `members.values` holds the weights to keep: each member's best on its left-out
        rows or, where there are none, the weights averaged over the last steps. They are kept
        too when the generator is closed early.

        Raises
        ------
        FloatingPointError
            When the loss stays non-finite however often training falls back and slows down.
        """
        members, early_stopping = self._members, self._early_stopping
        try:
            yield self._record(
                None if early_stopping is None or self._begun else early_stopping.scores
            )
            while not self._done:
                yield from self._epoch_records()
        finally:
            with torch.no_grad():
                members.values.copy_(
                    self._average if early_stopping is None else early_stopping.values
                )

    def state(self) -> dict[str, Any]:
        """What it takes to go on from the last check, in tensors, numbers and lists."""
        return {
            "values": self._members.values.detach(),
            "average": self._average,
            "optimizer": self._optimizer.state(),
            "early_stopping": None
            if self._early_stopping is None
            else self._early_stopping.state(),
            "counts": [self._step, self._epoch, self._batch, self._failures],
            "slow_down": self._slow_down,
            "losses": list(self._losses),
            "epoch_loss": self._epoch_loss.state(),
            "generator": [self._epoch_start, self._generator.get_state()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned, in a run of the same members and rows."""
        self._begun = True
        with torch.no_grad():
            self._members.values.copy_(state["values"])
            self._average.copy_(state["average"])
        self._optimizer.restore(state["optimizer"])
        if self._early_stopping is not None:
            self._early_stopping.restore(state["early_stopping"])
        self._step, self._epoch, self._batch, self._failures = state["counts"]
        self._slow_down, self._losses = state["slow_down"], list(state["losses"])
        device = self._members.values.device
        self._epoch_loss.restore([torch.as_tensor(s, device=device) for s in state["epoch_loss"]])
        self._epoch_start, now = state["generator"]
        self._generator.set_state(now)

    @property
    def _done(self) -> bool:
        out_of_patience = self._early_stopping is not None and self._early_stopping.done
        return self._step >= self._config.n_steps or out_of_patience

    def _epoch_records(self) -> Iteration[CheckResult]:
        """The rest of an epoch: all of it, unless training goes on from within."""
        config = self._config
        for batch in self._batches():
            rate = config.rate(self._step) * self._slow_down
            loss, ok = _step(self._members, self._optimizer, batch, config, rate, self._generator)
            self._epoch_loss.add(loss, ok, len(batch))
            self._finite.append(ok)
            _average(self._average, self._members.values.detach(), self._step, config.ema_decay)
            self._step += 1
            self._batch += 1
            if self._step == config.n_steps or self._step % config.check_every == 0:
                yield self._record(self._check())
                if self._done:
                    return
        self._losses.append(float(self._epoch_loss))
        self._epoch_loss, self._batch = _EpochLoss(), 0

    def _batches(self) -> Iterator[StackedRows]:
        """The minibatches of an epoch; where it has begun, those still to come."""
        now = self._generator.get_state()
        if self._batch == 0:
            self._epoch += 1
            self._epoch_start = now
        self._generator.set_state(self._epoch_start)
        batches = self._rows.minibatches(self._config.batch_size, self._generator)
        if self._batch:
            self._generator.set_state(now)
        return islice(batches, self._batch, None)

    def _check(self) -> Tensor | None:
        """Fall back where steps failed; the averaged weights' scores on the left-out rows."""
        failed = ~torch.stack(self._finite).any(0)
        self._finite.clear()
        self._failures = self._failures + 1 if failed.any() else 0
        if self._failures:
            self._slow_down /= 4
            _fall_back(self._members, self._average, self._early_stopping, failed, self._failures)
        if self._held_out is None or self._early_stopping is None:
            return None
        scores = _validate_at(self._members, self._average, self._held_out)
        self._early_stopping.update(self._average, scores)
        return scores

    def _record(self, scores: Tensor | None) -> CheckResult:
        begun = [float(self._epoch_loss)] if self._batch else []
        losses = [*self._losses, *begun]
        return CheckResult(
            self._step, self._config.n_steps, self._epoch, losses, scores, self._early_stopping
        )


def train(
    members: StackedFlows,
    rows: StackedRows,
    held_out: StackedRows | None,
    config: TrainingConfig,
    generator: Generator,
) -> Iteration[CheckResult]:
    """The records of a run from its beginning to its end."""
    return TrainingLoop(members, rows, held_out, config, generator).records()


def validate(members: StackedFlows, rows: StackedRows) -> Tensor:
    """Weighted mean log p of each member on its own rows, (members,)."""
    members.flow.eval()
    with torch.no_grad():
        sums = [
            (members.log_prob(block.columns, block.context) * block.weights).sum(-1)
            for block in rows.blocks(_BLOCK)
        ]
    members.flow.train()
    totals = torch.stack([torch.stack(sums).sum(0), rows.weights.sum(-1)])
    score, weight = members.processes.sum(totals)
    return score / weight


def _validate_at(members: StackedFlows, values: Tensor, rows: StackedRows) -> Tensor:
    """As `validate`, with other weights for a moment."""
    with torch.no_grad():
        current = members.values.detach().clone()
        members.values.copy_(values)
        scores = validate(members, rows)
        members.values.copy_(current)
    return scores


def _step(
    members: StackedFlows,
    optimizer: Adam,
    batch: StackedRows,
    config: TrainingConfig,
    rate: float,
    generator: Generator,
) -> tuple[Tensor, Tensor]:
    """One step; returns each member's loss and whether its gradient was finite."""
    columns = batch.columns
    if config.noise:
        draws = torch.randn(columns.shape, generator=generator, dtype=columns.dtype)
        columns = columns + config.noise * draws.to(columns.device)
    loss = members.loss(columns, batch.weights, batch.context, generator)
    gradients = members.backward(loss)
    loss = members.processes.mean(loss.detach())
    with torch.no_grad():
        norm = gradients.norm(dim=1)
        ok = (norm + loss).isfinite()
        gradients.mul_((_CLIP / norm).clamp_max(1).mul_(ok).unsqueeze(-1))
        gradients.nan_to_num_(0.0, 0.0, 0.0)  # of members that are not ok
        if config.alpha:
            members.values.addcmul_(members.values, members.decays, value=-rate * config.alpha)
        optimizer.step(rate)
    return loss, ok


def _average(average: Tensor, values: Tensor, step: int, ema_decay: float) -> None:
    """Exponential average of the weights, with a shorter memory at the start."""
    ema_decay = min(ema_decay, (1 + step) / (5 + step))
    average.lerp_(values, 1 - ema_decay)


def _fall_back(
    members: StackedFlows,
    average: Tensor,
    early_stopping: EarlyStopping | None,
    failed: Tensor,
    failures: int,
) -> None:
    """Members without one finite step since the last check go back to their best weights."""
    if failures >= _FAILURES:
        raise FloatingPointError(
            f"The loss of {int(failed.sum())} of {members.n_members} members has stayed "
            f"non-finite for {failures} checks. Try a smaller learning_rate_init, a larger "
            "alpha, or look for values far outside the bulk of the data."
        )
    with torch.no_grad():
        good = average if early_stopping is None else early_stopping.values
        lost = failed.unsqueeze(-1)
        average.copy_(torch.where(lost, good, average))
        members.values.copy_(torch.where(lost, good, members.values))


class _EpochLoss:
    """Mean loss over the rows of an epoch and over the members, skipped steps left out."""

    def __init__(self) -> None:
        self._steps: list[tuple[Tensor, Tensor, int]] = []  # not yet in the sums
        self._sum: float | Tensor = 0.0
        self._n: float | Tensor = 0.0

    def add(self, loss: Tensor, ok: Tensor, n_rows: int) -> None:
        self._steps.append((loss, ok, n_rows))

    def state(self) -> list[Any]:
        """The sums, in tensors or numbers."""
        float(self)
        return [self._sum, self._n]

    def restore(self, state: list[Any]) -> None:
        self._sum, self._n = state

    def __float__(self) -> float:
        if self._steps:
            losses, oks, sizes = zip(*self._steps, strict=True)
            self._steps.clear()
            ok = torch.stack(oks)
            n_rows = ok * torch.tensor(sizes, device=ok.device).unsqueeze(-1)
            self._sum = self._sum + (torch.where(ok, torch.stack(losses), 0.0) * n_rows).sum(0)
            self._n = self._n + n_rows.sum(0)
        return float((self._sum / torch.as_tensor(self._n)).nanmean())
