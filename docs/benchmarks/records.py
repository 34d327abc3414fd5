"""The command line that the benchmark scripts share, and the files that they append to."""

import argparse
import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch


def option_parser(doc: str, **defaults: Sequence) -> argparse.ArgumentParser:
    """DATA, --out, and a comma-separated option, --sets or --models, for each default."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the data sets, see tables.py")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines, appended to")
    for name, values in defaults.items():
        kind = type(values[0])
        parser.add_argument(
            f"--{name}",
            type=lambda text, kind=kind: [kind(value) for value in text.split(",")],
            default=list(values),
            help="comma-separated, default: %(default)s",
        )
    return parser


def use_one_thread() -> None:
    """Time on one core, and without warnings between the records."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")


def read(path: Path) -> list[dict]:
    """The records of a file; none if there is no file yet."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class Records:
    """A file of records that a later run continues: what it contains is not measured again.

    `labels` names the entries that identify a record.
    """

    def __init__(self, path: Path, *labels: str):
        self.path, self.labels = path, labels
        self._present = {tuple(record.get(name) for name in labels) for record in read(path)}

    def add(self, measure: Callable[..., dict], *arguments, **labels) -> None:
        """Append the labels and what `measure(*arguments)` returns, unless it is there."""
        if tuple(labels[name] for name in self.labels) not in self._present:
            append(self.path, labels | measure(*arguments))


def append(path: Path, record: dict) -> None:
    """Print a record, and add it to a file."""
    print(json.dumps(record), flush=True)
    with path.open("a") as file:
        file.write(json.dumps(record) + "\n")
