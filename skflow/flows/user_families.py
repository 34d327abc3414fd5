"""Families of flows that users pass as functions: what they return is checked."""

import inspect
from collections.abc import Callable, Iterable

import torch
from torch import Generator, Tensor

from skflow.flows.bijections import Bijection

UserFamily = Callable[[int, int, Generator], Iterable[Bijection]]

_SIGNATURE = (
    "A function passed as flow takes (n_features, n_context, generator) and returns a Bijection "
    "or a sequence of them, each of which maps n_features columns to as many."
)


def check_user_family(function: UserFamily, n_features: int, n_context: int) -> None:
    """Raise unless a user's function returns bijections of rows with as many columns.

    Parameters
    ----------
    function : callable
    n_features, n_context : int
        Numbers of columns of the rows and of their context.

    Raises
    ------
    TypeError
        If it returns something else than bijections.
    ValueError
        If it returns none, or if one cannot map such rows.
    """
    generator = Generator().manual_seed(0)
    _check_signature(function, n_features, n_context, generator)
    bijections = bijections_of(function, n_features, n_context, generator)
    x = torch.zeros(2, n_features)
    context = torch.zeros(2, n_context) if n_context else None
    for k, bijection in enumerate(bijections):
        try:
            x, log_det = _mapped(bijection, x, context)
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            given = f" given a context of {n_context} columns" if n_context else ""
            raise ValueError(
                f"{_place(function, k, bijection)} cannot map rows of {n_features} columns{given}"
                f": {error}. {_SIGNATURE}"
            ) from error
        if x.shape != (2, n_features) or log_det.shape != (2,):
            raise ValueError(
                f"{_place(function, k, bijection)} maps two rows to shapes {tuple(x.shape)} and "
                f"{tuple(log_det.shape)} instead of {(2, n_features)} and (2,). {_SIGNATURE}"
            )


def bijections_of(
    function: UserFamily, n_features: int, n_context: int, generator: Generator
) -> list[Bijection]:
    """Return what a user's function returns as a list of bijections, or raise.

    Parameters
    ----------
    function : callable
    n_features, n_context : int
    generator : Generator

    Returns
    -------
    list of Bijection
    """
    returned: object = function(n_features, n_context, generator)
    if isinstance(returned, Bijection):
        return [returned]
    if isinstance(returned, str | type) or not isinstance(returned, Iterable):
        forgotten = " Is its return statement missing?" if returned is None else ""
        raise TypeError(f"flow={_name(function)} returned {returned!r}.{forgotten} {_SIGNATURE}")
    bijections = list(returned)
    if not bijections:
        raise ValueError(f"flow={_name(function)} returned no bijections. {_SIGNATURE}")
    for k, bijection in enumerate(bijections):
        if not isinstance(bijection, Bijection):
            is_class = isinstance(bijection, type) and issubclass(bijection, Bijection)
            hint = " Call it to create an instance." if is_class else ""
            raise TypeError(
                f"{_place(function, k, bijection)} is no skflow.flows.bijections.Bijection.{hint} "
                f"{_SIGNATURE}"
            )
    return bijections


def _place(function: UserFamily, k: int, bijection: object) -> str:
    kind = bijection if isinstance(bijection, type) else type(bijection)
    return f"Item {k} of what flow={_name(function)} returned, {kind.__name__},"


def _mapped(bijection: Bijection, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
    """Rows mapped without dropout, which would draw from torch's global generator."""
    was_training = bijection.training
    try:
        with torch.no_grad():
            return bijection.eval()(x, context)
    finally:
        bijection.train(was_training)


def _check_signature(function: UserFamily, *arguments: object) -> None:
    try:
        signature = inspect.signature(function)
    except ValueError:  # some callables have none
        return
    try:
        signature.bind(*arguments)
    except TypeError as error:
        raise TypeError(
            f"flow={_name(function)} cannot be called with three arguments: {error}. {_SIGNATURE}"
        ) from error


def _name(function: UserFamily) -> str:
    return getattr(function, "__qualname__", type(function).__qualname__)
