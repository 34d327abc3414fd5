"""Columns that no density on the real line describes well, and what to declare them as."""

import math
import warnings
from collections.abc import Sequence

import numpy as np

from skflow.data.validation import Names, column_name
from skflow.preprocessing.supports import Support
from skflow.runtime.exceptions import DegenerateColumnWarning

_TIES = 4  # rows for each value of a column that looks like whole numbers
_AT_END = 20  # a bound looks like one where this part of the rows is at it


def warn_about_columns(
    rows: np.ndarray, n_rows: int, supports: Sequence[Support], names: Names
) -> None:
    """One warning for columns that no density on the real line describes well.

    `rows` are distinct, of `n_rows` in all.

    Those where one value fills over a fifth of the distinct rows, and those that look like
    whole numbers or end at a bound, where they are not declared so.
    """
    found = []
    for j, (column, support) in enumerate(zip(rows.T, supports, strict=True)):
        what = "" if support.whole or support.circular else _oddity(column, n_rows, support)
        if what:
            found.append(f"{column_name(names, j)} ({what})")
    if found:
        warnings.warn(
            f"No density describes these columns well: {'; '.join(found)}. The fit is "
            "finite, but log-likelihoods depend on how narrow a spike is allowed there. "
            "Consider declaring a support where one is named, as in "
            "support={column: 'integer'}, and dropping other columns or modelling them apart.",
            DegenerateColumnWarning,
            stacklevel=5,
        )


def _oddity(column: np.ndarray, n_rows: int, support: Support) -> str:
    """What is odd about a column, and which support would suit it."""
    values, counts = np.unique(column, return_counts=True)
    if len(values) == 1:
        return "constant"
    n, most = len(column), int(counts.max())
    share = f"{math.floor(100 * most / n)} % equal to {values[counts.argmax()]:g}"
    if (values == np.round(values)).all() and n_rows > _TIES * len(values):
        return f"{len(values)} whole numbers, {share}: support 'integer'"
    at_end = [end for end, count in ((0, counts[0]), (-1, counts[-1])) if count > n / _AT_END]
    if at_end and n > 2 * _AT_END and support == Support():
        low, high = (f"{values[end]:g}" if end in at_end else "None" for end in (0, -1))
        return f"{share}: support ({low}, {high})"
    return share if most > max(1, n / 5) else ""
