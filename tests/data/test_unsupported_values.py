"""Dates and masked cells raise one error each, which names the column and says what to do."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skflow.data.unsupported_values import check_no_times, check_not_masked

DAYS = pd.date_range("2020-01-01", periods=60)
FRAME = pd.DataFrame({"x": np.arange(60.0)})
TABLES = {
    "pandas": FRAME.assign(t=DAYS),
    "pandas, alone": pd.DataFrame({"t": DAYS}),
    "with a time zone": FRAME.assign(t=DAYS.tz_localize("UTC")),
    "durations": FRAME.assign(t=DAYS - DAYS[0]),
    "periods": FRAME.assign(t=DAYS.to_period("D")),
    "objects": FRAME.assign(t=np.array(DAYS.to_pydatetime(), dtype=object)),
    "dates": FRAME.assign(t=pd.Series([day.date() for day in DAYS], dtype=object)),
    "polars datetimes": pl.DataFrame({"x": np.arange(60.0), "t": DAYS.to_pydatetime().tolist()}),
    "polars dates": pl.DataFrame({"t": [day.date() for day in DAYS]}),
    "polars durations": pl.DataFrame({"t": [datetime.timedelta(k) for k in range(60)]}),
}
ARRAYS = {
    "datetimes": DAYS.to_numpy()[:, None],
    "timedeltas": (DAYS - DAYS[0]).to_numpy()[:, None],
    "objects": np.array(DAYS.to_pydatetime(), dtype=object)[:, None],
}


@pytest.mark.parametrize("kind", TABLES)
def test_dates_in_a_data_frame(kind, quick):
    message = r"column 't'.*Convert dates to numbers first.*\(X\['t'\] - X\['t'\]\.min\(\)\)"
    with pytest.raises((TypeError, ValueError), match=message):
        quick().fit(TABLES[kind])


@pytest.mark.parametrize("kind", ARRAYS)
def test_dates_in_an_array(kind, quick):
    with pytest.raises((TypeError, ValueError), match=r"column 0.*\(X - X\.min\(\)\)"):
        quick().fit(ARRAYS[kind])


def test_dates_of_targets_and_at_scoring(quick):
    with pytest.raises(ValueError, match=r"Input y has the type datetime64.*\(y - y\.min\(\)\)"):
        check_no_times(DAYS.to_series(), "y")
    fitted = quick().fit(np.random.default_rng(0).normal(size=(50, 1)))
    with pytest.raises(ValueError, match="Convert dates"):
        fitted.score_samples(ARRAYS["datetimes"])


def test_the_advice_works():
    X = TABLES["pandas"]
    days = (X["t"] - X["t"].min()).dt.total_seconds() / 86400
    assert days.tolist() == list(range(60))
    X = TABLES["polars datetimes"]
    days = (X["t"] - X["t"].min()).dt.total_seconds() / 86400
    assert days.to_list() == list(range(60))
    X = ARRAYS["datetimes"]
    assert ((X - X.min()) / np.timedelta64(1, "D")).ravel().tolist() == list(range(60))


@pytest.mark.parametrize("table", [FRAME, FRAME["x"], pl.from_pandas(FRAME), [[1.0]], None])
def test_numbers_pass(table):
    check_no_times(table)
    check_not_masked(table)


class TestMaskedCells:
    X = np.ma.masked_equal(np.where(np.arange(120).reshape(60, 2) % 25 == 13, -9999, 0.5), -9999)

    def test_the_first_is_named_and_all_are_counted(self):
        message = r"X has 5 masked cells, the first in column 1, row 6, .*X\.filled\(np\.nan\)"
        with pytest.raises(ValueError, match=message):
            check_not_masked(self.X)
        with pytest.raises(ValueError, match=r"sample_weight has 2 masked .* first in row 19,"):
            check_not_masked(self.X[:, 0], "sample_weight")

    def test_in_fits_and_scores(self, quick, moons):
        masked = np.ma.array(moons, mask=np.arange(600).reshape(300, 2) == 7)
        weights = np.ma.array(np.ones(300), mask=np.arange(300) == 4)
        with pytest.raises(ValueError, match="column 1, row 3"):
            quick(flow="nsf_ar").fit(masked)
        with pytest.raises(ValueError, match="sample_weight has 1 masked cells"):
            quick().fit(moons, sample_weight=weights)
        fitted = quick(flow="nsf_ar").fit(np.ma.array(moons))  # without masked cells
        with pytest.raises(ValueError, match="column 1, row 3"):
            fitted.score_samples(masked)
        with pytest.raises(ValueError, match="sample_weight has 1 masked cells"):
            fitted.score(moons, sample_weight=weights)
