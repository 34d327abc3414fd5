"""Cells that no float64 can hold: missing values and integers beyond its range."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from skflow.data.nan_policy import COMPLETE, NanPolicy


@contextmanager
def explained_cells(table: Any, name: str = "X", nan: NanPolicy = COMPLETE) -> Iterator[None]:
    """Say where the cell is that a conversion to float64 fails at, if it is missing or too large.

    Other errors, such as those about text, are left to the caller.
    """
    try:
        yield
    except (TypeError, ValueError, OverflowError):
        check_cells(table, name, nan)
        raise


def check_cells(table: Any, name: str = "X", nan: NanPolicy = COMPLETE) -> None:
    """Raise a ValueError if the first cell that is no float is missing or too large."""
    labels = getattr(table, "columns", None)
    for i, j, value in _cells(table):
        try:
            float(value)
        except OverflowError:
            raise ValueError(
                f"Input {name} has an integer of {_n_digits(value)} digits in "
                f"{_place(name, labels, i, j)}, but the largest number of float64 is 1.8e308. "
                "Take logarithms, or drop such rows."
            ) from None
        except (TypeError, ValueError):
            if is_missing(value):
                raise _missing(name, value, _place(name, labels, i, j), nan) from None
            if name == "y":
                raise ValueError(
                    f"Input y has {value!r} in {_place(name, labels, i, j)}, but targets must be "
                    "numbers. For labels, use NormalizingFlowClassifier."
                ) from None
            return


def check_no_missing_labels(y: Any) -> None:
    """Raise a ValueError if class labels contain None, NaN or pandas.NA."""
    for i, _, value in _cells(y):
        if is_missing(value):
            raise _missing("y", value, f"row {i}", COMPLETE)


def check_finite_targets(targets: np.ndarray, names: np.ndarray | None) -> None:
    """Raise a ValueError that names row and column if targets (n,) or (n, k) are not finite."""
    for is_invalid, what in ((np.isnan(targets), "NaN"), (np.isinf(targets), "infinity")):
        if is_invalid.any():
            i, *j = np.argwhere(is_invalid)[0].tolist()
            place = _place("y", names, i, j[0] if j else None)
            raise ValueError(
                f"Input y contains {what} in {place} ({int(is_invalid.sum())} values in all), but "
                "targets must be finite numbers. Drop such rows from X and y."
            )


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or pandas.NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and math.isnan(value)


def _missing(name: str, value: Any, place: str, nan: NanPolicy) -> ValueError:
    advice = (
        "Drop such rows from X and y, or make missing labels a class of their own."
        if name == "y"
        else nan.advice
    )
    return ValueError(
        f"Input {name} contains NaN, the missing value {value!r} in {place}. {advice}"
    )


def _cells(table: Any) -> Iterator[tuple[int, int | None, Any]]:
    """The cells of a table of objects, column by column, with the indices of row and column."""
    cells = np.asarray(table)
    if cells.dtype.kind not in "OfUS" or cells.ndim not in (1, 2):
        return
    for j, column in enumerate(cells.T if cells.ndim == 2 else [cells]):
        for i, value in enumerate(column.tolist()):
            yield i, j if cells.ndim == 2 else None, value


def _place(name: str, labels: Any, i: int, j: int | None) -> str:
    if j is None or (name == "y" and labels is not None and len(labels) == 1):
        return f"row {i}"
    return f"row {i} of column {j if labels is None else repr(str(labels[j]))}"


def _n_digits(value: Any) -> int:
    return int(math.log10(2) * int(value).bit_length()) + 1
