"""Settings of the caller that do not reach skflow, and that it leaves as they are."""

import contextlib
import threading

import numpy as np
import pytest
import torch

from skflow.runtime.own_settings import OwnSettingsMixin, own_settings

STATES = {
    "numpy raises": lambda: np.errstate(all="raise"),
    "numpy ignores": lambda: np.errstate(all="ignore"),
    "inference mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "device": lambda: torch.device("meta"),
}


def state():
    return (
        np.geterr(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_default_device(),
        torch.get_default_dtype(),
    )


@pytest.mark.parametrize("caller", STATES)
def test_settings_hold_within_the_block_and_are_those_of_the_caller_after_it(caller):
    with contextlib.ExitStack() as stack:
        stack.enter_context(STATES[caller]())
        before = state()
        with own_settings():
            inside = state()
            assert torch.zeros(2).device.type == "cpu"
        assert state() == before
        assert inside != before
    assert inside[0] == {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
    assert inside[1:3] == (False, False)


def test_another_thread_keeps_its_settings():
    seen = []
    with np.errstate(all="raise"), own_settings():
        thread = threading.Thread(target=lambda: seen.append(torch.is_inference_mode_enabled()))
        thread.start()
        thread.join()
    assert seen == [False]


class Doubling(OwnSettingsMixin):
    """Public methods compute under the settings of skflow; private ones do not by themselves."""

    def public(self, x):
        """The square."""
        return np.float64(x) ** 2

    def _private(self, x):
        return np.float64(x) ** 2


def test_public_methods_compute_under_own_settings():
    with np.errstate(all="raise"):
        assert Doubling().public(1e-300) == 0.0
        with pytest.raises(FloatingPointError):
            Doubling()._private(1e-300)
    assert Doubling.public.__name__ == "public"
    assert Doubling.public.__doc__ == "The square."
