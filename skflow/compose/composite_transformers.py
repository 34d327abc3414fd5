"""Transformers made of transformers: log-determinants add up, and so do the ways back."""

from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from skflow.compose.domains import in_domain
from skflow.compose.inverse_transform import inverse
from skflow.compose.log_dets import log_abs_det
from skflow.compose.transformer_checks import check_square, checked_rows
from skflow.data.validation import column_name


@log_abs_det.register
def _pipeline(pipeline: Pipeline, X: ArrayLike) -> np.ndarray:
    Z: Any = deepcopy(X)  # a step with copy=False writes into it
    log_det = np.zeros(len(Z))
    for step in _steps(pipeline):
        log_det += log_abs_det(step, Z)
        Z = step.transform(Z)
    return log_det


@in_domain.register
def _pipeline_domain(pipeline: Pipeline, X: ArrayLike) -> np.ndarray:
    Z: Any = deepcopy(X)
    inside = np.full(len(Z), True)
    for step in _steps(pipeline):
        still_inside = in_domain(step, Z)
        inside[inside] = still_inside
        if not inside.any():
            break
        Z = step.transform(_safe_indexing(Z, still_inside))
    return inside


@inverse.register
def _pipeline_back(pipeline: Pipeline, Z: np.ndarray) -> np.ndarray:
    for step in reversed(_steps(pipeline)):
        Z = inverse(step, Z)
    return Z


def _steps(pipeline: Pipeline) -> list[Any]:
    return [step for _, step in pipeline.steps if step not in (None, "passthrough")]


@log_abs_det.register
def _columns(columns: ColumnTransformer, X: ArrayLike) -> np.ndarray:
    log_det = np.zeros(len(checked_rows(columns, X)))
    for part in _parts(columns):
        log_det += log_abs_det(part.transformer, part.of(X))
        log_det += len(part.inputs) * np.log(np.abs(part.weight))
    return log_det


@in_domain.register
def _columns_domain(columns: ColumnTransformer, X: ArrayLike) -> np.ndarray:
    inside = [in_domain(part.transformer, part.of(X)) for part in _parts(columns)]
    return np.asarray(np.all(inside, axis=0))


@inverse.register
def _columns_back(columns: ColumnTransformer, Z: np.ndarray) -> np.ndarray:
    X = np.empty_like(Z)
    for part in _parts(columns):
        X[:, part.inputs] = inverse(part.transformer, Z[:, part.outputs] / part.weight)
    return X


class _Part(NamedTuple):
    """One transformer of a ColumnTransformer, and which columns go in and come out."""

    transformer: Any
    inputs: list[int]
    outputs: slice
    weight: float

    def of(self, X: Any) -> Any:
        rows = X if hasattr(X, "columns") else np.asarray(X)
        return _safe_indexing(rows, self.inputs, axis=1)


def _parts(columns: ColumnTransformer) -> list[_Part]:
    """The parts that have columns, where every column is in just one of them."""
    check_is_fitted(columns)
    weights = columns.transformer_weights or {}
    parts = [
        _Part(
            transformer,
            list(columns._transformer_to_input_indices[name]),
            columns.output_indices_[name],
            weights.get(name, 1.0),
        )
        for name, transformer, _ in columns.transformers_
        if len(columns._transformer_to_input_indices[name])
    ]
    _check_each_column_once(columns, parts)
    for part in parts:
        check_square(part.transformer, len(part.inputs), part.outputs.stop - part.outputs.start)
    return parts


def _check_each_column_once(columns: ColumnTransformer, parts: list[_Part]) -> None:
    names = getattr(columns, "feature_names_in_", None)
    seen: set[int] = set()
    for part in parts:
        if part.transformer == "drop":
            raise ValueError(
                f"ColumnTransformer drops {column_name(names, part.inputs[0])}, and a density in "
                "the original units is one of all columns: use 'passthrough', as its remainder "
                "too, or drop the column from X."
            )
        for column in part.inputs:
            if column in seen:
                raise ValueError(
                    f"ColumnTransformer uses {column_name(names, column)} twice, so its rows fill "
                    "only a surface, on which a density of all columns is infinite: let each "
                    "column be in one transformer, once."
                )
            seen.add(column)
