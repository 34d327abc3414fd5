"""The lattice of a column, found by the differences between its values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skflow.data.lattice import Lattice
from skflow.preprocessing.lattice_steps import find_lattice

RNG = np.random.default_rng(0)
STEPS = [1.0, 0.5, 0.328, 100.0, 0.1, 0.01, 0.05, 1 / 3, 1 / 12, 25.0, 1e-9, 2.5e6]
STANDARD = RNG.integers(0, 2, 300)
STANDARD = (STANDARD - STANDARD.mean()) / STANDARD.std()


@given(
    st.sampled_from(STEPS),
    st.integers(0, 9),
    st.lists(st.integers(-500, 500), min_size=3, max_size=40, unique=True),
)
def test_steps_are_found_as_they_were_written(step, tenths, indices):
    origin = Lattice(step / 10).points(np.array(float(tenths)))
    lattice = Lattice(step, float(origin))
    indices = np.array(sorted([*indices, 501, 502]), dtype=float)  # of greatest divisor 1
    found = find_lattice(lattice.points(indices))
    assert found.step == step
    assert found.phase == pytest.approx(lattice.phase, abs=1e-6 * step)
    assert found.contains(lattice.points(np.arange(-600.0, 600))).all()
    if tenths == 0:
        assert found == Lattice(step)


@pytest.mark.parametrize("step", STEPS[:8])
def test_values_in_float32_and_products_with_rounding(step):
    indices = RNG.integers(0, 80, 200)
    single = np.unique((step * indices).astype(np.float32)).astype(float)
    assert find_lattice(single) == Lattice(step)
    twice = np.unique(np.append(step * indices, (step / 3) * indices * 3))  # beside each other
    assert find_lattice(twice) == Lattice(step)


@pytest.mark.parametrize(
    "column",
    [
        RNG.normal(size=400),
        RNG.normal(size=400).astype(np.float32).astype(float),
        np.array([0.0]),
        np.array([-1.7e308, 1.7e308]),
        np.array([0.0, 1.0, np.pi]),
        np.array([1e9, 1e9 + 1e-7]),
    ],
)
def test_other_numbers_are_on_no_lattice(column):
    assert find_lattice(np.unique(column)) is None


def test_two_values_are_always_on_one():
    values = np.unique(STANDARD)
    lattice = find_lattice(values)
    np.testing.assert_allclose(lattice.snap(values), values, rtol=1e-15)
    assert lattice.step == pytest.approx(values[1] - values[0], rel=1e-12)
    assert find_lattice(np.array([3.0, 4.5])) == Lattice(1.5)
