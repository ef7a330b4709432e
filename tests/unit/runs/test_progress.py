"""Steps are told as they begin and timed until they end, however they end."""

from __future__ import annotations

import time

import pytest

from pipelines.runs.progress import WHOLE, Step, Steps, by_step


def test_each_step_is_told_when_it_begins() -> None:
    told: list[Step] = []
    steps = Steps(told.append)
    with steps("resolve"):
        assert told == ["resolve"]
    with steps("read"):
        pass
    assert told == ["resolve", "read"]
    assert list(steps.timings) == ["resolve", "read"]


def test_a_step_taken_twice_counts_both_times() -> None:
    steps = Steps()
    for _ in range(2):
        with steps("score"):
            time.sleep(0.02)
    assert steps.timings["score"] >= 0.04


def test_a_step_that_fails_is_timed_and_its_error_passed_on() -> None:
    steps = Steps()
    with pytest.raises(ZeroDivisionError), steps("audit"):
        _ = 1 / 0
    assert "audit" in steps.timings


def test_a_step_is_told_once_until_another_part_of_the_work_begins() -> None:
    told: list[Step] = []
    steps = Steps(told.append)
    for _ in range(2):
        with steps("score"):
            pass
    assert told == ["score"]
    steps.anew()
    with steps("score"):
        pass
    assert told == ["score", "score"]


def test_slices_of_a_pass_share_its_time_and_tell_how_long_all_of_it_took() -> None:
    steps = Steps()
    steps.timings.update(score=3.0, publish=1.5)
    assert steps.shared_by(1) == {"score": 3.0, "publish": 1.5}
    assert steps.shared_by(3) == {"score": 1.0, "publish": 0.5, WHOLE: 4.5}
    assert by_step(steps.shared_by(3)) == {"score": 1.0, "publish": 0.5}
    assert by_step(None) == {}
