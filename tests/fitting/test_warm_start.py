"""Continuing from an earlier fit: the same members, or an error that says what differs."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from skflow.fitting.warm_start import WarmStart
from skflow.flows.bijections import Chain


@pytest.fixture(params=[False, True], ids=["flows only", "safety net"])
def fitted(request, quick, moons):
    return quick(safety_net=request.param, max_iter=2).fit(moons)


@pytest.fixture
def warm_start(fitted):
    return WarmStart(fitted.flow_, fitted._spec)


def test_members_are_the_trained_components(fitted, warm_start, moons):
    """Behind the shared transform, they score samples as the components of the mixture do."""
    x = torch.from_numpy(np.array(moons))
    z, _ = warm_start.input_transform()(x)
    members = warm_start.members(fitted._spec.flow, 2)
    assert len(members) == 2
    for member, component in zip(members, fitted.flow_.base.components[:2], strict=True):
        y, log_det = member.transform(z)
        with torch.no_grad():
            log_p = member.flow.double().eval().log_prob(y) + log_det
        torch.testing.assert_close(log_p, component.log_prob(z), rtol=1e-5, atol=1e-5)


def test_members_can_be_trained_without_changing_the_earlier_fit(fitted, warm_start, moons):
    before = fitted.score_samples(moons)
    for member in warm_start.members(fitted._spec.flow, 2):
        parameters = list(member.flow.parameters())
        assert parameters
        assert all(p.requires_grad and p.dtype == torch.float32 for p in parameters)
        assert member.flow.training
        with torch.no_grad():
            for parameter in parameters:
                parameter.add_(1.0)
    np.testing.assert_array_equal(fitted.score_samples(moons), before)


def test_transforms_are_copies_in_float64(fitted, warm_start):
    transform = warm_start.input_transform()
    assert all(buffer.dtype == torch.float64 for buffer in transform.buffers())
    shared = {buffer.data_ptr() for buffer in fitted.flow_.buffers()}
    assert not shared & {buffer.data_ptr() for buffer in transform.buffers()}
    assert isinstance(warm_start.context_transform(), Chain)


def test_another_number_of_members_raises(fitted, warm_start):
    with pytest.raises(ValueError, match=r"has 2 members \(.*\), but this one would have 3 \("):
        warm_start.members(fitted._spec.flow, 3)


@pytest.mark.parametrize(
    "changed",
    [
        lambda flow: replace(flow, n_transforms=5),
        lambda flow: replace(flow, layers=replace(flow.layers, n_bins=9)),
        lambda flow: replace(flow, layers=replace(flow.layers, n_features=3)),
    ],
    ids=["n_transforms", "n_bins", "columns"],
)
def test_another_architecture_raises(fitted, warm_start, changed):
    flow = fitted._spec.flow
    message = f"has 2 members ({flow}), but this one would have 2 ({changed(flow)})"
    with pytest.raises(ValueError, match=re.escape(message)):
        warm_start.members(changed(flow), 2)
