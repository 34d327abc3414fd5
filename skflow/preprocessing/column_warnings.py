"""Warnings about columns that no density on the real line describes well."""

import math
from collections.abc import Sequence

import numpy as np

from skflow.data.validation import Names, column_name
from skflow.preprocessing.supports import Support
from skflow.runtime.exceptions import DegenerateColumnWarning, warn_user

_ROWS_PER_INTEGER = 4  # distinct integers look like counts if each stands for more rows
_ROWS_PER_BOUND = 20  # an extreme value of more than one row in so many looks like a bound
_ROWS_PER_TIE = 5  # a value of more than one row in so many is a spike


def warn_about_columns(
    rows: np.ndarray, n_rows: int, supports: Sequence[Support], names: Names
) -> None:
    """Issue one warning for all columns that a density does not describe well.

    These are columns in which one value has over a fifth of the distinct rows, and those that
    look like integers or end at a bound but are not declared to.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Distinct rows.
    n_rows : int
        Number of rows including repeated ones.
    supports : sequence of Support
    names : ndarray of str or None
        Names of the columns.
    """
    found = []
    for j, (column, support) in enumerate(zip(rows.T, supports, strict=True)):
        if support.integer or support.circular:
            continue
        problem = _problem(column, n_rows, support)
        if problem:
            found.append(f"{column_name(names, j)} ({problem})")
    if found:
        warn_user(
            f"No density describes these columns well: {'; '.join(found)}. The fit is finite, but "
            "its log-likelihoods depend on how narrow a spike can get in these columns. Where a "
            "support is suggested, consider declaring it, as in support={column: 'integer'}; drop "
            "the other columns, or model them separately.",
            DegenerateColumnWarning,
        )


def _problem(column: np.ndarray, n_rows: int, support: Support) -> str:
    """What makes a column (n,) degenerate and which support would suit it; "" if nothing does."""
    values, counts = np.unique(column, return_counts=True)
    if len(values) == 1:
        return "constant"
    n, max_count = len(column), int(counts.max())
    ties = f"{math.floor(100 * max_count / n)} % equal to {values[counts.argmax()]:g}"
    if (values == np.round(values)).all() and n_rows > _ROWS_PER_INTEGER * len(values):
        return f"{len(values)} distinct integers, {ties}: support 'integer'"
    min_count = n / _ROWS_PER_BOUND
    at_bound = [end for end in (0, -1) if counts[end] > min_count]
    if at_bound and min_count > 2 and support == Support():
        low, high = (f"{values[end]:g}" if end in at_bound else "None" for end in (0, -1))
        return f"{ties}: support ({low}, {high})"
    return ties if max_count > max(1, n / _ROWS_PER_TIE) else ""
