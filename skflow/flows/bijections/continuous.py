"""Continuous flows: data are carried to noise along a velocity."""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from scipy.integrate import RK45
from torch import Generator, Tensor

from skflow.flows.bijections.bijection import Bijection
from skflow.flows.nets.velocity_field import Field

QUARTER_TURN = math.pi / 2

_STAGES: list[tuple[list[float], float]] = list(zip(RK45.A.tolist(), RK45.C.tolist(), strict=True))
_WEIGHTS: list[float] = RK45.B.tolist()


@dataclass(frozen=True)
class RegressionTarget:
    """What a velocity is to learn: `towards`, at `here`, both (..., d, n), and `time` (..., n)."""

    here: Tensor
    time: Tensor
    towards: Tensor
    weights: Tensor  # (..., n)
    context: Tensor | None = None  # (..., n, c)


class ProbabilityPath(Protocol):
    """How rows become noise, which a velocity learns from examples."""

    def regression_target(
        self, columns: Tensor, weights: Tensor, context: Tensor | None, generator: Generator
    ) -> RegressionTarget:
        """Examples from columns (..., d, n), weights (..., n), a context (..., n, c) or None."""


class VelocityNetwork(Protocol):
    """A network that gives velocities, and along a path their divergence, too."""

    def __call__(self, columns: Tensor, time: Tensor, context: Tensor | None) -> Tensor:
        """Velocities of columns (..., d, n) at times (..., n)."""

    def field(self, columns: Tensor, context: Tensor | None) -> Field:
        """Velocities (..., d, n) and divergences (..., n), at one time for all rows."""


class Continuous(Bijection):
    """z = y(1), where y(0) = x and dy/dt = π/2 v(y, t) (Chen et al. 2018).

    The log-determinant is the integral of the velocity's divergence, which is exact at every
    point. Dormand and Prince's method of order five goes from 0 to 1 in steps of one length,
    so that no row depends on another, and back in the same steps.

    Time turns data x into noise ε: y(t) = x cos(πt/2) + ε sin(πt/2). For data of unit
    variance that is the variance-preserving path of Song et al. (2021), and the straight one,
    (1 − s) x + s ε, of Lipman et al. (2023), seen in coordinates in which the variance stays
    one. For standard normal data its velocity is 0 on average, wherever y is: there the
    network starts, and what it learns is the difference.

    Parameters
    ----------
    net : Module
        v, whose output starts at zero.
    n_steps : int
        Steps of the solver.
    path : Path, optional
        From data to noise, where training by regression looks. Without it the flow is trained
        by its likelihood.
    n_training_steps : int, optional
        Steps of the solver in training, by default as many as otherwise.
    """

    compilable = False  # in good time: all stages of all steps would be unrolled, for minutes

    def __init__(
        self,
        net: VelocityNetwork,
        n_steps: int,
        path: ProbabilityPath | None = None,
        n_training_steps: int | None = None,
    ):
        super().__init__()
        self.net = net
        self.n_steps = n_steps
        self.path = path
        self.n_training_steps = n_training_steps or n_steps

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.travel(x, context, 0.0, 1.0)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.travel(z, context, 1.0, 0.0)

    def travel(
        self, x: Tensor, context: Tensor | None, start: float, end: float
    ) -> tuple[Tensor, Tensor]:
        """Where rows are at the time `end` that were at x at `start`, and log |det|."""
        n_steps = self.n_training_steps if self.training else self.n_steps
        n_steps = max(1, math.ceil(n_steps * abs(end - start)))
        columns = x.mT.contiguous()
        field = self.net.field(columns, context)
        step = (end - start) / n_steps
        total = x.new_zeros(x.shape[:-1])
        for k in range(n_steps):
            columns, gained = _step(field, columns, start + k * step, step)
            total = total + gained
        return columns.mT, total

    def squared_error(
        self, here: Tensor, time: Tensor, towards: Tensor, context: Tensor | None
    ) -> Tensor:
        """Of the velocity, for each row of a lesson, (..., d, n) to (..., n).

        The mean of `towards`, given where it is, is the optimum of this regression, and carries
        the density of the data to that of the noise (theorem 2 of Lipman et al. 2023).
        """
        return (self.net(here, time, context) - towards).square().mean(-2)


def _step(field: Field, columns: Tensor, time: float, step: float) -> tuple[Tensor, Tensor]:
    """One step of Dormand & Prince (1980): where it ends, and what it adds to log |det|."""
    reach = QUARTER_TURN * step
    velocities: list[Tensor] = []
    divergences: list[Tensor] = []
    for stage, at in _STAGES:
        here = _add(columns, [reach * share for share in stage], velocities)
        velocity, divergence = field(here, time + at * step)
        velocities.append(velocity)
        divergences.append(divergence)
    weights = [reach * weight for weight in _WEIGHTS]
    gained = _add(torch.zeros_like(divergences[0]), weights, divergences)
    return _add(columns, weights, velocities), gained


def _add(total: Tensor, weights: list[float], terms: list[Tensor]) -> Tensor:
    """The total and Σ w_k term_k, over as many terms as there are."""
    for weight, term in zip(weights, terms, strict=False):
        total = torch.add(total, term, alpha=weight)
    return total
