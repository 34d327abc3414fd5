"""Odd cells do not bend a fit: of a density, a regressor, a classifier, a detector."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

import skflow
from skflow import (
    DegenerateColumnWarning,
    NormalizingFlowClassifier,
    NormalizingFlowDensity,
    NormalizingFlowOutlierDetector,
    NormalizingFlowRegressor,
)

pytestmark = pytest.mark.filterwarnings("ignore::skflow.DegenerateColumnWarning")

N = 1000
RNG = np.random.default_rng(0)
Z = RNG.normal(size=(N, 2)) @ [[1.0, 0.8], [0.0, 0.6]]
TEST = RNG.normal(size=(2000, 2)) @ [[1.0, 0.8], [0.0, 0.6]]
CODED = RNG.random(N) < 0.2
fast = partial(NormalizingFlowDensity, effort="fast", random_state=0)


def with_odd_cells(X, column=0):
    """With a code in a fifth of the rows, and two absurd cells in the other column."""
    X = np.array(X, dtype=float)
    X[CODED, column] = -9999
    X[[1, 5], 1 - column] = [1e300, -1e20]
    return X


@pytest.fixture(scope="module")
def clean():
    return fast().fit(Z[~CODED])


@pytest.fixture(scope="module")
def bent():
    return fast().fit(with_odd_cells(Z))


class TestDensity:
    def test_other_rows_keep_their_likelihood(self, clean, bent):
        assert bent.score(TEST) > clean.score(TEST) - 0.1

    def test_samples_are_like_the_other_rows(self, bent):
        samples = bent.sample(20_000, random_state=0)
        low, middle, high = np.quantile(samples, [0.16, 0.5, 0.84], axis=0)
        assert middle == pytest.approx([0, 0], abs=0.15)
        assert (high - low) / 2 == pytest.approx([1, 1], rel=0.12)
        assert np.corrcoef(samples.clip(-4, 4).T)[0, 1] == pytest.approx(0.8, abs=0.07)

    def test_odd_cells_have_low_and_finite_scores(self, bent):
        scores = bent.score_samples(with_odd_cells(Z))
        assert np.isfinite(scores).all()
        assert scores[CODED].max() < scores[~CODED][10:].min() - 5

    def test_it_is_saved(self, bent, tmp_path):
        skflow.save(bent, tmp_path / "bent.safetensors")
        loaded = skflow.load(tmp_path / "bent.safetensors")
        np.testing.assert_array_equal(loaded.score_samples(TEST), bent.score_samples(TEST))

    def test_one_warning_for_all_odd_values(self, quick):
        frame = pd.DataFrame(with_odd_cells(Z), columns=[2024, 2023])
        with pytest.warns(DegenerateColumnWarning) as caught:
            quick().fit(frame)
        (warning,) = caught
        text = "-9999 in column named 2024; -1e+20, 1e+300 in column named 2023. A missing code?"
        assert text in str(warning.message)
        assert warning.filename == __file__

    def test_weights_and_a_single_column(self, quick):
        x = np.append(Z[:200, :1], [[1e20]], axis=0)
        weights = np.append(np.ones(200), 7.0)
        weighted = quick().fit(x, sample_weight=weights).score(TEST[:, :1])
        assert weighted == pytest.approx(quick().fit(x[:200]).score(TEST[:, :1]), abs=1e-6)

    @pytest.mark.parametrize("support", ["integer", ("integer", None, 10_000), "positive"])
    def test_supports_hold(self, quick, support):
        rng = np.random.default_rng(1)
        X = np.column_stack([rng.poisson(4, 300) + 1.0, rng.normal(size=300)])
        X[::10, 0] = 9999
        samples = quick(support={0: support}).fit(X).sample(1000, random_state=0)
        assert np.median(samples[:, 0]) == pytest.approx(5, abs=1.5)
        assert (samples[:, 0] > 0).all() or support != "positive"
        with pytest.raises(ValueError, match="Row 0 has 9999"):
            quick(support={0: (0, 100)}).fit(X)

    def test_columns_that_overflow_altogether_still_raise(self, quick):
        with pytest.raises(ValueError, match="variance of column 0 overflows"):
            quick().fit(1e300 * Z)

    def test_a_warm_start_continues(self, quick):
        X = with_odd_cells(Z)
        density = quick(warm_start=True).fit(X)
        n_iter = density.n_iter_
        density.fit(X)
        assert density.n_iter_ > n_iter
        assert np.isfinite(density.score(TEST))


Y = np.sin(2 * Z[:, 0]) + Z[:, 1] + 0.1 * RNG.normal(size=N)


@pytest.fixture(scope="module")
def regressors():
    regress = partial(NormalizingFlowRegressor, effort="fast", random_state=0)
    y = Y.copy()
    y[::9] = -9999
    y[4] = 1e300
    return {
        "clean": regress().fit(Z[~CODED], Y[~CODED]),
        "X": regress().fit(with_odd_cells(Z), Y),
        "y": regress().fit(Z, y),
    }


class TestRegressor:
    def mean_error(self, regressor):
        truth = np.sin(2 * TEST[:, 0]) + TEST[:, 1]
        return np.abs(regressor.predict_quantiles(TEST, 0.5) - truth).mean()

    @pytest.mark.parametrize("where", ["X", "y"])
    def test_predictions_for_other_rows(self, regressors, where):
        assert self.mean_error(regressors[where]) < self.mean_error(regressors["clean"]) + 0.06

    def test_a_code_in_x_is_read_as_it_was_in_the_fit(self, regressors):
        """What is left to predict from is the other column."""
        X = with_odd_cells(Z)[CODED][2:]
        predicted = regressors["X"].predict(X)
        assert np.corrcoef(predicted, Y[CODED][2:])[0, 1] > 0.7
        further = np.where(X == -9999, -1e30, X)
        np.testing.assert_array_equal(regressors["X"].predict(further), predicted)

    def test_fences_are_saved_and_forgotten_by_the_next_fit(self, regressors, tmp_path):
        X = with_odd_cells(Z)[:50]
        skflow.save(regressors["X"], tmp_path / "regressor.safetensors")
        loaded = skflow.load(tmp_path / "regressor.safetensors")
        np.testing.assert_array_equal(loaded.predict(X), regressors["X"].predict(X))
        assert "_fences" in vars(loaded)
        loaded.set_params(max_iter=1, tol=100).fit(Z, Y)
        assert "_fences" not in vars(loaded)

    def test_columns_of_x_are_named_by_their_labels(self):
        frame = pd.DataFrame(with_odd_cells(Z), columns=["u", "v"])
        regressor = NormalizingFlowRegressor(effort="fast", max_iter=1, tol=100, random_state=0)
        with pytest.warns(DegenerateColumnWarning, match="-9999 in column 'u'; .* in column 'v'"):
            regressor.fit(frame, Y)


def test_a_classifier_reads_codes_as_it_did_in_the_fit():
    labels = Z[:, 0] + Z[:, 1] > 0
    X = with_odd_cells(Z)
    classifier = NormalizingFlowClassifier(effort="fast", random_state=0).fit(X, labels)
    assert classifier.score(X[~CODED], labels[~CODED]) > 0.95
    assert classifier.score(X[CODED], labels[CODED]) > 0.8
    probabilities = classifier.predict_proba(X)
    assert probabilities.sum(1) == pytest.approx(1)
    assert classifier.score_samples(X[CODED]).max() < classifier.score_samples(TEST).min()


def test_a_detector_finds_odd_cells():
    X = Z.copy()
    X[3, 0], X[::50, 1] = 1e300, -9999
    detector = NormalizingFlowOutlierDetector(effort="fast", random_state=0).fit(X)
    odd = np.unique(np.r_[3, 0:N:50])
    assert detector.p_value(X[odd]).max() < 0.01
    assert (detector.predict(X[odd]) == -1).all()
    assert (detector.predict(TEST) == -1).mean() < 0.1
