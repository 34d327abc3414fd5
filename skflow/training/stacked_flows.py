"""Several flows of one shape, trained as one.

The members' parameters become the rows of one matrix, and so do their gradients. The first
flow is rewired so that each of its parameters is a view of that matrix with a leading member
axis; as bijections are written in terms of trailing axes, it then maps all members at once.
Whatever happens to the parameters between two passes (the optimiser's step, clipping,
averaging over steps, keeping the best) is one operation on one tensor.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn

from skflow.runtime.compile import compiled, is_compilable
from skflow.runtime.processes import SINGLE_PROCESS, ProcessGroup


class StackedFlows:
    """Flows of one shape stacked into one.

    Parameters
    ----------
    flows : list of Module
        Equal but for the values of their parameters; the first one is taken over.
    compile : bool, default=False
        Whether what training lowers goes through torch.compile.
    team : Team, default=SINGLE_PROCESS
        The processes that train them together, each on rows of its own.

    Attributes
    ----------
    flow : Module
        Maps x (members, n, d), context (members, n, c) to log p (members, n).
    values : Tensor of shape (members, parameters)
        With its gradient, which `backward` fills in.
    decays : Tensor of shape (parameters,)
        1 for the entries of weight matrices, 0 for all others.
    """

    def __init__(
        self,
        flows: list[nn.Module],
        compile: bool = False,
        processes: ProcessGroup = SINGLE_PROCESS,
    ):
        self.processes = processes
        self.flow = flows[0]
        self.n_members = len(flows)
        self._shapes = {name: p.shape for name, p in self.flow.named_parameters()}
        with torch.no_grad():
            self.values = torch.stack([_flat(flow) for flow in flows]).requires_grad_()
        self.values.grad = torch.zeros_like(self.values)
        is_weight = [
            torch.full((shape.numel(),), float(name.endswith("weight")))
            for name, shape in self._shapes.items()
        ]
        self.decays = torch.cat(
            [self.values.new_zeros(0), *(w.to(self.values) for w in is_weight)]
        )
        for name, value in self._split(self.values.detach()).items():
            owner, _, key = name.rpartition(".")
            self.flow.get_submodule(owner)._parameters[key] = nn.Parameter(value)
        self._plain: Callable[..., Tensor] = self.flow.log_prob  # type: ignore[assignment]
        self._log_prob = compiled(self._plain, compile and is_compilable(self.flow))
        self._regression: Any = getattr(self.flow, "regression_bijection", None)
        if self._regression is not None:
            self._squared_error = compiled(self._regression.squared_error, compile)
        self._parameters = list(self.flow.parameters())

    def log_prob(self, columns: Tensor, context: Tensor | None) -> Tensor:
        """log p of each member's rows, (members, d, n) to (members, n)."""
        # no step, no compiling: what is left out comes in blocks of other sizes
        log_prob = self._log_prob if torch.is_grad_enabled() else self._plain
        return log_prob(columns.mT, None if context is None else context.mT)

    @property
    def by_regression(self) -> bool:
        """Whether the loss is that of a regression, and says nothing of log p."""
        return self._regression is not None

    def loss(
        self, columns: Tensor, weights: Tensor, context: Tensor | None, generator: Generator
    ) -> Tensor:
        """What training lowers, a weighted mean over the rows, (members, d, n) to (members,).

        It is that of −log p, unless the flow is trained by regression: then, that of squared
        errors on examples that are drawn from the generator.
        """
        if self._regression is None:
            return -(self.log_prob(columns, context) * weights).mean(-1)
        given = None if context is None else context.mT
        regression_target = self._regression.path.regression_target(
            columns, weights, given, generator
        )
        errors = self._squared_error(
            regression_target.position,
            regression_target.time,
            regression_target.velocity,
            regression_target.context,
        )
        return (errors * regression_target.weights).mean(-1)

    def backward(self, loss: Tensor) -> Tensor:
        """Each member's gradient of its own loss, (members,) to (members, parameters).

        Over a team: of the mean of the processes' losses.
        """
        if not self._parameters:
            return torch.zeros_like(self.values)
        gradients = torch.autograd.grad(loss.sum(), self._parameters, allow_unused=True)
        rows = [
            (torch.zeros_like(p) if g is None else g).reshape(self.n_members, -1)
            for p, g in zip(self._parameters, gradients, strict=True)
        ]
        return self.processes.mean(torch.cat(rows, dim=1, out=self.values.grad))

    def state(self, values: Tensor, k: int) -> dict[str, Tensor]:
        """Member k's parameters by name, taken from a matrix like `values`."""
        return {name: value[k].clone() for name, value in self._split(values.detach()).items()}

    def _split(self, matrix: Tensor) -> dict[str, Tensor]:
        parts = matrix.split([shape.numel() for shape in self._shapes.values()], dim=1)
        return {
            name: part.view(self.n_members, *shape)
            for part, (name, shape) in zip(parts, self._shapes.items(), strict=True)
        }


def _flat(flow: nn.Module) -> Tensor:
    return torch.cat(
        [torch.zeros(0, dtype=torch.float32)] + [p.detach().flatten() for p in flow.parameters()]
    )
