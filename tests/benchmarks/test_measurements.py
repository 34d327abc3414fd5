"""The scripts that fit models run on toy data, and append a record of finite numbers for each."""

import json
from collections import Counter

import numpy as np
import pytest
from scipy.stats import poisson

RUNS = {
    "classes": (["--sets", "ionosphere_rnade"], 8),
    "conditional": (["--sets", "concrete,boston_rnade:9"], 2 * 6 + 1),
    "continuous": (["--sets", "two_moons,faithful", "--models", "flow_matching,nsf_ar"], 4),
    "divergence": (["--models", "skflow,GMM,KDE"], 9),
    "draws": (["--sets", "faithful", "--models", "skflow,GMM"], 2),
    "outliers": (["--sets", "annthyroid_ad"], 5),
    "quality": (["--sets", "faithful", "--models", "skflow,KDE,GMM", "--seeds", "1"], 3),
    "rnade": (["--sets", "wine_red_rnade"], 4),
    "supports": (["--seeds", "0"], 6),
    "whole_numbers": (["--efforts", "fast"], 2 * 2 + 1 + 1),
}
SMALL = {
    "classes": {"N_SPLITS": 2},
    "conditional": {"N_SPLITS": 1, "N_KNOWN": 60},
    "continuous": {"MAX_TRAIN": 60, "N_TEST": 20},
    "divergence": {"SIZES": (60,), "N_TEST": 20},
    "draws": {"N_DRAWS": 200},
    "rnade": {"N_FOLDS": 2},
    "whole_numbers": {
        "SIZES": (60,),
        "SHARES": (0.2,),
        "N_COUNTS": (60,),
        "COUNTS": {"Poisson 5": poisson(5)},
        "TABLES": ("1 rating",),
        "N_TABLE": 60,
    },
}
MEASURED = {
    "classes": {"accuracy", "log_loss", "calibration_error", "seconds"},
    "conditional": {"ll", "se", "worst", "coverage", "seconds"},
    "continuous": {"fit_s", "score_ms", "ll", "se"},
    "divergence": {"kl", "se", "d"},
    "draws": {"outside", "own", "shift", "shifted", "ll", "se", "seconds"},
    "outliers": {"auc", "seconds"},
    "quality": {"fit_s", "score_s", "ll", "se", "worst", "nonfinite"},
    "rnade": {"ll", "nonfinite"},
    "whole_numbers": {"observed", "fitted", "right", "fit_s"},
    "supports": {"undeclared", "declared", "gain", "se", "undeclared_s", "declared_s"},
}


@pytest.fixture
def run(script, toy_data, tmp_path, monkeypatch):
    """Run a script with small constants, and return the records that it has written."""

    def run(name, options):
        module = script(name)
        script("models")
        for constant, value in SMALL.get(name, {}).items():
            assert hasattr(module, constant)
            monkeypatch.setattr(module, constant, value)
        out = tmp_path / "records.jsonl"
        module.main([str(toy_data), "--out", str(out), *options])
        return [json.loads(line) for line in out.read_text().splitlines()]

    return run


@pytest.mark.parametrize("name", RUNS)
def test_script_runs(run, name):
    options, n_records = RUNS[name]
    records = run(name, options)
    assert len(records) == n_records
    failed = {record["model"] for record in records if "error" in record}
    assert failed <= {"NGBoost"}  # a peer that need not be installed
    complete = [record for record in records if MEASURED[name] <= record.keys()]
    assert complete
    for record in complete:
        assert np.isfinite([record[key] for key in MEASURED[name]]).all(), record


@pytest.mark.parametrize("name", [name for name in RUNS if name != "supports"])
def test_a_second_run_measures_nothing_again(run, name):
    options, _ = RUNS[name]
    assert run(name, options) == run(name, options)


def test_conditional_divergence_is_measured(run):
    conditional = run("conditional", ["--sets", "concrete", "--models", "linear"])
    (known,) = [record for record in conditional if "kl" in record]
    assert np.isfinite([known["kl"], known["se"]]).all()


def test_false_alarms_of_the_detector_are_measured_once(script, tmp_path, monkeypatch):
    p_values, out = script("p_values"), tmp_path / "records.jsonl"
    monkeypatch.setattr(p_values, "SIZES", (60,))
    monkeypatch.setattr(p_values, "COLUMNS", (1, 2))
    monkeypatch.setattr(p_values, "FITS", {"fast": {60: 2}, "full": {60: 1}})
    monkeypatch.setattr(p_values, "N_TEST", 50)
    for _ in range(2):
        p_values.main(["--out", str(out)])
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(r["effort"], r["d"], r["seed"]) for r in records] == [
        *(("fast", 1, 0), ("fast", 1, 1), ("fast", 2, 0), ("fast", 2, 1)),
        *(("full", 1, 0), ("full", 2, 0)),
    ]
    for record in records:
        assert record["smallest"] >= 1 / 61
        assert record["alarms"] == sorted(record["alarms"])
        assert 0 <= record["alarms"][0] == record["predicted"] <= record["alarms"][2] <= 1


@pytest.mark.parametrize("family", ["flow_matching_ot", "diffusion", "cnf"])
def test_every_continuous_family_is_measured(script, family):
    continuous = script("continuous")
    assert family in continuous.FAMILIES
    rows = np.random.default_rng(0).normal(size=(60, 2))
    record = continuous.measure(family, continuous.Split(rows[:50], rows[50:]))
    assert np.isfinite(record["ll"])


def test_development_split_holds_out_training_samples_of_the_final_split(script, toy_data):
    tables = script("tables")
    final, development = (
        split("faithful", toy_data, seed=0)
        for split in (tables.final_split, tables.development_split)
    )
    assert [len(final.train), len(final.test)] == [64, 16]
    np.testing.assert_array_equal(np.vstack([development.test, development.train]), final.train)


def test_constant_columns_are_dropped(script):
    tables = script("tables")
    X = np.column_stack([np.arange(5.0), np.ones(5)])
    split = tables.Split.of(X, X + 1)
    assert split.train.shape == split.test.shape == (5, 1)


def test_outlier_sets_made_from_those_of_scikit_learn(script, toy_data):
    outliers = script("outliers")
    for name, n_outliers in [("breast_cancer", 36), ("digits", 20)]:
        X, outlying = outliers.load(name, toy_data)
        assert outlying.sum() == n_outliers
        np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-9)


def test_class_sets_of_scikit_learn(script, toy_data):
    classes = script("classes")
    X, y = classes.load("digits", toy_data)
    assert X.shape == (1797, 16)
    assert set(Counter(y)) == set(range(10))
    seed, (train, *_) = next(classes.splits(*classes.load("wine", toy_data)))
    assert (seed, train.shape) == (0, (142, 13))


def test_families_prints_a_row_for_every_density(script, monkeypatch, capsys):
    families = script("families")
    monkeypatch.setattr(families, "N_SAMPLES", 60)
    monkeypatch.setattr(families, "N_GRID", 101)
    families.main()
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith("| `")]
    assert len(rows) == 2 * len(families.FAMILIES) + 2
    for _, _, integral, _ in rows:
        assert 0.5 < float(integral) < 1.5


@pytest.mark.parametrize("name", ["kernels", pytest.param("flow", marks=pytest.mark.slow)])
def test_false_alarms_counts_the_runs_that_fail(script, capsys, name):
    false_alarms = script("false_alarms")
    false_alarms.main("1", name)
    assert capsys.readouterr().out.startswith(f"{name}: 0 of 1 runs with a failure; {{'passed'")
