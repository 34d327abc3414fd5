"""Fits and scores of tables that lie on the workers of a dask cluster."""

import dask.array
import numpy as np
import pytest

pytestmark = pytest.mark.slow


def test_fits_and_scores_of_what_lies_on_workers(quick, moons, client, one_thread):
    here = quick(max_rows=150).fit(moons)
    there = dask.array.from_array(moons, chunks=(70, 2)).persist()
    fitted = quick(max_rows=150).fit(there)
    np.testing.assert_array_equal(fitted.score_samples(moons), here.score_samples(moons))
    scores = fitted.score_samples(there)
    assert len(scores.chunks[0]) == 5
    np.testing.assert_allclose(scores.compute(), here.score_samples(moons), rtol=1e-11)
    assert float(scores.mean().compute()) == pytest.approx(here.score(moons))


def test_names_the_missing_value_of_a_workers_part(quick, moons, client):
    holed = moons.copy()
    holed[123, 1] = np.nan
    with pytest.raises(ValueError, match=r"NaN in column 1 \(first in row 123"):
        quick().fit(dask.array.from_array(holed, chunks=(70, 2)))
