"""Rows outside the domain of a transformer: found, and scored as −inf."""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    PowerTransformer,
    StandardScaler,
)

from skflow.compose import TransformedDensity
from skflow.compose.domains import in_domain

LOG = FunctionTransformer(np.log, np.exp)
RNG = np.random.default_rng(0)
POSITIVE = np.exp(RNG.normal(size=(300, 2)) @ [[1.0, 0.4], [0.0, 0.5]])


@pytest.mark.parametrize(
    "transformer",
    [
        LOG,
        PowerTransformer("box-cox"),
        make_pipeline(LOG, PCA()),
        make_pipeline(MaxAbsScaler(), PowerTransformer("box-cox"), StandardScaler()),
        ColumnTransformer([("log", LOG, [0])], remainder="passthrough"),
    ],
    ids=["function", "power", "pipeline", "pipeline of powers", "columns"],
)
def test_rows_outside_the_domain_have_no_density(transformer):
    density = TransformedDensity(transformer, KernelDensity(bandwidth=0.3)).fit(POSITIVE)
    rows = np.array([[1.0, 2.0], [-1.0, 2.0], [0.0, 2.0]])
    assert np.isfinite(density.score_samples(rows)).tolist() == [True, False, False]
    assert density.score_samples(rows[:1])[0] == density.score_samples(rows)[0]
    assert density.score_samples(rows[1:2]).tolist() == [-np.inf]


def test_rows_so_far_out_that_a_power_overflows_have_no_density():
    X = -np.random.default_rng(0).gamma(1, size=(200, 1))  # left-skewed: a power above 1
    model = TransformedDensity(PowerTransformer(), GaussianMixture()).fit(X)
    assert model.transformer_.lambdas_[0] > 1.5
    scores = model.score_samples([[-1.0], [1e300]])
    assert np.isfinite(scores[0])
    assert scores[1] == -np.inf


@pytest.mark.parametrize("method", ["box-cox", "yeo-johnson"])
def test_the_domain_of_powers(method):
    power = PowerTransformer(method, standardize=False).fit(POSITIVE)
    power.lambdas_ = np.array([3.0, 0.5])
    rows = np.array([[1.0, 1.0], [1e200, 1.0], [1.0, 1e200], [-1.0, 1.0]])
    assert in_domain(power, rows).tolist() == [True, False, True, method == "yeo-johnson"]


def test_later_steps_see_only_what_earlier_steps_can_map():
    twice = make_pipeline(LOG, FunctionTransformer(np.log1p, np.expm1))  # log(1 + log x)
    rows = np.array([[1.0, 1.0], [np.exp(-2), 1.0], [-1.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
    assert in_domain(twice, rows).tolist() == [True, False, False, False, True]
    np.testing.assert_array_equal(rows[0], 1)
