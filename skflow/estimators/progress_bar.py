"""The progress bar of a fit: its stage, its epochs, the held-out score, and why it ended."""

from types import TracebackType
from typing import Self

from tqdm.auto import tqdm

from skflow.fitting.fit_context import Progress
from skflow.fitting.stages import Ending


class ProgressBar:
    """A line on stderr, which counts epochs as `n_iter_` does.

    Parameters
    ----------
    title : str
        What is being fitted.
    shown : bool
        Whether anything is written.
    """

    def __init__(self, title: str, shown: bool):
        self._title = title
        self._bar = tqdm(desc=title, unit=" epochs", disable=not shown)
        self._last: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()

    def begin(self, stage: str) -> None:
        """Show that a stage begins."""
        self._bar.set_description(f"{self._title}: {stage}")

    def update(self, progress: Progress) -> None:
        """Show how far training has come."""
        self._last = progress
        self._bar.total = progress.n_epochs
        if progress.score is not None:
            self._bar.set_postfix({"validation": f"{progress.score:.3f}"}, refresh=False)
        self._bar.update(progress.epoch - self._bar.n)

    def end(self, ending: Ending | None) -> None:
        """Show why the fit ended: "stopped early: 190 of 200 epochs"."""
        last = self._last
        if ending is not None:
            reason = f"{ending.cause} while {ending.stage}"
        elif last is not None and last.step < last.n_steps:
            reason = "stopped early"
        else:
            reason = "finished"
        epochs = "" if last is None else f": {last.epoch} of {last.n_epochs} epochs"
        self._bar.set_description(f"{self._title}: {reason}{epochs}")
