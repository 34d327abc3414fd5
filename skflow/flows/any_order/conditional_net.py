"""ConditionalNet: the parameters of every column's distribution, given any set of cells."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from skflow.flows.any_order.columns import Columns
from skflow.flows.any_order.continuum import in_precision_of
from skflow.flows.bijections import Spline
from skflow.flows.bijections.bijection import with_context
from skflow.flows.layers import LayerConfig
from skflow.flows.nets.mlp import MLP

_BOUND = 5.0  # of the splines, in conditional standard deviations
_MAX_LOG_SCALE = 12.0


@dataclass(frozen=True)
class NetInputs:
    """What the network sees of n rows.

    Parameters
    ----------
    filled : Tensor of shape (..., d, n)
        Latent values, known ones and expected ones in place of the others.
    residuals : Tensor of shape (..., d, n)
        Those of `Belief`.
    known : Tensor of shape (..., d, n)
        1 for known cells, 0 for the others.
    state : Tensor of shape (..., d, n)
        The states of known cells as numbers.
    """

    filled: Tensor
    residuals: Tensor
    known: Tensor
    state: Tensor


@dataclass(frozen=True)
class NetOutputs:
    """Corrections of a start: of location, log-scale and shape on the continuum, and of states.

    Parameters
    ----------
    shift, log_scale : Tensor of shape (..., k, n)
    raw : Tensor of shape (..., n_parameters, k, n)
    logits : Tensor of shape (..., n_states, l, n)
        For the l columns with atoms.
    """

    shift: Tensor
    log_scale: Tensor
    raw: Tensor
    logits: Tensor


class ConditionalNet(nn.Module):
    """A residual network from known cells to corrections of all columns, which are 0 at first.

    Parameters
    ----------
    columns : Columns
    config : LayerConfig
    generator : Generator
        Draws the initial weights.
    """

    def __init__(self, columns: Columns, config: LayerConfig, generator: Generator):
        super().__init__()
        self.spline = Spline(config.n_bins, _BOUND)
        self._numbers = [j for j in range(len(columns)) if columns.has_continuum[j]]
        self._with_atoms = [j for j in range(len(columns)) if columns.n_atoms[j]]
        self._n_states = columns.n_states
        self._atoms = [(j, k) for j in self._with_atoms for k in range(1, columns.n_atoms[j] + 1)]
        self._n_parameters = self.spline.n_parameters + 2
        self._n_of_numbers = self._n_parameters * len(self._numbers)
        self.net = MLP(
            3 * len(columns) + len(self._atoms) + config.n_context,
            self._n_of_numbers + self._n_states * len(self._with_atoms),
            config.hidden_layer_sizes,
            config.activation,
            config.dropout,
            generator,
        )

    def hidden(self, inputs: NetInputs, context: Tensor | None) -> Tensor:
        """Units of the last hidden layer, (..., n_units, n); the context is (..., n, c)."""
        bias = self.net.output.bias
        columns = [inputs.filled, inputs.residuals, inputs.known]
        if self._atoms:
            indicators = [
                inputs.known[..., j, :] * (inputs.state[..., j, :] == k) for j, k in self._atoms
            ]
            columns.append(torch.stack(indicators, dim=-2))
        stacked = torch.cat([in_precision_of(bias, column) for column in columns], dim=-2)
        context = None if context is None else in_precision_of(bias, context)
        return self.net.last_hidden_layer(with_context(stacked, context))

    def outputs(self, hidden: Tensor) -> NetOutputs:
        """Corrections of all columns."""
        out = self.net.output(hidden)
        return self._corrections(out, len(self._numbers), len(self._with_atoms))

    def outputs_of(self, j: int, hidden: Tensor) -> NetOutputs:
        """Corrections of column j alone: k = 1 or l = 1, or 0 where it has no such part."""
        index: list[int] = []
        if j in self._numbers:
            index += range(self._numbers.index(j), self._n_of_numbers, len(self._numbers))
        if j in self._with_atoms:
            first = self._n_of_numbers + self._with_atoms.index(j)
            index += range(first, self.net.output.bias.shape[-1], len(self._with_atoms))
        out = self.net.output.rows(hidden, torch.tensor(index, device=hidden.device))
        return self._corrections(out, int(j in self._numbers), int(j in self._with_atoms))

    def _corrections(self, out: Tensor, n_numbers: int, n_with_atoms: int) -> NetOutputs:
        n_of_numbers = self._n_parameters * n_numbers
        numbers, logits = out.split([n_of_numbers, out.shape[-2] - n_of_numbers], dim=-2)
        numbers = numbers.unflatten(-2, (self._n_parameters, n_numbers))
        return NetOutputs(
            numbers[..., 0, :, :],
            _MAX_LOG_SCALE * (numbers[..., 1, :, :] / _MAX_LOG_SCALE).tanh(),
            numbers[..., 2:, :, :],
            logits.unflatten(-2, (self._n_states, n_with_atoms)),
        )
