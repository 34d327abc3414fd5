"""A deadline holds within its block, and nowhere else."""

import threading

import pytest

from skflow.runtime.deadline import OutOfTime, check_time, deadline


def test_a_deadline_holds_from_the_moment_it_passes():
    late = []
    with deadline(lambda: bool(late)):
        check_time()
        late.append(True)
        with pytest.raises(OutOfTime):
            check_time()
    check_time()


def test_a_deadline_is_that_of_its_own_thread():
    reached = []
    with deadline(lambda: True):
        thread = threading.Thread(target=lambda: reached.append(check_time()))
        thread.start()
        thread.join()
    assert reached == [None]


def test_a_deadline_ends_when_its_block_raises():
    with pytest.raises(ZeroDivisionError), deadline(lambda: True):
        raise ZeroDivisionError
    check_time()
