"""Checks for any density estimator, in addition to scikit-learn's `check_estimator`."""

from skflow.testing.errors import DensityCheckError
from skflow.testing.suite import check_density, parametrize_with_density_checks

__all__ = ["DensityCheckError", "check_density", "parametrize_with_density_checks"]
