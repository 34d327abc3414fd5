"""Invariances of a fit: weights and repetition, order, units, containers, and global state."""

import pickle
import random

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import make_moons
from sklearn.utils import shuffle

from skflow import NormalizingFlowDensity
from skflow.estimators import table_rows


@pytest.fixture
def scores(quick, more_moons):
    """Scores, on other samples, of a quick fit."""

    def score(X, sample_weight=None, **params):
        return quick(**params).fit(X, sample_weight=sample_weight).score_samples(more_moons)

    return score


def integer_weights(n, low=0):
    return np.random.default_rng(0).integers(low, 4, n)


def test_weights_are_repetitions(scores, moons, any_family):
    weights = integer_weights(len(moons))
    repeated = scores(np.repeat(moons, weights, axis=0), flow=any_family)
    np.testing.assert_allclose(
        scores(moons, weights, flow=any_family), repeated, rtol=0, atol=1e-6
    )
    assert np.abs(repeated - scores(moons, flow=any_family)).max() > 1e-3


@pytest.mark.parametrize("params", [{"early_stopping": False}, {"safety_net": True}], ids=str)
def test_weights_are_repetitions_whatever_the_training(scores, moons, params):
    weights = integer_weights(len(moons))
    repeated = scores(np.repeat(moons, weights, axis=0), **params)
    np.testing.assert_allclose(scores(moons, weights, **params), repeated, rtol=0, atol=1e-6)


def test_weights_and_repetition_together(scores, moons):
    tripled = scores(moons, np.where(np.arange(300) < 100, 3, 1))
    appended = scores(np.vstack([moons, moons[:100], moons[:100]]))
    np.testing.assert_allclose(tripled, appended, rtol=0, atol=1e-6)


@pytest.mark.parametrize("safety_net", [False, True])
@pytest.mark.parametrize("factor", [7.3, 1e-6, 1e6, 1e-200, 1e200])
def test_common_factor_of_weights_changes_nothing(scores, moons, factor, safety_net):
    weights = integer_weights(len(moons), low=1).astype(float)
    first, second = (scores(moons, w, safety_net=safety_net) for w in (weights, factor * weights))
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-6)


def test_equal_weights_are_no_weights(scores, moons):
    np.testing.assert_allclose(scores(moons, np.full(300, 0.1)), scores(moons), rtol=0, atol=1e-6)


def test_row_order_changes_nothing(scores, moons, any_family):
    shuffled = shuffle(moons, random_state=1)
    np.testing.assert_array_equal(
        scores(shuffled, flow=any_family), scores(moons, flow=any_family)
    )


def test_row_order_changes_nothing_in_the_safety_net(scores, moons):
    shuffled = shuffle(moons, random_state=1)
    np.testing.assert_array_equal(
        scores(shuffled, safety_net=True), scores(moons, safety_net=True)
    )


@pytest.mark.parametrize("safety_net", [False, True])
def test_rows_of_weight_zero_are_absent(scores, moons, safety_net):
    outliers = np.vstack([moons, [[1e6, -1e6], [50.0, 50.0]]])
    weights = np.append(np.ones(300), [0, 0])
    np.testing.assert_array_equal(
        scores(outliers, weights, safety_net=safety_net), scores(moons, safety_net=safety_net)
    )


def test_minus_zero_is_zero(scores, moons):
    zeros = np.array(moons)
    zeros[:3] = 0.0
    minus = zeros.copy()
    minus[1] = -0.0
    np.testing.assert_array_equal(scores(minus), scores(zeros))


def test_powers_of_two_shift_the_log_density_exactly(quick, moons, more_moons, any_family):
    factors = 2.0 ** np.array([10, -20])
    plain = quick(flow=any_family).fit(moons).score_samples(more_moons)
    scaled = quick(flow=any_family).fit(moons * factors).score_samples(more_moons * factors)
    np.testing.assert_allclose(scaled + np.log(factors).sum(), plain, rtol=0, atol=1e-6)


@pytest.mark.parametrize("safety_net", [False, True])
@pytest.mark.parametrize("exponent", [-600, -300, 10, 300, 480])
def test_tiny_and_huge_units(quick, moons, more_moons, exponent, safety_net):
    factor = 2.0**exponent
    estimator = quick(safety_net=safety_net)
    plain = estimator.fit(moons).score_samples(more_moons)
    scaled = estimator.fit(moons * factor).score_samples(more_moons * factor)
    np.testing.assert_allclose(scaled + 2 * np.log(factor), plain, rtol=0, atol=1e-6)


AFFINE = [
    ([1000.0, 1000.0], [0.0, 0.0]),
    ([0.0012, 37.0], [100.0, -100.0]),
    ([1.0, 1.0], [-100.0, 30.0]),
]


def score_in_other_units(estimator, X, fresh, factors, shift_in_sd):
    """The score after the map x -> a x + b, in the units of x."""
    factors = np.array(factors)
    shift = np.array(shift_in_sd) * X.std(axis=0) * factors
    return (
        estimator.fit(X * factors + shift).score(fresh * factors + shift) + np.log(factors).sum()
    )


def test_affine_maps_shift_the_mean(quick, moons, more_moons, any_family):
    expected = quick(flow=any_family).fit(moons).score(more_moons)
    moved = score_in_other_units(quick(flow=any_family), moons, more_moons, *AFFINE[1])
    assert moved == pytest.approx(expected, abs=1e-2)


@pytest.mark.slow
def test_affine_maps_shift_the_mean_of_a_full_fit(moons, more_moons):
    estimator = NormalizingFlowDensity(random_state=0)
    expected = estimator.fit(moons).score(more_moons)
    for factors, shift in AFFINE:
        moved = score_in_other_units(estimator, moons, more_moons, factors, shift)
        assert moved == pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize(("factors", "shift"), AFFINE)
def test_affine_maps_shift_the_mean_with_the_safety_net(quick, moons, more_moons, factors, shift):
    expected = quick(safety_net=True).fit(moons).score(more_moons)
    estimator = quick(safety_net=True)
    moved = score_in_other_units(estimator, moons, more_moons, factors, shift)
    assert moved == pytest.approx(expected, abs=1e-2)


def test_same_seed_same_bytes(quick, moons, any_family):
    first, again = (pickle.dumps(quick(flow=any_family).fit(moons)) for _ in range(2))
    assert first == again


def test_same_seed_same_bytes_of_the_safety_net(quick, moons):
    first, again = (pickle.dumps(quick(safety_net=True).fit(moons)) for _ in range(2))
    assert first == again


def test_random_state_instance_is_a_seed_like_any_other(quick, moons):
    first, again = (
        quick(random_state=np.random.RandomState(5)).fit(moons).score_samples(moons)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)


def test_other_seed_other_fit(scores, moons):
    assert np.abs(scores(moons, random_state=1) - scores(moons, random_state=2)).max() > 1e-3


def test_refit_does_not_depend_on_the_earlier_fit(quick, moons, more_moons):
    estimator = quick().fit(more_moons)
    np.testing.assert_array_equal(
        estimator.fit(moons).score_samples(moons), quick().fit(moons).score_samples(moons)
    )


def memory_mapped(X, tmp_path):
    joblib.dump(np.array(X), tmp_path / "X.joblib")
    return joblib.load(tmp_path / "X.joblib", mmap_mode="r")


CONTAINERS = {
    "list": lambda X, _: X.tolist(),
    "Fortran": lambda X, _: np.asfortranarray(X),
    "strided": lambda X, _: np.repeat(X, 2, axis=0)[::2],
    "frame": lambda X, _: pd.DataFrame(X, columns=["u", "v"], index=np.arange(len(X))[::-1]),
    "memmap": memory_mapped,
    "object": lambda X, _: X.astype(object),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_container_changes_nothing(quick, moons, tmp_path, container):
    X = CONTAINERS[container](moons, tmp_path)
    estimator = quick().fit(X)
    expected = quick().fit(moons).score_samples(moons)
    np.testing.assert_array_equal(estimator.score_samples(X), expected)
    assert estimator.sample(3, random_state=0).shape == (3, 2)
    assert type(estimator.sample(3)) is np.ndarray


def test_float32_input_is_scored_at_its_float64_value(quick, moons):
    small = moons.astype(np.float32)
    wide = small.astype(np.float64)
    estimator = quick().fit(small)
    assert estimator.score_samples(small).dtype == np.float64
    np.testing.assert_array_equal(
        estimator.score_samples(small), quick().fit(wide).score_samples(wide)
    )


def test_integers_are_treated_as_floats(quick):
    X = np.random.default_rng(0).integers(-50, 50, (200, 2))
    estimator = quick().fit(X)
    np.testing.assert_array_equal(
        estimator.score_samples(X), quick().fit(X.astype(float)).score_samples(X)
    )


def test_feature_names_are_kept(quick, moons):
    estimator = quick().fit(pd.DataFrame(moons, columns=["u", "v"]))
    assert list(estimator.feature_names_in_) == ["u", "v"]
    estimator.fit(moons)
    assert not hasattr(estimator, "feature_names_in_")


@pytest.mark.parametrize("safety_net", [False, True])
def test_one_row_scores_as_among_many(quick, any_family, safety_net):
    X = np.random.default_rng(0).normal(size=(5000, 2))
    estimator = quick(flow=any_family, safety_net=safety_net).fit(X[:200])
    many = estimator.score_samples(X)
    one_by_one = [estimator.score_samples(X[i : i + 1])[0] for i in range(0, 5000, 250)]
    np.testing.assert_allclose(many[::250], one_by_one, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(estimator.score_samples(X[::-1])[::-1], many, rtol=1e-9, atol=1e-9)


def global_state():
    return (
        torch.get_rng_state().numpy().tobytes(),
        pickle.dumps(np.random.get_state()),  # noqa: NPY002, the legacy state is compared
        random.getstate(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        np.geterr(),
    )


@pytest.mark.parametrize("safety_net", [False, True])
def test_global_state_is_left_alone(quick, moons, safety_net):
    before = global_state()
    estimator = quick(dropout=0.2, noise=0.1, safety_net=safety_net).fit(moons)
    estimator.score_samples(moons)
    estimator.sample(10, random_state=0)
    pickle.loads(pickle.dumps(estimator)).sample(3, random_state=1)
    assert global_state() == before


def test_torch_state_is_left_alone_without_a_seed_too(quick, moons):
    before = torch.get_rng_state()
    quick(random_state=None).fit(moons).sample(10)
    assert torch.equal(torch.get_rng_state(), before)


def test_without_a_seed_the_state_of_numpy_decides(quick, moons):
    np.random.seed(0)  # noqa: NPY002
    first = quick(random_state=None).fit(moons).sample(3)
    np.random.seed(0)  # noqa: NPY002
    np.testing.assert_array_equal(first, quick(random_state=None).fit(moons).sample(3))


def test_input_and_weights_are_not_written_to(quick, moons):
    X, weights = np.array(moons), np.linspace(0, 1, 300)
    X_before, weights_before = X.copy(), weights.copy()
    estimator = quick().fit(X, sample_weight=weights)
    estimator.score(X, sample_weight=weights)
    np.testing.assert_array_equal(X, X_before)
    np.testing.assert_array_equal(weights, weights_before)


@pytest.mark.parametrize("family", ["nsf_ar", "realnvp", "planar", "any_order"])
def test_float32_is_the_same_density_to_six_digits(quick, moons, more_moons, family):
    estimator = quick(flow=family, safety_net=True).fit(1e9 + 1e-3 * moons)
    X = 1e9 + 1e-3 * more_moons
    exact, samples = estimator.score_samples(X), estimator.sample(50, random_state=0)
    estimator.set_params(dtype="float32")
    rounded = estimator.score_samples(X)
    np.testing.assert_allclose(rounded, exact, rtol=0, atol=1e-4)
    assert np.abs(rounded - exact).max() > 0
    np.testing.assert_allclose(
        estimator.sample(50, random_state=0) - 1e9, samples - 1e9, rtol=0, atol=1e-6
    )
    assert np.isfinite(estimator.score_samples([[1e300, -1e300], [1e20, 0.0]])).all()
    np.testing.assert_array_equal(estimator.set_params(dtype="float64").score_samples(X), exact)


def test_only_max_rows_of_a_long_table_are_read(quick, more_moons, monkeypatch, tmp_path):
    X, y = make_moons(20_000, noise=0.1, random_state=3)
    np.save(tmp_path / "X.npy", X)
    on_disk = np.load(tmp_path / "X.npy", mmap_mode="r")
    looked_at = []
    merge = table_rows.merge_duplicates
    monkeypatch.setattr(
        table_rows,
        "merge_duplicates",
        lambda rows, *rest: looked_at.append(rows) or merge(rows, *rest),
    )
    fitted = quick(safety_net=True, max_rows=1000).fit(on_disk)
    assert len(looked_at[0]) == 1000
    assert not isinstance(looked_at[0], np.memmap)
    assert fitted.score(more_moons) > -1.3
    quick(max_rows=1000).fit(X, sample_weight=y)
    assert len(looked_at[1]) == 1000  # all of them rows that weigh something
    assert {tuple(row) for row in looked_at[1]} <= {tuple(row) for row in X[y == 1]}
