"""Training where cells are missing: on observed cells, then on rows that are completed by draws.

What a network learns from observed cells alone is right for a column given the columns that its
holes depend on, and biased without them. In the second pass, each missing cell is drawn by the
networks themselves given all observed cells of its row, and counts as observed from then on.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Generator, Tensor

from skflow.fitting.any_order.net_member import NetMember
from skflow.fitting.any_order.parts import AnyOrderSamples, PartComponent
from skflow.fitting.defaults import FitConfig
from skflow.fitting.ensemble import EnsembleTrainer
from skflow.fitting.fit_context import FitContext, Monitor
from skflow.fitting.history import History
from skflow.flows.any_order.any_order_density import AnyOrderDensity
from skflow.flows.any_order.net_part import NetPart
from skflow.preprocessing.dataset import Split
from skflow.runtime.deadline import check_time

_FIRST_PASS = 0.6  # of all steps
_RATE = 0.5  # of the learning rate, in the second pass
_COPIES = 3  # of each row, with other draws
_BLOCK = 2048  # rows that are completed at a time


class TwoPassTrainer:
    """As `EnsembleTrainer`, for samples with missing cells.

    Parameters
    ----------
    members, splits, samples, config, generator, fit
        Those of the first pass; `config` has the steps of both.
    """

    def __init__(
        self,
        members: Sequence[NetMember],
        splits: list[Split],
        samples: AnyOrderSamples,
        config: FitConfig,
        generator: Generator,
        fit: FitContext,
    ):
        self._splits, self._samples, self._config = splits, samples, config
        self._generator, self._fit, self._noise = generator, fit, members[0].noise
        first = _with_training(config, _FIRST_PASS, 1.0)
        self._trainer: EnsembleTrainer[PartComponent] = EnsembleTrainer(
            members, splits, samples, first, generator, fit
        )
        self.history = self._trainer.history

    def run(self) -> History:
        """Train until convergence, the deadline or Ctrl-C, which is raised.

        The history is that of the first pass: scores of completed rows are others.
        """
        self._trainer.run()
        if not self._fit.stages.over:
            second = self._second_pass()
            self._trainer = second
            # an epoch of the copies is as many of the rows, if it is not cut short
            n_left = round((1 - _FIRST_PASS) * self._config.n_epochs)
            self.history.n_epochs += min(n_left, _COPIES * second.run().n_epochs)
        return self.history

    def components(self) -> list[PartComponent]:
        """The trained members in float64 on the CPU."""
        return self._trainer.components()

    def _second_pass(self) -> EnsembleTrainer[PartComponent]:
        components = self._trainer.components()
        parts = [component.part for component in components]
        n, copies = len(self._samples), _COPIES
        data = self._samples.data.take(np.tile(np.arange(n), copies))
        completed = self._fit.processes.broadcast(
            lambda: self._completed(parts, data.x, data.context)
        )
        data = replace(data, x=completed, weights=data.weights / copies)
        samples = replace(self._samples, data=data, completed=data)
        members = [NetMember(part, self._noise) for part in parts if isinstance(part, NetPart)]
        config = _with_training(self._config, 1 - _FIRST_PASS, _RATE)
        # an interrupted fit resumes in the first pass, and then comes here again
        fit = replace(self._fit, monitor=Monitor(self._fit.monitor.report))
        splits = [_repeated(split, n, copies) for split in self._splits]
        return EnsembleTrainer(members, splits, samples, config, self._generator, fit)

    def _completed(self, parts: list, x: Tensor, context: Tensor | None) -> Tensor:
        """Rows (n, d) with their missing cells drawn, each row by one of the networks."""
        weights = torch.full((len(parts),), 1 / len(parts), dtype=x.dtype)
        density = AnyOrderDensity(self._samples.columns, parts, weights)
        blocks = []
        with torch.no_grad():
            for start in range(0, len(x), _BLOCK):
                check_time()
                rows = slice(start, start + _BLOCK)
                own = None if context is None else context[rows]
                blocks.append(density.complete(x[rows], self._generator, own))
        return torch.cat(blocks)


def _with_training(config: FitConfig, share: float, rate: float) -> FitConfig:
    """A configuration with a share of the steps and of the learning rate."""
    training = config.training
    steps = max(1, round(share * training.n_steps))
    return replace(
        config,
        n_epochs=max(1, round(share * config.n_epochs)),
        training=replace(training, n_steps=steps, learning_rate=rate * training.learning_rate),
    )


def _repeated(split: Split, n: int, copies: int) -> Split:
    """The same split of `copies` tables of n rows, one after another."""

    def repeated(index: np.ndarray) -> np.ndarray:
        return np.concatenate([index + k * n for k in range(copies)])

    return Split(repeated(split.train), repeated(split.held_out))
