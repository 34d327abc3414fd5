"""The fitted density of an estimator: scores of rows, and samples."""

from collections.abc import Sequence

import numpy as np
import torch

from skflow.data.sources import Source, in_blocks
from skflow.data.support import Support
from skflow.data.validation import check_seed
from skflow.estimators.imputation import imputed
from skflow.estimators.parameters import FlowParameters, Seed
from skflow.flows.any_order.any_order_density import AnyOrderDensity
from skflow.flows.distributions.constrained_columns import ConstrainedDensity
from skflow.flows.distributions.distribution import Density
from skflow.flows.distributions.flow import Flow
from skflow.preprocessing.supports import snapped
from skflow.runtime.compile import compiled, is_compilable
from skflow.runtime.device import keep_freed_memory, scoring_dtype
from skflow.runtime.memory import check_memory

# rows scored at a time: enough to amortize the cost of an operation, few enough for the cache
_BLOCK, _BLOCK_OF_FEW_COLUMNS = 2048, 4096
_FEW_COLUMNS = 8
_BYTES_PER_CELL = 32  # of samples: by component, in their order, in the user's units, as an array
_MOST_DRAWN, _CELLS_DRAWN = 16_384, 500_000  # rows drawn at a time, and their squared cells
_MANY_ROWS = 500_000  # for which compiling pays


class FittedDensity(FlowParameters):
    """Scores and samples of the density in ``flow_``."""

    flow_: Flow | ConstrainedDensity | AnyOrderDensity
    supports_: list[Support]
    device_: torch.device

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "flow_")

    def _log_prob(
        self, rows: np.ndarray | Source, context: np.ndarray | None = None
    ) -> np.ndarray:
        """log p of validated rows (n, d) given a context (n, c), (n,), in nats."""
        return self._log_probs([self._density()], rows, context)[0]

    def _log_probs(
        self,
        densities: Sequence[Density],
        rows: np.ndarray | Source,
        context: np.ndarray | None = None,
    ) -> np.ndarray:
        """log p of rows under each density, (n_densities, n); the rows are read once."""
        keep_freed_memory()
        out = np.empty((len(densities), len(rows)))
        size = _BLOCK_OF_FEW_COLUMNS if rows.shape[1] <= _FEW_COLUMNS else _BLOCK
        compiles = self.compile and len(rows) >= _MANY_ROWS
        plain = [density.log_prob for density in densities]
        fast = [compiled(d.log_prob, compiles and is_compilable(d)) for d in densities]
        start = 0
        with torch.no_grad():
            for block in in_blocks(rows, size):
                at = slice(start, start + len(block))
                x = self._tensor(self._exact(block))
                condition = None if context is None else self._tensor(context[at])
                for k, log_prob in enumerate(fast if len(block) == size else plain):
                    out[k, at] = log_prob(x, condition).cpu().numpy()
                start = at.stop
        return out

    def _sample(
        self, n_samples: int, random_state: Seed, context: np.ndarray | None = None
    ) -> np.ndarray:
        """Samples (n_samples, d), given the rows of a context (n_samples, c), float64."""
        self._check_sample_memory(n_samples)
        keep_freed_memory()
        generator = _generator(random_state)
        if isinstance(self.flow_, AnyOrderDensity):
            nothing = np.full((n_samples, self._n_columns()), np.nan)
            return self._completed(nothing, generator, context)
        condition = None if context is None else self._tensor(context)
        with torch.no_grad():
            samples = self._density().sample(n_samples, generator, condition)
        return samples.double().cpu().numpy()

    def _completed(
        self,
        rows: np.ndarray,
        generator: torch.Generator,
        context: np.ndarray | None = None,
        columns: np.ndarray | None = None,
    ) -> np.ndarray:
        """Rows (n, d) whose missing cells are drawn given the others, in blocks of rows.

        Only the cells of some `columns`, bool (d,), if they are given.
        """
        density = self._density()
        assert isinstance(density, AnyOrderDensity)
        out, size = np.empty_like(rows), _rows_drawn_at_a_time(rows, density)
        wanted = None if columns is None else torch.from_numpy(columns).to(self.device_)
        with torch.no_grad():
            for start in range(0, len(rows), size):
                at = slice(start, start + size)
                condition = None if context is None else self._tensor(context[at])
                exact = self._tensor(self._exact(rows[at]))
                drawn = density.complete(exact, generator, condition, wanted)
                out[at] = drawn.double().cpu().numpy()
        return np.where(np.isnan(rows), out, rows)

    def _sample_given(
        self,
        rows: np.ndarray,
        n_samples: int,
        random_state: Seed,
        columns: Sequence[int] | None = None,
    ) -> np.ndarray:
        """`n_samples` draws of the missing cells of each row (n, d), (n · n_samples, d).

        Only of those of some columns, if they are given; the others stay missing.
        """
        self._check_sample_memory(n_samples, len(rows))
        keep_freed_memory()
        wanted = np.ones(rows.shape[1], dtype=bool)
        if columns is not None:
            wanted = np.isin(np.arange(rows.shape[1]), columns)
        repeated = rows.repeat(n_samples, axis=0)
        return self._completed(repeated, _generator(random_state), columns=wanted)

    def _log_prob_given(self, rows: np.ndarray, given: np.ndarray) -> np.ndarray:
        """log p of the other observed cells of rows (n, d) given some columns, bool (d,), (n,)."""
        density = self._density()
        assert isinstance(density, AnyOrderDensity)
        x, given_columns = self._exact(rows), torch.from_numpy(given).to(self.device_)
        blocks = []
        with torch.no_grad():
            for start in range(0, len(x), _BLOCK):
                block = self._tensor(x[start : start + _BLOCK])
                log_prob = density.log_prob_given(block, given_columns.expand_as(block))
                blocks.append(log_prob.double().cpu().numpy())
        return np.concatenate(blocks)

    def _imputed(self, rows: np.ndarray, columns: Sequence[int]) -> np.ndarray:
        """Rows (n, d) with one likely value in place of each missing cell of some columns."""
        density = self._density()
        assert isinstance(density, AnyOrderDensity)
        keep_freed_memory()
        with torch.no_grad():
            filled = imputed(density, self._tensor(self._exact(rows)), columns, self.supports_)
        return np.where(np.isnan(rows), filled.double().cpu().numpy(), rows)

    def _check_sample_memory(self, n_samples: int, n_rows: int = 1) -> None:
        """Raise a ValueError before samples are drawn that do not fit into memory."""
        for_rows = f" for each of {n_rows:,} rows" if n_rows > 1 else ""
        check_memory(
            f"n_samples={n_samples:,}{for_rows}",
            _BYTES_PER_CELL * n_samples * n_rows * self._n_columns(),
            "Draw the samples in parts, with another random_state each.",
        )

    def _n_columns(self) -> int:
        """Columns of a sample."""
        columns = vars(self)
        return int(columns.get("n_targets_", columns["n_features_in_"]))

    def _continuous(self) -> Flow:
        """The fitted density of dequantized columns, without their supports."""
        assert not isinstance(self.flow_, AnyOrderDensity)
        return self.flow_.continuous if isinstance(self.flow_, ConstrainedDensity) else self.flow_

    def _density(self) -> Flow | ConstrainedDensity | AnyOrderDensity:
        """The fitted density in the precision that `dtype` asks for."""
        if self.dtype == "float64":
            return self.flow_
        return self.flow_.with_base_dtype(torch.float32)

    def _exact(self, rows: np.ndarray) -> np.ndarray:
        """Rows (n, d) without rounding: exactly the values of lattices, categories and atoms."""
        is_any_order = isinstance(self.flow_, AnyOrderDensity)
        return snapped(rows, self.supports_) if is_any_order else rows

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        """A copy on the device and in the dtype of the density."""
        return torch.from_numpy(np.array(values)).to(self.device_, scoring_dtype(self.device_))


def _generator(random_state: Seed) -> torch.Generator:
    """A generator with a seed drawn from a random state."""
    seed = check_seed(random_state).randint(np.iinfo(np.int32).max)
    return torch.Generator().manual_seed(int(seed))


def _rows_drawn_at_a_time(rows: np.ndarray, density: AnyOrderDensity) -> int:
    """Fewer if not all rows share a matrix of the columns, in each component."""
    missing = np.isnan(rows)
    if not any(density.columns.is_mixed) and (missing == missing[:1]).all():
        return _MOST_DRAWN
    return max(64, min(_MOST_DRAWN, _CELLS_DRAWN // rows.shape[1] ** 2))
