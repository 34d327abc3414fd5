"""Which weights to keep, and when to stop."""

import torch
from torch import Tensor


class EarlyStopping:
    """Each member's best weights so far, and how long it has not gained.

    Parameters
    ----------
    values : Tensor of shape (members, parameters)
        The weights at the start.
    scores : Tensor of shape (members,)
        Their validation log-likelihoods, in nats a row.
    patience : int
        Checks without a gain after which a member is done.
    tol : float
        The least gain that counts, in nats a row.
    """

    def __init__(self, values: Tensor, scores: Tensor, patience: int, tol: float):
        self.values = values.detach().clone()
        self.scores = scores.nan_to_num(nan=-torch.inf)
        self.patience = patience
        self.tol = tol
        self._mark = self.scores.clone()
        self._waited = torch.zeros_like(scores)
        self._gained_ever = torch.zeros_like(scores, dtype=torch.bool)

    def update(self, values: Tensor, scores: Tensor) -> None:
        """Take note of new weights and their scores; NaN is never better."""
        better = scores > self.scores
        self.values = torch.where(better.unsqueeze(-1), values.detach(), self.values)
        self.scores = torch.where(better, scores, self.scores)
        gained = scores > self._mark + self.tol
        self._mark = torch.where(gained, scores, self._mark)
        self._waited = torch.where(gained, 0.0, self._waited + 1)
        self._gained_ever |= gained

    def state(self) -> list[Tensor]:
        """Weights, scores, and how long the members have waited."""
        return [self.values, self.scores, self._mark, self._waited, self._gained_ever]

    def restore(self, state: list[Tensor]) -> None:
        """Go on from what `state` returned."""
        own = self.state()
        self.values, self.scores, self._mark, self._waited, self._gained_ever = (
            value.to(mine) for mine, value in zip(own, state, strict=True)
        )

    @property
    def done(self) -> bool:
        """Whether no member has gained for as long as its patience."""
        return bool((self._waited >= self.patience).all())

    @property
    def still_improving(self) -> bool:
        """Whether half of the members gained more than `tol` within the last two checks."""
        lately = self._gained_ever & (self._waited < min(2, self.patience))
        return bool(lately.float().mean() >= 0.5)
