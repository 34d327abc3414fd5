"""What str() and notebooks show: parameters, and after a fit what it is made of."""

import re

import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from skflow import NormalizingFlowDensity
from skflow.estimators.representation import _percent

ROWS = "Fitted on 300 rows × 2 columns"


@pytest.fixture
def fitted(quick, moons):
    """A fit whose weights and scores are round numbers."""
    estimator = quick(flow="realnvp").fit(moons)
    estimator.weights_ = {"flow": 0.98, "wide t": 0.02}
    estimator.n_samples_fit_ = 300
    estimator.held_out_score_ = -1.23456
    return estimator


def test_before_a_fit_it_is_scikit_learns(quick):
    estimator = quick(flow="realnvp")
    assert str(estimator) == repr(estimator)
    assert "skflow-summary" not in estimator._repr_html_()


def test_str_adds_two_lines_to_repr(fitted):
    assert str(fitted).removeprefix(repr(fitted)).splitlines() == [
        "",
        ROWS,
        "98 % flow (2 members), 2 % wide t; -1.235 nats per held-out sample",
    ]
    assert repr(fitted) == repr(clone(fitted))


def test_without_a_held_out_score_it_is_omitted(fitted):
    fitted.held_out_score_ = None
    assert str(fitted).endswith(f"\n{ROWS}\n98 % flow (2 members), 2 % wide t")


def test_a_single_flow_has_no_number_of_members(quick, moons):
    estimator = quick(n_estimators=1).fit(moons)
    assert re.search(r"\n100 % flow(;.*)?$", str(estimator))


def test_a_support_hides_no_members(quick, moons):
    """The flows are then inside another density."""
    estimator = quick(support=(-9.0, 9.0), safety_net=True).fit(moons)
    assert re.search(r"\d % flow \(2 members\)", str(estimator))


@pytest.mark.parametrize(
    ("weight", "text"),
    [
        (0.0, "0 %"),
        (0.004, "<1 %"),
        (0.006, "1 %"),
        (0.5, "50 %"),
        (0.994, "99 %"),
        (0.9999, ">99 %"),
        (1.0, "100 %"),
    ],
)
def test_percent(weight, text):
    assert _percent(weight) == text


def test_html_has_the_same_lines_escaped(fitted):
    fitted.weights_ = {"flow": 0.9999, "wide t": 0.0001}
    summary = (
        f'<div class="skflow-summary">{ROWS}<br>&gt;99 % flow (2 members), &lt;1 % wide t; '
        "-1.235 nats per held-out sample</div>"
    )
    diagram = fitted._repr_html_()
    assert diagram.endswith(summary)
    assert "realnvp" in diagram
    bundle = fitted._repr_mimebundle_()
    assert bundle["text/html"].endswith(summary)
    assert bundle["text/plain"] == repr(fitted)


def test_the_text_display_has_no_html(fitted):
    with config_context(display="text"):
        assert not hasattr(fitted, "_repr_html_")
        assert list(fitted._repr_mimebundle_()) == ["text/plain"]


def test_diagrams_of_pipelines(fitted, moons):
    pipeline = make_pipeline(StandardScaler().fit(moons), fitted)
    for diagram in (estimator_html_repr(pipeline), pipeline._repr_html_()):
        assert "NormalizingFlowDensity" in diagram
        assert "realnvp" in diagram
    assert "Fitted on" not in str(pipeline)
    assert "realnvp" in estimator_html_repr(fitted)


def test_an_unknown_parameter_is_still_named(fitted):
    with pytest.raises(ValueError, match="Invalid parameter 'n_layers' for estimator Normal"):
        fitted.set_params(n_layers=3)
    assert isinstance(fitted, NormalizingFlowDensity)
