"""Atomic writes: the old content or all of the new one, and no temporary files."""

import builtins
import io
import os

import pytest

from skflow.serialization.atomic_write import write_atomically


def test_a_file_is_written_and_replaced(tmp_path, monkeypatch):
    write_atomically(tmp_path / "file", b"old")
    assert (tmp_path / "file").read_bytes() == b"old"
    monkeypatch.chdir(tmp_path)
    write_atomically("file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()], ids=repr)
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step, error):
    def fail(*args):
        raise error

    class FailingFile(io.FileIO):
        write = fail

    (tmp_path / "file").write_bytes(b"old")
    if step == "write":
        monkeypatch.setattr(
            builtins, "open", lambda path, mode: FailingFile(path, mode.strip("b"))
        )
    else:
        monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        write_atomically(tmp_path / "file", b"new")
    monkeypatch.undo()
    assert (tmp_path / "file").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_data_are_complete_before_they_get_their_name(tmp_path, monkeypatch):
    replaced = []
    replace = os.replace

    def recording_replace(source, target):
        replaced.append((source.parent, source.read_bytes(), target.exists()))
        replace(source, target)

    monkeypatch.setattr(os, "replace", recording_replace)
    write_atomically(tmp_path / "file", b"content")
    assert replaced == [(tmp_path.resolve(), b"content", False)]


def test_the_target_of_a_symbolic_link_is_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    write_atomically(tmp_path / "link", b"content")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "file").read_bytes() == b"content"


def test_a_missing_directory_raises(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "file", b"content")
