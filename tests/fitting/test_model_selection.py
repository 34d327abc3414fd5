"""What held-out likelihood selects for samples of a known kind."""

import numpy as np
import pytest

from skflow.fitting.fit_context import FitContext
from skflow.fitting.model_selection import select_models
from tests.fitting.examples import config_for, dataset, normal_samples


@pytest.mark.parametrize(
    ("column", "kinds"),
    [
        (lambda r, n: r.uniform(-1, 1, size=n), {"standardize", "yeo-johnson"}),
        (lambda r, n: np.exp(r.normal(size=n)), {"yeo-johnson"}),
        (lambda r, n: np.where(r.random(n) < 0.5, 0.0, r.normal(size=n)), {"kernel"}),
    ],
)
def test_marginals_suit_the_columns(column, kinds):
    r = np.random.default_rng(3)
    data = dataset(np.column_stack([column(r, 1000), column(r, 1000)]))
    selected = select_models(data, config_for(1000, 2), np.random.default_rng(0), FitContext(0))
    assert selected.marginals.kind in kinds


def test_degrees_of_freedom_suit_the_tails():
    r = np.random.default_rng(4)
    heavy = r.standard_t(3, size=(2000, 3))
    for x, min_df, max_df in ((heavy, 2, 6), (normal_samples(2000, 3), 30, 1e4)):
        selected = select_models(
            dataset(x),
            config_for(2000, 3, marginals=None),
            np.random.default_rng(0),
            FitContext(0),
        )
        assert min_df <= selected.initial_fit.shape.df <= max_df


def test_a_normal_base_has_a_normal_initial_fit():
    selected = select_models(
        dataset(np.random.default_rng(4).standard_t(3, size=(500, 2))),
        config_for(500, 2, base="normal"),
        np.random.default_rng(0),
        FitContext(0),
    )
    assert selected.initial_fit.shape.df == 1e4
