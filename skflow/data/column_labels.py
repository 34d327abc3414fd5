"""The labels of a table's columns: strings, ints, dates, or tuples of them."""

from typing import Any

import numpy as np

Names = np.ndarray | None  # labels of columns of shape (n_columns,), if there are any


def column_labels(X: Any) -> Names:
    """Return the labels of the columns of a data frame, (n_columns,), or None for other tables.

    Unlike scikit-learn's ``feature_names_in_``, they may be of any type.

    Parameters
    ----------
    X : object
        A table; pandas, polars and others with a sequence ``columns`` of labels are data frames.

    Returns
    -------
    ndarray of object or None
    """
    columns = getattr(X, "column_names", None)  # of pyarrow, whose `columns` are the values
    if columns is None:
        columns = getattr(X, "columns", None)
    if columns is None or callable(columns):
        return None
    labels = np.empty(len(columns), dtype=object)
    labels[:] = list(columns)  # tuples, the keys of a MultiIndex, stay whole
    return labels


def column_name(names: Names, j: int) -> str:
    """Return what a message calls column j: by its quoted name, its other label or its index."""
    if names is None:
        return f"column {j}"
    label = _plain(names[j])
    return f"column named {label}" if isinstance(label, int) else f"column {label!r}"


def label_of(names: Names, j: int) -> Any:
    """Return the label of column j, or its index: the key under which a dict has it."""
    return j if names is None else _plain(names[j])


def _plain(label: Any) -> Any:
    """A label that prints as it is written: no numpy scalar."""
    return label.item() if isinstance(label, np.generic) else label
