"""Density estimators on transformed data, scored in the original units."""

# Imported for the log-determinants that they register.
from skflow.compose import composite_transformers, function_transformer, quantile_transformer  # noqa: F401
from skflow.compose.log_dets import log_abs_det
from skflow.compose.transformed_density import TransformedDensity

__all__ = ["TransformedDensity", "log_abs_det"]
