"""The contract of bijection.py and transformer.py, for every example of examples.py."""

import importlib
import inspect
import pkgutil

import pytest
import torch

from skflow.flows import bijections
from skflow.flows.bijections import Bijection, Continuous, Transformer
from skflow.flows.layers import LayerConfig
from skflow.flows.spec import FITTED_BIJECTIONS
from tests.flows.bijections.examples import EXAMPLES

WIDTHS = [1, 2, 5]


def build(name, d, n_context=0, seed=0, spread=0.25):
    """An example in float64, its parameters moved away from their initial values."""
    generator = torch.Generator().manual_seed(seed)
    config = LayerConfig(d, n_context, hidden_layer_sizes=(16, 16), n_bins=5)
    bijection = EXAMPLES[name].build(config, generator).double()
    for p in bijection.parameters():
        p.data += spread * torch.randn(p.shape, generator=generator, dtype=p.dtype)
    return bijection


LEARNED = [name for name in EXAMPLES if list(build(name, 4).parameters())]


def normal(*shape, seed=1, scale=1.5):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def domain(name, bijection, d):
    return EXAMPLES[name].domain(bijection, d)


def points(name, bijection, *shape):
    """Points (..., n, d) of the domain."""
    return domain(name, bijection, shape[-1]).points(normal(*shape))


def inputs(name, bijection, direction, *shape):
    """What a direction maps: points of the domain, or of ℝ^d."""
    return points(name, bijection, *shape) if direction == "forward" else normal(*shape)


def concrete_classes(base):
    """All concrete subclasses of a contract, wherever in `skflow.flows.bijections`."""
    modules = [
        importlib.import_module(f"{bijections.__name__}.{module.name}")
        for module in pkgutil.iter_modules(bijections.__path__)
    ]
    return {
        member
        for module in modules
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, base)
        and not inspect.isabstract(member)
        and member.__module__.startswith(bijections.__name__)
    }


@pytest.fixture(params=list(EXAMPLES))
def name(request):
    return request.param


def test_every_bijection_and_transformer_has_an_example():
    examples = [build(name, 2) for name in EXAMPLES]
    shown = {type(bijection) for bijection in examples}
    shown |= {type(getattr(bijection, "transformer", None)) for bijection in examples}
    missing = (concrete_classes(Bijection) | concrete_classes(Transformer)) - shown
    assert not missing, (
        f"{sorted(kind.__name__ for kind in missing)} have no example: add a line to EXAMPLES in "
        "tests/flows/bijections/examples.py, and the contract tests run for them."
    )


def test_every_bijection_and_transformer_is_exported():
    kinds = concrete_classes(Bijection) | concrete_classes(Transformer)
    exported = {kind for kind in vars(bijections).values() if isinstance(kind, type)}
    assert exported == kinds | {Bijection, Transformer}


def test_fitted_bijections_are_exactly_those_with_buffers_and_no_parameters():
    examples = [build(name, 2) for name in EXAMPLES]
    fixed = {
        type(bijection)
        for bijection in examples
        if list(bijection.buffers()) and not list(bijection.parameters())
    }
    assert fixed == set(FITTED_BIJECTIONS.values()), (
        "a bijection that is fitted, not trained, needs a line in FITTED_BIJECTIONS of "
        "skflow/flows/spec.py, or files cannot name it"
    )


@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("n_context", [0, 3])
def test_round_trip_and_opposite_log_dets(name, d, n_context):
    bijection = build(name, d, n_context)
    x = points(name, bijection, 200, d)
    context = normal(200, n_context, seed=2) if n_context else None
    z, log_det = bijection(x, context)
    back, log_det_back = bijection.inverse(z, context)
    assert z.shape == x.shape
    assert log_det.shape == (200,)
    torch.testing.assert_close(back, x, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(log_det_back, -log_det, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("n_context", [0, 3])
def test_maps_its_domain_onto_the_real_space(name, d, n_context):
    bijection = build(name, d, n_context)
    z, context = normal(200, d), normal(200, n_context, seed=2) if n_context else None
    x, _ = bijection.inverse(z, context)
    assert domain(name, bijection, d).contains(x).all()
    torch.testing.assert_close(bijection(x, context)[0], z, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_log_det_equals_that_of_the_jacobian_by_autograd(name, d, direction):
    bijection = build(name, d)
    x = inputs(name, bijection, direction, 8, d)
    _, log_det = getattr(bijection, direction)(x)
    for row, expected in zip(x, log_det, strict=True):
        jacobian = torch.autograd.functional.jacobian(
            lambda v: getattr(bijection, direction)(v[None])[0][0], row
        )
        torch.testing.assert_close(
            torch.linalg.slogdet(jacobian).logabsdet, expected, rtol=1e-7, atol=1e-7
        )


@pytest.mark.parametrize("d", [1, 3])
def test_gradcheck(name, d):
    bijection = build(name, d, n_context=2)
    if isinstance(bijection, Continuous):
        bijection.n_steps = bijection.n_training_steps = 2  # few steps have a gradient as well
    x = points(name, bijection, 4, d).requires_grad_()
    context = normal(4, 2, seed=3).requires_grad_()
    learned = [p for p in bijection.parameters() if p.numel() < 60]
    assert torch.autograd.gradcheck(lambda x, c, *_: bijection(x, c), (x, context, *learned))


@pytest.mark.parametrize("n_context", [0, 2])
def test_rows_do_not_influence_each_other(name, n_context):
    bijection = build(name, 3, n_context)
    x = points(name, bijection, 50, 3)
    context = normal(50, n_context, seed=2) if n_context else None
    together = bijection(x, context)
    for i in (0, 17, 49):
        alone = bijection(x[i : i + 1], None if context is None else context[i : i + 1])
        torch.testing.assert_close(alone[0][0], together[0][i], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(alone[1][0], together[1][i], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("d", WIDTHS)
def test_extreme_and_repeated_inputs_stay_finite(name, d, dtype):
    """Inputs outside the domain too."""
    bijection = build(name, d).to(dtype)
    sizes = torch.tensor([0.0, 1e-30, 1.0, 4.0, 1e3, 1e6, 1e15], dtype=dtype)
    x = torch.cat([sizes, -sizes, sizes]).unsqueeze(-1).repeat(1, d).requires_grad_()
    for direction in (bijection.forward, bijection.inverse):
        out, log_det = direction(x)
        assert out.dtype == log_det.dtype == dtype
        assert out.isfinite().all()
        assert log_det.isfinite().all()
        (gradient,) = torch.autograd.grad(out.sum() / 1e15 + log_det.sum(), x, allow_unused=True)
        assert gradient.isfinite().all()
    assert domain(name, bijection, d).contains(bijection.inverse(x)[0]).all()


def test_context_changes_the_map_where_it_is_used(name):
    bijection = build(name, 2, n_context=2)
    x = points(name, bijection, 20, 2)
    one, other = torch.eye(2, dtype=torch.float64).unsqueeze(1).expand(2, 20, 2)
    low, high = bijection(x, one)[0], bijection(x, other)[0]
    has_conditioner = any("net" in key for key, _ in bijection.named_parameters())
    uses_context = EXAMPLES[name].uses_context or has_conditioner
    assert (not torch.allclose(low, high)) == uses_context


@pytest.mark.parametrize("n_context", [0, 2])
@pytest.mark.parametrize("d", [1, 3])
def test_stacked_bijections_map_as_each_alone(name, d, n_context):
    """A leading axis of the parameters has one slice per ensemble member."""
    members = [build(name, d, n_context, seed=k) for k in range(3)]
    stacked = build(name, d, n_context)
    if not list(stacked.parameters()):
        members = [stacked] * 3
    for owner in stacked.modules():
        for key in list(owner._parameters):
            path = next(p for p, q in stacked.named_parameters() if q is owner._parameters[key])
            owner._parameters[key] = torch.nn.Parameter(
                torch.stack([member.get_parameter(path).data for member in members])
            )
    context = normal(3, 20, n_context, seed=2) if n_context else None
    for direction in ("forward", "inverse"):
        x = inputs(name, stacked, direction, 3, 20, d)
        out, log_det = getattr(stacked, direction)(x, context)
        for k, member in enumerate(members):
            expected = getattr(member, direction)(x[k], None if context is None else context[k])
            torch.testing.assert_close(out[k], expected[0])
            torch.testing.assert_close(log_det[k], expected[1])


@pytest.mark.parametrize("learned", LEARNED)
def test_learned_bijections_start_near_the_identity(learned):
    bijection = build(learned, 4, spread=0.0)
    x = normal(100, 4)
    z, log_det = bijection(x)
    assert (z - x).abs().max() < 0.2
    assert log_det.abs().max() < 0.2


def test_creates_tensors_on_the_device_of_its_inputs_only(name):
    """Everything on torch's meta device: a stray CPU tensor would raise."""
    bijection = build(name, 3, 2).to("meta")
    x, context = (torch.empty(4, k, device="meta").double() for k in (3, 2))
    for direction in (bijection.forward, bijection.inverse):
        out, log_det = direction(x, context)
        assert out.device.type == log_det.device.type == "meta"
