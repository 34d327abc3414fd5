"""Support: the values that a column can take, and with them its measure."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from skflow.data.lattice import Lattice

Kind = Literal["real", "lattice", "category", "circular"]

_FIELDS = {
    "real": {"low", "high", "atoms"},
    "lattice": {"low", "high", "step", "origin"},
    "category": {"levels"},
    "circular": {"period"},
}
_TURN = 2 * math.pi
_MAX_STATES = 10  # values of a bounded lattice that is described value by value
_MAX_SHOWN = 6  # categories in a message


@dataclass(frozen=True, repr=False)
class Support:
    """The values that a column can take, declared by `support=` of an estimator.

    A support also says what a density of the column is: at values of a lattice, categories and
    atoms ``log p`` is a log-probability, elsewhere a log-density. That follows from the
    declaration alone and never from the rows, so that scores of several fits compare. Frequent
    declarations have short forms, such as "nonnegative" for ``Support(low=0, atoms=(0,))``; see
    the guide.

    Parameters
    ----------
    kind : {"real", "lattice", "category", "circular"}, default="real"
        Real numbers; the numbers origin + k · step with whole k; a few codes without an order;
        angles.
    low, high : float or None, default=None
        Ends of real numbers, which are open: values at an end are outside unless the end is
        among the atoms. Smallest and largest value of a lattice, rounded to points inside. None
        means no bound.
    step : float or None, default=None
        Distance of the values of a lattice, 1 for whole numbers.
    atoms : iterable of float, default=()
        Values of a real column that have a probability of their own, at its ends or inside.
    period : float or None, default=None
        Period of angles; None means 2π.
    levels : iterable of float or None, default=None
        The codes of a category.
    origin : float or None, default=None
        One of the values of a lattice. None means `low`, and 0 without a lower bound. A value
        within a millionth of a step of the lattice is on it.

    Raises
    ------
    ValueError
        If a field is not a number, is not possible, or does not belong to the kind.

    See Also
    --------
    infer_support : The supports that the columns of a table ask for.

    Examples
    --------
    Daily rain, which is 0 on many days, in steps of a tenth of a millimeter, or as a number:

    >>> import skflow
    >>> skflow.Support("lattice", step=0.1, low=0)
    Support('lattice', low=0.0, step=0.1)
    >>> rain = skflow.Support(low=0, atoms=[0])
    >>> rain
    Support(low=0.0, atoms=(0.0,))
    >>> rain.contains([-1.0, 0.0, 0.37])
    array([False,  True,  True])
    """

    kind: Kind = "real"
    low: float | None = None
    high: float | None = None
    step: float | None = None
    atoms: Sequence[float] = ()
    period: float | None = None
    levels: Sequence[float] | None = None
    origin: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or self.kind not in _FIELDS:
            kinds = ", ".join(map(repr, _FIELDS))
            raise ValueError(f"kind={self.kind!r} must be one of {kinds}.")
        self._check_fields()
        for name in ("low", "high", "step", "period", "origin"):
            self._set(name, _number_or_none(name, getattr(self, name)))
        self._set("atoms", _sorted("atoms", () if self.atoms is None else self.atoms))
        {
            "real": self._check_real,
            "lattice": self._check_lattice,
            "category": self._check_category,
            "circular": self._check_circular,
        }[self.kind]()

    def __repr__(self) -> str:
        shown = [repr(self.kind)] if self.kind != "real" else []
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            is_turn = field.name == "period" and value == _TURN
            if value != field.default and not is_turn:
                shown.append(f"{field.name}={value!r}")
        return f"Support({', '.join(shown)})"

    @property
    def is_discrete(self) -> bool:
        """Whether all values have a probability: those of a lattice or of a category."""
        return self.kind in ("lattice", "category")

    @property
    def is_integer(self) -> bool:
        """Whether all values are whole numbers with no gaps: a lattice of step 1 through 0."""
        return self.kind == "lattice" and self.step == 1 and self.lattice.phase == 0

    @property
    def states(self) -> tuple[float, ...]:
        """The values that have a probability of their own, in order.

        These are the levels of a category, all values of a lattice with two bounds and at most
        10 values, such as a flag, and otherwise the atoms.
        """
        if self.levels is not None:
            return tuple(self.levels)
        if self.kind == "lattice" and self.n_values <= _MAX_STATES:
            indices = np.arange(self.n_values) + self.lattice.indices(np.array(self.lower))
            return tuple(self.lattice.points(indices).tolist())
        return tuple(self.atoms)

    @property
    def n_values(self) -> float:
        """Number of values of a lattice or of a category; ∞ if there is no end."""
        if self.levels is not None:
            return len(self.levels)
        if self.kind != "lattice" or math.isinf(self.lower) or math.isinf(self.upper):
            return math.inf
        first, last = self.lattice.indices(np.array([self.lower, self.upper]))
        return int(last - first) + 1

    @property
    def lattice(self) -> Lattice:
        """The lattice without its bounds.

        Raises
        ------
        AttributeError
            If the support is of another kind.
        """
        if self.step is None:
            raise AttributeError(f"{self!r} has no lattice.")
        origins = [value for value in (self.origin, self.low, 0.0) if value is not None]
        return Lattice(self.step, origins[0])

    @property
    def lower(self) -> float:
        """The lower end; −∞ without one."""
        return -math.inf if self.low is None else self.low

    @property
    def upper(self) -> float:
        """The upper end; ∞ without one."""
        return math.inf if self.high is None else self.high

    @property
    def smallest(self) -> float:
        """The smallest number inside: next above a lower end that is open."""
        is_open = self.kind == "real" and self.low is not None and self.low not in self.atoms
        return float(np.nextafter(self.lower, math.inf)) if is_open else self.lower

    @property
    def largest(self) -> float:
        """The largest number inside: next below an upper end that is open."""
        is_open = self.kind == "real" and self.high is not None and self.high not in self.atoms
        return float(np.nextafter(self.upper, -math.inf)) if is_open else self.upper

    def contains(self, values: ArrayLike) -> np.ndarray:
        """Whether values are inside; NaN, a missing value, always is.

        Parameters
        ----------
        values : array-like of float

        Returns
        -------
        inside : ndarray of bool
        """
        numbers = self.snap(values)
        if self.kind == "category":
            inside = np.isin(numbers, self.states)
        elif self.kind == "lattice":
            inside = self.lattice.contains(numbers)
            inside &= (numbers >= self.lower) & (numbers <= self.upper)
        else:
            inside = (numbers > self.lower) & (numbers < self.upper)
            inside |= np.isin(numbers, self.states)
        return np.asarray(inside | np.isnan(numbers))

    def snap(self, values: ArrayLike) -> np.ndarray:
        """Values without rounding: points of a lattice, atoms and levels instead of those near.

        A value is near a point of a lattice within a millionth of a step, and near a point, an
        atom or a level that was rounded to float32. Other values are unchanged.

        Parameters
        ----------
        values : array-like of float

        Returns
        -------
        snapped : ndarray of float
        """
        snapped = np.array(values, dtype=float)
        if self.kind == "lattice":
            return self.lattice.snap(snapped)
        for state in self.states:
            snapped[(snapped == state) | (snapped == _rounded(state))] = state
        return snapped

    def describe(self) -> str:
        """The values in a few words, for messages.

        Returns
        -------
        str
        """
        if self.kind == "circular":
            return f"angles of period {self.period:g}"
        if self.levels is not None:
            shown = [f"{level:g}" for level in self.levels[:_MAX_SHOWN]]
            return f"the categories {', '.join(shown)}{', …' * (self.n_values > _MAX_SHOWN)}"
        if self.kind == "lattice":
            return f"{self._points()} from {self.lower:g} to {self.upper:g}"
        ends = [
            (self.low, "above" if self.low not in self.atoms else "at least"),
            (self.high, "below" if self.high not in self.atoms else "at most"),
        ]
        finite = [(end, how) for end, how in ends if end is not None]
        if any(how in ("above", "below") for _, how in finite):
            return "numbers " + " and ".join(f"{how} {end:g}" for end, how in finite)
        return f"numbers from {self.lower:g} to {self.upper:g}"

    def _points(self) -> str:
        """What the values of a lattice are."""
        lattice = self.lattice
        if lattice.phase:
            return f"numbers {lattice.origin:g} + {lattice.step:g} k with whole k"
        return "integers" if self.is_integer else f"multiples of {lattice.step:g}"

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # the class is frozen

    def _check_fields(self) -> None:
        """Raise if a field is given that does not belong to the kind."""
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            is_given = value is not None and not (isinstance(value, tuple) and value == ())
            if is_given and field.name not in _FIELDS[self.kind]:
                kinds = [repr(kind) for kind, names in _FIELDS.items() if field.name in names]
                raise ValueError(
                    f"{field.name}={value!r} is given, but a support of kind {self.kind!r} has no "
                    f"{field.name}. It belongs to kind {' or '.join(kinds)}."
                )

    def _check_real(self) -> None:
        self._check_ends()
        outside = [a for a in self.atoms if not self.lower <= a <= self.upper]
        if outside:
            raise ValueError(
                f"atoms has {outside[0]:g}, which is not from {self.lower:g} to {self.upper:g}, "
                "the bounds of the support."
            )

    def _check_lattice(self) -> None:
        """Check a lattice; its bounds become points, and origins of one lattice the same."""
        if self.step is None or self.step <= 0:
            raise ValueError(
                f"step={self.step!r} of a lattice must be positive; 1 means whole numbers."
            )
        self._check_ends()
        if self.low is None:
            self._set("origin", self.lattice.phase or None)
        else:
            self._set("low", _point_inside(self.lattice, self.low, np.ceil))
            self._set("origin", None)
        if self.high is not None:
            self._set("high", _point_inside(self.lattice, self.high, np.floor))
        if not self.lower < self.upper:
            raise ValueError(f"The lattice of step {self.step:g} has fewer than two values.")

    def _check_category(self) -> None:
        if self.levels is None:
            raise ValueError("levels=None of a category must be a sequence of codes.")
        levels = _sorted("levels", self.levels)
        if not levels:
            raise ValueError("levels of a category is empty; it needs at least one code.")
        self._set("levels", levels)

    def _check_circular(self) -> None:
        period = _TURN if self.period is None else self.period
        if period <= 0:
            raise ValueError(f"period={period!r} of angles must be positive.")
        self._set("period", period)

    def _check_ends(self) -> None:
        if not self.lower < self.upper:
            raise ValueError(f"low={self.low!r} must be below high={self.high!r}.")


def _point_inside(
    lattice: Lattice, end: float, rounded: Callable[[np.ndarray], np.ndarray]
) -> float:
    """The point at an end of a lattice, or the next one inside."""
    point = lattice.snap(np.array(end))
    if not lattice.contains(point):
        point = lattice.points(rounded((point - lattice.origin) / lattice.step))
    return float(point)


def _number_or_none(name: str, value: Any) -> float | None:
    """A field as a float; None for None, and for ends at infinity."""
    is_no_end = isinstance(value, Real) and (name, value) in (
        ("low", -math.inf),
        ("high", math.inf),
    )
    return None if value is None or is_no_end else _number(name, value)


def _number(name: str, value: Any) -> float:
    is_bool = isinstance(value, bool | np.bool_)
    if not is_bool and isinstance(value, Real):
        try:
            number = float(value) + 0.0  # no -0.0
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    advice = " Use 0 and 1 for False and True." if is_bool else ""
    raise ValueError(f"{name} has {value!r}, which must be a finite number.{advice}")


def _rounded(state: float) -> float:
    """A value as float32, unless that makes it 0 or infinite."""
    with np.errstate(all="ignore"):
        single = float(np.float32(state))
    return single if single and math.isfinite(single) else state


def _sorted(name: str, values: Any) -> tuple[float, ...]:
    """Different numbers in order."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ValueError(f"{name}={values!r} must be a sequence of numbers.")
    numbers = sorted(_number(name, value) for value in values)
    for number, following in pairwise(numbers):
        if number == following:
            raise ValueError(f"{name} has {number:g} more than once.")
    return tuple(numbers)
