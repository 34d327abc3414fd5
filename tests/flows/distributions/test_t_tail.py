"""The tail of Student's t, against scipy."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from skflow.flows.distributions.t_tail import log_t_tail

Z = np.concatenate([[0.0], np.geomspace(1e-6, 1e12, 40)])


@pytest.mark.parametrize("df", [0.1, 0.5, 2.0, 2.5, 10.0, 300.0, 1e4])
def test_values_and_gradients(df):
    log_df = torch.tensor(math.log(df), dtype=torch.float64)
    z = torch.from_numpy(Z).requires_grad_()
    found = log_t_tail(z, log_df)
    truth = stats.t(log_df.exp().item())
    expected = truth.logsf(Z)
    seen = np.isfinite(expected)
    np.testing.assert_allclose(found.detach()[seen], expected[seen], rtol=1e-9, atol=1e-9)
    assert found.isfinite().all()
    found.sum().backward()
    slopes = np.exp(truth.logpdf(Z[seen]) - expected[seen])
    np.testing.assert_allclose(z.grad[seen], -slopes, rtol=1e-6)


def test_a_half_at_the_center_and_nothing_overflows():
    log_df = torch.tensor(0.7, dtype=torch.float64)
    far = log_t_tail(torch.tensor([0.0, 1e200, 1e308], dtype=torch.float64), log_df)
    assert float(far[0]) == pytest.approx(-math.log(2), abs=1e-15)
    assert far.isfinite().all()
    assert log_t_tail(torch.tensor([1e30, 3e38]), log_df.float()).isfinite().all()
