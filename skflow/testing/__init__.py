"""Checks that anybody's density estimator is sound."""

from skflow.testing.errors import DensityCheckError
from skflow.testing.suite import check_density, parametrize_with_density_checks

__all__ = ["DensityCheckError", "check_density", "parametrize_with_density_checks"]
