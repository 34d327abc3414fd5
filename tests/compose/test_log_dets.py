"""Each transformer: its log-determinant against differences, and densities behind it against 1."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from skflow.compose import TransformedDensity, log_abs_det


def skewed(n_columns, n_rows=200):
    """Positive rows, skewed and dependent, in units that are far apart."""
    rng = np.random.default_rng(0)
    first = rng.gamma(4, size=n_rows)
    second = np.exp(0.5 * rng.normal(size=n_rows) + 0.4 * np.log(first))
    return np.column_stack([first, second])[:, :n_columns] * [3.0, 0.5][:n_columns]


def shear(X):
    return np.column_stack([X[:, :1], X[:, 1:] + 0.1 * np.sin(X[:, :1])])


def unshear(X):
    return np.column_stack([X[:, :1], X[:, 1:] - 0.1 * np.sin(X[:, :1])])


REAL, POSITIVE, PIECEWISE = "real", "positive", "piecewise"

CASES = {
    "passthrough": (FunctionTransformer(), REAL),
    "standard": (StandardScaler(), REAL),
    "standard, no std": (StandardScaler(with_std=False), REAL),
    "min max": (MinMaxScaler((-2, 1)), REAL),
    "max abs": (MaxAbsScaler(), REAL),
    "robust": (RobustScaler(), REAL),
    "robust, of unit variance": (RobustScaler(unit_variance=True), REAL),
    "robust, no scaling": (RobustScaler(with_scaling=False), REAL),
    "yeo-johnson": (PowerTransformer(), REAL),
    "yeo-johnson, bare": (PowerTransformer(standardize=False), REAL),
    "box-cox": (PowerTransformer("box-cox"), POSITIVE),
    "box-cox, bare": (PowerTransformer("box-cox", standardize=False), POSITIVE),
    "quantile, uniform": (QuantileTransformer(n_quantiles=20), PIECEWISE),
    "quantile, normal": (
        QuantileTransformer(n_quantiles=20, output_distribution="normal"),
        PIECEWISE,
    ),
    "quantile, subsampled": (
        QuantileTransformer(n_quantiles=20, subsample=90, random_state=0),
        PIECEWISE,
    ),
    "pca": (PCA(), REAL),
    "pca, whitened": (PCA(whiten=True), REAL),
    "incremental pca": (IncrementalPCA(whiten=True), REAL),
    "function": (FunctionTransformer(np.log, np.exp), POSITIVE),
    "function of columns": (FunctionTransformer(shear, unshear), REAL),
    "pipeline": (
        make_pipeline("passthrough", FunctionTransformer(np.log, np.exp), PCA(whiten=True)),
        POSITIVE,
    ),
    "columns": (
        ColumnTransformer(
            [("last", FunctionTransformer(np.arcsinh, np.sinh), [-1])], remainder="passthrough"
        ),
        REAL,
    ),
    "columns, weighted, in a pipeline": (
        make_pipeline(
            StandardScaler(),
            ColumnTransformer(
                [("last", PowerTransformer(), [-1])],
                remainder=MinMaxScaler(),
                transformer_weights={"last": -2.0, "remainder": 3.0},
            ),
        ),
        REAL,
    ),
}


def fitted(name, X):
    return clone(CASES[name][0]).fit(X)


def numerical_log_det(transformer, X):
    """By central differences of order 4."""
    jacobian = np.empty((len(X), X.shape[1], X.shape[1]))
    for j, step in enumerate(1e-4 * X.std(axis=0)):
        moved = [X + k * step * np.eye(X.shape[1])[j] for k in (-2, -1, 1, 2)]
        values = np.stack([transformer.transform(Z) for Z in moved])
        jacobian[:, :, j] = np.tensordot([1, -8, 8, -1], values, axes=1) / (12 * step)
    return np.linalg.slogdet(jacobian)[1]


def columns_of(name):
    return [2] if name == "function of columns" else [1, 2]


EACH = [(name, d) for name in CASES for d in columns_of(name)]


@pytest.mark.parametrize(("name", "n_columns"), EACH)
def test_log_abs_det_is_that_of_the_jacobian(name, n_columns):
    X = skewed(n_columns)
    transformer = fitted(name, X)
    others = X[:50] + 0.37 * (X[50:100] - X[:50])  # within the range, on no knot
    log_det = log_abs_det(transformer, others)
    assert log_det.shape == (50,)
    assert log_det.dtype == np.float64
    np.testing.assert_allclose(log_det, numerical_log_det(transformer, others), atol=1e-6)


@pytest.mark.parametrize(("name", "n_columns"), EACH)
def test_log_abs_det_of_a_row_does_not_depend_on_others(name, n_columns):
    X = skewed(n_columns)
    transformer = fitted(name, X)
    rows = [log_abs_det(transformer, row[None])[0] for row in X[:5]]
    np.testing.assert_allclose(log_abs_det(transformer, X)[:5], rows, rtol=1e-12, atol=1e-12)


def edges(domain, x, knots, n_cells):
    """Edges of cells on a column's axis, small where its density is large."""
    if domain == POSITIVE:
        return np.median(x) * np.geomspace(1e-3, 1e3, n_cells)
    if domain == REAL:
        return x.std() * np.sinh(np.linspace(-5, 5, n_cells)) + np.median(x)
    inner = np.interp(np.linspace(0, 1, n_cells // 2), np.linspace(0, 1, len(knots)), knots)
    near = np.geomspace(1e-8, 1, n_cells // 4)  # to the ends, where normal quantiles are steep
    first, last = knots[0] + np.diff(knots)[0] * near, knots[-1] - np.diff(knots)[-1] * near
    return np.unique(np.concatenate([knots, inner, first, last]))


def integral(density, all_edges):
    """By the midpoint rule."""
    middles = [(e[1:] + e[:-1]) / 2 for e in all_edges]
    widths = [np.diff(e) for e in all_edges]
    grid = np.stack(np.meshgrid(*middles, indexing="ij"), axis=-1).reshape(-1, len(all_edges))
    volumes = np.prod(np.stack(np.meshgrid(*widths, indexing="ij"), axis=-1), axis=-1)
    return np.exp(density.score_samples(grid)) @ volumes.ravel()


BOUNDED = (PowerTransformer, QuantileTransformer)


def mass_of_the_image(density, transformer, all_edges):
    """What the inner density puts where the transformer maps the grid to."""
    if not isinstance(transformer, BOUNDED):
        return 1.0
    ends = transformer.transform(np.column_stack([e[[0, -1]] for e in all_edges])).clip(-15, 15)
    return integral(density, [np.linspace(*pair, len(all_edges[0])) for pair in ends.T])


@pytest.fixture(params=["kernels", "flow"])
def inner(request, quick):
    if request.param == "kernels":
        return KernelDensity(bandwidth=0.4)
    return quick(effort="fast", base="normal", n_estimators=1)


@pytest.mark.parametrize(("name", "n_columns"), EACH)
def test_the_density_integrates_to_1(name, n_columns, inner):
    X = skewed(n_columns)
    transformer, domain = CASES[name]
    density = TransformedDensity(transformer, inner).fit(X)
    n_cells = {1: 2000, 2: 250}[n_columns]
    all_knots = getattr(density.transformer_, "quantiles_", X)
    axes = [edges(domain, x, knots, n_cells) for x, knots in zip(X.T, all_knots.T, strict=True)]
    expected = mass_of_the_image(density.density_, density.transformer_, axes)
    assert integral(density, axes) == pytest.approx(expected, abs=2e-3)
