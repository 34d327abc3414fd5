"""Affine: the scalar map that scales and shifts."""

from torch import Tensor

from skflow.flows.bijections.transformer import Transformer

_MAX_LOG_SCALE = 7.0  # so that dozens of layers cannot overflow


class Affine(Transformer):
    """Scaling and shift z = exp(s) x + shift, with s softly clipped to ±7 (Dinh et al. 2017).

    Raw parameters are (..., 2, d, n): the shift, and s before clipping.
    """

    n_parameters = 2

    def forward(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        shift, log_scale = _shift_and_log_scale(raw)
        return x * log_scale.exp() + shift, log_scale.expand_as(x)

    def inverse(self, z: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        shift, log_scale = _shift_and_log_scale(raw)
        return (z - shift) * (-log_scale).exp(), -log_scale.expand_as(z)


def _shift_and_log_scale(raw: Tensor) -> tuple[Tensor, Tensor]:
    shift, log_scale = raw.unbind(-3)
    return shift, log_scale / (1 + log_scale.abs() / _MAX_LOG_SCALE)
