"""Densities as specifications and plain arrays, and back."""

import numpy as np
import pytest
import torch
from torch import Generator

from skflow.flows.bijections import Chain, Scale, Standardize, Whiten, YeoJohnson
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.mixture import Mixture
from skflow.flows.families import FAMILIES
from skflow.flows.layers import LayerConfig
from skflow.flows.spec import (
    ComponentSpec,
    DensitySpec,
    FlowSpec,
    bijection_names,
    from_arrays,
    make_base,
    to_arrays,
)

D = 3


def draw(*shape, seed=0):
    generator = Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def fitted_bijections():
    x, w = draw(50, D) + 0.1, torch.ones(50).double()
    factor = draw(D, D, seed=1).tril(-1) + torch.eye(D).double()
    return [YeoJohnson.fit(x, w), Standardize.fit(x, w), Whiten(draw(D, seed=2), factor)]


def fitted(family, base="t"):
    """A density with a learned component and one that is not, and its specification."""
    flow_spec = FlowSpec(family, 2, LayerConfig(D, hidden_layer_sizes=(8, 8), n_bins=4))
    generator = Generator().manual_seed(0)
    learned = flow_spec.build(make_base(base, D, 4.0), generator)
    for p in learned.parameters():
        p.data += 0.2 * torch.randn(p.shape, generator=generator)
    bijections = fitted_bijections()
    components = [
        Flow(Chain([*bijections, *learned.chain.bijections]), learned.base),
        Flow(Chain(fitted_bijections()), make_base("t", D, 2.0)),
    ]
    units = Standardize(draw(D, seed=3), draw(D, seed=4).exp())
    density = Flow(Chain([units]), Mixture(components, torch.tensor([0.7, 0.3]).double()))
    spec = DensitySpec(
        flow_spec,
        bijection_names([units]),
        (
            ComponentSpec(bijection_names(bijections), True, base),
            ComponentSpec(bijection_names(bijections), False, "t"),
        ),
    )
    return density.double().eval(), spec


@pytest.mark.parametrize("base", ["t", "normal"])
@pytest.mark.parametrize("family", FAMILIES)
def test_round_trip_preserves_the_density_to_the_last_bit(family, base):
    density, spec = fitted(family, base)
    again = from_arrays(spec, to_arrays(density))
    x = 3 * draw(100, D, seed=5)
    assert torch.equal(again.log_prob(x), density.log_prob(x))
    one, two = (d.sample(20, Generator().manual_seed(0)) for d in (density, again))
    assert torch.equal(one, two)
    assert not any(p.requires_grad for p in again.parameters())
    assert not again.training


def test_arrays_are_copies_and_those_of_parameters_are_float32():
    density, _ = fitted("nsf_ar")
    x = draw(5, D)
    before, arrays = density.log_prob(x), to_arrays(density)
    assert {a.dtype for a in arrays.values()} == {np.dtype("f4"), np.dtype("f8")}
    learned = {name for name, _ in density.named_parameters()}
    assert learned == {name for name, a in arrays.items() if a.dtype == np.float32}
    for array in arrays.values():
        array[...] = 0
    assert torch.equal(density.log_prob(x), before)


def test_the_module_does_not_share_memory_with_the_arrays():
    density, spec = fitted("nsf")
    arrays = to_arrays(density)
    again, x = from_arrays(spec, arrays), draw(5, D)
    for array in arrays.values():
        array[...] = 0
    assert torch.equal(again.log_prob(x), density.log_prob(x))


def test_a_missing_array_raises():
    density, spec = fitted("maf")
    arrays = to_arrays(density)
    for name in arrays:
        rest = {key: a for key, a in arrays.items() if key != name}
        with pytest.raises((KeyError, RuntimeError, TypeError), match=name.split(".")[-1]):
            from_arrays(spec, rest)


@pytest.mark.parametrize(
    "name",
    ["nonsense", "chain.bijections.0.nonsense", "base.components.0.chain.bijections.0.nonsense"],
)
def test_an_unknown_array_raises(name):
    density, spec = fitted("maf")
    with pytest.raises((RuntimeError, TypeError), match="nonsense"):
        from_arrays(spec, to_arrays(density) | {name: np.zeros(1)})


def test_a_learned_array_of_the_wrong_shape_raises():
    density, spec = fitted("planar")
    arrays = to_arrays(density)
    name = next(key for key in arrays if key.endswith("triangles"))
    with pytest.raises(RuntimeError, match="size mismatch"):
        from_arrays(spec, arrays | {name: np.zeros((D, D + 1))})


def test_a_family_of_a_users_function_is_rebuilt():
    def own(n_features, n_context, generator):
        return [Scale(n_features)]

    flow_spec = FlowSpec(own, 1, LayerConfig(D))
    flow = flow_spec.build(make_base("normal", D), Generator())
    torch.nn.init.constant_(flow.chain.bijections[0].log_scale, 0.5)
    density = Flow(Chain(), Mixture([flow], torch.ones(1))).double()
    again = from_arrays(
        DensitySpec(flow_spec, (), (ComponentSpec((), True, "normal"),)), to_arrays(density)
    )
    x = draw(4, D)
    assert torch.equal(again.log_prob(x), density.log_prob(x))


def test_learned_bijections_have_no_name():
    with pytest.raises(KeyError):
        bijection_names([Scale(2)])
