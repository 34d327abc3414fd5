"""Fits that continue an earlier any-order fit."""

import numpy as np
import pytest

from skflow import NormalizingFlowDensity, Support
from tests.fitting.any_order.test_fit_any_order import MIXED_ROWS, fitted
from tests.flows.any_order.examples import MIXED

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def warm(**params):
    return fitted(MIXED_ROWS, support=list(MIXED), warm_start=True, **params)


def test_training_goes_on():
    density = warm()
    links = density.flow_.components[0].links.state_dict()
    orders = density.flow_.components[0].orders
    before = density.flow_.components[0].net.net.output.weight.clone()
    density.set_params(max_iter=7).fit(MIXED_ROWS)
    assert density.n_iter_ == 12
    part = density.flow_.components[0]
    assert not np.array_equal(part.net.net.output.weight, before)
    for name, buffer in part.links.state_dict().items():
        np.testing.assert_array_equal(buffer, links[name], err_msg=name)
    np.testing.assert_array_equal(part.orders, orders)
    assert np.isfinite(density.score_samples(MIXED_ROWS)).all()


def test_supports_have_to_be_the_same():
    density = warm()
    supports = [*MIXED[:1], Support(low=0, atoms=[0, 1]), *MIXED[2:]]
    with pytest.raises(ValueError, match="had other supports"):
        density.set_params(support=supports).fit(MIXED_ROWS)


def test_networks_have_to_be_the_same():
    density = warm()
    with pytest.raises(ValueError, match="warm_start"):
        density.set_params(hidden_layer_sizes=9).fit(MIXED_ROWS)


def test_other_rows_and_a_fit_that_is_not_warm():
    density = warm()
    refit = NormalizingFlowDensity(**{**density.get_params(), "warm_start": False})
    assert refit.fit(MIXED_ROWS).n_iter_ == 5
