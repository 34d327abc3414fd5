"""Writes quality.md from the records in results/.

python docs/benchmarks/page.py > docs/benchmarks/quality.md
"""

import math
from collections import defaultdict
from pathlib import Path
from statistics import mean

from records import read
from rnade import PUBLISHED
from tables import SETS

RESULTS = Path(__file__).parent / "results"
OURS = ("skflow", "skflow fast")
SHORT = {"KDE": "kernels", "GMM": "Gaussians", "Vine": "vine", "NflowsNSF": "nflows"}
SHORT |= {"ZukoNSF": "zuko", "NormflowsNSF": "normflows", "Flowjax": "flowjax"}


def page():
    """The page as Markdown."""
    final = group(read(RESULTS / "quality.jsonl") + read(RESULTS / "peers.jsonl"))
    sections = {
        "scores": scores(final),
        "verdicts": verdicts(final),
        "seconds": seconds(final),
        "worst": worst(final),
        "stages": stages(final),
        "ablations": changes(read(RESULTS / "ablations.jsonl"), "recipe"),
        "rnade": rnade(read(RESULTS / "rnade.jsonl")),
        "divergence": divergence(read(RESULTS / "divergence.jsonl")),
    }
    return (Path(__file__).parent / "quality.md.in").read_text().format(**sections)


def group(records):
    """data set -> seed -> model -> record, the first record of each."""
    grouped = defaultdict(lambda: defaultdict(dict))
    for r in records:
        grouped[r["set"]][r["seed"]].setdefault(r["model"], r)
    return {name: grouped[name] for name in SETS if name in grouped}


def table(head, rows):
    """A Markdown table: the first column is aligned left, the others right."""
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def over_seeds(seeds, model, key):
    """The values of one model, one per seed."""
    return [s[model][key] for s in seeds.values() if key in s.get(model, {})]


def scores(final):
    """Mean log-likelihood over the seeds, with its standard error, by data set and model."""
    rows = []
    for name, seeds in final.items():
        first = next(iter(seeds.values()))["skflow"]
        cells = {}
        for model in [*OURS, *SHORT]:
            values = over_seeds(seeds, model, "ll")
            error = math.hypot(*over_seeds(seeds, model, "se")) / max(len(values), 1)
            cells[model] = (mean(values), error, len(values)) if values else None
        best = max(c[0] for c in cells.values() if c)
        row = [cell(c, best, len(seeds)) for c in cells.values()]
        rows.append([f"{name}, {first['n']:,} × {first['d']}", *row])
    return table(["set", *OURS, *SHORT.values()], rows)


def cell(values, best, n_seeds):
    """Mean and standard error; the best mean is bold, a missing seed is marked."""
    if values is None:
        return "–"
    number = f"{number_of(values[0])} ± {values[1]:.2f}"
    number = f"**{number}**" if values[0] == best else number
    return number if values[2] == n_seeds else number + "¹"


def number_of(value):
    n_decimals = 2 if abs(value) < 1000 else 0
    return f"{value:.{n_decimals}f}".replace("-", "−")


def best_peer(models, names=tuple(SHORT)):
    return max((models[m] for m in names if "ll" in models.get(m, {})), key=lambda r: r["ll"])


def verdicts(final):
    """Comparison with the best peer of each split."""
    rows = []
    for name, seeds in final.items():
        for seed, models in seeds.items():
            peer, row = best_peer(models), [f"{name}, seed {seed}"]
            row.append(f"{SHORT[peer['model']]} {number_of(peer['ll'])}")
            for model in OURS:
                gain = models[model]["ll"] - peer["ll"]
                error = max(models[model]["se"], peer["se"])
                word = "ahead" if gain > 0 else "level" if gain > -error else "behind"
                row += [f"{gain:+.2f}".replace("-", "−"), word]
            flow = models["skflow"]["flow"] - peer["ll"]
            rows.append([*row, f"{flow:+.2f}".replace("-", "−")])
    head = ["split", "best peer", "skflow", "", "fast", "", "flow alone"]
    return table(head, rows)


def seconds(final):
    """Fit times of the models of one run, and their sums over the data sets."""
    timed = [*OURS, "NormflowsNSF", "ZukoNSF"]
    rows, sums = [], defaultdict(float)
    for name, seeds in final.items():
        values = {m: over_seeds(seeds, m, "fit_s") for m in timed}
        if all(values.values()):  # sums are over the data sets that all of them can fit
            for m in timed:
                sums[m] += sum(values[m]) / len(values[m])
        shown = [f"{mean(v):.1f}" if v else "–" for v in values.values()]
        ratio = f"{mean(values['skflow']) / mean(values['ZukoNSF']):.1f}"
        rows.append([name, *shown, ratio])
    whole = sums["NormflowsNSF"] or 1.0
    rows.append(["**sum**", *(f"{sums[m]:.0f}" for m in timed), ""])
    rows.append(["**over normflows**", *(f"{sums[m] / whole:.2f}" for m in timed), ""])
    return table(["set", *OURS, "normflows", "zuko", "skflow / zuko"], rows)


def worst(final):
    """The lowest log p of any test sample of any seed."""
    models = [*OURS, *SHORT]
    rows = []
    for name, seeds in final.items():
        lowest = [over_seeds(seeds, m, "worst") for m in models]
        rows.append([name, *(number_of(min(v)) if v else "–" for v in lowest)])
    return table(["set", *OURS, *SHORT.values()], rows)


def stages(final):
    """Log-likelihood after each stage of a fit, and the weights of the components."""
    rows = []
    for name, seeds in final.items():
        for seed, models in seeds.items():
            r = models["skflow"]
            figures = [number_of(r[k]) for k in ("start", "member", "flow", "ll")]
            weights = ", ".join(f"{k} {v:.2f}" for k, v in r["weights"].items() if v >= 0.005)
            rows.append([f"{name}, seed {seed}", *figures, f"{r['se']:.2f}", weights])
    return table(["split", "start", "member", "flow", "net", "±", "weights"], rows)


def changes(records, reference):
    """Gain of each variant over the reference on the same splits, and ratio of the fit times."""
    by_variant = defaultdict(dict)
    for r in records:
        by_variant[r["model"]][r["set"], r["seed"]] = r
    base = by_variant.pop(reference)
    names = list(dict.fromkeys(name for name, _ in base))
    rows = []
    for variant, splits in by_variant.items():
        row = [variant]
        for name in names:
            gains = [splits[k]["ll"] - base[k]["ll"] for k in base if k[0] == name and k in splits]
            row.append(f"{mean(gains):+.2f}".replace("-", "−") if gains else "–")
        common = [k for k in base if k in splits]
        flow = mean(splits[k]["flow"] - base[k]["flow"] for k in common)
        net = mean(splits[k]["ll"] - base[k]["ll"] for k in common)
        ratio = sum(splits[k]["fit_s"] for k in common) / sum(base[k]["fit_s"] for k in common)
        means = [f"{net:+.2f}".replace("-", "−"), f"{flow:+.2f}".replace("-", "−")]
        rows.append([*row, *means, f"{ratio:.2f}"])
    return table(["without", *names, "mean", "mean of the flow", "time"], rows)


def rnade(records):
    """Mean over the folds, beside the published results."""
    rows = []
    for name, published in PUBLISHED.items():
        row = [name]
        for model in OURS:
            folds = [r["ll"] for r in records if r["set"] == name and r["model"] == model]
            spread = math.sqrt(mean((v - mean(folds)) ** 2 for v in folds) / (len(folds) - 1))
            row.append(f"{number_of(mean(folds))} ± {spread:.2f}")
        rows.append([*row, *(number_of(published[k]) if k in published else "–" for k in HEAD)])
    return table(["set", *OURS, *HEAD], rows)


HEAD = ("RNADE-MoG", "deep ensemble")


def divergence(records):
    """Divergence from the known densities; the lowest is bold."""
    by_case = {(r["set"], r["n"], r["model"]): r for r in records}
    models = list(dict.fromkeys(r["model"] for r in records))
    rows = []
    for name, n in dict.fromkeys((r["set"], r["n"]) for r in records):
        cases = [by_case.get((name, n, m)) for m in models]
        best = min(c["kl"] for c in cases if c)
        cells = [f"{c['kl']:.3f} ± {c['se']:.3f}" if c else "–" for c in cases]
        cells = [
            f"**{text}**" if c and c["kl"] == best else text
            for c, text in zip(cases, cells, strict=True)
        ]
        rows.append([f"{name}, {n:,} × {cases[0]['d']}", *cells])
    return table(["density", *(SHORT.get(m, m) for m in models)], rows)


if __name__ == "__main__":
    print(page())
