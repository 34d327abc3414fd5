"""Links: bijections of single columns, which can be taken apart."""

from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from skflow.flows.bijections import Bijection, Chain


class Links(nn.Module):
    """Bijections that map every column by itself, from the user's units to latent ones.

    Parameters
    ----------
    bijections : iterable of Bijection
        Fitted bijections whose buffers have one entry, or one row, for each column.
    n_columns : int
    """

    bijections: Sequence[Bijection]

    def __init__(self, bijections: Iterable[Bijection], n_columns: int):
        super().__init__()
        self.bijections = nn.ModuleList(bijections)  # type: ignore[assignment]
        self.n_columns = n_columns
        self._of_column: dict[int, Chain] = {}

    def column(self, j: int) -> Chain:
        """The map of column j: from (n, 1) to (n, 1)."""
        if j not in self._of_column:
            self._of_column[j] = Chain([self._single(each, j) for each in self.bijections])
        return self._of_column[j]

    def _single(self, bijection: Bijection, j: int) -> Bijection:
        """A bijection of many columns as one of column j alone."""
        buffers = {
            name: buffer[j : j + 1] if buffer.dim() else buffer
            for name, buffer in bijection.named_buffers()
        }
        return type(bijection)(**buffers)

    def _apply(self, fn, recurse=True):  # type: ignore[no-untyped-def]
        """Forget the maps of single columns, whose buffers do not move with those here."""
        self._of_column.clear()
        return super()._apply(fn, recurse)

    def load_state_dict(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        self._of_column.clear()
        return super().load_state_dict(*args, **kwargs)


def column_of(x: Tensor, j: int) -> Tensor:
    """Column j of a table, (n, d) to (n, 1)."""
    return x[:, j : j + 1]
