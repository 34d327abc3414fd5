"""The Adam optimizer for a single tensor of parameters."""

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """Adam (Kingma & Ba 2015) with a learning rate that the caller passes at every step.

    The arithmetic is torch's own. ``torch.optim.Adam`` is not used because the first optimizer
    constructed in a process imports torch's compiler, which takes longer than many a fit.

    Parameters
    ----------
    params : Tensor
        Updated in place; the gradient is read from ``params.grad``.
    betas : (float, float)
        Decay rates of the moving averages of the gradient and of its square.
    """

    def __init__(self, params: Tensor, betas: tuple[float, float]):
        self._params = params
        self._betas = betas
        self._state = {
            "exp_avg": torch.zeros_like(params),
            "exp_avg_sq": torch.zeros_like(params),
            "step": torch.zeros((), device=params.device, dtype=torch.float32),
        }

    def state_dict(self) -> dict[str, Tensor]:
        """Return the moving averages and the number of steps, by torch's names, not copied."""
        return dict(self._state)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue from what `state_dict` returned."""
        for name, tensor in self._state.items():
            tensor.copy_(state[name])

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Take one optimization step."""
        assert self._params.grad is not None
        adam(
            [self._params],
            [self._params.grad],
            [self._state["exp_avg"]],
            [self._state["exp_avg_sq"]],
            [],
            [self._state["step"]],
            fused=True,
            amsgrad=False,
            beta1=self._betas[0],
            beta2=self._betas[1],
            lr=learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
