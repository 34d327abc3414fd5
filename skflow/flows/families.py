"""Families of flows by name: from a `LayerConfig` to the bijections of a chain."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Generator

from skflow.flows.bijections import Bijection, LULinear, Reverse, Scale
from skflow.flows.bijections.continuous import ProbabilityPath
from skflow.flows.distributions.normal_and_t import BASES
from skflow.flows.layers import (
    Layer,
    LayerConfig,
    autoregressive,
    continuous,
    coupling,
    planar,
    radial,
)
from skflow.flows.probability_paths import (
    IndependentCoupling,
    OptimalTransportCoupling,
    log_uniform_noise_times,
    uniform_times,
)
from skflow.flows.user_families import UserFamily, bijections_of

_STEPS_PER_TRANSFORM = 4  # of the solver of a continuous flow

Builder = Callable[[int, LayerConfig, Generator], list[Bijection]]


@dataclass(frozen=True)
class TrainingOptions:
    """How the training of a family differs from the default."""

    length: float = 1.0  # factor of the number of steps
    ema_decay: float = 0.98  # of the averaged weights
    check_every: int | None = None  # steps between validation checks, where they are expensive
    max_held_out: int | None = None  # number of held-out samples that a check evaluates


@dataclass(frozen=True)
class Family:
    """How to build a family, and its defaults.

    Parameters
    ----------
    build : callable
        From the number of transforms, a `LayerConfig` and a generator to bijections.
    n_transforms : int
        Default number of transforms.
    min_transforms : int, optional
        Number of transforms where more are not worth their time: on few or wide data.
    learning_rate : float
        For few samples; large data sets allow five times as much.
    bases : tuple of str
        Keys of ``BASES`` that the family can be trained with, all of them in general. The first
        is the default.
    training : TrainingOptions
    has_splines, is_continuous, has_networks : bool
        What determines its size: whether transformers are splines, whether all transforms share
        one network, and whether there are networks even without a context.
    is_any_order : bool
        Whether it is no chain of bijections but conditionals of single columns.
    """

    build: Builder
    n_transforms: int
    min_transforms: int | None = None
    learning_rate: float = 2e-3
    bases: tuple[str, ...] = tuple(BASES)
    training: TrainingOptions = TrainingOptions()
    has_splines: bool = False
    is_continuous: bool = False
    has_networks: bool = True
    is_any_order: bool = False

    @property
    def base(self) -> str:
        """The default base."""
        return self.bases[0]


def _with_mixing(layer: Layer) -> Builder:
    """Layers, each after a learned linear mixing."""

    def build(n_transforms: int, config: LayerConfig, generator: Generator) -> list[Bijection]:
        bijections: list[Bijection] = []
        for _ in range(n_transforms):
            bijections += [LULinear(config.n_features), layer(config, generator)]
        return bijections

    return build


def _autoregressive(transformer: str) -> Builder:
    """Autoregressive layers with mixing, in alternating order of the columns.

    Given a context, the first layer is affine: location and scale given the context are then
    not left to splines, which are the identity in their tails.
    """

    def build(n_transforms: int, config: LayerConfig, generator: Generator) -> list[Bijection]:
        bijections: list[Bijection] = []
        for k in range(n_transforms):
            is_affine = k == 0 and config.n_context > 0
            layer = autoregressive("affine" if is_affine else transformer)
            bijections += [LULinear(config.n_features), layer(config, generator), Reverse()]
        return bijections

    return build


def _coupling(transformer: str) -> Builder:
    """Coupling layers with mixing, conditioned on the first and the last columns in turn."""

    def build(n_transforms: int, config: LayerConfig, generator: Generator) -> list[Bijection]:
        bijections: list[Bijection] = []
        for k in range(n_transforms):
            layer = coupling(transformer, from_end=k % 2 == 1)
            bijections += [LULinear(config.n_features), layer(config, generator)]
        return bijections

    return build


def _nice(n_transforms: int, config: LayerConfig, generator: Generator) -> list[Bijection]:
    """Volume-preserving coupling layers and mixing, then one scaling layer."""
    bijections: list[Bijection] = []
    for k in range(n_transforms):
        layer = coupling("additive", from_end=k % 2 == 1)
        mixing = LULinear(config.n_features, volume_preserving=True)
        bijections += [mixing, layer(config, generator)]
    return [*bijections, Scale(config.n_features)]


def _continuous(path: ProbabilityPath | None, n_training_steps: int | None = None) -> Builder:
    """A single continuous flow."""

    def build(n_transforms: int, config: LayerConfig, generator: Generator) -> list[Bijection]:
        layer = continuous(_STEPS_PER_TRANSFORM * n_transforms, path, n_training_steps)
        return [layer(config, generator)]

    return build


def _by_regression(path: ProbabilityPath, n_transforms: int) -> Family:
    """A continuous flow whose velocity is learned by regression along a path to normal noise."""
    training = TrainingOptions(length=5, ema_decay=0.99, check_every=100, max_held_out=512)
    return Family(
        _continuous(path), n_transforms, bases=("normal",), training=training, is_continuous=True
    )


def _no_chain(n_transforms: int, config: LayerConfig, generator: Generator) -> list[Bijection]:
    """Any-order densities are no chains: see `skflow.flows.any_order`."""
    return []


FAMILIES: dict[str, Family] = {
    "planar": Family(_with_mixing(planar), 24, has_networks=False),
    "radial": Family(_with_mixing(radial), 24, has_networks=False),
    "nice": Family(_nice, 8),
    "realnvp": Family(_coupling("affine"), 8),
    "maf": Family(_autoregressive("affine"), 5),
    "nsf": Family(_coupling("spline"), 6, has_splines=True),
    "nsf_ar": Family(_autoregressive("spline"), 3, 2, learning_rate=4e-3, has_splines=True),
    "flow_matching": _by_regression(IndependentCoupling(uniform_times), 4),
    # straighter paths take fewer steps
    "flow_matching_ot": _by_regression(OptimalTransportCoupling(), 2),
    "diffusion": _by_regression(IndependentCoupling(log_uniform_noise_times), 4),
    "cnf": Family(
        _continuous(None, n_training_steps=3),
        4,
        training=TrainingOptions(length=0.5, check_every=25, max_held_out=512),
        is_continuous=True,
    ),
}


ANY_ORDER, DEFAULT_FAMILY = "any_order", "nsf_ar"
_ANY_ORDER = Family(
    _no_chain,
    1,
    learning_rate=1.6e-3,
    training=TrainingOptions(length=5, ema_decay=0.99, check_every=100, max_held_out=500),
    has_splines=True,
    is_continuous=True,
    is_any_order=True,
)


def family_of(flow: str | UserFamily) -> Family:
    """The family of a name, or that of a user's function; "auto" is the default."""
    if callable(flow):
        return Family(_user_family(flow), 1)
    if flow == ANY_ORDER:
        return _ANY_ORDER
    return FAMILIES[DEFAULT_FAMILY if flow == "auto" else flow]


def check_base(base: str, flow: str | UserFamily) -> None:
    """Raise where a flow cannot be trained with a base; "auto" is always possible."""
    if base != "auto" and base not in family_of(flow).bases:
        raise ValueError(
            f"flow={flow!r} is trained towards normal noise, so its base cannot be {base!r}. Pass "
            "base='normal' or 'auto'; the wide t of the safety net accounts for heavy tails."
        )


def build_bijections(
    family: str | UserFamily, n_transforms: int, config: LayerConfig, generator: Generator
) -> list[Bijection]:
    """Freshly initialized bijections of a family, or those that a user's function returns."""
    return family_of(family).build(n_transforms, config, generator)


def _user_family(function: UserFamily) -> Builder:
    def build(n_transforms: int, config: LayerConfig, generator: Generator) -> list[Bijection]:
        return bijections_of(function, config.n_features, config.n_context, generator)

    return build
