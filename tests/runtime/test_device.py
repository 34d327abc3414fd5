"""Devices: names and availability, and a fit on a GPU where there is one."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import make_moons

from skflow import NormalizingFlowDensity
from skflow.runtime.device import available_devices, resolve_device, scoring_dtype


def test_the_cpu_is_always_available():
    assert "cpu" in available_devices()
    assert resolve_device("cpu") == torch.device("cpu")


def test_auto_is_cuda_if_available():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve_device("auto").type == expected


def test_an_unavailable_device_is_named_in_the_error():
    with pytest.raises(ValueError, match=r"device='cuda:99' is not available.*'cpu'"):
        resolve_device("cuda:99")


def test_scoring_in_float32_only_on_devices_without_float64():
    assert scoring_dtype(torch.device("cpu")) is torch.float64
    assert scoring_dtype(torch.device("cuda")) is torch.float64
    assert scoring_dtype(torch.device("mps")) is torch.float32


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("flow", ["planar", "radial", "nice", "realnvp", "maf", "nsf", "nsf_ar"])
def test_a_fit_on_a_gpu_scores_as_on_the_cpu(flow):
    X = make_moons(1000, noise=0.1, random_state=0)[0]
    parameters = {"flow": flow, "effort": "fast", "random_state": 0}
    on_gpu = NormalizingFlowDensity(device="cuda", **parameters).fit(X)
    on_cpu = NormalizingFlowDensity(device="cpu", **parameters).fit(X)
    assert abs(on_gpu.score(X) - on_cpu.score(X)) < 0.1
    assert on_gpu.sample(10, random_state=0).shape == (10, 2)
    np.testing.assert_allclose(
        pickle.loads(pickle.dumps(on_gpu)).score_samples(X), on_gpu.score_samples(X), rtol=1e-9
    )
