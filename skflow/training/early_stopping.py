"""EarlyStopping: the best parameters of each ensemble member, and when to stop training."""

import torch
from torch import Tensor


class EarlyStopping:
    """Keeps each member's best parameters and counts checks without improvement.

    Parameters
    ----------
    params : Tensor of shape (members, parameters)
        The initial parameters.
    scores : Tensor of shape (members,)
        Their validation log-likelihoods, in nats per sample.
    patience : int
        Number of consecutive checks without improvement after which a member is done.
    tol : float
        The minimum improvement that counts, in nats per sample. It is measured from the score at
        the last improvement that counted, so that small gains add up.

    Attributes
    ----------
    params : Tensor of shape (members, parameters)
        The best parameters so far.
    scores : Tensor of shape (members,)
        Their scores.
    """

    def __init__(self, params: Tensor, scores: Tensor, patience: int, tol: float):
        self.params = params.detach().clone()
        self.scores = scores.nan_to_num(nan=-torch.inf)
        self.patience = patience
        self.tol = tol
        self._reference_scores = self.scores.clone()
        self._n_no_change = torch.zeros_like(scores)
        self._has_improved = torch.zeros_like(scores, dtype=torch.bool)

    def update(self, params: Tensor, scores: Tensor) -> None:
        """Record the parameters and scores of a check; NaN never counts as better."""
        better = scores > self.scores
        self.params = torch.where(better.unsqueeze(-1), params.detach(), self.params)
        self.scores = torch.where(better, scores, self.scores)
        improved = scores > self._reference_scores + self.tol
        self._reference_scores = torch.where(improved, scores, self._reference_scores)
        self._n_no_change = torch.where(improved, 0.0, self._n_no_change + 1)
        self._has_improved |= improved

    def state_dict(self) -> dict[str, Tensor]:
        """Return the best parameters and scores, and the counts of checks."""
        return {
            "params": self.params,
            "scores": self.scores,
            "reference_scores": self._reference_scores,
            "n_no_change": self._n_no_change,
            "has_improved": self._has_improved,
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue from what `state_dict` returned."""
        state = {name: state[name].to(own) for name, own in self.state_dict().items()}
        self.params, self.scores = state["params"], state["scores"]
        self._reference_scores = state["reference_scores"]
        self._n_no_change = state["n_no_change"]
        self._has_improved = state["has_improved"]

    @property
    def done(self) -> bool:
        """Whether every member has run out of patience."""
        return bool((self._n_no_change >= self.patience).all())

    @property
    def still_improving(self) -> bool:
        """Whether at least half of the members improved within the last two checks."""
        recently = self._has_improved & (self._n_no_change < min(2, self.patience))
        return bool(recently.float().mean() >= 0.5)
