"""Fits and scores of tables in the memory of a dask cluster's workers."""

import dask.array
import numpy as np
import pytest

pytestmark = pytest.mark.slow


def test_fits_and_scores_of_data_on_workers(quick, moons, client, one_thread):
    local = quick(max_rows=150).fit(moons)
    on_workers = dask.array.from_array(moons, chunks=(70, 2)).persist()
    fitted = quick(max_rows=150).fit(on_workers)
    np.testing.assert_array_equal(fitted.score_samples(moons), local.score_samples(moons))
    scores = fitted.score_samples(on_workers)
    assert len(scores.chunks[0]) == 5
    np.testing.assert_allclose(scores.compute(), local.score_samples(moons), rtol=1e-11)
    assert float(scores.mean().compute()) == pytest.approx(local.score(moons))


def test_missing_values_on_workers_are_reported_with_column_and_row(quick, moons, client):
    with_nan = moons.copy()
    with_nan[123, 1] = np.nan
    with pytest.raises(ValueError, match=r"NaN in column 1 \(first in row 123"):
        quick(flow="nsf_ar").fit(dask.array.from_array(with_nan, chunks=(70, 2)))
