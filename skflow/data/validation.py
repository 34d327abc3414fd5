"""Validation of user input; errors name the offending value, its column, and what to try."""

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import (
    assert_all_finite,
    check_array,
    check_random_state,
    column_or_1d,
)
from sklearn.utils.multiclass import check_classification_targets

from skflow.data.column_labels import Names, column_labels, column_name
from skflow.data.nan_policy import COMPLETE, NanPolicy
from skflow.data.table_kinds import check_is_table
from skflow.data.unreadable_cells import (
    check_finite_targets,
    check_no_missing_labels,
    explained_cells,
)
from skflow.data.unsupported_values import (
    check_no_times,
    check_not_masked,
    how_to_convert_times,
    is_time,
)

# Parts of the messages of numpy, pandas and pyarrow for input that is not numeric.
_NOT_NUMERIC = (
    "could not convert",
    "to numeric",
    "could not be promoted",
    "must be a string or a",
)


def check_layer_sizes(sizes: Any) -> None:
    """Raise a ValueError unless hidden layer sizes are "auto" or positive ints."""
    if isinstance(sizes, str):
        return
    if isinstance(sizes, np.ndarray) and sizes.ndim == 0:
        sizes = sizes.item()
    widths = [sizes] if isinstance(sizes, Real) else sizes
    if isinstance(widths, set | dict) or not len(widths) or not all(map(_is_count, widths)):
        raise ValueError(
            f"hidden_layer_sizes={sizes!r} must be 'auto', a positive int, or a non-empty "
            "sequence of positive ints, one for each hidden layer."
        )


def check_count(name: str, value: Any) -> int:
    """Return a positive int, or raise a ValueError that names the parameter."""
    if not _is_count(value):
        raise ValueError(f"{name}={value!r} must be a positive int.")
    return int(value)


def check_seed(random_state: Any) -> np.random.RandomState:
    """Return a RandomState, or raise a ValueError that says what a seed can be."""
    try:
        rng: np.random.RandomState = check_random_state(random_state)
    except ValueError as error:
        raise ValueError(
            f"random_state={random_state!r} must be an int from 0 to 2**32 - 1, a "
            "numpy.random.RandomState or None. Of a numpy.random.Generator rng, pass "
            "int(rng.integers(2**32))."
        ) from error
    return rng


def check_levels(levels: Any, name: str = "quantiles") -> np.ndarray:
    """Return a probability (0-d) or a sequence of them (1-d), strictly between 0 and 1."""
    values = np.asarray(levels, dtype=float)
    if values.ndim > 1:
        raise ValueError(f"{name}={levels!r} must be a number or a one-dimensional sequence.")
    if not ((values > 0) & (values < 1)).all():
        raise ValueError(f"{name}={levels!r} must lie strictly between 0 and 1.")
    return values


def check_targets(y: Any, n_samples: int, estimator_name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return finite targets in float64, (n_samples, n_targets), and their names, (n_targets,)."""
    if y is None:
        raise ValueError(f"{estimator_name} requires y to be passed, but the target y is None.")
    check_is_table(y, "y")
    check_no_times(y, "y")
    check_not_masked(y, "y")
    names = column_labels(y)
    with explained_cells(y, "y"):
        targets = check_array(
            y, dtype=np.float64, ensure_2d=False, ensure_all_finite=False, input_name="y"
        )
    check_finite_targets(targets, names)
    _check_n_samples(targets, n_samples)
    targets = targets.reshape(n_samples, -1)
    if names is None or len(names) != targets.shape[1]:
        n_targets = targets.shape[1]
        names = np.array(["y"] if n_targets == 1 else [f"y[:, {j}]" for j in range(n_targets)])
    return targets, names


def check_labels(y: Any, n_samples: int, estimator_name: str) -> np.ndarray:
    """Return class labels, (n_samples,), without missing values."""
    if y is None:
        raise ValueError(f"{estimator_name} requires y to be passed, but the target y is None.")
    check_is_table(y, "y")
    check_not_masked(y, "y")
    check_no_missing_labels(y)
    labels = column_or_1d(y, warn=True)
    assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    _check_n_samples(labels, n_samples)
    return labels


def check_priors(priors: Any, classes: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Return class probabilities, (n_classes,); None stands for the observed frequencies."""
    if priors is None:
        return frequencies
    values = np.asarray(priors, dtype=float)
    if values.shape != classes.shape or not (values >= 0).all() or not values.sum() > 0:
        raise ValueError(
            f"priors={priors!r} must be {len(classes)} non-negative numbers, one for each of the "
            f"classes {classes!r}."
        )
    if not np.isclose(values.sum(), 1):
        raise ValueError(f"priors={priors!r} must sum to 1, not to {values.sum():g}.")
    return values / values.sum()


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and value is not True and int(value) > 0


def _check_n_samples(y: np.ndarray, n_samples: int) -> None:
    if len(y) != n_samples:
        raise ValueError(
            f"y must have {n_samples} samples, one for each row, but it has {len(y)}."
        )


@contextmanager
def explained_conversion(X: Any, nan: NanPolicy = COMPLETE) -> Iterator[None]:
    """Add advice to the errors that converting X to an array of real numbers raises."""
    try:
        with explained_cells(X, nan=nan):
            yield
    except (TypeError, ValueError) as error:
        message = str(error)
        if "Complex data not supported" in message:
            advice = "Pass real and imaginary parts as separate columns."
        elif any(phrase in message for phrase in _NOT_NUMERIC):
            advice = _first_non_numeric(X)
        else:
            raise
        raise type(error)(f"{message.rstrip()} {advice}") from error


def _first_non_numeric(X: Any) -> str:
    """Say what and where the first value is that is not a number, and what to do."""
    names = column_labels(X)
    table = np.asarray(X, dtype=object)
    for j, column in enumerate(table.T if table.ndim == 2 else [table]):
        for i, value in enumerate(column):
            try:
                float(value)
            except (TypeError, ValueError):
                found = f"Input X has {value!r} in {column_name(names, j)}, row {i}, which is not"
                if is_time(value):
                    label = None if names is None else names[j]
                    return f"{found} a number. {how_to_convert_times('X', label)}"
                return f"{found} a number. Drop such columns or encode them as numbers first."
    return "Density estimation needs numbers. Drop such columns or encode them as numbers first."


def check_finite(
    X: np.ndarray,
    names: Names,
    row_indices: np.ndarray | range | None = None,
    nan: NanPolicy = COMPLETE,
) -> None:
    """Raise a ValueError that names the column if X (m, d) has NaN or infinite values.

    `row_indices` are the indices of the rows of X in the table that they come from; None if X is
    the whole table. NaN is no error if `nan` allows it.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(X.sum()):  # cheap, and conclusive unless the sum overflows
            return
    missing = (np.isnan(X), "NaN", nan.advice)
    infinite = (np.isinf(X), "infinity", nan.advice_on_infinity)
    for invalid, what, advice in [infinite] if nan.allowed else [missing, infinite]:
        if invalid.any():
            row, column = np.argwhere(invalid)[0]
            first = f"first in row {row if row_indices is None else row_indices[row]}"
            in_all = f"; {int(invalid.sum())} values in all" if row_indices is None else ""
            raise ValueError(
                f"Input X contains {what} in {column_name(names, column)} ({first}{in_all}), but "
                f"density estimation needs finite numbers. {advice}"
            )


def check_variance(X: np.ndarray, names: Names) -> None:
    """Raise a ValueError that names the column if a variance of X (n, d) overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        variance = X.var(axis=0)
        if np.isnan(variance).any():  # holes, or an overflow
            variance = np.nanvar(X, axis=0)
        overflows = ~np.isfinite(variance * len(X))
    if overflows.any():
        j = int(np.flatnonzero(overflows)[0])
        largest = np.nanmax(np.abs(X[:, j]))
        raise _variance_overflow(j, names, f"largest absolute value {largest:.3g}")


def check_deviations(deviations: np.ndarray, names: Names) -> None:
    """Raise a ValueError that names the column if the square of a standard deviation overflows.

    `deviations` is (d,).
    """
    with np.errstate(over="ignore"):
        overflows = ~np.isfinite(np.square(deviations))
    if overflows.any():
        j = int(np.flatnonzero(overflows)[0])
        raise _variance_overflow(j, names, f"standard deviation {deviations[j]:.3g}")


def _variance_overflow(j: int, names: Names, magnitude: str) -> ValueError:
    return ValueError(
        f"The variance of {column_name(names, j)} overflows float64 ({magnitude}). Rescale the "
        "column or drop its extreme rows."
    )
