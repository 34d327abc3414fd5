"""The public type of supports: fields, their errors, and what is inside."""

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from skflow import NormalizingFlowDensity, Support

INF = math.inf
NUMBERS = st.integers(-1000, 1000) | st.floats(-1e6, 1e6)
STEPS = st.sampled_from([1, 0.5, 0.1, 0.328, 100, 1 / 3])


@st.composite
def reals(draw):
    low, high = sorted(draw(st.lists(NUMBERS, min_size=2, max_size=2, unique=True)))
    atoms = draw(st.lists(st.floats(low, high) | st.sampled_from([low, high]), max_size=4))
    atoms = {float(atom) + 0.0 for atom in atoms}
    return Support(low=low, high=high, atoms=atoms)


@st.composite
def lattices(draw):
    step, low = draw(STEPS), draw(st.none() | NUMBERS)
    high = draw(st.none() | st.floats(2, 1e4))
    start = (low or 0) + step * high if high is not None else None
    return Support("lattice", low, start, step, origin=draw(st.none() | NUMBERS))


SUPPORTS = st.one_of(
    reals(),
    lattices(),
    st.sets(NUMBERS.map(float), min_size=1, max_size=5).map(
        lambda levels: Support("category", levels=levels)
    ),
    st.floats(1e-3, 1e3).map(lambda period: Support("circular", period=period)),
    st.sampled_from([Support(), Support("circular"), Support(low=0), Support(atoms=[0.5])]),
)


@given(SUPPORTS)
def test_a_support_is_a_value(support):
    copies = [
        eval(repr(support), {"Support": Support}),
        pickle.loads(pickle.dumps(support)),
        copy.deepcopy(support),
        clone(NormalizingFlowDensity(support={"a": [support]})).support["a"][0],
    ]
    assert copies == [support] * 4
    assert {hash(copied) for copied in copies} == {hash(support)}
    assert len({*copies, Support("circular", period=0.125)}) == 2


@given(SUPPORTS, st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_snapping_changes_nothing_twice_and_states_are_inside(support, values):
    values = np.array([*values, np.nan, *support.states])
    snapped = support.snap(values)
    np.testing.assert_array_equal(support.snap(snapped), snapped)
    np.testing.assert_array_equal(support.contains(values), support.contains(snapped))
    assert support.contains(support.states).all()
    states = np.array(support.states)
    rounded = states[(states == 0) | (np.abs(states) > 1e-30)].astype(np.float32)
    assert support.contains(rounded).all()
    if support.kind != "lattice":
        assert set(support.snap(rounded)) <= set(support.states)


@pytest.mark.parametrize(
    ("support", "text"),
    [
        (Support(), "Support()"),
        (Support("real", -INF, INF), "Support()"),
        (Support(low=0, atoms=np.array([0])), "Support(low=0.0, atoms=(0.0,))"),
        (Support(low=-0.0), "Support(low=0.0)"),
        (Support(low=np.float32(0.5)), "Support(low=0.5)"),
        (Support(atoms=(3, 1)), "Support(atoms=(1.0, 3.0))"),
        (Support("lattice", step=1), "Support('lattice', step=1.0)"),
        (Support("lattice", step=1, origin=7), "Support('lattice', step=1.0)"),
        (
            Support("lattice", 0.2, 9.9, 0.5, origin=0),
            "Support('lattice', low=0.5, high=9.5, step=0.5)",
        ),
        (Support("lattice", high=2.2, step=0.5, origin=1.7), "high=2.2, step=0.5, origin=0.2)"),
        (Support("category", levels=range(2)), "Support('category', levels=(0.0, 1.0))"),
        (Support("circular"), "Support('circular')"),
        (Support("circular", period=2 * math.pi), "Support('circular')"),
        (Support("circular", period=24), "Support('circular', period=24.0)"),
    ],
)
def test_fields_are_normalized_and_shown_if_given(support, text):
    assert repr(support).endswith(text)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "integer"}, "kind='integer' must be one of 'real', 'lattice', 'category', 'c"),
        ({"kind": ["real"]}, r"kind=\['real'\] must be one of"),
        ({"low": 3, "high": 1}, r"low=3\.0 must be below high=1\.0"),
        ({"low": 3, "high": 3}, r"low=3\.0 must be below high=3\.0"),
        ({"low": INF}, "low has inf, which must be a finite number"),
        ({"high": math.nan}, "high has nan, which must be a finite number"),
        ({"low": True}, "low has True, which must be a finite number. Use 0 and 1"),
        ({"low": "0"}, "low has '0', which must be a finite number"),
        ({"low": 10**400}, "which must be a finite number"),
        ({"low": 0, "atoms": [-1]}, "atoms has -1, which is not from 0 to inf"),
        ({"atoms": [math.inf]}, "atoms has inf, which must be a finite number"),
        ({"atoms": [1, 1.0]}, "atoms has 1 more than once"),
        ({"atoms": 0.5}, r"atoms=0\.5 must be a sequence"),
        ({"step": 1}, r"step=1 is given, but .* 'real' has no step. It belongs to kind 'lattice'"),
        ({"levels": []}, "levels=.* It belongs to kind 'category'"),
        ({"kind": "lattice"}, "step=None of a lattice must be positive; 1 means whole numbers"),
        ({"kind": "lattice", "step": 0}, r"step=0\.0 of a lattice must be positive"),
        ({"kind": "lattice", "step": 1, "atoms": [1]}, "'lattice' has no atoms. It .* 'real'"),
        ({"kind": "lattice", "step": 2, "low": 0, "high": 1}, "step 2 has fewer than two values"),
        ({"kind": "category"}, "levels=None of a category must be a sequence"),
        ({"kind": "category", "levels": ()}, "levels of a category is empty"),
        ({"kind": "category", "levels": "ab"}, "levels='ab' must be a sequence of numbers"),
        ({"kind": "category", "levels": [0, 0]}, "levels has 0 more than once"),
        ({"kind": "category", "levels": [True]}, "levels has True, .* Use 0 and 1 for"),
        ({"kind": "circular", "period": -1}, r"period=-1\.0 of angles must be positive"),
        ({"kind": "circular", "low": 0}, "'circular' has no low. .* kind 'real' or 'lattice'"),
    ],
)
def test_fields_that_are_not_possible(fields, message):
    with pytest.raises(ValueError, match=message):
        Support(**fields)


@pytest.mark.parametrize(
    ("support", "inside", "outside"),
    [
        (Support(), [-1e300, 0, 5e-324], [INF, -INF]),
        (Support(low=0), [5e-324, 1e300], [0, -0.0, -1]),
        (Support(low=0, atoms=[0]), [0, -0.0, 1e300], [-5e-324]),
        (Support(low=0, high=5), [4.999], [0, 5]),
        (Support(low=0, high=5, atoms=[5]), [5], [0]),
        (Support("lattice", step=0.5, low=0), [0, 0.5 + 1e-8, 1e6], [-0.5, 0.37]),
        (Support("lattice", step=0.1, low=0.1, high=0.5), [0.3, 0.1 + 0.2], [0, 0.6, 0.35]),
        (Support("category", levels=[0.1, 7]), [np.float32(0.1), 7], [0, 7.0001]),
        (Support("category", levels=[1e-60, 1e60]), [1e-60], [0, np.inf]),
        (Support(low=0, atoms=[1e-60]), [1e-60], [0]),
        (Support("circular"), [-100, 0, 1e9], [INF]),
    ],
)
def test_what_is_inside(support, inside, outside):
    assert support.contains(inside).tolist() == [True] * len(inside)
    assert support.contains(outside).tolist() == [False] * len(outside)
    assert support.contains(np.nan)
    with np.errstate(all="raise"):
        assert support.contains([np.nan, *inside]).all()


@pytest.mark.parametrize(
    ("support", "ends"),
    [
        (Support(), (-INF, INF)),
        (Support(low=0, high=1), (5e-324, 1 - 2**-53)),
        (Support(low=0, high=1, atoms=[0]), (0, 1 - 2**-53)),
        (Support("lattice", low=0, step=2), (0, INF)),
        (Support("circular"), (-INF, INF)),
    ],
)
def test_the_smallest_and_the_largest_value(support, ends):
    assert (support.smallest, support.largest) == ends


@pytest.mark.parametrize(
    ("support", "states", "is_discrete"),
    [
        (Support(), (), False),
        (Support(low=0, atoms=[2, 0]), (0, 2), False),
        (Support("lattice", low=0, high=1, step=1), (0, 1), True),
        (Support("lattice", low=0.1, high=1, step=0.1), tuple(k / 10 for k in range(1, 11)), True),
        (Support("lattice", low=0, high=10, step=1), (), True),
        (Support("lattice", low=0, step=1), (), True),
        (Support("category", levels=range(30, 0, -1)), tuple(range(1, 31)), True),
        (Support("circular"), (), False),
    ],
)
def test_states_have_a_probability_of_their_own(support, states, is_discrete):
    assert support.states == states
    assert support.is_discrete is is_discrete


@pytest.mark.parametrize(
    ("support", "description"),
    [
        (Support(low=0, high=5), "numbers above 0 and below 5"),
        (Support(low=0, high=5, atoms=[5]), "numbers above 0 and at most 5"),
        (Support("lattice", step=1, low=0), "integers from 0 to inf"),
        (Support("lattice", step=0.5), "multiples of 0.5 from -inf to inf"),
        (Support("lattice", step=1, low=0.5), "numbers 0.5 + 1 k with whole k from 0.5 to inf"),
        (Support("category", levels=range(3)), "the categories 0, 1, 2"),
        (Support("category", levels=range(9)), "the categories 0, 1, 2, 3, 4, 5, …"),
        (Support("circular", period=24), "angles of period 24"),
    ],
)
def test_descriptions(support, description):
    assert support.describe() == description


def test_only_lattices_have_a_lattice():
    assert Support("lattice", step=2, low=1).lattice.points(np.arange(3.0)).tolist() == [1, 3, 5]
    with pytest.raises(AttributeError, match=r"Support\(low=0\.0\) has no lattice"):
        _ = Support(low=0).lattice


def test_a_support_is_frozen():
    with pytest.raises(AttributeError, match="cannot assign"):
        Support().low = 3
