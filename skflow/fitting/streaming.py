"""A table of which a fit holds some rows, and trains on all of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skflow.data.sources import Source
from skflow.data.validation import check_deviations
from skflow.flows.bijections import Chain, Standardize
from skflow.preprocessing.dataset import Split
from skflow.preprocessing.supports import DequantizedRows, Support, check_inside
from skflow.runtime.processes import ProcessGroup
from skflow.training.shuffle_buffer import ShuffleBuffer
from skflow.training.stacked_rows import StackedRows

_MIXED = 256  # chunks in a full buffer, where a table can be read in chunks of any size
_MIN_CHUNK = 16  # rows


@dataclass(frozen=True)
class Moments:
    """Summed weight, means (d,) and standard deviations (d,) of some rows."""

    weight: float
    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, x: Tensor, w: Tensor) -> "Moments":
        """Those of rows (n, d) with weights (n,)."""
        input_transform = Standardize.fit(x, w)
        constant = x.amax(0) == x.amin(0)
        return cls(
            float(w.sum()),
            input_transform.loc.numpy(),
            input_transform.scale.where(~constant, 0).numpy(),
        )

    @classmethod
    def merged(cls, components: "Sequence[Moments]") -> "Moments":
        """Those of all rows (Chan, Golub & LeVeque 1983), without squares that overflow."""
        weights = np.array([component.weight for component in components])
        share = (weights / weights.sum())[:, None]
        means = np.stack([component.mean for component in components])
        mean = means[0] + (share * (means - means[0])).sum(0)
        within = np.stack([component.deviation for component in components])
        spread = np.sqrt(share) * np.stack([within, means - mean])
        return cls(float(weights.sum()), mean, np.hypot.reduce(spread, axis=(0, 1)))


@dataclass(frozen=True)
class StreamedDataset:
    """All rows of a table, beside those that a fit holds.

    Parameters
    ----------
    source : Source
        The table.
    weights : ndarray of shape (n,) or None
        Its rows' weights.
    drawn : ndarray
        Numbers of the rows that are held.
    held : DequantizedRows
        They, those of the other processes included.
    supports : list of Support
        What to check all rows by.
    n_buffer : int
        Rows to shuffle at a time.
    """

    source: Source
    weights: np.ndarray | None
    drawn: np.ndarray
    held: DequantizedRows
    supports: list[Support]
    n_buffer: int

    def input_transform(self, processes: ProcessGroup) -> Chain:
        """Links that standardise all rows, which are checked: one reading.

        Raises
        ------
        ValueError
            Where a row is not finite or outside its support, or a variance overflows.
        """
        bijections, rng = Chain(self.held.bijections), np.random.default_rng(0)
        total: list[Moments] = []
        for start, values in self.source.enumerate_chunks():
            check_inside(values, self.supports, self.source.names, start + np.arange(len(values)))
            weights = self._weights(start, len(values))
            if weights.any():
                x, _ = bijections(torch.from_numpy(self.held.like(values, rng)))
                total = [Moments.merged([*total, Moments.of(x, torch.from_numpy(weights))])]
        moments = Moments.merged(
            [component for components in processes.all_gather(total) for component in components]
        )
        check_deviations(moments.deviation, self.source.names)
        scale = np.where(moments.deviation > 0, moments.deviation, 1.0)
        standardize = Standardize(torch.from_numpy(moments.mean), torch.from_numpy(scale))
        return Chain([*self.held.bijections, standardize])

    def stream(
        self,
        input_transform: Chain,
        fixed: list[Chain],
        splits: list[Split],
        device: torch.device,
        processes: ProcessGroup,
    ) -> ShuffleBuffer:
        """Rows for members behind fixed links, less those that a member leaves out."""
        lengths = processes.all_gather(len(self.source))
        weights = len(self.source) if self.weights is None else float(self.weights.sum())
        sums = processes.all_gather(weights)
        share = len(self.source) * processes.size / sum(lengths)
        factor = share * sum(lengths) / sum(sums)  # shards weigh as many rows as they have
        held_out = self._held_out(splits)

        def chunks(seed: int) -> Iterator[StackedRows]:
            rng = np.random.default_rng(seed)
            size = max(_MIN_CHUNK, self.n_buffer // _MIXED)
            for start, values in self.source.enumerate_chunks(rng, size):
                with torch.no_grad():
                    x, _ = input_transform(torch.from_numpy(self.held.like(values, rng)))
                    images = [bijections(x)[0].float() for bijections in fixed]
                weights = factor * self._weights(start, len(values))
                owner = self._owner(values, start, held_out)
                seen = [
                    torch.from_numpy(weights * (owner != k)).float() for k in range(len(fixed))
                ]
                yield StackedRows.stack(images, seen).to(device)

        return ShuffleBuffer(chunks, self.n_buffer, share)

    def _weights(self, start: int, n_rows: int) -> np.ndarray:
        if self.weights is None:
            return np.ones(n_rows)
        return self.weights[start : start + n_rows]

    def _held_out(self, splits: list[Split]) -> dict[bytes, int]:
        """The number of the member that leaves out a row, by the row."""
        return {
            row: k
            for k, split in enumerate(splits)
            for row in _keys(self.held.values[split.held_out])
        }

    def _owner(self, values: np.ndarray, start: int, held_out: dict[bytes, int]) -> np.ndarray:
        """The member that leaves out each row, −1 where none does.

        Rows that are equal to one left out are left out, unless they are counts.
        """
        owner = np.array([held_out.get(row, -1) for row in _keys(values)])
        if self.held.counted:
            owner[~np.isin(start + np.arange(len(values)), self.drawn)] = -1
        return owner


def _keys(values: np.ndarray) -> list[bytes]:
    """Rows as what can be looked up; −0 is 0."""
    rows = np.ascontiguousarray(values + 0.0)
    return rows.view(f"V{rows.itemsize * rows.shape[1]}").ravel().tolist()
