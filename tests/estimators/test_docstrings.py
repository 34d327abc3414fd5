"""The docstrings as users see them: complete, in order, and with the right defaults."""

import ast
import inspect
import re
import subprocess
import sys

import pandas as pd
import pytest

from skflow import (
    NormalizingFlowClassifier,
    NormalizingFlowDensity,
    NormalizingFlowOutlierDetector,
    NormalizingFlowRegressor,
)
from skflow.estimators.docstrings import FLOW_ATTRIBUTES
from skflow.estimators.flow_estimator import FlowEstimator
from skflow.estimators.parameters import FlowParameters

ESTIMATORS = [
    NormalizingFlowDensity,
    NormalizingFlowRegressor,
    NormalizingFlowClassifier,
    NormalizingFlowOutlierDetector,
]
ENTRY = re.compile(r"^(?P<name>\w+) : (?P<type>.+?)(, default=(?P<default>.+))?$")


def entries_of(estimator, section):
    """The lines 'name : type, default=value' of a section, each followed by a description."""
    text = inspect.getdoc(estimator).split(f"\n{section}\n{'-' * len(section)}\n")[1]
    lines = re.split(r"\n\n[A-Z][\w ]+\n-+\n", text)[0].splitlines()
    starts = [k for k, line in enumerate(lines) if line and not line.startswith(" ")]
    for k in starts:
        assert lines[k + 1].startswith("    "), f"{lines[k]} is not described"
    return [ENTRY.match(lines[k]) for k in starts]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_parameter_is_documented_in_order_and_with_its_default(estimator):
    parameters = inspect.signature(estimator).parameters.values()
    entries = entries_of(estimator, "Parameters")
    assert [entry["name"] for entry in entries] == [p.name for p in parameters]
    for entry, parameter in zip(entries, parameters, strict=True):
        default = ast.literal_eval(entry["default"])
        assert default == parameter.default
        assert type(default) is type(parameter.default)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_choices_are_those_of_the_annotation(estimator):
    for entry in entries_of(estimator, "Parameters"):
        annotation = inspect.signature(estimator).parameters[entry["name"]].annotation
        choices = re.match(r"\{.*\}", entry["type"])
        if choices:
            literals = set(re.findall(r"'(.*?)'", str(annotation)))
            assert ast.literal_eval(choices[0]) == literals


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_fitted_attribute_is_documented(estimator, moons):
    names = [entry["name"] for entry in entries_of(estimator, "Attributes")]
    shared = re.findall(r"^(\w+) : ", FLOW_ATTRIBUTES, re.MULTILINE)
    assert len(set(names)) == len(names)
    assert names[-len(shared) :] == shared
    assert {"flow_", "weights_"} < set(names)
    instance = estimator(n_transforms=1, hidden_layer_sizes=4, max_iter=1, tol=10.0)
    y = moons[:, 0] if estimator is NormalizingFlowRegressor else moons[:, 0] > 0.5
    instance.fit(pd.DataFrame(moons, columns=["u", "v"]), y)
    fitted = {name for name in vars(instance) if name.endswith("_") and name[0] != "_"}
    assert fitted <= set(names)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_first_sentence_is_about_the_estimator_and_flow_comes_before_other_parameters(
    estimator,
):
    docstring = inspect.getdoc(estimator)
    assert re.match(r"[A-Z][\w ]+ (with|by) .*flows.*\.\n\n", docstring)
    assert not re.search(r"\{flow_\w+\}", docstring)
    names = [entry["name"] for entry in entries_of(estimator, "Parameters")]
    assert names.index("flow") == ("priors" in names) + ("contamination" in names)


PARAMETERS = "Parameters\n----------\n"
COMPLETE = f"A density.\n\n{PARAMETERS}{{flow_parameters}}\n\nAttributes\n----------\n"
COMPLETE += "{flow_attributes}\n"


def subclass(docstring):
    """An estimator with the signature of the regressor and another docstring."""
    namespace = {"__doc__": docstring, "__init__": NormalizingFlowRegressor.__init__}
    return type("Estimator", (FlowEstimator,), namespace)


def test_a_complete_docstring_is_filled_in():
    docstring = subclass(COMPLETE).__doc__
    assert docstring.startswith("A density.\n\nParameters\n----------\nflow : str or callable")
    assert FLOW_ATTRIBUTES in docstring


@pytest.mark.parametrize(
    ("docstring", "message"),
    [
        (None, "docstring of Estimator has no line {flow_parameters}"),
        (COMPLETE.replace("{flow_parameters}", ""), "has no line {flow_parameters}"),
        (COMPLETE.replace("{flow_attributes}", ""), "has no line {flow_attributes}"),
        (
            COMPLETE.replace(PARAMETERS, PARAMETERS + "extra : int\n    Unknown.\n"),
            r"documents the parameters \['extra', 'flow', .*signature has \['flow', 'effort'",
        ),
    ],
)
def test_an_incomplete_docstring_is_an_error(docstring, message):
    with pytest.raises(TypeError, match=message):
        subclass(docstring)


def test_a_parameter_without_an_entry_is_an_error():
    def init(self, *, flow="nsf_ar", own=1):
        self._store(locals())

    with pytest.raises(TypeError, match=r"signature has \['flow', 'own'\]"):
        type("Estimator", (FlowParameters,), {"__doc__": COMPLETE, "__init__": init})


def test_without_docstrings_the_package_works():
    code = "import skflow; d = skflow.NormalizingFlowDensity; print(d.__doc__, d(n_bins=3).n_bins)"
    command = [sys.executable, "-OO", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == "None 3\n"
