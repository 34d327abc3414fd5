"""The four estimators write out the same shared parameters in their signatures."""

import inspect
import typing

import pytest

from skflow import (
    NormalizingFlowClassifier,
    NormalizingFlowDensity,
    NormalizingFlowOutlierDetector,
    NormalizingFlowRegressor,
)
from skflow.estimators.parameters import FlowParameters

OWN_FIRST = {NormalizingFlowClassifier: "priors", NormalizingFlowOutlierDetector: "contamination"}
OWN_LAST = {NormalizingFlowDensity: "stream"}
ESTIMATORS = [
    NormalizingFlowDensity,
    NormalizingFlowRegressor,
    NormalizingFlowClassifier,
    NormalizingFlowOutlierDetector,
]
SHARED = {
    name: annotation
    for name, annotation in typing.get_type_hints(FlowParameters).items()
    if typing.get_origin(annotation) is not typing.ClassVar and not name.startswith("_")
}


def shared_parameters(estimator):
    own = {OWN_FIRST.get(estimator), OWN_LAST.get(estimator)}
    parameters = inspect.signature(estimator).parameters
    return {name: p for name, p in parameters.items() if name not in own}


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_shared_parameters_have_the_same_names_in_the_same_order(estimator):
    assert len(SHARED) == 30
    assert list(shared_parameters(estimator)) == list(SHARED)
    assert list(FlowParameters._parameter_constraints) == list(SHARED)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_own_parameters_come_first_or_last(estimator):
    names = list(inspect.signature(estimator).parameters)
    first = OWN_FIRST.get(estimator, "flow")
    last = OWN_LAST.get(estimator, "verbose")
    assert (names[0], names[-1]) == (first, last)
    assert len(names) == len(SHARED) + (estimator in OWN_FIRST) + (estimator in OWN_LAST)
    assert list(SHARED)[:3] == ["flow", "effort", "support"]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_shared_parameters_have_the_annotations_of_the_attributes(estimator):
    annotations = typing.get_type_hints(estimator.__init__)
    assert {name: annotations[name] for name in SHARED} == SHARED
    attributes = typing.get_type_hints(estimator)
    for name in inspect.signature(estimator).parameters:
        assert annotations[name] == attributes[name]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_shared_parameters_have_the_same_defaults(estimator):
    expected = shared_parameters(NormalizingFlowDensity)
    for name, parameter in shared_parameters(estimator).items():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert parameter.default == expected[name].default
        assert type(parameter.default) is type(expected[name].default)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_signature_is_that_of_the_function(estimator):
    """Nothing that a type checker would have to run the code for."""
    init = estimator.__init__
    n_keywords = init.__code__.co_kwonlyargcount
    assert init.__code__.co_varnames[1 : 1 + n_keywords] == tuple(
        inspect.signature(estimator).parameters
    )
    assert not hasattr(init, "__signature__")
    assert not hasattr(init, "__wrapped__")


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_arguments_are_stored_as_they_are(estimator):
    sentinels = {name: object() for name in inspect.signature(estimator).parameters}
    instance = estimator(**sentinels)
    assert vars(instance) == sentinels
    assert instance.get_params(deep=False) == sentinels


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_misspelt_parameter_is_an_error_that_names_the_estimator(estimator):
    message = (
        rf"^{estimator.__name__}\.__init__\(\) got an unexpected keyword argument 'n_estimatorz'"
    )
    with pytest.raises(TypeError, match=message):
        estimator(n_estimatorz=3)


def test_a_subclass_may_have_parameters_and_a_docstring_of_its_own():
    class Subclass(NormalizingFlowDensity):
        """A density with another default."""

        def __init__(self, *, flow="maf", n_bins=4):
            super().__init__(flow=flow, n_bins=n_bins)

    assert Subclass.__doc__ == "A density with another default."
    assert Subclass().get_params() == {"flow": "maf", "n_bins": 4}
    assert Subclass().effort == "full"
