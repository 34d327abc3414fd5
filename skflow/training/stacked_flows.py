"""StackedFlows: several flows of one architecture, evaluated and trained as one batched module.

The parameters of every ensemble member are flattened into one row of a matrix, and so are their
gradients. The first flow is rewired so that each of its parameters is a view of that matrix with
a leading member axis. Since bijections are written in terms of trailing axes, it then maps the
rows of all members at once, and whatever happens to the parameters between two passes (the
optimizer step, gradient clipping, averaging over steps, keeping the best) is one operation on
one tensor.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn

from skflow.runtime.compile import compiled, is_compilable
from skflow.runtime.process_group import SINGLE_PROCESS, ProcessGroup


class StackedFlows:
    """Flows of one architecture with their parameters stacked.

    Parameters
    ----------
    flows : list of Module
        Equal except for the values of their parameters. The first one is modified in place.
    compile : bool, default=False
        Whether to compute the training loss through torch.compile.
    processes : ProcessGroup, default=SINGLE_PROCESS
        The processes that train the flows together, each on its own rows.

    Attributes
    ----------
    flow : Module
        Maps x of shape (members, n, d) and context of shape (members, n, c) to log p of shape
        (members, n).
    params : Tensor of shape (members, parameters)
        The parameters; `backward` fills in ``params.grad``.
    decay_mask : Tensor of shape (parameters,)
        1 for the entries of weight matrices, which weight decay shrinks; 0 for all others.
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
            self.params = torch.stack([_flatten(flow) for flow in flows]).requires_grad_()
        self.params.grad = torch.zeros_like(self.params)
        self.decay_mask = self._weight_matrix_mask()
        for name, view in self._views(self.params.detach()).items():
            owner, _, key = name.rpartition(".")
            self.flow.get_submodule(owner)._parameters[key] = nn.Parameter(view)
        self._parameter_views = list(self.flow.parameters())
        for name in getattr(self.flow, "stacked_buffers", ()):
            setattr(self.flow, name, torch.stack([getattr(flow, name) for flow in flows]))
        self._eager_log_prob: Callable[..., Tensor] = self.flow.log_prob  # type: ignore[assignment]
        self._log_prob = compiled(self._eager_log_prob, compile and is_compilable(self.flow))
        self._regression: Any = getattr(self.flow, "regression_bijection", None)
        if self._regression is not None:
            self._squared_error = compiled(self._regression.squared_error, compile)

    def log_prob(self, columns: Tensor, context: Tensor | None) -> Tensor:
        """Return log p of each member's rows.

        `columns` is (members, d, n), `context` (members, c, n); the result is (members, n).
        """
        # Held-out rows come in blocks of varying size, for which torch.compile would compile
        # anew; without gradients the flow is therefore called eagerly.
        log_prob = self._log_prob if torch.is_grad_enabled() else self._eager_log_prob
        return log_prob(columns.mT, None if context is None else context.mT)

    @property
    def by_regression(self) -> bool:
        """Whether the loss is a regression error, which is not comparable with log p."""
        return self._regression is not None

    def loss(
        self, columns: Tensor, weights: Tensor, context: Tensor | None, generator: Generator
    ) -> Tensor:
        """Return the training loss of each member, (members,).

        It is the weighted mean over the rows of −log p or, for a flow that is trained by
        regression, of the squared errors at regression targets drawn with `generator`. `columns`
        is (members, d, n), `weights` (members, n) and `context` (members, c, n).
        """
        if hasattr(self.flow, "loss"):  # a module with a loss of its own, drawn at random
            return self.flow.loss(columns, weights, context, generator)  # type: ignore[operator]
        if self._regression is None:
            return -(self.log_prob(columns, context) * weights).mean(-1)
        regression_target = self._regression.path.regression_target(
            columns, weights, None if context is None else context.mT, generator
        )
        errors = self._squared_error(
            regression_target.position,
            regression_target.time,
            regression_target.velocity,
            regression_target.context,
        )
        return (errors * regression_target.weights).mean(-1)

    def backward(self, loss: Tensor) -> Tensor:
        """Return each member's gradient of its own loss, (members,) to (members, parameters).

        In a process group it is the gradient of the mean of the processes' losses. The result is
        ``params.grad``, which is overwritten, not accumulated.
        """
        if not self._parameter_views:
            return torch.zeros_like(self.params)
        gradients = torch.autograd.grad(loss.sum(), self._parameter_views, allow_unused=True)
        blocks = [
            (torch.zeros_like(p) if g is None else g).reshape(self.n_members, -1)
            for p, g in zip(self._parameter_views, gradients, strict=True)
        ]
        return self.processes.mean(torch.cat(blocks, dim=1, out=self.params.grad))

    def state_dict(self, params: Tensor, member: int) -> dict[str, Tensor]:
        """Return one member's parameters by name, copied from a matrix shaped like `params`."""
        views = self._views(params.detach())
        return {name: view[member].clone() for name, view in views.items()}

    def _views(self, params: Tensor) -> dict[str, Tensor]:
        """Views of a matrix (members, parameters) by parameter name, (members, *shape) each."""
        blocks = params.split([shape.numel() for shape in self._shapes.values()], dim=1)
        return {
            name: block.view(self.n_members, *shape)
            for block, (name, shape) in zip(blocks, self._shapes.items(), strict=True)
        }

    def _weight_matrix_mask(self) -> Tensor:
        masks = [
            torch.full((shape.numel(),), float(name.endswith("weight"))).to(self.params)
            for name, shape in self._shapes.items()
        ]
        return torch.cat([self.params.new_zeros(0), *masks])


def _flatten(flow: nn.Module) -> Tensor:
    """All parameters of a flow in one vector, which is empty if it has none."""
    return torch.cat(
        [torch.zeros(0, dtype=torch.float32)] + [p.detach().flatten() for p in flow.parameters()]
    )
