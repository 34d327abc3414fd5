"""Densities behind transformers, in the original units."""

# imported for the log-determinants that they register
from skflow.compose import composite_transformers, function_transformer, quantile_transformer  # noqa: F401
from skflow.compose.log_dets import log_abs_det
from skflow.compose.transformed_density import TransformedDensity

__all__ = ["TransformedDensity", "log_abs_det"]
