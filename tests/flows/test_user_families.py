"""What a user's function returns: bijections, or an error that says what it must return."""

import pytest
import torch
from torch import Generator

from skflow.flows.bijections import Bijection, LULinear, Reverse
from skflow.flows.user_families import bijections_of, check_user_family

SIGNATURE = r"takes \(n_features, n_context, generator\) and returns a Bijection or a sequence"


def called(function):
    return bijections_of(function, 2, 0, Generator())


def test_one_bijection_or_several_are_a_list():
    assert [type(b) for b in called(lambda d, c, g: LULinear(d))] == [LULinear]
    several = called(lambda d, c, g: (b for b in (LULinear(d), Reverse())))
    assert [type(b) for b in several] == [LULinear, Reverse]


@pytest.mark.parametrize(
    ("returned", "error", "message"),
    [
        (None, TypeError, "returned None. Is its return statement missing"),
        ([], ValueError, "returned no bijections"),
        ("nsf", TypeError, "returned 'nsf'"),
        (5, TypeError, "returned 5"),
        (LULinear, TypeError, "returned <class"),
        ([LULinear(2), torch.nn.Linear(2, 2)], TypeError, "Item 1 .* Linear, is no skflow"),
        ([LULinear], TypeError, "Item 0 .* LULinear, is no .*Call it to create an instance"),
    ],
    ids=str,
)
def test_anything_else_is_named(returned, error, message):
    def family(n_features, n_context, generator):
        return returned

    with pytest.raises(error, match=rf"(?s){message}.*{SIGNATURE}") as caught:
        called(family)
    assert "flow=" in str(caught.value)
    assert "family" in str(caught.value)


class Halving(Bijection):
    def forward(self, x, context=None):
        return x[..., :1], x[..., 0]

    def inverse(self, z, context=None):
        return z, z[..., 0]


@pytest.mark.parametrize(
    ("family", "error", "message"),
    [
        (lambda d, c, g: LULinear(5), ValueError, "Item 0 .* cannot map rows of 2 columns: "),
        (lambda d, c, g: Halving(), ValueError, r"shapes \(2, 1\) and \(2,\) instead of \(2, 2\)"),
        (lambda d: LULinear(d), TypeError, "three arguments: too many positional"),
    ],
)
def test_bijections_have_to_fit_the_columns(family, error, message):
    with pytest.raises(error, match=rf"{message}.*{SIGNATURE}"):
        check_user_family(family, 2, 0)


def test_a_check_changes_no_global_state():
    class WithDropout(LULinear):
        def forward(self, x, context=None):
            return super().forward(torch.nn.functional.dropout(x, 0.5, self.training))

    bijection = WithDropout(2)
    before = torch.get_rng_state()
    check_user_family(lambda d, c, g: bijection, 2, 3)
    assert torch.equal(torch.get_rng_state(), before)
    assert bijection.training
