"""The code blocks of each page of the documentation run in order, without a warning."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "index.md", DOCS / "getting_started.md", DOCS / "faq.md"]
PAGES += sorted((DOCS / "guide").glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks_of(page):
    return BLOCK.findall(page.read_text(encoding="utf-8"))


WITH_CODE = {page.stem: "\n".join(blocks_of(page)) for page in PAGES if blocks_of(page)}


def test_the_pages_are_found():
    assert {"index", "getting_started", "families", "conditional", "files"} <= set(WITH_CODE)


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_CODE)
def test_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(WITH_CODE[page], f"{page}.md", "exec"), {})
