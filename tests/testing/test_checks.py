"""All checks: each listed once, and passed by correct estimators of every kind."""

from skflow.testing import check_density
from skflow.testing.checks import SUBSET_CHECKS, applies
from tests.testing.planted_faults import (
    ALL_CHECKS,
    Gaussian,
    GaussianOfSubsets,
    Independent,
    X,
    rows_of_all_kinds,
)


def test_every_check_is_listed_once():
    names = [check.__name__ for check in ALL_CHECKS]
    assert len(set(names)) == len(names) == 28
    assert all(name.startswith("check_density_") for name in names)


def test_what_the_faults_are_planted_in_passes():
    for estimator, rows, n_checks in [
        (Gaussian(), X, 23),
        (GaussianOfSubsets(), X, 28),
        (Independent(), rows_of_all_kinds(), 23),
    ]:
        results = check_density(estimator, rows)
        assert {result["status"] for result in results} == {"passed"}
        assert len(results) == n_checks


def test_checks_of_subsets_are_for_several_columns():
    for check in SUBSET_CHECKS:
        assert applies(check, GaussianOfSubsets())
        assert not applies(check, GaussianOfSubsets(), n_columns=1)
        assert not applies(check, Gaussian())
