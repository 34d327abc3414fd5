"""Warnings about columns that no density on the real line describes well.

They are stable: no counts, which vary between the folds of a search, so that Python shows each
of them once.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from skflow.data.column_labels import Names, column_name, label_of
from skflow.data.support import Support
from skflow.preprocessing.column_findings import (
    Finding,
    count_observed,
    examine_column,
    tied_columns,
)
from skflow.preprocessing.functional_columns import Dependence, find_functional_columns
from skflow.preprocessing.odd_cells import Fences
from skflow.preprocessing.supports import resolve_supports, why_any_order
from skflow.runtime.exceptions import DegenerateColumnWarning
from skflow.runtime.user_warnings import warn_once

_MAX_NAMED = 5  # columns in a message
_MAX_VALUES = 3  # odd values of a column in a message
_TO_DONORS = (
    "The fit replaces such cells, so that they do not bend the rest of it; better, drop or impute "
    "them first."
)
_TO_HOLES = (
    "The fit takes such cells as not observed; better, make them NaN first, so that scores do, "
    "too, or correct them."
)


def warn_about_columns(
    rows: np.ndarray,
    n_rows: int,
    supports: Sequence[Support],
    names: Names,
    declared: Any = None,
    odd: np.ndarray | None = None,
    counts: np.ndarray | None = None,
    is_any_order: bool = False,
) -> None:
    """Warn about columns that a density does not describe well, and those that are functions.

    The former are columns in which one value has over a fifth of the distinct rows but is not
    declared as an atom, and those that look like integers or end at a bound but are not declared
    to.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Distinct rows, NaN where there are holes.
    n_rows : int
        Number of rows including repeated ones.
    supports : sequence of Support
    names : ndarray or None
        Labels of the columns.
    declared : object, optional
        The parameter `support`, which suggestions are added to.
    odd : ndarray of shape (n, d), optional
        Which cells are odd; rows with such cells are not asked for functions.
    counts : ndarray of shape (n,), optional
        How often each of the rows occurs; once by default.
    is_any_order : bool, default=False
        Whether the density is of the family any_order, which takes all supports; else, the
        family is suggested where a support needs it.
    """
    odd = np.zeros(rows.shape, dtype=bool) if odd is None else odd
    counts = np.ones(len(rows), dtype=int) if counts is None else counts
    columns, odd_columns = tied_columns(rows, counts), tied_columns(odd, counts)
    found = {}
    for j, support in enumerate(supports):
        n_observed = count_observed(n_rows, ~np.isnan(rows[:, j]), counts)
        finding = examine_column(columns[j], odd_columns[j], n_observed, support)
        if finding is not None and finding.degenerate:
            found[j] = finding
    if found:
        warn_once(
            _text_of_findings(found, names, declared, len(supports), is_any_order),
            DegenerateColumnWarning,
        )
    functional = find_functional_columns(rows, ~odd & ~np.isnan(rows))
    if functional:
        warn_once(_text_of_functions(functional, names), DegenerateColumnWarning)


def warn_about_odd_values(
    tables: Iterable[tuple[np.ndarray, Fences, Names]], as_holes: bool = False
) -> None:
    """Warn about values that stand far outside the rest of their columns.

    Each table has rows (n, d), their fences, and the labels of the columns. With `as_holes`, the
    fit takes odd cells for cells that were not observed.
    """
    found = []
    for rows, fences, names in tables:
        odd = fences.odd(rows)
        for j in np.flatnonzero(odd.any(0)).tolist():
            values = np.unique(rows[odd[:, j], j])
            some = _listed([f"{value:g}" for value in values], _MAX_VALUES)
            found.append(f"{some} in {column_name(names, j)}")
    if found:
        warn_once(
            f"Far outside all other values: {_listed(found, _MAX_NAMED, '; ')}. A missing code? "
            f"{_TO_HOLES if as_holes else _TO_DONORS} skflow.infer_support(X, explain=True) says "
            "how many there are and in which rows.",
            DegenerateColumnWarning,
        )


def _text_of_findings(
    found: Mapping[int, Finding],
    names: Names,
    declared: Any,
    n_columns: int,
    is_any_order: bool,
) -> str:
    """What was found, and what to do."""
    columns = [f"{column_name(names, j)} ({finding.what})" for j, finding in found.items()]
    text = f"No density describes these columns well: {_listed(columns, _MAX_NAMED, '; ')}."
    proposed = {j: f.support for j, f in found.items() if f.support is not None}
    if len(proposed) < len(found):
        text += (
            " Log-likelihoods depend on how narrow a spike can get in a column without a support "
            "that suits it: drop it, or model it separately."
        )
    if len(proposed) > 2 * _MAX_NAMED:
        return f"{text} Consider support=skflow.infer_support(X)."
    if proposed:
        merged = merged_supports(declared, proposed, names, n_columns)
        flow = "" if is_any_order or not _needs_any_order(proposed) else "flow='any_order', "
        text += f" Consider {flow}support={merged!r}."
    return text


def _needs_any_order(proposed: Mapping[int, Any]) -> bool:
    """Whether a family other than any_order refuses one of the supports."""
    supports = resolve_supports(list(proposed.values()), len(proposed), None)
    return any(why_any_order(support) for support in supports)


def _text_of_functions(functional: Sequence[Dependence], names: Names) -> str:
    relations = []
    for dependence in functional:
        others = [column_name(names, k).removeprefix("column ") for k in dependence.others]
        relations.append(
            f"{column_name(names, dependence.column)} of {_listed(others, _MAX_VALUES)}"
        )
    return (
        f"Some columns are functions of others: {_listed(relations, _MAX_NAMED, '; ')}. Such a "
        "table has no density, and log-likelihoods depend on how thin the fit can get. Drop "
        "columns that others determine."
    )


def merged_supports(
    declared: Any, proposed: Mapping[int, Any], names: Names, n_columns: int
) -> Any:
    """The parameter `support` with the proposed ones by index; the form declared is kept."""
    if isinstance(declared, list):
        return [proposed.get(j, support) for j, support in enumerate(declared)]
    by_label = {label_of(names, j): support for j, support in proposed.items()}
    if isinstance(declared, dict):
        # the user's keys may be indices of columns that have names
        indices = {label_of(names, j): j for j in range(n_columns)}
        kept = {
            label: support
            for label, support in declared.items()
            if indices.get(label, label) not in proposed
        }
        return {**kept, **by_label}
    if declared is not None:
        return {label_of(names, j): declared for j in range(n_columns)} | by_label
    return by_label


def _listed(items: Sequence[str], most: int, separator: str = ", ") -> str:
    """The items in a row; how many more there are is not said, as it varies between folds."""
    others = " and others" if len(items) > most else ""
    return separator.join(items[:most]) + others
