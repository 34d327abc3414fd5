"""Writes columns.md from the records in results/.

python docs/benchmarks/columns_page.py > docs/benchmarks/columns.md
"""

from pathlib import Path

from page import table
from records import read

FOLDER = Path(__file__).parent
DASH = "\N{MINUS SIGN}"
WHATS = ("flag", "target")  # of a density and of a regressor


def page(draws_records, number_records):
    """The page as Markdown."""
    sections = {
        "draws": draws(draws_records),
        "flags": flags(number_records),
        "counts": counts(number_records),
    }
    return (FOLDER / "columns.md.in").read_text(encoding="utf-8").format(**sections)


def draws(records):
    """Draws far outside and shifted means, by data set."""
    by_set = {}
    for record in records:
        by_set.setdefault(record["set"], {})[record["model"]] = record
    head = ["set", "skflow", "Gaussians", "held out", "largest shift", "log-likelihood"]
    rows = [_row(name, models) for name, models in by_set.items()]
    return table(head, rows)


def _row(name, models):
    ours, peer = models["skflow"], models["GMM"]
    return [
        f"{name}, {ours['n']:,} × {ours['d']}",
        *(f"{1e4 * value:.1f}" for value in (ours["outside"], peer["outside"], ours["own"])),
        f"{ours['shift']:.2f}" + (f" ({ours['shifted']})" if ours["shifted"] else ""),
        f"{ours['ll']:.2f} ± {ours['se']:.2f}".replace("-", DASH),
    ]


def flags(records):
    """Fitted shares of ones by sample size and share; the mean of supports and estimators."""
    kept = [r for r in records if r["what"] in WHATS and r["effort"] == "fast"]
    keys = sorted({(r["n"], r["share"]) for r in kept})
    rows = []
    for n, share in keys:
        cells = [r for r in kept if (r["n"], r["share"]) == (n, share)]
        rows.append(
            [
                f"{n:,}",
                f"{share:g}",
                f"{cells[0]['observed']:.4f}",
                *(_fitted(cells, what, name) for what in WHATS for name in ("integer", "bounded")),
                f"{sum(r['right'] for r in cells)} of {len(cells)}",
            ]
        )
    head = ["n", "share", "in the samples", "density", "density, bounded"]
    head += ["regressor", "regressor, bounded", "right"]
    return table(head, rows)


def _fitted(cells, what, support):
    (record,) = (r for r in cells if (r["what"], r["support"]) == (what, support))
    return f"{max(record['fitted'], 0):.4f}"


def counts(records):
    """Worst error of a value's share, and divergence from the truth."""
    kept = [r for r in records if r["what"] == "counts" and r["effort"] == "fast"]
    rows = [[r["name"], f"{r['n']:,}", f"{r['errors']:.2f}", f"{r['kl']:.4f}"] for r in kept]
    return table(["distribution", "n", "worst error", "divergence, nats"], rows)


if __name__ == "__main__":
    results = FOLDER / "results"
    print(page(read(results / "draws.jsonl"), read(results / "whole_numbers.jsonl")))
