"""What a request may take is judged by the memory of the machine or container."""

import os

import pytest

from skflow.runtime import memory
from skflow.runtime.memory import check_memory, format_bytes, total_memory


def test_the_limit_is_the_physical_memory_or_that_of_the_container(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "_LIMIT_OF_CONTAINER", limit)
    sizes = {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__, raising=False)
    assert total_memory() == 4_096_000
    limit.write_text("max\n")
    assert total_memory() == 4_096_000
    limit.write_text("1000\n")
    assert total_memory() == 1000


def test_without_sysconf_64_gb_are_assumed(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_LIMIT_OF_CONTAINER", tmp_path / "none")
    monkeypatch.delattr(os, "sysconf", raising=False)
    assert total_memory() == 64 * 2**30


def test_what_does_not_fit_is_refused_with_both_sizes(monkeypatch):
    monkeypatch.setattr(memory, "total_memory", lambda: 16 * 10**9)
    check_memory("n=3", 16 * 10**9, "Use less.")
    message = r"^n=4 needs at least 64 TB of memory, but this machine has 16 GB\. Use less\.$"
    with pytest.raises(ValueError, match=message):
        check_memory("n=4", 64 * 10**12, "Use less.")


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 bytes"),
        (999, "1000 bytes"),
        (1234, "1.2 kB"),
        (25 * 10**9, "25 GB"),
        (10**12, "1 TB"),
        (10**22, "10000 EB"),
    ],
)
def test_sizes_are_written_in_units(n_bytes, text):
    assert format_bytes(n_bytes) == text
