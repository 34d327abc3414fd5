"""Whether a configuration can be trained on this machine, judged before anything is built.

The memory is a lower bound: what does not fit is refused, and what just fits may still be slow.
Weights, their gradients, the two moments of Adam, an average of the weights and the best of them
are held in float32, and the trained weights once more in float64: 32 bytes a weight. A training
step keeps the values of all hidden units for its batch: 4 bytes each.
"""

from itertools import pairwise
from typing import cast

from skflow.fitting.defaults import DataSize, FitConfig, Parameters, Task, resolve_config
from skflow.flows.families import family_of
from skflow.flows.user_families import check_user_family
from skflow.runtime.memory import check_memory, format_bytes

_BYTES_PER_WEIGHT = 32
_BYTES_PER_UNIT = 4
_MAX_TRANSFORMS = 1000
_MAX_UNITS = 1 << 16  # of a hidden layer
_ADVICE = {
    "n_estimators": "Use fewer ensemble members; 'auto' has at most 5.",
    "hidden_layer_sizes": "Use smaller layers; 'auto' has two of up to 128 units.",
    "n_transforms": "Use fewer transforms; 'auto' has at most 24.",
    "batch_size": "Use smaller batches; 'auto' has up to 512 rows.",
}


def feasible_config(parameters: Parameters, size: DataSize, task: Task | None = None) -> FitConfig:
    """The configuration of a fit that this machine has memory for, and that will end.

    Parameters
    ----------
    parameters : Parameters
        An estimator.
    size : DataSize
    task : Task, optional

    Returns
    -------
    FitConfig

    Raises
    ------
    ValueError
        If training needs more memory than the machine has; the message names the parameter that
        asks for it. If there are more than 1000 transforms, or a layer of more than 65,536
        units, with which training would take hours or days. If a user's family returns no
        bijections or ones that do not fit the columns.
    TypeError
        If a user's family returns something else than bijections.
    """
    config = resolve_config(parameters, size, task)
    if callable(parameters.flow):
        layers = config.flow.layers
        check_user_family(parameters.flow, layers.n_features, layers.n_context)
    needed = _training_memory(config, size)
    name = _most_expensive(parameters, size, task)
    if name is None:
        d = config.flow.layers.n_features + config.flow.layers.n_context
        request = f"Training on {d:,} columns"
        advice = (
            "Select columns, or reduce them first, for example with sklearn.decomposition.PCA."
        )
    else:
        request, advice = f"{name}={getattr(parameters, name)!r}", _ADVICE[name]
    check_memory(request, needed, advice)
    _check_time(config, needed)
    return config


def _check_time(config: FitConfig, needed: int) -> None:
    """Raise where the size of layers or their number would let training take hours or days."""
    widest = max(config.flow.layers.hidden_layer_sizes)
    if widest > _MAX_UNITS:
        raise ValueError(
            f"hidden_layer_sizes={config.flow.layers.hidden_layer_sizes} has a layer of "
            f"{widest:,} units, with which training needs at least {format_bytes(needed)} of "
            f"memory and takes hours. {_ADVICE['hidden_layer_sizes']} At most {_MAX_UNITS:,} "
            "units a layer are possible."
        )
    if config.flow.n_transforms > _MAX_TRANSFORMS:
        raise ValueError(
            f"n_transforms={config.flow.n_transforms} makes a chain that every row goes through "
            f"at every step of training, which would take days. {_ADVICE['n_transforms']} At "
            f"most {_MAX_TRANSFORMS} are possible."
        )


def _most_expensive(parameters: Parameters, size: DataSize, task: Task | None) -> str | None:
    """The parameter without whose explicit value training would need the least memory."""
    by_name = {}
    for name in _ADVICE:
        if not isinstance(getattr(parameters, name), str):
            config = resolve_config(cast(Parameters, _WithAuto(parameters, name)), size, task)
            by_name[name] = _training_memory(config, size)
    return min(by_name, key=lambda name: by_name[name], default=None)


class _WithAuto:
    """Parameters of which one is "auto"."""

    def __init__(self, parameters: Parameters, name: str):
        self._parameters = parameters
        setattr(self, name, "auto")

    def __getattr__(self, name: str) -> object:
        return getattr(self._parameters, name)


def _training_memory(config: FitConfig, size: DataSize) -> int:
    """Bytes that training needs at least."""
    n_weights, n_units = _weights_and_units(config)
    n_rows = min(config.training.batch_size, size.n_distinct)
    return config.n_members * (_BYTES_PER_WEIGHT * n_weights + _BYTES_PER_UNIT * n_rows * n_units)


def _weights_and_units(config: FitConfig) -> tuple[int, int]:
    """Numbers of weights and of hidden units and outputs of a single member."""
    layers, family = config.flow.layers, family_of(config.flow.family)
    d, c = layers.n_features, layers.n_context
    if callable(config.flow.family) or not (family.has_networks or c) or d + c == 1:
        return d * config.flow.n_transforms, d * config.flow.n_transforms
    n_outputs = d * (3 * layers.n_bins - 1) if family.has_splines else d
    widths = [d + c, *layers.hidden_layer_sizes, n_outputs]
    n_networks = 1 if family.is_continuous else config.flow.n_transforms
    n_weights = sum(n_in * n_out for n_in, n_out in pairwise(widths))
    return n_networks * n_weights, n_networks * sum(widths[1:])
