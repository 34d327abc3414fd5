"""NaN in X on its way to a fit and to scores, in estimators whose flow takes holes.

What a fit is given is caught where the density would be fitted to it.
"""

import dask.array
import dask.dataframe
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest
import torch
from sklearn.utils import get_tags

from skflow import (
    DegenerateColumnWarning,
    EmptyRowWarning,
    NormalizingFlowClassifier,
    NormalizingFlowDensity,
    NormalizingFlowOutlierDetector,
    NormalizingFlowRegressor,
    Support,
)
from skflow.data import sources
from skflow.data.nan_policy import HOLES
from skflow.data.sources import source_of
from skflow.estimators.flow_estimator import FlowEstimator
from skflow.estimators.p_values import share_threshold
from skflow.fitting.streamed_dataset import _bytes_of
from skflow.flows.any_order.any_order_density import AnyOrderDensity
from skflow.runtime.process_group import SINGLE_PROCESS

N = 120
RNG = np.random.default_rng(0)
COMPLETE = RNG.normal(size=(N, 3)) @ [[1.0, 0.5, 0.2], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]]
X = np.where(RNG.random((N, 3)) < 0.3, np.nan, COMPLETE)
X[np.isnan(X).all(1), 0] = COMPLETE[np.isnan(X).all(1), 0]
NAMES = ["u", "v", "w"]
EMPTY = np.insert(X, [0, 7, 7, N], np.nan, axis=0)  # with four rows without any cell
REST = ~np.isnan(EMPTY).all(1)


class CaughtError(Exception):
    """The data set that a density would be fitted to, and the stream of the others."""


@pytest.fixture
def fitted_to(monkeypatch):
    """A function that returns what a fit leads to before a density is fitted to it."""

    def catch(self, rows, *others):
        raise CaughtError(rows.data, others[-1])

    def fit(estimator, *args, **params):
        with monkeypatch.context() as patched:
            patched.setattr(FlowEstimator, "_fit_density", catch)
            with pytest.raises(CaughtError) as caught:
                estimator.fit(*args, **params)
        return caught.value.args

    return fit


def density(**params):
    return NormalizingFlowDensity(**{"flow": "any_order", "random_state": 0, **params})


def detector():
    return NormalizingFlowOutlierDetector(flow="any_order", random_state=0)


def classifier():
    return NormalizingFlowClassifier(flow="any_order", random_state=0)


def assert_same(data, expected):
    for name in ("x", "weights", "context", "counts", "observed"):
        own, other = getattr(data, name), getattr(expected, name)
        assert (own is None) == (other is None), name
        if own is not None:
            np.testing.assert_array_equal(np.asarray(own), np.asarray(other), err_msg=name)


class TestWhichEstimators:
    @pytest.mark.parametrize("flow", ["any_order", "auto", "nsf_ar", lambda *_: None])
    @pytest.mark.parametrize(
        "kind",
        [NormalizingFlowDensity, NormalizingFlowOutlierDetector, NormalizingFlowClassifier],
    )
    def test_the_tag_is_that_of_the_instance(self, kind, flow):
        assert get_tags(kind(flow=flow)).input_tags.allow_nan == (flow in ("any_order", "auto"))

    @pytest.mark.parametrize("flow", ["any_order", "auto", "nsf_ar"])
    def test_rows_to_predict_for_are_complete(self, flow):
        regressor = NormalizingFlowRegressor(flow=flow)
        assert not get_tags(regressor).input_tags.allow_nan
        with pytest.raises(ValueError, match=r"NaN in column 1 .* numbers\. Drop such rows or"):
            regressor._validate(X, reset=True)

    def test_others_name_the_flow_that_takes_them(self):
        X0 = np.where(np.arange(12).reshape(4, 3) == 7, np.nan, 0.5)
        for table in (X0, pd.DataFrame(X0).convert_dtypes(), pd.DataFrame(X0).astype(object)):
            with pytest.raises(ValueError, match=r"NaN in column.* 1 .*row 2.*\"any_order\""):
                density(flow="nsf_ar")._validate(table, reset=True)
        with pytest.raises(ValueError, match=r'masked .* column 1, row 2,.*flow="any_order"'):
            density(flow="nsf_ar")._validate(np.ma.masked_invalid(X0), reset=True)
        with pytest.raises(ValueError, match=r'missing value <NA> in row 2.*flow="any_order"'):
            density(flow="nsf_ar")._validate(np.where(np.isnan(X0), pd.NA, X0), reset=True)

    @pytest.mark.parametrize("value", [np.inf, -np.inf])
    def test_infinity_stays_an_error(self, value):
        spoiled = X.copy()
        spoiled[3, 1] = value
        with pytest.raises(ValueError, match=r"infinity in column 1 \(first in row 3.*NaN, which"):
            density().fit(spoiled)
        with pytest.raises(ValueError, match="infinity in column 1") as caught:
            density(flow="nsf_ar").fit(np.where(np.isnan(spoiled), 0, spoiled))
        assert "any_order" not in str(caught.value)


class TestTables:
    def test_all_kinds_give_the_same_fit(self, fitted_to, tmp_path):
        plain = fitted_to(density(), X)[0]
        assert plain.x.isnan().sum() == np.isnan(X).sum()
        frame = pd.DataFrame(X, columns=NAMES)
        np.save(tmp_path / "X.npy", X)
        table = pa.Table.from_pandas(frame, preserve_index=False)
        assert table.column(0).null_count > 0
        pyarrow.parquet.write_table(table, tmp_path / "X.parquet", row_group_size=50)
        for kind in (
            np.ma.array(COMPLETE, mask=np.isnan(X)),
            frame.convert_dtypes(),
            frame.astype(object).where(frame.notna(), None),
            pl.from_pandas(frame),
            np.load(tmp_path / "X.npy", mmap_mode="r"),
            str(tmp_path / "X.parquet"),
            pyarrow.dataset.dataset(tmp_path / "X.parquet"),
            dask.array.from_array(X, chunks=(50, 1)),
            dask.array.from_array(np.ma.array(COMPLETE, mask=np.isnan(X)), chunks=50),
            dask.dataframe.from_pandas(frame.convert_dtypes(), npartitions=3),
            dask.array.from_array(np.where(np.isnan(X), None, X), chunks=50),
        ):
            assert_same(fitted_to(density(), kind)[0], plain)

    def test_weights_are_repetitions_and_the_order_of_rows_is_none(self, fitted_to):
        weights = RNG.integers(0, 4, N)
        signed = np.where(np.isnan(X), -np.nan, X)
        expected = fitted_to(density(), X, sample_weight=weights)[0]
        assert len(expected.x) < N
        order = RNG.permutation(weights.sum())
        repeated = signed.repeat(weights, axis=0)[order]
        assert_same(fitted_to(density(), repeated)[0], expected)

    def test_holes_do_not_count_for_supports_and_findings(self, fitted_to):
        counts = np.column_stack([np.arange(N) % 2, COMPLETE[:, 1]])
        counts[::3, 0], counts[1::3, 1] = np.nan, np.nan
        with pytest.warns(DegenerateColumnWarning, match=r"column 0 \(whole numbers\)"):
            fitted_to(density(), counts)
        with pytest.raises(ValueError, match="Row 1 has 1 in column 0"):
            density(support={0: (0, 0.5)}).fit(counts)
        constant = np.column_stack([np.full(N, np.nan), COMPLETE])
        constant[5, 0] = 3.0
        with pytest.warns(DegenerateColumnWarning, match=r"column 0 \(constant\)"):
            fitted_to(density(), constant)


class TestRowsAndColumnsWithoutCells:
    @pytest.mark.parametrize("weights", [None, np.arange(len(EMPTY)) % 3])
    @pytest.mark.parametrize(
        "kind", [np.asarray, lambda rows: dask.array.from_array(rows, chunks=50)]
    )
    def test_rows_are_left_out_with_one_warning(self, kind, weights, fitted_to):
        rest = None if weights is None else weights[REST]
        expected = fitted_to(density(), X, sample_weight=rest)[0]
        n_empty = 4 if weights is None else np.count_nonzero(weights[~REST])
        with pytest.warns(EmptyRowWarning, match=f"observed cell: {n_empty}") as caught:
            data = fitted_to(density(), kind(EMPTY), sample_weight=weights)[0]
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert_same(data, expected)

    def test_rows_of_a_classifier_and_a_detector(self, fitted_to, monkeypatch):
        y = np.where(REST, np.arange(len(EMPTY)) % 2, 1)
        shares = []
        monkeypatch.setattr(
            "skflow.estimators.classifier.check_priors", lambda *args: shares.append(args[2])
        )
        classify = classifier()
        expected = fitted_to(classify, X, y[REST])[0]
        with pytest.warns(EmptyRowWarning, match=": 4"):
            assert_same(fitted_to(classify, EMPTY, y)[0], expected)
        np.testing.assert_array_equal(*shares)
        expected = fitted_to(detector(), X)[0]
        with pytest.warns(EmptyRowWarning, match=": 4"):
            data = fitted_to(detector(), EMPTY)[0]
        assert_same(data, expected)
        assert data.counts.sum() == N

    @pytest.mark.filterwarnings("ignore::skflow.EmptyRowWarning")
    def test_too_few_rows(self, fitted_to):
        table = np.full((5, 2), np.nan)
        as_dask = dask.array.from_array(table)
        for given in (table, as_dask):
            with pytest.raises(ValueError, match=r"0 sample\(s\) with an observed cell"):
                density().fit(given)
        table[[1, 3]] = [[1.0, np.nan], [np.nan, 2.0]]
        with pytest.raises(ValueError, match=r"1 sample\(s\).* minimum of 2"):
            density().fit(table, sample_weight=[1, 1, 1, 0, 1])
        table[3, 1] = np.nan
        with pytest.raises(ValueError, match=r"1 sample\(s\).* minimum of 2"):
            density().fit(dask.array.from_array(table, chunks=2))

    def test_a_column_is_named(self, fitted_to, tmp_path):
        frame = pd.DataFrame(X, columns=NAMES).assign(hole=np.nan)
        frame.to_parquet(tmp_path / "X.parquet")
        for table in (frame, str(tmp_path / "X.parquet")):
            with pytest.raises(ValueError, match=r"no observed cell in column 'hole'.* Drop"):
                density().fit(table)


class TestOddCells:
    CODED = X.copy()
    CODED[::6, 1], CODED[5, 2] = -9999, 1e300
    AS_HOLES = np.where(np.isin(CODED, [-9999, 1e300]), np.nan, CODED)

    @pytest.mark.filterwarnings("ignore::skflow.EmptyRowWarning")
    @pytest.mark.parametrize("kind", [density, detector])
    def test_they_are_holes_in_the_fit(self, kind, fitted_to):
        expected = fitted_to(kind(), self.AS_HOLES)[0]
        with pytest.warns(DegenerateColumnWarning) as caught:
            data = fitted_to(kind(), self.CODED)[0]
        (warning,) = caught
        assert "-9999 in column 1; 1e+300 in column 2" in str(warning.message)
        assert "as not observed" in str(warning.message)
        assert_same(data, expected)

    def test_rows_that_become_equal_are_one(self, fitted_to):
        rows = np.vstack([self.CODED, [[7.0, -9999, np.nan], [7.0, 1e300, np.nan]]])
        with pytest.warns(DegenerateColumnWarning):
            data = fitted_to(detector(), rows)[0]
        own = (data.x[:, 0] == 7).numpy()
        assert data.x[own, 1].isnan().tolist() == [True]
        assert data.counts[own].tolist() == [2]
        assert data.weights[own].item() == pytest.approx(2 * data.weights.min().item())

    def test_a_classifier_draws_them_in_beside_holes(self, fitted_to):
        with pytest.warns(DegenerateColumnWarning, match="fit replaces such cells"):
            data = fitted_to(classifier(), self.CODED, np.arange(N) % 2)[0]
        assert data.x.isnan().sum() == np.isnan(self.CODED).sum()
        assert data.x.nan_to_num(0.0).abs().max() < 10


class TestStream:
    def test_moments_are_those_of_observed_cells(self, fitted_to, monkeypatch):
        monkeypatch.setattr(sources, "_CHUNK_SIZE", 16)
        weights = np.where(REST, 1.0 + np.arange(len(EMPTY)) % 3, 5.0)
        coded = EMPTY.copy()
        coded[::9, 0] = -9999
        seen = np.where(coded == -9999, np.nan, coded)
        expected = [_moments(column, weights) for column in seen.T]
        with pytest.warns() as caught:
            _, streamed = fitted_to(
                density(stream=True, max_rows=100), coded, sample_weight=weights
            )
        assert {w.category for w in caught} == {EmptyRowWarning, DegenerateColumnWarning}
        assert streamed.takes_holes
        standardize = streamed.input_transform(SINGLE_PROCESS).bijections[-1]
        np.testing.assert_allclose(
            np.stack([standardize.loc, standardize.scale], axis=1), expected, rtol=1e-9
        )
        held_out = streamed.held.observed[:10]
        holder = streamed._holder(seen, 0, dict.fromkeys(_bytes_of(held_out), 0))
        equal = (seen[:, None] == held_out) | (np.isnan(seen[:, None]) & np.isnan(held_out))
        assert (holder == 0).tolist() == equal.all(2).any(1).tolist()


def _moments(column, weights):
    own = ~np.isnan(column)
    mean = np.average(column[own], weights=weights[own])
    return mean, np.sqrt(np.average(np.square(column[own] - mean), weights=weights[own]))


def test_the_offset_of_a_share_is_that_of_rows_with_cells(tmp_path, monkeypatch):
    np.save(tmp_path / "X.npy", EMPTY)
    mapped = source_of(np.load(tmp_path / "X.npy", mmap_mode="r"))
    mapped.nan = HOLES
    detect = detector()
    scores = np.where(REST, np.arange(len(EMPTY)) + 1.0, 0.0)
    monkeypatch.setattr(detect, "_log_prob", lambda _: scores)
    expected = share_threshold(scores[REST], np.ones(N), 0.1)
    assert detect._offset_of_share(0.1, mapped, None) == expected
    assert detect._offset_of_share(0.1, EMPTY, np.ones(len(EMPTY))) == expected


class Independent(AnyOrderDensity):
    """Standard normal columns, of which those that are NaN do not count."""

    def __init__(self):
        torch.nn.Module.__init__(self)

    def log_prob(self, x, context=None):
        log_p = -0.5 * x.square() - 0.9189385332046727
        return log_p.nan_to_num(0.0).sum(-1)


class TestScores:
    def test_holes_and_rows_without_cells_reach_the_density(self, tmp_path):
        stub, frame = density(flow="auto"), pd.DataFrame(EMPTY, columns=NAMES)
        stub.n_features_in_, stub.feature_names_in_ = 3, np.array(NAMES, dtype=object)
        stub.flow_, stub.device_ = Independent(), torch.device("cpu")
        stub.supports_ = [Support()] * 3
        expected = np.nansum(-0.5 * EMPTY**2 - 0.9189385332046727, axis=1)
        assert (expected[~REST] == 0).all()
        frame.to_parquet(tmp_path / "X.parquet")
        objects = frame.astype(object).where(frame.notna(), pd.NA)
        for table in (frame, frame.convert_dtypes(), objects, pl.from_pandas(frame)):
            np.testing.assert_allclose(stub.score_samples(table), expected, rtol=1e-12)
        np.testing.assert_allclose(stub.score_samples(tmp_path / "X.parquet"), expected)
        assert stub.score(frame) == pytest.approx(expected.mean())
        with pytest.raises(ValueError, match="infinity in column 'v'"):
            stub.score_samples(frame.assign(v=np.inf))
        stub.flow_ = torch.nn.Identity()  # "auto" has led to a family of complete rows
        with pytest.raises(ValueError, match=r"NaN in column 'u' \(first in row 0.*\"any_order\""):
            stub.score_samples(frame)
