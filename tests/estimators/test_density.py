"""A density integrates to one, agrees with its samples, and is positive everywhere."""

import math

import hypothesis.extra.numpy
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, multivariate_normal
from sklearn.datasets import make_moons

from skflow import NormalizingFlowDensity
from skflow.flows.families import FAMILIES

CONTINUOUS = ("flow_matching", "flow_matching_ot", "diffusion", "cnf")
GRID_LIMIT = 2e4  # standard deviations


def bimodal(d, n=400, seed=0):
    """Two normal modes at ∓2 with standard deviation 0.5 in every column."""
    rng = np.random.default_rng(seed)
    side = rng.choice([-2.0, 2.0], n)
    return side[:, None] * [1.0, -1.0][:d] + 0.5 * rng.normal(size=(n, d))


def true_bimodal_log_density(X):
    d = X.shape[1]
    modes = [multivariate_normal(s * np.array([1.0, -1.0][:d]), 0.25) for s in (-2, 2)]
    return np.logaddexp(*(mode.logpdf(X) for mode in modes)) - math.log(2)


@pytest.fixture(scope="module", params=[(f, d) for f in FAMILIES for d in (1, 2)], ids=str)
def full_fit(request):
    """Fits with default parameters to bimodal data of one and two columns, for each family."""
    family, d = request.param
    n_estimators = 2 if family in CONTINUOUS else "auto"  # ODE solvers are slow
    return NormalizingFlowDensity(flow=family, n_estimators=n_estimators, random_state=0).fit(
        bimodal(d)
    )


def sinh_grid(d):
    limit = math.asinh(GRID_LIMIT)
    return np.sinh(np.linspace(-limit, limit, 20_001 if d == 1 else 501))


def cell_masses(estimator, grid):
    """Probability of each cell of a grid, by the trapezoidal rule in each direction."""
    d = estimator.n_features_in_
    points = np.stack(np.meshgrid(*[grid] * d, indexing="ij"), axis=-1).reshape(-1, d)
    mass = np.exp(estimator.score_samples(points)).reshape([len(grid)] * d)
    widths = np.diff(grid)
    for axis in range(d):
        low, high = np.delete(mass, -1, axis), np.delete(mass, 0, axis)
        mass = (low + high) / 2 * np.expand_dims(widths, [a for a in range(d) if a != axis])
    return mass


def coarsened(mass, k):
    for axis in range(mass.ndim):
        mass = np.add.reduceat(mass, np.arange(0, mass.shape[axis], k), axis=axis)
    return mass


def chi_square_p_value(estimator, grid, mass, n=100_000):
    """Test samples against probabilities, with cells that expect fewer than 20 pooled."""
    d, k = estimator.n_features_in_, 20 if mass.ndim == 1 else 5
    expected = n * coarsened(mass, k)
    observed, _ = np.histogramdd(estimator.sample(n, random_state=0), bins=[grid[::k]] * d)
    busy = expected >= 20
    observed, expected = observed[busy], expected[busy]
    assert len(expected) > 50
    rest = max(n - expected.sum(), 1e-9)
    observed = np.append(observed, n - observed.sum())
    expected = np.append(expected, rest)
    return chisquare(observed, expected * n / expected.sum()).pvalue


@pytest.mark.slow
def test_integrates_to_one_and_samples_agree(full_fit):
    grid = sinh_grid(full_fit.n_features_in_)
    mass = cell_masses(full_fit, grid)
    assert mass.sum() == pytest.approx(1, abs=1e-3)
    assert chi_square_p_value(full_fit, grid, mass) > 1e-4


@pytest.mark.slow
def test_finds_both_modes(full_fit):
    fresh = bimodal(full_fit.n_features_in_, n=5000, seed=1)
    lost = true_bimodal_log_density(fresh).mean() - full_fit.score(fresh)
    only_affine = fresh.shape[1] == 1 and full_fit.flow in {"nice", "realnvp", "maf"}
    assert 0 < lost < (0.8 if only_affine else 0.15)  # affine maps of one column are unimodal


@pytest.mark.slow
def test_chains_of_a_full_fit_round_trip(full_fit):
    assert_round_trips(full_fit, bimodal(full_fit.n_features_in_))


@pytest.mark.slow
def test_full_fit_falls_in_the_tails(full_fit):
    assert_falls(full_fit, np.zeros(full_fit.n_features_in_), sd=2.0)


@pytest.mark.slow
def test_gradients_of_a_full_fit(full_fit):
    fresh = bimodal(full_fit.n_features_in_, n=20, seed=1)  # there may be kinks at the data
    assert_gradients_agree(full_fit, fresh)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_bare_family_gains_over_its_start_on_two_moons(family):
    X, _ = make_moons(10_000, noise=0.1, random_state=0)
    fresh, _ = make_moons(10_000, noise=0.1, random_state=1)
    bare = {"flow": family, "safety_net": False, "random_state": 0}
    start = NormalizingFlowDensity(**bare, max_iter=1, learning_rate_init=1e-12).fit(X)
    fitted = NormalizingFlowDensity(**bare).fit(X)
    assert fitted.weights_ == {"flow": 1.0}
    assert fitted.score(fresh) - start.score(fresh) > 0.3
    assert fitted.validation_scores_[0] == pytest.approx(start.score(fresh), abs=0.05)


@pytest.mark.parametrize("d", [1, 2])
def test_quick_fit_integrates_to_one(quick, any_family, d):
    estimator = quick(flow=any_family).fit(bimodal(d))
    coarse = any_family in CONTINUOUS and d == 2  # ODE solvers are slow
    grid = sinh_grid(d)[:: 4 if d == 1 else 2 if coarse else 1]
    assert cell_masses(estimator, grid).sum() == pytest.approx(1, abs=1e-2 if coarse else 1e-3)


@pytest.mark.parametrize("d", [1, 2])
def test_quick_fit_with_its_net_integrates_to_one(quick, d):
    estimator = quick(safety_net=True).fit(bimodal(d))
    assert cell_masses(estimator, sinh_grid(d)).sum() == pytest.approx(1, abs=1e-3)


def assert_round_trips(estimator, X):
    error, log_error = (1e-4, 1e-2) if estimator.flow in CONTINUOUS else (1e-8, 1e-6)
    rows, _ = estimator.flow_.chain(torch.from_numpy(X))
    for component in estimator.flow_.base.components:
        z, log_det = component.chain(rows)
        back, log_det_back = component.chain.inverse(z)
        torch.testing.assert_close(back, rows, rtol=error, atol=error)
        torch.testing.assert_close(log_det_back, -log_det, rtol=log_error, atol=log_error)


@pytest.mark.parametrize("safety_net", [True, False])
def test_chains_round_trip(quick, moons, family, safety_net):
    assert_round_trips(quick(flow=family, safety_net=safety_net).fit(moons), np.array(moons))


def outward(d):
    return np.vstack([np.eye(d), -np.eye(d), np.ones((1, d)), np.linspace(-1, 0.3, d)])


def assert_falls(estimator, center, sd, nearest=10):
    """log p decreases strictly from `nearest` to 1e6 standard deviations, and to 1e150."""
    radii = np.geomspace(nearest, 1e6, 200)
    for direction in outward(len(center)):
        log_p = estimator.score_samples(center + sd * radii[:, None] * direction)
        assert np.isfinite(log_p).all()
        assert np.diff(log_p).max() < 0
        far = estimator.score_samples(np.array([[1e15], [1e150]]) * direction)
        assert np.isfinite(far).all()
        assert log_p[-1] > far[0] > far[1]


@pytest.mark.parametrize("d", [1, 2])
def test_log_density_falls_in_the_tails(quick, any_family, d):
    X = bimodal(d)
    estimator = quick(flow=any_family, safety_net=True).fit(X)
    assert_falls(estimator, X.mean(axis=0), X.std(axis=0))


@pytest.mark.parametrize("d", [1, 2])
def test_bare_log_density_falls_in_the_tails(quick, any_family, d):
    X = bimodal(d)
    bare = quick(flow=any_family).fit(X)
    assert_falls(bare, X.mean(axis=0), X.std(axis=0), nearest=30)  # not monotonic within


@pytest.mark.parametrize("safety_net", [True, False])
def test_log_density_is_finite_at_the_largest_numbers(quick, any_family, safety_net):
    estimator = quick(flow=any_family, safety_net=safety_net).fit(bimodal(2))
    largest = np.finfo(np.float64).max
    for size in (1e160, 1e300, largest):
        assert np.isfinite(estimator.score_samples(size * outward(2)[:5])).all()


@pytest.fixture(scope="module")
def skewed_fit():
    """A fit with power-transformed columns, a flow and a safety net."""
    X = np.random.default_rng(0).lognormal(sigma=1.0, size=(300, 3))
    return NormalizingFlowDensity(
        n_transforms=1, hidden_layer_sizes=8, n_estimators=1, max_iter=50, tol=10, random_state=0
    ).fit(X)


rows_of_any_size = hypothesis.extra.numpy.arrays(
    np.float64, (4, 3), elements=st.floats(allow_nan=False, allow_infinity=False)
)


@settings(deadline=None, max_examples=200)
@given(rows_of_any_size)
def test_log_density_is_finite_wherever_numbers_are(skewed_fit, X):
    assert np.isfinite(skewed_fit.score_samples(X)).all()


def test_flow_is_the_density_in_the_users_units(quick, moons):
    X = np.array(moons) * [1000.0, 0.001] + [5.0, -3.0]
    estimator = quick().fit(X)
    assert isinstance(estimator.flow_, torch.nn.Module)
    with torch.no_grad():
        log_p = estimator.flow_.log_prob(torch.from_numpy(X))
    np.testing.assert_allclose(estimator.score_samples(X), log_p.numpy(), rtol=1e-12)


def assert_gradients_agree(estimator, X):
    """Compare gradients with respect to x with central differences."""
    x = torch.from_numpy(np.array(X)).requires_grad_()
    estimator.flow_.log_prob(x).sum().backward()
    for j, sd in enumerate(X.std(axis=0)):
        step = np.zeros(X.shape[1])
        step[j] = 1e-6 * sd
        slope = estimator.score_samples(X + step) - estimator.score_samples(X - step)
        np.testing.assert_allclose(x.grad[:, j].numpy() * sd, slope / 2e-6, rtol=1e-4, atol=1e-4)


def test_gradients_agree_with_finite_differences(quick, moons, more_moons, any_family):
    assert_gradients_agree(quick(flow=any_family).fit(moons), more_moons[:20])


def test_gradients_of_the_net_agree_with_finite_differences(quick, moons, more_moons):
    assert_gradients_agree(quick(safety_net=True).fit(moons), more_moons[:20])


def test_density_does_not_ask_for_gradients_of_its_weights(quick, moons):
    flow = quick().fit(moons).flow_
    assert not any(p.requires_grad for p in flow.parameters())
    assert not flow.training


@pytest.mark.parametrize("effort", ["fast", pytest.param("full", marks=pytest.mark.slow)])
def test_normal_data_are_seen_as_normal(effort):
    rng = np.random.default_rng(0)
    estimator = NormalizingFlowDensity(effort=effort, random_state=0)
    estimator.fit(rng.normal(size=(1000, 2)))
    fresh = rng.normal(size=(5000, 2))
    truth = multivariate_normal(np.zeros(2)).logpdf(fresh).mean()
    assert truth == pytest.approx(-math.log(2 * math.pi) - 1, abs=0.05)
    assert 0 < truth - estimator.score(fresh) < 0.02


def test_one_column_works_like_many(quick):
    X = bimodal(1)
    estimator = quick().fit(X.tolist())
    assert estimator.sample(5, random_state=0).shape == (5, 1)
    assert estimator.score_samples([[0.0], [1.0]]).shape == (2,)
    assert estimator.flow_.log_prob(torch.zeros(3, 1, dtype=torch.float64)).shape == (3,)


def test_samples_are_where_the_data_are(quick, moons, any_family):
    X = moons * [100.0, 0.01] + [5.0, -3.0]
    drawn = quick(flow=any_family).fit(X).sample(20_000, random_state=0)
    low, middle, high = np.quantile(drawn, [0.1, 0.5, 0.9], axis=0)
    np.testing.assert_allclose((middle - np.median(X, axis=0)) / X.std(axis=0), 0, atol=0.3)
    spread = np.subtract(*np.quantile(X, [0.9, 0.1], axis=0))
    np.testing.assert_allclose((high - low) / spread, 1, atol=0.25)


def test_sample_follows_random_state(quick, moons):
    estimator = quick().fit(moons)
    first = estimator.sample(50, random_state=3)
    assert first.shape == (50, 2)
    assert first.dtype == np.float64
    np.testing.assert_array_equal(first, estimator.sample(50, random_state=3))
    assert np.abs(first - estimator.sample(50, random_state=4)).max() > 0.1
    state = np.random.RandomState(3)
    np.testing.assert_array_equal(first, estimator.sample(50, random_state=state))
    assert np.abs(first - estimator.sample(50, random_state=state)).max() > 0.1


def test_sample_without_random_state_is_fresh_every_time(quick, moons):
    estimator = quick().fit(moons)
    assert np.abs(estimator.sample(5) - estimator.sample(5)).max() > 0
    assert estimator.sample().shape == (1, 2)
