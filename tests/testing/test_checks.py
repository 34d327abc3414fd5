"""All checks: each listed once, and passed by a correct estimator."""

from skflow.testing import check_density
from skflow.testing.checks import DENSITY_CHECKS, FIT_CHECKS
from tests.testing.planted_faults import Gaussian, X


def test_every_check_is_listed_once():
    names = [check.__name__ for check in (*DENSITY_CHECKS, *FIT_CHECKS)]
    assert len(set(names)) == len(names) == 27
    assert all(name.startswith("check_density_") for name in names)


def test_what_the_faults_are_planted_in_passes():
    assert {result["status"] for result in check_density(Gaussian(), X)} == {"passed"}
