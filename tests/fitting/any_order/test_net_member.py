"""Networks in training: they start as their t, and end as parts."""

import numpy as np
import torch
from torch import Generator

from skflow.fitting.any_order.net_member import NetMember
from skflow.fitting.any_order.parts import untrained_parts
from tests.fitting.any_order.test_parts import SELECTED, samples_of
from tests.fitting.examples import config_for
from tests.flows.any_order.examples import MIXED, rows_of

SAMPLES = samples_of(rows_of(MIXED, 120, holes=0.2), MIXED)
CONFIG = config_for(120, len(MIXED), flow="any_order", hidden_layer_sizes=8, n_bins=4)
START = untrained_parts(SAMPLES, SELECTED, CONFIG)["start"]


def member(seed=0):
    return NetMember.new(START, SAMPLES.orders, CONFIG, Generator().manual_seed(seed))


def test_an_untrained_network_is_its_start():
    nothing = torch.zeros_like(SAMPLES.data.x, dtype=torch.bool)
    part = member().part.double()
    expected = START.part.log_probs(SAMPLES.data.x, nothing).rest
    with torch.no_grad():
        np.testing.assert_allclose(
            part.log_probs(SAMPLES.data.x, nothing).rest, expected, atol=1e-6
        )


def test_training_is_in_single_precision_of_a_copy():
    own = member()
    module = own.trainable(torch.device("cpu"))
    assert {p.dtype for p in module.parameters()} == {torch.float32}
    assert module.loc.dtype == module.scatter.dtype == torch.float64
    for parameter in module.parameters():
        parameter.data.add_(1)
    assert not any(
        torch.equal(a, b)
        for a, b in zip(own.part.net.parameters(), module.net.parameters(), strict=True)
    )


def test_images_and_trained_weights_fit_together():
    """The module that is trained, on its images, is the density with the trained weights."""
    own = member()
    module = own.trainable(torch.device("cpu"))
    generator = Generator().manual_seed(1)
    for parameter in module.parameters():
        parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
    parameters = {name: p.detach() for name, p in module.named_parameters()}
    rows, log_det = own.images(SAMPLES)
    component = own.trained(parameters, CONFIG)
    assert {p.dtype for p in component.part.parameters()} == {torch.float64}
    nothing = torch.zeros_like(SAMPLES.data.x, dtype=torch.bool)
    each = []
    for order in SAMPLES.orders:
        component.part.orders = order.unsqueeze(0)
        each.append(component.part.log_probs(SAMPLES.data.x, nothing).rest)
    expected = torch.stack(each)[torch.arange(120) % len(each), torch.arange(120)]
    stacked = member().trainable(torch.device("cpu")).eval()
    stacked.load_state_dict(module.state_dict())
    for name in stacked.stacked_buffers:
        setattr(stacked, name, getattr(stacked, name).unsqueeze(0))
    with torch.no_grad():
        found = stacked.log_prob(rows.float().unsqueeze(0))[0] + log_det
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-3)


def test_weights_by_their_seed():
    first, again, other = (member(k).part.net.net.hidden[0].weight for k in (0, 0, 1))
    np.testing.assert_array_equal(first.detach(), again.detach())
    assert not torch.equal(first, other)
