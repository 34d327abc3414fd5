"""Errors and warnings at the boundary: what was wrong, where, and what to try."""

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite, check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

Names = np.ndarray | None

_NOT_NUMBERS = (
    "could not convert",
    "to numeric",
    "could not be promoted",
    "must be a string or a",
)


def column_name(names: Names, j: int) -> str:
    """How an error names a column."""
    return f"column {j}" if names is None else f"column {str(names[j])!r}"


def check_layer_sizes(sizes: Any) -> None:
    """Raise where hidden layer sizes are not positive ints."""
    if isinstance(sizes, str):
        return
    widths = [sizes] if isinstance(sizes, Integral) else sizes
    if isinstance(widths, set | dict) or not len(widths) or not all(map(_is_count, widths)):
        raise ValueError(
            f"hidden_layer_sizes={sizes!r} must be 'auto', a positive int, or a non-empty "
            "sequence of positive ints, one for each hidden layer."
        )


def check_count(name: str, value: Any) -> int:
    """A positive int, or an error."""
    if not _is_count(value):
        raise ValueError(f"{name}={value!r} must be a positive int.")
    return int(value)


def check_levels(levels: Any, name: str = "quantiles") -> np.ndarray:
    """Numbers between 0 and 1, or an error."""
    values = np.asarray(levels, dtype=float)
    if values.ndim > 1 or not ((values > 0) & (values < 1)).all():
        raise ValueError(
            f"{name}={levels!r} must lie between 0 and 1, both excluded"
            + (", a number or a list of numbers." if name == "quantiles" else ".")
        )
    return values


def check_targets(y: Any, n_rows: int, asking: str) -> tuple[np.ndarray, np.ndarray]:
    """Targets in float64, (n, targets), free of NaN and inf, and names for them."""
    if y is None:
        raise ValueError(f"{asking} requires y to be passed, but the target y is None.")
    names = np.asarray(getattr(y, "columns", []))
    targets = check_array(
        y, dtype=np.float64, ensure_2d=False, ensure_all_finite=True, input_name="y"
    )
    if len(targets) != n_rows:
        raise ValueError(f"X has {n_rows} rows, and y has {len(targets)}: pass as many of each.")
    targets = targets.reshape(n_rows, -1)
    if len(names) != targets.shape[1]:
        width = targets.shape[1]
        names = np.array(["y"] if width == 1 else [f"y[:, {j}]" for j in range(width)])
    return targets, names


def check_labels(y: Any, n_rows: int, asking: str) -> np.ndarray:
    """Labels of n rows, or an error."""
    if y is None:
        raise ValueError(f"{asking} requires y to be passed, but the target y is None.")
    labels = column_or_1d(y, warn=True)
    assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    if len(labels) != n_rows:
        raise ValueError(f"X has {n_rows} rows, and y has {len(labels)}: pass as many of each.")
    return labels


def check_priors(priors: Any, classes: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Probabilities of the classes, by default their shares of the rows."""
    if priors is None:
        return shares
    values = np.asarray(priors, dtype=float)
    if values.shape != classes.shape or not (values >= 0).all() or not values.sum() > 0:
        raise ValueError(
            f"priors={priors!r} must be {len(classes)} non-negative numbers, one for each of the "
            f"classes {classes!r}."
        )
    if not np.isclose(values.sum(), 1):
        raise ValueError(f"priors={priors!r} must have the sum 1, not {values.sum():g}.")
    return values / values.sum()


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and value is not True and int(value) > 0


@contextmanager
def explained_conversion(X: Any) -> Iterator[None]:
    """Say what to do where X is not made of real numbers."""
    try:
        yield
    except (TypeError, ValueError) as error:
        message = str(error)
        if "Complex data not supported" in message:
            advice = "A density needs real numbers: pass real and imaginary parts as columns."
        elif any(phrase in message for phrase in _NOT_NUMBERS):
            advice = f"{_first_text(X)} Drop such columns, or encode them as numbers first."
        else:
            raise
        raise type(error)(f"{message.rstrip()} {advice}") from error


def _first_text(X: Any) -> str:
    """Where the first value is that is no number."""
    names = getattr(X, "columns", None)
    table = np.asarray(X, dtype=object)
    for j, column in enumerate(table.T if table.ndim == 2 else [table]):
        for i, value in enumerate(column):
            try:
                float(value)
            except (TypeError, ValueError):
                name = column_name(None if names is None else np.asarray(names), j)
                return f"Input X has {value!r} in {name}, row {i}, where a density needs numbers."
    return "A density needs numbers."


def check_finite(X: np.ndarray, names: Names, numbers: np.ndarray | range | None = None) -> None:
    """Raise where X has NaN or inf, naming the column; `numbers` are those of its rows."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(X.sum()):  # cheap, and enough for all but overflow
            return
    for bad, what in ((np.isnan(X), "NaN"), (np.isinf(X), "infinity")):
        if bad.any():
            row, column = np.argwhere(bad)[0]
            first = f"first in row {row if numbers is None else numbers[row]}"
            in_all = f"; {int(bad.sum())} values in all" if numbers is None else ""
            raise ValueError(
                f"Input X contains {what} in {column_name(names, column)} ({first}{in_all}), "
                "where a density needs finite numbers. Drop "
                "those rows, or fill them first, for example with sklearn.impute.SimpleImputer."
            )


def check_variance(X: np.ndarray, names: Names) -> None:
    """Raise where the variance of a column overflows, naming it."""
    with np.errstate(over="ignore", invalid="ignore"):
        overflown = ~np.isfinite(X.var(axis=0) * len(X))
    if overflown.any():
        j = int(np.flatnonzero(overflown)[0])
        raise _too_wide(j, names, f"largest absolute value {np.abs(X[:, j]).max():.3g}")


def check_deviations(deviations: np.ndarray, names: Names) -> None:
    """Raise where a column's standard deviation is beyond what can be squared, naming it."""
    with np.errstate(over="ignore"):
        overflown = ~np.isfinite(np.square(deviations))
    if overflown.any():
        j = int(np.flatnonzero(overflown)[0])
        raise _too_wide(j, names, f"standard deviation {deviations[j]:.3g}")


def _too_wide(j: int, names: Names, extent: str) -> ValueError:
    return ValueError(
        f"The variance of {column_name(names, j)} overflows float64 ({extent}). Rescale the "
        "column, or drop its extreme rows."
    )
