"""Base densities against SciPy: values, gradients and samples."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Generator

from skflow.flows.distributions.normal_and_t import MultivariateT, StandardNormal

DF = [0.5, 2.5, 30.0, 1e4]


def rows(n, d, seed=0, scale=3.0):
    return scale * np.random.default_rng(seed).standard_normal((n, d))


def student(d, df):
    return MultivariateT(d, df).double()


@pytest.mark.parametrize("d", [1, 2, 7])
def test_normal_log_prob_equals_scipys(d):
    x = rows(50, d)
    expected = stats.norm.logpdf(x).sum(1)
    np.testing.assert_allclose(StandardNormal(d).log_prob(torch.from_numpy(x)), expected)


@pytest.mark.parametrize("d", [1, 2, 7])
@pytest.mark.parametrize("df", DF)
def test_t_log_prob_equals_scipys(d, df):
    x = np.concatenate([rows(50, d), rows(5, d, scale=1e6), np.zeros((1, d))])
    base = student(d, df)
    df = min(base.log_df.exp().item(), 1e4)  # rounded to float32
    expected = stats.multivariate_t(np.zeros(d), np.eye(d), df).logpdf(x).reshape(-1)
    found = base.log_prob(torch.from_numpy(x)).detach()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("base", [StandardNormal(3), student(3, 2.5), student(3, 1e4)])
@pytest.mark.parametrize(("dtype", "far"), [(torch.float64, 1e200), (torch.float32, 1e30)])
def test_log_prob_decreases_and_stays_finite_far_out(base, dtype, far):
    x = torch.tensor([0.0, 1.0, 10.0, 1e3, 1e6, 1e15, far], dtype=dtype)
    z = x[:, None].repeat(1, 3).requires_grad_()
    log_p = base.to(dtype).log_prob(z)
    assert log_p.isfinite().all()
    assert (log_p.diff() < 0).all()
    (gradient,) = torch.autograd.grad(log_p.sum(), z)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("df", [0.5, 2.5, 30.0])
def test_t_gradients_equal_finite_differences(df):
    base = student(3, df)
    z = torch.from_numpy(rows(20, 3)).requires_grad_()
    assert torch.autograd.gradcheck(lambda z, _: base.log_prob(z), (z, base.log_df))


def test_degrees_of_freedom_have_a_gradient_near_the_normal_limit():
    base = MultivariateT(2, 1e4)
    heavy = torch.from_numpy(stats.t(2).rvs((500, 2), random_state=0)).float()
    base.log_prob(heavy).mean().backward()
    assert base.log_df.grad < 0


def test_stacked_degrees_of_freedom_belong_to_their_ensemble_member():
    base = student(2, 1.0)
    base.log_df = torch.nn.Parameter(torch.tensor([0.5, 1.5, 3.0]).double())
    z = torch.from_numpy(rows(60, 2)).view(3, 20, 2)
    together = base.log_prob(z)
    for k, log_df in enumerate(base.log_df.detach()):
        alone = student(2, 1.0)
        alone.log_df.data = log_df
        torch.testing.assert_close(together[k], alone.log_prob(z[k]))


def test_normal_samples_are_normal():
    z = StandardNormal(2).sample(20_000, Generator().manual_seed(0)).numpy()
    assert z.dtype == np.float64
    for column in z.T:
        assert stats.kstest(column, "norm").pvalue > 0.01
    assert abs(np.corrcoef(z.T)[0, 1]) < 0.02


@pytest.mark.parametrize("df", DF)
def test_t_samples_are_t(df):
    z = student(2, df).sample(20_000, Generator().manual_seed(0)).detach().numpy()
    for column in z.T:
        assert stats.kstest(column, stats.t(df).cdf).pvalue > 0.01
    # one chi-square a row: ‖z‖² / d is F distributed, not a sum over independent columns
    assert stats.kstest(np.square(z).sum(1) / 2, stats.f(2, df).cdf).pvalue > 0.01


@pytest.mark.parametrize("base", [StandardNormal(3), student(3, 4.0)])
def test_samples_come_from_the_generator_alone(base):
    before = torch.random.get_rng_state()
    one, two = (base.sample(5, Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(one, two)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_t_samples_are_finite_at_the_minimum_degrees_of_freedom():
    z = student(1, 0.01).sample(100_000, Generator().manual_seed(0))
    assert z.isfinite().all()
