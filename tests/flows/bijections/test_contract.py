"""The contract of bijection.py, for every entry of the registry."""

import pytest
import torch

from skflow.flows.bijections import ClassWhiten, Continuous, Regress
from skflow.flows.layers import BIJECTIONS, LayerConfig

WIDTHS = [1, 2, 5]
LEARNED = [
    name
    for name, build in BIJECTIONS.items()
    if list(build(LayerConfig(4), torch.Generator().manual_seed(0)).parameters())
]


def build(name, d, n_context=0, seed=0, spread=0.25):
    """A bijection of the registry in float64, its parameters away from their start."""
    generator = torch.Generator().manual_seed(seed)
    sizes = LayerConfig(d, n_context, hidden_layer_sizes=(16, 16), n_bins=5)
    bijection = BIJECTIONS[name](sizes, generator).double()
    for p in bijection.parameters():
        p.data += spread * torch.randn(p.shape, generator=generator, dtype=p.dtype)
    return bijection


def normal(*shape, seed=1, scale=1.5):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.fixture(params=list(BIJECTIONS))
def name(request):
    return request.param


@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("n_context", [0, 3])
def test_round_trip_and_log_dets_cancel(name, d, n_context):
    bijection = build(name, d, n_context)
    x, context = normal(200, d), normal(200, n_context, seed=2) if n_context else None
    z, log_det = bijection(x, context)
    back, log_det_back = bijection.inverse(z, context)
    assert z.shape == x.shape
    assert log_det.shape == (200,)
    torch.testing.assert_close(back, x, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(log_det_back, -log_det, rtol=1e-7, atol=1e-7)
    z2, _ = bijection(bijection.inverse(x, context)[0], context)  # onto: any z has an x
    torch.testing.assert_close(z2, x, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("d", WIDTHS)
@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_log_det_is_that_of_autograds_jacobian(name, d, direction):
    bijection = build(name, d)
    x = normal(8, d)
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
    x, context = normal(4, d).requires_grad_(), normal(4, 2, seed=3).requires_grad_()
    learned = [p for p in bijection.parameters() if p.numel() < 60]
    assert torch.autograd.gradcheck(lambda x, c, *_: bijection(x, c), (x, context, *learned))


@pytest.mark.parametrize("n_context", [0, 2])
def test_rows_do_not_influence_each_other(name, n_context):
    bijection = build(name, 3, n_context)
    x, context = normal(50, 3), normal(50, n_context, seed=2) if n_context else None
    together = bijection(x, context)
    for i in (0, 17, 49):
        alone = bijection(x[i : i + 1], None if context is None else context[i : i + 1])
        torch.testing.assert_close(alone[0][0], together[0][i], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(alone[1][0], together[1][i], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("d", WIDTHS)
def test_extreme_and_repeated_inputs_stay_finite(name, d, dtype):
    bijection = build(name, d).to(dtype)
    sizes = torch.tensor([0.0, 1e-30, 1.0, 4.0, 1e3, 1e6, 1e15], dtype=dtype)
    x = torch.cat([sizes, -sizes, sizes]).unsqueeze(-1).repeat(1, d).requires_grad_()
    for direction in (bijection.forward, bijection.inverse):
        out, log_det = direction(x)
        assert out.isfinite().all()
        assert log_det.isfinite().all()
        (gradient,) = torch.autograd.grad(out.sum() / 1e15 + log_det.sum(), x, allow_unused=True)
        assert gradient.isfinite().all()


def test_context_changes_the_map_where_there_is_a_conditioner(name):
    bijection = build(name, 2, n_context=2)
    x = normal(20, 2)
    one, other = torch.eye(2, dtype=torch.float64).unsqueeze(1).expand(2, 20, 2)
    low, high = bijection(x, one)[0], bijection(x, other)[0]
    takes_context = isinstance(bijection, Regress | ClassWhiten) or any(
        "net" in key for key, _ in bijection.named_parameters()
    )
    assert (not torch.allclose(low, high)) == takes_context


@pytest.mark.parametrize("n_context", [0, 2])
@pytest.mark.parametrize("d", [1, 3])
def test_stacked_members_map_as_each_alone(name, d, n_context):
    """A leading axis of the parameters is one slice per member (training/members.py)."""
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
    x, context = normal(3, 20, d), normal(3, 20, n_context, seed=2) if n_context else None
    for direction in ("forward", "inverse"):
        out, log_det = getattr(stacked, direction)(x, context)
        for k, member in enumerate(members):
            expected = getattr(member, direction)(x[k], None if context is None else context[k])
            torch.testing.assert_close(out[k], expected[0])
            torch.testing.assert_close(log_det[k], expected[1])


@pytest.mark.parametrize("learned", LEARNED)
def test_starts_near_the_identity_where_it_learns(learned):
    bijection = build(learned, 4, spread=0.0)
    x = normal(100, 4)
    z, log_det = bijection(x)
    assert (z - x).abs().max() < 0.2
    assert log_det.abs().max() < 0.2


def test_needs_nothing_but_its_inputs_device(name):
    """Everything on torch's meta device: a stray CPU tensor would raise."""
    bijection = build(name, 3, 2).to("meta")
    x, context = (torch.empty(4, k, device="meta").double() for k in (3, 2))
    for direction in (bijection.forward, bijection.inverse):
        out, log_det = direction(x, context)
        assert out.device.type == log_det.device.type == "meta"
