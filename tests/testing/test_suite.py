"""What check_density and its pytest form say about estimators that others wrote."""

import numpy as np
import pytest
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from skflow.compose import TransformedDensity
from skflow.flows.families import ANY_ORDER, FAMILIES
from skflow.testing import (
    DensityCheckError,
    check_density,
    checks,
    parametrize_with_density_checks,
)
from skflow.testing.checks import DENSITY_CHECKS, SUBSET_CHECKS, integral
from skflow.testing.estimator_interface import fit_clone
from skflow.testing.example_data import example_rows, with_holes
from tests.testing.planted_faults import SUPPORTS, rows_of_all_kinds

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
SUBSETS = {
    "check_density_conditionals_times_marginals",
    "check_density_marginals_are_integrals",
}
TAILS = {"check_density_finite_far_away", "check_density_tails_fall"}


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


def test_a_flow_of_any_family_is_a_density(quick, any_family):
    X = example_rows(2)
    density = fit_clone(quick(flow=any_family), X)
    for check in DENSITY_CHECKS:
        check(density, X)


@pytest.mark.slow
@pytest.mark.parametrize("flow", [*FAMILIES, ANY_ORDER, "auto"])
def test_every_family_passes_all_checks(quick, flow):
    found = statuses(quick(flow=flow, safety_net=True))
    assert set(found.values()) <= {"passed", "skipped"}
    skipped = {name for (name, _), status in found.items() if status == "skipped"}
    assert skipped == (SUBSETS if flow in FAMILIES else set())


@pytest.fixture(scope="module")
def mixed_columns():
    """Rows of columns of all kinds."""
    return rows_of_all_kinds()


def test_holes_and_states_are_a_density_of_any_order(quick, mixed_columns, monkeypatch):
    monkeypatch.setattr(integral, "_N_POINTS", (10_000,))
    pile_and_code = quick(flow="any_order", n_estimators=1, support=SUPPORTS[:2])
    X = mixed_columns[:, :2]
    density, of_holes = (fit_clone(pile_and_code, rows) for rows in (X, with_holes(X)))
    for check in DENSITY_CHECKS:
        check(density, X)
    for check in SUBSET_CHECKS:
        check(of_holes, X)
    checks.check_density_weights_repeat_with_holes(pile_and_code, X)
    checks.check_density_scale_equivariance(pile_and_code, X)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [[0], [2, 4], [1, 3], [0, 1, 2, 3, 4]], ids=str)
@pytest.mark.parametrize("safety_net", [False, True])
def test_columns_of_all_kinds_pass_all_checks(quick, mixed_columns, columns, safety_net):
    supports = [SUPPORTS[j] for j in columns]
    estimator = quick(flow="any_order", support=supports, safety_net=safety_net)
    found = statuses(estimator, mixed_columns[:, columns])
    failed_or_skipped = {name for (name, _), status in found.items() if status != "passed"}
    assert failed_or_skipped == (TAILS if columns == [1, 3] else set())
