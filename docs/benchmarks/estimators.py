"""Writes estimators.md from the records in results/.

python docs/benchmarks/estimators.py > docs/benchmarks/estimators.md
"""

from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev

from p_values import ALPHAS
from page import table
from records import read

HERE = Path(__file__).parent


def page():
    """The page as Markdown."""
    conditional, classes, outliers, p_values = (
        read(HERE / "results" / f"{name}.jsonl")
        for name in ("conditional", "classes", "outliers", "p_values")
    )
    sections = {
        "likelihood": averages(conditional, "ll", max),
        "coverage": averages(conditional, "coverage"),
        "divergence": divergences(conditional),
        "accuracy": averages(classes, "accuracy", max),
        "log_loss": averages(classes, "log_loss", min),
        "calibration": averages(classes, "calibration_error", min),
        "against_qda": differences(classes, "skflow", "QDA"),
        "auc": averages(outliers, "auc", max, with_mean=True),
        "alarms": alarms(p_values),
    }
    return (HERE / "estimators.md.in").read_text().format(**sections)


def averages(records, key, best=None, with_mean=False):
    """Means over the seeds: a row for each data set, a column for each model."""
    values = defaultdict(lambda: defaultdict(list))
    for r in records:
        if key in r:
            values[f"{r['set']}, {r['n']:,} × {r['d']}"][r["model"]].append(r[key])
    models = list(dict.fromkeys(m for row in values.values() for m in row))
    rows = []
    for name, row in values.items():
        means = {m: mean(v) for m, v in row.items()}
        winner = best(means.values()) if best else None
        rows.append([name, *(cell(means.get(m), winner) for m in models)])
    if with_mean:
        rows.append(["**mean**", *(f"{over_sets(values, m):.3f}" for m in models)])
    return table(["set", *models], rows)


def differences(records, ours, peer):
    """Paired differences between two models over the splits: mean and standard error."""
    keys = ("accuracy", "log_loss", "calibration_error")
    by_split = defaultdict(lambda: defaultdict(dict))
    for r in records:
        by_split[r["set"]][r["seed"]][r["model"]] = r
    rows = []
    for name, splits in by_split.items():
        gaps = [[s[ours][key] - s[peer][key] for s in splits.values()] for key in keys]
        cells = (f"{mean(g):+.4f} ± {stdev(g) / len(g) ** 0.5:.4f}" for g in gaps)
        rows.append([name, *(cell.replace("-", "−") for cell in cells)])
    return table(["set", "accuracy", "log-loss", "calibration error"], rows)


def over_sets(values, model):
    """Mean over the data sets of the means over the seeds."""
    return mean(mean(row[model]) for row in values.values())


def cell(value, winner):
    if value is None:
        return "–"
    text = f"{value:.3f}".replace("-", "−")
    return f"**{text}**" if value == winner else text


def divergences(records):
    rows = [[r["set"], f"{r['kl']:.3f} ± {r['se']:.3f}"] for r in records if "kl" in r]
    return table(["density", "skflow"], rows)


def alarms(records):
    """Shares of new rows with a p-value of at most α: means over the fits, standard errors."""
    groups = defaultdict(list)
    for r in records:
        groups[f"{r['n']:,} × {r['d']}"].append(r)
    for r in records:
        groups[f"**all, {r['effort']}**"].append(r)
    rows = []
    for name, fits in groups.items():
        shares = zip(*([*r["alarms"], r["predicted"]] for r in fits), strict=True)
        cells = (f"{mean(s):.4f} ± {stdev(s) / len(s) ** 0.5:.4f}" for s in shares)
        rows.append([name, len(fits), *cells])
    return table(["rows to fit", "fits", *(f"p ≤ {a}" for a in ALPHAS), "predict"], rows)


if __name__ == "__main__":
    print(page(), end="")
