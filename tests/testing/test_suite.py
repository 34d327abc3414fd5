"""What check_density and its pytest form say about estimators that others wrote."""

import numpy as np
import pytest
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from skflow.compose import TransformedDensity
from skflow.flows.families import FAMILIES
from skflow.testing import DensityCheckError, check_density, parametrize_with_density_checks
from skflow.testing.checks import DENSITY_CHECKS, applies
from skflow.testing.estimator_interface import fit_clone
from skflow.testing.example_data import example_rows

KEYS = {
    "estimator",
    "check_name",
    "n_columns",
    "exception",
    "status",
    "expected_to_fail",
    "expected_to_fail_reason",
}
EQUIVARIANCE = "check_density_scale_equivariance"


def statuses(estimator, X=None, **options):
    results = check_density(estimator, X, on_fail=None, **options)
    return {(result["check_name"], result["n_columns"]): result["status"] for result in results}


def failed(estimator, X):
    found = statuses(estimator, X)
    return {name.removeprefix("check_density_") for name, _ in found if found[name, _] == "failed"}


def test_a_mixture_passes():
    found = statuses(GaussianMixture())  # of one, two and three columns
    assert found.pop(("check_density_weights_repeat", 2)) == "skipped"
    assert set(found.values()) == {"passed"}
    assert len(found) == 46


def test_kernels_depend_on_units_unless_scaled():
    X = example_rows(2)
    assert failed(KernelDensity(), X) == {"scale_equivariance"}
    assert failed(TransformedDensity(StandardScaler(), KernelDensity()), X) == set()


def test_components_start_at_rows_by_their_position_and_in_fixed_units():
    assert failed(GaussianMixture(3), example_rows(2)) == {"fit_order", "scale_equivariance"}


def test_scores_of_a_variational_mixture_are_a_bound():
    bound = BayesianGaussianMixture(n_components=3)
    results = check_density(bound, example_rows(2), on_fail=None)
    (error,) = [
        result["exception"]
        for result in results
        if result["check_name"] == "check_density_integrates_to_one"
    ]
    assert "∫ p = 0.97" in str(error)


def test_kernels_that_cannot_sample_are_still_scored():
    found = statuses(KernelDensity(kernel="exponential", bandwidth=0.5), example_rows(1))
    assert found["check_density_samples_follow_scores", 1] == "skipped"
    assert found["check_density_integrates_to_one", 1] == "passed"


def test_results_are_those_of_check_estimator():
    X = example_rows(1)
    results = check_density(KernelDensity(), X, expected_failed_checks={EQUIVARIANCE: "one width"})
    assert all(result.keys() == KEYS for result in results)
    (expected,) = [result for result in results if result["expected_to_fail"]]
    assert expected["status"] == "xfail"
    assert expected["expected_to_fail_reason"] == "one width"
    assert isinstance(expected["exception"], DensityCheckError)


def test_an_error_lists_all_failures_with_their_numbers():
    with pytest.raises(DensityCheckError) as caught:
        check_density(GaussianMixture(3), example_rows(2))
    lines = str(caught.value).splitlines()
    assert lines[0] == "GaussianMixture(n_components=3) failed 2 of 23 density checks."
    assert "check_density_fit_order (2 columns)" in lines
    assert "  expected: at most 0.001 nats" in lines
    assert sum(line.startswith("  usual cause: ") for line in lines) == 2


def test_verdicts_are_deterministic():
    X = example_rows(2)
    first, second = (
        [str(r["exception"]) for r in check_density(GaussianMixture(3), X, on_fail=None)]
        for _ in range(2)
    )
    assert first == second


def test_warnings_in_place_of_errors():
    with pytest.warns(UserWarning, match=f"failed 1 of 23 .*\n\n{EQUIVARIANCE}"):
        check_density(KernelDensity(), example_rows(1), on_fail="warn")


def test_an_error_in_fit_is_a_failure_of_each_check():
    class Broken(KernelDensity):
        def fit(self, X, y=None, sample_weight=None):
            raise RuntimeError("no luck")

    with pytest.raises(DensityCheckError, match="raised: RuntimeError: no luck"):
        check_density(Broken(), example_rows(1))


@parametrize_with_density_checks(
    [TransformedDensity(StandardScaler(), GaussianMixture())],
    X=example_rows(1),
)
def test_one_test_for_each_check(estimator, check):
    if "weights" not in check.__name__:
        check(estimator)


def test_expected_failures_are_marked():
    mark = parametrize_with_density_checks(
        [KernelDensity()], expected_failed_checks=lambda _: {EQUIVARIANCE: "one width"}
    )
    names, params = mark.mark.args
    assert names == ("estimator", "check")
    marked = [param.id for param in params if param.marks]
    assert marked == [f"KernelDensity()-{EQUIVARIANCE}-2"]


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((KernelDensity,), {}, TypeError, "KernelDensity is a class"),
        ((StandardScaler(),), {}, TypeError, "has no score_samples"),
        ((KernelDensity(),), {"on_fail": "rise"}, ValueError, "on_fail='rise'"),
        (
            (KernelDensity(),),
            {"expected_failed_checks": {"check_density_units": ""}},
            ValueError,
            "contains check_density_units, but the checks are check_density_scores_shape",
        ),
        ((KernelDensity(), np.ones((3, 1))), {}, ValueError, "minimum of 20 is required"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_misuse_is_explained(arguments, options, error, message):
    with pytest.raises(error, match=message):
        check_density(*arguments, **options)


def test_a_flow_of_any_family_is_a_density(quick, family):
    X = example_rows(2)
    density = fit_clone(quick(flow=family), X)
    for check in DENSITY_CHECKS:
        if applies(check, density):
            check(density, X)


@pytest.mark.slow
@pytest.mark.parametrize("flow", list(FAMILIES))
def test_every_family_passes_all_checks(quick, flow):
    results = check_density(quick(flow=flow, safety_net=True))
    assert {result["status"] for result in results} == {"passed"}
