"""What a whole fit shares: seed, device, processes, stages, and who monitors it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch

from skflow.fitting.stages import Stages
from skflow.runtime.process_group import SINGLE_PROCESS, ProcessGroup
from skflow.serialization.checkpoint import Checkpoint


@dataclass(frozen=True)
class Progress:
    """The state of training after a validation check; the score in nats per sample."""

    step: int
    n_steps: int
    epoch: int
    n_epochs: int
    score: float | None


ProgressHook = Callable[[Iterable[Progress]], Iterable[Progress]]


@dataclass(frozen=True)
class Monitor:
    """Reports on training, and saves its state.

    Parameters
    ----------
    report : callable
        Passes the progress on while showing it; training stops where it stops.
    checkpoint : Checkpoint
        Where the state of training is saved.
    """

    report: ProgressHook = iter
    checkpoint: Checkpoint = field(default_factory=lambda: Checkpoint(None))


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
    stages : Stages
        What is done already, and what ends the fit early.
    """

    seed: int
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    processes: ProcessGroup = SINGLE_PROCESS
    monitor: Monitor = field(default_factory=Monitor)
    stages: Stages = field(default_factory=Stages)
