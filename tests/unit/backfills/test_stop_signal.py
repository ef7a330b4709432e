"""The end of a long run, asked for once, twice, or by the clock."""

from __future__ import annotations

import os
import signal

import pytest

from pipelines.backfills.stop_signal import Stop, on_signals


def test_asked_once_work_may_finish_asked_twice_it_is_urgent() -> None:
    told: list[bool] = []
    stop = Stop(grace_seconds=60, on_ask=told.append)
    assert (stop.is_asked, stop.is_urgent) == (False, False)
    stop.ask()
    assert (stop.is_asked, stop.is_urgent) == (True, False)
    stop.ask()
    assert (stop.is_asked, stop.is_urgent) == (True, True)
    assert told == [False, True]


def test_after_the_grace_it_is_urgent() -> None:
    stop = Stop(grace_seconds=0)
    stop.ask()
    assert stop.is_urgent


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_ask_within_the_block_and_are_as_before_after_it(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with on_signals(Stop()) as stop:
        os.kill(os.getpid(), number)
        assert stop.is_asked
    assert signal.getsignal(number) == before
