"""What a whole fit shares: seed, device, processes, and who monitors it."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch

from skflow.runtime.process_group import SINGLE_PROCESS, ProcessGroup
from skflow.serialization.checkpoint import Checkpoint


@dataclass(frozen=True)
class Progress:
    """The state of training after a validation check; the score in nats per sample."""

    step: int
    n_steps: int
    score: float | None


ProgressHook = Callable[[Iterable[Progress]], Iterable[Progress]]


@dataclass(frozen=True)
class Monitor:
    """Reports on training, saves its state, and ends it.

    Parameters
    ----------
    report : callable
        Passes the progress on while showing it; training stops where it stops.
    checkpoint : Checkpoint
        Where the state of training is saved.
    deadline : float
        Time of ``time.monotonic`` at which training ends with the best weights so far.
    """

    report: ProgressHook = iter
    checkpoint: Checkpoint = field(default_factory=lambda: Checkpoint(None))
    deadline: float = math.inf


@dataclass(frozen=True)
class FitContext:
    """Shared by all steps of one fit.

    Parameters
    ----------
    seed : int
        Fixes every random number of the fit.
    device : torch.device
        Where the ensemble is trained.
    processes : ProcessGroup
        The processes that fit one density together.
    monitor : Monitor
    """

    seed: int
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    processes: ProcessGroup = SINGLE_PROCESS
    monitor: Monitor = field(default_factory=Monitor)
