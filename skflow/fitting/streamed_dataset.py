"""Training on all rows of a table that is too long for memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from skflow.data.holes import canonical, has_cells
from skflow.data.sources import Source
from skflow.data.support import Support
from skflow.data.validation import check_deviations
from skflow.fitting.fit_context import FitContext
from skflow.flows.bijections import Chain, Standardize
from skflow.preprocessing.dataset import Split, WeightedDataset
from skflow.preprocessing.odd_cells import OddCells, OddCellsAsHoles
from skflow.preprocessing.support_transform import SupportTransform
from skflow.preprocessing.supports import check_inside, snapped
from skflow.runtime.process_group import ProcessGroup
from skflow.training.shuffle_buffer import ShuffleBuffer
from skflow.training.stacked_rows import StackedRows

_CHUNKS_PER_BUFFER = 256  # if the source can be read in chunks of this size
_MIN_CHUNK = 16  # rows
_MAX_BLOCKS = 10  # whose rows with odd cells are kept


@dataclass(frozen=True)
class Moments:
    """Total weights (d,), means (d,) and standard deviations (d,) of the observed cells."""

    weight: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, x: Tensor, weights: Tensor) -> "Moments":
        """Moments of samples (n, d) with weights (n,)."""
        if x.isnan().any():
            return cls._by_column(x, weights)
        standardize = Standardize.fit(x, weights)
        constant = x.amax(0) == x.amin(0)
        deviation = standardize.scale.where(~constant, 0).numpy()
        weight = np.full(x.shape[1], float(weights.sum()))
        return cls(weight, standardize.loc.numpy(), deviation)

    @classmethod
    def _by_column(cls, x: Tensor, weights: Tensor) -> "Moments":
        """Moments of samples with holes; of a column without cells, a weight of 0."""
        columns = []
        for column in x.T:
            own = ~column.isnan() & (weights > 0)
            one = cls.of(column[own, None], weights[own]) if own.any() else cls(*np.zeros((3, 1)))
            columns.append([one.weight, one.mean, one.deviation])
        return cls(*np.concatenate(columns, axis=1))

    @classmethod
    def merged(cls, parts: "Sequence[Moments]") -> "Moments":
        """Moments of all parts together, computed without overflow.

        See Chan, Golub & LeVeque (1983).
        """
        weights = np.stack([part.weight for part in parts])
        total = weights.sum(0)
        fraction = weights / np.where(total > 0, total, 1.0)
        means = np.stack([part.mean for part in parts])
        mean = means[0] + (fraction * (means - means[0])).sum(0)
        within = np.stack([part.deviation for part in parts])
        deviations = np.sqrt(fraction) * np.stack([within, means - mean])
        return cls(total, mean, np.hypot.reduce(deviations, axis=(0, 1)))


@dataclass(frozen=True)
class StreamedDataset:
    """A table whose rows are read in every epoch; a fit holds some of them in memory.

    Parameters
    ----------
    source : Source
        The table.
    weights : ndarray of shape (n,) or None
        Weights of its rows.
    indices : ndarray of shape (m,)
        Indices of the rows that are held.
    held : WeightedDataset
        The data set in memory, rows of other processes included.
    transform : SupportTransform
        How `held` was dequantized.
    supports : list of Support
        Supports of the columns, which all rows are checked against.
    buffer_size : int
        Number of rows in the shuffle buffer.
    odd_cells : OddCells, optional
        What is read in place of odd cells.
    odd_rows : list of ndarray
        Rows with odd cells, as they are found.
    """

    source: Source
    weights: np.ndarray | None
    indices: np.ndarray
    held: WeightedDataset
    transform: SupportTransform
    supports: list[Support]
    buffer_size: int
    odd_cells: OddCells | None = None
    odd_rows: list[np.ndarray] = field(default_factory=list)

    def input_transform(self, processes: ProcessGroup) -> Chain:
        """Bijections that standardize all samples, which are read once and checked.

        Raises
        ------
        ValueError
            If a value is not finite or outside its support, or if a variance overflows.
        """
        moments = self._moments(processes)
        check_deviations(moments.deviation, self.source.names)
        scale = np.where(moments.deviation > 0, moments.deviation, 1.0)
        standardize = Standardize(torch.from_numpy(moments.mean), torch.from_numpy(scale))
        return Chain([*self.transform.bijections, standardize])

    def stream(
        self,
        images: Callable[[Tensor], list[Tensor]],
        splits: list[Split],
        fit: FitContext,
    ) -> ShuffleBuffer:
        """Batches for ensemble members, without the samples that each of them holds out.

        `images` maps dequantized samples to what each member is trained on.
        """
        n_all = sum(fit.processes.all_gather(len(self.source)))
        fraction = len(self.source) * fit.processes.size / n_all
        # the weights of a shard sum to its number of rows
        factor = fraction * n_all / sum(fit.processes.all_gather(self._total_weight))
        holders = self._holders(splits)

        def chunks(seed: int) -> Iterator[StackedRows]:
            rng = np.random.default_rng(seed)
            size = max(_MIN_CHUNK, self.buffer_size // _CHUNKS_PER_BUFFER)
            for start, given in self.source.enumerate_chunks(rng, size):
                rows = snapped(given, self.supports)
                usual, weights = self._without_odd_cells(start, rows, rng)
                with torch.no_grad():
                    rows_of_members = images(self._dequantized(usual, rng))
                weights = factor * weights
                as_fitted = usual if self.takes_holes else rows
                holder = self._holder(as_fitted, start, holders)
                by_member = [weights * (holder != k) for k in range(len(splits))]
                stacked_weights = [torch.from_numpy(w).float() for w in by_member]
                yield StackedRows.stack(rows_of_members, stacked_weights).to(fit.device)

        return ShuffleBuffer(chunks, self.buffer_size, fraction)

    def _moments(self, processes: ProcessGroup) -> Moments:
        """Moments of the dequantized samples of all processes."""
        chain, rng = Chain(self.transform.bijections), np.random.default_rng(0)
        own: list[Moments] = []
        for start, given in self.source.enumerate_chunks():
            check_inside(given, self.supports, self.source.names, start + np.arange(len(given)))
            rows = snapped(given, self.supports)
            usual, weights = self._without_odd_cells(start, rows, rng)
            self._note_odd_rows(rows)
            if weights.any():
                x, _ = chain(self._dequantized(usual, rng))
                own = [Moments.merged([*own, Moments.of(x, torch.from_numpy(weights))])]
        return Moments.merged([part for parts in processes.all_gather(own) for part in parts])

    def _without_odd_cells(
        self, start: int, rows: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows from index `start` on, and their weights, as they are fitted."""
        weights = self._weights(start, len(rows))
        if self.odd_cells is None:
            return rows, has_cells(rows) * weights
        usual, known = self.odd_cells.replaced(rows, None, rng)
        return usual, known * weights

    @property
    def takes_holes(self) -> bool:
        """Whether odd cells are fitted as holes."""
        return isinstance(self.odd_cells, OddCellsAsHoles)

    def _note_odd_rows(self, rows: np.ndarray) -> None:
        """Keep the rows with odd cells, to warn about."""
        if self.odd_cells is not None and len(self.odd_rows) < _MAX_BLOCKS:
            odd = self.odd_cells.fences.odd(rows).any(1)
            if odd.any():
                self.odd_rows.append(rows[odd])

    def _dequantized(self, rows: np.ndarray, rng: np.random.Generator) -> Tensor:
        return torch.from_numpy(self.transform.dequantize(rows, rng))

    @property
    def _total_weight(self) -> float:
        return len(self.source) if self.weights is None else float(self.weights.sum())

    def _weights(self, start: int, n_rows: int) -> np.ndarray:
        if self.weights is None:
            return np.ones(n_rows)
        return self.weights[start : start + n_rows]

    def _holders(self, splits: list[Split]) -> dict[bytes, int]:
        """For each held-out row, as bytes, the ensemble member that holds it out."""
        assert self.held.observed is not None
        return {
            row: k
            for k, split in enumerate(splits)
            for row in _bytes_of(self.held.observed[split.held_out])
        }

    def _holder(self, rows: np.ndarray, start: int, holders: dict[bytes, int]) -> np.ndarray:
        """The ensemble member that holds out each row, −1 if none does, (n,).

        Rows that are equal to a held-out one are held out as well, unless they are counts.
        """
        holder = np.array([holders.get(row, -1) for row in _bytes_of(rows)])
        if self.transform.all_integer:
            holder[~np.isin(start + np.arange(len(rows)), self.indices)] = -1
        return holder


def _bytes_of(rows: np.ndarray) -> list[bytes]:
    """The bytes of each row, as a key of a dict; −0 is 0, and all NaN are one."""
    rows = np.ascontiguousarray(canonical(rows))
    return rows.view(f"V{rows.itemsize * rows.shape[1]}").ravel().tolist()
