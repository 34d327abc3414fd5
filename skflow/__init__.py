"""Normalizing-flow density estimation in scikit-learn's manner."""

from skflow.classification import NormalizingFlowClassifier
from skflow.density import NormalizingFlowDensity
from skflow.exceptions import DegenerateColumnWarning, InvalidFileError
from skflow.outliers import NormalizingFlowOutlierDetector
from skflow.persistence import load, save
from skflow.regression import NormalizingFlowRegressor
from skflow.version import __version__

__all__ = [
    "DegenerateColumnWarning",
    "InvalidFileError",
    "NormalizingFlowClassifier",
    "NormalizingFlowDensity",
    "NormalizingFlowOutlierDetector",
    "NormalizingFlowRegressor",
    "__version__",
    "load",
    "save",
]
