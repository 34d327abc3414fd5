"""Writes speed.md and its figure from speed.jsonl, fits.jsonl and deadlines.jsonl in results/.

python docs/benchmarks/speed_page.py
"""

from pathlib import Path

from page import table
from records import read

HERE = Path(__file__).parent
NAMES = {"seconds": "seconds", "compiling": "compiling", "peak_gb": "peak GB"}
NAMES |= {"fit_gb": "fit, peak GB", "score_gb": "scores, peak GB"}
NAMES |= {"log_likelihood": "log-likelihood"}


def page(records):
    """The page as Markdown."""
    sections = list(dict.fromkeys(r["section"] for r in records))
    tables = {s: section_table([r for r in records if r["section"] == s]) for s in sections}
    tables["fits"] = fits_table(read(HERE / "results" / "fits.jsonl"))
    tables["deadlines"] = deadlines_table(read(HERE / "results" / "deadlines.jsonl"))
    rate = next(r["gflops"] for r in records if "gflops" in r)
    return (HERE / "speed.md.in").read_text().format(gflops=f"{rate:.0f}", **tables)


def section_table(records):
    """A row for each record, a column for each quantity that was measured."""
    measured = [key for key in NAMES if any(key in r for r in records)]
    ratios = list(dict.fromkeys(name for r in records for name in r.get("ratios", {})))
    rows = [
        [
            r["what"],
            *(cell(r.get(key)) for key in measured),
            *(cell(r.get("ratios", {}).get(name)) for name in ratios),
        ]
        for r in records
    ]
    return table(["", *(NAMES[key] for key in measured), *ratios], rows)


def fits_table(records):
    """Times and log-likelihoods of default fits, and the sums of the times."""
    models = ("skflow", "skflow fast", "NormflowsNSF")
    fits = {(r["set"], r["model"]): r for r in records}
    sets = [name for name, model in fits if model == models[-1] and "ll" in fits[name, model]]
    seconds = {name: [fits[name, m]["fit_s"] for m in models] for name in sets}
    rows = [
        [name, *(f"{s:.1f}" for s in seconds[name]), *(cell(fits[name, m]["ll"]) for m in models)]
        for name in sets
    ]
    sums = [sum(column) for column in zip(*seconds.values(), strict=True)]
    rows.append(["all", *map(cell, sums), "–", "–", "–"])
    rows.append(["over normflows", *(cell(s / sums[-1]) for s in sums), "–", "–", "–"])
    names = ["skflow", "fast", "normflows"]
    return table(["", *(f"{n}, s" for n in names), *(f"{n}, nats" for n in names)], rows)


def deadlines_table(records):
    """Seconds that fits took, by size and max_time, with epochs and log-likelihoods."""
    limits = list(dict.fromkeys(r["max_time"] for r in records))
    by_size = {}
    for r in records:
        measured = f"{r['seconds']:.1f} s, {r['n_epochs']} epochs, {cell(r['log_likelihood'])}"
        by_size.setdefault(f"{r['n']:,} × {r['d']}", []).append(measured)
    head = ["rows × columns", *(f"max_time={limit:g}" for limit in limits)]
    return table(head, [[size, *cells] for size, cells in by_size.items()])


def cell(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}".replace("-", "−")


def draw(records):
    """A figure of the times over the number of rows and of columns."""
    import matplotlib.pyplot as plt

    figure, (over_rows, over_columns) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    _draw_growth(over_rows, [r for r in records if r["section"] == "growth"])
    _draw_scores(over_columns, [r for r in records if r["section"] == "score"])
    return figure


def _draw_growth(axes, records):
    for record in records:
        axes.loglog(record["sizes"], record["times"], "o-", label=record["what"])
    axes.set(xlabel="rows of 8 columns", ylabel="seconds", title="Linear in the rows")
    axes.legend()


def _draw_scores(axes, records):
    for dtype in ("float64", "float32"):
        ours = [r for r in records if r["what"].endswith(dtype)]
        n_columns = [int(r["what"].split()[0]) for r in ours]
        axes.loglog(n_columns, [r["seconds"] for r in ours], "o-", label=f"skflow, {dtype}")
    for peer in ("normflows", "zuko", "flowjax"):
        seconds = [r["seconds"] * r["ratios"][peer] for r in ours]
        axes.loglog(n_columns, seconds, "o--", label=f"{peer}, float32")
    axes.set(xlabel="columns", ylabel="seconds", title="Scores of 100,000 rows")
    axes.minorticks_off()
    axes.set_xticks(n_columns, [str(d) for d in n_columns])
    axes.set_yticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
    axes.legend(fontsize="small", loc="upper left")


def main():
    records = read(HERE / "results" / "speed.jsonl")
    (HERE / "speed.md").write_text(page(records))
    draw(records).savefig(HERE.parent / "images" / "speed.png", dpi=120)


if __name__ == "__main__":
    main()
