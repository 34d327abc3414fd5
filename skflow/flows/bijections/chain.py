"""Bijections one after another."""

from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from skflow.flows.bijections.bijection import Bijection


class Chain(Bijection):
    """f = f_K ∘ … ∘ f_1: images are passed on, log-determinants are added up."""

    links: Sequence[Bijection]

    def __init__(self, links: Iterable[Bijection] = ()):
        super().__init__()
        self.links = nn.ModuleList(links)  # type: ignore[assignment]

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        total = x.new_zeros(x.shape[:-1])
        for link in self.links:
            x, log_det = link(x, context)
            total = total + log_det
        return x, total

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        total = z.new_zeros(z.shape[:-1])
        for link in reversed(self.links):
            z, log_det = link.inverse(z, context)
            total = total + log_det
        return z, total
