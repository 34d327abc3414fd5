"""Adam: the steps of torch.optim.Adam, without importing torch's compiler."""

import subprocess
import sys

import torch

from skflow.training.adam import Adam


def test_steps_equal_those_of_torch_optim_adam():
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(3, 7, generator=generator).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    optimizer = Adam(ours, betas=(0.9, 0.99))
    reference = torch.optim.Adam([theirs], betas=(0.9, 0.99))
    for k in range(20):
        gradient = torch.randn(3, 7, generator=generator)
        ours.grad, theirs.grad = gradient, gradient.clone()
        reference.param_groups[0]["lr"] = 0.1 / (k + 1)
        optimizer.step(0.1 / (k + 1))
        reference.step()
    torch.testing.assert_close(ours, theirs)


def test_fit_does_not_import_torchs_compiler():
    script = (
        "import sys, numpy as np; from skflow import NormalizingFlowDensity as D;"
        "D(max_iter=2, random_state=0).fit(np.random.default_rng(0).normal(size=(50, 2)));"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True)
