"""Invalid input raises an error that says what is wrong, where, and what to do."""

import copy
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch
from torch.utils.data import DataLoader, TensorDataset

from skflow import (
    DegenerateColumnWarning,
    NormalizingFlowClassifier,
    NormalizingFlowDensity,
    NormalizingFlowOutlierDetector,
    NormalizingFlowRegressor,
)
from skflow.flows.bijections import LULinear


def with_value(X, value, at=(3, 1)):
    X = np.array(X)
    X[at] = value
    return X


@pytest.mark.parametrize(("value", "name"), [(np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "inf")])
def test_non_finite_values_are_named_with_their_column(quick, moons, value, name):
    X = with_value(moons, value)
    with pytest.raises(ValueError, match=rf"(?s){name}.*column 1.*row 3.*SimpleImputer"):
        quick(flow="nsf_ar").fit(X)
    with pytest.raises(ValueError, match=rf"(?s){name}.*column 'v'.*SimpleImputer"):
        quick(flow="nsf_ar").fit(pd.DataFrame(X, columns=["u", "v"]))
    with pytest.raises(ValueError, match=rf"(?s){name}.*column 1.*SimpleImputer"):
        quick(flow="nsf_ar").fit(moons).score_samples(X)


def test_missing_values_of_pandas_are_named(quick, moons):
    frame = pd.DataFrame(moons, columns=["u", "v"]).convert_dtypes()
    frame.loc[5, "u"] = pd.NA
    with pytest.raises(ValueError, match="NaN in column 'u'"):
        quick(flow="nsf_ar").fit(frame)


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
    assert [message.count(repr(name)) for name in frame.columns] == [0, 0, 1, 2]
    assert "constant" in message
    assert "(many values equal to 0.25)" in message
    assert "Support(atoms=(0.25,))" in message
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


@pytest.fixture(scope="module")
def small():
    """Rows, targets, labels, and the keywords of fits that take no time."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = X[:, 0] + rng.normal(size=60)
    params = {"effort": "fast", "max_iter": 2, "tol": 10.0, "random_state": 0, "n_transforms": 1}
    return X, y, (y > 0).astype(int), params | {"hidden_layer_sizes": 8}


@pytest.fixture(scope="module")
def fitted(small):
    """A density, a regressor and a classifier, fitted to a DataFrame."""
    X, y, labels, params = small
    frame = pd.DataFrame(X, columns=["u", "v"])
    return (
        NormalizingFlowDensity(**params).fit(frame),
        NormalizingFlowRegressor(**params).fit(frame, y),
        NormalizingFlowClassifier(**params).fit(frame, labels),
    )


NO_TABLES = {
    "a dict": (lambda X: {"u": X[:, 0]}, r"X is a dict.*pandas\.DataFrame\(X\)"),
    "a LazyFrame": (lambda X: pl.DataFrame(X).lazy(), r"X is a LazyFrame.*X\.collect\(\)"),
    "a DataLoader": (
        lambda X: DataLoader(TensorDataset(torch.tensor(X))),
        r"X is a DataLoader.*torch\.cat\(list\(X\)\)",
    ),
    "None": (lambda X: None, "X is None"),
}


@pytest.mark.parametrize("kind", NO_TABLES)
def test_what_is_no_table_is_named_with_the_way_to_one(small, fitted, kind):
    X, y, labels, params = small
    spoil, message = NO_TABLES[kind]
    spoiled = spoil(X)
    density, regressor, classifier = fitted
    for call in (
        lambda: NormalizingFlowDensity(**params).fit(spoiled),
        lambda: NormalizingFlowOutlierDetector(**params).fit(spoiled),
        lambda: NormalizingFlowRegressor(**params).fit(spoiled, y),
        lambda: NormalizingFlowClassifier(**params).fit(spoiled, labels),
        lambda: density.score_samples(spoiled),
        lambda: regressor.predict(spoiled),
        lambda: classifier.predict(spoiled),
    ):
        with pytest.raises(TypeError, match=message):
            call()


@pytest.mark.parametrize("as_path", [str, Path])
def test_a_file_that_is_not_parquet_is_named_with_its_reader(small, fitted, tmp_path, as_path):
    X, y, _, params = small
    path = tmp_path / "rows.csv"
    pd.DataFrame(X).to_csv(path, index=False)
    for call in (NormalizingFlowDensity(**params, flow="nsf_ar").fit, fitted[0].score_samples):
        with pytest.raises(ValueError, match=r"rows\.csv.* not Parquet.*pandas\.read_csv\(path\)"):
            call(as_path(path))
    with pytest.raises(TypeError, match=r"pandas\.read_csv\(path\)"):
        NormalizingFlowRegressor(**params).fit(as_path(path), y)
    other = tmp_path / "rows"
    path.rename(other)
    with pytest.raises(ValueError, match=r"rows' is not Parquet.*pandas\.read_csv\(path\)"):
        NormalizingFlowDensity(**params).fit(as_path(other))
    with pytest.raises(FileNotFoundError, match=r"rows\.csv\.d' is .* no such file or folder"):
        NormalizingFlowDensity(**params).fit(as_path(path.with_suffix(".csv.d")))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (pd.NA, r"NaN.* <NA> in row 4 of column 'v'.*SimpleImputer"),
        (None, r"NaN in column 'v' \(first in row 4.*SimpleImputer"),
        (10**400, "integer of 401 digits in row 4 of column 'v'"),
        ("u", "'u' in column 'v', row 4.*encode them"),
    ],
    ids=str,
)
def test_cells_of_objects_are_named(small, fitted, value, message):
    X, _, _, params = small
    frame = pd.DataFrame(X, columns=["u", "v"]).astype(object)
    frame.iloc[4, 1] = value
    for call in (NormalizingFlowDensity(**params, flow="nsf_ar").fit, fitted[0].score_samples):
        with pytest.raises(ValueError, match=message):
            call(frame)


@pytest.mark.parametrize("value", [np.nan, pd.NA, None], ids=str)
def test_missing_targets_and_labels_are_named(small, fitted, value):
    X, y, labels, params = small
    targets = pd.Series(y, dtype=object)
    targets[7] = value
    for call in (NormalizingFlowRegressor(**params).fit, fitted[1].log_prob):
        with pytest.raises(ValueError, match=r"Input y contains NaN.* row 7.*from X and y"):
            call(X if "fit" in call.__name__ else pd.DataFrame(X, columns=["u", "v"]), targets)
    several = pd.DataFrame({"p": y, "q": targets})
    with pytest.raises(ValueError, match=r"Input y contains NaN.* row 7 of column 'q'"):
        NormalizingFlowRegressor(**params).fit(X, several)
    spoiled = pd.Series(labels, dtype=object)
    spoiled[7] = value
    with pytest.raises(ValueError, match=r"Input y contains NaN.* row 7.*a class of their own"):
        NormalizingFlowClassifier(**params).fit(X, spoiled)


def test_weights_of_zero_are_refused_by_every_estimator(small):
    X, y, labels, params = small
    zero = np.zeros(60)
    for fit in (
        lambda: NormalizingFlowDensity(**params).fit(X, sample_weight=zero),
        lambda: NormalizingFlowOutlierDetector(**params).fit(X, sample_weight=zero),
        lambda: NormalizingFlowRegressor(**params).fit(X, y, sample_weight=zero),
        lambda: NormalizingFlowClassifier(**params).fit(X, labels, sample_weight=zero),
    ):
        with pytest.raises(ValueError, match="all of sample_weight is 0"):
            fit()


def test_a_fit_that_is_continued_keeps_columns_targets_and_classes(small, fitted):
    X, y, labels, _ = small
    frame = pd.DataFrame(X, columns=["u", "v"])
    density, regressor, classifier = (copy.copy(e).set_params(warm_start=True) for e in fitted)
    refused = {
        "X had 2 columns, but now it has 4 columns": lambda: density.fit(np.hstack([X, X])),
        r"X had the columns \['u', 'v'\], but now it has the columns \['w', 'v'\]": (
            lambda: density.fit(frame.rename(columns={"u": "w"}))
        ),
        r"another order.*feature_names_in_": lambda: density.fit(frame[["v", "u"]]),
        "X had 2 columns, but now it has 1 columns": lambda: regressor.fit(X[:, :1], y),
        "y had 1 target, but now it has 2 targets": lambda: regressor.fit(
            frame, np.column_stack([y, y])
        ),
        r"y had the classes \[0, 1\], but now it has the classes \[0, 1, 2\]": (
            lambda: classifier.fit(frame, np.arange(60) % 3)
        ),
        r"but now it has the classes \[5, 6\]": lambda: classifier.fit(frame, labels + 5),
    }
    before = [state_of(e) for e in (density, regressor, classifier)]
    for message, fit in refused.items():
        with pytest.raises(ValueError, match=rf"^warm_start=True.*{message}.*warm_start=False"):
            fit()
    assert [state_of(e) for e in (density, regressor, classifier)] == before
    assert np.isfinite(density.fit(frame).score(frame))


TOO_LARGE = [
    {"n_estimators": 10**9},
    {"hidden_layer_sizes": (10**6,)},
    {"hidden_layer_sizes": np.array([10**6, 10**6])},
    {"n_transforms": 10**9},
    {"n_bins": 10**8},
]


@pytest.mark.parametrize("params", TOO_LARGE, ids=str)
@pytest.mark.parametrize("effort", ["fast", "full"])
def test_parameters_that_take_gigabytes_or_hours_are_named(small, params, effort):
    X, y, labels, others = small
    (name,) = params
    params = {**others, "effort": effort, **params}
    for fit in (
        lambda: NormalizingFlowDensity(**params).fit(X),
        lambda: NormalizingFlowOutlierDetector(**params).fit(X),
        lambda: NormalizingFlowRegressor(**params).fit(X, y),
        lambda: NormalizingFlowClassifier(**params).fit(X, labels),
    ):
        with pytest.raises(ValueError, match=name):
            fit()


@pytest.mark.parametrize("n_samples", [10**11, 10**30])
def test_samples_that_do_not_fit_into_memory_are_refused(small, fitted, n_samples):
    frame = pd.DataFrame(small[0], columns=["u", "v"])
    density, regressor, classifier = fitted
    for draw in (
        density.sample,
        classifier.sample,
        lambda n: classifier.sample(n, y=1),
        lambda n: regressor.sample_y(frame, n),
    ):
        with pytest.raises(ValueError, match=rf"n_samples={n_samples:,}.* needs at least .*parts"):
            draw(n_samples)


def test_labels_and_seeds_of_samples_are_named(fitted):
    density, _, classifier = fitted
    with pytest.raises(ValueError, match=r"label 9, which is not among the classes .*\[0, 1\]"):
        classifier.sample(5, y=9)
    for sample in (density.sample, classifier.sample):
        for seed in ("a", -1, np.random.default_rng(0)):
            with pytest.raises(ValueError, match=r"random_state=.* must be an int from 0"):
                sample(3, random_state=seed)


def test_layer_sizes_of_numpy_are_those_of_python(small):
    X, _, _, params = small
    first, *others = (
        NormalizingFlowDensity(**{**params, "hidden_layer_sizes": sizes}).fit(X).score_samples(X)
        for sizes in ((5,), np.array(5), [np.int64(5)])
    )
    for other in others:
        np.testing.assert_array_equal(other, first)


@pytest.mark.parametrize("sizes", [np.array(5.5), np.array(True), np.ones((2, 2), int)], ids=repr)
def test_other_arrays_of_layer_sizes_are_named(small, sizes):
    X, _, _, params = small
    with pytest.raises(ValueError, match=r"(?s)hidden_layer_sizes=.*positive ints"):
        NormalizingFlowDensity(**{**params, "hidden_layer_sizes": sizes}).fit(X)


def forgetful_family(n_features, n_context, generator):
    LULinear(n_features)


def test_a_family_without_bijections_is_named_and_loses_nothing(small, fitted):
    X, y, _, params = small
    density = copy.copy(fitted[0]).set_params(flow=forgetful_family)
    state = state_of(density)
    with pytest.raises(TypeError, match=r"family returned None\. Is its return statement missing"):
        density.fit(X)
    assert state_of(density) == state
    with pytest.raises(ValueError, match="cannot map rows of 1 columns given a context of 2"):
        NormalizingFlowRegressor(**{**params, "flow": lambda d, c, g: LULinear(5)}).fit(X, y)


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
    "memory": (lambda X: X[:, :1], {"n_estimators": 10**9}),
    "missing cell": (lambda X: with_value(X.astype(object), pd.NA), {}),
}


@pytest.mark.parametrize("kind", FAILING_REFITS)
def test_failed_refit_leaves_the_earlier_fit(quick, moons, kind):
    spoil, params = FAILING_REFITS[kind]
    estimator = quick(flow="nsf_ar").fit(moons)
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
