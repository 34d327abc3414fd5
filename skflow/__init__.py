"""Normalizing-flow density estimation in scikit-learn's manner."""

__version__ = "0.1.0.dev0"

from skflow.density import NormalizingFlowDensity
from skflow.exceptions import DegenerateColumnWarning

__all__ = ["DegenerateColumnWarning", "NormalizingFlowDensity", "__version__"]
