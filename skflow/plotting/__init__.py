"""Plots of densities, with the API of scikit-learn's displays."""

from skflow.plotting.calibration import CalibrationDisplay
from skflow.plotting.corner import CornerDisplay
from skflow.plotting.density import DensityDisplay
from skflow.plotting.loss_curve import LossCurveDisplay

__all__ = ["CalibrationDisplay", "CornerDisplay", "DensityDisplay", "LossCurveDisplay"]
