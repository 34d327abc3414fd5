"""Values that numpy would convert to numbers without a word, although they are none."""

import datetime
from typing import Any

import numpy as np

from skflow.data.column_labels import column_labels, column_name
from skflow.data.nan_policy import COMPLETE, NanPolicy

# beginnings of the names of dtypes in numpy, pandas, polars and pyarrow, in lower case
_TIMES = ("date", "time", "duration", "period")


def check_no_times(X: Any, what: str = "X") -> None:
    """Raise a ValueError that names the column if a column of a table contains dates or times.

    Parameters
    ----------
    X : object
        A data frame, an array, or any other table; in an array of objects, the first row counts.
    what : str, default="X"
        What messages call the table.
    """
    names = column_labels(X)
    for j, dtype in enumerate(_dtypes(X)):
        if str(dtype).lower().startswith(_TIMES):
            column = column_name(names, j)
            label = None if names is None else names[j]
            raise ValueError(
                f"Input {what} has the type {dtype} in {column}, but density estimation needs "
                f"numbers. {how_to_convert_times(what, label)}"
            )


def is_time(value: Any) -> bool:
    """Whether a value is a date, a time or a duration."""
    kinds = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
    return isinstance(value, kinds)


def how_to_convert_times(what: str, label: Any) -> str:
    """How dates become numbers, in a column with the given label, or in an array without."""
    if label is None:
        example = f"({what} - {what}.min()) / np.timedelta64(1, 'D')"
    else:
        column = f"{what}[{label!r}]"
        example = f"({column} - {column}.min()).dt.total_seconds() / 86400"
    return f"Convert dates to numbers first, for example to days as floats: {example}."


def check_not_masked(values: Any, what: str = "X", nan: NanPolicy = COMPLETE) -> None:
    """Raise a ValueError that names the column if a numpy masked array has masked cells."""
    mask = np.ma.getmask(values)
    if mask is np.ma.nomask or not mask.any():
        return
    row, j = (int(k) for k in np.argwhere(mask.reshape(len(mask), -1))[0])
    where = f"row {row}" if mask.ndim == 1 else f"{column_name(None, j)}, row {row}"
    raise ValueError(
        f"Input {what} has {int(mask.sum())} masked cells, the first in {where}, but all values "
        f"are needed. {nan.advice} {what}.filled(np.nan) makes them NaN."
    )


def _dtypes(X: Any) -> list[Any]:
    """The dtypes of all columns of a data frame, or of the one column of an array."""
    dtypes = getattr(X, "dtypes", None)
    if dtypes is None:
        dtypes = [getattr(X, "dtype", None)]
    elif not hasattr(dtypes, "__iter__"):  # of a pandas Series
        dtypes = [dtypes]
    return list(dtypes)
