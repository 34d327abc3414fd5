"""The training loop: Adam on minibatches, validation checks, early stopping, resumption."""

import math
from collections.abc import Generator as GeneratorType
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Generator, Tensor

from skflow.runtime.deadline import check_time
from skflow.training.adam import Adam
from skflow.training.early_stopping import EarlyStopping
from skflow.training.shuffle_buffer import ShuffleBuffer
from skflow.training.stacked_flows import StackedFlows
from skflow.training.stacked_rows import StackedRows

_MAX_GRADIENT_NORM = 3.0  # of each member; larger gradients are clipped
_MAX_FAILED_CHECKS = 5  # consecutive checks with a diverged member before training gives up
_BLOCK_SIZE = 4096  # rows scored at a time in validation


@dataclass(frozen=True)
class TrainingConfig:
    """Hyperparameters of training."""

    n_steps: int
    batch_size: int
    learning_rate: float
    alpha: float = 0.0  # weight decay of the weight matrices
    noise: float = 0.0  # standard deviation of the noise added to the inputs
    check_every: int = 25  # steps
    patience: int = 8  # checks without improvement
    tol: float = 2e-3  # minimum improvement, in nats per sample
    warm_up: int = 30  # steps
    ema_decay: float = 0.98  # of the exponential moving average of the parameters
    max_held_out: int | None = None  # held-out rows scored in a check

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step: linear warm-up, then cosine annealing to zero."""
        warm_up = min(1.0, (step + 1) / self.warm_up)
        return self.learning_rate * warm_up * 0.5 * (1 + math.cos(math.pi * step / self.n_steps))


@dataclass(frozen=True)
class CheckResult:
    """The state of training at a check; losses and scores are in nats per sample."""

    step: int
    n_steps: int
    epoch: int
    losses: list[float]  # training loss averaged over the members, one per epoch begun
    scores: Tensor | None  # (members,) validation log-likelihoods
    early_stopping: EarlyStopping | None


class TrainingLoop:
    """Stochastic gradient training that can be interrupted and resumed at any check.

    Parameters
    ----------
    flows : StackedFlows
        Trained in place.
    rows : StackedRows or ShuffleBuffer
        The training rows.
    held_out : StackedRows or None
        The rows for early stopping; None to train for all steps.
    config : TrainingConfig
    generator : Generator
        Source of all random numbers of training: minibatches, noise, regression targets.
    """

    def __init__(
        self,
        flows: StackedFlows,
        rows: StackedRows | ShuffleBuffer,
        held_out: StackedRows | None,
        config: TrainingConfig,
        generator: Generator,
    ):
        self._flows, self._rows, self._config = flows, rows, config
        self._generator = generator
        self._averaged_params = flows.params.detach().clone()
        self._optimizer = Adam(flows.params, betas=(0.9, 0.99))
        self._held_out = None if held_out is None else held_out[: config.max_held_out]
        self._early_stopping = None
        if self._held_out is not None:
            scores = validate(flows, self._held_out)
            self._early_stopping = EarlyStopping(
                self._averaged_params, scores, config.patience, config.tol
            )
        self._step = self._epoch = self._batch = self._failed_checks = 0
        self._resumed = False
        self._rate_factor = 1.0  # on the learning rate; lowered when a member diverges
        self._losses: list[float] = []  # of the epochs completed
        self._epoch_loss = _EpochLoss()
        self._epoch_rng_state = generator.get_state()  # before the epoch's minibatches are drawn
        self._finite_steps: list[Tensor] = []  # (members,) per step since the last check

    def run(self) -> GeneratorType[CheckResult]:
        """Train, and yield a result at the start and after every check.

        When the generator ends or is closed, ``flows.params`` holds the parameters to keep: each
        member's best on its held-out rows or, without those, the moving average over the last
        steps.

        Raises
        ------
        FloatingPointError
            If the loss stays non-finite although training has gone back to earlier parameters
            and lowered the learning rate several times.
        """
        early_stopping = self._early_stopping
        try:
            initial_scores = None if early_stopping is None else early_stopping.scores
            yield self._check_result(None if self._resumed else initial_scores)
            while not self._done:
                yield from self._run_epoch()
        finally:
            self.keep_best()

    def keep_best(self) -> None:
        """Set ``flows.params`` to the parameters to keep, as the end of `run` does."""
        early_stopping = self._early_stopping
        best = self._averaged_params if early_stopping is None else early_stopping.params
        with torch.no_grad():
            self._flows.params.copy_(best)

    def state_dict(self) -> dict[str, Any]:
        """Return the state at the last check as tensors, numbers, lists and dicts."""
        early_stopping = self._early_stopping
        return {
            "params": self._flows.params.detach(),
            "averaged_params": self._averaged_params,
            "optimizer": self._optimizer.state_dict(),
            "early_stopping": None if early_stopping is None else early_stopping.state_dict(),
            "step": self._step,
            "epoch": self._epoch,
            "batch": self._batch,
            "failed_checks": self._failed_checks,
            "rate_factor": self._rate_factor,
            "losses": list(self._losses),
            "epoch_loss": self._epoch_loss.state_dict(),
            "generator": [self._epoch_rng_state, self._generator.get_state()],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from what `state_dict` returned for the same flows, rows and configuration."""
        self._resumed = True
        with torch.no_grad():
            self._flows.params.copy_(state["params"])
            self._averaged_params.copy_(state["averaged_params"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._early_stopping is not None:
            self._early_stopping.load_state_dict(state["early_stopping"])
        self._step, self._epoch, self._batch = state["step"], state["epoch"], state["batch"]
        self._failed_checks, self._rate_factor = state["failed_checks"], state["rate_factor"]
        self._losses = list(state["losses"])
        self._epoch_loss.load_state_dict(state["epoch_loss"], self._flows.params.device)
        self._epoch_rng_state, rng_state = state["generator"]
        self._generator.set_state(rng_state)

    @property
    def _done(self) -> bool:
        out_of_patience = self._early_stopping is not None and self._early_stopping.done
        return self._step >= self._config.n_steps or out_of_patience

    def _run_epoch(self) -> GeneratorType[CheckResult]:
        """Train for one epoch, or for the rest of one when resumed within it."""
        config = self._config
        for batch in self._batches():
            check_time()
            rate = config.learning_rate_at(self._step) * self._rate_factor
            loss, finite = _training_step(
                self._flows, self._optimizer, batch, config, rate, self._generator
            )
            self._epoch_loss.add(loss, finite, len(batch))
            self._finite_steps.append(finite)
            _update_average(
                self._averaged_params, self._flows.params.detach(), self._step, config.ema_decay
            )
            self._step += 1
            self._batch += 1
            if self._step == config.n_steps or self._step % config.check_every == 0:
                yield self._check_result(self._check())
                if self._done:
                    return
        self._losses.append(float(self._epoch_loss))
        self._epoch_loss, self._batch = _EpochLoss(), 0

    def _batches(self) -> Iterator[StackedRows]:
        """Minibatches of the current epoch that have not been trained on yet."""
        rng_state = self._generator.get_state()
        if self._batch == 0:
            self._epoch += 1
            self._epoch_rng_state = rng_state
        self._generator.set_state(self._epoch_rng_state)
        batches = self._rows.minibatches(self._config.batch_size, self._generator)
        if self._batch:
            self._generator.set_state(rng_state)
        return islice(batches, self._batch, None)

    def _check(self) -> Tensor | None:
        """Roll back diverged members, then score the averaged parameters on held-out rows."""
        diverged = ~torch.stack(self._finite_steps).any(0)
        self._finite_steps.clear()
        self._failed_checks = self._failed_checks + 1 if diverged.any() else 0
        if self._failed_checks:
            self._rate_factor /= 4
            self._roll_back(diverged)
        if self._held_out is None or self._early_stopping is None:
            return None
        scores = _validate_with(self._flows, self._averaged_params, self._held_out)
        self._early_stopping.update(self._averaged_params, scores)
        return scores

    def _roll_back(self, diverged: Tensor) -> None:
        """Reset members without one finite step since the last check to their best parameters."""
        if self._failed_checks >= _MAX_FAILED_CHECKS:
            raise FloatingPointError(
                f"The loss of {int(diverged.sum())} of {self._flows.n_members} ensemble members "
                f"was non-finite at {self._failed_checks} checks in a row. Try a smaller "
                "learning_rate_init, a larger alpha, or look for values far outside the bulk of "
                "the data."
            )
        average, early_stopping = self._averaged_params, self._early_stopping
        with torch.no_grad():
            best = average if early_stopping is None else early_stopping.params
            mask = diverged.unsqueeze(-1)
            average.copy_(torch.where(mask, best, average))
            self._flows.params.copy_(torch.where(mask, best, self._flows.params))

    def _check_result(self, scores: Tensor | None) -> CheckResult:
        current_epoch = [float(self._epoch_loss)] if self._batch else []
        losses = [*self._losses, *current_epoch]
        return CheckResult(
            self._step, self._config.n_steps, self._epoch, losses, scores, self._early_stopping
        )


def validate(flows: StackedFlows, rows: StackedRows) -> Tensor:
    """Return each member's weighted mean log p on its rows, (members,), in nats per sample.

    In a process group the mean is over the rows of all processes.
    """
    flows.flow.eval()
    with torch.no_grad():
        sums = []
        for block in rows.blocks(_BLOCK_SIZE):
            check_time()
            log_prob = flows.log_prob(block.columns, block.context)
            sums.append((log_prob * block.weights).sum(-1))
    flows.flow.train()
    totals = torch.stack([torch.stack(sums).sum(0), rows.weights.sum(-1)])
    score, weight = flows.processes.sum(totals)
    return score / weight


def _validate_with(flows: StackedFlows, params: Tensor, rows: StackedRows) -> Tensor:
    """`validate` with other parameters (members, parameters) in place of the current ones."""
    with torch.no_grad():
        current = flows.params.detach().clone()
        flows.params.copy_(params)
        scores = validate(flows, rows)
        flows.params.copy_(current)
    return scores


def _training_step(
    flows: StackedFlows,
    optimizer: Adam,
    batch: StackedRows,
    config: TrainingConfig,
    learning_rate: float,
    generator: Generator,
) -> tuple[Tensor, Tensor]:
    """Take one step; return each member's loss and whether loss and gradient were finite.

    Both are (members,). Members whose loss or gradient is not finite get a zero gradient.
    """
    columns = batch.columns
    if config.noise:
        noise = torch.randn(columns.shape, generator=generator, dtype=columns.dtype)
        columns = columns + config.noise * noise.to(columns.device)
    loss = flows.loss(columns, batch.weights, batch.context, generator)
    gradients = flows.backward(loss)
    loss = flows.processes.mean(loss.detach())
    with torch.no_grad():
        norm = gradients.norm(dim=1)
        finite = (norm + loss).isfinite()
        gradients.mul_((_MAX_GRADIENT_NORM / norm).clamp_max(1).mul_(finite).unsqueeze(-1))
        gradients.nan_to_num_(0.0, 0.0, 0.0)  # 0 × NaN and 0 × inf of the non-finite members
        if config.alpha:
            decay = -learning_rate * config.alpha
            flows.params.addcmul_(flows.params, flows.decay_mask, value=decay)
        optimizer.step(learning_rate)
    return loss, finite


def _update_average(average: Tensor, params: Tensor, step: int, ema_decay: float) -> None:
    """Update the exponential moving average in place, with a smaller decay in early steps."""
    ema_decay = min(ema_decay, (1 + step) / (5 + step))
    average.lerp_(params, 1 - ema_decay)


class _EpochLoss:
    """Running mean of the training loss over the rows of an epoch and over the members.

    Steps with a non-finite loss or gradient are skipped.
    """

    def __init__(self) -> None:
        self._pending: list[tuple[Tensor, Tensor, int]] = []  # steps not yet in the sums
        self._loss_sum: float | Tensor = 0.0  # (members,) once there was a step
        self._n_rows: float | Tensor = 0.0  # (members,) likewise

    def add(self, loss: Tensor, finite: Tensor, n_rows: int) -> None:
        """Add a step on `n_rows` rows; `loss` and `finite` are (members,)."""
        self._pending.append((loss, finite, n_rows))

    def state_dict(self) -> dict[str, float | Tensor]:
        """Return the sums over the steps so far."""
        self._reduce()
        return {"loss_sum": self._loss_sum, "n_rows": self._n_rows}

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Continue from what `state_dict` returned."""
        self._loss_sum = torch.as_tensor(state["loss_sum"], device=device)
        self._n_rows = torch.as_tensor(state["n_rows"], device=device)

    def __float__(self) -> float:
        self._reduce()
        return float((self._loss_sum / torch.as_tensor(self._n_rows)).nanmean())

    def _reduce(self) -> None:
        """Add the pending steps to the sums, all at once to save small tensor operations."""
        if not self._pending:
            return
        losses, finite_steps, sizes = zip(*self._pending, strict=True)
        self._pending.clear()
        finite = torch.stack(finite_steps)
        n_rows = finite * torch.tensor(sizes, device=finite.device).unsqueeze(-1)
        finite_losses = torch.where(finite, torch.stack(losses), 0.0)
        self._loss_sum = self._loss_sum + (finite_losses * n_rows).sum(0)
        self._n_rows = self._n_rows + n_rows.sum(0)
