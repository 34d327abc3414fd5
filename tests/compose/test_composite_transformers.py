"""Pipeline and ColumnTransformer: which columns go where, and back."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PowerTransformer,
    StandardScaler,
)

from skflow.compose import TransformedDensity, log_abs_det

RNG = np.random.default_rng(0)
X = RNG.gamma(3, size=(60, 4)) @ RNG.normal(size=(4, 4)) * [1, 10, 0.1, 3]
FRAME = pd.DataFrame(X, columns=list("abcd"))
POWER, SCALE = PowerTransformer(), StandardScaler()


def fitted_log_det(transformer, rows):
    return log_abs_det(clone(transformer).fit(rows), rows)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["d", "b"], ["a", "c"]),
        ([3, 1], [0, 2]),
        ([-1, 1], slice(0, 3, 2)),
        ([False, True, False, True], np.array([True, False, True, False])),
        (make_column_selector("[bd]"), lambda frame: ["a", "c"]),
    ],
    ids=["names", "indices", "slice", "masks", "callables"],
)
@pytest.mark.parametrize("as_remainder", [False, True])
def test_column_selections(first, second, as_remainder):
    transformers = [("power", POWER, first), ("scale", SCALE, second), ("none", PCA(), [])]
    columns = (
        ColumnTransformer(transformers[::2], remainder=SCALE)
        if as_remainder
        else ColumnTransformer(transformers)
    ).fit(FRAME)
    expected = fitted_log_det(POWER, X[:, [3, 1]]) + fitted_log_det(SCALE, X[:, [0, 2]])
    np.testing.assert_allclose(log_abs_det(columns, FRAME), expected)
    density = TransformedDensity(columns, KernelDensity(bandwidth=1e-9)).fit(FRAME)
    drawn = density.sample(300, random_state=0)  # the training rows again
    assert np.abs(drawn[:, None] - X).max(axis=-1).min(axis=-1).max() < 1e-6


def test_log_dets_and_samples_of_a_pipeline():
    inner = ColumnTransformer(
        [("min max", MinMaxScaler(), [2])], remainder=POWER, transformer_weights={"min max": -9}
    )
    pipeline = Pipeline([("scale", SCALE), ("columns", inner), ("none", None), ("pca", PCA())])
    density = TransformedDensity(pipeline, KernelDensity(bandwidth=1e-9)).fit(X)
    scaled = StandardScaler().fit_transform(X)
    expected = fitted_log_det(SCALE, X) + fitted_log_det(POWER, scaled[:, [0, 1, 3]])
    expected += np.log(9 / np.ptp(scaled[:, 2]))
    np.testing.assert_allclose(log_abs_det(density.transformer_, X), expected)
    drawn = density.sample(300, random_state=0)
    assert np.abs(drawn[:, None] - X).max(axis=-1).min(axis=-1).max() < 1e-6


def test_steps_that_write_into_their_input():
    def pipeline(copy):
        return make_pipeline(
            StandardScaler(copy=copy), PowerTransformer(copy=copy), PCA(whiten=True, copy=copy)
        )

    rows = X.copy()
    careful, careless = (
        TransformedDensity(pipeline(copy), KernelDensity()).fit(rows) for copy in (True, False)
    )
    np.testing.assert_array_equal(careless.score_samples(rows), careful.score_samples(X))
    np.testing.assert_array_equal(rows, X)


@pytest.mark.parametrize("rows", [X, FRAME], ids=["array", "frame"])
def test_dropped_columns(rows):
    name = "'c'" if rows is FRAME else "2"
    columns = ColumnTransformer([("power", POWER, [0, 1, 3])]).fit(rows)
    with pytest.raises(ValueError, match=f"drops column {name},.* 'passthrough'"):
        log_abs_det(columns, rows)


@pytest.mark.parametrize("rows", [X, FRAME], ids=["array", "frame"])
def test_columns_used_twice(rows):
    name = "'b'" if rows is FRAME else "1"
    columns = ColumnTransformer([("power", POWER, [0, 1]), ("scale", SCALE, [1, 2, 3])]).fit(rows)
    with pytest.raises(ValueError, match=f"uses column {name} twice"):
        log_abs_det(columns, rows)


def test_a_column_used_twice_by_one_transformer():
    columns = ColumnTransformer([("scale", SCALE, [2, 2])], remainder="passthrough").fit(X)
    with pytest.raises(ValueError, match="uses column 2 twice"):
        log_abs_det(columns, X)


def test_parts_that_drop_columns():
    columns = ColumnTransformer([("pca", PCA(1), [0, 1])], remainder="passthrough").fit(X)
    with pytest.raises(ValueError, match="PCA maps 2 columns to 1"):
        log_abs_det(columns, X)


def test_parts_that_add_columns_for_those_dropped():
    squares = FunctionTransformer(lambda X: np.hstack([X, X**2]), lambda X: X[:, :1])
    columns = ColumnTransformer([("add", squares, [0]), ("drop", PCA(1), [1, 2])], remainder=SCALE)
    with pytest.raises(ValueError, match="FunctionTransformer maps 1 columns to 2"):
        log_abs_det(columns.fit(X), X)


def test_a_union_has_no_log_determinant():
    union = FeatureUnion([("scale", SCALE), ("power", POWER)])
    with pytest.raises(TypeError, match="No log-determinant is known for FeatureUnion"):
        TransformedDensity(union, KernelDensity()).fit(X)
