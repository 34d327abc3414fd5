"""The stages of a fit: shown as they begin, and cut short together by a deadline or by Ctrl-C."""

import math
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any, Literal, TypeVar

from skflow.runtime.deadline import OutOfTime, deadline
from skflow.runtime.process_group import current_process_group

T = TypeVar("T")

STAGES = (
    "beginning",
    "reading rows",
    "standardizing columns",
    "selecting transforms",
    "selecting mixtures",
    "fitting components",
    "building flows",
    "training",
    "weighing components",
    "refitting components",
    "calibrating",
)


@dataclass(frozen=True)
class Ending:
    """What cut a fit short, and at which stage."""

    cause: Literal["interrupted", "out of time"]
    stage: str


class Stages:
    """The stages of one fit, each of which has a cheap substitute.

    Once the deadline has passed or Ctrl-C was pressed, all stages that are not done give way to
    their substitutes, so that there is a fitted estimator soon.

    Parameters
    ----------
    max_time : float, optional
        Seconds from now to the deadline; by default there is none.
    show : callable, optional
        Called with the name of a stage, one of `STAGES`, when it begins.
    clock : callable, optional
        Returns the time in seconds.

    Attributes
    ----------
    ending : Ending or None
        What has cut the fit short, if anything.
    """

    def __init__(
        self,
        max_time: float | None = None,
        show: Callable[[str], Any] = lambda stage: None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._clock, self._show, self._processes = clock, show, current_process_group()
        self._deadline = clock() + (math.inf if max_time is None else max_time)
        self._stage = STAGES[0]
        self._results: dict[str, Any] = {}
        self.ending: Ending | None = None

    def complete(self, road: Callable[[], T]) -> T:
        """Return the result of a function that runs the stages, also after Ctrl-C.

        The function is then called again: stages that are done are not repeated, and the others
        are replaced by their substitutes. A second Ctrl-C is raised, and so is one with several
        processes or within a search, a cross-validation or a parallel job.
        """
        try:
            return road()
        except KeyboardInterrupt:
            if _inside_search() or self._processes.size > 1:
                raise
            self.ending = Ending("interrupted", self._stage)
        return road()

    def run(
        self,
        stage: str,
        work: Callable[[], T],
        substitute: Callable[[], T],
        first: bool = False,
    ) -> T:
        """Return the result of a stage or of its substitute.

        All processes do the work of a stage together or, with `first`, the first one does it
        for all.
        """
        assert stage in STAGES, stage
        if stage not in self._results:
            self._stage = stage
            self._results[stage] = self._run(work, substitute, first)
        return self._results[stage]

    @property
    def over(self) -> bool:
        """Whether the fit was cut short, which the first process decides for all."""
        if self.ending is None and self._processes.broadcast(self._is_late):
            self.ending = Ending("out of time", self._stage)
        return self.ending is not None

    def _run(self, work: Callable[[], T], substitute: Callable[[], T], first: bool) -> T | None:
        broadcast, result = self._processes.broadcast, None
        if not self.over:
            self._show(self._stage)
            # processes that work together must not part: the deadline is that of one process
            attempt = partial(self._attempt, work, first or self._processes.size == 1)
            done, result = broadcast(attempt) if first else attempt()
            if not done:
                self.ending = Ending("out of time", self._stage)
        if self.ending is not None:
            result = broadcast(substitute) if first else substitute()
        return result

    def _attempt(self, work: Callable[[], T], timed: bool) -> tuple[bool, T | None]:
        """Whether the work was done in time, and its result."""
        try:
            with deadline(self._is_late) if timed else nullcontext():
                return True, work()
        except OutOfTime:
            return False, None

    def _is_late(self) -> bool:
        return self._clock() > self._deadline


def _inside_search() -> bool:
    """Whether a search, a cross-validation or a parallel job called this fit."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(("sklearn.model_selection", "joblib")):
            return True
        frame = frame.f_back
    return False
