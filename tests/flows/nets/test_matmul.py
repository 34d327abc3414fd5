"""Products against numpy's, whatever stands in front of the matrices."""

import numpy as np
import pytest
import torch

from skflow.flows.nets.matmul import add_matmul, matmul


@pytest.mark.parametrize("members", [(), (3,), (2, 3)])
@pytest.mark.parametrize("inner", [0, 4])
def test_products_of_one_matrix_and_of_one_a_member(members, inner):
    rng = np.random.default_rng(0)
    a, b, c = (rng.normal(size=(*members, *s)) for s in ((2, inner), (inner, 5), (2, 1)))
    given = [torch.from_numpy(m) for m in (a, b, c)]
    np.testing.assert_allclose(matmul(*given[:2]), a @ b, atol=1e-14)
    sum_of_both = add_matmul(given[2], given[0], given[1], gain=0.5)
    np.testing.assert_allclose(sum_of_both, c + 0.5 * (a @ b), atol=1e-14)


def test_one_matrix_for_all_members():
    a, b = torch.ones(2, 4), torch.ones(3, 4, 5)
    assert torch.equal(matmul(a, b), torch.full((3, 2, 5), 4.0))
