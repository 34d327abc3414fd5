"""The pages of the benchmarks are what the scripts write from the records beside them."""

from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs" / "benchmarks"
RECORDS = DOCS / "results"


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("page", "quality"),
        ("columns_page", "columns"),
        ("estimators", "estimators"),
        ("continuous", "continuous"),
        ("supports", "supports"),
        ("speed_page", "speed"),
    ],
)
def test_the_page_is_up_to_date(script, name, page):
    module, read = script(name), script("records").read
    arguments = [] if page in ("quality", "estimators") else [read(RECORDS / f"{page}.jsonl")]
    if page == "columns":
        arguments = [read(RECORDS / f"{r}.jsonl") for r in ("draws", "whole_numbers")]
    expected = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    assert module.page(*arguments).rstrip() == expected.rstrip()


def test_figure_of_the_speed_page(script):
    figure = script("speed_page").draw(script("records").read(RECORDS / "speed.jsonl"))
    growth, columns = figure.axes
    assert len(growth.lines) == 3
    assert [line.get_label() for line in columns.lines] == [
        *("skflow, float64", "skflow, float32"),
        *("normflows, float32", "zuko, float32", "flowjax, float32"),
    ]
