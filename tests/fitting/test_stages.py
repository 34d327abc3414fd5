"""Stages: what is done once, what takes the place of the rest, and who hears of Ctrl-C."""

import pytest

from skflow.fitting import stages as module
from skflow.fitting.stages import STAGES, Ending, Stages
from skflow.runtime.deadline import check_time


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self):
        return self.now


def road(stages, calls, interrupt_at=None):
    """Three stages, whose results are their names, or "quick" where they were replaced."""

    def work(stage):
        calls.append(stage)
        if stage == interrupt_at and calls.count(stage) == 1:
            raise KeyboardInterrupt
        return stage

    return [
        stages.run(stage, lambda stage=stage: work(stage), lambda: "quick") for stage in STAGES[:3]
    ]


def test_all_stages_are_done_if_there_is_time():
    shown, calls = [], []
    stages = Stages(1.0, shown.append, Clock())
    assert stages.complete(lambda: road(stages, calls)) == calls == shown == list(STAGES[:3])
    assert stages.ending is None


@pytest.mark.parametrize("k", range(3))
def test_ctrl_c_replaces_the_stage_and_those_after_it(k):
    stages, calls = Stages(), []
    results = stages.complete(lambda: road(stages, calls, STAGES[k]))
    assert results == [*STAGES[:k], *["quick"] * (3 - k)]
    assert calls == list(STAGES[: k + 1])  # none of them twice
    assert stages.ending == Ending("interrupted", STAGES[k])


@pytest.mark.parametrize("k", range(3))
def test_a_late_clock_replaces_the_stage_that_asks_it(k):
    clock = Clock()
    stages = Stages(1.0, clock=clock)

    def work(stage):
        clock.now += 2.0 * (stage == STAGES[k])
        check_time()
        return stage

    results = [stages.run(s, lambda s=s: work(s), lambda: "quick") for s in STAGES[:3]]
    assert results == [*STAGES[:k], *["quick"] * (3 - k)]
    assert stages.ending == Ending("out of time", STAGES[k])


def test_ctrl_c_between_two_stages_is_attributed_to_the_earlier_one():
    stages, pressed = Stages(), []

    def road():
        first = stages.run("reading rows", lambda: "done", lambda: "quick")
        if not pressed:
            pressed.append(True)
            raise KeyboardInterrupt
        return first, stages.run("training", lambda: "done", lambda: "quick")

    assert stages.complete(road) == ("done", "quick")
    assert stages.ending == Ending("interrupted", "reading rows")


def test_a_second_ctrl_c_is_raised():
    stages = Stages()

    def road():
        return stages.run("training", press, press)

    def press():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stages.complete(road)


def test_work_knows_no_deadline_outside_of_a_stage():
    stages = Stages(-1.0)
    assert stages.run("training", lambda: "done", lambda: (check_time(), "quick")[1]) == "quick"
    check_time()


def test_a_stage_has_to_be_listed():
    with pytest.raises(AssertionError, match="resting"):
        Stages().run("resting", lambda: None, lambda: None)


def test_a_search_is_recognized_from_the_stack_of_calls():
    assert not module._inside_search()
    code = compile("inside = check()", "search", "exec")
    for name, expected in [("sklearn.model_selection._search", True), ("mypackage", False)]:
        names = {"__name__": name, "check": module._inside_search}
        exec(code, names)
        assert names["inside"] is expected
