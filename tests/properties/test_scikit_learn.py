"""The estimator API of scikit-learn."""

import warnings
from unittest import SkipTest

import numpy as np
import pytest
from sklearn import clone, config_context
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_inplace_ensure_writeable,
    check_param_validation,
    parametrize_with_checks,
)

from skflow import (
    NormalizingFlowClassifier,
    NormalizingFlowDensity,
    NormalizingFlowImputer,
    NormalizingFlowOutlierDetector,
    NormalizingFlowRegressor,
)
from skflow.flows.families import ANY_ORDER, FAMILIES

DEFAULTS = {
    "flow": "auto",
    "n_transforms": "auto",
    "hidden_layer_sizes": "auto",
    "n_bins": 8,
    "activation": "silu",
    "dropout": "auto",
    "base": "auto",
    "marginals": "auto",
    "support": None,
    "n_estimators": "auto",
    "safety_net": True,
    "learning_rate_init": "auto",
    "batch_size": "auto",
    "max_iter": "auto",
    "max_rows": 1_000_000,
    "max_time": None,
    "alpha": 1e-3,
    "noise": "auto",
    "effort": "full",
    "early_stopping": "auto",
    "validation_fraction": 0.1,
    "n_iter_no_change": 8,
    "tol": 2e-3,
    "warm_start": False,
    "checkpoint": None,
    "random_state": None,
    "device": "auto",
    "dtype": "float64",
    "compile": False,
    "verbose": 0,
}

# Some checks use columns of one or two distinct values, for which the warning is correct.
degenerate_data = pytest.mark.filterwarnings("ignore::skflow.DegenerateColumnWarning")
# Other checks have so few rows that a p-value cannot be 0.01.
few_rows = pytest.mark.filterwarnings("ignore:.* can be labeled:UserWarning")
# Regressors that are hardly trained may have tails without a mean.
hardly_trained = pytest.mark.filterwarnings("ignore::skflow.UnreliablePredictionWarning")


ESTIMATORS = [
    NormalizingFlowDensity,
    NormalizingFlowRegressor,
    NormalizingFlowClassifier,
    NormalizingFlowOutlierDetector,
]


def shrunk(family, estimator=NormalizingFlowDensity):
    return estimator(
        flow=family,
        n_transforms=1,
        hidden_layer_sizes=4,
        n_bins=3,
        n_estimators=1,
        max_iter=2,
        tol=10,
        safety_net=family == "nsf_ar",  # one family is enough, the safety net is the same for all
    )


def small_imputer():
    density = shrunk("any_order").set_params(early_stopping=False, marginals=None)
    return NormalizingFlowImputer(density)


def never_skipped(check, *args):
    try:
        check(*args)
    except SkipTest as skipped:
        pytest.fail(f"a check was skipped: {skipped}")


@degenerate_data
@parametrize_with_checks([shrunk(family) for family in FAMILIES])
def test_estimator_checks_of_every_family(estimator, check):
    never_skipped(check, estimator)


@degenerate_data
@few_rows
@hardly_trained
@parametrize_with_checks([shrunk("nsf_ar", estimator) for estimator in ESTIMATORS[1:]])
def test_estimator_checks_of_the_other_estimators(estimator, check):
    never_skipped(check, estimator)


@degenerate_data
@parametrize_with_checks([small_imputer()])
def test_estimator_checks_of_the_imputer(estimator, check):
    never_skipped(check, estimator)


@pytest.mark.parametrize(
    "check",
    [
        check_param_validation,
        check_dataframe_column_names_consistency,
        check_inplace_ensure_writeable,
    ],
)
def test_further_checks_of_the_imputer(check):
    never_skipped(check, "NormalizingFlowImputer", small_imputer())


@pytest.mark.slow
@degenerate_data
@few_rows
@hardly_trained
@parametrize_with_checks([shrunk(ANY_ORDER, estimator) for estimator in ESTIMATORS])
def test_estimator_checks_of_any_order(estimator, check):
    never_skipped(check, estimator)


@pytest.mark.slow
@degenerate_data
@few_rows
@hardly_trained
@parametrize_with_checks([shrunk("flow_matching", estimator) for estimator in ESTIMATORS[1:]])
def test_estimator_checks_of_the_other_estimators_on_continuous_flows(estimator, check):
    never_skipped(check, estimator)


@pytest.mark.slow
@degenerate_data
@few_rows
@hardly_trained
@parametrize_with_checks([estimator() for estimator in ESTIMATORS])
def test_estimator_checks_of_the_defaults(estimator, check):
    never_skipped(check, estimator)


def test_the_checks_cover_all_documented_families():
    layered = {"planar", "radial", "nice", "realnvp", "maf", "nsf", "nsf_ar"}
    continuous = {"flow_matching", "flow_matching_ot", "diffusion", "cnf"}
    assert set(FAMILIES) >= layered | continuous


@few_rows
@hardly_trained
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_param_validation(estimator):
    never_skipped(check_param_validation, estimator.__name__, shrunk("nsf_ar", estimator))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_column_names_consistency(estimator):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        never_skipped(
            check_dataframe_column_names_consistency,
            estimator.__name__,
            shrunk("nsf_ar", estimator),
        )
    assert not [w for w in caught if "was fitted without feature names" in str(w.message)]


@few_rows
@hardly_trained
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_read_only_input_stays_as_it_is(estimator):
    instance = shrunk("nsf_ar", estimator)
    never_skipped(check_inplace_ensure_writeable, estimator.__name__, instance)


OWN = {
    NormalizingFlowDensity: {"stream": False},
    NormalizingFlowClassifier: {"priors": None},
    NormalizingFlowOutlierDetector: {"contamination": "auto"},
}


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_get_params_are_the_published_defaults(estimator):
    assert estimator().get_params() == DEFAULTS | OWN.get(estimator, {})


@pytest.mark.parametrize(
    ("estimator", "method", "others"),
    [
        (NormalizingFlowRegressor, "predict_quantiles", [0.5]),
        (NormalizingFlowRegressor, "predict_interval", []),
        (NormalizingFlowRegressor, "sample_y", []),
        (NormalizingFlowRegressor, "log_prob", [[0.0, 1.0]]),
        (NormalizingFlowRegressor, "cdf", [[0.0, 1.0]]),
        (NormalizingFlowClassifier, "score_samples", []),
        (NormalizingFlowClassifier, "log_prob", [[0, 1]]),
        (NormalizingFlowOutlierDetector, "p_value", []),
    ],
)
def test_other_methods_raise_if_not_fitted(estimator, method, others):
    with pytest.raises(NotFittedError):
        getattr(estimator(), method)([[0.0], [1.0]], *others)


def test_an_unknown_parameter_is_an_error():
    with pytest.raises(TypeError, match="n_layers"):
        NormalizingFlowClassifier(n_layers=3)


def test_types_of_the_defaults():
    params = NormalizingFlowDensity().get_params()
    assert {name: type(value) for name, value in params.items()} == {
        name: type(value) for name, value in (DEFAULTS | OWN[NormalizingFlowDensity]).items()
    }


def test_parameters_are_keyword_only():
    with pytest.raises(TypeError):
        NormalizingFlowDensity("nsf")


def test_clone_keeps_parameters_and_drops_the_fit(quick, moons):
    estimator = quick(flow="maf", alpha=0.5).fit(moons)
    copy = clone(estimator)
    assert copy.get_params() == estimator.get_params()
    assert not hasattr(copy, "flow_")
    np.testing.assert_array_equal(
        copy.fit(moons).score_samples(moons), estimator.score_samples(moons)
    )


def test_repr_shows_what_differs_from_the_defaults():
    assert repr(NormalizingFlowDensity(n_bins=4)) == "NormalizingFlowDensity(n_bins=4)"


@pytest.mark.parametrize("fitted", [False, True])
def test_html_repr(quick, moons, fitted):
    estimator = quick(flow="realnvp")
    html = (estimator.fit(moons) if fitted else estimator)._repr_html_()
    assert "NormalizingFlowDensity" in html
    assert "realnvp" in html


def test_fitted_attributes(quick, moons):
    estimator = quick().fit(moons)
    public = {name for name in vars(estimator) if name.endswith("_") and name[0] != "_"}
    assert public >= {
        "best_validation_score_",
        "device_",
        "flow_",
        "loss_curve_",
        "n_features_in_",
        "n_iter_",
        "validation_scores_",
        "weights_",
    }
    assert estimator.n_features_in_ == 2
    assert sum(estimator.weights_.values()) == pytest.approx(1)


def test_score_is_the_mean_and_a_float(quick, moons):
    estimator = quick().fit(moons)
    log_p = estimator.score_samples(moons)
    assert log_p.dtype == np.float64
    assert log_p.shape == (300,)
    assert type(estimator.score(moons)) is float
    assert estimator.score(moons) == pytest.approx(log_p.mean(), rel=1e-12)
    weights = np.arange(300.0)
    expected = (weights @ log_p) / weights.sum()
    assert estimator.score(moons, sample_weight=weights) == pytest.approx(expected, rel=1e-12)


def folds_by_hand(estimator, X, weights):
    for train, test in KFold(3).split(X):
        fitted = clone(estimator).fit(X[train], sample_weight=weights[train])
        yield fitted.score(X[test], sample_weight=weights[test])


@pytest.fixture
def moon_weights(moons):
    return np.random.default_rng(0).integers(1, 5, len(moons)).astype(float)


def test_weights_are_routed_through_cross_validate(quick, moons, moon_weights):
    with config_context(enable_metadata_routing=True):
        estimator = quick().set_fit_request(sample_weight=True)
        estimator.set_score_request(sample_weight=True)
        routed = cross_validate(
            estimator, moons, cv=KFold(3), params={"sample_weight": moon_weights}
        )["test_score"]
    expected = list(folds_by_hand(quick(), moons, moon_weights))
    np.testing.assert_allclose(routed, expected, rtol=1e-9)
    unweighted = list(folds_by_hand(quick(), moons, np.ones(300)))
    assert np.abs(routed - unweighted).min() > 1e-4


def test_weights_are_routed_through_a_grid_search(quick, moons, moon_weights):
    with config_context(enable_metadata_routing=True):
        estimator = quick().set_fit_request(sample_weight=True)
        estimator.set_score_request(sample_weight=False)
        search = GridSearchCV(estimator, {"n_bins": [3, 4]}, cv=KFold(2), refit=True)
        search.fit(moons, sample_weight=moon_weights)
    n_bins = search.best_params_["n_bins"]
    by_hand = quick(n_bins=n_bins).fit(moons, sample_weight=moon_weights)
    np.testing.assert_allclose(
        search.best_estimator_.score_samples(moons), by_hand.score_samples(moons), rtol=1e-9
    )
