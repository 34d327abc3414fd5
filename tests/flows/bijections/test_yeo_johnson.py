"""The Yeo-Johnson transform against scikit-learn and SciPy, and its linear tails."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.preprocessing import PowerTransformer

from skflow.flows.bijections import YeoJohnson

POWERS = [-3.0, -0.5, 0.0, 1e-9, 5e-4, 2e-3, 0.5, 1.0, 2 - 1e-9, 2.0, 2.7, 5.0]


def yeo_johnson(lam, low=-4.0, high=3.0):
    return YeoJohnson(*(torch.tensor([v], dtype=torch.float64) for v in (lam, low, high)))


def columns(n=800):
    rng = np.random.default_rng(0)
    skewed = rng.gamma(2.0, size=n)
    return {
        "gamma": skewed - np.median(skewed),
        "mirrored gamma": np.median(skewed) - skewed,
        "normal": rng.normal(size=n),
        "lognormal": rng.lognormal(sigma=0.6, size=n) - 1,
        "heavy": rng.standard_t(3, size=n),
        "bimodal": np.where(rng.random(n) < 0.7, -1, 2) + 0.3 * rng.normal(size=n),
        "uniform": rng.uniform(-1, 3, size=n),
    }


@pytest.mark.parametrize("kind", columns())
def test_fitted_power_equals_that_of_scikit_learn(kind):
    x = columns()[kind][:, None]
    expected = PowerTransformer("yeo-johnson", standardize=False).fit(x)
    found = YeoJohnson.fit(torch.from_numpy(x), torch.ones(len(x)).double())
    assert found.lam.item() == pytest.approx(expected.lambdas_[0], abs=1e-2)
    z, _ = yeo_johnson(expected.lambdas_[0], found.low.item(), found.high.item())(
        torch.from_numpy(x)
    )
    np.testing.assert_allclose(z, expected.transform(x), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("lam", POWERS)
def test_equals_scipy_inside_the_interval(lam):
    x = np.linspace(-4, 3, 101)
    z, _ = yeo_johnson(lam)(torch.from_numpy(x)[:, None])
    np.testing.assert_allclose(z[:, 0], stats.yeojohnson(x, lam), rtol=1e-9, atol=1e-12)


def test_weights_act_like_repetitions():
    x = torch.from_numpy(columns(200)["gamma"])[:, None]
    weights = torch.randint(1, 5, (200,), generator=torch.Generator().manual_seed(0))
    repeated = x.repeat_interleave(weights, dim=0)
    one = YeoJohnson.fit(x, weights.double())
    two = YeoJohnson.fit(repeated, torch.ones(len(repeated)).double())
    torch.testing.assert_close(one.lam, two.lam, rtol=0, atol=1e-5)
    assert torch.equal(one.low, two.low)
    assert torch.equal(one.high, two.high)


def test_columns_are_fitted_independently():
    table = columns(300)
    x = torch.from_numpy(np.stack([table["gamma"], table["normal"]], axis=1))
    weights = torch.ones(300).double()
    both = YeoJohnson.fit(x, weights)
    for j in range(2):
        assert both.lam[j] == YeoJohnson.fit(x[:, j : j + 1], weights).lam[0]


@pytest.mark.parametrize(
    "column", [np.zeros(20), np.full(20, 3.0), np.r_[np.zeros(19), 1.0], np.r_[np.zeros(19), 1e6]]
)
def test_constant_and_nearly_constant_columns_stay_finite(column):
    x = torch.from_numpy(column)[:, None]
    bijection = YeoJohnson.fit(x, torch.ones(20).double())
    z, log_slope = bijection(x)
    assert z.isfinite().all()
    assert log_slope.isfinite().all()
    torch.testing.assert_close(bijection.inverse(z)[0], x, rtol=1e-6, atol=1e-8)


def test_tails_begin_at_the_extremes_or_where_told():
    x = torch.from_numpy(columns()["heavy"])[:, None]
    weights = torch.ones(len(x)).double()
    bijection = YeoJohnson.fit(x, weights)
    assert (bijection.low.item(), bijection.high.item()) == (x.min().item(), x.max().item())
    ends = torch.tensor([-2.0]).double(), torch.tensor([-1.0]).double()
    told = YeoJohnson.fit(x, weights, linear_beyond=ends)  # the second one is not above 0
    assert (told.low.item(), told.high.item()) == (-2, x.max().item())


@pytest.mark.parametrize("lam", POWERS)
def test_log_slope_equals_the_numerical_derivative(lam):
    x = torch.tensor([-50.0, -4.5, -3.9, -1.0, -1e-3, 1e-3, 1.0, 2.9, 3.5, 50.0]).double()[:, None]
    step = 1e-6
    bijection = yeo_johnson(lam)
    difference = bijection(x + step)[0] - bijection(x - step)[0]
    expected = (difference / (2 * step)).log().squeeze(1)
    torch.testing.assert_close(bijection(x)[1], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("lam", POWERS)
def test_tails_are_linear_without_a_kink(lam):
    bijection = yeo_johnson(lam)
    x = torch.tensor([-1e6, -10.0, -4 - 1e-9, -4 + 1e-9, 3 - 1e-9, 3 + 1e-9, 10.0, 1e6])
    z, log_slope = bijection(x.double()[:, None])
    for tail in (log_slope[:4], log_slope[4:]):
        torch.testing.assert_close(tail, tail[:1].expand(4), rtol=0, atol=1e-8)
    slope = log_slope[-1].exp()
    torch.testing.assert_close(z[-1, 0] - z[-2, 0], slope * (1e6 - 10))


@settings(deadline=None, derandomize=True, max_examples=300)
@given(
    st.floats(-3, 5) | st.sampled_from(POWERS),
    st.floats(-50, -0.5),
    st.floats(0.5, 50),
    st.lists(st.floats(-100, 100) | st.floats(-1e15, 1e15), min_size=1, max_size=10),
)
def test_onto_and_invertible_for_all_powers(lam, low, high, points):
    bijection = yeo_johnson(lam, low, high)
    point = torch.tensor(points, dtype=torch.float64)[:, None]
    x, log_slope = bijection.inverse(point)  # z of any size has an x
    z, log_slope_back = bijection(x)
    assert x.isfinite().all()
    assert log_slope.isfinite().all()
    torch.testing.assert_close(z, point, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(log_slope_back, -log_slope, rtol=0, atol=1e-6)
    back, _ = bijection.inverse(bijection(point)[0])
    torch.testing.assert_close(back, point, rtol=1e-6, atol=1e-6)
    assert (bijection(point.sort(0)[0])[0].diff(dim=0) >= 0).all()
