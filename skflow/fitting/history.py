"""How training went."""

from dataclasses import dataclass, field


@dataclass
class History:
    """Epochs, losses and scores of a fit; log-likelihoods in nats per sample, in user units."""

    n_epochs: int = 0
    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    best_score: float | None = None
    still_improving: bool = False

    def prepend(self, n_epochs: int, losses: list[float], scores: list[float]) -> None:
        """Put the history of an earlier fit in front."""
        self.n_epochs += n_epochs
        self.losses = losses + self.losses
        self.scores = scores + self.scores
