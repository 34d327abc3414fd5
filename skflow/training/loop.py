"""Training: maximum likelihood by stochastic gradients."""

import math
from collections.abc import Generator as Iteration
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from skflow.training.batches import Rows
from skflow.training.members import Members
from skflow.training.optimizer import Adam
from skflow.training.stopping import Best

_CLIP = 3.0  # largest gradient norm of a member
_MEMORY = 0.98  # of the averaged weights
_FAILURES = 5  # checks in a row without one finite step before training gives up
_BLOCK = 4096  # rows scored at a time


@dataclass(frozen=True)
class Schedule:
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

    def rate(self, step: int) -> float:
        """The learning rate: a linear warm-up, then a cosine down to zero."""
        warm = min(1.0, (step + 1) / self.warm_up)
        return self.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * step / self.n_steps))


@dataclass(frozen=True)
class Record:
    """What is known after a check."""

    step: int
    n_steps: int
    epoch: int
    losses: list[float]  # mean training loss of the members, one for each epoch begun
    scores: Tensor | None  # (members,) validation log-likelihoods
    best: Best | None


def train(
    members: Members,
    rows: Rows,
    left_out: Rows | None,
    schedule: Schedule,
    generator: Generator,
) -> Iteration[Record]:
    """Train, and yield a record at the start and after every check.

    On return `members.values` holds the weights to keep: each member's best on its left-out
    rows or, where there are none, the weights averaged over the last steps. They are kept
    too when the generator is closed early.

    Raises
    ------
    FloatingPointError
        When the loss stays non-finite however often training falls back and slows down.
    """
    average = members.values.detach().clone()
    optimizer = Adam(members.values, betas=(0.9, 0.99))
    best = None
    if left_out is not None:
        best = Best(average, validate(members, left_out), schedule.patience, schedule.tol)
    step = epoch = failures = 0
    slow_down = 1.0
    losses: list[float] = []
    finite: list[Tensor] = []
    try:
        yield Record(0, schedule.n_steps, 0, [], None if best is None else best.scores, best)
        while step < schedule.n_steps:
            epoch += 1
            epoch_loss = _Mean()
            for batch in rows.minibatches(schedule.batch_size, generator):
                rate = schedule.rate(step) * slow_down
                loss, ok = _step(members, optimizer, batch, schedule, rate, generator)
                epoch_loss.add(loss, ok, len(batch))
                finite.append(ok)
                _average(average, members.values.detach(), step)
                step += 1
                last = step == schedule.n_steps
                if not last and step % schedule.check_every:
                    continue
                failed = ~torch.stack(finite).any(0)
                finite.clear()
                failures = failures + 1 if failed.any() else 0
                if failures:
                    slow_down /= 4
                    _fall_back(members, average, best, failed, failures)
                scores = None
                if left_out is not None and best is not None:
                    scores = _validate_at(members, average, left_out)
                    best.update(average, scores)
                known = [*losses, float(epoch_loss)]
                yield Record(step, schedule.n_steps, epoch, known, scores, best)
                if last or (best is not None and best.done):
                    return
            losses.append(float(epoch_loss))
    finally:
        with torch.no_grad():
            members.values.copy_(average if best is None else best.values)


def validate(members: Members, rows: Rows) -> Tensor:
    """Weighted mean log p of each member on its own rows, (members,)."""
    members.flow.eval()
    with torch.no_grad():
        sums = [
            (members.log_prob(block.columns, block.context) * block.weights).sum(-1)
            for block in rows.blocks(_BLOCK)
        ]
    members.flow.train()
    totals = torch.stack([torch.stack(sums).sum(0), rows.weights.sum(-1)])
    score, weight = members.team.sum(totals)
    return score / weight


def _validate_at(members: Members, values: Tensor, rows: Rows) -> Tensor:
    """As `validate`, with other weights for a moment."""
    with torch.no_grad():
        current = members.values.detach().clone()
        members.values.copy_(values)
        scores = validate(members, rows)
        members.values.copy_(current)
    return scores


def _step(
    members: Members,
    optimizer: Adam,
    batch: Rows,
    schedule: Schedule,
    rate: float,
    generator: Generator,
) -> tuple[Tensor, Tensor]:
    """One step; returns each member's loss and whether its gradient was finite."""
    columns = batch.columns
    if schedule.noise:
        draws = torch.randn(columns.shape, generator=generator, dtype=columns.dtype)
        columns = columns + schedule.noise * draws.to(columns.device)
    log_prob = members.log_prob(columns, batch.context)
    loss = -(log_prob * batch.weights).mean(-1)
    gradients = members.backward(loss)
    loss = members.team.mean(loss.detach())
    with torch.no_grad():
        norm = gradients.norm(dim=1)
        ok = (norm + loss).isfinite()
        gradients.mul_((_CLIP / norm).clamp_max(1).mul_(ok).unsqueeze(-1))
        gradients.nan_to_num_(0.0, 0.0, 0.0)  # of members that are not ok
        if schedule.alpha:
            members.values.addcmul_(members.values, members.decays, value=-rate * schedule.alpha)
        optimizer.step(rate)
    return loss, ok


def _average(average: Tensor, values: Tensor, step: int) -> None:
    """Exponential average of the weights, with a shorter memory at the start."""
    memory = min(_MEMORY, (1 + step) / (5 + step))
    average.lerp_(values, 1 - memory)


def _fall_back(
    members: Members, average: Tensor, best: Best | None, failed: Tensor, failures: int
) -> None:
    """Members without one finite step since the last check go back to their best weights."""
    if failures >= _FAILURES:
        raise FloatingPointError(
            f"The loss of {int(failed.sum())} of {members.n_members} members has stayed "
            f"non-finite for {failures} checks. Try a smaller learning_rate_init, a larger "
            "alpha, or look for values far outside the bulk of the data."
        )
    with torch.no_grad():
        good = average if best is None else best.values
        lost = failed.unsqueeze(-1)
        average.copy_(torch.where(lost, good, average))
        members.values.copy_(torch.where(lost, good, members.values))


class _Mean:
    """Mean loss over the rows of an epoch and over the members, skipped steps left out."""

    def __init__(self) -> None:
        self._steps: list[tuple[Tensor, Tensor, int]] = []  # not yet in the sums
        self._sum: float | Tensor = 0.0
        self._n: float | Tensor = 0.0

    def add(self, loss: Tensor, ok: Tensor, n_rows: int) -> None:
        self._steps.append((loss, ok, n_rows))

    def __float__(self) -> float:
        if self._steps:
            losses, oks, sizes = zip(*self._steps, strict=True)
            self._steps.clear()
            ok = torch.stack(oks)
            n_rows = ok * torch.tensor(sizes, device=ok.device).unsqueeze(-1)
            self._sum += (torch.where(ok, torch.stack(losses), 0.0) * n_rows).sum(0)
            self._n += n_rows.sum(0)
        return float((self._sum / torch.as_tensor(self._n)).nanmean())
