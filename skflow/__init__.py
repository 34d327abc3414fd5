"""Normalizing-flow density estimation in scikit-learn's manner."""

from skflow.data.support import Support
from skflow.estimators.classifier import NormalizingFlowClassifier
from skflow.estimators.density import NormalizingFlowDensity
from skflow.estimators.imputer import NormalizingFlowImputer
from skflow.estimators.io import load, save
from skflow.estimators.outlier_detector import NormalizingFlowOutlierDetector
from skflow.estimators.regressor import NormalizingFlowRegressor
from skflow.estimators.subset_density import SubsetDensity
from skflow.preprocessing.infer_support import infer_support
from skflow.runtime.exceptions import (
    DegenerateColumnWarning,
    EmptyRowWarning,
    InvalidFileError,
    UnreliablePredictionWarning,
)
from skflow.runtime.version import __version__

__all__ = [
    "DegenerateColumnWarning",
    "EmptyRowWarning",
    "InvalidFileError",
    "NormalizingFlowClassifier",
    "NormalizingFlowDensity",
    "NormalizingFlowImputer",
    "NormalizingFlowOutlierDetector",
    "NormalizingFlowRegressor",
    "SubsetDensity",
    "Support",
    "UnreliablePredictionWarning",
    "__version__",
    "infer_support",
    "load",
    "save",
]
