"""Lattices: clean points, and values that are on them up to rounding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skflow.data.lattice import Lattice

STEPS = st.sampled_from([1.0, 0.5, 0.1, 0.25, 0.328, 100.0, 1 / 3, 1 / 12, 1e-9, 0.7e6, np.pi])


def test_points_are_the_decimals_that_they_stand_for():
    tenths = Lattice(0.1).points(np.arange(-50, 1000))
    assert tenths.tolist() == [k / 10 for k in range(-50, 1000)]
    assert Lattice(0.328).points(np.array([3, 1000])).tolist() == [0.984, 328.0]
    assert Lattice(0.5, 1.7).points(np.array([-1, 0, 1])).tolist() == [1.2, 1.7, 2.2]
    assert Lattice(1 / 3).points(np.array([1, 2, 3])).tolist() == [1 / 3, 2 / 3, 1.0]
    assert Lattice(np.pi).points(np.array([2])).tolist() == [2 * np.pi]


@pytest.mark.parametrize(
    ("value", "on"),
    [(0.5, True), (0.5 + 4e-7, True), (0.5 + 6e-7, False), (0.37, False), (-7.0, True)],
)
def test_a_value_within_a_millionth_of_a_step_is_on_the_lattice(value, on):
    lattice = Lattice(0.5)
    assert bool(lattice.contains(np.array(value))) is on
    assert float(lattice.snap(np.array(value))) == (np.round(2 * value) / 2 if on else value)


def test_values_that_are_no_numbers_are_not_on_a_lattice():
    values = np.array([np.nan, np.inf, -np.inf])
    assert not Lattice(0.5).contains(values).any()
    np.testing.assert_array_equal(Lattice(0.5).snap(values), values)


@given(STEPS, st.floats(-1e3, 1e3), st.integers(-10_000, 10_000))
def test_points_rounded_to_float32_are_on_the_lattice(step, origin, k):
    lattice = Lattice(step, origin)
    point = lattice.points(np.array(float(k)))
    rounded = np.float64(np.float32(point))
    snapped = lattice.snap(np.array([point, rounded, np.nextafter(point, np.inf)]))
    if abs(rounded - point) < step / 4:  # else it is nearer to another point
        np.testing.assert_allclose(snapped, point, rtol=1e-15, atol=1e-15 * abs(origin))
        assert lattice.contains(snapped).all()


@given(STEPS, st.floats(-1e6, 1e6))
def test_the_middle_between_two_points_is_off_the_lattice(step, origin):
    lattice = Lattice(step, origin)
    middle = np.array(origin + step / 2)
    if step > 1e-6:  # which 1e6 ± step resolves
        assert not lattice.contains(middle)
        assert lattice.snap(middle) == middle


@pytest.mark.parametrize(
    ("step", "origin", "phase"),
    [(0.5, 1.7, 0.2), (1, 1900.5, 0.5), (1, -3, 0), (0.1, 0.3, 0), (0.5, -0.1, 0.4), (3, 7, 1)],
)
def test_phases_are_clean(step, origin, phase):
    assert Lattice(float(step), float(origin)).phase == phase
