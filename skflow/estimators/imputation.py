"""One value in place of each missing cell, from its distribution given the observed ones."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skflow.data.support import Support
from skflow.flows.any_order.any_order_density import AnyOrderDensity
from skflow.flows.any_order.column_mixture import ColumnMixture
from skflow.flows.any_order.columns import ON_CONTINUUM

_BLOCK = 1024  # rows at a time


def imputed(
    density: AnyOrderDensity, x: Tensor, columns: Iterable[int], supports: Sequence[Support]
) -> Tensor:
    """Rows (n, d) with likely values in place of the missing cells of some columns."""
    out = x.clone()
    for j in columns:
        rows = x[:, j].isnan().nonzero()[:, 0]
        for block in rows.split(_BLOCK) if len(rows) else ():
            mixture = density.conditionals(x[block], [j])[j]
            out[block, j] = likely_value(mixture, supports[j]).to(out)
    return out


def likely_value(mixture: ColumnMixture, support: Support) -> Tensor:
    """The value that stands for a column, (n,), in the user's units.

    The mean of numbers, the median of a lattice, the mean direction of angles, and the likeliest
    category. Where a column has atoms, the likeliest of them or, if all numbers beside them
    together are likelier, the mean of these.
    """
    if support.kind == "lattice":
        half = torch.full_like(mixture.log_weights[:1], 0.5)
        median = mixture.quantile(half)[0].double().cpu().numpy()
        return torch.from_numpy(support.lattice.points(support.lattice.indices(median)))
    if not support.states:
        return mixture.mean_of_continuum()
    if support.kind == "category":
        return mixture.mode()
    likeliest = mixture.state_probabilities.argmax(-1)
    mean = mixture.mean_of_continuum()
    return torch.where(likeliest == ON_CONTINUUM, mean, mixture.mode())


def in_container_of(X: Any, values: np.ndarray, columns: np.ndarray | None = None) -> Any:
    """Values (n, k) as a data frame like X, or as they are if X is another table.

    They are of the columns of X for which `columns`, bool (d,), is true, or of all of them.
    """
    is_own = slice(None) if columns is None else columns
    if hasattr(X, "iloc") and hasattr(X, "index"):
        return type(X)(values, index=X.index, columns=X.columns[is_own])
    if type(X).__module__.partition(".")[0] == "polars":
        names = np.array(X.columns, dtype=object)[is_own]
        return type(X)(dict(zip(names, values.T, strict=True)))
    return values
