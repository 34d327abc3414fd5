"""Continuous: a flow along a velocity field, from data to noise."""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from scipy.integrate import RK45
from torch import Generator, Tensor

from skflow.flows.bijections.bijection import Bijection
from skflow.flows.nets.velocity_field import Field

HALF_PI = math.pi / 2

_STAGES: list[tuple[list[float], float]] = list(zip(RK45.A.tolist(), RK45.C.tolist(), strict=True))
_WEIGHTS: list[float] = RK45.B.tolist()


@dataclass(frozen=True)
class RegressionTarget:
    """Examples to fit a velocity field to.

    Parameters
    ----------
    position : Tensor of shape (..., d, n)
        Where the velocity field is evaluated.
    time : Tensor of shape (..., n)
        When, between 0 and 1.
    velocity : Tensor of shape (..., d, n)
        The targets, dy/dt · 2/π.
    weights : Tensor of shape (..., n)
    context : Tensor of shape (..., n, c), optional
    """

    position: Tensor
    time: Tensor
    velocity: Tensor
    weights: Tensor
    context: Tensor | None = None


class ProbabilityPath(Protocol):
    """A path from data to noise, whose velocity is learned from examples."""

    def regression_target(
        self, columns: Tensor, weights: Tensor, context: Tensor | None, generator: Generator
    ) -> RegressionTarget:
        """Draw examples from columns (..., d, n), weights (..., n) and a context (..., n, c)."""


class VelocityNetwork(Protocol):
    """A network that computes velocities, and their divergences along a trajectory."""

    def __call__(self, columns: Tensor, time: Tensor, context: Tensor | None) -> Tensor:
        """Velocities (..., d, n) of columns (..., d, n) at times (..., n)."""

    def field(self, columns: Tensor, context: Tensor | None) -> Field:
        """Velocities (..., d, n) and divergences (..., n) at one time for all rows."""


class Continuous(Bijection):
    """z = y(1), where y(0) = x and dy/dt = π/2 v(y, t) (Chen et al. 2018).

    The log-determinant is the integral of the divergence of v, which is computed exactly.
    Dormand and Prince's method of order five integrates from 0 to 1 in steps of equal length,
    so that no row depends on another, and back in the same steps.

    Time turns data x into noise ε: y(t) = x cos(πt/2) + ε sin(πt/2). For data of unit variance
    this is the variance-preserving path of Song et al. (2021), and also the straight path
    (1 − s) x + s ε of Lipman et al. (2023), rescaled so that the variance stays one. For
    standard normal data its mean velocity is 0 everywhere, which is the network's initial
    output.

    Parameters
    ----------
    net : Module
        The velocity field v, initially zero.
    n_steps : int
        Number of steps of the solver.
    path : ProbabilityPath, optional
        The path from data to noise for training by regression. Without it, the flow is trained
        by maximum likelihood.
    n_training_steps : int, optional
        Number of steps of the solver in training, by default `n_steps`.
    """

    compilable = False  # compilation unrolls all stages of all steps, which takes minutes

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
        return self.integrate(x, context, 0.0, 1.0)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.integrate(z, context, 1.0, 0.0)

    def integrate(
        self, x: Tensor, context: Tensor | None, start: float, end: float
    ) -> tuple[Tensor, Tensor]:
        """Integrate from the time `start` to `end`.

        Parameters
        ----------
        x : Tensor of shape (..., n, d)
            Positions at the time `start`.
        context : Tensor of shape (..., n, c) or None
        start, end : float
            Times between 0, the data, and 1, the noise.

        Returns
        -------
        y : Tensor of shape (..., n, d)
            Positions at the time `end`.
        log_det : Tensor of shape (..., n)
        """
        n_steps = self.n_training_steps if self.training else self.n_steps
        n_steps = max(1, math.ceil(n_steps * abs(end - start)))
        columns = x.mT.contiguous()
        field = self.net.field(columns, context)
        step = (end - start) / n_steps
        log_det = x.new_zeros(x.shape[:-1])
        for k in range(n_steps):
            columns, step_log_det = _step(field, columns, start + k * step, step)
            log_det = log_det + step_log_det
        return columns.mT, log_det

    def squared_error(
        self, position: Tensor, time: Tensor, velocity: Tensor, context: Tensor | None
    ) -> Tensor:
        """Mean squared error of the velocity field for each example of a regression target.

        The optimum is the conditional mean of the velocity given the position, which transports
        the density of the data to that of the noise (theorem 2 of Lipman et al. 2023).

        Parameters
        ----------
        position, time, velocity, context
            As in `RegressionTarget`.

        Returns
        -------
        error : Tensor of shape (..., n)
        """
        return (self.net(position, time, context) - velocity).square().mean(-2)


def _step(field: Field, columns: Tensor, time: float, step: float) -> tuple[Tensor, Tensor]:
    """One step of Dormand & Prince (1980): the columns after it, and its log |det|."""
    scaled_step = HALF_PI * step  # as dy/dt = π/2 v
    velocities: list[Tensor] = []
    divergences: list[Tensor] = []
    for coefficients, node in _STAGES:
        position = _add(columns, [scaled_step * a for a in coefficients], velocities)
        velocity, divergence = field(position, time + node * step)
        velocities.append(velocity)
        divergences.append(divergence)
    weights = [scaled_step * weight for weight in _WEIGHTS]
    log_det = _add(torch.zeros_like(divergences[0]), weights, divergences)
    return _add(columns, weights, velocities), log_det


def _add(total: Tensor, weights: list[float], terms: list[Tensor]) -> Tensor:
    """total + Σ w_k term_k, over as many weights as there are terms."""
    for weight, term in zip(weights, terms, strict=False):
        total = torch.add(total, term, alpha=weight)
    return total
