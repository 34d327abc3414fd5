"""Fits to more rows than are held in memory."""

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.datasets import make_moons

from skflow import DegenerateColumnWarning, NormalizingFlowDensity
from skflow.data import sources
from skflow.data.sources import MemmapSource
from skflow.fitting.fit_context import FitContext
from skflow.fitting.streamed_dataset import Moments, StreamedDataset
from skflow.preprocessing.dataset import Split, WeightedDataset
from skflow.preprocessing.support_transform import fit_support_transform
from skflow.preprocessing.supports import resolve_supports
from skflow.runtime.process_group import SINGLE_PROCESS
from tests.killing import kill

FIT = FitContext(seed=0)
N = 3000
LONG = {"stream": True, "max_rows": 500, "max_iter": 4, "batch_size": 64}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(sources, "_CHUNK_SIZE", 200)


@pytest.fixture(scope="module")
def long_moons():
    """A table in the order of its first column: what comes last is unlike what comes first."""
    X, _ = make_moons(N, noise=0.1, random_state=0)
    return X[X[:, 0].argsort()]


def written(X, folder):
    for k, part in enumerate(np.split(X, [len(X) // 3])):
        table = pa.table({"east": part[:, 0], "north": part[:, 1]})
        pyarrow.parquet.write_table(table, folder / f"{k}.parquet", row_group_size=300)
    return folder


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.data())
def test_merged_moments_are_those_of_all_samples(data):
    n, d = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 3))
    x = data.draw(hnp.arrays(float, (n, d), elements=st.floats(-1e6, 1e6)))
    w = data.draw(hnp.arrays(float, n, elements=st.floats(0.1, 10)))
    cuts = sorted(data.draw(st.lists(st.integers(1, n), max_size=4)))
    parts = [
        Moments.of(torch.from_numpy(a), torch.from_numpy(b))
        for a, b in zip(np.split(x, cuts), np.split(w, cuts), strict=True)
        if len(a)
    ]
    one = parts[0]
    for part in parts[1:]:
        one = Moments.merged([one, part])
    mean = np.average(x, axis=0, weights=w)
    deviation = np.sqrt(np.average(np.square(x - mean), axis=0, weights=w))
    for moments in (one, Moments.merged(parts)):
        assert moments.weight == pytest.approx(w.sum())
        np.testing.assert_allclose(moments.mean, mean, rtol=1e-9, atol=1e-8)
        np.testing.assert_allclose(moments.deviation, deviation, rtol=1e-7, atol=1e-8)


def test_moments_of_observed_cells():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(60, 3)) + 1e6, rng.random(60)
    x[:30, 0], x[30:, 1], x[::2, 2] = np.nan, np.nan, np.nan
    parts = [
        Moments.of(torch.from_numpy(a), torch.from_numpy(b))
        for a, b in zip(np.split(x, [20, 30, 45]), np.split(w, [20, 30, 45]), strict=True)
    ]
    merged = Moments.merged([Moments.merged(parts[:2]), *parts[2:]])
    for j, column in enumerate(x.T):
        own = ~np.isnan(column)
        mean = np.average(column[own], weights=w[own])
        variance = np.average(np.square(column[own] - mean), weights=w[own])
        assert merged.weight[j] == pytest.approx(w[own].sum())
        assert merged.mean[j] == pytest.approx(mean, rel=1e-12)
        assert merged.deviation[j] == pytest.approx(np.sqrt(variance), rel=1e-8)


def test_moments_far_from_zero_and_near_overflow():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 2)) * [1.0, 1e200] + [1e9, 0.0]
    parts = [
        Moments.of(torch.from_numpy(part), torch.ones(100, dtype=torch.float64))
        for part in np.split(x, 10)
    ]
    merged = Moments.merged(parts)
    assert merged.deviation[0] == pytest.approx(x[:, 0].std(), rel=1e-6)
    assert merged.deviation[1] / 1e200 == pytest.approx((x[:, 1] / 1e200).std())


def test_a_constant_column_keeps_its_value_and_unit_scale():
    X = np.column_stack([np.full(999, 0.1), np.arange(999.0)])
    (standardize,) = streamed_dataset(X).input_transform(SINGLE_PROCESS).bijections
    assert standardize.loc[0] == 0.1
    assert standardize.scale[0] == 1
    assert standardize.scale[1] == pytest.approx(X[:, 1].std())


def test_rounding_beside_a_lattice_does_not_move_the_rows():
    exact = np.random.default_rng(0).poisson(3, (900, 2)).astype(float)
    rounded = exact + np.random.default_rng(1).uniform(-9e-7, 9e-7, exact.shape)
    chains = [
        streamed_dataset(X, support="integer", drawn=np.arange(9)).input_transform(SINGLE_PROCESS)
        for X in (exact, np.vstack([exact[:9], rounded[9:]]))
    ]
    (first, second) = (chain.bijections[-1] for chain in chains)
    assert first.loc.tolist() == second.loc.tolist()


def streamed_dataset(X, weights=None, support=None, drawn=None):
    drawn = np.arange(0, len(X), 10) if drawn is None else drawn
    supports = resolve_supports(support, X.shape[1], None)
    held, transform = fit_support_transform(
        WeightedDataset.of(X[drawn], np.ones(len(drawn))), supports, np.random.default_rng(0)
    )
    return StreamedDataset(MemmapSource(X), weights, drawn, held, transform, supports, 400)


def epoch(table, splits, X):
    """An epoch's rows and each member's weights, in the order of the first column."""
    n_members = len(splits)
    stream = table.stream(lambda x: [x.float()] * n_members, splits, FIT)
    chunks = list(stream.chunks(0))
    rows = torch.cat([chunk.columns for chunk in chunks], -1)
    weights = torch.cat([chunk.weights for chunk in chunks], -1)
    order = rows[0, 0].argsort(stable=True)
    np.testing.assert_array_equal(rows[0].T[order], X[X[:, 0].argsort(kind="stable")])
    assert all(torch.equal(rows[0], own) for own in rows)
    return weights[:, order].numpy()


def test_members_do_not_train_on_held_out_rows_nor_on_equal_ones():
    X = np.column_stack([np.arange(1000.0), np.zeros(1000)])
    X[501] = X[500]  # equal rows, one held in memory and one not
    X[0] = -0.0
    every, none = np.arange(100), np.arange(0)
    splits = [Split(every[:50], every[50:]), Split(every[50:], every[:50]), Split(every, none)]
    weights = epoch(streamed_dataset(X), splits, X)
    numbers = np.arange(1000)
    drawn = numbers % 10 == 0
    hidden = drawn & (numbers >= 500)
    hidden[501] = True
    np.testing.assert_array_equal(weights[0], ~hidden)
    np.testing.assert_array_equal(weights[1], ~(drawn & (numbers < 500)))
    assert weights[2].all()


def test_counts_are_held_out_as_often_as_they_are_in_memory():
    X = np.column_stack([np.arange(1000) // 100, np.zeros(1000)]).astype(float)
    table = streamed_dataset(X, support="integer")
    splits = [Split(np.arange(0), np.arange(len(table.held.observed)))]
    stream = table.stream(lambda x: [x.float()], splits, FIT)
    weights = torch.cat([chunk.weights for chunk in stream.chunks(0)], -1)
    assert weights.sum() == 900


def test_sample_weights_have_mean_one():
    X = np.column_stack([np.arange(1000.0), np.zeros(1000)])
    sample_weight = np.linspace(0, 50, 1000)
    splits = [Split(np.arange(100), np.arange(0))]
    weights = epoch(streamed_dataset(X, sample_weight), splits, X)[0]
    np.testing.assert_allclose(weights, sample_weight / sample_weight.mean(), rtol=1e-6)


def test_chunks_come_in_random_order():
    X = np.column_stack([np.arange(1000.0), np.zeros(1000)])
    stream = streamed_dataset(X).stream(lambda x: [x.float()], [Split(np.arange(9), [])], FIT)
    firsts = [[int(chunk.columns[0, 0, 0]) for chunk in stream.chunks(s)] for s in range(4)]
    assert all(sorted(order) == list(range(0, 1000, 16)) for order in firsts)
    assert len(set(map(tuple, firsts))) > 1


def test_streaming_learns_more_than_the_rows_in_memory_allow(quick, long_moons):
    new, _ = make_moons(5000, noise=0.1, random_state=1)
    common = {"n_iter_no_change": 99, "tol": 10.0, "hidden_layer_sizes": 16, "max_iter": 8}
    scores = {
        name: quick(**LONG | common | params).fit(long_moons).score_samples(new)
        for name, params in {
            "streamed": {},
            "held": {"stream": False},
            "in memory": {"stream": False, "max_rows": N},
        }.items()
    }
    gain = scores["streamed"] - scores["held"]
    loss = scores["in memory"] - scores["streamed"]
    assert gain.mean() > 5 * gain.std() / math.sqrt(5000)
    assert loss.mean() < 0.05


def test_tables_of_all_kinds_have_the_fit_of_the_array(quick, long_moons, tmp_path):
    np.save(tmp_path / "X.npy", long_moons)
    expected = quick(**LONG).fit(long_moons).score_samples(long_moons)
    on_disk = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(quick(**LONG).fit(on_disk).score_samples(long_moons), expected)
    # files in larger chunks, and so in another order; these are too few to mix what is sorted
    X = np.random.default_rng(0).permutation(long_moons)
    (tmp_path / "parquet").mkdir()
    frame = pd.DataFrame(X, columns=["east", "north"])
    of_files = quick(**LONG).fit(written(X, tmp_path / "parquet")).score(frame)
    assert of_files != expected.mean()
    assert of_files == pytest.approx(expected.mean(), abs=0.1)


def test_a_short_table_is_not_streamed(quick, long_moons):
    streamed = quick(stream=True, max_rows=N).fit(long_moons)
    np.testing.assert_array_equal(
        streamed.score_samples(long_moons), quick().fit(long_moons).score_samples(long_moons)
    )


def test_rows_of_zero_weight_and_a_factor_of_the_weights_do_not_matter(quick, long_moons):
    weights = np.arange(N) % 3 + 0.0
    of_weights = quick(**LONG).fit(long_moons, sample_weight=weights).score_samples(long_moons)
    changed = np.where(weights[:, None] > 0, long_moons, 7.0)
    of_changed = quick(**LONG).fit(changed, sample_weight=1024 * weights)
    np.testing.assert_allclose(of_changed.score_samples(long_moons), of_weights, rtol=1e-6)
    plain = quick(**LONG).fit(long_moons).score_samples(long_moons)
    assert not np.allclose(plain, of_weights, rtol=1e-2)


@pytest.mark.parametrize(
    ("value", "support", "message"),
    [
        (np.nan, None, r"NaN in column 1 \(first in row 1234"),
        (-3.0, {1: (-2, None)}, "Row 1234 has -3 in column 1"),
    ],
)
def test_all_rows_are_checked_before_training(
    value, support, message, quick, long_moons, monkeypatch
):
    X = long_moons.copy()
    X[1234, 1] = value
    monkeypatch.setattr(
        "skflow.fitting.ensemble.EnsembleTrainer.run", lambda *_: pytest.fail("has trained")
    )
    with pytest.raises(ValueError, match=message):
        quick(**LONG, flow="nsf_ar", support=support).fit(X)


def test_a_table_whose_variance_overflows(quick, long_moons):
    with pytest.raises(ValueError, match="variance of column 1 overflows"):
        quick(**LONG).fit(long_moons * [1.0, 1e300])


def test_odd_cells_do_not_count_be_they_held_or_not(quick, long_moons):
    X = long_moons.copy()
    X[::50, 0], X[1234, 1] = -9999, 1e300
    with pytest.warns(DegenerateColumnWarning) as caught:
        density = quick(**LONG).fit(X)
    assert len(caught) == 2  # one for each column: the value of the second one is not held
    assert "-9999 in column 0" in str(caught[0].message)
    assert "1e+300 in column 1" in str(caught[1].message)
    assert {warning.filename for warning in caught} == {__file__}
    standardize = density.flow_.chain.bijections[-1]
    usual = np.delete(long_moons, np.r_[0:3000:50, 1234], axis=0)
    assert standardize.loc.numpy() == pytest.approx(usual.mean(0), abs=0.02)
    assert standardize.scale.numpy() == pytest.approx(usual.std(0), rel=0.02)
    clean = quick(**LONG).fit(usual)
    assert density.score(usual) == pytest.approx(clean.score(usual), abs=0.1)
    with pytest.warns(DegenerateColumnWarning, match="-9999"):
        single = quick(**LONG).fit(X[:, :1])
    assert single.flow_.chain.bijections[-1].scale.item() == pytest.approx(usual[:, 0].std(), 0.02)


def test_streaming_with_supports_is_about_as_good_as_fitting_in_memory(quick, long_moons):
    X = np.column_stack([np.round(3 * long_moons[:, 0]), np.exp(long_moons[:, 1])])
    X[:, 1] %= 2 * np.pi
    declared = {"flow": "nsf_ar", "support": ["integer", "circular"]}
    density = quick(**LONG, **declared).fit(X)
    of_all = quick(**LONG | {"max_rows": N}, **declared).fit(X)
    assert density.score(X) == pytest.approx(of_all.score(X), abs=0.1)
    whole = quick(**LONG, support="integer").fit(np.round(3 * long_moons))
    assert np.isfinite(whole.score(np.round(3 * long_moons)))


def test_the_number_of_epochs(quick, long_moons):
    assert quick(**LONG, n_iter_no_change=99).fit(long_moons).n_iter_ == 4
    automatic = quick(**LONG | {"max_iter": "auto", "batch_size": 1, "n_iter_no_change": 99})
    automatic.fit(long_moons)
    assert automatic.n_iter_ == 1  # all rows once, where that is more than enough
    assert len(automatic.loss_curve_) == 1


@pytest.mark.parametrize("family", ["flow_matching"])
def test_flow_matching_streams(family, quick, long_moons):
    density = quick(**LONG, flow=family, n_iter_no_change=99).fit(long_moons)
    assert density.n_iter_ == 4
    assert density.score(long_moons) > quick(max_iter=1).fit(long_moons[:50]).score(long_moons)


def test_a_warm_start_continues_with_a_stream(quick, long_moons):
    density = quick(**LONG, warm_start=True, n_iter_no_change=99).fit(long_moons)
    first = density.score(long_moons)
    density.fit(long_moons)
    assert density.n_iter_ == 8
    assert density.score(long_moons) > first - 0.05


def test_a_killed_fit_continues_in_the_middle_of_an_epoch(quick, long_moons, tmp_path):
    params = quick(**LONG, dropout=0.1, noise=0.1).get_params()
    params = kill(tmp_path, long_moons, 4, params, chunk=200)
    resumed = NormalizingFlowDensity(**params).fit(long_moons)
    whole = NormalizingFlowDensity(**params | {"checkpoint": None}).fit(long_moons)
    assert resumed.loss_curve_ == whole.loss_curve_
    np.testing.assert_array_equal(
        resumed.score_samples(long_moons), whole.score_samples(long_moons)
    )
