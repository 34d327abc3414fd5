"""Densities of columns that are bounded, integers or angles."""

import pickle
from functools import partial
from types import MappingProxyType

import numpy as np
import pytest
from scipy.stats import kstest, poisson, vonmises
from sklearn.model_selection import GridSearchCV

from skflow import (
    DegenerateColumnWarning,
    NormalizingFlowClassifier,
    NormalizingFlowDensity,
    NormalizingFlowOutlierDetector,
    NormalizingFlowRegressor,
    Support,
)
from skflow.metrics import mean_log_likelihood
from skflow.preprocessing.support_transform import offsets_in_bins

TURN = 2 * np.pi
INF = np.inf
N = 1000
MIXED = ["nonnegative", "unit", ("integer", 0, None), ("circular", 360), None, (None, 3)]


def mixed(n=300, seed=0):
    """Dependent columns, one of each kind, with some values at the bounds."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=n)
    return np.column_stack(
        [
            np.where(rng.random(n) < 0.05, 0, np.exp(shared)),
            np.round(rng.beta(2, 1, n), 2),
            rng.poisson(np.exp(0.5 * shared)),
            (20 * shared + rng.normal(0, 40, n)) % 360,
            shared + rng.normal(size=n),
            3 - np.exp(rng.normal(size=n)),
        ]
    )


def one_column(kind, n=N):
    rng = np.random.default_rng(0)
    return {
        "positive": rng.exponential(size=n),
        "nonnegative": np.abs(rng.normal(size=n)),
        "unit": rng.random(n),
        "bounded": rng.beta(0.7, 3, n) * 10 - 4,
        "above": 5 + rng.exponential(size=n),
        "below": 5 - rng.exponential(size=n),
        "circular": vonmises.rvs(1.0, 3.0, size=n, random_state=0) % TURN,
        "uniform angles": 360 * rng.random(n),
    }[kind][:, None]


SUPPORT = {
    "positive": "positive",
    "nonnegative": "nonnegative",
    "unit": "unit",
    "bounded": (-4, 6),
    "above": (5, None),
    "below": (None, 5),
    "circular": "circular",
    "uniform angles": ("circular", 360.0),
}
RANGE = {
    "positive": (0, 1),
    "nonnegative": (0, 1),
    "unit": (0, 1),
    "bounded": (-4, 6),
    "above": (5, 1),
    "below": (5, -1),
    "circular": (0, TURN),
    "uniform angles": (0, 360),
}


def grid(kind):
    """A grid that is fine close to the bounds, where the density may be steep."""
    t = np.concatenate([np.geomspace(1e-12, 0.01, 3000), np.linspace(0.01, 0.5, 20_000)[1:]])
    t = np.concatenate([t, 1 - t[::-1][1:]])
    start, stop = RANGE[kind]
    half_line = kind in ("positive", "nonnegative", "above", "below")
    return start + stop * t / (1 - t) if half_line else start + (stop - start) * t


@pytest.fixture(scope="module", params=list(SUPPORT))
def fitted(request):
    kind = request.param
    return kind, NormalizingFlowDensity(effort="fast", random_state=0, support=SUPPORT[kind]).fit(
        one_column(kind)
    )


def test_integrates_to_one(fitted):
    kind, density = fitted
    x = grid(kind)
    mass = np.trapezoid(np.exp(density.score_samples(x[:, None])), x)
    assert abs(mass) == pytest.approx(1, abs=1e-3)


def test_samples_lie_inside_and_follow_the_density(fitted):
    kind, density = fitted
    drawn = density.sample(100_000, random_state=0)
    assert np.isfinite(density.score_samples(drawn)).all()
    x = np.sort(grid(kind))
    p = np.exp(density.score_samples(x[:, None]))
    cdf = np.concatenate([[0], np.cumsum((p[1:] + p[:-1]) / 2 * np.diff(x))])
    assert kstest(drawn[:, 0], lambda v: np.interp(v, x, cdf)).statistic < 0.008  # p > 1e-5


def test_the_density_is_zero_outside_the_support(fitted):
    kind, density = fitted
    outside = {"positive": [0, -1], "nonnegative": [-1e-9, -5], "unit": [-0.1, 1.1]}
    outside |= {"bounded": [-4.1, 7], "above": [4.9, -9], "below": [5.1, 1e9]}
    if kind in outside:
        assert density.score_samples(np.array(outside[kind])[:, None]).tolist() == [-INF, -INF]


def test_the_density_of_angles_is_periodic_and_continuous(fitted):
    kind, density = fitted
    if "circular" not in kind and "angles" not in kind:
        return
    period = RANGE[kind][1]
    theta = np.linspace(0, period, 400)[:, None]
    here, there = density.score_samples(theta), density.score_samples(theta - 7 * period)
    np.testing.assert_allclose(here, there, atol=1e-9)
    cut_point = float(density.flow_.cut_point)
    # the turns overlap up to a quarter of the period from the cut point
    for place in (cut_point, cut_point + period / 4, cut_point - period / 4):
        left, right = density.score_samples([[place - 1e-7 * period], [place + 1e-7 * period]])
        assert left == pytest.approx(right, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["circular", "positive", "unit"])
def test_the_density_is_close_to_the_true_one(kind):
    X = one_column(kind, 3000)
    density = NormalizingFlowDensity(random_state=0, support=SUPPORT[kind]).fit(X)
    x = np.linspace(0.001, 0.999, 999) * {"circular": TURN, "positive": 6, "unit": 1}[kind]
    truth = {
        "circular": lambda v: vonmises.logpdf(v, 1.0, 3.0),
        "positive": lambda v: -v,
        "unit": np.zeros_like,
    }[kind](x)
    p = np.exp(truth)
    divergence = p @ (truth - density.score_samples(x[:, None])) / p.sum()
    assert divergence < 0.02


def test_probabilities_of_integers_sum_to_one_and_are_close_to_the_true_ones():
    X = np.random.default_rng(0).poisson(3, (2000, 1))
    support = ("integer", 0, None)
    density = NormalizingFlowDensity(effort="fast", random_state=0, support=support).fit(X)
    k = np.arange(200)
    log_p = density.score_samples(k[:, None])
    assert np.exp(log_p).sum() == pytest.approx(1, abs=0.01)
    truth = poisson.pmf(k, 3)
    assert truth @ (poisson.logpmf(k, 3) - log_p) < 0.02
    assert density.score_samples([[-1], [2.5]]).tolist() == [-INF, -INF]
    drawn = density.sample(100_000, random_state=0)
    assert (drawn == np.round(drawn)).all()
    assert drawn.min() == 0
    fractions = np.bincount(drawn[:, 0].astype(int).clip(0, 199), minlength=200) / 100_000
    np.testing.assert_allclose(fractions[:9], np.exp(log_p[:9]), atol=0.012)


@pytest.mark.parametrize("values", [[0, 1], [-3, 7]])
def test_integers_of_two_values(values):
    X = np.random.default_rng(0).choice(values, (500, 1), p=[0.7, 0.3])
    support = ("integer", *values)
    density = NormalizingFlowDensity(effort="fast", random_state=0, support=support).fit(X)
    p = np.exp(density.score_samples(np.array(values)[:, None]))
    assert p == pytest.approx([(v == X).mean() for v in values], abs=0.05)


@pytest.mark.parametrize("n", [200, 5000])
@pytest.mark.parametrize("support", ["integer", ("integer", 0, 1)], ids=str)
def test_rare_flags_have_their_share(n, support):
    X = np.zeros((n, 1))
    X[: n // 100] = 1
    density = NormalizingFlowDensity(effort="fast", random_state=0, support=support).fit(X)
    p = np.exp(density.score_samples([[0.0], [1.0]]))
    assert p[1] == pytest.approx(0.01, abs=5e-4)
    assert p.sum() == pytest.approx(1, abs=1e-6 if support != "integer" else 1e-3)
    assert density.sample(50_000, random_state=0).mean() == pytest.approx(0.01, abs=0.002)
    density.set_params(dtype="float32")
    np.testing.assert_allclose(np.exp(density.score_samples([[0.0], [1.0]])), p, atol=1e-4)
    far = density.score_samples([[7.0], [1e9], [-1e300]]) if support == "integer" else p
    assert np.isfinite(far).all()


def test_bounds_add_what_lies_beyond_to_the_ends_of_a_single_column():
    X = np.random.default_rng(0).binomial(12, 0.2, (300, 1)).astype(float)
    plain, bounded = (
        NormalizingFlowDensity(effort="fast", random_state=0, support=support).fit(X)
        for support in ("integer", ("integer", 0, 12))
    )
    k = np.arange(13.0)[:, None]
    p, q = np.exp(plain.score_samples(k)), np.exp(bounded.score_samples(k))
    np.testing.assert_allclose(q[1:-1], p[1:-1], rtol=1e-9)
    assert (q >= p * (1 - 1e-9)).all()
    assert q.sum() == pytest.approx(1, abs=1e-9)


def test_bounds_check_and_clip_and_do_not_change_a_fit_of_several_columns():
    X = np.random.default_rng(0).binomial(4, 0.4, (300, 2)).astype(float)
    plain, bounded = (
        NormalizingFlowDensity(flow="nsf_ar", effort="fast", random_state=0, support=support).fit(
            X
        )
        for support in ("integer", ("integer", 0, 4))
    )
    np.testing.assert_allclose(bounded.score_samples(X), plain.score_samples(X))
    assert bounded.score_samples([[5.0, 0.0]]) == -INF
    drawn = bounded.sample(2000, random_state=0)
    assert (drawn.min(), drawn.max()) == (0, 4)


def test_declaring_integers_increases_their_held_out_likelihood():
    """Compared as log-probabilities of unit intervals."""
    rng = np.random.default_rng(0)
    X = rng.poisson([1, 2], (1500, 2))
    X[:, 1] += X[:, 0]
    train, test = X[:1000], X[1000:]
    fast = partial(NormalizingFlowDensity, effort="fast", random_state=0)
    with pytest.warns(DegenerateColumnWarning, match="'integer'"):
        undeclared = fast().fit(train)
    offsets = offsets_in_bins(np.array([True, True]))
    log_p = np.array([undeclared.score_samples(test + offset) for offset in offsets])
    without = np.logaddexp.reduce(log_p) - np.log(len(offsets))
    assert fast(support="integer").fit(train).score(test) > without.mean() + 0.1


@pytest.fixture(scope="module")
def density():
    return NormalizingFlowDensity(effort="fast", random_state=0, support=MIXED).fit(mixed())


class TestColumnsOfAllKinds:
    def test_samples_lie_inside(self, density):
        drawn = density.sample(20_000, random_state=0)
        assert (drawn[:, 0] >= 0).all()
        assert ((drawn[:, 1] >= 0) & (drawn[:, 1] <= 1)).all()
        assert ((drawn[:, 2] >= 0) & (drawn[:, 2] % 1 == 0)).all()
        assert ((drawn[:, 3] >= 0) & (drawn[:, 3] < 360)).all()
        assert (drawn[:, 5] <= 3).all()
        assert np.isfinite(drawn).all()
        assert np.isfinite(density.score_samples(drawn[:500])).all()

    def test_the_score_of_a_row_does_not_depend_on_other_rows(self, density):
        X = mixed(20, seed=1)
        one_by_one = [density.score_samples(row[None])[0] for row in X]
        np.testing.assert_allclose(density.score_samples(X), one_by_one, rtol=1e-9)

    def test_a_pickled_density_is_the_same(self, density):
        X = mixed(20, seed=1)
        unpickled = pickle.loads(pickle.dumps(density))
        np.testing.assert_array_equal(density.score_samples(X), unpickled.score_samples(X))
        np.testing.assert_array_equal(density.sample(9, 0), unpickled.sample(9, 0))

    def test_float32(self, density):
        X = mixed(50, seed=1)
        float32 = pickle.loads(pickle.dumps(density)).set_params(dtype="float32")
        np.testing.assert_allclose(density.score_samples(X), float32.score_samples(X), atol=1e-2)
        assert (float32.sample(500, random_state=0)[:, 2] % 1 == 0).all()

    @pytest.mark.filterwarnings("ignore::skflow.DegenerateColumnWarning")  # of undeclared ones
    def test_warm_start_continues_and_needs_the_same_supports(self, quick):
        X = mixed()
        density = quick(flow="any_order", support=MIXED, warm_start=True).fit(X)
        first = density.n_iter_
        assert density.fit(X).n_iter_ > first
        assert np.isfinite(density.score(X))
        with pytest.raises(ValueError, match="other supports"):
            density.set_params(support=None).fit(X)

    def test_weights_are_repetitions_and_the_order_of_rows_does_not_matter(self, quick):
        X, weights = mixed(60), np.arange(60) % 4
        new = mixed(20, seed=1)
        weighted = quick(support=MIXED).fit(X, sample_weight=weights)
        order = np.random.default_rng(0).permutation(weights.sum())
        repeated = quick(support=MIXED).fit(np.repeat(X, weights, axis=0)[order])
        np.testing.assert_allclose(weighted.score_samples(new), repeated.score_samples(new))


def test_weights_of_rows_of_integers_are_repetitions(quick):
    X = np.random.default_rng(0).poisson(2, (40, 2))
    weights = 1 + np.arange(40) % 3
    weighted = quick(support="integer").fit(X, sample_weight=0.1 * weights)
    repeated = quick(support="integer").fit(np.repeat(X, weights, axis=0))
    np.testing.assert_allclose(weighted.score_samples(X), repeated.score_samples(X))


def test_whole_numbers_with_rounding_are_whole_numbers(quick):
    X = np.random.default_rng(0).poisson(2, (60, 2)).astype(float)
    rounding = np.random.default_rng(1).uniform(-9e-7, 9e-7, X.shape)
    exact, rounded = (quick(support="integer").fit(rows) for rows in (X, X + rounding))
    scores = exact.score_samples(X)
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(rounded.score_samples(X), scores)
    np.testing.assert_array_equal(exact.score_samples(X + rounding), scores)
    assert exact.score_samples([[1.00001, 2.0]]) == -INF


def test_open_ends_are_outside_wherever_they_are(quick):
    X = 3 + np.random.default_rng(0).exponential(size=(100, 1))
    shifted = quick(support=Support(low=3)).fit(X)
    assert shifted.score_samples([[3.0]]) == -INF
    new = np.array([[3.1], [4.0], [9.0]])
    positive = quick(support="positive").fit(X - 3)
    np.testing.assert_allclose(
        shifted.score_samples(new), positive.score_samples(new - 3), atol=1e-6
    )


def test_the_density_follows_a_change_of_units(quick):
    X = np.random.default_rng(0).exponential(size=(200, 2))
    factors = np.array([1024.0, 2.0**-20])
    there = quick(support="positive").fit(X * factors).score_samples(X * factors)
    here = quick(support="positive").fit(X).score_samples(X)
    np.testing.assert_allclose(there, here - np.log(factors).sum(), atol=1e-9)


def test_a_search_over_supports_with_a_floor_has_finite_scores():
    X = np.random.default_rng(0).normal(1, 0.5, (200, 1))
    X = X[X > 0][:, None]
    grid = {"support": [Support(low=X.min() - 1e-3), (-5, None)]}
    search = GridSearchCV(
        NormalizingFlowDensity(effort="fast", random_state=0, max_iter=5, tol=10),
        grid,
        scoring=partial(mean_log_likelihood, floor=-50),
        cv=3,
    ).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    outside = np.array([[-6.0], [0.5]])
    best = search.best_estimator_.set_params(support=(-5, None)).fit(X)
    assert mean_log_likelihood(best, outside) == -INF
    assert mean_log_likelihood(best, outside, floor=-50) > -26


class TestOtherEstimators:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    fast = MappingProxyType({"effort": "fast", "random_state": 0})

    def test_a_regression_of_counts(self):
        y = self.rng.poisson(np.exp(0.5 + 0.7 * self.X[:, 0]))
        support = ("integer", 0, None)
        model = NormalizingFlowRegressor(**self.fast, support=support).fit(self.X, y)
        rows = self.X[:5]
        k = np.arange(400)
        log_p = np.array([model.log_prob(np.tile(row, (400, 1)), k) for row in rows])
        assert np.exp(log_p).sum(1) == pytest.approx(1, abs=1e-3)
        steps = np.cumsum(np.exp(log_p), axis=1)[:, 3]
        assert model.cdf(rows, np.full(5, 3.0)) == pytest.approx(steps, abs=1e-9)
        assert model.cdf(rows[:2], [-1.0, 1e9]) == pytest.approx([0, 1], abs=1e-9)
        p = np.exp(log_p[:, :128])
        assert model.predict(rows) == pytest.approx(p @ k[:128], rel=0.02)
        median = (np.cumsum(p, axis=1) < 0.5).sum(1)
        assert model.predict_quantiles(rows, 0.5).tolist() == median.tolist()
        drawn = model.sample_y(rows[:1], 20_000, random_state=0)
        shares = np.bincount(drawn[0].astype(int), minlength=3)[:3] / 20_000
        assert shares == pytest.approx(p[0, :3], abs=0.012)
        assert model.predict(self.X).mean() == pytest.approx(y.mean(), abs=3 * y.std() / 20)
        quantiles = model.predict_quantiles(rows, [0.05, 0.5, 0.95])
        assert (quantiles == np.round(quantiles)).all()
        assert (quantiles >= 0).all()
        slope = np.corrcoef(model.predict(self.X), np.exp(0.7 * self.X[:, 0]))[0, 1]
        assert slope > 0.8

    def test_a_regression_of_positive_targets(self):
        y = np.exp(self.X[:, 0] + 0.5 * self.rng.normal(size=400))
        model = NormalizingFlowRegressor(**self.fast, support="positive").fit(self.X, y)
        interval = model.predict_interval(self.X, 0.99)
        assert (interval > 0).all()
        assert (model.sample_y(self.X, 20, random_state=0) > 0).all()
        assert model.log_prob(self.X[:1], [-1.0]).tolist() == [-INF]
        assert model.cdf(self.X[:2], [-1.0, 1e12]) == pytest.approx([0, 1], abs=1e-2)
        covered = (interval[:, 0] < y) & (y < interval[:, 1])
        assert covered.mean() > 0.95

    def test_angles_as_targets_are_refused(self):
        with pytest.raises(ValueError, match="sine and cosine"):
            NormalizingFlowRegressor(support="circular").fit(self.X, self.X[:, 0])

    def test_a_classifier_and_an_outlier_detector_of_counts(self):
        X = self.rng.poisson(3, (400, 2))
        y = (X.sum(1) + self.rng.normal(size=400) > 6).astype(int)
        model = NormalizingFlowClassifier(**self.fast, support="integer").fit(X, y)
        assert model.score(X, y) > 0.8
        rows, _ = model.sample(200, y=1, random_state=0)
        assert (rows == np.round(rows)).all()
        detector = NormalizingFlowOutlierDetector(**self.fast, support="integer").fit(X)
        assert detector.predict([[3, 3], [40, 0]]).tolist() == [1, -1]
