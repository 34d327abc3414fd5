"""AllocationLimit: the elements of new tensors are counted before they are allocated."""

import pytest
import torch
from torch import nn

from skflow.serialization.allocation_limit import AllocationLimit


@pytest.mark.parametrize(
    ("create", "n_elements"),
    [
        (lambda: torch.zeros(3, 4), 12),
        (lambda: torch.ones((3, 4)), 12),
        (lambda: torch.empty([5], dtype=torch.float64), 5),
        (lambda: torch.full((2, 3), 7.0), 6),
        (lambda: torch.rand(4), 4),
        (lambda: torch.randn(2, 2), 4),
        (lambda: torch.arange(9), 9),
        (lambda: torch.arange(2, 9), 9),  # an upper bound
        (lambda: torch.linspace(0, 1, 6), 6),
        (lambda: torch.zeros(0), 1),  # counts as one, so that their number is limited too
        (lambda: torch.zeros(()), 1),
        (lambda: nn.Linear(3, 4), 16),
    ],
)
def test_elements_are_counted(create, n_elements):
    with AllocationLimit(n_elements):
        create()
    message = "more than the stored arrays need"
    with AllocationLimit(n_elements - 1), pytest.raises(ValueError, match=message):
        create()


def test_the_limit_is_on_the_sum():
    with AllocationLimit(10):
        torch.zeros(6)
        with pytest.raises(ValueError, match=r"ones\(5,\) would allocate"):
            torch.ones(5)


@pytest.mark.parametrize("shape", [(10**15,), (-(10**15),), (10**8, -(10**8))])
def test_nothing_is_allocated_beyond_the_limit(shape):
    with AllocationLimit(100), pytest.raises(ValueError, match="would allocate"):
        torch.empty(*shape)


def test_operations_on_existing_tensors_are_not_counted():
    x = torch.ones(100)
    with AllocationLimit(1):
        assert (x + x).sum() == 200


def test_outside_the_context_there_is_no_limit():
    with AllocationLimit(1):
        pass
    assert len(torch.zeros(100)) == 100
