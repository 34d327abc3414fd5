"""Adam, on one tensor."""

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """Adam (Kingma & Ba 2015) with a rate that the caller sets at every step.

    torch's own arithmetic. Its optimiser class is not used, as the first one that a process
    makes imports torch's compiler, which takes longer than many a fit.

    Parameters
    ----------
    values : Tensor
        Changed in place; its gradient is read from ``values.grad``.
    betas : (float, float)
        Memories of the gradient and of its square.
    """

    def __init__(self, values: Tensor, betas: tuple[float, float]):
        self._values = values
        self._betas = betas
        self._mean, self._square = torch.zeros_like(values), torch.zeros_like(values)
        self._step = torch.zeros((), device=values.device)

    def state(self) -> list[Tensor]:
        """Moments and the number of steps."""
        return [self._mean, self._square, self._step]

    def restore(self, state: list[Tensor]) -> None:
        """Go on from what `state` returned."""
        for own, value in zip(self.state(), state, strict=True):
            own.copy_(value)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step down the gradient."""
        assert self._values.grad is not None
        adam(
            [self._values],
            [self._values.grad],
            [self._mean],
            [self._square],
            [],
            [self._step],
            fused=True,
            amsgrad=False,
            beta1=self._betas[0],
            beta2=self._betas[1],
            lr=rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
