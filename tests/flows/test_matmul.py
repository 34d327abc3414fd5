"""Products against numpy's, whatever the leading axes."""

import numpy as np
import pytest
import torch

from skflow.flows.matmul import add_matmul, matmul


@pytest.mark.parametrize("leading", [(), (3,), (2, 3)])
@pytest.mark.parametrize("inner", [0, 4])
def test_products_of_matrices_and_of_stacks(leading, inner):
    rng = np.random.default_rng(0)
    a, b, c = (rng.normal(size=(*leading, *s)) for s in ((2, inner), (inner, 5), (2, 1)))
    tensors = [torch.from_numpy(m) for m in (a, b, c)]
    np.testing.assert_allclose(matmul(*tensors[:2]), a @ b, atol=1e-14)
    result = add_matmul(tensors[2], tensors[0], tensors[1], gain=0.5)
    np.testing.assert_allclose(result, c + 0.5 * (a @ b), atol=1e-14)


def test_one_matrix_times_a_stack():
    a, b = torch.ones(2, 4), torch.ones(3, 4, 5)
    assert torch.equal(matmul(a, b), torch.full((3, 2, 5), 4.0))
