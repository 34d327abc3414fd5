"""Invalid input raises an error that says what is wrong, where, and what to do."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from skflow import DegenerateColumnWarning


def with_value(X, value, at=(3, 1)):
    X = np.array(X)
    X[at] = value
    return X


@pytest.mark.parametrize(("value", "name"), [(np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "inf")])
def test_non_finite_values_are_named_with_their_column(quick, moons, value, name):
    X = with_value(moons, value)
    with pytest.raises(ValueError, match=rf"(?s){name}.*column 1.*row 3.*SimpleImputer"):
        quick().fit(X)
    with pytest.raises(ValueError, match=rf"(?s){name}.*column 'v'.*SimpleImputer"):
        quick().fit(pd.DataFrame(X, columns=["u", "v"]))
    with pytest.raises(ValueError, match=rf"(?s){name}.*column 1.*SimpleImputer"):
        quick().fit(moons).score_samples(X)


def test_missing_values_of_pandas_are_named(quick, moons):
    frame = pd.DataFrame(moons, columns=["u", "v"]).convert_dtypes()
    frame.loc[5, "u"] = pd.NA
    with pytest.raises(ValueError, match="NaN in column 'u'"):
        quick().fit(frame)


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_rows(quick, moons, n):
    with pytest.raises(ValueError, match=rf"{n} sample.*minimum of 2"):
        quick().fit(moons[:n])


def test_one_dimensional_input(quick, moons):
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        quick().fit(moons[:, 0])


def test_wrong_width_at_scoring(quick, moons):
    estimator = quick().fit(moons)
    with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 2"):
        estimator.score_samples(np.zeros((4, 3)))


def test_wrong_names_at_scoring(quick, moons):
    estimator = quick().fit(pd.DataFrame(moons, columns=["u", "v"]))
    with pytest.raises(ValueError, match=r"(?s)feature names.*\bw\b"):
        estimator.score_samples(pd.DataFrame(moons, columns=["u", "w"]))


def test_not_fitted(quick, moons):
    for call in (
        lambda: quick().score_samples(moons),
        lambda: quick().score(moons),
        lambda: quick().sample(),
    ):
        with pytest.raises(ValueError, match="not fitted yet"):
            call()


def test_sparse(quick, moons):
    with pytest.raises(TypeError, match=r"(?i)sparse.*toarray"):
        quick().fit(scipy.sparse.csr_array(moons))


def test_complex(quick, moons):
    with pytest.raises(ValueError, match="Complex data not supported"):
        quick().fit(moons + 1j)


@pytest.mark.parametrize("X", [[["a", "b"], ["c", "d"]], np.array([["a"], ["b"]])], ids=str)
def test_strings(quick, X):
    with pytest.raises(ValueError, match=r"convert|numeric"):
        quick().fit(X)


def test_strings_in_a_frame(quick, moons):
    frame = pd.DataFrame(moons, columns=["u", "v"]).assign(kind="left")
    with pytest.raises(ValueError, match="'left'"):
        quick().fit(frame)


BAD_WEIGHTS = {
    "negative": (lambda w: with_value(w, -1.0, 3), "Negative values"),
    "NaN": (lambda w: with_value(w, np.nan, 3), "NaN"),
    "infinite": (lambda w: with_value(w, np.inf, 3), "infinity"),
    "zero": (lambda w: 0 * w, "at least one non-zero"),
    "too few": (lambda w: w[:-1], r"\(299,\)"),
    "a table": (lambda w: w[:, None], "1D"),
}


@pytest.mark.parametrize("kind", BAD_WEIGHTS)
def test_bad_weights_of_a_fit(quick, moons, kind):
    spoil, message = BAD_WEIGHTS[kind]
    with pytest.raises(ValueError, match=message):
        quick().fit(moons, sample_weight=spoil(np.ones(300)))


@pytest.mark.parametrize("kind", BAD_WEIGHTS)
def test_bad_weights_of_a_score(quick, moons, kind):
    spoil, message = BAD_WEIGHTS[kind]
    estimator = quick().fit(moons)
    with pytest.raises(ValueError, match=message):
        estimator.score(moons, sample_weight=spoil(np.ones(300)))


def test_unknown_family_names_the_known_ones(quick, moons):
    with pytest.raises(ValueError, match=r"'flow' parameter .*'nsf_ar'.* Got 'glow'"):
        quick(flow="glow").fit(moons)


IMPOSSIBLE = [
    {"n_transforms": 0},
    {"n_transforms": 2.5},
    {"hidden_layer_sizes": 0},
    {"hidden_layer_sizes": ()},
    {"hidden_layer_sizes": (8, 0)},
    {"hidden_layer_sizes": (8, -3)},
    {"hidden_layer_sizes": (8.5,)},
    {"hidden_layer_sizes": "many"},
    {"n_bins": 0},
    {"n_estimators": 0},
    {"batch_size": 0},
    {"max_iter": 0},
    {"dropout": 1.0},
    {"noise": -0.1},
    {"alpha": -1.0},
    {"learning_rate_init": 0.0},
    {"validation_fraction": 0.0},
    {"validation_fraction": 1.0},
    {"n_iter_no_change": 0},
    {"tol": -1e-3},
    {"tol": np.nan},
    {"marginals": "standardize"},
    {"base": "uniform"},
    {"effort": "none"},
    {"activation": "softmax"},
    {"random_state": "seed"},
    {"device": None},
]


@pytest.mark.parametrize("params", IMPOSSIBLE, ids=str)
def test_impossible_parameters_are_named(quick, moons, params):
    (name,) = params
    with pytest.raises(ValueError, match=name):
        quick(**params).fit(moons)


def test_overflowing_variance_names_the_column(quick, moons):
    X = moons * [1.0, 1e200]
    with pytest.raises(ValueError, match=r"variance of column 1 overflows.*Rescale"):
        quick().fit(X)
    with pytest.raises(ValueError, match="variance of column 'v' overflows"):
        quick().fit(pd.DataFrame(X, columns=["u", "v"]))


def test_overflowing_sum_names_the_column(quick):
    X = np.column_stack([np.arange(10.0), np.full(10, 1.5e308)])
    X[0, 1] = 0
    with pytest.raises(ValueError, match="variance of column 1 overflows"):
        quick().fit(X)


def test_absent_device_lists_those_present(quick, moons):
    with pytest.raises(ValueError, match=r"device='cuda:99' is not available.*'cpu'"):
        quick(device="cuda:99").fit(moons)


def test_unknown_device_lists_those_present(quick, moons):
    with pytest.raises(ValueError, match=r"device='gpu'.*'cpu'"):
        quick(device="gpu").fit(moons)


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_device_is_recorded(quick, moons, device):
    estimator = quick(device=device).fit(moons)
    expected = "cuda" if device == "auto" and torch.cuda.is_available() else "cpu"
    assert torch.device(estimator.device_).type == expected


@pytest.mark.parametrize("n_samples", [0, -1, 1.5, "ten", None])
def test_invalid_number_of_samples(quick, moons, n_samples):
    with pytest.raises(ValueError, match="n_samples"):
        quick().fit(moons).sample(n_samples)


def test_numpy_number_of_samples(quick, moons):
    assert quick().fit(moons).sample(np.int64(3)).shape == (3, 2)


def degenerate_frame(moons):
    frame = pd.DataFrame(moons, columns=["u", "v"])
    tied = np.where(np.arange(300) < 75, 0.25, moons[::-1, 0])
    return frame.assign(flat=3.5, tied=tied)


def test_degenerate_columns_get_one_warning(quick, moons):
    frame = degenerate_frame(moons)
    with pytest.warns(DegenerateColumnWarning) as caught:
        estimator = quick().fit(frame)
    assert len(caught) == 1
    message = str(caught[0].message)
    assert [message.count(repr(name)) for name in frame.columns] == [0, 0, 1, 1]
    assert "constant" in message
    assert "(many values equal to 0.25)" in message
    assert caught[0].filename == __file__
    assert np.isfinite(estimator.score_samples(frame)).all()
    assert np.isfinite(estimator.sample(100, random_state=0)).all()


def test_degenerate_columns_without_names_are_given_by_index(quick, moons):
    with pytest.warns(DegenerateColumnWarning, match="column 2"):
        quick().fit(degenerate_frame(moons).to_numpy())


def test_ties_below_a_fifth_raise_no_warning(quick, moons):
    X = np.column_stack([moons, np.where(np.arange(300) < 55, 0.25, moons[::-1, 0])])
    assert np.isfinite(quick().fit(X).score_samples(X)).all()


def test_ties_are_counted_among_distinct_rows(quick, moons):
    X = np.vstack([moons, np.repeat(moons[:1], 200, axis=0)])
    assert np.isfinite(quick().fit(X).score_samples(X)).all()


def state_of(estimator):
    return pickle.dumps(estimator), vars(estimator).keys()


FAILING_REFITS = {
    "NaN": (lambda X: with_value(X, np.nan), {}),
    "other width, overflow": (lambda X: np.hstack([X, X * 1e200]), {}),
    "names, overflow": (lambda X: pd.DataFrame(X * 1e200, columns=["u", "v"]), {}),
    "one row": (lambda X: X[:1], {}),
    "device": (lambda X: X[:, :1], {"device": "cuda:99"}),
    "parameter": (lambda X: X[:, :1], {"n_bins": 0}),
    "layer sizes": (lambda X: X[:, :1], {"hidden_layer_sizes": ()}),
}


@pytest.mark.parametrize("kind", FAILING_REFITS)
def test_failed_refit_leaves_the_earlier_fit(quick, moons, kind):
    spoil, params = FAILING_REFITS[kind]
    estimator = quick().fit(moons)
    before = estimator.score_samples(moons)
    estimator.set_params(**params)
    state = state_of(estimator)
    with pytest.raises(ValueError):  # noqa: PT011, which one is tested above
        estimator.fit(spoil(np.array(moons)))
    assert state_of(estimator) == state
    assert estimator.n_features_in_ == 2
    np.testing.assert_array_equal(estimator.score_samples(moons), before)


def broken_family(n_features, n_context, generator):
    raise RuntimeError("no such flow today")


def test_refit_that_fails_late_leaves_the_earlier_fit(quick, moons):
    estimator = quick().fit(moons)
    state = state_of(estimator.set_params(flow=broken_family))
    with pytest.raises(RuntimeError, match="no such flow"):
        estimator.fit(moons[:, :1])
    assert state_of(estimator) == state
