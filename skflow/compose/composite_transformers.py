"""Log-determinants, domains and inverses of Pipeline and ColumnTransformer."""

from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from skflow.compose.domains import in_domain
from skflow.compose.inverse_transform import inverse_transform
from skflow.compose.log_dets import log_abs_det
from skflow.compose.transformer_checks import check_square, validate_rows
from skflow.data.column_labels import column_name


@log_abs_det.register
def _pipeline_log_det(pipeline: Pipeline, X: ArrayLike) -> np.ndarray:
    Z: Any = deepcopy(X)  # a step with copy=False modifies its input
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


@inverse_transform.register
def _pipeline_inverse(pipeline: Pipeline, Z: np.ndarray) -> np.ndarray:
    for step in reversed(_steps(pipeline)):
        Z = inverse_transform(step, Z)
    return Z


def _steps(pipeline: Pipeline) -> list[Any]:
    return [step for _, step in pipeline.steps if step not in (None, "passthrough")]


@log_abs_det.register
def _column_transformer_log_det(columns: ColumnTransformer, X: ArrayLike) -> np.ndarray:
    log_det = np.zeros(len(validate_rows(columns, X)))
    for block in _blocks(columns):
        log_det += log_abs_det(block.transformer, block.select(X))
        log_det += len(block.inputs) * np.log(np.abs(block.weight))
    return log_det


@in_domain.register
def _column_transformer_domain(columns: ColumnTransformer, X: ArrayLike) -> np.ndarray:
    inside = [in_domain(block.transformer, block.select(X)) for block in _blocks(columns)]
    return np.asarray(np.all(inside, axis=0))


@inverse_transform.register
def _column_transformer_inverse(columns: ColumnTransformer, Z: np.ndarray) -> np.ndarray:
    X = np.empty_like(Z)
    for block in _blocks(columns):
        X[:, block.inputs] = inverse_transform(
            block.transformer, Z[:, block.outputs] / block.weight
        )
    return X


class _Block(NamedTuple):
    """One transformer of a ColumnTransformer with its input and output columns."""

    transformer: Any
    inputs: list[int]
    outputs: slice
    weight: float

    def select(self, X: Any) -> Any:
        rows = X if hasattr(X, "columns") else np.asarray(X)
        return _safe_indexing(rows, self.inputs, axis=1)


def _blocks(columns: ColumnTransformer) -> list[_Block]:
    """The non-empty blocks of a fitted ColumnTransformer, checked to be jointly invertible."""
    check_is_fitted(columns)
    weights = columns.transformer_weights or {}
    blocks = [
        _Block(
            transformer,
            list(columns._transformer_to_input_indices[name]),
            columns.output_indices_[name],
            weights.get(name, 1.0),
        )
        for name, transformer, _ in columns.transformers_
        if len(columns._transformer_to_input_indices[name])
    ]
    _check_each_column_once(columns, blocks)
    for block in blocks:
        n_outputs = block.outputs.stop - block.outputs.start
        check_square(block.transformer, len(block.inputs), n_outputs)
    return blocks


def _check_each_column_once(columns: ColumnTransformer, blocks: list[_Block]) -> None:
    names = getattr(columns, "feature_names_in_", None)
    seen: set[int] = set()
    for block in blocks:
        if block.transformer == "drop":
            raise ValueError(
                f"ColumnTransformer drops {column_name(names, block.inputs[0])}, but a density "
                "in the original units needs all columns. Use 'passthrough' (also as the "
                "remainder), or drop the column from X."
            )
        for column in block.inputs:
            if column in seen:
                raise ValueError(
                    f"ColumnTransformer uses {column_name(names, column)} twice, so its output "
                    "lies on a lower-dimensional surface and has no density. Pass each column "
                    "to exactly one transformer."
                )
            seen.add(column)
