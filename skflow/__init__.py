"""Normalizing-flow density estimation in scikit-learn's manner."""

from skflow.density import NormalizingFlowDensity
from skflow.exceptions import DegenerateColumnWarning
from skflow.version import __version__

__all__ = ["DegenerateColumnWarning", "NormalizingFlowDensity", "__version__"]
