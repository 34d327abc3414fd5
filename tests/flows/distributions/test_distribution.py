"""The contract of a density."""

import torch

from skflow.flows.distributions.normal_and_t import MultivariateT, StandardNormal


def test_calling_a_density_computes_its_log_prob():
    z = torch.tensor([[0.5, -1.0]])
    for density in (StandardNormal(2), MultivariateT(2, 3.0)):
        assert torch.equal(density(z), density.log_prob(z))


def test_bases_have_a_variance_unless_they_say_otherwise():
    assert StandardNormal(1).has_variance
    assert MultivariateT(1, 2.1).has_variance
    assert not MultivariateT(1, 2.0).has_variance
