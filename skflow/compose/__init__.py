"""Density estimators on transformed data, scored in the original units."""

# Imported for the log-determinants that they register.
from skflow.compose import (  # noqa: F401
    composite_transformers,
    function_transformer_log_det,
    quantile_transformer_log_det,
)
from skflow.compose.log_dets import log_abs_det
from skflow.compose.transformed_density import TransformedDensity

__all__ = ["TransformedDensity", "log_abs_det"]
