"""The scripts that measure time and memory run on toys. No test depends on what they measure."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import skflow

SECTIONS = {
    "train": {"shapes": ((2, 8),)},
    "floor": {"d": 2, "batch": 8},
    "score": {"n": 50, "widths": (2,)},
    "sample": {"n": 50, "widths": (2,)},
    "inverse": {"n": 50, "d": 2},
    "members": {"sizes": (30,), "max_iter": 2},
    "defaults": {"n": 50, "n_fit": 50, "n_kernel_scores": 10},
    "growth": {"sizes": (40, 60)},
    "large": {"sizes": (40, 60), "n_test": 20},
    "memmap": {"n_blocks": (1, 2), "block": 60},
    "parquet": {"n_blocks": (1, 2), "block": 60},
}
N_RECORDS = {"score": 2, "sample": 2, "inverse": 4, "defaults": 2, "growth": 3}
N_RECORDS |= {"large": 2, "memmap": 2, "parquet": 2}


class ToyPeer:
    def __init__(self, d):
        self.loc = torch.zeros(d, requires_grad=True)
        self.parameters = [self.loc]

    def log_prob(self, x):
        return -(x - self.loc).square().sum(1)

    def sample(self, n):
        return torch.zeros(n, len(self.loc))


@pytest.fixture
def speed(script, monkeypatch):
    """The script with toys in place of the peers."""
    module = script("speed")
    monkeypatch.setattr(module, "torch_peers", lambda d: {n: ToyPeer(d) for n in PEERS})
    monkeypatch.setattr(module, "zuko_autoregressive", ToyPeer)
    monkeypatch.setattr(module, "flowjax_times", lambda X: (1.0, 1.0))
    for constant, value in {"ROUNDS": 1, "N_FITS": 1, "MANY_EPOCHS": 3, "BLOCK": 32}.items():
        monkeypatch.setattr(module, constant, value)
    return module


PEERS = ("normflows", "zuko")


def test_every_section_is_run_here(speed):
    assert {section.__name__ for section in speed.SECTIONS} == {*SECTIONS, "compiled", "startup"}


def check(records, n_records):
    assert len(records) == n_records
    for record in records:
        json.dumps(record)
        numbers = [value for value in record.values() if isinstance(value, float)]
        assert np.isfinite([*numbers, *record.get("ratios", {}).values()]).all()


@pytest.mark.parametrize("section", SECTIONS)
def test_section_of_speed(speed, section):
    check(list(getattr(speed, section)(**SECTIONS[section])), N_RECORDS.get(section, 1))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch, as in the script
def test_compiled_section_of_speed(speed):
    check(list(speed.compiled(shapes=((2, 8),))), 1)


@pytest.mark.slow
def test_startup_section_of_speed(speed, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(skflow.__file__).parents[1]))
    check(list(speed.startup(n=1)), 1)


def test_speed_appends_the_records_of_the_sections_asked_for(speed, monkeypatch, tmp_path):
    def train():
        yield {"what": "toy"}

    monkeypatch.setattr(speed, "SECTIONS", [train, speed.floor])
    out = tmp_path / "records.jsonl"
    speed.main(["--out", str(out), "--only", "train"])
    assert json.loads(out.read_text()) == {"section": "train", "what": "toy"}


@pytest.fixture
def streaming(script, monkeypatch):
    module = script("streaming")
    monkeypatch.setattr(module, "BLOCK", 500)
    monkeypatch.setattr(module, "N_TEST", 50)
    return module


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("section", "n_records"),
    [pytest.param("mixing", 12, marks=pytest.mark.slow), ("memory", 3)],
)
def test_section_of_streaming(streaming, monkeypatch, tmp_path, section, n_records):
    def fit_here(path, **params):
        return params | streaming.measure(str(path), streaming.FLOW | params)

    monkeypatch.setattr(streaming, "fit", fit_here)
    out = tmp_path / "records.jsonl"
    streaming.main(["--out", str(out), "--only", section])
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert {record["section"] for record in records} == {section}
    check(records, n_records)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_streaming_measures_a_fit_to_a_parquet_file(streaming, tmp_path):
    path = streaming.write(tmp_path / "toy", streaming.rows(200))["parquet"]
    check([streaming.measure(str(path), streaming.FLOW | {"stream": True, "max_rows": 20})], 1)


@pytest.mark.slow
def test_streaming_fits_in_another_process(script, monkeypatch, tmp_path):
    streaming = script("streaming")
    monkeypatch.setenv("PYTHONPATH", str(Path(skflow.__file__).parents[1]))
    paths = streaming.write(tmp_path / "toy", streaming.rows(1000))
    record = streaming.fit(paths["parquet"], stream=True, max_rows=100)
    assert record["kind"] == "parquet"
    assert np.isfinite(record["log_likelihood"])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_deadlines_continues_a_file(script, monkeypatch, tmp_path):
    deadlines = script("deadlines")
    monkeypatch.setattr(deadlines, "SIZES", ((60, 2),))
    monkeypatch.setattr(deadlines, "SECONDS", (0.0625, 60.0))
    monkeypatch.setattr(deadlines, "N_TEST", 20)
    out = tmp_path / "records.jsonl"
    for _ in range(2):
        deadlines.main(["--out", str(out)])
    records = [json.loads(line) for line in out.read_text().splitlines()]
    check(records, 2)
    assert [record["max_time"] for record in records] == [0.0625, 60.0]
    assert records[1]["n_epochs"] == 3  # those of the toy fit, for which there is time
