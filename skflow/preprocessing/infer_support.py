"""The supports that the columns of a table ask for, with reasons."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skflow.data.column_labels import Names, column_labels, column_name, label_of
from skflow.data.support import Support
from skflow.data.table_columns import TableColumn, table_columns
from skflow.data.weighted_rows import merge_duplicates, repeat_counts
from skflow.preprocessing.column_findings import (
    Finding,
    count_observed,
    examine_column,
    tied_columns,
)
from skflow.preprocessing.functional_columns import find_functional_columns
from skflow.preprocessing.lattice_steps import find_lattice
from skflow.preprocessing.odd_cells import Fences

_MAX_ROWS = 200_000  # that are compared; odd values and holes are counted in all
_MAX_ROWS_NAMED = 5  # of an odd value
_MIN_MULTIPLES = 10  # distinct values of a lattice that is worth a word
_MIN_SHARE = 0.8  # of usual cells in a column that is asked for functions


def infer_support(X: Any, explain: bool = False) -> Any:
    """Infer from a table the supports that its columns ask for.

    The result is a suggestion to look at and to pass on as the parameter `support` of an
    estimator. Suggested are "integer" for columns of whole numbers with several rows for each
    value, ("integer", 0, 1) for flags, ("lattice", step) for multiples of another step that is
    coarse beside the spread of the column, atoms where many rows pile up, and bounds at which
    they do or at which the density seems to end. Bounds come from what the rows show: where more
    is known, such as "positive" for an amount or ("circular", 24) for an hour, declare that
    instead. Circular columns and categories are never inferred.

    Parameters
    ----------
    X : array-like or data frame of shape (n_samples, n_features)
        A table as it is, such as a NumPy array or a data frame of pandas or polars. It may have
        missing values and columns that are not numeric; no support is inferred for the latter.
    explain : bool, default=False
        Whether to return a table of all columns with reasons instead of the dict.

    Returns
    -------
    dict or pandas.DataFrame
        Supports by column label, or by index if X has no labels; empty if no column asks for
        one. With `explain`, a data frame with the columns "column", "support" (None if there is
        none to suggest) and "reason", and one row for each column of X. The reasons include what
        no support describes: constants, finely rounded columns, odd values (with their rows,
        counted from 0), missing values, and columns that are functions of others. Without
        pandas, a list of dicts with these keys.

    Raises
    ------
    ValueError
        If X is not two-dimensional or has no rows.

    Examples
    --------
    >>> import numpy as np
    >>> import skflow
    >>> rng = np.random.default_rng(0)
    >>> rain = np.maximum(rng.normal(size=300), 0)
    >>> X = np.column_stack([rng.poisson(2, 300), rng.normal(size=300), rain])
    >>> skflow.infer_support(X)
    {0: 'integer', 2: 'nonnegative'}
    """
    names = column_labels(X)
    examined = _Examination(table_columns(X), names)
    supports = {
        label_of(names, j): finding.support
        for j, finding in examined.findings.items()
        if finding.support is not None
    }
    if not explain:
        return supports
    lines = [
        {
            "column": label_of(names, j),
            "support": supports.get(label_of(names, j)),
            "reason": "; ".join(examined.reasons[j]) or "real numbers",
        }
        for j in range(len(examined.columns))
    ]
    try:
        import pandas as pd
    except ImportError:
        return lines
    return pd.DataFrame(lines, columns=["column", "support", "reason"], dtype=object)


@dataclass
class _Examination:
    """The table of all numeric columns, NaN where it has holes, and what was found in it."""

    columns: list[TableColumn]
    names: Names
    findings: dict[int, Finding] = field(default_factory=dict)

    def __post_init__(self) -> None:
        numbers = {j: c.values for j, c in enumerate(self.columns) if c.values is not None}
        self.numeric = list(numbers)
        self.reasons = [[column.note] if column.note else [] for column in self.columns]
        if self.numeric:
            self._table = np.column_stack(list(numbers.values()))
            some = self._table[:: len(self._table) // _MAX_ROWS + 1]
            self._n_rows = len(some)
            distinct, weights, _ = merge_duplicates(some, np.ones(len(some)))
            self._distinct, self._counts = distinct, repeat_counts(weights)
            self._usual = np.isfinite(distinct)
            for k in range(len(self.numeric)):
                self._examine(k)
            self._find_functions()

    def _examine(self, k: int) -> None:
        """Examine the k-th numeric column."""
        j, present = self.numeric[k], np.isfinite(self._distinct[:, k])
        if not present.any():
            return
        own, counts = self._distinct[present, k : k + 1], self._counts[present]
        fences = Fences.of(own, counts.astype(float))
        self._usual[present, k] = ~fences.odd(own)[:, 0]
        ties = tied_columns(self._distinct, self._counts)[k]
        usual = tied_columns(self._usual, self._counts)[k]
        known = np.isfinite(ties)
        n_rows = count_observed(self._n_rows, present, self._counts)
        finding = examine_column(ties[known], ~usual[known], n_rows, Support())
        if self.columns[j].is_flag:
            finding = Finding("whole numbers", "booleans", ("integer", 0, 1))
        if finding is not None:
            self.findings[j] = finding
            self.reasons[j].append(finding.detail)
        odd = _odd_values(self._table[:, k], fences)
        is_lattice = finding is not None and finding.is_lattice
        self.reasons[j] += odd or ([] if is_lattice else _fine_lattice(ties[known]))

    def _find_functions(self) -> None:
        """Find functions among the numeric columns."""
        for dependence in find_functional_columns(self._distinct, self._usual):
            j, *others = (self.numeric[k] for k in (dependence.column, *dependence.others))
            named = ", ".join(column_name(self.names, other) for other in others)
            self.reasons[j].append(f"a function of {named}")


def _odd_values(column: np.ndarray, fences: Fences) -> list[str]:
    """Each odd value, how many rows have it, and which."""
    with np.errstate(invalid="ignore"):
        odd = fences.odd(column[:, None])[:, 0]
    reasons = []
    for value in np.unique(column[odd & np.isfinite(column)]):
        rows = np.flatnonzero(column == value)
        some = ", ".join(str(row) for row in rows[:_MAX_ROWS_NAMED])
        more = ", …" if len(rows) > _MAX_ROWS_NAMED else ""
        kind = "row" if len(rows) == 1 else "rows"
        reasons.append(
            f"{value:g}, far outside all others, in {len(rows)} {kind} ({some}{more}): "
            "a missing code?"
        )
    return reasons


def _fine_lattice(column: np.ndarray) -> list[str]:
    """Whether all values are on a lattice that is too fine to be declared."""
    values = np.unique(column)
    if len(values) < _MIN_MULTIPLES or len(column) < 2 * len(values):
        return []
    lattice = find_lattice(values)
    return [] if lattice is None else [f"rounded to steps of {lattice.step:.6g}"]
